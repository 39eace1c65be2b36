"""The drill: back up, destroy, restore; the same keys sign, the audit chains are whole."""

import json
import shutil

import pytest

from tests.support.commands import serving, v2xpki
from tests.support.ports import free_ports

# Each domain in a process of its own, as `init` does it.
MAKE = """
import sys
from v2xpki.config import Instance
from v2xpki.crypto import Curve
from v2xpki.keystore import KeyLabel, TokenConfig, create_token, open_token
from v2xpki.store import Database, upgrade
domain = Instance.load(sys.argv[1]).domain(sys.argv[2])
config = TokenConfig.of_domain(domain)
create_token(config)
with open_token(config) as keystore:
    for use in ("sign", "encrypt"):
        keystore.generate(KeyLabel(domain.name, use), Curve.NIST_P256)
with Database.open(domain.database_url) as database:
    upgrade(database, domain.name)
"""
USE = """
import hashlib, json, sys
from v2xpki.backup import verify
from v2xpki.time import SystemClock
from v2xpki.config import Instance
from v2xpki.crypto import Curve
from v2xpki.keystore import KeyLabel, TokenConfig, open_token
domain = Instance.load(sys.argv[1]).domain(sys.argv[2])
with open_token(TokenConfig.of_domain(domain)) as keystore:
    infos = keystore.keys()
    for info in infos:
        keystore.self_test(info.label)
    signature = keystore.issuing_key(KeyLabel(domain.name, "sign")).sign(hashlib.sha256(b"drill").digest())
chain = verify(Instance.load(sys.argv[1]), SystemClock())[domain.name]
print(json.dumps({"keys": {info.label.text: info.public_key.point.hex() for info in infos},
                  "signature": signature.hex(), "entries": chain}))
"""


@pytest.fixture
def run(in_own_process):
    return lambda code, *arguments: in_own_process(code, *arguments)


PASSPHRASE = {"V2XPKI_BACKUP_PASSPHRASE": "a passphrase of the drill"}


def test_the_same_keys_sign_after_a_restore_to_another_place(tmp_path, run, token_store):
    del token_store  # asked for so that the test is skipped where there is no SoftHSM
    home, backup = tmp_path / "pki", tmp_path / "pki.backup"
    home.mkdir()
    (home / "v2xpki.toml").write_text("")
    domains = ("ea",)
    for name in domains:
        run(MAKE, home, name)
    before = {name: json.loads(run(USE, home, name)) for name in domains}

    v2xpki("backup", home, backup, **PASSPHRASE)
    shutil.rmtree(home)
    target = tmp_path / "elsewhere" / "pki"
    dry = v2xpki("restore", target, backup, **PASSPHRASE)
    assert "--yes" in dry.stdout and not target.exists()
    v2xpki("restore", target, backup, "--yes", expect=3, V2XPKI_BACKUP_PASSPHRASE="not the passphrase")
    assert not target.exists()
    told = json.loads(v2xpki("restore", target, backup, "--yes", "--json", **PASSPHRASE).stdout)
    assert told["applied"] and told["databases"] == list(domains)

    after = {name: json.loads(run(USE, target, name)) for name in domains}
    for name in domains:
        assert after[name]["keys"] == before[name]["keys"]
        assert_verifies(after[name])
        # one entry more in the backup, for it was made, and one since, for it was restored
        assert after[name]["entries"] == before[name]["entries"] + 2


def assert_verifies(result):
    import hashlib

    from v2xpki.crypto import Curve, PublicKey, signature_record, verify

    [point] = [point for label, point in result["keys"].items() if "-sign-" in label]
    key = PublicKey.from_sec1(Curve.NIST_P256, bytes.fromhex(point))
    signature = signature_record(Curve.NIST_P256, bytes.fromhex(result["signature"]))
    verify(key, signature, hashlib.sha256(b"drill").digest())


def test_a_fleet_goes_on_after_a_restore(tmp_path, token_store):
    """Backed up while it serves; then all is gone; then it serves again: same keys, same station."""
    del token_store
    [port] = free_ports(1)
    home, backup, car = tmp_path / "pki", tmp_path / "pki.backup", tmp_path / "car"
    url = f"http://127.0.0.1:{port}"
    made = json.loads(v2xpki("init", home, "--base-url", url, "--yes", "--json").stdout)
    ids = {entry["role"]: entry["hashedId8"] for entry in made["authorities"]}
    v2xpki("client", "init", car, "--id", "car-1", "--url", url, "--tlm", ids["tlm"])
    v2xpki("station", "register", home, "--id", "car-1", "--key", car / "canonical.pub.pem")
    plan = (home, ["--http", f"127.0.0.1:{port}"])

    with serving(plan):
        v2xpki("client", "enrol", car)
        v2xpki("backup", home, backup, **PASSPHRASE)
        refused = v2xpki("restore", home, backup, "--yes", expect=2, **PASSPHRASE)
        assert "being served" in refused.stderr
    before = json.loads(v2xpki("status", home, "--json").stdout)
    shutil.rmtree(home)
    v2xpki("restore", home, backup, "--yes", **PASSPHRASE)
    with serving(plan):
        # the EC of before is known, and the AA's ticket verifies under the certificates of before
        v2xpki("client", "authorize", car, "-n", "1")
        v2xpki("client", "enrol", car, "--by-ec")
    after = json.loads(v2xpki("status", home, "--json").stdout)
    assert keys_of(after) == keys_of(before)
    assert len(keys_of(after)) == 6  # root, tlm; ea and aa with two each


def keys_of(document):
    """Every public key that `status` names, wherever in it."""
    if isinstance(document, dict):
        own = [document["publicKey"]] if "publicKey" in document else []
        return own + [key for value in document.values() for key in keys_of(value)]
    if isinstance(document, list):
        return [key for value in document for key in keys_of(value)]
    return []
