"""The drill: back up, destroy, restore; the same keys sign, the audit chains are whole."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

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


def v2xpki(*arguments, passphrase="a passphrase of the drill", expect=0):
    done = subprocess.run(
        [sys.executable, "-m", "v2xpki", *map(str, arguments)],
        env={k: v for k, v in os.environ.items() if k != "SOFTHSM2_CONF"}
        | {"PYTHONPATH": str(ROOT), "V2XPKI_BACKUP_PASSPHRASE": passphrase},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("moved", [False, True], ids=["in place", "to another machine's path"])
def test_the_same_keys_sign_after_a_restore(tmp_path, run, token_store, moved):
    del token_store  # asked for so that the test is skipped where there is no SoftHSM
    home, backup = tmp_path / "pki", tmp_path / "pki.backup"
    home.mkdir()
    (home / "v2xpki.toml").write_text("")
    domains = ("ea", "aa")
    for name in domains:
        run(MAKE, home, name)
    before = {name: json.loads(run(USE, home, name)) for name in domains}

    v2xpki("backup", home, backup)
    shutil.rmtree(home)
    target = tmp_path / "elsewhere" / "pki" if moved else home
    dry = v2xpki("restore", target, backup)
    assert "--yes" in dry.stdout and not target.exists()
    v2xpki("restore", target, backup, "--yes", passphrase="not the passphrase", expect=3)
    assert not target.exists()
    told = json.loads(v2xpki("restore", target, backup, "--yes", "--json").stdout)
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
