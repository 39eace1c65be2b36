"""A session or a token goes away behind the keystore's back; for real, in SoftHSM."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from v2xpki.crypto import Curve
from v2xpki.errors import KeyNotFound, KeyRefused, TokenLost
from v2xpki.keystore import KeyLabel, MemoryKey, open_token

SIGN, ENCRYPT = KeyLabel("ea", "sign"), KeyLabel("ea", "encrypt")
DIGEST = bytes(32)


def close_sessions(keystore):
    """What a module's restart, a network HSM's time-out or another thread's mistake does."""
    session = keystore._session
    session.module.calls.close_all_sessions(session._slot)


def directory_of(token_store, keystore):
    """The token's own directory, known by the label inside its token object."""
    [found] = [
        path.parent
        for path in token_store.config("").token_dir.glob("*/token.object")
        if keystore.token_label.encode().ljust(32) in path.read_bytes()
    ]
    return found


@pytest.fixture
def token_store(token_store):
    class Store:
        directory = token_store.directory

        @staticmethod
        def config(name):
            return token_store.config(name or "x")

        open = staticmethod(token_store.open)

    return Store


@pytest.fixture
def keystore(token_store, request):
    keystore = token_store.open(f"loss-{abs(hash(request.node.name)) % 10**8}")
    keystore.generate(SIGN, Curve.NIST_P256)
    keystore.generate(ENCRYPT, Curve.NIST_P256)
    return keystore


def test_a_lost_session_is_reported_and_the_next_signature_reopens_it(keystore):
    key = keystore.issuing_key(SIGN)
    key.sign(DIGEST)
    close_sessions(keystore)
    with pytest.raises(TokenLost, match="ea-sign-1"):
        key.sign(DIGEST)
    assert keystore.reopenings == 0  # the signature itself is never tried twice
    assert len(key.sign(DIGEST)) == 64
    assert keystore.reopenings == 1
    keystore.self_test(SIGN)


def test_a_signature_is_asked_of_the_token_once_and_no_more(keystore, monkeypatch):
    key = keystore.issuing_key(SIGN)
    calls = []
    real = key._calls.sign
    monkeypatch.setattr(key._calls, "sign", lambda *arguments: calls.append(1) or real(*arguments))
    close_sessions(keystore)
    with pytest.raises(TokenLost):
        key.sign(DIGEST)
    assert calls == [1]


def test_an_agreement_survives_a_lost_session(keystore):
    agreer = keystore.agreer(ENCRYPT)
    other = MemoryKey.generate(Curve.NIST_P256)
    close_sessions(keystore)
    assert agreer.agree(other.public_key) == other.agree(agreer.public_key)
    assert keystore.reopenings == 1


def test_listing_reports_a_lost_session_and_comes_back(keystore):
    close_sessions(keystore)
    with pytest.raises(TokenLost):
        keystore.keys()
    assert [info.label for info in keystore.keys()] == [ENCRYPT, SIGN]


def test_a_lost_session_costs_generation_nothing_but_the_report(keystore):
    close_sessions(keystore)
    label = KeyLabel("ea", "sign", 2)
    with pytest.raises(TokenLost):
        keystore.generate(label, Curve.NIST_P256)
    keystore.generate(label, Curve.NIST_P256)


def test_a_removed_token_is_lost_until_it_is_back(keystore, token_store, tmp_path):
    key, agreer = keystore.issuing_key(SIGN), keystore.agreer(ENCRYPT)
    home = directory_of(token_store, keystore)
    shutil.move(home, tmp_path / "taken")
    for _ in range(3):
        with pytest.raises(TokenLost):
            key.sign(DIGEST)
        with pytest.raises(TokenLost):
            agreer.agree(MemoryKey.generate(Curve.NIST_P256).public_key)
        with pytest.raises(TokenLost):
            keystore.keys()
    shutil.move(tmp_path / "taken", home)
    assert len(key.sign(DIGEST)) == 64
    assert [info.label for info in keystore.keys()] == [ENCRYPT, SIGN]


def test_another_tokens_loss_is_not_felt(keystore, token_store, tmp_path):
    """The module is initialised anew to look for the lost token; the other session reopens silently."""
    neighbour = token_store.open("loss-neighbour")
    neighbour.generate(KeyLabel("aa", "sign"), Curve.NIST_P256)
    key = neighbour.issuing_key(KeyLabel("aa", "sign"))
    home = directory_of(token_store, keystore)
    shutil.move(home, tmp_path / "taken")
    for _ in range(3):
        with pytest.raises(TokenLost):
            keystore.issuing_key(SIGN).sign(DIGEST)
        assert len(key.sign(DIGEST)) == 64
        assert len(neighbour.keys()) == 1
    shutil.move(tmp_path / "taken", home)


def test_a_token_of_other_keys_in_its_place_is_not_used(keystore, token_store, tmp_path):
    """Restored from the wrong backup: same labels, other keys, and certificates that would not fit."""
    key = keystore.issuing_key(SIGN)
    home = directory_of(token_store, keystore)
    before = tmp_path / "before"
    shutil.copytree(home, before)
    with keystore._session.at_work("replacing"), keystore._session.writable() as session:
        from pkcs11 import Attribute

        for found in list(session.get_objects({Attribute.LABEL: SIGN.text})):
            found.destroy()
    keystore._keys.clear()
    keystore.generate(SIGN, Curve.NIST_P256)
    close_sessions(keystore)
    with pytest.raises(TokenLost):
        keystore.keys()
    with pytest.raises(KeyRefused, match="another key"):
        key.sign(DIGEST)


def test_a_key_that_vanished_is_not_found(keystore):
    key = keystore.issuing_key(SIGN)
    with keystore._session.at_work("removing"), keystore._session.writable() as session:
        from pkcs11 import Attribute

        for found in list(session.get_objects({Attribute.LABEL: SIGN.text})):
            found.destroy()
    with pytest.raises(TokenLost):
        key.sign(DIGEST)
    with pytest.raises(KeyNotFound):
        key.sign(DIGEST)


def test_a_pin_that_was_changed_is_asked_once_and_not_again(keystore, token_store, monkeypatch):
    """A hardware token locks after a few wrong PINs: one loss must not use them all up."""
    attempts = []

    def wrong():
        attempts.append(1)
        return "another-pin"

    monkeypatch.setattr(keystore._session, "_read_pin", wrong)
    close_sessions(keystore)
    key = keystore.issuing_key(SIGN)
    with pytest.raises(TokenLost):
        key.sign(DIGEST)
    for _ in range(5):
        with pytest.raises(KeyRefused, match="refuses the PIN"):
            key.sign(DIGEST)
    assert attempts == [1]


def test_threads_share_one_session_without_harm(keystore):
    """As a threaded worker does; python-pkcs11 with a session a thread ends in SIGSEGV here."""
    key, agreer = keystore.issuing_key(SIGN), keystore.agreer(ENCRYPT)
    other = MemoryKey.generate(Curve.NIST_P256)
    expected = other.agree(agreer.public_key)
    signatures, wrong = [], []

    def work():
        for turn in range(40):
            signatures.append(key.sign(DIGEST))
            if agreer.agree(other.public_key) != expected:
                wrong.append(turn)
            if turn % 10 == 0 and len(keystore.keys()) != 2:
                wrong.append(turn)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(set(signatures)) == 320  # every nonce its own


def test_a_token_that_never_was_is_lost(token_store):
    with pytest.raises(TokenLost, match="no token"):
        config = token_store.config("loss-none")
        config.pin_file.touch(0o600)
        config.pin_file.write_text("1234")
        open_token(config)


# --- a death during a login: SoftHSM empties token.object, gives its lock up, and only then writes ----------

LOGIN = """
import logging, resource, signal, sys
from pathlib import Path
from v2xpki.keystore import TokenConfig, open_token
logging.getLogger("v2xpki.keystore.token_files").setLevel(logging.DEBUG)
logging.basicConfig()
home, limit = Path(sys.argv[1]), int(sys.argv[3])
if limit:  # the first write beyond it ends the process: that of the emptied token.object
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
with open_token(TokenConfig("softhsm2", sys.argv[2], pin_file=home / f"pin-{sys.argv[2]}",
                            softhsm2_conf=home / "softhsm2.conf", token_dir=home / "tokens")) as keystore:
    print(*(info.label.text for info in keystore.keys()))
"""


def login(token_store, keystore, limit=0, stderr=None):
    """Another process logs in, as a worker or `status` does."""
    environment = {name: text for name, text in os.environ.items() if name != "SOFTHSM2_CONF"}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", LOGIN, token_store.directory, keystore.token_label, str(limit)],
        stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment,
    )  # fmt: skip


def test_a_process_that_is_killed_while_it_logs_in_does_not_take_the_token_along(keystore, token_store):
    file = directory_of(token_store, keystore) / "token.object"
    whole = file.read_bytes()
    dying = login(token_store, keystore, limit=8)
    dying.communicate(timeout=120)
    assert dying.returncode == -signal.SIGXFSZ
    assert len(file.read_bytes()) <= 8 < len(whole), "SoftHSM has got better: this room may go"
    after = login(token_store, keystore)
    assert after.communicate(timeout=120)[0].split() == [ENCRYPT.text, SIGN.text]
    close_sessions(keystore)
    with pytest.raises(TokenLost):
        keystore.keys()
    keystore.self_test(SIGN)


def test_processes_open_a_token_one_after_the_other(keystore, token_store):
    """Else one finds the file that another one has emptied, and no token in it."""
    file = directory_of(token_store, keystore) / "token.object"
    folder = os.open(token_store.config("").token_dir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        before = file.read_bytes()
        waiting = login(token_store, keystore, stderr=subprocess.PIPE)
        said = waiting.stderr.readline()
        assert said.endswith("waiting\n"), said
        assert file.read_bytes() == before
    finally:
        os.close(folder)
    assert waiting.communicate(timeout=120)[0].split() == [ENCRYPT.text, SIGN.text]
