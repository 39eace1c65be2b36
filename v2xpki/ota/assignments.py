"""What ECUs were offered and what came of it: rows for the evidence, the campaigns' counts, and for a
campaign that pauses, which goes on with what it had offered.

    offered -> installed   the ECU reports the image
            -> failed      it reports an attack instead; it is still offered, and may yet be installed
            -> recalled    its campaign was halted, its target withdrawn or superseded
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from v2xpki.ota.inventory import Ecu, Vehicle
from v2xpki.ota.plan import Blinding, Plan
from v2xpki.ota.resolving import Resolution, Target, resolve
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of

_A = table_of(store.Assignment).c
_OF = Statement(
    sa.select(_A.ecu, _A.path, _A.campaign, _A.state, _A.detail).where(_A.vehicle == sa.bindparam("vehicle"))
)
_THIS = (
    _A.vehicle == sa.bindparam("of_vehicle"),
    _A.ecu == sa.bindparam("of_ecu"),
    _A.path == sa.bindparam("of_path"),
    _A.campaign == sa.bindparam("of_campaign"),
)
_REPORT = Statement(
    sa.update(table_of(store.Assignment))
    .where(*_THIS)
    .values(
        {name: sa.bindparam(f"new_{name}", type_=_A[name].type) for name in ("state", "reported", "detail")}
    )
)
_OFFER_AGAIN = Statement(
    sa.update(table_of(store.Assignment))
    .where(*_THIS)
    .values(
        state=store.OFFERED,
        version=sa.bindparam("new_version", type_=sa.BigInteger()),
        offered=sa.bindparam("now", type_=sa.BigInteger()),
    )
)
_OPEN = (store.OFFERED, store.FAILED)

#: ECU, path, campaign.
Key = tuple[str, str, bytes]


class Assignment(NamedTuple):
    """A row."""

    ecu: str
    path: str
    campaign: bytes
    state: str
    detail: str

    @property
    def key(self) -> Key:
        return self.ecu, self.path, self.campaign


class Outlook(NamedTuple):
    """What a vehicle is to get: targets, why others are withheld, and by which campaign each is offered."""

    resolution: Resolution
    campaign: Mapping[str, bytes]  # ECU id -> campaign

    @property
    def keys(self) -> set[Key]:
        return {(ecu, target.path, self.campaign[ecu]) for ecu, target in self.resolution.directed.items()}


def assignments_of(database: Database, vehicle: bytes) -> list[Assignment]:
    """All of a vehicle's."""
    return [Assignment(*row) for row in database.rows(_OF, vehicle=vehicle)]


def outlook(
    vehicle: Vehicle, ecus: Sequence[Ecu], plan: Plan, rows: Iterable[Assignment], blinding: Blinding
) -> Outlook:
    """What a plan has for a vehicle, as its ECUs last reported. A campaign that pauses offers what it had."""
    offers: dict[str, list[Target]] = {}
    by: dict[tuple[str, str], bytes] = {}
    standing = {row.key for row in rows if row.state in _OPEN}
    for campaign in plan.campaigns:
        if not campaign.targets or not campaign.cohort.includes(
            campaign.id, vehicle.vin, vehicle.model, blinding
        ):
            continue
        for ecu in ecus:
            for target in campaign.targets:
                if target.fields.hardware_id != ecu.hardware_id:
                    continue
                if campaign.running or (ecu.id, target.path, campaign.id) in standing:
                    offers.setdefault(ecu.id, []).append(target)
                    by.setdefault((ecu.id, target.path), campaign.id)
    if not offers:
        return Outlook(Resolution({}, {}), {})
    found = resolve([ecu.holding for ecu in ecus], offers, plan.known)
    return Outlook(found, {ecu: by[ecu, target.path] for ecu, target in found.directed.items()})


def tx_report(
    tx: Transaction,
    vehicle: bytes,
    rows: Iterable[Assignment],
    ecus: Iterable[Ecu],
    known: Mapping[str, Target],
    now: int,
) -> None:
    """Take down what the ECUs' reports say of what they were offered."""
    by_id = {ecu.id: ecu for ecu in ecus}
    for row in rows:
        ecu, target = by_id.get(row.ecu), known.get(row.path)
        if ecu is None or row.state == store.INSTALLED:
            continue
        if target is not None and ecu.holding.has(target):
            _tx_report(tx, vehicle, row, store.INSTALLED, "", now)
        elif ecu.attack is not None and row.state in _OPEN and ecu.attack != row.detail:
            _tx_report(tx, vehicle, row, store.FAILED, ecu.attack, now)


def _tx_report(tx: Transaction, vehicle: bytes, row: Assignment, state: str, detail: str, now: int) -> None:
    tx.run(_REPORT, **_this(vehicle, row.key), new_state=state, new_reported=now, new_detail=detail)


def tx_offer(
    tx: Transaction, vehicle: bytes, rows: Iterable[Assignment], directed: set[Key], version: int, now: int
) -> None:
    """Bring the rows in line with what a vehicle's metadata of this version says."""
    states = {row.key: row for row in rows}
    for key in directed:
        row = states.get(key)
        if row is None:
            ecu, path, campaign = key
            # It is there where another process's version, made meanwhile, has offered it.
            tx.insert_if_new(
                store.Assignment,
                vehicle=vehicle,
                ecu=ecu,
                path=path,
                campaign=campaign,
                version=version,
                offered=now,
                state=store.OFFERED,
                reported=None,
                detail="",
            )
        elif row.state not in _OPEN:
            tx.run(_OFFER_AGAIN, **_this(vehicle, key), new_version=version, now=now)


def tx_recall(
    tx: Transaction, vehicle: bytes, rows: Iterable[Assignment], directed: set[Key], ecus: Iterable[Ecu],
    known: Mapping[str, Target],
) -> None:  # fmt: skip
    """Take back the rows of what is not directed any more, and was not reported as installed."""
    by_id = {ecu.id: ecu for ecu in ecus}
    for row in rows:
        if row.state not in _OPEN or row.key in directed:
            continue
        ecu, target = by_id.get(row.ecu), known.get(row.path)
        if ecu is None or target is None or not ecu.holding.has(target):
            tx.run(_REPORT, **_this(vehicle, row.key), new_state=store.RECALLED, new_reported=None,
                   new_detail=row.detail)  # fmt: skip


def _this(vehicle: bytes, key: Key) -> dict[str, Any]:
    ecu, path, campaign = key
    return {"of_vehicle": vehicle, "of_ecu": ecu, "of_path": path, "of_campaign": campaign}
