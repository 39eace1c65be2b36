"""Delivery of firmware as it is served: one laboratory, real tokens, real processes, real TLS."""

import hashlib
import json
import socket
import ssl
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
import urllib3
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.etsi import EC_PERMISSIONS, Credential
from tests.support.lab import Lab, v2xpki
from tests.support.nginx import passing_tls_through
from tests.support.ota_director import Car
from tests.support.ota_lab import Fetcher, updater
from tests.support.serving import wait_for
from v2xpki.audit import Event
from v2xpki.backup import back_up, restore
from v2xpki.cli import main
from v2xpki.cli.status import _print
from v2xpki.config import Instance
from v2xpki.keystore.apart import Apart
from v2xpki.ota.bootstrap import LAB_ITS_AID, sign
from v2xpki.ota.metadata import TargetEntry
from v2xpki.ota.opening import repository_at_work
from v2xpki.ota.signing_files import RequestFile, SignatureFile
from v2xpki.ota.status import collect_firmware
from v2xpki.secured import etsi_header
from v2xpki.secured import sign as sign_message
from v2xpki.store import Database
from v2xpki.store.base import AuditRow, IssuanceRecord, table_of
from v2xpki.time import SystemClock
from v2xpki.trust.ota.registration import Registration
from v2xpki.wire import dot2, etsi

IMAGE = b"firmware " * 50_000
SHA256 = hashlib.sha256(IMAGE).hexdigest()
TARGET = "brake-ecu/brakes/1.0/brakes.bin"
FILE = f"brake-ecu/brakes/1.0/{SHA256}.brakes.bin"


class NoReleases:
    """In the place of the releases: here is an image without one, and without its provenance."""

    def requested(self, tx, change) -> None: ...
    def published(self, tx, change) -> None: ...
    def dropped(self, tx, change) -> None: ...


def ask_for_target(directory: Path) -> RequestFile:
    """In the Image repository's process: what its signers are asked."""
    with repository_at_work(Instance.load(directory), "image", follower=NoReleases()) as repository:
        entry = TargetEntry(len(IMAGE), SHA256, {"name": "brakes"})
        return repository.request_file(
            repository.request_targets("targets", add={TARGET: entry}, by="engineer").id
        )


def publish(directory: Path, signatures: list[SignatureFile]) -> list[bool]:
    with repository_at_work(Instance.load(directory), "image", follower=NoReleases()) as repository:
        return [repository.submit(one, by="engineer").published for one in signatures]


@pytest.fixture(scope="module")
def lab(tmp_path_factory, token_store):
    del token_store  # asked for so that the tests are skipped where there is no SoftHSM
    started = Lab(tmp_path_factory.mktemp("ota") / "pki", scheme="https")
    options = ("--profile", "etsi+ota", "--base-url", started.base_url, "--lab", "--yes")
    v2xpki("init", started.directory, *options)
    settings = started.directory / "v2xpki.toml"
    text = settings.read_text()
    settings.write_text(text.replace('# registration = "expected"', 'registration = "expected"'))
    assert started.instance.settings.ota.registration == "expected"
    started.serve(roles="ea,image,director")
    yield started
    started.end()


@pytest.fixture(scope="module")
def released(lab):
    """The laboratory with an image that two of its signers have signed for."""
    path = lab.directory / "image/targets" / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(IMAGE)
    with Apart() as image, Apart() as ann, Apart() as bob:
        request = image.call(ask_for_target, lab.directory)
        made = [
            process.call(sign, lab.directory / "signers" / number, request, "engineer")
            for process, number in ((ann, "1"), (bob, "3"))
        ]
        assert image.call(publish, lab.directory, made) == [False, True]
    return lab


def enrolled(lab: Lab, name: str) -> Credential:
    """A station's credential that may register a vehicle: any one."""
    wanted = etsi.CertificateSubjectAttributes(
        app_permissions=(*EC_PERMISSIONS, dot2.PsidSsp(psid=LAB_ITS_AID))
    )
    return lab.station(name).enrol(attributes=wanted)


def registration(lab: Lab, car: Car, ec: Credential) -> bytes:
    challenge = json.loads(lab.ask("GET", "/ota/v1/challenge").body)["challenge"]
    payload = Registration(challenge, car.vin, car.model, car.csr(), car.entries).octets()
    return sign_message(
        ec.key, etsi_header(LAB_ITS_AID, lab.clock.time64()), payload=payload, certificate=ec.certificate,
        identifier="certificate",
    )  # fmt: skip


def registered(lab: Lab, car: Car, message: bytes, path: Path) -> Path:
    """The vehicle's certificate and key in a file."""
    reply = lab.post("/ota/v1/registrations", message)
    assert reply.status == 201, reply.body
    key = car.tls_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path.write_text(json.loads(reply.body)["certificate"] + key)
    return path


def operators_reach(lab: Lab) -> list[object]:
    tls = lab.directory / "tls"
    reach = ["--server", lab.url("admin"), "--tls-ca", tls / "ca.pem"]
    return [*reach, "--cert", tls / "operator.pem", "--key", tls / "operator.key"]


def expect(lab: Lab, folder: Path, car: Car, ec: Credential) -> None:
    """By an operator, over the interface."""
    listed = folder / "expected.csv"
    listed.write_text(f"vin,model,credential\n{car.vin},{car.model},{ec.certificate.hex8}\n")
    done = json.loads(v2xpki("ota", "vehicle", "expect", listed, *operators_reach(lab), "--json"))
    assert done == {"added": 1, "replaced": 0, "registration": "expected"}


@pytest.fixture(scope="module")
def vehicle(lab, tmp_path_factory):
    """A vehicle that its enrolment credential has registered: its certificate and key in a file, and the
    registration that it sent."""
    car, folder = Car(), tmp_path_factory.mktemp("vehicle")
    ec = enrolled(lab, "obu-1")
    expect(lab, folder, car, ec)
    message = registration(lab, car, ec)
    return registered(lab, car, message, folder / "client.pem"), message


def test_an_independent_client_follows_the_image_repository_and_fetches_the_image(released, tmp_path):
    client = updater(released, tmp_path / "image", "image")
    client.refresh()
    target = client.get_targetinfo(TARGET)
    assert Path(client.download_target(target, str(tmp_path / "brakes.bin"))).read_bytes() == IMAGE


def test_an_image_is_had_by_range_and_over_tls_alone(released):
    fetcher = Fetcher(released)
    url = f"/ota/image/targets/{FILE}"
    part = fetcher.ask(released.base_url + url, Range="bytes=100000-100099")
    assert (part.status, part.data) == (206, IMAGE[100_000:100_100])
    assert fetcher.ask(released.url("http") + url).status == 403
    assert fetcher.ask(f"{released.url('http')}/ota/image/metadata/timestamp.json").status == 200


def test_metadata_that_has_not_changed_is_not_sent_again(lab):
    fetcher, base = Fetcher(lab), f"{lab.base_url}/ota/image/metadata"
    first = fetcher.ask(f"{base}/timestamp.json")
    assert first.headers["cache-control"] == "public, no-cache"
    assert fetcher.ask(f"{base}/timestamp.json", If_None_Match=first.headers["etag"]).status == 304
    assert "immutable" in fetcher.ask(f"{base}/1.root.json").headers["cache-control"]
    missing = fetcher.ask(f"{base}/9.root.json")
    assert (missing.status, missing.headers["content-type"]) == (404, "application/problem+json")


def test_the_director_serves_nobody_without_a_vehicles_certificate(lab):
    fetcher, base = Fetcher(lab), lab.base_url
    assert fetcher.ask(f"{base}/ota/director/metadata/1.root.json").status == 200
    for method, path in (
        ("GET", "director/metadata/timestamp.json"), ("POST", "v1/manifests"), ("POST", "v1/certificates"),
    ):  # fmt: skip
        answer = fetcher.ask(f"{base}/ota/{path}", method, X_V2xpki_Client="00" * 32)
        assert answer.status == 403, path
        assert json.loads(answer.data)["status"] == 403
    operator = ssl.create_default_context(cafile=str(lab.directory / "tls/ca.pem"))
    operator.load_cert_chain(lab.directory / "tls/operator.pem", lab.directory / "tls/operator.key")
    foreign = urllib3.PoolManager(ssl_context=operator, retries=False)
    with pytest.raises(urllib3.exceptions.HTTPError):
        foreign.request("GET", f"{base}/ota/director/metadata/timestamp.json")


def test_a_vehicle_registers_by_its_credential_and_follows_its_own_metadata(lab, vehicle, tmp_path):
    client, message = vehicle
    director = updater(lab, tmp_path / "director", "director", client)
    director.refresh()
    assert director._trusted_set.targets.targets == {}
    fetcher = Fetcher(lab, client)
    answer = fetcher.ask(f"{lab.base_url}/ota/director/metadata/timestamp.json")
    assert answer.headers["cache-control"] == "private, no-cache"
    for body, kind, status in ((b"{}", "application/json", 400), (b"{}", "text/plain", 415)):
        reply = fetcher.ask(f"{lab.base_url}/ota/v1/manifests", "POST", body, Content_Type=kind)
        assert reply.status == status
    assert lab.post("/ota/v1/registrations", message).status == 409
    assert lab.post("/ota/v1/registrations", b"nothing").status == 400


def test_an_operator_on_the_host_asks_the_director_without_a_server(lab, vehicle):
    done = v2xpki("ota", "vehicle", "list", "--instance", lab.directory, "--json")
    assert len(json.loads(done)) == 1


def test_operators_ask_both_repositories_by_their_roles(released):
    tls, base = released.directory / "tls", f"{released.url('admin')}/api/v1/ota"

    def ask(who: str, method: str, path: str, body: bytes | None = None, *, chunked: bool = False):
        context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
        context.load_cert_chain(tls / f"{who}.pem", tls / f"{who}.key")
        with urllib3.PoolManager(ssl_context=context, retries=False) as pool:
            return pool.request(
                method, f"{base}/{path}", body=body, headers={"Content-Type": "application/json"},
                chunked=chunked,
            )  # fmt: skip

    for path in ("releases", "campaigns", "roles?repository=image"):
        answer = ask("operator", "GET", path)
        assert answer.status == 200, (path, answer.data)
    made = ask("operator", "POST", "campaigns", b'{"name": "c", "targets": [], "cohort": {}}')
    assert made.status in (400, 409)  # its member breaks a rule, not the operator
    assert ask("approver", "POST", "campaigns", b"{}").status == 403
    told = ask("operator", "POST", "campaigns", b'{"colour": "red"}', chunked=True)
    assert told.status == 400 and "colour" in json.loads(told.data)["detail"]  # it was read
    unknown = "evidence/releases/" + "00" * 16
    assert ask("operator", "GET", unknown).status == 404


def test_an_auditor_has_evidence_of_a_vehicle_without_a_database(lab, vehicle, tmp_path):
    page = tmp_path / "vehicle.html"
    done = v2xpki("ota", "evidence", "vehicle", Car().vin, *operators_reach(lab), "--html", page, "--json")
    report = json.loads(done)
    assert (report["vehicle"]["registeredBy"], report["releases"]) == ("credential", [])
    assert Car().vin in page.read_text()


def test_a_stranger_does_not_register_an_expected_vehicle_and_a_retired_one_is_served_no_more(lab, tmp_path):
    owner, url = Car(2), f"{lab.base_url}/ota/director/metadata/timestamp.json"
    owners, strangers = enrolled(lab, "obu-owner"), enrolled(lab, "obu-stranger")
    expect(lab, tmp_path, owner, owners)
    # the stranger's credential is valid, holds the ITS-AID, and asks for a VIN that nobody has registered
    for car in (Car(2), Car(3)):
        refused = lab.post("/ota/v1/registrations", registration(lab, car, strangers))
        assert (refused.status, json.loads(refused.body)["title"]) == (
            403,
            "no such registration is expected here",
        )
    with lab.database("director") as database, database.read() as tx:
        audited = sa.select(table_of(AuditRow).c.detail).where(
            table_of(AuditRow).c.event == Event.REGISTRATION_REFUSED
        )
        assert [json.loads(one)["reason"] for one in tx.execute(audited).scalars()] == [
            "the credential is not the expected one",
            "vehicleId is not on the list of expected vehicles",
        ]

    first = registered(lab, owner, registration(lab, owner, owners), tmp_path / "first.pem")
    seen = json.loads(Fetcher(lab, first).ask(url).data)["signed"]["version"]
    retire = ("ota", "vehicle", "retire", owner.vin, "--reason", "sold", "--yes")
    ended = json.loads(v2xpki(*retire, *operators_reach(lab), "--json"))["retired"]
    assert ended["by"] in lab.instance.settings.ota.operators and ended["reason"] == "sold"
    assert Fetcher(lab, first).ask(url).status == 403
    manifests = f"{lab.base_url}/ota/v1/manifests"
    manifest = owner.manifest(lab.clock)
    sent = Fetcher(lab, first).ask(manifests, "POST", manifest, Content_Type="application/json")
    assert sent.status == 403
    v2xpki(*retire, *operators_reach(lab), expect=1)

    # the same vehicle comes back: its entry is free again, and its own credential fits
    second = registered(lab, owner, registration(lab, owner, owners), tmp_path / "second.pem")
    assert json.loads(Fetcher(lab, second).ask(url).data)["signed"]["version"] > seen
    assert Fetcher(lab, first).ask(url).status == 403
    evidence = v2xpki("ota", "evidence", "vehicle", owner.vin, *operators_reach(lab), "--json")
    report = json.loads(evidence)["vehicle"]
    assert (report["state"], [one["retired"] for one in report["earlier"]]) == ("active", [ended])
    v2xpki(*retire, "--instance", lab.directory)  # on the host, beside the service
    assert Fetcher(lab, second).ask(url).status == 403


def test_the_director_believes_the_root_that_init_had_signed_and_no_other(lab):
    trust = lab.directory / "director/trust"
    wait_for(lambda: (trust / "image-root.json").exists())
    kept = (trust / "image-root.json").read_bytes()
    assert kept == Fetcher(lab).ask(f"{lab.base_url}/ota/image/metadata/1.root.json").data


def test_status_and_readiness_tell_of_both_repositories(released, capsys):
    ready = json.loads(released.ask("GET", "/readyz").body)
    assert ready["ready"] and ready["roles"]["image"] == ready["roles"]["director"] == "ok"
    told = CliRunner().invoke(main, ["status", str(released.directory), "--json"])
    status = json.loads(told.stdout)
    assert (told.exit_code, status["problems"]) == (0, [])
    image, director = status["firmware"]["repositories"]
    versions = {role["role"]: (role["version"], role["online"]) for role in image["roles"]}
    assert versions["targets"] == (2, False) and versions["timestamp"] == (2, True)
    assert [role["role"] for role in director["roles"]] == ["root"]
    labels = {key["label"] for key in director["keys"]}
    assert labels == {f"director-{use}-sign-1" for use in ("targets", "snapshot", "timestamp", "ca")}
    _print(status)
    text = capsys.readouterr().out
    assert "2 of 3, offline" in text and "signers tokens are within reach" in text


def test_a_backup_has_images_and_signers_and_leaves_images_out_where_told(released, tmp_path):
    backup, clock, words = tmp_path / "b", SystemClock(), "a passphrase of the drill"
    lean = back_up(released.instance, tmp_path / "lean", words, clock, images=False, log2_n=10)
    assert any("the images in" in text for text in lean.left_out)
    back_up(released.instance, backup, words, clock, log2_n=10)
    restore(tmp_path / "again", backup, words, clock, apply=True)
    assert (tmp_path / "again/image/targets" / FILE).read_bytes() == IMAGE
    signer = Instance.load(tmp_path / "again/signers/1").domain("signer")
    assert str(tmp_path / "again") in signer.softhsm2_conf.read_text()
    with Database.open(signer.database_url, must_exist=True) as database, database.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(table_of(IssuanceRecord))).scalar_one() == 4
    restore(tmp_path / "lean-again", tmp_path / "lean", words, clock, apply=True)
    assert not (tmp_path / "lean-again/image/targets").exists()


def pem(path: Path) -> Path:
    public = Ed25519PrivateKey.generate().public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_without_a_laboratory_init_leaves_what_given_keys_are_to_sign(tmp_path, token_store):
    roots = [pem(tmp_path / f"root-{number}.pem") for number in range(3)]
    targets = pem(tmp_path / "targets.pem")
    options = [*(f"--ota-root-key={path}" for path in roots), "--ota-root-threshold=2"]
    options += [f"--ota-director-key={pem(tmp_path / 'director.pem')}"]
    directory = tmp_path / "pki"
    refused = CliRunner().invoke(
        main, ["init", str(directory), "--profile=ota", *options, f"--ota-targets-key={roots[0]}", "--yes"]
    )
    assert refused.exit_code != 0 and not directory.exists()
    done = CliRunner().invoke(
        main, ["init", str(directory), "--profile=ota", *options, f"--ota-targets-key={targets}", "--yes"]
    )
    assert done.exit_code == 0, done.output
    asked = {path.name: json.loads(path.read_text()) for path in (directory / "signing-requests").iterdir()}
    assert asked.keys() == {"image-root-1.json", "image-targets-1.json", "director-root-1.json"}
    [agreement] = asked["image-root-1.json"]["agree"]
    assert (agreement["threshold"], len(agreement["keys"])) == (2, 3)
    assert not (directory / "signers").exists()
    status = collect_firmware(Instance.load(directory))
    assert "image: no root is published yet" in status.warnings
    assert [one["missing"] for one in status.document["repositories"][1]["requests"]] == [{"root 1": 1}]


def test_a_vehicles_certificate_reaches_the_director_through_nginx(lab, vehicle, tmp_path):
    """deploy/nginx/v2xpki-ota.conf: by the name that is asked for, TLS unopened."""
    ca = str(lab.directory / "tls/ca.pem")
    with socket.create_server(("127.0.0.1", 0)) as other:  # in the place of the Image repository
        other.settimeout(20)
        upstreams = {
            "director": lab.url("https").partition("://")[2],
            "image": f"127.0.0.1:{other.getsockname()[1]}",
        }
        with passing_tls_through(tmp_path, upstreams) as port:

            def ask(name, method="GET", path="director/metadata/timestamp.json", client=None, **more):
                link = urllib3.HTTPSConnectionPool(
                    "127.0.0.1", port, ca_certs=ca, cert_file=client and str(client), retries=False,
                    server_hostname=name, assert_hostname="127.0.0.1", timeout=20,
                )  # fmt: skip
                return link.request(method, f"/ota/{path}", **more)

            mine = ask("director.ota.example", client=vehicle[0])
            assert (mine.status, json.loads(mine.data)["signed"]["_type"]) == (200, "timestamp")
            # what a front that opened TLS would have to say of the client is believed of nobody
            said = {"X-V2xpki-Client": "00" * 32}
            assert ask("director.ota.example", headers=said).status == 403
            sent = ask("director.ota.example", "POST", "v1/manifests", vehicle[0], body=b"{}",
                       headers={"Content-Type": "application/json"})  # fmt: skip
            assert sent.status == 400  # it came to the Director, who reads it

            def ask_in_vain():
                with pytest.raises(urllib3.exceptions.HTTPError):
                    ask("ota.example")

            asked = threading.Thread(target=ask_in_vain)
            asked.start()
            came, _ = other.accept()
            with came:
                assert b"ota.example" in came.recv(4096)  # the client's own hello
            asked.join(20)
