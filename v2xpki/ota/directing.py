"""A vehicle's way through the Director: its manifest is taken, what it is to get is worked out, and where
that is new, or what it has grows old, its metadata is signed.

    one durable transaction     counters, reports, what came of offers; the next version; what is to be signed
    three signatures
    one more transaction        what was signed, in the place of what was handed out before; the new offers

The first holds only if nothing moved since it was read: the vehicle's counter and version, its state, the
plan. Else all is read again. A version that was given away is never given again, whatever becomes of it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.errors import RecordFailed
from v2xpki.issuance import tx_save
from v2xpki.ota import manifests
from v2xpki.ota.assignments import (
    Assignment,
    Outlook,
    assignments_of,
    outlook,
    tx_offer,
    tx_recall,
    tx_report,
)
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.inventory import ECUS, Ecu, Inventory, Vehicle
from v2xpki.ota.plan import GENERATION, Blinding, Plan, Planner
from v2xpki.ota.vehicle_metadata import (
    Next,
    VehicleMetadata,
    targets_json,
    tx_move_plan,
)
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.time import Clock

_TRIES = 5
_V = table_of(store.Vehicle).c
_ECUS = Statement(ECUS.add_columns(sa.type_coerce(GENERATION, sa.Integer()).label("generation")))
_CLAIM = Statement(
    sa.update(table_of(store.Vehicle))
    .where(
        _V.id == sa.bindparam("of_vehicle"),
        _V.state == store.ACTIVE,
        _V.counter == sa.bindparam("old_counter", type_=sa.BigInteger()),
        _V.version == sa.bindparam("old_version", type_=sa.BigInteger()),
        sa.bindparam("plan", type_=sa.BigInteger()) == GENERATION,
    )
    .values(
        counter=sa.bindparam("new_counter", type_=sa.BigInteger()),
        version=sa.bindparam("new_version", type_=sa.BigInteger()),
        reported=sa.func.coalesce(sa.bindparam("now", type_=sa.BigInteger()), _V.reported),
    )
)


class Taken(NamedTuple):
    """A manifest that was taken. version: of the targets that the vehicle is to have now."""

    version: int
    changed: bool

    def document(self) -> dict[str, Any]:
        return {"targetsVersion": self.version, "changed": self.changed}


class _Moved(Exception):
    """Something moved since it was read."""


class _View(NamedTuple):
    """What is known of a vehicle at one moment."""

    ecus: Sequence[Ecu]
    rows: Sequence[Assignment]
    plan: Plan


class Directing:
    """For all threads of a process. window: seconds that a manifest's times may be off."""

    def __init__(self, database: Database, clock: Clock, metadata: VehicleMetadata, *, window: int) -> None:
        self._database, self._clock, self._metadata, self._window = database, clock, metadata, window
        self._inventory, self._planner = Inventory(database), Planner(database)
        self._blinding = Blinding(database)

    def take_manifest(self, vehicle: Vehicle, octets: bytes) -> Taken:
        """Take a manifest, and bring the vehicle's metadata up to it. Raises DecodeError, DirectorRefusal;
        RecordFailed, TokenLost and the like where the service is not able to."""

        def attempt(vehicle: Vehicle) -> Taken:
            now, view = self._clock.time32(), self._view(vehicle)
            reported = manifests.check(vehicle, view.ecus, octets, now, self._window)

            def write(tx: Transaction) -> None:
                manifests.tx_store(tx, vehicle, reported, octets, now)
                tx_report(tx, vehicle.id, view.rows, reported.ecus, view.plan.known, now)
                if reported.is_new and reported.attacks:
                    tx.audit(Event.ATTACK_REPORTED, vehicle=vehicle.id, count=reported.attacks)

            seen = view._replace(ecus=reported.ecus)
            return self._bring(vehicle, seen, now, reported.manifest.counter, write)

        return self._try(vehicle, attempt)

    def refresh(self, vehicle: Vehicle) -> None:
        """Bring a vehicle's metadata up to the plan and the day, by what it last reported. Raises as
        take_manifest."""
        self._try(vehicle, lambda one: self._bring(one, self._view(one), self._clock.time32(), None, None))

    def outlook(self, vehicle: Vehicle) -> Outlook:
        """What the plan has for it now."""
        view = self._view(vehicle)
        return outlook(vehicle, view.ecus, view.plan, view.rows, self._blinding)

    def _try(self, vehicle: Vehicle, attempt: Callable[[Vehicle], Taken]) -> Taken:
        for _ in range(_TRIES):
            try:
                return attempt(vehicle)
            except _Moved:
                vehicle = self._inventory.again(vehicle)
                if not vehicle.is_active:
                    state = f"the vehicle is {vehicle.state}"
                    raise DirectorRefusal(DirectorReason.FORBIDDEN, state) from None
        raise RecordFailed("the vehicle's metadata is being made elsewhere, and is not done yet")

    def _view(self, vehicle: Vehicle) -> _View:
        # No transaction: what changes from here on, or did since the vehicle was read, is found by the claim.
        # The generation comes with the ECUs, of which each vehicle has one: five statements less.
        found = self._database.rows(_ECUS, vehicle=vehicle.id)
        ecus = [Ecu(*row[:-1]) for row in found]
        return _View(ecus, assignments_of(self._database, vehicle.id), self._planner.plan(found[0][-1]))

    def _bring(
        self,
        vehicle: Vehicle,
        view: _View,
        now: int,
        counter: int | None,
        write: Callable[[Transaction], None] | None,
    ) -> Taken:
        """counter, write: of a manifest, if there is one."""
        plan = view.plan
        look = outlook(vehicle, view.ecus, plan, view.rows, self._blinding)
        targets = targets_json(look.resolution.directed)
        coming: Next | None = None
        changed = vehicle.content != self._metadata.content_of(targets)
        if changed or not self._metadata.is_fresh(vehicle.expires, now):
            coming = self._metadata.prepare(vehicle, targets, plan.generation, now)

        def offers(tx: Transaction, version: int) -> None:
            tx_recall(tx, vehicle.id, view.rows, look.keys, view.ecus, plan.known)
            tx_offer(tx, vehicle.id, view.rows, look.keys, version, now)

        # Where nothing is signed and no counter moves, a lost commit costs a look more.
        with self._database.write(durable=coming is not None or counter is not None) as tx:
            claimed = tx.run(
                _CLAIM,
                of_vehicle=vehicle.id,
                old_counter=vehicle.counter,
                old_version=vehicle.version,
                plan=plan.generation,
                new_counter=vehicle.counter if counter is None else counter,
                new_version=vehicle.version if coming is None else coming.version,
                now=None if counter is None else now,
            )
            if claimed != 1:
                raise _Moved
            if write is not None:
                write(tx)
            if coming is not None:
                tx_save(tx, coming.prepared.record)
            else:
                offers(tx, vehicle.issued)
                if vehicle.plan != plan.generation:
                    tx_move_plan(tx, vehicle.id, vehicle.issued, plan.generation)
        if coming is None:
            return Taken(vehicle.issued, changed=False)
        if not self._metadata.issue(vehicle, coming, lambda tx: offers(tx, coming.version)):
            return Taken(self._inventory.again(vehicle).issued, changed)
        return Taken(coming.version, changed)
