"""`v2xpki ota signer|root|role|sign|delegation`: people sign with keys of their own, as files go to and fro.

The tokens are memory keystores here: one process can open one SoftHSM configuration. Real ones are in
tests/interop/test_ota_clients.py and tests/unit/ota/test_signers.py.
"""

import json

import pytest

from tests.support.ota_repository import PATH, entry
from v2xpki.cli import main
from v2xpki.config import Instance
from v2xpki.errors import Refused
from v2xpki.keystore import MemoryKeystore, TokenConfig
from v2xpki.ota import opening, signers
from v2xpki.store import Database, upgrade
from v2xpki.trust.ota.keys import parse_key

_TOML = 'format = 1\nprofile = "ota"\n'


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """An instance with the Image repository's database, signers ann and bob, and how to run a command."""
    folder = tmp_path_factory.mktemp("ota-cli")
    tokens = {}

    def open_token(config: TokenConfig) -> MemoryKeystore:
        return tokens.setdefault(config.token_label, MemoryKeystore("test"))

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(MemoryKeystore, "close", lambda self: None)
        patch.setattr(signers, "create_token", open_token)
        for module in (signers, opening):
            patch.setattr(module, "open_token", open_token)
        (folder / "pki").mkdir()
        (folder / "pki" / "v2xpki.toml").write_text(_TOML)
        domain = Instance.load(folder / "pki").domain("image")
        domain.directory.mkdir()
        with Database.open(domain.database_url) as database:
            upgrade(database, "image")
        yield folder


@pytest.fixture
def run(there, capsys):
    """Run a command: its exit code, and what it printed on stdout."""

    def call(line):
        with pytest.raises(SystemExit) as left:
            main(["ota", *line.split()])
        return left.value.code, capsys.readouterr().out

    return call


@pytest.fixture
def do(run):
    """Run a command that must succeed: what it printed."""

    def call(line):
        code, out = run(line)
        assert code == 0
        return out

    return call


WHERE = "--instance pki"


def test_two_people_sign_with_their_own_keys_and_the_last_signature_publishes(there, run, do):
    for name in ("ann", "bob"):
        (there / f"{name}.json").write_text(do(f"signer create {name} --name {name}"))
    assert json.loads(do(f"role list {WHERE} --json")) == []
    asked = (
        f"root create {WHERE} --root-signer ann.json --root-signer bob.json --root-threshold 2 "
        "--targets-signer bob.json --out requests"
    )
    assert run(asked)[0] == 1  # without --yes nothing is done
    assert "to be signed by 2 of 2 keys of root 1" in do(f"{asked} --yes")
    root, targets = "requests/image-root-1.request.json", "requests/image-targets-1.request.json"
    assert run(f"sign sign {root} --signer ann")[0] == 1
    do(f"sign sign {root} --signer ann --yes")
    assert run(f"sign sign {targets} --signer ann --yes")[0] == 1  # ann's targets key is not asked
    do(f"sign sign {root} --signer bob --yes")
    do(f"sign sign {targets} --signer bob --yes")
    signatures = [f"requests/image-root-1.{name}.signature.json" for name in ("ann", "bob")]
    assert "missing: 1 of root 1" in do(f"sign submit {signatures[0]} {WHERE}")
    assert "    ann  " in do(f"sign show {WHERE}")
    submit = f"sign submit {signatures[1]} requests/image-targets-1.bob.signature.json {WHERE} --json"
    done = json.loads(do(submit))["signatures"]
    assert [one["published"] for one in done] == [False, True]
    roles = json.loads(do(f"role list {WHERE} --json"))
    assert [(one["role"], one["version"]) for one in roles] == [
        ("root", 1), ("targets", 1), ("snapshot", 1), ("timestamp", 1)
    ]  # fmt: skip
    # signing the same again gives the same signature: nothing is signed twice
    first = (there / signatures[0]).read_bytes()
    do(f"sign sign {root} --signer ann --yes")
    assert (there / signatures[0]).read_bytes() == first


def test_a_software_key_of_an_encrypted_file_signs_for_a_supplier(there, do):
    password = there / "password"
    password.write_text("correct horse\n")
    password.chmod(0o600)
    secret = "--password-file password"
    (there / "sue.json").write_text(do(f"signer key supplier.pem --name sue --scheme ml-dsa-65 {secret}"))
    assert b"ENCRYPTED" in (there / "supplier.pem").read_bytes()
    asked = f"delegation add supplier {WHERE} --signer sue.json --path hw-a/*/*/* --out requests --yes"
    assert "+ delegation to supplier" in do(asked)
    file = "requests/image-supplier-1.request.json"
    signed = do(f"sign sign {file} --key supplier.pem --name sue {secret} --yes").strip()
    log = json.loads(do("signer log --key supplier.pem --json"))
    assert log["intact"] and [(one["role"], one["version"]) for one in log["signatures"]] == [("supplier", 1)]
    do("sign sign requests/image-targets-2.request.json --signer bob --operator bob.b --yes")
    assert "image targets 2" in (logged := do("signer log bob")) and "by bob.b" in logged
    told = do(f"sign submit {signed} {WHERE}")  # the delegation is not out yet
    assert "supplier version 1: it is signed, and waits for what must go out with it; targets" in told
    assert "misses 1 of root 1: `v2xpki ota sign request targets` writes its file for the signers" in told
    assert "waits for what must go out with it; targets version 2" in do(f"sign show {WHERE}")
    told = do(f"sign submit requests/image-targets-2.bob.signature.json {WHERE}")
    assert "targets version 2 is published" in told
    assert "delegates hw-a/*/*/* to supplier" in do(f"role show targets {WHERE}")


def test_no_target_is_asked_for_that_is_no_approved_release(there):
    with (
        opening.repository_at_work(Instance.load(there / "pki"), "image") as repository,
        pytest.raises(Refused, match="no release"),
    ):
        repository.request_targets("targets", add={PATH: entry()}, by="op")


def test_a_request_is_dropped_by_its_id_with_a_reason(do):
    do(f"sign request targets {WHERE} --out requests --yes")
    found = json.loads(do(f"sign show {WHERE} --json"))
    told = do(f"sign drop {found[0]['id'][:12]} {WHERE} --reason mistake --yes")
    assert "dropped targets version 3" in told
    assert "mistake" in do(f"sign show {WHERE} --all")


def test_keys_are_taken_off_and_thresholds_changed_by_a_root_that_both_sign(there, do):
    do("signer rotate ann --use root --yes")
    (there / "ann2.json").write_text(do("signer show ann"))
    old = json.loads((there / "ann.json").read_text())["root"]
    new = json.loads((there / "ann2.json").read_text())["root"]
    assert old != new
    roles = json.loads(do(f"role list {WHERE} --json"))
    gone = parse_key(old, "key").keyid
    assert gone in roles[0]["keyids"]
    asked = f"root change {WHERE} --add-key root=ann2.json --remove-key root={gone[:12]} --rotate timestamp"
    told = do(f"{asked} --out requests --yes")
    assert f"- root: key {gone[:16]}" in told
    assert "+ timestamp: key" in told
    root = "requests/image-root-2.request.json"
    files = [do(f"sign sign {root} --signer {name} --yes").strip() for name in ("ann", "bob")]
    # ann's old key speaks for the old root, her new one for the new
    assert len(json.loads((there / files[0]).read_text())["signatures"]) == 2
    told = do(f"sign submit {' '.join(files)} {WHERE}")
    assert "missing: 1 of root 1, 1 of root 2" in told
    assert "root version 2 is published" in told


def test_a_file_that_is_no_signers_keys_or_no_request_is_named(there, capsys):
    (there / "odd").write_bytes(b"\xfc[1]")
    change = "root change --instance pki --add-key targets="
    lines = {f"{change}nowhere": 2, f"{change}odd": 1, "sign sign odd --signer ann": 1}
    lines["sign submit odd --instance pki"] = 1
    for line, code in lines.items():
        with pytest.raises(SystemExit) as left:
            main(["ota", *line.split()])
        said = capsys.readouterr().err
        assert left.value.code == code and ("odd: " in said or "nowhere: No such file" in said)
