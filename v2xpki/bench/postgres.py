"""A PostgreSQL server to be thrown away: a fresh cluster in a temporary directory, reached through a UNIX
socket there and nothing else, with fsync as in earnest. For benchmarks and tests.

    with Server() as server:
        url = server.create()       where nothing is yet

Raises NoServer, with the reason, where there are no server programs. PostgreSQL refuses to run as root, so
root starts it as the user `postgres`.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg


class NoServer(Exception):
    """Why there is no server here."""


class Server:
    """A running cluster."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._user = _user()
        # Short: a socket's path has at most 107 octets.
        self.directory = Path(tempfile.mkdtemp(prefix="v2xpki-pg-", dir="/tmp"))
        self.directory.chmod(0o700)
        if self._user is not None:
            shutil.chown(self.directory, self._user, self._user)
        data = self.directory / "data"
        self._call("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        self._start()

    def _start(self) -> None:
        options = (
            f"-c listen_addresses='' -c unix_socket_directories='{self.directory}' -c shared_buffers=32MB"
        )
        data, log = self.directory / "data", self.directory / "log"
        self._call("pg_ctl", "-D", data, "-w", "-s", "-l", log, "-o", options, "start")

    def crash(self) -> None:
        """Stop at once, as if killed, and start again."""
        self._call("pg_ctl", "-D", self.directory / "data", "-w", "-s", "-m", "immediate", "stop")
        self._start()

    def _call(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(  # noqa: S603 - a program of the server's, found below
            [self._programs / program, *arguments],
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            cwd=self.directory,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode(errors='replace')}")

    def create(self) -> str:
        """URL of a new, empty schema. (A database each would take 0.4 s.)"""
        name = "t" + secrets.token_hex(6)
        self._administer(f"CREATE SCHEMA {name}")
        return f"postgresql://postgres@/postgres?host={self.directory}&options=-csearch_path%3D{name}"

    def disconnect_all(self) -> None:
        """Break every other session, as a restart of the server would."""
        self._administer(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def _administer(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self.directory), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        self._call("pg_ctl", "-D", self.directory / "data", "-w", "-s", "-m", "immediate", "stop")
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _programs() -> Path:
    on_path = shutil.which("pg_ctl")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: int(p.parts[4]))
    if found:
        return found[-1].parent
    if on_path and (Path(on_path).resolve().parent / "initdb").exists():
        return Path(on_path).resolve().parent
    raise NoServer("no PostgreSQL server programs (Debian package postgresql)")


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise NoServer("root cannot run PostgreSQL, and there is no user postgres") from None
