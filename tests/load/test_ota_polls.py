"""A fleet that polls unchanged within one hour: no signature, whatever its size. Prints what it saw.

pytest tests/load/test_ota_polls.py -m soak -s
V2XPKI_LOAD_VEHICLES=1000000 V2XPKI_LOAD_POLLS=200000 pytest tests/load/test_ota_polls.py -m soak -s

A few vehicles are real ones, with keys and manifests. The others are rows as a registration and a first
manifest leave them, with a real vehicle's documents, so that the database has the fleet's size.
"""

import os
import random
import resource
import time

import pytest
import sqlalchemy as sa

from tests.support.ota_director import Car, Depot
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.store.director import Ecu, Vehicle
from v2xpki.time import HOUR

VEHICLES = int(os.environ.get("V2XPKI_LOAD_VEHICLES", "100000"))
POLLS = int(os.environ.get("V2XPKI_LOAD_POLLS", "20000"))
REAL = 1000
_BATCH = 10_000

pytestmark = pytest.mark.soak


def number_of(row):
    return row.to_bytes(32, "big")


def fill(depot, like, count):
    """Rows of `count` more vehicles, which differ from a real one in what is unique."""
    with depot.database.read() as tx:
        vehicle = dict(tx.execute(sa.select(table_of(Vehicle)).where(Vehicle.id == like.id)).mappings().one())
        ecu = dict(tx.execute(sa.select(table_of(Ecu)).where(Ecu.vehicle == like.id)).mappings().one())
        query = sa.select(table_of(IssuanceRecord)).where(IssuanceRecord.id == vehicle["record"])
        record = dict(tx.execute(query).mappings().one())
    for start in range(0, count, _BATCH):
        rows = range(start, min(start + _BATCH, count))
        ids = {row: random.randbytes(16) for row in rows}
        with depot.database.write(durable=False) as tx:
            tx.insert_many(
                Vehicle,
                (
                    vehicle
                    | {"id": ids[row], "vin": f"XXXXXXXXX{row:08}", "certificate": number_of(row)}
                    | {"record": ids[row]}
                    for row in rows
                ),
            )
            tx.insert_many(Ecu, (ecu | {"id": f"x-{row}", "vehicle": ids[row]} for row in rows))
            tx.insert_many(IssuanceRecord, (record | {"id": ids[row]} for row in rows))


def test_a_fleet_that_polls_unchanged_within_an_hour_costs_no_signature(tmp_path, fixed_clock):
    depot = Depot(tmp_path, fixed_clock)
    depot.campaign(depot.release("brake", 2, "ecu-z"))  # for other hardware than theirs
    cars = [Car(number) for number in range(REAL)]
    known = [(car, car.join(depot).certificate) for car in cars]
    for car, digest in known:
        depot.director.take_manifest(depot.director.who(digest), car.manifest(fixed_clock))
    began = time.monotonic()
    fill(depot, depot.director.who(known[0][1]), VEHICLES - REAL)
    filled, signatures = time.monotonic() - began, depot.signatures()
    lines = [f"{VEHICLES} vehicles; filled in {filled:.0f} s; {_size(tmp_path) / 1e6:.0f} MB"]

    digests = [number_of(row) for row in random.sample(range(VEHICLES - REAL), min(POLLS, VEHICLES - REAL))]
    began = time.monotonic()
    for at, digest in enumerate(digests):
        fixed_clock.now += at % (len(digests) // 3000 + 1) == 0  # within the hour
        assert depot.director.metadata(depot.director.who(digest), "timestamp.json")
    lines.append(_rate("timestamps", len(digests), time.monotonic() - began))

    sent = [(digest, car.manifest(fixed_clock)) for car, digest in known]
    began = time.monotonic()
    for digest, manifest in sent:
        vehicle = depot.director.who(digest)
        assert not depot.director.take_manifest(vehicle, manifest).changed
        assert depot.director.metadata(vehicle, "timestamp.json")
    lines.append(_rate("manifests and timestamps", len(sent), time.monotonic() - began))
    lines.append(f"signatures: {depot.signatures() - signatures}; needed for the fleet within an hour: "
                 f"{VEHICLES / HOUR:.0f} polls/s; {_memory():.0f} MB")  # fmt: skip
    print("\n" + "\n".join(lines))
    assert depot.signatures() == signatures


def _rate(what, count, seconds):
    return f"{count} polls, {what}: {count / seconds:.0f}/s a process"


def _size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
