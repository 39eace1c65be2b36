"""cert, data and ctl with files of an SCMS: judged and linted by the rules of an SCMS, not by ETSI's."""

import json

import pytest
from click.testing import CliRunner

from tests.support.scms_crl import CrlPki
from tests.support.scms_trust import Own, World, make, pseudonym
from v2xpki import wire
from v2xpki.cli import main
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore import MemoryKey
from v2xpki.secured import sign
from v2xpki.time import MICROSECONDS, SystemClock
from v2xpki.trust.scms_crl import HashRevocation, build_hash_crl
from v2xpki.trust.scms_detect import detect_scms_kind
from v2xpki.trust.scms_lint_signed import lint_scms_certificate
from v2xpki.wire import dot2, scms

NOW = SystemClock().time32()


@pytest.fixture(scope="module")
def root() -> Own:
    return make("SCMS_ROOT", now=NOW)


@pytest.fixture(scope="module")
def aca(root) -> Own:
    return make("ACA", root, now=NOW)


@pytest.fixture(scope="module")
def car(aca) -> Own:
    return pseudonym(aca, start=NOW - 60)


@pytest.fixture(scope="module")
def electors() -> list[Own]:
    return [make("ELECTOR", name=f"elector{n}", now=NOW) for n in (1, 2, 3)]


@pytest.fixture
def files(tmp_path, root, aca, car, electors):
    """Each file by its name."""

    def write(**contents: bytes):
        for name, octets in contents.items():
            (tmp_path / name).write_bytes(octets)
        return tmp_path

    world = World(electors, root, {})
    ctl = world.ctl(voters=electors, sequence=1, effective=NOW)
    chain = scms.CertificateChain(ctl.data, tuple(one.certificate.record for one in (root, aca)))
    content = dot2.Ieee1609Dot2Content("unsecuredData", wire.encode(_cert("certificateChain", chain)))
    time = (NOW - 30) * MICROSECONDS
    message = sign(
        car.key, dot2.HeaderInfo(psid=32, generation_time=time), payload=b"x",
        certificate=car.certificate, identifier="certificate",
    )  # fmt: skip
    return write(
        root=root.certificate.octets,
        aca=aca.certificate.octets,
        car=car.certificate.octets,
        ctl=ctl.octets,
        chain=wire.encode(dot2.Ieee1609Dot2Data(3, content)),
        message=message,
    )


def _cert(kind, value):
    return scms.ScmsPdu(2, scms.ScmsPduContent("cert", scms.CertManagementPdu(kind, value)))


def run(*arguments: object, code: int = 0):
    done = CliRunner().invoke(main, [str(one) for one in arguments])
    assert done.exit_code == code, done.output
    return done


def test_a_pseudonym_and_its_message_verify_with_the_aca_and_the_root_or_a_chain_file(files, car, root):
    for evidence in ((files / "aca", files / "root"), (files / "chain",)):
        for command in (("cert", "verify", files / "car"), ("data", "verify", files / "message")):
            told = json.loads(run(*command, "--chain", *evidence, "--json").stdout)
            assert told["chain"][0] == car.certificate.hashed_id8.hex()
            assert told["chain"][-1] == root.certificate.hashed_id8.hex()


def test_what_the_aca_did_not_sign_or_no_one_issued_is_refused(files, aca, tmp_path):
    forger = make("ACA", make("SCMS_ROOT", now=NOW), now=NOW)
    for name, made, rule in (
        ("forged", pseudonym(Own(forger.key, aca.certificate), start=NOW - 60), "signature"),
        ("stranger", pseudonym(forger, start=NOW - 60), "chain"),
        ("early", pseudonym(aca, start=NOW + 3600), "expired"),
    ):
        (tmp_path / name).write_bytes(made.certificate.octets)
        command = ("cert", "verify", tmp_path / name, "--chain", files / "chain", "--json")
        assert json.loads(run(*command, code=1).stdout)["rule"] == rule


def test_a_certificate_on_a_crl_is_refused(tmp_path):
    pki = CrlPki(NOW)
    schedule = pki.schedule()
    listed = {"craca_id": pki.root.hashed_id3, "crl_series": schedule.series}
    gone = pki.certify("CRLG", MemoryKey.generate(Curve.NIST_P256), pki.root, **listed)
    crl = pki.crl(build_hash_crl(schedule, 3, [HashRevocation(gone.hashed_id10, gone.end)]))
    for name, octets in (
        ("root", pki.root.octets), ("signer", pki.signer.octets), ("crl", crl.octets), ("gone", gone.octets),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(octets)
    given = ("--chain", tmp_path / "root", tmp_path / "signer")
    run("cert", "verify", tmp_path / "gone", *given)
    refused = run("cert", "verify", tmp_path / "gone", *given, "--crl", tmp_path / "crl", "--json", code=1)
    assert json.loads(refused.stdout)["rule"] == "revoked"


def test_certificates_are_linted_by_the_rules_of_an_scms(files, root, aca, electors):
    for name in ("root", "aca", "car"):
        given = ("--chain", files / "aca", files / "root")
        assert "no findings" in run("cert", "lint", files / name, *given).stdout
    assert "no findings" in run("data", "lint", files / "message").stdout

    def rules(certificate: Certificate, issuer: Own | None) -> list[str]:
        found = lint_scms_certificate(certificate.record, issuer and issuer.certificate)
        return [one.rule.id for one in found]

    nameless = pseudonym(aca, start=NOW, craca_id=bytes(3)).certificate
    assert rules(nameless, aca) == ["e_scms_craca"]
    assert "e_scms_signature" in rules(pseudonym(aca, start=NOW).certificate, root)
    assert rules(electors[0].certificate, None) == []
    assert "e_scms_app_permissions" in rules(pseudonym(aca, start=NOW, app_permissions=()).certificate, aca)


def test_a_certificate_is_shown_as_what_it_is_in_an_scms(files, root, aca, car, electors):
    shown = json.loads(run("cert", "show", files / "aca", "--json").stdout)
    assert (shown["kind"], shown["role"]["name"]) == ("ACA", "aca")
    assert json.loads(run("cert", "show", files / "car", "--json").stdout)["kind"] == "PSEUDONYM"
    for own, kind in ((root, "SCMS_ROOT"), (electors[0], "ELECTOR"), (make("LA", root, now=NOW), "LA")):
        assert detect_scms_kind(own.certificate.record) == kind


def test_a_ctl_is_linted_and_compared(files, electors, root):
    assert "no findings" in run("ctl", "lint", files / "ctl").stdout
    assert run("ctl", "diff", files / "ctl", files / "ctl").stdout == ""
    other = World(electors[:2], root, {}).ctl(voters=electors[:2], sequence=2, effective=NOW)
    (files / "other").write_bytes(other.octets)
    text = run("ctl", "diff", files / "ctl", files / "other", code=1).stdout
    assert f"- elector {electors[2].certificate.hex8}" in text and "+ elector" not in text
    (files / "broken").write_bytes(other.octets[:-1])
    assert "e_" in run("ctl", "lint", files / "broken", code=1).output
