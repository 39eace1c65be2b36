"""at_http: tickets over HTTP, EA and AA in processes of their own, asked over connections kept open."""

import http.client
import json
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from v2xpki.bench.laboratory import TICKETS_A_STATION, Enrolled, Laboratory, certificate_in
from v2xpki.bench.parts import Parts
from v2xpki.bench.runner import ROUNDS, Result, detail_of, floor_of
from v2xpki.crypto import Curve
from v2xpki.station.requests import Sent

#: The machine's share: efficiency is floor x rate / CORES, the load's own work included.
CORES = 2
CONNECTIONS = 8
START_SECONDS = 60.0
_TYPE = "application/x-its-request"


def run(
    name: str,
    laboratory: Laboratory,
    enrolled: "Sequence[Enrolled]",
    curve: Curve,
    floor: dict[str, int],
    parts: Parts,
    seconds: float,
) -> Result:
    """Five rounds, each `seconds` / 5 long, on a served instance whose stations are enrolled already."""
    rates, done = [], 0
    with _served(laboratory) as address:
        sent = _requests(laboratory, enrolled, curve)
        _load(address, [next(sent) for _ in range(2 * CONNECTIONS)])
        trial = [next(sent) for _ in range(5 * CONNECTIONS)]
        count = max(CONNECTIONS, int(len(trial) / _load(address, trial) * seconds / ROUNDS))
        for _ in range(ROUNDS):
            wanted = [next(sent) for _ in range(count)]
            parts.measure(floor)
            rates.append(count / _load(address, wanted))
            done += count
    parts.measure(floor)
    detail = detail_of(floor, parts)
    rate = statistics.median(rates)
    cost = floor_of(detail)
    return Result(name, "1/s", rate, cost, cost * 1e-6 * rate / CORES, done, detail)


def _requests(laboratory: Laboratory, enrolled: "Sequence[Enrolled]", curve: Curve) -> Iterator[Sent]:
    for station in enrolled:
        for _ in range(TICKETS_A_STATION):
            yield laboratory.authorization(station, curve)
    raise RuntimeError("more tickets wanted than the enrolled stations may have")


@contextmanager
def _served(laboratory: Laboratory) -> Iterator[str]:
    """`serve` in processes of its own; the http listener's URL. Ended with the block."""
    directory = laboratory.instance.directory
    command = [sys.executable, "-m", "v2xpki", "serve", str(directory), "--http", "127.0.0.1:0"]
    command += ["--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    with (directory / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
    try:
        yield _address(process, directory / "run" / "serve.json")
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _address(process: "subprocess.Popen[bytes]", state: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while not state.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"serve did not start; see {state.parent.parent / 'serve.log'}")
        time.sleep(0.05)
    return str(json.loads(state.read_text("utf-8"))["listeners"]["http"])


def _load(address: str, requests: Sequence[Sent]) -> float:
    """Post all requests over the connections; seconds from the first octet to the last answer."""
    place = urlsplit(address)
    todo: queue.SimpleQueue[Sent] = queue.SimpleQueue()
    for sent in requests:
        todo.put(sent)
    answers: list[tuple[Sent, int, bytes]] = []

    def ask() -> None:
        link = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        while True:
            try:
                sent = todo.get_nowait()
            except queue.Empty:
                break
            link.request("POST", "/aa", sent.octets, {"Content-Type": _TYPE})
            reply = link.getresponse()
            answers.append((sent, reply.status, reply.read()))
        link.close()

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    if len(answers) != len(requests):
        raise RuntimeError(f"{len(requests) - len(answers)} requests of {len(requests)} had no answer")
    for sent, status, body in answers:
        if status != 200:
            raise RuntimeError(f"HTTP {status} instead of a ticket")
        certificate_in(body, sent)
    return taken
