"""What a process may have: its own trust domain's token, loaded after the last fork."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MAKE = """
import sys
from pathlib import Path
from v2xpki.crypto import Curve
from v2xpki.keystore import KeyLabel, TokenConfig, create_token, open_token
home, name = Path(sys.argv[1]), sys.argv[2]
config = TokenConfig("softhsm2", f"v2xpki-{name}", pin_file=home / "pin",
                     softhsm2_conf=home / "softhsm2.conf", token_dir=home / "tokens")
create_token(config)
with open_token(config) as keystore:
    keystore.generate(KeyLabel(name, "sign"), Curve.NIST_P256)
"""

# The worker knows its own SOFTHSM2_CONF and PIN, and tries all it can for the other domain's keys.
ATTACK = """
import json, os, sys
from pathlib import Path
import pkcs11
from v2xpki.errors import KeystoreError
from v2xpki.keystore import KeyLabel, TokenConfig, VendorProfile, open_token
home = Path(sys.argv[1])
own = TokenConfig("softhsm2", "v2xpki-ea", pin_file=home / "pin")
keystore = open_token(own)
seen = {"own": [info.label.text for info in keystore.keys()], "refused": []}
for label in ("v2xpki-aa", "v2xpki-root"):
    try:
        open_token(TokenConfig("softhsm2", label, pin_file=home / "pin"))
    except KeystoreError as error:
        seen["refused"].append(type(error).__name__)
for label in ("aa-sign-1", "root-sign-1"):
    try:
        keystore.issuing_key(KeyLabel.parse(label))
    except KeystoreError as error:
        seen["refused"].append(type(error).__name__)
# past the keystore, straight at the module: every slot, every token, every object
library = pkcs11.lib(str(VendorProfile.load("softhsm2").module))
tokens = [slot.get_token() for slot in library.get_slots(token_present=True)]
seen["tokens"] = sorted(token.label for token in tokens if token.label)
seen["objects"] = sorted(
    {one[pkcs11.Attribute.LABEL] for token in tokens if token.label for one in token.open().get_objects()})
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def domains(tmp_path_factory, in_own_process):
    base = tmp_path_factory.mktemp("domains")
    for name in ("ea", "aa", "root"):
        in_own_process(MAKE, base / name, name)
    return base


def test_a_worker_can_neither_list_nor_use_another_domains_key(domains, in_own_process):
    out = in_own_process(ATTACK, domains / "ea", env={"SOFTHSM2_CONF": str(domains / "ea/softhsm2.conf")})
    seen = json.loads(out)
    assert seen["own"] == ["ea-sign-1"]
    assert seen["refused"] == ["TokenLost", "TokenLost", "KeyNotFound", "KeyNotFound"]
    assert seen["tokens"] == ["v2xpki-ea"]
    assert seen["objects"] == ["ea-sign-1"]


def test_one_domains_pin_does_not_open_another_domains_token(domains, in_own_process):
    out = in_own_process(
        """
import sys
from pathlib import Path
from v2xpki.errors import KeyRefused
from v2xpki.keystore import TokenConfig, open_token
base = Path(sys.argv[1])
try:
    open_token(TokenConfig("softhsm2", "v2xpki-aa", pin_file=base / "ea/pin",
                           softhsm2_conf=base / "aa/softhsm2.conf"))
except KeyRefused as error:
    print(error)
""",
        domains,
    )
    assert "refuses the PIN" in out


def test_nothing_of_a_key_lies_in_the_token_directory_unencrypted(domains):
    pin = (domains / "ea/pin").read_text().strip().encode()
    for path in (domains / "ea/tokens").rglob("*"):
        if path.is_file():
            assert pin not in path.read_bytes()


def test_a_forked_process_is_refused(domains, in_own_process):
    out = in_own_process(
        """
import os, sys
from pathlib import Path
from v2xpki.crypto import Curve
from v2xpki.errors import KeyRefused
from v2xpki.keystore import KeyLabel, TokenConfig, open_token
home = Path(sys.argv[1])
config = TokenConfig("softhsm2", "v2xpki-ea", pin_file=home / "pin", softhsm2_conf=home / "softhsm2.conf")
keystore = open_token(config)
key = keystore.issuing_key(KeyLabel("ea", "sign"))

def refused(action):
    try:
        action()
    except KeyRefused as error:
        return "forked" in str(error)
    return False

child = os.fork()
if child == 0:
    held = [refused(lambda: key.sign(bytes(32))), refused(keystore.keys), refused(lambda: open_token(config)),
            refused(lambda: keystore.self_test(KeyLabel("ea", "sign")))]
    keystore.close()  # gives the parent's session back to nobody
    os._exit(0 if all(held) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(key.sign(bytes(32))))
""",
        domains / "ea",
    )
    assert out.split() == ["0", "64"]


def test_one_process_after_another_opens_several_domains(domains, in_own_process):
    """`status` walks over all domains in one process, one at a time."""
    out = in_own_process(
        """
import sys
from pathlib import Path
from v2xpki.keystore import TokenConfig, open_token
for name in ("ea", "aa", "root", "ea"):
    home = Path(sys.argv[1]) / name
    with open_token(TokenConfig("softhsm2", f"v2xpki-{name}", pin_file=home / "pin",
                                softhsm2_conf=home / "softhsm2.conf")) as keystore:
        print(*[info.label for info in keystore.keys()])
        keystore.self_test(keystore.keys()[0].label)
""",
        domains,
    )
    assert out.split() == ["ea-sign-1", "aa-sign-1", "root-sign-1", "ea-sign-1"]


def test_a_stations_process_loads_no_token_library():
    program = """
import sys
from v2xpki.crypto import Curve
from v2xpki.keystore import MemoryKey
MemoryKey.generate(Curve.NIST_P256)
print("pkcs11" in sys.modules)
"""
    command = [sys.executable, "-c", program]  # not forked from a process that has imported anything
    assert subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip() == "False"


def test_no_pin_is_ever_an_argument_of_a_process():
    """Tokens are made in-process; the source starts no tool that would take a PIN."""
    keystore = Path(__file__).parents[3] / "v2xpki" / "keystore"
    for path in keystore.rglob("*.py"):
        text = path.read_text()
        assert "subprocess" not in text and "os.system" not in text and "--pin" not in text, path
