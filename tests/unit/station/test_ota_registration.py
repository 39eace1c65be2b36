"""A vehicle's registration, its client certificate, and `v2xpki client ota`, over TLS on the loopback."""

import datetime
import hashlib
import json
import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner

from tests.support.full_disk import FULL
from tests.support.ota_oem import DIRECTOR, VIN, Answer, Listener, Oem
from tests.support.ota_vehicle import ECUS
from tests.support.ota_web import director_app, refusing
from v2xpki.authorities.lab_tls import make_lab_tls
from v2xpki.cli import main
from v2xpki.errors import ConfigError, DecodeError
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.secured import SignedMessage
from v2xpki.station import BadAnswer, BadState, NoCredential
from v2xpki.station.errors import Refusal
from v2xpki.station.http import REQUEST, Reply
from v2xpki.station.ota import registration
from v2xpki.station.ota.keys import EcuKey
from v2xpki.station.ota.primary import JSON
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.station.ota.refusals import DirectorRefused
from v2xpki.station.ota.state import EcuSettings, OtaDirectory, OtaSettings
from v2xpki.station.ota.vehicle import director_of, open_primary
from v2xpki.time import MICROSECONDS, SystemClock
from v2xpki.trust.ota.registration import Registration, parse_ecu

SCR = 623  # what the EC of the PKI in memory holds; an OEM configures an ITS-AID of its own
PEM = serialization.Encoding.PEM


def served(app, path, body, kind):
    """What our own server answers to a POST of nobody it knows, octet by octet."""
    found = app.test_client().post(path, data=body, content_type=kind)
    return Answer(found.status_code, [found.data], {"Content-Type": found.content_type})


class Director(Oem):
    """An OEM that registers vehicles and knows them by their client certificates from then on."""

    def __init__(self, now):
        super().__init__(now)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vehicles")])
        self.ca = self.certificate(self.name, self.key.public_key(), ca=True)
        self.known, self.registrations, self.changes = set(), [], {}

    def certificate(self, subject, key, *, ca=False, days=1):
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(days=2)).add_extension(
            x509.BasicConstraints(ca=ca, path_length=None), critical=True
        )
        return made.not_valid_after(now + datetime.timedelta(days=days)).sign(self.key, hashes.SHA256())

    def certify(self, csr):
        request = x509.load_pem_x509_csr(csr.encode())
        assert request.is_signature_valid
        key = self.changes.get("key") or request.public_key()
        made = self.certificate(request.subject, key, days=self.changes.get("days", 1))
        self.known.add(made.fingerprint(hashes.SHA256()).hex())
        if "pem" in self.changes:
            return self.changes["pem"]
        return (made.public_bytes(PEM) + self.ca.public_bytes(PEM)).decode()

    def answer(self, method, path, headers, body):
        def told(status, **table):
            return Answer(status, [json.dumps(table).encode()], {"Content-Type": "application/json"})

        if path == "/ota/v1/challenge":
            return told(200, challenge="ab" * 20, expires="soon")
        if path == "/ota/v1/registrations":
            message = SignedMessage.parse(body)
            asked = Registration.parse(message.payload)
            self.registrations.append((message, asked))
            if "refusal" in self.changes:
                return served(refusing(self.changes["refusal"]), path, body, REQUEST)
            return told(201, vehicleId=asked.vin, certificate=self.certify(asked.csr))
        needs = path.startswith(("/ota/v1/", DIRECTOR)) and not path.endswith(".root.json")
        if needs and headers.get("client") not in self.known:
            return served(director_app(None), path, body, JSON)
        if path == "/ota/v1/certificates":
            return told(200, certificate=self.certify(json.loads(body)["csr"]))
        return super().answer(method, path, headers, body)


@pytest.fixture
def oem():
    return Director(SystemClock().time32())


@pytest.fixture
def url(oem, tmp_path):
    """Of the OEM, over TLS; its CA is in ca.pem."""
    for name, octets in make_lab_tls(["127.0.0.1"], SystemClock()).by_name().items():
        (tmp_path / name).write_bytes(octets)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(cadata=oem.ca.public_bytes(PEM).decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    with Listener() as listener:
        listener.oem = oem
        listener.secure(context)
        yield listener.url.replace("http:", "https:")


@pytest.fixture
def roots(oem):
    return {"director": oem.director.files["1.root.json"], "image": oem.image.files["1.root.json"]}


@pytest.fixture
def vehicle(oem, url, roots, tmp_path):
    settings = OtaSettings(VIN, "model-x", url, url, ECUS, tls_ca=str(tmp_path / "ca.pem"))
    keys = {one.ecu: EcuKey.generate("ecdsa") for one in ECUS}
    return OtaDirectory.create(tmp_path / "car" / "ota", settings, keys, roots)


def register(vehicle, station):
    director = director_of(vehicle, vehicle.settings())
    return registration.register(vehicle, director, SCR, station.sign_by_ec, SystemClock().time32())


def test_a_vehicle_whose_correction_broke_off_is_what_it_was(vehicle, roots, monkeypatch):
    settings, keys = vehicle.settings(), {one.ecu: EcuKey.generate("ecdsa") for one in ECUS}

    def files():
        found = (one for one in vehicle.path.rglob("*") if one.is_file())
        return {one.relative_to(vehicle.path): one.read_bytes() for one in found}

    before = files()
    rename = Path.rename

    def dying(path, target):
        if path.name.endswith(".new"):
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        vehicle.correct(settings, keys, roots, {})
    monkeypatch.undo()
    assert not vehicle.path.exists()
    again = OtaDirectory(vehicle.path)
    assert again.exists and again.settings() == settings
    assert files() == before


def test_a_vehicle_registers_by_its_enrolment_credential_and_is_known_by_its_certificate(
    vehicle, oem, station
):
    with pytest.raises(Refusal, match="HTTP 403: A client certificate in force"):
        open_primary(vehicle, SystemClock()).update()
    made = register(vehicle, station)
    assert made == registration.identity(vehicle) and VIN in made.subject
    ((message, asked),) = oem.registrations
    message.verify(station.ec.verification_key, station.ec)
    assert [c.octets for c in message.signer_certificates] == [station.ec.octets]
    header = message.header
    assert (header.psid, header.generation_time) == (SCR, station.clock.now * MICROSECONDS)
    assert asked.challenge == "ab" * 20 and asked.vin == VIN and asked.model == "model-x"
    keys = {one.ecu: one.key.keyid for one in asked.ecus}
    assert keys == {one.ecu: vehicle.ecu(one.ecu).key.public_key.keyid for one in ECUS}
    assert [one.primary for one in asked.ecus] == [True, False, False]
    oem.direct({"brake": oem.release("brake-1", "abs", "2.0", 2, b"new brakes")})
    told = []
    primary = open_primary(vehicle, SystemClock(), lambda done, whole: told.append((done, whole)))
    assert set(primary.update().installed) == {"brake"}
    assert told[-1][0] == told[-1][1] == len(b"new brakes")


def test_the_next_certificate_is_of_a_fresh_key_and_takes_the_place_of_the_one_before(vehicle, oem, station):
    register(vehicle, station)
    before = vehicle.read_identity()
    registration.renew(vehicle, director_of(vehicle, vehicle.settings()), SystemClock().time32())
    after = vehicle.read_identity()
    first, second = (serialization.load_pem_private_key(pem, None) for pem in (before, after))
    assert first.public_key() != second.public_key()
    oem.known = {x509.load_pem_x509_certificate(after).fingerprint(hashes.SHA256()).hex()}
    open_primary(vehicle, SystemClock()).update()


def test_keys_are_for_their_owner_alone_and_in_no_representation(vehicle, station):
    register(vehicle, station)
    secret = [path for path in vehicle.path.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()]
    assert {path.name for path in secret} == {"tls.pem", "key.pem"} and len(secret) == len(ECUS) + 1
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in secret)
    key = vehicle.ecu("brake").key
    assert key.public_key.keyid in repr(key) and "PRIVATE" not in repr(key)
    (vehicle.path / "ecus" / "brake" / "key.pem").chmod(0o644)
    with pytest.raises(BadState, match="can be read by others"):
        vehicle.ecu("brake")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"key": ec.generate_private_key(ec.SECP256R1()).public_key()}, "key"),
        ({"days": -1}, "validity"),
        ({"pem": "nothing"}, "content"),
    ],
)
def test_a_certificate_that_is_not_for_this_vehicle_now_is_not_kept(vehicle, oem, station, changes, rule):
    oem.changes = changes
    with pytest.raises(BadAnswer) as bad:
        register(vehicle, station)
    assert bad.value.rule == rule and registration.identity(vehicle) is None


def test_a_refused_registration_says_why(vehicle, oem, station):
    oem.changes = {"refusal": DirectorRefusal(DirectorReason.REPLAYED, "challenge was used before")}
    with pytest.raises(Refusal, match="HTTP 409: challenge was used before") as refused:
        register(vehicle, station)
    assert refused.value.status == 409


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"title":"not this one","detail":"it is blocked"}', "it is blocked"),
        (b'{"title":"not this one","status":403}', "not this one"),
        (b'{"title":1}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b'{"title":"a\\u001b[31m"}', "a?[31m"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_its_problem(body, text):
    refused = DirectorRefused("the manifest", Reply(403, "application/problem+json", body))
    assert (refused.detail, refused.status) == (text, 403) and text in str(refused)


def test_a_server_under_another_ca_hears_nothing(vehicle, oem, station, tmp_path):
    (tmp_path / "ca.pem").write_bytes(make_lab_tls(["127.0.0.1"], SystemClock()).ca_pem)
    with pytest.raises(UpdateRefused) as refused:
        register(vehicle, station)
    assert refused.value.reason is Threat.DROP_REQUEST and "CERTIFICATE_VERIFY_FAILED" in str(refused.value)
    assert not oem.requests and not oem.registrations


def test_a_vehicle_whose_credential_may_not_register_it_is_registered_by_the_oem(vehicle, oem):
    asked = json.loads(registration.oem_request(vehicle))
    assert asked.keys() == {"vin", "model", "ecus", "csr"} and len(asked["ecus"]) == 3
    now = SystemClock().time32()
    registration.take_certificate(vehicle, oem.certify(asked["csr"]).encode(), now)
    open_primary(vehicle, SystemClock()).update()
    with pytest.raises(BadState, match="no request"):
        registration.take_certificate(vehicle, oem.certify(asked["csr"]).encode(), now)


def test_an_enrolment_credential_signs_under_no_its_aid_that_it_does_not_hold(station):
    with pytest.raises(NoCredential, match="does not hold ITS-AID 270549119"):
        station.sign_by_ec(270_549_119, b"payload")


def test_a_credential_without_the_its_aid_that_was_asked_for_is_not_kept(station):
    before = station.ec
    with pytest.raises(BadAnswer) as bad:
        station.enrol(its_aids=[270_549_119])
    assert bad.value.rule == "profile" and station.ec == before


@pytest.mark.parametrize(
    "change",
    [
        {"vin": "SHORT"},
        {"model": "a/b"},
        {"director": "http://127.0.0.1"},
        {"images": "ftp://127.0.0.1"},
        {"tls_ca": None},
        {"ecus": (EcuSettings("one", "gw-1"),)},
        {"ecus": (EcuSettings("one", "gw-1", primary=True), EcuSettings("one", "gw-1"))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_makes_no_vehicle_is_refused(change):
    settings = {"vin": VIN, "model": "x", "director": "https://a", "images": "https://a", "ecus": ECUS}
    settings["tls_ca"] = "ca.pem"
    OtaSettings(**settings).check()
    with pytest.raises((ConfigError, DecodeError)):
        OtaSettings(**settings | change).check()


def test_a_root_to_begin_with_verifies_by_itself_and_is_pinned_once(vehicle, oem, roots):
    files = vehicle.metadata("director")
    assert files.pin(roots["director"]).version == 1
    for other in (roots["image"], b"{}", roots["director"].replace(b'"version":1', b'"version":2')):
        with pytest.raises(BadState):
            files.pin(other)


def test_a_vehicle_whose_making_was_cut_off_is_made_anew(roots, url, tmp_path):
    settings = OtaSettings(VIN, "model-x", url, url, ECUS, tls_ca=str(tmp_path / "ca.pem"))
    keys = {one.ecu: EcuKey.generate("ed25519") for one in ECUS[:2]}
    with pytest.raises(KeyError):
        OtaDirectory.create(tmp_path / "ota", settings, keys, roots)
    keys[ECUS[2].ecu] = EcuKey.generate("ed25519")
    OtaDirectory.create(tmp_path / "ota", settings, keys, roots)
    with pytest.raises(BadState, match="already"):
        OtaDirectory.create(tmp_path / "ota", settings, keys, roots)


def test_a_damaged_file_of_the_vehicles_is_told_and_not_taken_for_a_new_beginning(vehicle, station, oem):
    register(vehicle, station)
    open_primary(vehicle, SystemClock()).update()
    (vehicle.path / "metadata" / "director" / "timestamp.json").write_bytes(b"{")
    with pytest.raises(BadState, match="damaged"):
        open_primary(vehicle, SystemClock()).update()


# --- the command --------------------------------------------------------------------------------------------


@pytest.fixture
def ota(station, oem, url, tmp_path, monkeypatch):
    """Runs `v2xpki client ota`; the station's own HTTP and clock are the test's."""
    monkeypatch.setattr("v2xpki.station.Station", lambda _: station)
    for name, repository in (("director", oem.director), ("image", oem.image)):
        (tmp_path / f"{name}.json").write_bytes(repository.files["1.root.json"])
    (tmp_path / "brake.bin").write_bytes(b"old brakes")
    # the station stands at a time of its own; the OEM's certificates are of today
    station.clock.now = SystemClock().time32()
    monkeypatch.setattr(station, "sign_by_ec", lambda _, payload: _signed(station, payload))

    def run(*arguments, code=0):
        found = CliRunner().invoke(main, ["client", "ota", *map(str, arguments)])
        assert found.exit_code == code, found.output
        return found

    return run


def _signed(station, payload):
    station.clock.now, now = station.ec.start, station.clock.now
    try:
        return type(station).sign_by_ec(station, SCR, payload)
    finally:
        station.clock.now = now


def test_the_command_registers_updates_and_tells_of_a_refusal(ota, oem, url, tmp_path):
    car = station_folder = tmp_path / "obu-1"
    whole = ["--vin", VIN, "--model", "id-x", "--url", url, "--tls-ca", tmp_path / "ca.pem"]
    whole += ["--director-root", tmp_path / "director.json", "--image-root", tmp_path / "image.json"]
    whole += ["--ecu", "gateway=gw-1", "--ecu", "brake=brake-1", "--ecu", "radio=radio-1:partial"]
    whole += ["--factory", f"brake={tmp_path / 'brake.bin'}"]
    assert "--vin is missing" in ota("register", car, "--its-aid", SCR, code=2).output
    made = json.loads(ota("register", car, "--its-aid", SCR, *whole, "--json").stdout)
    assert VIN in made["subject"] and (station_folder / "ota" / "tls.pem").exists()
    assert "already" in ota("register", car, "--its-aid", SCR, *whole, code=2).output
    ota("register", car, "--its-aid", SCR)
    ota("renew", car)

    assert "nothing to install" in ota("update", car).stderr
    oem.faults["manifests"] = lambda _: Answer(409, [b'{"title": "was used before", "status": 409}'])
    assert "HTTP 409: was used before" in ota("update", car, code=1).stderr
    oem.faults["manifests"] = lambda _: Answer(403, [b'{"title": "x", "detail": "late", "rule": "time"}'])
    assert json.loads(ota("update", car, "--json", code=1).stdout)["refused"] == {
        "reason": "director", "ecu": None, "status": 403, "rule": "time", "detail": "late",
        "message": "the Director refuses the manifest, HTTP 403: late",
    }  # fmt: skip
    oem.faults.clear()
    oem.changes["refusal"] = DirectorRefusal(DirectorReason.REPLAYED, "challenge was used before")
    refused = json.loads(ota("register", car, "--its-aid", SCR, "--json", code=1).stdout)["refused"]
    assert (refused["status"], refused["rule"], refused["detail"]) == (
        409, "replayed", "challenge was used before",
    )  # fmt: skip
    oem.changes.clear()
    path = oem.release("brake-1", "abs", "2.0", 2, b"new brakes")
    oem.direct({"brake": path})
    done = json.loads(ota("update", car, "--json").stdout)
    assert done["installed"]["brake"]["path"] == path and done["refused"] is None

    oem.director.signers["timestamp"] = CryptoSigner.generate_ed25519()
    oem.director.publish("timestamp")
    assert "unknown-key" in ota("update", car, code=1).stderr
    refused = json.loads(ota("update", car, "--json", code=1).stdout)
    assert refused["refused"]["reason"] == "unknown-key"

    told = json.loads(ota("status", car, "--json").stdout)
    assert told["ecus"]["brake"]["installed"]["sha256"] == hashlib.sha256(b"new brakes").hexdigest()
    assert (
        told["ecus"]["gateway"]["attack"].startswith("unknown-key")
        and told["ecus"]["radio"]["attack"] is None
    )
    text = ota("status", car).stdout
    assert "refused last: unknown-key" in text and "radio-1, Secondary, partial" in text


def test_the_command_corrects_what_was_refused_until_there_is_a_certificate(ota, oem, url, tmp_path):
    car, (director, image) = tmp_path / "obu-1", (tmp_path / f"{name}.json" for name in ("director", "image"))
    whole = ["--vin", VIN, "--model", "id-y", "--url", url, "--tls-ca", tmp_path / "ca.pem"]
    whole += ["--director-root", director, "--image-root", image, "--ecu", "gateway=gw-1"]
    whole += ["--ecu", "brake=brake-1", "--factory", f"brake={tmp_path / 'brake.bin'}"]
    oem.changes["refusal"] = DirectorRefusal(DirectorReason.NOT_EXPECTED, "the list has another model")
    refused = ota("register", car, "--its-aid", SCR, *whole, code=1)
    assert "The vehicle is not expected as it was described: ask the OEM." in refused.output
    first = json.loads(ota("status", car, "--json").stdout)

    for wrong, code in ((["--model", "no model"], 1), (["--director-root", tmp_path / "brake.bin"], 2)):
        ota("register", car, "--its-aid", SCR, *wrong, code=code)
        assert json.loads(ota("status", car, "--json").stdout) == first
    oem.changes.clear()
    ecus = ["--ecu", "gateway=gw-1", "--ecu", "brake=brake-2:partial", "--ecu", "radio=radio-1"]
    ota("register", car, "--its-aid", SCR, "--model", "id-x", *ecus)
    asked = oem.registrations[-1][1]
    assert (asked.vin, asked.model) == (VIN, "id-x")
    assert [(one.ecu, one.hardware_id) for one in asked.ecus] == [
        ("gateway", "gw-1"), ("brake", "brake-2"), ("radio", "radio-1"),
    ]  # fmt: skip
    told = json.loads(ota("status", car, "--json").stdout)
    for ecu in ("gateway", "brake"):
        assert told["ecus"][ecu]["keyid"] == first["ecus"][ecu]["keyid"]
    assert told["ecus"]["brake"]["installed"]["sha256"] == hashlib.sha256(b"old brakes").hexdigest()
    assert "nothing to install" in ota("update", car).stderr
    assert [one.name for one in car.iterdir() if one.name.startswith("ota")] == ["ota"]
    assert "already" in ota("register", car, "--its-aid", SCR, "--model", "id-z", code=2).output


def test_a_vehicle_whose_disk_is_full_says_which_file_and_keeps_its_software(ota, oem, url, tmp_path):
    car, request, answer = tmp_path / "obu-1", tmp_path / "request.json", tmp_path / "answer.pem"
    whole = ["--vin", VIN, "--model", "id-x", "--url", url, "--tls-ca", tmp_path / "ca.pem"]
    whole += ["--director-root", tmp_path / "director.json", "--image-root", tmp_path / "image.json"]
    ota("register", car, "--oem-request", request, *whole, "--ecu", "gateway=gw-1")
    answer.write_text(oem.certify(json.loads(request.read_text())["csr"]))
    ota("register", car, "--certificate", answer)
    path = oem.release("gw-1", "gateway", "2.0", 2, b"new gateway")
    oem.direct({"gateway": path})
    part = OtaDirectory(car / "ota").downloads / f"{hashlib.sha256(b'new gateway').hexdigest()}.part"
    part.parent.mkdir(exist_ok=True)
    part.symlink_to(FULL)  # the kernel says it
    failed = ota("update", car, "--json", code=3)
    told = json.loads(failed.stdout)
    assert (told["error"], told["place"]) == ("disk-full", str(part)) and told["hint"]
    assert str(part) in failed.stderr and "Errno" not in failed.stderr
    part.unlink()
    assert json.loads(ota("update", car, "--json").stdout)["installed"]["gateway"]["path"] == path


def test_another_ecu_begins_with_its_own_key_and_the_roots_that_the_vehicle_trusts(vehicle, oem, station):
    before = vehicle.ecu("radio")
    register(vehicle, station)
    oem.director.rotate("targets")
    oem.director.publish()
    open_primary(vehicle, SystemClock()).update()
    assert vehicle.metadata("director").trusted_root().version == 2
    vehicle.replace_ecu("radio", EcuSettings("radio-2", "radio-1"), EcuKey.generate("ecdsa"), b"spare")
    assert [one.ecu for one in vehicle.settings().ecus] == ["gateway", "brake", "radio-2"]
    new = vehicle.ecu("radio-2")
    assert new.key.public_key.keyid != before.key.public_key.keyid
    assert (new.installed.release_counter, new.image.read_bytes()) == (0, b"spare")
    for name in ("director", "image"):
        assert new.metadata(name).trusted_root() == vehicle.metadata(name).trusted_root()
    assert not before.folder.exists()
    assert {entry.ecu for entry in registration.entries(vehicle)} == {"gateway", "brake", "radio-2"}


def test_a_replacement_that_was_cut_off_is_made_anew_and_one_that_makes_no_vehicle_is_refused(vehicle):
    key = EcuKey.generate("ecdsa")
    left = vehicle.path / "ecus" / "radio-2"
    left.mkdir()
    (left / "ecu.json").write_text("{")
    vehicle.replace_ecu("radio", EcuSettings("radio-2", "radio-1"), key)
    for old, new in (
        ("radio", EcuSettings("radio-3", "radio-1")),  # it is not there any more
        ("brake", EcuSettings("radio-2", "brake-1")),
        ("brake", EcuSettings("brake", "brake-1")),
        ("gateway", EcuSettings("gateway-2", "gw-1")),  # no Primary would be left
    ):
        with pytest.raises(ConfigError):
            vehicle.replace_ecu(old, new, key)
    assert [one.ecu for one in vehicle.settings().ecus] == ["gateway", "brake", "radio-2"]


def test_the_command_replaces_an_ecu_and_writes_what_the_oem_is_told(ota, oem, url, tmp_path):
    car, entry = tmp_path / "obu-1", tmp_path / "entry.json"
    whole = ["--vin", VIN, "--model", "id-x", "--url", url, "--tls-ca", tmp_path / "ca.pem"]
    whole += ["--director-root", tmp_path / "director.json", "--image-root", tmp_path / "image.json"]
    whole += ["--ecu", "gateway=gw-1", "--ecu", "radio=radio-1:partial"]
    ota("register", car, "--its-aid", SCR, *whole)
    told = ota("replace", car, "radio", "--ecu", "radio-2=radio-1:partial", "--out", entry).stderr
    assert f"v2xpki ota ecu replace radio {entry}" in told
    assert parse_ecu(json.loads(entry.read_text()), "entry").ecu == "radio-2"
    assert set(json.loads(ota("status", car, "--json").stdout)["ecus"]) == {"gateway", "radio-2"}
    path = oem.release("radio-1", "fm", "2.0", 2, b"new radio")
    oem.direct({"radio-2": path})
    assert set(json.loads(ota("update", car, "--json").stdout)["installed"]) == {"radio-2"}
    assert "no ECU radio" in ota("replace", car, "radio", "--ecu", "r=radio-1", "--out", entry, code=2).output


def test_the_command_takes_what_the_oem_answers_to_a_request(ota, oem, url, tmp_path):
    car, request, answer = tmp_path / "obu-1", tmp_path / "request.json", tmp_path / "answer.pem"
    whole = ["--vin", VIN, "--model", "id-x", "--url", url, "--tls-ca", tmp_path / "ca.pem"]
    whole += ["--director-root", tmp_path / "director.json", "--image-root", tmp_path / "image.json"]
    ota("register", car, "--oem-request", request, *whole, "--ecu", "gateway=gw-1")
    answer.write_text(oem.certify(json.loads(request.read_text())["csr"]))
    ota("register", car, "--certificate", answer)
    ota("update", car)
    assert "one of" in ota("register", car, code=2).output
