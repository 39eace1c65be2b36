"""Databases in and out of a backup, consistent while the services go on writing.

SQLite: the online backup API, which copies one committed state. PostgreSQL: pg_dump and pg_restore in
custom format; their connection is told through the environment, since a URL may hold a password.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from v2xpki.errors import ConfigError, StoreError


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite database; None for a server's."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database:
        raise ConfigError("a SQLite database in memory cannot be backed up")
    return Path(parsed.database)


def belongings(path: Path) -> set[Path]:
    """What SQLite and the store keep beside a database and no backup takes as files."""
    return {path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal", "-runs")}


def copy_sqlite(source: Path, target: Path) -> None:
    """A copy of one committed state, checked. Raises StoreError."""
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True, timeout=30)) as origin,
            closing(sqlite3.connect(target)) as copy,
        ):
            origin.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete in itself
            [verdict] = copy.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied: {error}") from error
    if verdict != "ok":
        raise StoreError(f"{source} is damaged: {verdict}")


def dump_postgresql(url: str, target: Path) -> None:
    """pg_dump's custom format. Raises StoreError, ConfigError (no pg_dump)."""
    _run("pg_dump", url, "--format=custom", "--no-owner", f"--file={target}")


def load_postgresql(url: str, source: Path) -> None:
    """Replace a database's content by a dump, in one transaction. Raises as dump_postgresql."""
    _run(
        "pg_restore", url, "--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error",
        f"--dbname={sa.make_url(url).database or ''}", str(source),
    )  # fmt: skip


def _run(program: str, url: str, *arguments: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise ConfigError(f"{program} is not installed", hint="Debian: apt-get install postgresql-client")
    done = subprocess.run(  # noqa: S603 - our own words, and files we named
        [path, *arguments],
        env=dict(os.environ) | libpq_environment(url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise StoreError(f"{program} failed: {''.join(last)}")


_LIBPQ = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


def libpq_environment(url: str) -> dict[str, str]:
    """The PG* variables of a URL, parameters after the question mark included."""
    parsed = sa.make_url(url)
    values = {_LIBPQ[name]: value for name, value in parsed.query.items() if name in _LIBPQ}
    values |= {
        "PGHOST": parsed.host or values.get("PGHOST", ""),
        "PGPORT": str(parsed.port or values.get("PGPORT", "")),
        "PGUSER": parsed.username or values.get("PGUSER", ""),
        "PGPASSWORD": parsed.password or "",
        "PGDATABASE": parsed.database or "",
    }
    return {name: value for name, value in values.items() if isinstance(value, str) and value}
