"""Which campaigns are done: every active vehicle of the cohort has reported the newest there for its ECUs.

A campaign over a share of the fleet is never done, nor one that names a VIN that is not registered, or that
concerns nobody yet. An ECU that has something newer, which the release may not replace, is done with.

Looking costs no write. Of each campaign one that is still missing is remembered and asked about first: while
it is missing, one row is read; then the search goes on from it, and once round.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from v2xpki.ota.campaigns import Campaigns
from v2xpki.ota.plan import Campaign, Cohort, Planner, tx_generation
from v2xpki.ota.resolving import Target
from v2xpki.store import Database, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of

_VEHICLE, _V = table_of(store.Vehicle), table_of(store.Vehicle).c
_ECU, _E = table_of(store.Ecu), table_of(store.Ecu).c
_AT_ONCE = 500  # values in one query


class Finishing:
    """Ends the campaigns of one Director that are done. Of one thread."""

    def __init__(self, database: Database, campaigns: Campaigns) -> None:
        self._database, self._campaigns = database, campaigns
        self._planner = Planner(database)
        self._missing: dict[bytes, _Place] = {}

    def look(self) -> int:
        """Finish what is done; how many campaigns that were."""
        with self._database.read() as tx:
            plan = self._planner.plan(tx_generation(tx))
            done = [one.id for one in plan.campaigns if self._is_done(tx, one)]
        return sum(map(self._campaigns.finish, done))

    def _is_done(self, tx: Transaction, campaign: Campaign) -> bool:
        if not campaign.running or not campaign.targets or campaign.cohort.percentage not in (None, 100):
            return False
        goals, cohort = _goals(campaign.targets), campaign.cohort
        ask = _Named(tx, goals, cohort) if cohort.vins else _Open(tx, goals, cohort)
        last = self._missing.pop(campaign.id, None)
        found = (last and (ask.again(last) or ask.missing(last))) or ask.missing(_Place())
        if found:
            self._missing[campaign.id] = found
        return not found and ask.is_concerned()


class _Place(NamedTuple):
    """Where a search is: which goal, and after which ECU, or VIN."""

    goal: int = 0
    after: str = ""


class _Goal(NamedTuple):
    """What ECUs of a hardware id are to have in the end. bar: what counts higher stays as it is."""

    target: Target
    bar: int

    @property
    def concerned(self) -> sa.ColumnElement[bool]:
        """Of an ECU: it is about it."""
        return sa.and_(_E.hardware_id == self.target.fields.hardware_id, _E.replaced_by.is_(None))

    @property
    def lacking(self) -> sa.ColumnElement[bool]:
        """Of an ECU: it has not reported it."""
        path, sha256 = sa.func.coalesce(_E.path, ""), sa.func.coalesce(_E.sha256, "")
        return sa.and_(
            self.concerned,
            sa.or_(path != self.target.path, sha256 != self.target.sha256),
            sa.func.coalesce(_E.release_counter, 0) <= self.bar,
        )


def _goals(targets: Iterable[Target]) -> list[_Goal]:
    """Of each hardware id the newest."""
    newest: dict[str, Target] = {}
    for one in sorted(targets, key=lambda target: (target.fields.release_counter, target.path)):
        newest[one.fields.hardware_id] = one
    return [
        _Goal(one, max(one.fields.release_counter, one.fields.rollback_from or 0)) for one in newest.values()
    ]


class _Open:
    """A cohort that names no VINs: ECUs are gone through, one goal after the other."""

    def __init__(self, tx: Transaction, goals: Sequence[_Goal], cohort: Cohort) -> None:
        self._tx, self._goals = tx, goals
        self._models = list(_pieces(sorted(cohort.models)))

    def again(self, place: _Place) -> _Place | None:
        """A place, if that one is missing still."""
        goals = self._goals[place.goal : place.goal + 1]  # none, if a target was withdrawn since
        return place if any(self._first(goal.lacking, _E.id == place.after) for goal in goals) else None

    def missing(self, start: _Place) -> _Place | None:
        """The first that is missing."""
        after = start.after
        for number, goal in list(enumerate(self._goals))[start.goal :]:
            if found := self._first(goal.lacking, _E.id > after):
                return _Place(number, found)
            after = ""
        return None

    def is_concerned(self) -> bool:
        """Whether any vehicle has an ECU that it is about."""
        return any(self._first(goal.concerned, sa.true()) for goal in self._goals)

    def _first(self, *of_ecus: sa.ColumnElement[bool]) -> str:
        query = (
            sa.select(_E.id)
            .join_from(_ECU, _VEHICLE, _V.id == _E.vehicle)
            .where(*of_ecus, _V.state == store.ACTIVE)
            .order_by(_E.id)
            .limit(1)
        )
        queries = [query.where(_V.model.in_(models)) for models in self._models] or [query]
        return next(filter(None, map(self._scalar, queries)), "")

    def _scalar(self, query: sa.Select[Any]) -> str:
        return self._tx.execute(query).scalar() or ""


class _Named:
    """A cohort that names VINs: they are gone through, all goals at once."""

    def __init__(self, tx: Transaction, goals: Sequence[_Goal], cohort: Cohort) -> None:
        self._tx, self._cohort = tx, cohort
        self._lacking = sa.or_(*(goal.lacking for goal in goals))
        self._concerned = sa.or_(*(goal.concerned for goal in goals))

    def again(self, place: _Place) -> _Place | None:
        """As _Open's."""
        return self._missing_of((place.after,))

    def missing(self, start: _Place) -> _Place | None:
        """As _Open's."""
        vins = sorted(vin for vin in self._cohort.vins if vin > start.after)
        return next(filter(None, map(self._missing_of, _pieces(vins))), None)

    def is_concerned(self) -> bool:
        """As _Open's."""
        return any(self._first(self._concerned, vins) for vins in _pieces(sorted(self._cohort.vins)))

    def _missing_of(self, vins: Sequence[str]) -> _Place | None:
        registered = sa.select(_V.vin).where(_V.vin.in_(vins), _V.retired.is_(None))
        there = set(self._tx.execute(registered).scalars())
        unregistered = next((vin for vin in vins if vin not in there), "")
        found = unregistered or self._first(self._lacking, vins)
        return _Place(0, found) if found else None

    def _first(self, of_ecus: sa.ColumnElement[bool], vins: Sequence[str]) -> str:
        ecu = sa.exists().where(_E.vehicle == _V.id, of_ecus)
        query = sa.select(_V.vin, _V.model).where(_V.vin.in_(vins), _V.state == store.ACTIVE, ecu)
        found: Any = self._tx.execute(query.order_by(_V.vin)).all()
        models = self._cohort.models
        return next((vin for vin, model in found if not models or model in models), "")


def _pieces(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
