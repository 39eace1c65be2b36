"""Campaigns: which releases go to which vehicles, begun and stopped by operators.

    draft -> running <-> paused;  running, paused -> halted;  running -> finished

A campaign that pauses offers nothing new and takes nothing back; one that is halted takes back what is not
installed; one that is done is finished by the Director itself (finishing.py). Both ends are final. A share of
the fleet only grows. Each step is one transaction with its audit entry, and begins a new generation of the
plan, so that no vehicle is offered anything by a plan that was changed before.
"""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.errors import AlreadyRecorded, DecodeError
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.known_targets import LOOK_EVERY
from v2xpki.ota.plan import Cohort, tx_plan_changed
from v2xpki.store import Database, Transaction, random_key
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.time import Clock, iso_from_time32
from v2xpki.trust.ota.names import PART

_CAMPAIGN, _C = table_of(store.Campaign), table_of(store.Campaign).c
_ASSIGNMENT, _A = table_of(store.Assignment), table_of(store.Assignment).c
_K = table_of(store.KnownTarget).c
_VEHICLE, _V = table_of(store.Vehicle), table_of(store.Vehicle).c
MOST_TARGETS = 256
_LONGEST_REASON = 500
_COUNTED = (store.OFFERED, store.INSTALLED, store.FAILED, store.RECALLED)
_FROM = {
    store.RUNNING: (store.DRAFT, store.RUNNING, store.PAUSED),
    store.PAUSED: (store.RUNNING,),
    store.HALTED: (store.DRAFT, store.RUNNING, store.PAUSED),
    store.FINISHED: (store.RUNNING,),
}
#: Who finishes a campaign, and why, for the record.
_ITSELF = "director"
_DONE = "every vehicle of the cohort has reported it"


class Campaigns:
    """The campaigns of one Director. A campaign is named by its id in hex, or its name."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def create(self, name: Any, targets: Any, cohort: Any, operator: str) -> dict[str, Any]:
        """A draft. targets: paths of known targets; cohort: as Cohort.parse. Raises DecodeError,
        DirectorRefusal."""
        if not isinstance(name, str) or not PART.fullmatch(name):
            raise DecodeError(f"name is not {PART.pattern}")
        if (
            not isinstance(targets, list)
            or not 0 < len(targets) <= MOST_TARGETS
            or not all(isinstance(path, str) for path in targets)
            or len(set(targets)) != len(targets)
        ):
            raise DecodeError(f"targets is no list of 1 to {MOST_TARGETS} paths, each once")
        whom, campaign = Cohort.parse(cohort), random_key()
        try:
            with self._database.write(durable=True) as tx:
                known = set(
                    tx.execute(sa.select(_K.path).where(_K.path.in_(targets), _K.gone == 0)).scalars()
                )
                if missing := set(targets) - known:
                    raise DirectorRefusal(
                        DirectorReason.UNKNOWN,
                        f"{min(missing)} is no target of the Image repository, or is withdrawn there; a "
                        f"release that was just published is known within {LOOK_EVERY:g} s: try again then",
                    )
                tx.insert(
                    store.Campaign,
                    id=campaign,
                    name=name,
                    state=store.DRAFT,
                    targets=json.dumps(targets),
                    cohort=json.dumps(whom.document()),
                    reason="",
                    created_by=operator,
                    created=self._clock.time32(),
                    started=None,
                    ended=None,
                )
                tx.audit(Event.CAMPAIGN_CREATED, campaign=campaign, operator=operator)
        except AlreadyRecorded as error:
            raise DirectorRefusal(DirectorReason.CONFLICT, f"a campaign {name} exists") from error
        return self.campaign(campaign.hex())

    def start(self, campaign: str, operator: str, percentage: Any = None) -> dict[str, Any]:
        """Begin, go on, or with a percentage above the one so far, widen. Raises DecodeError,
        DirectorRefusal."""
        with self._database.write(durable=True) as tx:
            row = self._tx_hold(tx, campaign)
            _tx_require_none_gone(tx, row)
            cohort = Cohort.parse(json.loads(row["cohort"]))
            if percentage is not None:
                wider = Cohort.parse(cohort.document() | {"percentage": percentage})
                before = 100 if cohort.percentage is None else cohort.percentage
                if row["state"] != store.DRAFT and percentage < before:
                    raise DirectorRefusal(
                        DirectorReason.STATE, f"percentage {percentage} is below the {before} so far"
                    )
                cohort = wider
            elif row["state"] == store.RUNNING:
                raise DirectorRefusal(DirectorReason.STATE, "the campaign is running")
            now = self._clock.time32()
            changes = {
                "cohort": json.dumps(cohort.document()),
                "started": now if row["started"] is None else row["started"],
            }
            self._tx_move(tx, row, store.RUNNING, operator, "", changes, percentage)
        return self.campaign(campaign)

    def pause(self, campaign: str, reason: Any, operator: str) -> dict[str, Any]:
        """Offer nothing new. Raises DirectorRefusal."""
        with self._database.write(durable=True) as tx:
            self._tx_move(tx, self._tx_hold(tx, campaign), store.PAUSED, operator, reason, {})
        return self.campaign(campaign)

    def halt(self, campaign: str, reason: Any, operator: str) -> dict[str, Any]:
        """End it, and take back what is not installed. Raises DirectorRefusal."""
        with self._database.write(durable=True) as tx:
            self._tx_end(tx, self._tx_hold(tx, campaign), store.HALTED, operator, reason)
        return self.campaign(campaign)

    def finish(self, campaign: bytes) -> bool:
        """End one that is done; whether it ran until now. What blocked vehicles are still offered is taken
        back."""
        with self._database.write(durable=True) as tx:
            row = self._tx_hold(tx, campaign.hex())
            if row["state"] not in _FROM[store.FINISHED]:
                return False
            self._tx_end(tx, row, store.FINISHED, _ITSELF, _DONE)
        return True

    def campaign(self, campaign: str) -> dict[str, Any]:
        """With its counts. Raises DirectorRefusal for an unknown one."""
        with self._database.read() as tx:
            return _document(tx, self._tx_find(tx, campaign))

    def campaigns(self) -> list[dict[str, Any]]:
        """All, the newest first, with their counts."""
        with self._database.read() as tx:
            rows = tx.execute(sa.select(_CAMPAIGN).order_by(_C.created.desc(), _C.name)).mappings().all()
            return [_document(tx, row) for row in rows]

    def _tx_find(self, tx: Transaction, campaign: str) -> Mapping[str, Any]:
        for named in (_C.name == campaign, _C.id == _octets(campaign)):
            row = tx.execute(sa.select(_CAMPAIGN).where(named)).mappings().first()
            if row is not None:
                return dict(row)
        raise DirectorRefusal(DirectorReason.UNKNOWN, f"no campaign {campaign[:64]!r}")

    def _tx_hold(self, tx: Transaction, campaign: str) -> Mapping[str, Any]:
        """As _tx_find, and nobody else's until the transaction ends: a halt is not undone by a start that had
        read before it."""
        key = self._tx_find(tx, campaign)["id"]
        query = sa.select(_CAMPAIGN).where(_C.id == key).with_for_update()
        return dict(tx.execute(query).mappings().one())

    def _tx_end(
        self, tx: Transaction, row: Mapping[str, Any], state: str, operator: str, reason: Any
    ) -> None:
        self._tx_move(tx, row, state, operator, reason, {"ended": self._clock.time32()})
        offered = (
            _A.path.in_(json.loads(row["targets"])),
            _A.campaign == row["id"],
            _A.state.in_((store.OFFERED, store.FAILED)),
        )
        # Who writes assignments holds their vehicle: else two could wait for each other.
        whose = sa.select(_A.vehicle).where(*offered)
        held = sa.select(_V.id).where(_V.id.in_(whose)).order_by(_V.id).with_for_update(of=_VEHICLE)
        tx.execute(sa.select(sa.func.count()).select_from(held.subquery()))  # counted: it may be a million
        tx.execute(sa.update(_ASSIGNMENT).where(*offered).values(state=store.RECALLED))

    @staticmethod
    def _tx_move(
        tx: Transaction, row: Mapping[str, Any], state: str, operator: str, reason: Any,
        changes: Mapping[str, Any], percentage: int | None = None,
    ) -> None:  # fmt: skip
        if row["state"] not in _FROM[state]:
            raise DirectorRefusal(DirectorReason.STATE, f"the campaign is {row['state']}, not to be {state}")
        if state != store.RUNNING:
            check_reason(reason)
        tx.execute(
            sa.update(_CAMPAIGN).where(_C.id == row["id"]).values(state=state, reason=reason, **changes)
        )
        tx_plan_changed(tx)
        tx.audit(
            Event.CAMPAIGN_MOVED,
            campaign=row["id"],
            state=state,
            percentage=percentage,
            reason=reason,
            operator=operator,
        )


def _tx_require_none_gone(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Raises DirectorRefusal for a campaign over what is withdrawn."""
    targets = json.loads(row["targets"])
    gone = tx.execute(sa.select(sa.func.min(_K.path)).where(_K.path.in_(targets), _K.gone != 0)).scalar()
    if gone is not None:
        raise DirectorRefusal(
            DirectorReason.STATE,
            f"{gone} is withdrawn: halt this campaign (`v2xpki ota campaign halt {row['name']} --reason "
            "...`) and create another for the rest of its targets",
        )


def check_reason(reason: Any) -> None:
    """Raise DecodeError unless an operator says why."""
    if not isinstance(reason, str) or not 0 < len(reason.strip()) <= _LONGEST_REASON:
        raise DecodeError(f"reason is no text of 1 to {_LONGEST_REASON} characters")


def _octets(campaign: str) -> bytes:
    try:
        return bytes.fromhex(campaign)
    except ValueError:
        return b""


def _document(tx: Transaction, row: Mapping[Any, Any]) -> dict[str, Any]:
    paths = json.loads(row["targets"])
    query = (
        sa.select(_A.state, sa.func.count())
        .where(_A.path.in_(paths), _A.campaign == row["id"])
        .group_by(_A.state)
    )
    found: Any = tx.execute(query).all()
    counts: dict[str, int] = dict(found)
    return {
        "id": bytes(row["id"]).hex(),
        "name": row["name"],
        "state": row["state"],
        "targets": paths,
        "cohort": json.loads(row["cohort"]),
        "reason": row["reason"],
        "createdBy": row["created_by"],
        **{name: _iso(row[name]) for name in ("created", "started", "ended")},
        "counts": {state: counts.get(state, 0) for state in _COUNTED},
    }


def _iso(time32: int | None) -> str | None:
    return None if time32 is None else iso_from_time32(time32)
