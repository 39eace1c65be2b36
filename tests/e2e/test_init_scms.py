"""`v2xpki init --profile scms` and what is done with such an instance: real tokens, real processes."""

import json
import ssl
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.support.commands import v2xpki
from v2xpki.authorities.etsi import bootstrap
from v2xpki.authorities.etsi.status import collect
from v2xpki.authorities.scms.bootstrap import ONLINE
from v2xpki.authorities.scms.distribution import open_distribution, trusted_electors
from v2xpki.backup import back_up, restore
from v2xpki.backup.chains import verify
from v2xpki.cli import main
from v2xpki.cli.status import _print
from v2xpki.config import SCMS_DOMAINS, Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, V2xPkiError
from v2xpki.store import Database
from v2xpki.time import SystemClock
from v2xpki.trust.scms_ctl import ScmsTrust

PASSPHRASE = "a passphrase of the drill"
SHARED = """
import sys
from v2xpki.authorities.scms.la_keys import secrets_of
from v2xpki.authorities.scms.secrets import SecretStore, la_keys
from v2xpki.config import Instance
from v2xpki.crypto import psk_id
from v2xpki.keystore import KeyLabel, TokenConfig, open_token
from v2xpki.store import Database
from v2xpki.store.aca import WrappedSecret
domain = Instance.load(sys.argv[1]).domain(sys.argv[2])
with open_token(TokenConfig.of_domain(domain)) as keystore, Database.open(domain.database_url) as database:
    if domain.name == "aca":
        store = SecretStore(database, WrappedSecret, keystore, KeyLabel("aca", "wrap"))
        print({key.la_id.hex(): id8.hex() for id8, key in la_keys(store).items()})
    else:
        secrets = secrets_of(database, keystore)
        print(psk_id(secrets.shared[0].key).hex(), len(secrets.seals))
"""
KEYS = """
import sys
from v2xpki.authorities.scms.la_keys import secrets_of
from v2xpki.authorities.scms.secrets import SecretStore, la_keys
from v2xpki.config import Instance
from v2xpki.crypto import psk_id
from v2xpki.keystore import KeyLabel, TokenConfig, open_token
from v2xpki.store import Database
from v2xpki.store.aca import WrappedSecret
domain = Instance.load(sys.argv[1]).domain(sys.argv[2])
with open_token(TokenConfig.of_domain(domain)) as keystore, Database.open(domain.database_url) as database:
    if domain.name == "aca":
        store = SecretStore(database, WrappedSecret, keystore, KeyLabel("aca", "wrap"))
        print(*(id8.hex() for id8 in la_keys(store)))
    else:
        print(*(psk_id(shared.key).hex() for shared in secrets_of(database, keystore).shared))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory, token_store):
    del token_store  # asked for so that the tests are skipped where there is no SoftHSM
    plan = bootstrap.Plan(tmp_path_factory.mktemp("scms") / "pki", "https://pki.example", "scms", lab=True)
    return bootstrap.initialise(plan)


@pytest.fixture(scope="module")
def directory(made) -> Path:
    return made.instance.directory


def run(*arguments: object, code: int = 0):
    """A command, in this process: (stdout, stderr)."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done


def keys_of(directory: Path, role: str) -> list[dict[str, object]]:
    """A domain's keys, as status has them."""
    found = collect(Instance.load(directory)).document["authorities"]
    return next(entry["keys"] for entry in found if entry["role"] == role)


def test_init_names_all_authorities_and_no_others(made):
    roles = [one.role for one in made.authorities]
    assert roles == [name for name in SCMS_DOMAINS if name != "sdc"] + ["crlg"]
    for one in made.authorities:
        assert Certificate.parse(one.path.read_bytes()) == one.certificate
        assert one.certificate.curve.text == "nistP256"


def test_every_component_can_trust_the_others_from_the_electors_down(made):
    now = SystemClock().time32()
    for name in ONLINE:
        trust = ScmsTrust(trusted_electors(made.instance, name), 2)
        ctl = trust.accept_chain_file((made.instance.domain(name).trust_dir / "ccf.oer").read_bytes(), now)
        assert len(ctl.signatures) == 3 and trust.missing == ()
        for role, count in (("eca", 1), ("ra", 1), ("aca", 1), ("la", 2), ("ma", 1), ("crl", 1)):
            assert len(trust.components(role, now)) == count


def test_each_linkage_authority_shares_a_key_of_its_own_with_the_aca(directory, in_own_process):
    held = in_own_process(SHARED, directory, "aca")
    for la_id, name in (("0001", "la1"), ("0002", "la2")):
        key, seals = in_own_process(SHARED, directory, name).split()
        assert f"'{la_id}': '{key}'" in held and seals == "1"
    for path in directory.rglob("*"):
        if path.is_file() and "sealed" in path.name:
            assert path.read_bytes()[1] == 0x82  # encryptedData


def test_components_know_each_other_by_certificates_of_an_internal_ca(directory):
    ca = directory / "tls" / "internal-ca.pem"
    trusted = x509.load_pem_x509_certificate(ca.read_bytes())
    found = [(name, directory / name / "internal") for name in ONLINE]
    found += [(name, directory / "tls" / f"internal-{name}") for name in ("router", "admin")]
    for name, path in found:
        certificate = x509.load_pem_x509_certificate(path.with_suffix(".pem").read_bytes())
        certificate.verify_directly_issued_by(trusted)
        assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
        assert stat.S_IMODE(path.with_suffix(".key").stat().st_mode) == 0o600
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path.with_suffix(".pem"), path.with_suffix(".key"))
    assert not list(directory.rglob("internal-ca.key"))


def test_nobody_else_can_read_what_is_secret(directory):
    for domain in SCMS_DOMAINS:
        assert stat.S_IMODE((directory / domain).stat().st_mode) == 0o700
    for path in (*directory.glob("*/pin"), *directory.rglob("*.key"), *directory.glob("*/*.db")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    pins = {path.read_text() for path in directory.glob("*/pin")}
    assert len(pins) == len(SCMS_DOMAINS) - 1


def test_the_settings_show_what_an_operator_may_change(directory):
    text = (directory / "v2xpki.toml").read_text()
    section = text[text.index("[scms]") :]
    uncommented = "\n".join(
        line.removeprefix("# ") if " = " in line else line for line in section.splitlines()
    )
    before = text[: text.index("[scms]")]
    (directory / "run" / "check").mkdir()
    (directory / "run" / "check" / "v2xpki.toml").write_text(before + uncommented)
    assert Instance.load(directory / "run" / "check").settings == Instance.load(directory).settings


def test_status_shows_authorities_keys_and_lists(made, capsys):
    found = collect(made.instance)
    assert found.problems == []
    assert any("elector3" in text for text in found.warnings)
    shown = {entry["role"]: entry for entry in found.document["authorities"]}
    ids = {one.role: one.certificate.hex8 for one in made.authorities}
    assert {role: entry["hashedId8"] for role, entry in shown.items()} | {
        "crlg": shown["ma"]["crlSigner"]["hashedId8"]
    } == ids
    assert [key["label"] for key in shown["aca"]["keys"]] == ["aca-encrypt-1", "aca-sign-1", "aca-wrap-1"]
    assert not any(key["extractable"] for entry in shown.values() for key in entry["keys"])
    lists = found.document["lists"]
    assert [(entry["kind"], entry["state"]) for entry in lists] == [("scms-ctl", "in force")]
    assert found.document["counts"]["scmsroot"]["records"]["LA"] == {"issued": 2}
    _print(found.document)
    text = capsys.readouterr().out
    assert "la1-wrap-1 (AES-256)" in text and ids["crlg"] in text


def test_a_list_is_shown_and_verified_by_electors(directory):
    trust = directory / "sdc" / "trust"
    shown = json.loads(run("ctl", "show", trust / "ctl.oer", "--json").stdout)
    assert (shown["kind"], shown["sequenceNumber"], shown["quorum"]) == ("scms-ctl", 0, 2)
    assert len(shown["signatures"]) == len(shown["electors"]) == 3
    assert "elector2.pki.example" in run("ctl", "show", trust / "ctl.oer").stdout
    given = ("--chain", *sorted(trust.glob("elector-*.oer")))
    told = json.loads(run("ctl", "verify", trust / "ctl.oer", "--json", *given).stdout)
    assert told["verdict"] == "valid" and len(told["chain"]) == 3
    refused = run("ctl", "verify", trust / "ctl.oer", "--json", "--quorum", "4", *given, code=1)
    assert json.loads(refused.stdout)["rule"] == "quorum"


def test_the_next_list_is_made_by_its_electors_and_handed_out(directory, made):
    third = next(one.certificate for one in made.authorities if one.role == "elector3")
    wanted = ("--remove-elector", third.hex8)
    assert "nothing was done" in run("ctl", "elect", directory, *wanted, code=1).stderr
    assert not (directory / "ceremonies" / "ctl-1").exists()
    done = json.loads(run("ctl", "elect", directory, *wanted, "--yes", "--json").stdout)
    assert done["published"] is True and done["files"] == [] and len(done["transcripts"]) == 3
    with Database.open(made.instance.domain("sdc").database_url) as database:
        (entry,) = open_distribution(made.instance, database, SystemClock()).freshness()
    assert entry.number == 1


def test_a_backup_brings_all_of_it_back_and_the_offline_tokens_may_go(made, tmp_path):
    backup, home, clock = tmp_path / "pki.backup", tmp_path / "restored", SystemClock()
    back_up(made.instance, backup, PASSPHRASE, clock, log2_n=4)
    restore(home, backup, PASSPHRASE, clock, apply=True)
    restored = Instance.load(home)
    assert verify(restored, clock) == verify(made.instance, clock)
    for name in ("elector1", "elector2", "elector3", "scmsroot"):
        (home / name).rename(home / f"{name}.away")
    found = collect(restored)
    assert found.problems == []
    keys = {e["role"]: [key["label"] for key in e["keys"]] for e in found.document["authorities"]}
    assert keys["la2"] == ["la2-encrypt-1", "la2-sign-1", "la2-wrap-1"] and keys["elector1"] == []
    for number in (1, 2):  # one elector is no quorum
        (home / "sdc" / "trust" / f"elector-{number}.oer").unlink()
    (home / "ra").rename(home / "ra.away")
    problems = collect(restored).problems
    assert {text.partition(":")[0] for text in problems} == {"ra", "sdc"}


def test_secrets_come_under_the_next_wrapping_key_and_stay_the_same(directory, in_own_process):
    before = [in_own_process(SHARED, directory, name) for name in ("aca", "la2")]
    for number in (2, 3):
        done = json.loads(v2xpki("scms", "rewrap", directory, "la2", "--yes", "--json").stdout)
        assert done == {"label": f"la2-wrap-{number}", "secrets": 2}
    done = json.loads(v2xpki("scms", "rewrap", directory, "aca", "--yes", "--json").stdout)
    assert done == {"label": "aca-wrap-2", "secrets": 2}
    assert [in_own_process(SHARED, directory, name) for name in ("aca", "la2")] == before
    assert "nothing was done" in v2xpki("scms", "rewrap", directory, "la2", expect=1).stderr
    assert [key["label"] for key in keys_of(directory, "la2")][2:] == [f"la2-wrap-{n}" for n in (1, 2, 3)]
    v2xpki("audit", "verify", directory)


def test_a_new_key_comes_to_a_linkage_authority_and_to_the_aca(directory, in_own_process):
    before = in_own_process(SHARED, directory, "aca")
    later = ("--since", "2099-01-01T00:00:00Z")
    done = json.loads(v2xpki("scms", "la-key", directory, "la1", *later, "--yes", "--json").stdout)
    assert done["held"] is True
    assert [Path(file).name for file in done["files"]] == ["1-la1.yaml", "2-aca.yaml"]
    # the ACA has the new key by the same name as the linkage authority, and the old one until it is not used
    number = in_own_process(KEYS, directory, "la1").split()
    assert len(number) == 2 and f"'{number[0]}'" in before
    held = in_own_process(KEYS, directory, "aca")
    assert all(name in held.split() for name in number)
    again = json.loads(v2xpki("scms", "la-key", directory, "la1", "--yes", "--json").stdout)
    assert set(again["files"]).isdisjoint(done["files"])


# --- what goes wrong -------------------------------------------------------------------------------


def test_an_scms_has_no_tlm(tmp_path):
    with pytest.raises(ConfigError, match="no root that a TLM"):
        bootstrap.Plan(tmp_path, profile="scms", foreign_tlm=object())  # type: ignore[arg-type]


def test_a_failed_init_of_an_scms_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise V2xPkiError("the token fell down")

    monkeypatch.setattr(bootstrap, "_run_ceremonies", fail)
    with pytest.raises(V2xPkiError, match="fell down"):
        bootstrap.initialise(bootstrap.Plan(tmp_path / "pki", profile="etsi+scms"))
    assert not (tmp_path / "pki").exists()


def test_both_worlds_have_each_its_own_ceremonies(tmp_path):
    both = bootstrap.Plan(tmp_path, profile="etsi+scms")
    apart = [bootstrap.Plan(tmp_path, profile=name).ceremonies for name in ("etsi", "scms")]
    assert both.ceremonies == apart[0] | apart[1]
    assert len(both.domains) == len(set(both.domains)) == 16
