"""A long run of an SCMS's production line: memory stays flat, databases grow by what is stored alone.

pytest tests/load/test_scms_line_load.py -m soak -s
V2XPKI_LINE_CERTIFICATES=20000 pytest tests/load/test_scms_line_load.py -m soak -s

RA, linkage authorities and ACA share one process here, so it bounds each of them. How far it has come is
told on stderr, so that a run that was ended early has its figures too.
"""

import os
import sqlite3
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.lab import rss
from tests.support.scms_line import entries, new_laboratory
from v2xpki.bench.scms_line_process import COMPONENTS
from v2xpki.config import ScmsPolicy
from v2xpki.store.aca import IssuanceChunk
from v2xpki.store.chunks import unpack
from v2xpki.store.ra import RaBatch

CERTIFICATES = int(os.environ.get("V2XPKI_LINE_CERTIFICATES", "1000000"))
MEMORY = 300 * 1024  # KiB
OCTETS = 250  # a certificate, in the databases of RA and ACA, beside what is stored for others
VEHICLES, PERIODS = 100, 4  # of a round
TOLD = 5  # rounds between two lines of progress

pytestmark = pytest.mark.soak


def size(path: Path) -> int:
    """Octets of a database once its log is written back."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def test_a_million_certificates_in_flat_memory(tmp_path: Path):
    policy = replace(ScmsPolicy(), preload=(PERIODS - 1) * ScmsPolicy().period, mix_wait=0)
    laboratory = new_laboratory(tmp_path, policy)
    each = VEHICLES * PERIODS * policy.certificates
    rounds = max(1, CERTIFICATES // each)
    empty = {name: size(tmp_path / f"{name}.db") for name in COMPONENTS}
    start, seen = time.monotonic(), []
    for done in range(1, rounds + 1):
        laboratory.record([laboratory.request() for _ in range(VEHICLES)])
        laboratory.work()
        seen.append(rss(os.getpid()))
        if done % TOLD == 0:
            grown = {name: (tmp_path / f"{name}.db").stat().st_size - empty[name] for name in COMPONENTS}
            tell(done * each, time.monotonic() - start, seen, grown)
    made, seconds = rounds * each, time.monotonic() - start
    assert packed(laboratory) == rounds * VEHICLES * PERIODS
    print(f"\n{made} certificates in {seconds:.0f} s, {made / seconds:.0f} a second")
    first, last, most = (octets // 1024 for octets in (seen[0], seen[-1], max(seen)))
    print(f"memory: {first} MiB after one round, {last} at the end, {most} at most")
    stored = stored_octets(laboratory)
    cost = {}
    for name in COMPONENTS:
        grown = size(tmp_path / f"{name}.db") - empty[name]
        cost[name] = (grown - stored.get(name, 0)) / made
        print(f"{name}: {grown / made:.0f} octets a certificate, {cost[name]:.0f} of them its own")
    laboratory.close()
    assert max(seen) < MEMORY
    assert cost["ra"] + cost["aca"] <= OCTETS


def tell(made: int, seconds: float, seen: list[int], grown: dict[str, int]) -> None:
    """seen: KiB after each round; grown: octets of each database, beside what its log still holds."""
    octets = ", ".join(f"{name} {grown[name] / made:.0f}" for name in COMPONENTS)
    print(
        f"{made} certificates in {seconds:.0f} s, {made / seconds:.0f} a second;"
        f" memory {seen[-1] // 1024} MiB, {max(seen) // 1024} at most; octets a certificate: {octets}",
        file=sys.stderr,
        flush=True,
    )


def packed(laboratory) -> int:
    with laboratory.databases["ra"].read() as tx:
        query = sa.select(sa.func.count()).select_from(RaBatch).where(RaBatch.state == "packed")
        return int(tx.execute(query).scalar_one())


def stored_octets(laboratory) -> dict[str, int]:
    """Certificates at the ACA, responses at the RA."""
    with laboratory.databases["ra"].read() as tx:
        found = tx.execute(sa.select(RaBatch.archive).execution_options(yield_per=50)).scalars()
        responses = sum(len(octets) for archive in found for octets in entries(bytes(archive)).values())
    with laboratory.databases["aca"].read() as tx:
        found = tx.execute(sa.select(IssuanceChunk.octets).execution_options(yield_per=5)).scalars()
        certificates = sum(len(entry.octets) for octets in found for entry in unpack(bytes(octets)))
    return {"ra": responses, "aca": certificates}
