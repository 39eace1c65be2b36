"""A repository's rows: versions, signing requests, signatures. No rule of the house is here."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from v2xpki.ota.kinds import Kind
from v2xpki.ota.metadata import Agreement, State, Version
from v2xpki.ota.signing_files import read_agreements
from v2xpki.store import Statement, Transaction
from v2xpki.store.base import Setting, table_of
from v2xpki.store.tuf import OPEN

_LOCK = sa.select(Setting.name).where(Setting.name == "domain").with_for_update()


def tx_alone(tx: Transaction) -> None:
    """One writer of metadata and of what stands in it at a time, where the database has several. The first
    statement of its transaction: what was read before may be old."""
    tx.execute(_LOCK).all()


class Request(NamedTuple):
    """A signing request. `id`: signing_files.request_id. payload: the canonical JSON that is signed."""

    id: bytes
    role: str
    version: int
    payload: bytes
    agree: tuple[Agreement, ...]
    state: str  # store.tuf: OPEN, PUBLISHED, DROPPED
    reason: str
    created_by: str
    created: int  # TAI seconds


class Submitted(NamedTuple):
    """A signature that came in."""

    keyid: str
    signature: str  # hex
    signer: str
    submitted_by: str
    submitted: int  # TAI seconds


class Rows:
    """One repository's tables."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._versions = table_of(kind.role_version)
        self._requests = table_of(kind.signing_request)
        self._signatures = table_of(kind.submitted_signature)

    @cached_property
    def octets_of(self) -> Statement:
        """Octets of a role's version, by `role` and `version`."""
        t = self._versions
        return Statement(
            sa.select(t.c.octets).where(
                t.c.role == sa.bindparam("role", type_=sa.Text()),
                t.c.version == sa.bindparam("version", type_=sa.BigInteger()),
            )
        )

    @cached_property
    def newest_of(self) -> Statement:
        """Octets of a role's newest version, by `role`."""
        t = self._versions
        newest = sa.select(t.c.octets).where(t.c.role == sa.bindparam("role", type_=sa.Text()))
        return Statement(newest.order_by(t.c.version.desc()).limit(sa.literal_column("1")))

    @cached_property
    def _numbers(self) -> Statement:
        """Each role and its newest version."""
        newest = self._newest
        return Statement(sa.select(newest.c.role, newest.c.version))

    @cached_property
    def _present(self) -> Statement:
        """Of each role its newest version's row, as `Version`."""
        t, newest = self._versions, self._newest
        there = sa.and_(t.c.role == newest.c.role, t.c.version == newest.c.version)
        return Statement(sa.select(*(t.c[name] for name in Version._fields)).join(newest, there))

    @property
    def _newest(self) -> sa.Subquery:
        """Role and newest version, by steps from role to role in the key's index: timestamps add up, and
        GROUP BY would read them all."""
        t = self._versions
        roles = sa.select(sa.func.min(t.c.role).label("role")).cte("roles", recursive=True)
        other = t.alias()
        next_role = sa.select(sa.func.min(other.c.role)).where(other.c.role > roles.c.role).scalar_subquery()
        roles = roles.union_all(sa.select(next_role).where(roles.c.role.is_not(None)))
        number = sa.select(sa.func.max(t.c.version)).where(t.c.role == roles.c.role).scalar_subquery()
        named = sa.select(roles.c.role, number.label("version")).where(roles.c.role.is_not(None))
        return named.subquery()

    @cached_property
    def _end_of(self) -> Statement:
        """When a role's newest version expires, by `role`."""
        t = self._versions
        newest = sa.select(t.c.expires).where(t.c.role == sa.bindparam("role", type_=sa.Text()))
        return Statement(newest.order_by(t.c.version.desc()).limit(sa.literal_column("1")))

    def state(self, tx: Transaction) -> State:
        """The newest version of each role."""
        return State({row[0]: Version._make(row) for row in tx.rows(self._present)})

    def numbers(self, tx: Transaction) -> dict[str, int]:
        """Role -> its newest version."""
        return dict(cast(list[tuple[str, int]], tx.rows(self._numbers)))

    def ends(self, tx: Transaction, *roles: str) -> list[int]:
        """When the newest versions of roles expire, of those that have one."""
        found = [tx.row(self._end_of, role=role) for role in roles]
        return [row[0] for row in found if row is not None]

    def publish(self, tx: Transaction, versions: Iterable[Version], now: int) -> None:
        for one in versions:
            tx.insert(self.kind.role_version, **one._asdict(), published=now)

    def add_request(self, tx: Transaction, request: Request, keys: str) -> None:
        values = request._asdict()
        del values["agree"]
        tx.insert(self.kind.signing_request, **values, keys=keys)

    def close_request(self, tx: Transaction, request: bytes, state: str, reason: str) -> bool:
        """Whether it was open."""
        t = self._requests
        change = sa.update(t).where(t.c.id == request, t.c.state == OPEN).values(state=state, reason=reason)
        return tx.execute(change).rowcount == 1

    def requests(self, tx: Transaction, *, only_open: bool = True) -> list[Request]:
        t = self._requests
        query = sa.select(t).order_by(t.c.created, t.c.role)
        return [_request(row) for row in tx.execute(query.where(t.c.state == OPEN) if only_open else query)]

    def request(self, tx: Transaction, request: bytes) -> Request | None:
        t = self._requests
        found = tx.execute(sa.select(t).where(t.c.id == request)).one_or_none()
        return None if found is None else _request(found)

    def add_signature(self, tx: Transaction, request: bytes, one: Submitted) -> bool:
        """Whether the key had not signed before."""
        return tx.insert_if_new(self.kind.submitted_signature, request=request, **one._asdict())

    def signatures(self, tx: Transaction, request: bytes) -> list[Submitted]:
        t = self._signatures
        columns = [t.c[name] for name in Submitted._fields]
        query = sa.select(*columns).where(t.c.request == request).order_by(t.c.submitted, t.c.keyid)
        return [Submitted._make(row) for row in tx.execute(query)]


def _request(row: Any) -> Request:
    return Request(
        row.id, row.role, row.version, row.payload, read_agreements(row.keys), row.state, row.reason,
        row.created_by, row.created,
    )  # fmt: skip
