"""Which processes still live that may have issuance records open.

A process that records something to sign is a run. It holds a lock that the kernel (SQLite: flock on a file
of its own beside the database) or the server (PostgreSQL: a session's advisory lock) drops when it dies,
however it dies. So a start can void what a dead run left open and leave a live neighbour's records alone.
"""

import contextlib
import fcntl
import os
import secrets
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

_LOCK_NOT_AVAILABLE = "55P03"


class Run(Protocol):
    """A held lock; `id` is what the run's open records carry (8 octets)."""

    id: bytes

    def close(self) -> None: ...


class FileRun:
    """A lock file `<database>-runs/<id>`, removed on close."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        self.id = secrets.token_bytes(8)
        self._path = directory / self.id.hex()
        self._file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def file_run_is_alive(directory: Path, run: bytes) -> bool:
    """Whether some process holds the run's lock. A dead run's file is removed."""
    path = directory / run.hex()
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # shared, or two who ask in the same moment would take each other for the run
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(file)


class ServerRun:
    """A session of its own that holds an advisory lock. Should that session break, another process's start
    may void what this one has open; completing such a record is then refused, so that nothing goes out."""

    def __init__(self, engine: sa.Engine) -> None:
        self.id = secrets.token_bytes(8)
        self._connection = engine.connect()
        self._connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _lock_key(self.id)})

    def close(self) -> None:
        with contextlib.suppress(sa.exc.DBAPIError):  # a broken session has given it up already
            self._connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _lock_key(self.id)})
        self._connection.close()


def server_run_is_alive(connection: sa.Connection, run: bytes) -> bool:
    """Whether some session of the server holds the run's lock; waits a second for one that is ending, since
    the server notices a killed client a little later."""
    key = {"key": _lock_key(run)}
    connection.execute(sa.text("SET lock_timeout = '1s'"))
    try:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), key)
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return True
        raise
    finally:
        connection.execute(sa.text("RESET lock_timeout"))
    connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), key)
    return False


def _lock_key(run: bytes) -> int:
    return int.from_bytes(run, signed=True)
