"""The list of vehicles that are expected to register by their enrolment credential, as operators keep it.

An entry names a VIN and its model and, where the OEM knows them, the credential or the ECUs. It is used up by
the vehicle that is registered under its VIN, and free again once that one is retired. Of a credential the
list holds a keyed digest, as the inventory does.
"""

import hmac
import json
from typing import Any

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.time import Clock, iso_from_time32
from v2xpki.trust.ota.expected import parse_expectations
from v2xpki.trust.ota.registration import Registration

_EXPECTED, _X = table_of(store.ExpectedVehicle), table_of(store.ExpectedVehicle).c
_V = table_of(store.Vehicle).c
_BY_VIN = Statement(sa.select(_X.model, _X.credential, _X.ecus).where(_X.vin == sa.bindparam("vin")))
_REMOVE = Statement(sa.delete(_EXPECTED).where(_X.vin == sa.bindparam("vin")))


class Expected:
    """The list of one Director."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def add(self, vehicles: Any, operator: str) -> dict[str, int]:
        """Put all of a list of vehicles on it (JSON, as Expectation.parse), or none; an entry of the same VIN
        is replaced. How many were added and replaced. Raises DecodeError."""
        listed, now = parse_expectations(vehicles, "vehicles"), self._clock.time32()
        rows = [
            {
                "vin": one.vin,
                "model": one.model,
                "credential": None if one.credential is None else self._blind(one.credential),
                "ecus": None if one.ecus is None else json.dumps(one.ecus),
                "added": now,
                "added_by": operator,
            }
            for one in listed
        ]
        with self._database.write(durable=True) as tx:
            replaced = sum(tx.run(_REMOVE, vin=one.vin) for one in listed)
            tx.insert_many(store.ExpectedVehicle, rows)
            tx.audit(Event.VEHICLES_EXPECTED, count=len(rows), operator=operator)
        return {"added": len(rows) - replaced, "replaced": replaced}

    def remove(self, vin: str, operator: str) -> None:
        """Take a VIN off it; who has registered under it stays registered. Raises DirectorRefusal."""
        with self._database.write(durable=True) as tx:
            if not tx.run(_REMOVE, vin=vin):
                raise DirectorRefusal(
                    DirectorReason.UNKNOWN,
                    f"no vehicle {vin} is expected; `v2xpki ota vehicle expected` has those that are",
                )
            tx.audit(Event.VEHICLE_UNEXPECTED, operator=operator)

    def entries(self, *, limit: int = 100, after: str = "") -> list[dict[str, Any]]:
        """At most `limit`, by VIN, beginning after one, and whether each is used up."""
        query = (
            sa.select(_EXPECTED, _V.id.label("vehicle"))
            .outerjoin(table_of(store.Vehicle), sa.and_(_V.vin == _X.vin, _V.retired.is_(None)))
            .where(_X.vin > after)
            .order_by(_X.vin)
            .limit(max(1, min(limit, 1000)))
        )
        with self._database.read() as tx:
            return [
                {
                    "vin": row.vin,
                    "model": row.model,
                    "credential": "any" if row.credential is None else "one",
                    "ecus": row.ecus and json.loads(row.ecus),
                    "registered": row.vehicle is not None,
                    "added": iso_from_time32(row.added),
                    "addedBy": row.added_by,
                }
                for row in tx.execute(query)
            ]

    def tx_deviation(self, tx: Transaction, wish: Registration, credential: bytes) -> str:
        """Why a registration is not one that is expected: the field and the rule; empty where it is.
        credential: the HashedId8 of the one that signed it."""
        row = tx.row(_BY_VIN, vin=wish.vin)
        if row is None:
            return "vehicleId is not on the list of expected vehicles"
        model, blinded, ecus = row
        if model != wish.model:
            return "model is not the expected one"
        if blinded is not None and not hmac.compare_digest(blinded, self._blind(credential)):
            return "the credential is not the expected one"
        if ecus is not None and json.loads(ecus) != sorted(one.ecu for one in wish.ecus):
            return "ecus are not the expected ones"
        return ""

    def _blind(self, credential: bytes) -> bytes:
        return self._database.blind("expected credential", credential)
