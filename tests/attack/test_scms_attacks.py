"""Attacks on an SCMS that its rooms' own tests leave out: a hostile device, a stranger at a component's link,
raw HTTP at the router, a vehicle that comes back after it was revoked."""

import datetime
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.lab import Lab
from tests.support.scms_enrolment import EcaLab
from tests.support.scms_line import PERIODS as PREPARED
from tests.support.scms_line import certificates, new_laboratory, states
from tests.support.scms_links import guarded_app
from tests.support.scms_pki import spdu
from tests.support.scms_trust import NOW, Own, World, make
from tests.support.scms_trust import certificates as certificates_of
from v2xpki import wire
from v2xpki.authorities.scms.devices import DeviceRegister
from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.authorities.scms.followed import read_basis
from v2xpki.authorities.scms.ra_devices import Blocklist, tx_device_of
from v2xpki.bench.scms_line_laboratory import LineLaboratory
from v2xpki.cli import main
from v2xpki.crypto import PrivateCaterpillar
from v2xpki.crypto.butterfly import expand
from v2xpki.crypto.group import ORDER
from v2xpki.errors import LinkError
from v2xpki.secured import sign
from v2xpki.station.scms.enrolment import EnrolmentWish, accept, ask
from v2xpki.station.scms.trusting import DeviceCrls
from v2xpki.store import Database, upgrade
from v2xpki.store.ra import PACKED, REFUSED
from v2xpki.time import FixedClock
from v2xpki.trust.periods import Periods
from v2xpki.trust.scms_crl import CrlSchedule, HashRevocation, build_hash_crl
from v2xpki.trust.scms_ctl import ScmsCtl
from v2xpki.web import metrics
from v2xpki.web.internal import peer_name
from v2xpki.web.process import SCMS_ROLES
from v2xpki.web.scms import ra_blueprint
from v2xpki.wire import dot2, scms

# --- a hostile device ---------------------------------------------------------------------------------------


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[LineLaboratory]:
    made = new_laboratory(tmp_path)
    yield made
    made.close()


def test_a_caterpillar_that_is_infinity_at_a_later_j_costs_its_own_file_alone(
    laboratory: LineLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its maker knows f(i, j), and so the key that cancels it. What was mixed with it is made."""
    good = laboratory.grant()
    first = laboratory.periods.at(laboratory.clock.time32())
    hostile = PrivateCaterpillar.generate("unified")
    (shift,) = expand(hostile.signing_expansion, "signing", first + 1, [2])
    cancels = (-int.from_bytes(shift, "big") % ORDER).to_bytes(32, "big")
    hostile = PrivateCaterpillar("unified", cancels, hostile.signing_expansion)
    monkeypatch.setattr(PrivateCaterpillar, "generate", classmethod(lambda cls, variant: hostile))
    bad = laboratory.grant()
    laboratory.work()
    assert states(laboratory) == sorted([PACKED] * (2 * PREPARED - 1) + [REFUSED])
    assert len(certificates(laboratory, good, first + 1)) == len(certificates(laboratory, bad, first)) == 3


# --- a vehicle that comes back ------------------------------------------------------------------------------


def test_a_revoked_device_is_barred_by_what_the_ra_knows_of_it(tmp_path: Path) -> None:
    """Enrolled anew it would be another device to the RA, and its new pseudonyms on no CRL."""
    folder = tmp_path / "pki"
    for name in ("eca", "ra"):
        (folder / name).mkdir(parents=True)
    (folder / "v2xpki.toml").write_text('profile = "scms"\n')
    lab = EcaLab.make(f"sqlite:///{folder}/eca/eca.db")
    identity, _ = lab.device("OBU-1")
    pending = ask(identity, EnrolmentWish(), lab.clock.time32())
    enrolled = accept(pending, lab.eca.enrol(pending.request), [lab.root], lab.clock.time32())

    with Database.open(f"sqlite:///{folder}/ra/ra.db", clock=lab.clock) as ra:
        upgrade(ra, "ra")
        with ra.write(durable=True) as tx:
            tx_device_of(tx, enrolled.certificate)
        Blocklist(ra).block(enrolled.certificate.hashed_id8, reason="revoked")

    def station(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["station", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    (told,) = json.loads(station("blocked", str(folder), "--json"))
    assert told["hashedId8"] == enrolled.certificate.hex8 and "OBU-1" not in json.dumps(told)
    station("bar", str(folder), "--certificate", told["hashedId8"], "--reason", "revoked", "--yes")

    known = DeviceRegister(lab.database).find("OBU-1")
    assert known is not None and known.is_barred
    with pytest.raises(RefusedEnrolmentRequest) as refused:
        lab.eca.enrol(ask(identity, EnrolmentWish(), lab.clock.time32()).request)
    assert refused.value.reason is EcaReason.BARRED


@pytest.mark.parametrize("more", [["--certificate", "zz"], ["--certificate", "00" * 8, "--id", "a"]])
def test_a_certificate_that_names_no_device_bars_none(tmp_path: Path, more: list[str]) -> None:
    (tmp_path / "v2xpki.toml").write_text('profile = "scms"\n')
    (tmp_path / "eca").mkdir()
    with Database.open(f"sqlite:///{tmp_path}/eca/eca.db") as database:
        upgrade(database, "eca")
    assert CliRunner().invoke(main, ["station", "bar", str(tmp_path), *more, "--yes"]).exit_code == 2


# --- a root that the electors have removed ------------------------------------------------------------------


def test_the_crls_of_a_root_that_is_removed_keep_nobody_from_following_the_electors() -> None:
    """Else the list that drops a root would be refused for as long as its CRLs are handed out."""
    world, gone = World.make(), make("SCMS_ROOT", name="another")
    signer = make("CRLG", gone)

    def crl(own: Own, root: Own) -> dot2.Ieee1609Dot2Data:
        schedule = CrlSchedule(root.certificate.hashed_id8, 4, NOW, NOW + 86_400)
        contents = build_hash_crl(schedule, 1, [HashRevocation(b"1" * 10, NOW + 1000)])
        header = dot2.HeaderInfo(psid=256)
        octets = sign(
            own.key,
            header,
            payload=wire.encode(contents),
            certificate=own.certificate,
            identifier="certificate",
        )
        return wire.decode(dot2.Ieee1609Dot2Data, octets)

    def chain(ctl: ScmsCtl) -> bytes:
        others = certificates_of([world.root, gone, signer, world.components["CRLG"]])
        return spdu("certificateChain", scms.CertificateChain(ctl.data, tuple(one.record for one in others)))

    both = world.ctl(roots=(world.root.certificate, gone.certificate))
    fewer = world.ctl(before=both, sequence=2)
    crls = (crl(world.components["CRLG"], world.root), crl(signer, gone))
    composite = spdu("compositeCrl", scms.CompositeCrl(crls, both.data))
    electors = certificates_of(world.electors)

    before = read_basis(electors, 2, chain(both), composite, NOW)
    assert (len(before.roots), len(before.crls)) == (2, 2)
    after = read_basis(electors, 2, chain(fewer), composite, NOW, present=before.ctl)
    assert (after.roots, len(after.crls)) == ((world.root.certificate,), 1)

    device = DeviceCrls(FixedClock(NOW), Periods(NOW - 3600, 604_800, 3600))
    for basis in (before, after):
        device.take(composite, basis.chains, NOW)


# --- a component that is away -------------------------------------------------------------------------------


def test_an_eca_that_is_away_is_no_fault_of_the_ra() -> None:
    def away(_: bytes) -> bytes:
        raise LinkError("eca: refused")

    app = guarded_app(
        "ra",
        ra_blueprint(lambda: SimpleNamespace(successor=away), 10_000, fine=True),  # type: ignore[arg-type, return-value]
        who=lambda _: "router",
    )
    faults = metrics.unexpected_errors.labels("ra")
    before = faults._value.get()
    reply = app.test_client().post(
        "/v3/successor-enrollment-certificate", data=b"x", content_type="application/octet-stream"
    )
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "2")
    assert faults._value.get() == before and b"eca" not in reply.data


# --- who is at the link -------------------------------------------------------------------------------------


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def proven(folder: Path, names: list[str], alternative: str) -> dict[str, Any]:
    """The WSGI environment of a client that has shown a certificate with these CNs, over a real handshake."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(alternative)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "own.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "own.key").write_bytes(_pem(key))
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (server, client):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(folder / "own.pem", folder / "own.key")
        context.load_verify_locations(folder / "own.pem")
    one, other = socket.socketpair()

    def connect() -> None:
        with client.wrap_socket(other) as link:
            link.recv(1)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    with server.wrap_socket(one, server_side=True) as link:
        environ = {"gunicorn.socket": SimpleNamespace(getpeercert=dict(link.getpeercert() or {}).copy)}
        link.sendall(b"x")
    thread.join(10)
    return environ


@pytest.mark.parametrize(
    ("names", "alternative"),
    [(["RA"], "ra"), (["ra "], "ra"), (["ra\0.example"], "ra"), (["ra", "ma"], "ra"), (["ma", "ra"], "ra"),
     ([], "ra"), (["other"], "ra"), (["ra.example"], "ra"), (["\u0440a"], "ra")],
)  # fmt: skip
def test_a_name_that_is_almost_the_ras_is_not_the_ras(
    tmp_path: Path, names: list[str], alternative: str
) -> None:
    assert peer_name(proven(tmp_path, names, alternative)) != "ra"


def test_the_ra_is_known_by_its_one_name(tmp_path: Path) -> None:
    assert peer_name(proven(tmp_path, ["ra"], "x")) == "ra"


def test_a_served_component_speaks_tls_1_3_alone(scms: Lab) -> None:
    for role in SCMS_ROLES:
        context = ssl.create_default_context(cafile=scms.directory / "tls/internal-ca.pem")
        context.load_cert_chain(scms.directory / "ra/internal.pem", scms.directory / "ra/internal.key")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(scms.state["roles"][role]["socket"])
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(sock, server_hostname=role)


# --- raw HTTP at the router ---------------------------------------------------------------------------------


def spoken(scms: Lab, octets: bytes) -> list[int]:
    """The statuses of all that is answered."""
    context = ssl.create_default_context(cafile=scms.directory / "tls/ca.pem")
    with socket.create_connection(("127.0.0.1", scms.port), 20) as sock:
        link = context.wrap_socket(sock, server_hostname="127.0.0.1")
        link.sendall(octets)
        heard = b""
        while part := link.recv(65536):
            heard += part
    return [int(line[9:12]) for line in heard.split(b"\r\n") if line.startswith(b"HTTP/1.")]


@pytest.mark.parametrize(
    "target",
    [
        "/internal/v1/certificates", "/%69nternal/v1/certificates", "/v3/../internal/v1/certificates",
        "/v3/%2e%2e/internal/v1/certificates", "/v3/policy%2f..%2f..%2finternal/v1/case/block",
        "/v3/internal/v1/certificates", "//internal/v1/certificates", "http://x/internal/v1/case/block",
        "*v3/policy", "/v3\\..\\internal", "/v3/policy%00", "/v3/policy%0d%0aX:1", "//v3/policy",
        "/v3//policy", "/V3/policy", "/v3/policy;/internal/v1", "/metrics",
    ],
)  # fmt: skip
def test_no_path_leads_past_the_router_to_a_components_calls(scms: Lab, target: str) -> None:
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert spoken(scms, head.encode()) in ([400], [404])


_POST = b"POST /v3/enrollment-certificate HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
_GET = b"GET /v3/authorization-certificate HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
_HIDDEN = b"GET /internal/v1/certificates HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        _POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _HIDDEN,
        _POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd" + _HIDDEN,
        _POST + b"Content-Length: +4\r\n\r\nabcd" + _HIDDEN,
        _POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        _GET + b"Ieee-1609.2.1-Authorization: AA\rX-Y: 1\r\n\r\n",
        _GET + b"Ieee-1609.2.1-Authorization: AA\0A\r\n\r\n",
        _GET + b"Ieee-1609.2.1-Authorization: AAAA\r\n BBBB\r\n\r\n",
        # U+010A, U+010D: cut to eight bits they would be a line's end
        _GET + "Ieee-1609.2.1-Authorization: \u010d\u010aX: 1\r\n\r\n".encode(),
        _GET + b"Ieee-1609.2.1-Authorization: " + b"A" * 8000 + b"\r\n\r\n",
        _GET + b"Ieee-1609.2.1-Authorization: AAAA\r\nSCRIPT_NAME: /v3\r\nPATH_INFO: /internal\r\n\r\n",
    ],
)
def test_a_request_in_a_request_is_one_refused_request(scms: Lab, octets: bytes) -> None:
    assert spoken(scms, octets) in ([400], [413])


def test_what_is_refused_leaves_no_name_of_a_device_and_no_time_in_a_log(scms: Lab) -> None:
    for role in ("eca", "ra", "aca", "la1", "la2", "ma"):
        for line in (scms.directory / "log" / f"{role}.log").read_text().splitlines():
            told = json.loads(line)
            assert told["time"].endswith(":00:00Z") and "127.0.0.1" not in line and "forged-" not in line
