"""How many jobs a second go through the queue on PostgreSQL: python -m tests.load.queue_rate

Empty jobs, and such as compute for 20 ms, by one process and by two; all are put by one of them.
The figures are in docs/performance.md.
"""

import multiprocessing
import threading
import time
from collections.abc import Sequence
from typing import Any

from tests.support.postgres import Server
from v2xpki.authorities.queue import Job
from v2xpki.jobs.procrastinated import ProcrastinatePool


class Timed:
    """Jobs that each keep a processor busy for a time, and are counted."""

    def __init__(self, seconds: float, done: Any) -> None:
        self._seconds, self._done = seconds, done

    def due(self) -> Sequence[Job]:
        return ()

    def run(self, job: Job) -> None:
        end = time.perf_counter() + self._seconds
        while time.perf_counter() < end:
            pass
        self._done.put(1)


def _worker(url: str, seconds: float, done: Any, begin: Any, count: int) -> None:
    pool = ProcrastinatePool(Timed(seconds, done), url, name="bench")
    pool.start()
    done.put(0)
    begin.wait()
    for number in range(count):
        pool.put(Job("chunk", number.to_bytes(8, "big")))
    threading.Event().wait()


def main() -> None:
    spawn = multiprocessing.get_context("spawn")
    server = Server()
    try:
        for processes in (1, 2):
            for seconds, count in ((0.0, 2000), (0.02, 400)):
                url, done, begin = server.create(), spawn.Queue(), spawn.Event()
                workers = [
                    spawn.Process(
                        target=_worker, args=(url, seconds, done, begin, 0 if other else count), daemon=True
                    )
                    for other in range(processes)
                ]
                for worker in workers:
                    worker.start()
                for _ in workers:
                    done.get()
                time.sleep(1)  # until the workers are in the queue's table
                begin.set()
                started = time.perf_counter()
                for _ in range(count):
                    done.get()
                rate = count / (time.perf_counter() - started)
                print(f"{processes} process(es), {seconds * 1000:.0f} ms a job: {rate:.0f} jobs/s")
                for worker in workers:
                    worker.kill()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
