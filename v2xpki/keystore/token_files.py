"""SoftHSM's token.object, which every login empties and writes anew.

It holds the token's own key under the PIN: without it, every key of the token is lost. SoftHSM 2.6 empties
it under a lock, gives the lock up, and only then writes. A process that is killed in between (for want of
memory, by a supervisor, with the machine) leaves it empty, and whoever reads it just then finds no token. So
processes open tokens one after the other; each keeps a copy first, and puts it back where it is whole.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TOKEN_DIR = re.compile(r"^\s*directories\.tokendir\s*=\s*(.+?)\s*$", re.MULTILINE)
_OBJECT, _KEPT = "token.object", "token.kept"
_COUNTER = 8  # octets at a file's beginning that count its changes: every login's


@contextmanager
def opening(config: Path | None) -> Iterator[None]:
    """While a process loads the module with a SoftHSM configuration, or logs in: alone, and with whole files.

    config: None for another vendor's module, of whose files nothing is known.
    """
    folder = None if config is None else _token_dir(config)
    if folder is None or not folder.is_dir():
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for path in folder.glob(f"*/{_OBJECT}"):
            _keep(path)
        yield
    finally:
        os.close(descriptor)


def _token_dir(config: Path) -> Path | None:
    found = _TOKEN_DIR.search(config.read_text("utf-8")) if config.is_file() else None
    return Path(found[1]) if found else None


def _keep(path: Path) -> None:
    """Of the file and its copy the one that is whole takes the other's place. A token's has one length: only
    flags and PINs may change in it."""
    kept = path.with_name(_KEPT)
    present, copy = path.read_bytes(), kept.read_bytes() if kept.exists() else b""
    if len(present) < len(copy):
        _replace(path, copy, path.stat())
    elif present[_COUNTER:] != copy[_COUNTER:]:
        _replace(kept, present, path.stat())


def _replace(path: Path, octets: bytes, like: os.stat_result) -> None:
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        if like.st_uid != os.geteuid():  # the superuser looks at a service's token
            os.fchown(file.fileno(), like.st_uid, like.st_gid)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
