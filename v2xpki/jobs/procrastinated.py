"""The queue that processes on several hosts share: procrastinate, on PostgreSQL.

    pool = ProcrastinatePool(supply, "postgresql://...", name="ea", threads=1)
    pool.start()
    ...
    pool.close()

As with the inline pool the work's own rows are what is to be done; the queue only shares them out. Every
second each process asks the work what is due and queues what is not queued, so an entry that is lost comes
again, and what a killed process had begun is due again as soon as its run is seen to have ended. A job that
fails is queued anew for after its pause; how often it failed goes with the entry, so the pause doubles
whoever tries. An entry is deleted when its job ends: nothing in the queue tells what was done.
"""

import asyncio
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, LiteralString, Self

import procrastinate
import psycopg

from v2xpki.authorities.queue import Job, Work
from v2xpki.jobs.pauses import FIRST_PAUSE, LONGEST_PAUSE, pause_after
from v2xpki.jobs.procrastinate_schema import prepare

_TASK = "v2xpki.job"
_PATIENCE = 5.0  # seconds for a connection
_PUT: LiteralString = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, scheduled_at)
    SELECT %(queue)s::text, %(task)s::text, concat_ws(':', %(queue)s::text, kind, key),
           jsonb_build_object('kind', kind, 'key', key, 'failures', %(failures)s::int),
           now() + make_interval(secs => %(pause)s::float)
    FROM json_to_recordset(%(jobs)s::json) AS job(kind text, key text)
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO """
_IF_NEW: LiteralString = _PUT + "NOTHING"
# Somebody may have put it meanwhile: the pause holds.
_AGAIN: LiteralString = _PUT + "UPDATE SET args = EXCLUDED.args, scheduled_at = EXCLUDED.scheduled_at"
_TIDY: LiteralString = """
    DELETE FROM procrastinate_jobs AS job
    WHERE queue_name = %(queue)s::text AND status <> 'todo' AND NOT EXISTS (
        SELECT 1 FROM procrastinate_workers AS worker WHERE worker.id = job.worker_id
        AND worker.last_heartbeat > now() - make_interval(secs => %(silence)s::float))"""


class ProcrastinatePool:
    """A Queue over one Work. It is the service's: open it after the last fork.

    url: of a PostgreSQL database. name: of the queue, one for each kind of service that shares the
    database. tick: seconds between two questions what is due. heartbeat: seconds between two signs of life;
    entries that a process had taken which missed three are deleted. failed: told of each error, with the job
    or None.
    """

    def __init__(
        self,
        work: Work,
        url: str,
        *,
        name: str,
        threads: int = 1,
        tick: float = 1.0,
        heartbeat: float = 10.0,
        first_pause: float = FIRST_PAUSE,
        longest_pause: float = LONGEST_PAUSE,
        failed: Callable[[Job | None, Exception], None] = lambda job, error: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work, self._url, self._name, self._size = work, url, name, threads
        self._tick, self._heartbeat, self._pauses = tick, heartbeat, (first_pause, longest_pause)
        self._failed, self._monotonic = failed, monotonic
        self._changed = threading.Condition()
        self._put: dict[Job, None] = {}
        self._closed = False
        self._running: set[Job] = set()  # the event loop's
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._calls: queue.SimpleQueue[tuple[Job, asyncio.Future[None]] | None] = queue.SimpleQueue()
        # Daemons, so that a job which does not come to an end does not keep its process.
        self._threads = [
            threading.Thread(target=target, name=f"job-{name}", daemon=True)
            for name, target in (
                ("names", self._queue_what_is_due),
                ("worker", lambda: asyncio.run(self._serve())),
                *((str(number), self._do_jobs) for number in range(threads)),
            )
        ]

    def start(self) -> None:
        """Begin; from here on jobs are done without being asked for. The database may be away still."""
        for thread in self._threads:
            thread.start()

    def put(self, job: Job) -> None:
        """Have a job run as soon as a thread of any process is free. Returns before it is queued."""
        with self._changed:
            self._put[job] = None
            self._changed.notify()

    def close(self, timeout: float | None = None) -> None:
        """Take no further job; wait for those that run here, up to `timeout` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
        end = None if timeout is None else self._monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if end is None else max(0.0, end - self._monotonic()))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- what is to be done goes into the queue ------------------------------------------------------

    def _queue_what_is_due(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        asked = tidied = -1e9
        while (jobs := self._next_names(asked)) is not None:
            try:
                if (now := self._monotonic()) - asked >= self._tick:
                    asked = now
                    jobs += self._work.due()
                if connection is None or connection.closed:
                    connection = psycopg.connect(
                        prepare(self._url), autocommit=True, connect_timeout=int(_PATIENCE)
                    )
                if jobs:
                    connection.execute(_IF_NEW, self._entries(jobs))
                if now - tidied >= self._heartbeat:
                    tidied = now
                    connection.execute(_TIDY, {"queue": self._name, "silence": 3 * self._heartbeat})
            except Exception as error:
                # What was put is recorded: it is due again.
                self._failed(None, error)
        if connection is not None:
            connection.close()

    def _next_names(self, asked: float) -> list[Job] | None:
        """What was put, at once; nothing, when it is time to ask; None at the end."""
        with self._changed:
            left = asked + self._tick - self._monotonic()
            self._changed.wait_for(lambda: self._closed or bool(self._put), max(0.0, left))
            jobs, self._put = list(self._put), {}
            return None if self._closed else jobs

    def _entries(self, jobs: Iterable[Job], failures: int = 0, pause: float = 0.0) -> dict[str, Any]:
        named = [{"kind": job.kind, "key": job.key.hex()} for job in dict.fromkeys(jobs)]
        return {
            "queue": self._name,
            "task": _TASK,
            "jobs": json.dumps(named),
            "failures": failures,
            "pause": pause,
        }

    # --- what is queued gets done --------------------------------------------------------------------

    async def _serve(self) -> None:
        """A worker, and another one whenever the database let it down."""
        for chatty in ("procrastinate", "psycopg.pool"):
            # Everything that goes wrong is told by `failed`; their lines would name jobs and hosts.
            logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._tell)
        with self._changed:
            self._loop = loop
            if self._closed:
                self._stop.set()
        while not self._stop.is_set():
            try:
                await self._work_until_stopped()
            except Exception as error:
                self._failed(None, error)
            if not self._stop.is_set():
                try:
                    await asyncio.wait_for(self._stop.wait(), self._tick)
                except TimeoutError:
                    continue
        with self._changed:
            self._loop = None
        for _ in range(self._size):
            self._calls.put(None)

    async def _work_until_stopped(self) -> None:
        conninfo = prepare(self._url)  # blocks, while nothing else is to be done here
        connector = procrastinate.PsycopgConnector(
            conninfo=conninfo,
            min_size=1,
            max_size=self._size + 1,
            timeout=_PATIENCE,
            reconnect_timeout=_PATIENCE,
        )
        app = procrastinate.App(connector=connector)

        @app.task(name=_TASK, queue=self._name)
        async def run(kind: str, key: str, failures: int) -> None:
            job = Job(kind, bytes.fromhex(key))
            if job in self._running:
                return  # queued again just before its work was seen to be in hand
            self._running.add(job)
            try:
                await self._in_a_thread(job)
            except Exception as error:
                self._failed(job, error)
                # Before the old entry goes, or others would take the job up without a pause.
                pause = pause_after(failures + 1, *self._pauses)
                await connector.execute_query_async(_AGAIN, **self._entries([job], failures + 1, pause))
            finally:
                self._running.discard(job)

        async with app.open_async():
            worker = asyncio.ensure_future(
                app.run_worker_async(
                    queues=[self._name],
                    concurrency=self._size,
                    fetch_job_polling_interval=self._tick,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=self._heartbeat,
                    stalled_worker_timeout=3 * self._heartbeat,
                )
            )
            stop = asyncio.ensure_future(self._stop.wait())
            await asyncio.wait((worker, stop), return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            # It ends its jobs first.
            worker.cancel()
            try:
                await worker
            except asyncio.CancelledError:
                return

    def _tell(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            self._failed(None, error)

    async def _in_a_thread(self, job: Job) -> None:
        done = asyncio.get_running_loop().create_future()
        self._calls.put((job, done))
        await asyncio.shield(done)

    def _do_jobs(self) -> None:
        while (call := self._calls.get()) is not None:
            job, done = call
            error: Exception | None = None
            try:
                self._work.run(job)
            except Exception as raised:
                error = raised
            done.get_loop().call_soon_threadsafe(_settle, done, error)


def _settle(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
