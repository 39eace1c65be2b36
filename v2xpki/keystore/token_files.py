"""SoftHSM's token.object, which every login empties and writes anew.

It holds the token's own key under the PIN: without it, every key of the token is lost. SoftHSM 2.6 empties
it under a lock, gives the lock up, and only then writes. A process that is killed in between (for want of
memory, by a supervisor, with the machine) leaves it empty, and whoever reads it just then finds no token. So
processes open tokens one after the other; each keeps a copy before and after, and puts it back where the file
is cut off.

The superuser may look at a service's tokens, whose folder that service may write: so no link is followed, and
what is written is a new file of a name that nobody knows beforehand.
"""

import errno
import fcntl
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from v2xpki.errors import TokenLost
from v2xpki.keystore.softhsm_object import COUNTER, is_cut

#: What to do about a token that is gone.
BRING_BACK = (
    "put it back, or bring the instance back from a backup (`v2xpki restore`); docs/runbooks.md has what to "
    "do about keys that stay lost"
)
#: Seconds to wait for others that open tokens. A login takes some hundredths of one, so dozens of workers
#: that start together are through long before; who holds the lock for longer hangs, and all our keys with it.
PATIENCE = 30.0

_POLL = 0.02  # seconds between two looks at the lock
_TOKEN_DIR = re.compile(r"^\s*directories\.tokendir\s*=\s*(.+?)\s*$", re.MULTILINE)
_OBJECT, _KEPT = "token.object", "token.kept"
_DRAFT = re.compile(r"token\.[0-9a-f]{32}\.new")
_log = logging.getLogger(__name__)
_told: set[str] = set()  # warnings of this process: each login would repeat them


@contextmanager
def opening(
    config: Path | None,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """While a process loads the module with a SoftHSM configuration, makes a token or logs in: alone, and
    with whole files. Where no copy can be kept, a warning is logged once, and the opening goes on.

    config: None for another vendor's module, of whose files nothing is known. clock, pause: seconds.

    Raises TokenLost where the folder that it names is gone (SoftHSM would say no more than
    CKR_GENERAL_ERROR), cannot be read or is locked by others for PATIENCE, and where a file that is cut off
    cannot be put back.
    """
    tokens = None if config is None else _token_dir(config)
    if tokens is None:
        yield
        return
    if not tokens.is_dir():
        raise TokenLost(
            f"the directory of tokens {tokens}, which {config} names, is missing",
            hint=BRING_BACK,
        )
    with _locked(tokens, clock, pause) as descriptor:
        _keep_all(tokens, descriptor, restore=True)
        yield
        _keep_all(tokens, descriptor, restore=False)  # a PIN that was changed before is in the copy now


def _token_dir(config: Path) -> Path | None:
    found = _TOKEN_DIR.search(config.read_text("utf-8")) if config.is_file() else None
    return Path(found[1]) if found else None


@contextmanager
def _locked(tokens: Path, clock: Callable[[], float], pause: Callable[[float], None]) -> Iterator[int]:
    try:
        descriptor = os.open(tokens, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise TokenLost(
            f"the directory of tokens {tokens} cannot be opened: {error.strerror}",
            hint="run this as the user whose tokens they are",
        ) from error
    try:
        end = clock() + PATIENCE
        while not _lock(tokens, descriptor):
            if clock() >= end:
                raise TokenLost(
                    f"another process has had the directory of tokens {tokens} locked for {PATIENCE:g} s",
                    hint=f"find it with `fuser -v {tokens}`, end it if it hangs, then try again",
                )
            _log.debug("another process opens a token of %s: waiting", tokens)
            pause(_POLL)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(tokens: Path, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise TokenLost(
            f"the directory of tokens {tokens} cannot be locked: {error.strerror}",
            hint="keep tokens on a file system that knows flock(2)",
        ) from error
    return True


def _keep_all(tokens: Path, descriptor: int, *, restore: bool) -> None:
    for name in sorted(os.listdir(descriptor)):
        place = tokens / name
        try:
            if not place.is_dir():
                continue
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            try:
                _keep(place, folder, restore=restore)
            finally:
                os.close(folder)
        except FileNotFoundError:
            continue  # no token's folder, or gone since
        except OSError as error:
            _tell(f"no copy of {place / _OBJECT} is kept ({error.filename or place}: {error.strerror})")


def _keep(place: Path, folder: int, *, restore: bool) -> None:
    """Put the copy back where the file is cut off; renew the copy where the file is whole and another."""
    present, owner = _read(folder, _OBJECT)
    cut = is_cut(present)
    if cut and not restore:
        return
    try:
        copy, copy_owner = _read_copy(folder, owner)
        if not cut:
            if present[COUNTER:] != copy[COUNTER:]:
                _replace(folder, _KEPT, present, owner)
        elif not is_cut(copy):
            _require_same_owner(copy_owner, owner)
            _replace(folder, _OBJECT, copy, owner)
            _log.warning("%s was cut off by a death during a login; its copy was put back", place / _OBJECT)
    except OSError as error:
        if not cut:
            raise
        raise TokenLost(
            f"{place / _OBJECT} is cut off and cannot be put back from {_KEPT}: "
            f"{error.filename or place}: {error.strerror}",
            hint=f"give {_KEPT} and its folder to the file's owner and make room; or {BRING_BACK}",
        ) from error


def _read_copy(folder: int, owner: os.stat_result) -> tuple[bytes, os.stat_result]:
    try:
        return _read(folder, _KEPT)
    except FileNotFoundError:
        return b"", owner


def _require_same_owner(copy: os.stat_result, present: os.stat_result) -> None:
    """Else the superuser would hand to one what is another's, by a hard link to it."""
    if copy.st_uid != present.st_uid:
        raise OSError(errno.EPERM, f"it is not of {_OBJECT}'s owner", _KEPT)


def _read(folder: int, name: str) -> tuple[bytes, os.stat_result]:
    """A regular file's octets and status; OSError where it is a link or anything else."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link, and none is followed", name) from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", name)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(), status
    finally:
        os.close(descriptor)


def _replace(folder: int, name: str, octets: bytes, owner: os.stat_result) -> None:
    for left in filter(_DRAFT.fullmatch, os.listdir(folder)):  # by a death: the lock is ours
        os.unlink(left, dir_fd=folder)
    draft = f"token.{secrets.token_hex(16)}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(draft, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if owner.st_uid != os.geteuid():  # the superuser looks at a service's token
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise


def _tell(warning: str) -> None:
    if warning not in _told:
        _told.add(warning)
        _log.warning("%s: a death during a login would lose the token", warning)
