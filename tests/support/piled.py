"""Work that several processes share: rows of a PostgreSQL table, in hand while their row is locked.

python -m tests.support.piled URL        one worker process, until it is killed or told to end
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg

from v2xpki.authorities.queue import Job

PATIENCE = 20.0
HOLD = b"hold"  # the first to begin this job does not end by itself


def until(holds: Callable[[], bool]) -> None:
    """Polls, within PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.01)


class Piled:
    """together: no job ends before so many processes have begun one."""

    def __init__(self, url: str, together: int = 1) -> None:
        self.url, self.together = url, together

    def ask(self, query: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def make(self) -> None:
        self.ask("CREATE TABLE pile (key bytea PRIMARY KEY, done int NOT NULL DEFAULT 0)")
        self.ask("CREATE TABLE begun (key bytea, pid int)")

    def add(self, *keys: bytes) -> None:
        self.ask("INSERT INTO pile (key) SELECT unnest(%s::bytea[])", list(keys))

    def due(self) -> list[Job]:
        return [Job("pile", key) for (key,) in self.ask(
            "SELECT key FROM pile WHERE done = 0 FOR UPDATE SKIP LOCKED")]  # fmt: skip

    def run(self, job: Job) -> None:
        with psycopg.connect(self.url) as connection:
            mine = connection.execute(
                "SELECT 1 FROM pile WHERE key = %s AND done = 0 FOR UPDATE SKIP LOCKED", (job.key,)
            ).fetchone()
            if mine is None:
                return
            self.ask("INSERT INTO begun VALUES (%s, %s)", job.key, os.getpid())
            if job.key == HOLD and len(self.ask("SELECT 1 FROM begun WHERE key = %s", HOLD)) == 1:
                threading.Event().wait(PATIENCE)
            until(lambda: self.ask("SELECT count(DISTINCT pid) FROM begun") >= [(self.together,)])
            connection.execute("UPDATE pile SET done = done + 1 WHERE key = %s", (job.key,))


def main() -> None:
    from v2xpki.jobs.procrastinated import ProcrastinatePool

    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    url, together = sys.argv[1:]
    with ProcrastinatePool(Piled(url, int(together)), url, name="pile", tick=0.05, heartbeat=0.2):
        told.wait()


if __name__ == "__main__":
    main()
