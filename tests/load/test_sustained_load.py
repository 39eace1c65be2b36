"""Sustained load on a served instance: no error, no growth. Prints what it saw; asserts nothing about speed.

pytest tests/load -m soak
V2XPKI_LOAD_SECONDS=3600 V2XPKI_LOAD_CLIENTS=16 V2XPKI_LOAD_WORKERS=2 pytest tests/load -m soak
"""

import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.etsi import BRAINPOOL, P256, hours
from tests.support.lab import Lab, LabStation, open_reply, rss, v2xpki
from v2xpki.time import HOUR

SECONDS = float(os.environ.get("V2XPKI_LOAD_SECONDS", "60"))
CLIENTS = int(os.environ.get("V2XPKI_LOAD_CLIENTS", "8"))
WORKERS = int(os.environ.get("V2XPKI_LOAD_WORKERS", "1"))
MEMORY = 150 * 1024  # KiB a worker
ROUND = 40  # tickets that a station obtains before another takes its place

pytestmark = pytest.mark.soak


@pytest.fixture
def loaded(tmp_path_factory: pytest.TempPathFactory, token_store: object) -> Iterator[Lab]:
    del token_store
    lab = Lab.start(tmp_path_factory.mktemp("load") / "pki", workers=WORKERS)
    yield lab
    lab.end()


class Watch:
    """What the clients see."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.wrong: Counter[str] = Counter()
        self.end = time.monotonic() + SECONDS
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        return time.monotonic() > self.end

    def timed(self, what: str, seconds: float, outcome: str) -> None:
        with self._lock:
            self.seconds[what].append(seconds)
            if outcome not in ("ok", "200"):
                self.wrong[f"{what}: {outcome}"] += 1

    def report(self) -> str:
        lines = []
        for what, found in self.seconds.items():
            found.sort()
            middle, late = found[len(found) // 2], found[len(found) * 99 // 100]
            rate = len(found) / SECONDS
            lines.append(
                f"{what:14} {rate:8.1f} /s   median {1000 * middle:6.1f} ms   p99 {1000 * late:6.1f} ms"
            )
        return "\n".join(lines)


def live(lab: Lab, watch: Watch, number: int) -> None:
    """A client that is one station after another: enrols, obtains tickets, renews, looks at the lists."""
    dice = random.Random(number)
    while not watch.over:
        car: LabStation = lab.station(curve=dice.choice((P256, BRAINPOOL)))
        ec = None
        for turn in range(ROUND):
            if watch.over:
                return
            if ec is None or turn == ROUND // 2:
                sent, path, what = car.enrolment(by=ec), "/ea", "enrolment"
            else:
                start = lab.clock.time32() + dice.randrange(24 * 7) * HOUR
                wanted = car.attributes(validity_period=hours(start, 1))
                sent, path, what = car.authorization(ec, attributes=wanted), "/aa", "authorization"
            begun = time.perf_counter()
            reply = lab.post(path, sent.body)
            took = time.perf_counter() - begun
            if reply.status != 200:
                watch.timed(what, took, str(reply.status))
                continue
            authority = lab.ea_certificate if path == "/ea" else lab.aa_certificate
            read = open_reply(lab, reply, sent, authority)
            watch.timed(what, took, read.code)
            if path == "/ea":
                ec = read.ok()
        begun = time.perf_counter()
        status = lab.ask("GET", f"/dc/getctl/{lab.root.hex8}").status
        watch.timed("list", time.perf_counter() - begun, str(status))


def test_sustained_load_meets_no_error_and_workers_stay_small(
    loaded: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = {role: loaded.workers(role) for role in ("ea", "aa", "dc")}
    watch = Watch()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for future in [pool.submit(live, loaded, watch, number) for number in range(CLIENTS)]:
            future.result()
    sizes = {f"{role} {pid}": rss(pid) for role, pids in workers.items() for pid in pids}
    with capsys.disabled():
        print(f"\n{SECONDS:g} s, {CLIENTS} clients, {WORKERS} workers a role\n{watch.report()}\n{sizes} KiB")
    assert not watch.wrong
    assert {role: loaded.workers(role) for role in workers} == workers, loaded.said()
    assert loaded.metrics()["v2xpki_unexpected_errors_total"] == 0, loaded.said()
    assert max(sizes.values()) < MEMORY
    v2xpki("audit", "verify", loaded.directory)
