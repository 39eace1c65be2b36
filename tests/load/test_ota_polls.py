"""A fleet that polls unchanged within one hour: no signature, whatever its size. Prints what it saw.

pytest tests/load/test_ota_polls.py -m soak -s    # 308 s of CPU, 14 min on a busy machine; 6 GB
V2XPKI_LOAD_VEHICLES=20000 pytest tests/load/test_ota_polls.py -m soak -s

A few vehicles are real ones, with keys and manifests. The others are rows as a registration and a first
manifest leave them, with a real vehicle's documents, so that the database has the fleet's size. The
Director's keys are in SoftHSM; what is counted is C_Sign, and beside it the records of signatures.
"""

import os
import random
import resource
import time

import pytest
import sqlalchemy as sa

from tests.support.ota_director import Car, Depot
from v2xpki.ota.vehicle_metadata import ROLES
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.store.director import Ecu, Vehicle
from v2xpki.time import HOUR

VEHICLES = int(os.environ.get("V2XPKI_LOAD_VEHICLES", "1000000"))
POLLS = int(os.environ.get("V2XPKI_LOAD_POLLS", VEHICLES))  # each once
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


class Counted:
    """C_Sign of the process's PKCS#11 module, counted on its way there."""

    def __init__(self, keystore, monkeypatch):
        self.count, calls = 0, keystore._session.module.calls
        sign = calls.sign

        def counted(*args):
            self.count += 1
            return sign(*args)

        monkeypatch.setattr(calls, "sign", counted)


def test_a_fleet_that_polls_unchanged_within_an_hour_costs_no_signature(
    tmp_path, fixed_clock, token_store, monkeypatch
):
    keystore = token_store.open("ota-fleet")
    signed = Counted(keystore, monkeypatch)
    depot = Depot(tmp_path, fixed_clock, keystore=keystore)
    depot.campaign(depot.release("brake", 2, "ecu-z"))  # for other hardware than theirs
    cars = [Car(number) for number in range(REAL)]
    known = [(car, car.join(depot).certificate) for car in cars]
    for car, digest in known:
        depot.director.take_manifest(depot.director.who(digest), car.manifest(fixed_clock))
    assert signed.count >= len(ROLES) * REAL  # it does count
    assert depot.signatures() == REAL
    began = time.monotonic()
    fill(depot, depot.director.who(known[0][1]), VEHICLES - REAL)
    filled, records, signatures = time.monotonic() - began, depot.signatures(), signed.count
    lines = [f"{VEHICLES} vehicles; filled in {filled:.0f} s; {_size(tmp_path) / 1e6:.0f} MB"]

    rows = random.sample(range(VEHICLES - REAL), min(POLLS, VEHICLES - REAL))
    began = time.monotonic()
    for at, row in enumerate(rows):
        fixed_clock.now += at % (len(rows) // 3000 + 1) == 0  # within the hour
        assert depot.director.metadata(depot.director.who(number_of(row)), "timestamp.json")
    lines.append(_rate("timestamps", len(rows), time.monotonic() - began))

    sent = [(digest, car.manifest(fixed_clock)) for car, digest in known]
    began = time.monotonic()
    for digest, manifest in sent:
        vehicle = depot.director.who(digest)
        assert not depot.director.take_manifest(vehicle, manifest).changed
        assert depot.director.metadata(vehicle, "timestamp.json")
    lines.append(_rate("manifests and timestamps", len(sent), time.monotonic() - began))
    lines.append(f"C_Sign: {signed.count - signatures}, records: {depot.signatures() - records}; needed for "
                 f"the fleet within an hour: {VEHICLES / HOUR:.0f} polls/s; {_memory():.0f} MB")  # fmt: skip
    print("\n" + "\n".join(lines))
    assert (signed.count, depot.signatures()) == (signatures, records)


def _rate(what, count, seconds):
    return f"{count} polls, {what}: {count / seconds:.0f}/s a process"


def _size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
