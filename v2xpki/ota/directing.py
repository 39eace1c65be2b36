"""A vehicle's way through the Director: its manifest is taken, what it is to get is worked out, and where
that is new, or what it has grows old, its metadata is signed.

    one durable transaction     counters, reports, what came of offers; the next version; what is to be signed
    three signatures
    one more transaction        what was signed, in the place of what was handed out before; the new offers

Vehicles that ask at the same time share both transactions (together.py); what goes wrong with one of them is
its own affair: the others are then written each by itself.

The first holds only if nothing moved since it was read: the vehicle's counter and version, its state, the
plan. Else all is read again. A version that was given away is never given again, whatever becomes of it;
while the token is known to be away none is, and what a manifest reports is taken all the same.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.errors import RecordFailed
from v2xpki.issuance import tx_save
from v2xpki.ota import manifests
from v2xpki.ota.assignments import (
    Assignment,
    Key,
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
from v2xpki.ota.together import Together
from v2xpki.ota.vehicle_metadata import (
    Next,
    Overtaken,
    VehicleMetadata,
    targets_json,
    tx_move_plan,
)
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.time import Clock

_TRIES = 5
#: Vehicles that share a transaction, at most: others wait for it.
MOST = 16
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


class _Ask(NamedTuple):
    """A vehicle, and its manifest if it sent one."""

    vehicle: Vehicle
    octets: bytes | None


class _Step(NamedTuple):
    """What a look at one vehicle came to. ecus: as they are after the manifest; coming: what is to be signed;
    changed: whether that says something new; fault: why what is to be signed cannot be."""

    vehicle: Vehicle
    now: int
    plan: Plan
    rows: Sequence[Assignment]
    ecus: Sequence[Ecu]
    octets: bytes | None
    reported: manifests.Reported | None
    keys: set[Key]
    coming: Next | None
    changed: bool
    fault: Exception | None

    @property
    def is_durable(self) -> bool:
        """Where nothing is signed and no counter moves, a lost commit costs a look more."""
        return self.coming is not None or self.reported is not None


class Directing:
    """For all threads of a process. window: seconds that a manifest's times may be off."""

    def __init__(self, database: Database, clock: Clock, metadata: VehicleMetadata, *, window: int) -> None:
        self._database, self._clock, self._metadata, self._window = database, clock, metadata, window
        self._inventory, self._planner = Inventory(database), Planner(database)
        self._blinding = Blinding(database)
        self._together: Together[_Ask, Taken] = Together(self._bring, most=MOST)

    def take_manifest(self, vehicle: Vehicle, octets: bytes) -> Taken:
        """Take a manifest, and bring the vehicle's metadata up to it. Raises DecodeError, DirectorRefusal;
        RecordFailed, TokenLost and the like where the service is not able to."""
        return self._together(_Ask(vehicle, octets))

    def take_manifests(self, sent: Sequence[tuple[Vehicle, bytes]]) -> list[Taken | Exception]:
        """As take_manifest of each, in the order given, with what it would raise."""
        return self._bring([_Ask(*one) for one in sent])

    def refresh(self, vehicle: Vehicle) -> None:
        """Bring a vehicle's metadata up to the plan and the day, by what it last reported. Raises as
        take_manifest."""
        self._together(_Ask(vehicle, None))

    def outlook(self, vehicle: Vehicle) -> Outlook:
        """What the plan has for it now."""
        ecus, rows, plan = self._view(vehicle)
        return outlook(vehicle, ecus, plan, rows, self._blinding)

    def _bring(self, asks: Sequence[_Ask]) -> list[Taken | Exception]:
        """The outcomes. What moved meanwhile is looked at again; in the order of the vehicles' ids, as a halt
        takes them, so that transactions do not wait for each other."""
        outcomes: dict[int, Taken | Exception] = {}
        left = dict(sorted(enumerate(asks), key=lambda numbered: numbered[1].vehicle.id))
        fault = cache(self._metadata.fault)  # the token is asked once for all of them
        for _ in range(_TRIES):
            steps: dict[int, _Step] = {}
            for number, ask in left.items():
                try:
                    steps[number] = self._look(ask, fault)
                except Exception as error:
                    outcomes[number] = error
            outcomes |= zip(steps, self._take(list(steps.values())), strict=True)
            left = {number: asks[number] for number in steps if isinstance(outcomes[number], _Moved)}
            for number, ask in list(left.items()):
                try:
                    left[number] = ask._replace(vehicle=self._again(ask.vehicle))
                except Exception as error:
                    outcomes[number] = error
                    del left[number]
            if not left:
                break
        for number in left:
            outcomes[number] = RecordFailed("the vehicle's metadata is being made elsewhere, not done yet")
        return [outcomes[number] for number in range(len(asks))]

    def _again(self, vehicle: Vehicle) -> Vehicle:
        """As it is now. Raises DirectorRefusal where it is served no more."""
        now = self._inventory.again(vehicle)
        if not now.is_active:
            raise DirectorRefusal(DirectorReason.FORBIDDEN, f"the vehicle is {now.state}")
        return now

    def _look(self, ask: _Ask, fault_of: Callable[[], Exception | None]) -> _Step:
        """Raises what a manifest is refused with, and the token's fault where there is nothing to take
        down."""
        vehicle, now = ask.vehicle, self._clock.time32()
        ecus, rows, plan = self._view(vehicle)
        reported = None
        if ask.octets is not None:
            reported = manifests.check(vehicle, ecus, ask.octets, now, self._window)
            ecus = reported.ecus
        found = outlook(vehicle, ecus, plan, rows, self._blinding)
        targets = targets_json(found.resolution.directed)
        coming: Next | None = None
        fault: Exception | None = None
        changed = vehicle.content != self._metadata.content_of(targets)
        if changed or not self._metadata.is_fresh(vehicle.expires, now):
            fault = fault_of()
            if fault is None:
                coming = self._metadata.prepare(vehicle, targets, plan.generation, now)
            elif reported is None:
                raise fault
        return _Step(vehicle, now, plan, rows, ecus, ask.octets, reported, found.keys, coming, changed, fault)

    def _view(self, vehicle: Vehicle) -> tuple[Sequence[Ecu], Sequence[Assignment], Plan]:
        # No transaction: what changes from here on, or did since the vehicle was read, is found by the claim.
        # The generation comes with the ECUs, of which each vehicle has one: five statements less.
        found = self._database.rows(_ECUS, vehicle=vehicle.id)
        ecus = [Ecu(*row[:-1]) for row in found]
        return ecus, assignments_of(self._database, vehicle.id), self._planner.plan(found[0][-1])

    def _take(self, steps: Sequence[_Step]) -> list[Taken | Exception]:
        """The outcomes of one try: record, sign, hand out."""
        outcomes = self._record(steps)
        coming = {
            number: step.coming
            for number, step in enumerate(steps)
            if outcomes[number] is None and step.coming is not None
        }
        signed: dict[int, bytes] = {}
        for number, made in zip(coming, self._metadata.sign(list(coming.values())), strict=True):
            if isinstance(made, bytes):
                signed[number] = made
            else:
                self._metadata.give_up(coming[number])
                outcomes[number] = made
        given = self._hand_out([(steps[at], coming[at], octets) for at, octets in signed.items()])
        found = dict(enumerate(outcomes)) | dict(zip(signed, given, strict=True))
        return [outcome for outcome in found.values() if outcome is not None]

    def _record(self, steps: Sequence[_Step]) -> list[Taken | Exception | None]:
        """None for what is to be signed."""
        if not steps:
            return []
        at = None
        try:
            with self._database.write(durable=any(step.is_durable for step in steps)) as tx:
                for at in steps:
                    self._tx_record(tx, at)
                at = None
        except Exception as error:
            if at is None or len(steps) == 1:  # the database's fault, or its own
                return [error] * len(steps)
            return [self._record([step])[0] for step in steps]
        return [
            (step.fault or Taken(step.vehicle.issued, changed=False)) if step.coming is None else None
            for step in steps
        ]

    def _tx_record(self, tx: Transaction, step: _Step) -> None:
        """Raises _Moved; DirectorRefusal, as manifests.tx_store."""
        vehicle, plan, coming, reported = step.vehicle, step.plan, step.coming, step.reported
        claimed = tx.run(
            _CLAIM,
            of_vehicle=vehicle.id,
            old_counter=vehicle.counter,
            old_version=vehicle.version,
            plan=plan.generation,
            new_counter=vehicle.counter if reported is None else reported.manifest.counter,
            new_version=vehicle.version if coming is None else coming.version,
            now=None if reported is None else step.now,
        )
        if claimed != 1:
            raise _Moved
        if reported is not None and step.octets is not None:
            manifests.tx_store(tx, vehicle, reported, step.octets, step.now)
            tx_report(tx, vehicle.id, step.rows, step.ecus, plan.known, step.now)
            if reported.is_new and reported.attacks:
                tx.audit(Event.ATTACK_REPORTED, vehicle=vehicle.id, count=reported.attacks)
        if coming is not None:
            tx_save(tx, coming.prepared.record)
            return
        if step.fault is not None:
            return
        _tx_offer(tx, step, vehicle.issued)
        if vehicle.plan != plan.generation:
            tx_move_plan(tx, vehicle.id, vehicle.issued, plan.generation)

    def _hand_out(self, done: Sequence[tuple[_Step, Next, bytes]]) -> list[Taken | Exception]:
        """What was signed, from now on. A record whose documents will not go out is void: its number is used
        up, and what was handed out before still is."""
        if not done:
            return []
        at = None
        try:
            with self._database.write(durable=False) as tx:
                for at, coming, signed in done:
                    self._metadata.tx_hand_out(tx, at.vehicle, coming, signed)
                    _tx_offer(tx, at, coming.version)
                at = None
        except Exception as error:
            if at is not None and len(done) > 1:
                return [self._hand_out([one])[0] for one in done]
            return [self._not_handed_out(step, coming, error) for step, coming, _ in done]
        return [Taken(coming.version, step.changed) for step, coming, _ in done]

    def _not_handed_out(self, step: _Step, coming: Next, error: Exception) -> Taken | Exception:
        self._metadata.give_up(coming)
        if not isinstance(error, Overtaken):
            return error
        try:
            return Taken(self._again(step.vehicle).issued, step.changed)
        except Exception as refusal:
            return refusal


def _tx_offer(tx: Transaction, step: _Step, version: int) -> None:
    """Bring the offers' rows in line with what the vehicle's metadata says."""
    tx_recall(tx, step.vehicle.id, step.rows, step.keys, step.ecus, step.plan.known)
    tx_offer(tx, step.vehicle.id, step.rows, step.keys, version, step.now)
