"""scms_batch_pg: the production line as it is run at scale. Every component's database is on PostgreSQL, and
two processes share the RA's line by procrastinate, each with the other components in it.

The load (requests to the RA's front) is a third process's. efficiency is floor x rate / 2: two cores,
as of at_http. Starts a PostgreSQL server of its own; where there is none to start, says so.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from v2xpki.bench.parts import Parts
from v2xpki.bench.postgres import NoServer, Server
from v2xpki.bench.runner import ROUNDS, Result, detail_of, floor_of
from v2xpki.bench.scms import CERTIFICATES, LINE_FLOOR, PERIODS, VEHICLES, line_parts
from v2xpki.bench.scms_line_laboratory import LineLaboratory
from v2xpki.bench.scms_line_process import COMPONENTS, LineCertificates
from v2xpki.bench.scms_line_worker import Plan, main
from v2xpki.bench.scms_tokens import made_tokens
from v2xpki.bench.scms_vehicles import VehicleDoor
from v2xpki.config import ScmsPolicy, Seconds
from v2xpki.keystore import Keystore
from v2xpki.store import Database
from v2xpki.store.ra import PACKED, TAKEN, WAITING, RaBatch
from v2xpki.time import SystemClock

NAME, UNIT = "scms_batch_pg", "1/s, two workers"
WORKERS = 2
_LOOK = 0.02  # seconds between two questions whether all is packed
_PATIENCE = 120.0
#: Vehicles at once; the most of a round, whose requests are made beforehand.
GROUP, MOST = VEHICLES, 40 * VEHICLES


def names() -> list[str]:
    """All benchmarks of this module."""
    return [NAME]


def run_all(wanted: list[str], seconds: float, directory: Path) -> list[Result]:
    """The wanted ones."""
    if NAME not in wanted:
        return []
    try:
        server = Server()
    except NoServer as reason:
        return [Result.not_run(NAME, UNIT, f"no PostgreSQL: {reason}")]
    with server:
        place = directory / NAME
        place.mkdir(mode=0o700, parents=True)
        return [_run(server, seconds, place)]


def _run(server: Server, seconds: float, directory: Path) -> Result:
    urls = {component: server.create() for component in COMPONENTS}
    policy = ScmsPolicy(certificates=CERTIFICATES, mix_wait=Seconds(0), batches=GROUP * PERIODS // WORKERS)
    policy = replace(policy, preload=Seconds((PERIODS - 1) * policy.period))
    with made_tokens(directory, COMPONENTS) as keystores:
        laboratory = LineLaboratory(directory, keystores, SystemClock(), policy=policy, url=urls.__getitem__)
        door = VehicleDoor(laboratory)
        known = LineCertificates(laboratory.root, laboratory.aca_certificate, laboratory.ra)
        plan = Plan(directory, urls, known, laboratory.policy)
        try:
            with _workers(plan, directory) as processes:
                return _rounds(laboratory, door, processes, seconds, keystores)
        finally:
            door.close()
            laboratory.close()


def _rounds(
    laboratory: LineLaboratory,
    door: VehicleDoor,
    processes: "Sequence[subprocess.Popen[str]]",
    seconds: float,
    keystores: Mapping[str, Keystore],
) -> Result:
    """Five rounds of about `seconds` / 5: all requests of one are sent, then waited for."""
    parts, database = Parts(line_parts(keystores["aca"])), laboratory.databases["ra"]
    asked: list[int] = []

    def produce(count: int) -> float:
        asked.append(count)
        requests = [door.request()[0] for _ in range(count)]
        parts.measure(LINE_FLOOR)
        start = time.perf_counter()
        for octets in requests:
            door.ra.request(octets)
        _wait(database, processes)
        return (time.perf_counter() - start) / count

    produce(WORKERS)  # warm
    trial = produce(WORKERS)
    for size in (2 * WORKERS, GROUP):  # in a short round it is the looks for work that take time
        if trial * size < seconds / ROUNDS:
            trial = produce(size)
    count = min(MOST, max(WORKERS, int(seconds / ROUNDS / trial)))
    if count > GROUP:
        count -= count % GROUP  # chunks for all workers alike
    each = statistics.median(produce(count) for _ in range(ROUNDS)) / (PERIODS * CERTIFICATES)
    if _count(database, PACKED) != sum(asked) * PERIODS:
        raise RuntimeError("not all that was asked for was packed")
    detail = detail_of(LINE_FLOOR, parts)
    floor = floor_of(detail)
    done = ROUNDS * count * PERIODS * CERTIFICATES
    return Result(NAME, UNIT, 1 / each, floor, floor * 1e-6 / each / WORKERS, done, detail)


def _wait(database: Database, processes: "Sequence[subprocess.Popen[str]]") -> None:
    """Until nothing waits and nothing is in work."""
    end = time.monotonic() + _PATIENCE
    while _count(database, WAITING, TAKEN):
        if time.monotonic() > end or any(process.poll() is not None for process in processes):
            raise RuntimeError("the workers do not make what was asked for; see their messages")
        time.sleep(_LOOK)


def _count(database: Database, *states: str) -> int:
    query = sa.select(sa.func.count()).select_from(RaBatch).where(RaBatch.state.in_(states))
    with database.read() as tx:
        return int(tx.execute(query).scalar_one())


@contextmanager
def _workers(plan: Plan, directory: Path) -> "Iterator[list[subprocess.Popen[str]]]":
    """The processes, at work until the end of the block. What they complain of goes to stderr."""
    path = directory / "plan.json"
    plan.write(path)
    command = [sys.executable, "-c", f"from {main.__module__} import main; main()", str(path)]
    processes = [
        subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(WORKERS)
    ]
    try:
        for process in processes:
            if _of(process.stdout).readline() != "ready\n":
                raise RuntimeError("a worker of the line did not start; see its messages")
        yield processes
    finally:
        for process in processes:
            _of(process.stdin).close()
        for process in processes:
            process.wait(_PATIENCE)
            _of(process.stdout).close()


def _of(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None  # Popen was asked for it
    return pipe
