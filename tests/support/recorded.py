"""Work for the tests of queues: its rows are in memory."""

import threading
from collections.abc import Callable

from v2xpki.authorities.queue import Job

ONE, TWO = Job("chunk", b"1"), Job("chunk", b"2")
PATIENCE = 20


class Recorded:
    """Work with its rows in memory; a job fails as often as it is told to."""

    def __init__(self, *jobs: Job, fails: int = 0) -> None:
        self.open, self.fails = list(jobs), fails
        self.begun: list[Job] = []
        self.at_once, self.most_at_once = 0, 0
        self.changed = threading.Condition()
        self.hold: threading.Event | None = None
        self.asked = 0

    def due(self) -> list[Job]:
        with self.changed:
            self.asked += 1
            self.changed.notify_all()
            return list(self.open)

    def run(self, job: Job) -> None:
        with self.changed:
            self.begun.append(job)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.changed.notify_all()
        try:
            if self.hold is not None:
                assert self.hold.wait(PATIENCE)
            if self.fails:
                self.fails -= 1
                raise RuntimeError("not now")
            with self.changed:
                if job in self.open:
                    self.open.remove(job)
        finally:
            with self.changed:
                self.at_once -= 1
                self.changed.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, PATIENCE)
