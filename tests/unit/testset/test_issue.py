"""`cert issue`: single certificates for laboratories."""

import json

import pytest
from click.testing import CliRunner

from v2xpki.cli import main
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore.memory import MemoryKey


def run(*args: object):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def lab(tmp_path):
    """A root and an AA."""
    assert (
        run("cert", "issue", tmp_path / "root", "--profile", "RCA", "--self", "--name", "Lab").exit_code == 0
    )
    issued = run(
        "cert",
        "issue",
        tmp_path / "aa.oer",
        "--profile",
        "AA",
        "--issuer",
        tmp_path / "root.oer",
        "--name",
        "AA",
    )
    assert issued.exit_code == 0, issued.output
    return tmp_path


def ticket(lab, *more: object, name: str = "at"):
    return run("cert", "issue", lab / name, "--profile", "AT", "--issuer", lab / "aa.oer", *more)


def test_a_chain_of_three_verifies_and_has_its_keys(lab):
    result = ticket(lab, "--permission", "36=010000", "--curve", "brainpoolP256r1", "--hours", 24, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["files"] == [str(lab / "at.oer"), str(lab / "at.pem")] and document["findings"] == []
    assert run("cert", "verify", lab / "at.oer", "--chain", lab / "aa.oer", lab / "root.oer").exit_code == 0
    certificate = Certificate.parse((lab / "at.oer").read_bytes())
    key = MemoryKey.from_pem((lab / "at.pem").read_bytes())
    assert certificate.verification_key == key.public_key and certificate.curve is Curve.BRAINPOOL_P256R1
    assert certificate.end - certificate.start == 24 * 3600
    assert (lab / "aa-encryption.pem").exists() and (lab / "at.pem").stat().st_mode & 0o077 == 0


def test_what_breaks_a_rule_is_refused_unless_it_is_wanted(lab):
    wide = ("--permission", "1622=01")
    refused = ticket(lab, *wide)
    assert refused.exit_code == 1 and "e_permissions_inside_issuer" in refused.stderr
    assert not (lab / "at.oer").exists() and not (lab / "at.pem").exists()
    assert ticket(lab, *wide, "--lax").exit_code == 0
    verdict = run("cert", "verify", lab / "at.oer", "--chain", lab / "aa.oer", lab / "root.oer", "--json")
    assert json.loads(verdict.stdout)["rule"] == "app-permissions"
    long = ticket(lab, "--permission", "36=010000", "--hours", 24 * 365 * 20, "--region", "countries:250",
                  "--lax", name="long")  # fmt: skip
    assert long.exit_code == 0 and "e_validity_limit" in long.stderr


def test_an_instances_folders_are_refused(lab, tmp_path):
    instance = tmp_path / "instance"
    (instance / "root" / "certificates").mkdir(parents=True)
    (instance / "v2xpki.toml").write_text("")
    held = instance / "root" / "certificates" / "root.oer"
    held.write_bytes((lab / "root.oer").read_bytes())
    given = ("--profile", "AA", "--name", "x", "--issuer-key", lab / "root.pem")
    result = run("cert", "issue", tmp_path / "x", *given, "--issuer", held)
    assert result.exit_code == 2 and "instance" in result.stderr
    result = run("cert", "issue", instance / "x", *given, "--issuer", lab / "root.oer")
    assert result.exit_code == 2 and not (instance / "x.oer").exists()


def test_keys_are_never_replaced_and_have_to_fit(lab):
    given = ("--profile", "RCA", "--self", "--name", "Lab")
    before = (lab / "root.pem").read_bytes()
    assert run("cert", "issue", lab / "root", *given).exit_code == 2
    assert (lab / "root.pem").read_bytes() == before
    result = run("cert", "issue", lab / "x", "--profile", "AA", "--name", "x", "--issuer", lab / "root.oer",
                 "--issuer-key", lab / "aa.pem")  # fmt: skip
    assert result.exit_code == 2 and "not the key" in result.stderr
    assert run("cert", "issue", lab / "x", *given, "--issuer", lab / "root.oer").exit_code == 2
    assert run("cert", "issue", lab / "x", "--profile", "RCA", "--name", "x").exit_code == 2
    assert ticket(lab, "--permission", "cam").exit_code == 2
