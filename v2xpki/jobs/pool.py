"""The queue that needs nothing beside the service itself: threads in each of its processes.

    pool = InlinePool(supply, threads=1)
    pool.start()
    ...
    pool.close()

The work's own rows are the queue, so nothing is lost with a process: at its start, and every second, a pool
asks the work what is due, which is whatever is recorded and in nobody's hands. A job that fails is tried
again after a pause that doubles up to five minutes; how often it failed is known in memory alone.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from v2xpki.authorities.queue import Job, Work
from v2xpki.jobs.pauses import pause_after


class InlinePool:
    """A Queue over one Work. It is the service's: open it after the last fork.

    tick: seconds between two questions what is due. failed: told of each error, with the job or None.
    """

    def __init__(
        self,
        work: Work,
        *,
        threads: int = 1,
        tick: float = 1.0,
        failed: Callable[[Job | None, Exception], None] = lambda job, error: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work, self._tick, self._failed, self._monotonic = work, tick, failed, monotonic
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Job]] = []
        self._known: set[Job] = set()  # in the heap or running
        self._failures: dict[Job, int] = {}
        self._order = itertools.count()
        self._closed = False
        self._asked = -1e9
        self._threads = [
            threading.Thread(target=self._serve, name=f"job-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin; from here on jobs are done without being asked for."""
        for thread in self._threads:
            thread.start()

    def put(self, job: Job) -> None:
        """Have a job run as soon as a thread is free."""
        with self._changed:
            self._add(job, 0.0)
            self._changed.notify()

    def close(self, timeout: float | None = None) -> None:
        """Take no further job; wait for those that run, up to `timeout` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run_once(self) -> int:
        """Ask what is due and do it, in this thread, leaving out no pause; how many jobs went well.

        For tests, and for whoever drives the work from elsewhere.
        """
        done = 0
        for job in self._work.due():
            try:
                self._work.run(job)
                done += 1
            except Exception as error:
                self._failed(job, error)
        return done

    # --- threads -------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                now = self._monotonic()
                ask = now - self._asked >= self._tick
                if ask:
                    self._asked = now
                job = None
                if not ask and self._heap and self._heap[0][0] <= now:
                    job = heapq.heappop(self._heap)[2]
                if not ask and job is None:
                    next_job = self._heap[0][0] if self._heap else now + self._tick
                    self._changed.wait(max(0.001, min(next_job, self._asked + self._tick) - now))
                    continue
            if job is None:
                self._ask()
            else:
                self._do(job)

    def _ask(self) -> None:
        try:
            due = self._work.due()
        except Exception as error:
            self._failed(None, error)
            return
        with self._changed:
            for job in due:
                self._add(job, 0.0)
            self._changed.notify_all()

    def _do(self, job: Job) -> None:
        try:
            self._work.run(job)
        except Exception as error:
            self._failed(job, error)
            with self._changed:
                count = self._failures[job] = self._failures.get(job, 0) + 1
                self._known.discard(job)
                self._add(job, self._monotonic() + pause_after(count))
        else:
            with self._changed:
                self._failures.pop(job, None)
                self._known.discard(job)

    def _add(self, job: Job, at: float) -> None:
        if job in self._known:
            return  # waits already, perhaps for its pause's end
        self._known.add(job)
        heapq.heappush(self._heap, (at, next(self._order), job))
