"""The copy of a SoftHSM token's token.object: what it undoes, what it leaves alone, and whom it waits for."""

import fcntl
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2xpki.errors import TokenLost
from v2xpki.keystore import create_token, token_files
from v2xpki.keystore.softhsm_object import is_cut
from v2xpki.keystore.token_files import PATIENCE, opening

superuser = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives files to others")
NOBODY = 65534

# Another's tool, or a process of ours; each has SoftHSM to itself, for a process has one configuration.
PROCESS = """
import sys
from pathlib import Path
import pkcs11
from v2xpki.errors import KeyRefused
from v2xpki.keystore import TokenConfig, VendorProfile, open_token
from v2xpki.keystore._calls import Calls
home, what, *more = Path(sys.argv[1]), *sys.argv[2:]
module = VendorProfile.load("softhsm2").module
if what == "open":
    try:
        open_token(TokenConfig("softhsm2", "kept", pin_env="PIN", softhsm2_conf=home / "softhsm2.conf",
                               token_dir=home / "tokens")).close()
        print("opened")
    except KeyRefused:
        print("refused")
    sys.exit()
library = pkcs11.lib(str(module))
if what == "make":  # or make anew
    slot = library.get_slots(token_present=True)[0]
    Calls(str(module)).init_token(slot.slot_id, b"87654321", "kept")
if more and what == "make":
    with library.get_token(token_label="kept").open(rw=True, so_pin="87654321") as session:
        session.init_pin(more[0])
if what == "change":
    with library.get_token(token_label="kept").open(rw=True, user_pin=more[0]) as session:
        session.set_pin(*more)
"""


class Tokens:
    """A directory of tokens with one of SoftHSM's in it."""

    def __init__(self, home: Path) -> None:
        self.home, self.config, self.tokens = home, home / "softhsm2.conf", home / "tokens"
        self.tokens.mkdir(mode=0o700)
        self.config.write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\n")

    def run(self, *arguments: str, pin: str = "") -> str:
        given = os.environ | {"SOFTHSM2_CONF": str(self.config), "PIN": pin}
        return subprocess.run(
            [sys.executable, "-c", PROCESS, self.home, *arguments],
            env=given | {"PYTHONPATH": os.pathsep.join(sys.path)},
            check=True, timeout=120, stdout=subprocess.PIPE, text=True,
        ).stdout.strip()  # fmt: skip

    @property
    def folder(self) -> Path:
        [found] = self.tokens.iterdir()
        return found

    @property
    def object(self) -> Path:
        return self.folder / "token.object"

    @property
    def kept(self) -> Path:
        return self.folder / "token.kept"


@pytest.fixture(scope="module")
def made(token_store, tmp_path_factory) -> bytes:
    """What SoftHSM writes for a token with a PIN."""
    tokens = Tokens(tmp_path_factory.mktemp("made"))
    tokens.run("make", "1234")
    return tokens.object.read_bytes()


@pytest.fixture
def tokens(tmp_path, made) -> Tokens:
    tokens = Tokens(tmp_path)
    (tokens.tokens / "one").mkdir()
    tokens.object.write_bytes(made)
    return tokens


@pytest.fixture(autouse=True)
def _told_anew(monkeypatch, caplog):
    monkeypatch.setattr(token_files, "_told", set())
    caplog.set_level(logging.WARNING, token_files.__name__)


@pytest.fixture
def victim(tmp_path) -> Path:
    path = tmp_path / "victim"
    path.write_text("another's")
    return path


def spared(victim: Path) -> bool:
    return victim.read_text() == "another's" and victim.stat().st_uid == os.geteuid()


# --- no link is followed ------------------------------------------------------------------------------------


def test_a_link_where_a_draft_was_once_written_does_not_lead_to_anothers_file(tokens, victim, made):
    (tokens.folder / "token.new").symlink_to(victim)
    with opening(tokens.config):
        pass
    assert spared(victim)
    assert tokens.kept.read_bytes() == made


def test_a_draft_is_written_to_a_new_file_alone(tokens, victim, monkeypatch, caplog):
    monkeypatch.setattr(token_files.secrets, "token_hex", lambda _size: "guessed")
    (tokens.folder / "token.guessed.new").symlink_to(victim)
    with opening(tokens.config):
        pass
    assert spared(victim)
    assert not tokens.kept.exists()
    assert "token.guessed.new: File exists" in caplog.text


def test_a_linked_copy_is_left_alone_and_told_of(tokens, victim, caplog):
    tokens.kept.symlink_to(victim)
    with opening(tokens.config):
        pass
    assert spared(victim)
    assert tokens.kept.is_symlink()
    assert "token.kept: it is a symbolic link" in caplog.text


def test_a_linked_token_is_left_alone_and_told_of(tokens, tmp_path, caplog):
    tokens.object.rename(tmp_path / "elsewhere")
    tokens.object.symlink_to(tmp_path / "elsewhere")
    with opening(tokens.config):
        pass
    assert tokens.object.is_symlink()
    assert not tokens.kept.exists()
    assert "token.object: it is a symbolic link" in caplog.text


def test_a_linked_folder_is_left_alone_and_told_of(tokens, tmp_path, caplog):
    tokens.folder.rename(tmp_path / "elsewhere")
    (tokens.tokens / "one").symlink_to(tmp_path / "elsewhere")
    with opening(tokens.config):
        pass
    assert not (tmp_path / "elsewhere/token.kept").exists()
    assert "no copy of" in caplog.text


def test_a_copy_that_is_no_regular_file_is_not_waited_for(tokens, caplog):
    os.mkfifo(tokens.kept)
    with opening(tokens.config):
        pass
    assert tokens.kept.is_fifo()
    assert "token.kept: it is no regular file" in caplog.text


@superuser
def test_the_superuser_leaves_a_services_copy_to_the_service(tokens, made):
    os.chown(tokens.object, NOBODY, NOBODY)
    with opening(tokens.config):
        pass
    assert (tokens.kept.stat().st_uid, tokens.kept.stat().st_mode & 0o777) == (NOBODY, 0o600)
    tokens.object.write_bytes(b"")
    with opening(tokens.config):
        pass
    assert (tokens.object.stat().st_uid, tokens.object.read_bytes()) == (NOBODY, made)


@superuser
def test_anothers_copy_is_not_handed_to_a_service(tokens, made):
    tokens.kept.write_bytes(made)
    tokens.object.write_bytes(b"")
    os.chown(tokens.object, NOBODY, NOBODY)
    with pytest.raises(TokenLost, match=r"not of token\.object's owner"), opening(tokens.config):
        pass
    assert not tokens.object.read_bytes()


# --- what is put back ---------------------------------------------------------------------------------------


def test_a_file_is_cut_wherever_it_ends_too_early(made):
    assert [size for size in range(len(made) + 1) if not is_cut(made[:size])] == [len(made)]


def test_a_file_of_a_form_that_is_not_known_is_not_called_cut(made):
    """Of a SoftHSM to come: the copy of an older one's must not take its place."""
    assert not is_cut(made + (1).to_bytes(8) + (99).to_bytes(8) + b"what")


@pytest.mark.parametrize("left", [0, 8, 100])
def test_a_file_that_was_cut_off_is_put_back(tokens, made, left, caplog):
    with opening(tokens.config):
        pass
    tokens.object.write_bytes(made[:left])
    with opening(tokens.config):
        assert tokens.object.read_bytes() == made
    assert "its copy was put back" in caplog.text


def test_a_copy_that_is_cut_off_itself_is_not_put_back(tokens, made):
    tokens.kept.write_bytes(made[:100])
    tokens.object.write_bytes(b"")
    with opening(tokens.config):
        assert not tokens.object.read_bytes()


def test_what_a_login_changes_is_in_the_copy_when_it_is_done(tokens, made):
    changed = made[:-1] + bytes([made[-1] ^ 1])
    with opening(tokens.config):
        tokens.object.write_bytes(changed)
    assert tokens.kept.read_bytes() == changed


def test_a_copy_is_not_renewed_by_what_is_cut_off(tokens, made):
    with opening(tokens.config):
        tokens.object.write_bytes(made[:100])
    assert tokens.kept.read_bytes() == made


def test_what_a_death_left_of_a_draft_is_cleared_away(tokens):
    (tokens.folder / f"token.{'0' * 32}.new").write_bytes(b"half")
    with opening(tokens.config):
        pass
    assert sorted(path.name for path in tokens.folder.iterdir()) == ["token.kept", "token.object"]


def test_a_token_has_its_copy_from_its_making_on(token_store):
    config = token_store.config("kept-from-its-making")
    before = set(config.token_dir.iterdir()) if config.token_dir.exists() else set()
    create_token(config)
    [folder] = set(config.token_dir.iterdir()) - before
    assert (folder / "token.kept").read_bytes() == (folder / "token.object").read_bytes()


def test_a_pin_that_was_changed_does_not_come_back_after_the_next_opening(token_store, tmp_path):
    tokens = Tokens(tmp_path)
    tokens.run("make", "1234")
    assert tokens.run("open", pin="1234") == "opened"
    tokens.run("change", "1234", "5678")
    assert tokens.run("open", pin="5678") == "opened"
    tokens.object.write_bytes(b"")
    assert tokens.run("open", pin="1234") == "refused"
    assert tokens.run("open", pin="5678") == "opened"


def test_a_token_that_was_made_anew_stays_so(token_store, tmp_path):
    """C_InitToken leaves it without a user's PIN, and so shorter."""
    tokens = Tokens(tmp_path)
    tokens.run("make", "1234")
    assert tokens.run("open", pin="1234") == "opened"
    whole = tokens.object.read_bytes()
    tokens.run("make")
    anew = tokens.object.read_bytes()
    assert len(anew) < len(whole)
    with opening(tokens.config):
        assert tokens.object.read_bytes() == anew
    assert tokens.kept.read_bytes() == anew


# --- what is not possible -----------------------------------------------------------------------------------

OPENING = """
import logging, resource, sys
from pathlib import Path
from v2xpki.errors import TokenLost
from v2xpki.keystore.token_files import opening
logging.basicConfig(stream=sys.stdout)
resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))  # no room for more
for _ in range(2):
    try:
        with opening(Path(sys.argv[1])):
            print("gone on")
    except TokenLost as error:
        print("lost:", error, error.hint)
"""


def without_room(tokens: Tokens) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", OPENING, tokens.config], stdout=subprocess.PIPE, text=True, check=True,
        timeout=120, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    return done.stdout.splitlines()


def test_where_no_copy_can_be_written_the_opening_goes_on_and_says_so_once(tokens):
    warning, *others = without_room(tokens)
    assert "no copy of" in warning
    assert "File too large" in warning
    assert others == ["gone on", "gone on"]
    assert [path.name for path in tokens.folder.iterdir()] == ["token.object"]


def test_a_file_that_cannot_be_put_back_is_a_lost_token(tokens, made):
    tokens.kept.write_bytes(made)
    tokens.object.write_bytes(b"")
    first, _second = without_room(tokens)
    assert first.startswith(f"lost: {tokens.object} is cut off and cannot be put back")
    assert "make room" in first
    assert tokens.kept.read_bytes() == made


def test_a_linked_copy_is_not_put_back(tokens, tmp_path, made):
    (tmp_path / "elsewhere").write_bytes(made)
    tokens.kept.symlink_to(tmp_path / "elsewhere")
    tokens.object.write_bytes(b"")
    with pytest.raises(TokenLost, match="symbolic link"), opening(tokens.config):
        pass


# --- waiting ------------------------------------------------------------------------------------------------


class Others:
    """Another process that has the directory locked; it gives the lock up after `seconds` on its clock."""

    def __init__(self, tokens: Tokens, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds
        self.descriptor: int | None = os.open(tokens.tokens, os.O_RDONLY)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.seconds:
            self.give_up()

    def give_up(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def test_an_opening_begins_when_the_others_is_over(tokens):
    others = Others(tokens, seconds=PATIENCE / 2)
    with opening(tokens.config, clock=lambda: others.now, pause=others.pause):
        assert others.descriptor is None
        assert others.now >= PATIENCE / 2


def test_others_that_hang_are_waited_for_so_long_and_no_longer(tokens):
    others = Others(tokens, seconds=10 * PATIENCE)
    try:
        with (
            pytest.raises(TokenLost, match=f"{tokens.tokens} locked for 30 s") as raised,
            opening(tokens.config, clock=lambda: others.now, pause=others.pause),
        ):
            pass
    finally:
        others.give_up()
    assert PATIENCE <= others.now < PATIENCE + 1
    assert f"fuser -v {tokens.tokens}" in raised.value.hint
    assert not tokens.kept.exists()


def test_an_opening_that_fails_gives_the_lock_up(tokens):
    with pytest.raises(ZeroDivisionError), opening(tokens.config):
        1 / 0
    with opening(tokens.config, clock=lambda: 0.0, pause=lambda _seconds: pytest.fail("still locked")):
        pass
