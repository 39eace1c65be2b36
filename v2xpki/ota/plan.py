"""What is to be delivered now: campaigns that run or pause, and the targets that may be directed to.

A plan has a generation. Whoever changes a campaign or the known targets adds one to it in the same
transaction; each vehicle's metadata remembers of which generation it is. So a vehicle that asks for nothing
new costs one query, and none of the campaigns is read for it.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from v2xpki.errors import DecodeError
from v2xpki.ota.resolving import Target
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.trust.ota.fields import ImageFields
from v2xpki.trust.ota.names import PART, VIN

_G, _C, _K = table_of(store.PlanGeneration).c, table_of(store.Campaign).c, table_of(store.KnownTarget).c
#: The generation, as part of other queries; 0 before the first change.
GENERATION = sa.func.coalesce(sa.select(_G.generation).where(_G.id == 1).scalar_subquery(), 0)
_GENERATION = Statement(sa.select(sa.type_coerce(GENERATION, sa.BigInteger())))
_NEXT = Statement(
    sa.update(table_of(store.PlanGeneration)).where(_G.id == 1).values(generation=_G.generation + 1)
)
_CAMPAIGNS = Statement(
    sa.select(_C.id, _C.state, _C.targets, _C.cohort)
    .where(sa.or_(_C.state == store.RUNNING, _C.state == store.PAUSED))
    .order_by(_C.id)
)
_TARGETS = Statement(sa.select(_K.path, _K.length, _K.sha256, _K.hashes, _K.custom, _K.gone))
_MOST_VINS = 1_000_000


class Cohort(NamedTuple):
    """Which vehicles: of these models, of these VINs, a share of them. Nothing named means all, but for a
    cohort that names nothing at all, which there is not."""

    models: frozenset[str] = frozenset()
    vins: frozenset[str] = frozenset()
    percentage: int | None = None

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Of {"models"?, "vins"?, "percentage"?}. Raises DecodeError that names the field."""
        if not isinstance(value, dict) or value.keys() - {"models", "vins", "percentage"} or not value:
            raise DecodeError("cohort has not one or more of models, vins and percentage, and nothing else")
        found = {}
        for name, pattern in (("models", PART), ("vins", VIN)):
            listed = value.get(name, [])
            if not isinstance(listed, list) or len(listed) > _MOST_VINS or (name in value and not listed):
                raise DecodeError(f"cohort.{name} is no list of 1 to {_MOST_VINS}")
            if not all(isinstance(one, str) and pattern.fullmatch(one) for one in listed):
                raise DecodeError(f"cohort.{name} is no list of {pattern.pattern}")
            found[name] = frozenset(listed)
        percentage = value.get("percentage")
        if "percentage" in value and (type(percentage) is not int or not 1 <= percentage <= 100):
            raise DecodeError("cohort.percentage is no whole number from 1 to 100")
        return cls(found["models"], found["vins"], percentage)

    def document(self) -> dict[str, Any]:
        return {
            **({"models": sorted(self.models)} if self.models else {}),
            **({"vins": sorted(self.vins)} if self.vins else {}),
            **({} if self.percentage is None else {"percentage": self.percentage}),
        }

    def includes(self, campaign: bytes, vin: str, model: str, secret: "Blinding") -> bool:
        """Whether it has a vehicle. The share is by a keyed hash of the VIN: who is in it stays in it as it
        grows, and nobody outside can tell who is."""
        if (self.models and model not in self.models) or (self.vins and vin not in self.vins):
            return False
        if self.percentage is None:
            return True
        return int.from_bytes(secret(campaign, vin)[:4], "big") * 100 < self.percentage << 32


class Blinding:
    """The keyed hash that shares go by."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, campaign: bytes, vin: str) -> bytes:
        return self._database.blind("cohort", campaign + vin.encode())


class Campaign(NamedTuple):
    """A campaign that runs, or pauses: then it offers nothing new."""

    id: bytes
    running: bool
    targets: Sequence[Target]  # those that are known and not withdrawn
    cohort: Cohort


class Plan(NamedTuple):
    """At one moment. known: path -> target, withdrawn ones too."""

    generation: int
    campaigns: Sequence[Campaign]
    known: Mapping[str, Target]


class Planner:
    """The plan as it is now, read anew when its generation is another. For all threads of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._plan: Plan | None = None
        self._lock = threading.Lock()

    def plan(self, generation: int) -> Plan:
        """At least of this generation."""
        with self._lock:
            if self._plan is None or self._plan.generation < generation:
                self._plan = self._read()
            return self._plan

    def _read(self) -> Plan:
        with self._database.read() as tx:
            generation = tx_generation(tx)
            campaigns, targets = tx.rows(_CAMPAIGNS), tx.rows(_TARGETS)
        known, gone = {}, set()
        for path, length, sha256, hashes, custom, is_gone in targets:
            known[path] = Target(
                path, length, sha256, json.loads(hashes), ImageFields.parse(json.loads(custom))
            )
            if is_gone:
                gone.add(path)
        return Plan(
            generation,
            [
                Campaign(
                    id,
                    state == store.RUNNING,
                    [known[path] for path in json.loads(paths) if path in known and path not in gone],
                    Cohort.parse(json.loads(cohort)),
                )
                for id, state, paths, cohort in campaigns
            ],
            known,
        )


def tx_generation(tx: Transaction) -> int:
    """The generation as it is now."""
    row = tx.row(_GENERATION)
    return int(row[0]) if row else 0


def tx_plan_changed(tx: Transaction) -> None:
    """Begin a new generation, in the transaction that changes what the plan is made of."""
    tx.insert_if_new(store.PlanGeneration, id=1, generation=0)
    tx.run(_NEXT)
