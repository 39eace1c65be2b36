"""The distribution centre's database: everything that is handed out, and since when it is.

A row is recorded in one durable transaction; a list whose `this_update` lies ahead is there and not yet
visible. It becomes visible by the commit that sets `published`, with its audit entry; nothing else of a row
ever changes, and no row goes. A list that a newer one overtook before it was due is never published.

Lists of one issuer are counted by `number`: the ctlSequence that does not wrap; for a CRL and everything else
the order of recording.
"""

import hashlib
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, aliased, mapped_column

from v2xpki.audit import Event
from v2xpki.errors import AlreadyRecorded, InvalidList
from v2xpki.store.base import AuditHead, DcBase, table_of
from v2xpki.store.database import Database, Transaction
from v2xpki.store.statement import Statement
from v2xpki.store.turns import tx_alone

#: Seconds that a lease holds unless it is renewed or its holder dies.
LEASE = 30
_SEQUENCES = 256
_PUBLISHER = "publisher"
_NEW, _KNOWN, _OLDER = "new", "known", "older"


class Kind(StrEnum):
    """What is handed out."""

    CTL = "ctl"
    CRL = "crl"
    ECTL = "ectl"
    TLM_CERTIFICATE = "tlm-certificate"
    TLM_LINK = "tlm-link"
    ROOT_LINK = "root-link"


class Publication(NamedTuple):
    """Octets as they were signed, and when they hold; times in TAI seconds.

    `issuer` is the HashedId8 under which stations ask: of the signing root or TLM, of the certificate
    itself, of the old certificate of a link. `sequence` is the ctlSequence, 0 for everything else.
    """

    kind: Kind
    issuer: bytes
    this_update: int
    next_update: int
    octets: bytes
    sequence: int = 0
    delta: bool = False


class Present(NamedTuple):
    """The full list of an issuer that is handed out now, and what is signed to follow it."""

    publication: Publication
    #: Full lists that are recorded and not yet due.
    ahead: int
    #: nextUpdate of the last of all, TAI seconds.
    covered: int
    #: thisUpdate of the first of them that is past and still not published: the publisher does not work.
    overdue: int | None


class Recorded(NamedTuple):
    """What became of publications that were to be recorded."""

    new: int
    #: They were there.
    known: int
    #: Trust lists that a newer one has overtaken; left out.
    older: int


class PublicationRow(DcBase):
    __tablename__ = "publication"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    issuer: Mapped[bytes]
    delta: Mapped[int]
    number: Mapped[int]
    sequence: Mapped[int]
    this_update: Mapped[int]
    next_update: Mapped[int]
    octets: Mapped[bytes]
    #: TAI seconds; None: not visible.
    published: Mapped[int | None]

    __table_args__ = (sa.UniqueConstraint("kind", "issuer", "delta", "number", name="uq_publication_place"),)


class LeaseRow(DcBase):
    """Who of several workers does a job. `holder` is a run (store/runs.py)."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[bytes]
    until: Mapped[int]


_T = table_of(PublicationRow).c
_L = table_of(LeaseRow).c
_COLUMNS = (_T.kind, _T.issuer, _T.this_update, _T.next_update, _T.octets, _T.sequence, _T.delta)
_LISTS = (Kind.CTL, Kind.CRL, Kind.ECTL)


def _bind(name: str) -> sa.BindParameter[Any]:
    column = _T.this_update if name == "at" else _T[name]
    return sa.bindparam(name, type_=column.type, required=True)


def _place(*, delta: bool = True) -> list[sa.ColumnElement[bool]]:
    names = ["kind", "issuer", *(["delta"] if delta else [])]
    return [_T[name] == _bind(name) for name in names]


def _latest(*, issuer: bool, sequence: bool) -> Statement:
    query = sa.select(*_COLUMNS).where(
        _T.kind == _bind("kind"), _T.delta == _bind("delta"), _T.published.is_not(None)
    )
    if sequence:
        query = query.where(_T.sequence == _bind("sequence"))
    if issuer:
        query = query.where(_T.issuer == _bind("issuer")).order_by(_T.number.desc())
    else:
        query = query.order_by(_T.this_update.desc(), _T.id.desc())
    return Statement(query.limit(sa.literal(1)))


def _not_overtaken() -> sa.ColumnElement[bool]:
    """Nothing of a higher number is published. The other half of the same number may be."""
    other = aliased(table_of(PublicationRow))
    return ~sa.exists(
        sa.select(sa.literal(1)).where(
            other.c.kind == _T.kind,
            other.c.issuer == _T.issuer,
            other.c.published.is_not(None),
            other.c.number > _T.number,
        )
    )


_LATEST = {(i, s): _latest(issuer=i, sequence=s) for i in (True, False) for s in (True, False)}
# Each change of what is visible is audited, so the head of the chain tells whether anything changed.
_REVISION = Statement(sa.select(AuditHead.sequence).where(AuditHead.id == 1))
_WAITING = (_T.published.is_(None), _not_overtaken())
_NEXT_DUE = Statement(
    sa.select(sa.func.min(_T.this_update, type_=sa.Integer())).where(_T.kind == _bind("kind"), *_WAITING)
)
_ANY_DUE = Statement(sa.select(sa.func.min(_T.this_update, type_=sa.Integer())).where(*_WAITING))
_DUE = Statement(
    sa.select(_T.id, _T.kind, _T.issuer, _T.sequence, _T.octets)
    .where(_T.this_update <= _bind("at"), *_WAITING)
    .order_by(_T.number, _T.delta, _T.id)
)
_PUBLISH = Statement(
    sa.update(table_of(PublicationRow))
    .where(_T.id == sa.bindparam("row", type_=_T.id.type, required=True), _T.published.is_(None))
    .values(published=sa.bindparam("now", type_=_T.published.type, required=True))
)
_TOP = Statement(
    sa.select(_T.number, _T.sequence)
    .where(*_place(delta=False))
    .order_by(_T.number.desc())
    .limit(sa.literal(1))
)
_TOP_PUBLISHED = Statement(
    sa.select(sa.func.coalesce(sa.func.max(_T.number), -1, type_=sa.Integer())).where(
        *_place(delta=False), _T.published.is_not(None)
    )
)
_BY_NUMBER = Statement(sa.select(_T.octets).where(*_place(), _T.number == _bind("number")))
_BY_OCTETS = Statement(sa.select(_T.octets).where(*_place(), _T.octets == _bind("octets")))
_PRESENT = Statement(
    sa.select(*_COLUMNS, _T.number)
    .where(
        sa.or_(*[_T.kind == kind.value for kind in _LISTS]),
        _T.delta == sa.literal_column("0"),
        _T.published.is_not(None),
        _not_overtaken(),
    )
    .order_by(_T.kind, _T.issuer)
)
_AHEAD = Statement(
    sa.select(
        sa.func.count(_T.id),
        sa.func.coalesce(sa.func.max(_T.next_update), 0, type_=sa.Integer()),
        sa.func.min(_T.this_update, type_=sa.Integer()),
    ).where(
        *_place(delta=False),
        _T.delta == sa.literal_column("0"),
        _T.published.is_(None),
        _T.number > _bind("number"),
    )
)
_ALL_FULL = Statement(sa.select(_T.octets).where(*_place()).order_by(_T.number.desc()))
_LEASE_OF = Statement(
    sa.select(_L.holder, _L.until).where(_L.name == sa.bindparam("name", type_=_L.name.type, required=True))
)
_TAKE = Statement(
    sa.update(table_of(LeaseRow))
    .where(
        _L.name == sa.bindparam("lease", type_=_L.name.type, required=True),
        _L.holder == sa.bindparam("before", type_=_L.holder.type, required=True),
    )
    .values(
        holder=sa.bindparam("after", type_=_L.holder.type, required=True),
        until=sa.bindparam("end", type_=_L.until.type, required=True),
    )
)


class DcStore:
    """Publications of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- writing -------------------------------------------------------------------------------------

    def publish(self, publications: Sequence[Publication], at: int) -> Recorded:
        """Records all of them in one durable transaction, or none, and publishes those that are due at a
        time. What is there already, and what is older than what is handed out, changes nothing.

        Raises AlreadyRecorded where other octets hold a place, InvalidList for a delta without its full
        list; RecordFailed, AuditError.
        """
        counts = {_NEW: 0, _KNOWN: 0, _OLDER: 0}
        with self._database.write(durable=True) as tx:
            tx_alone(tx)
            for entry in sorted(publications, key=lambda entry: (entry.this_update, entry.delta)):
                state, number = _place_of(tx, entry)
                counts[state] += 1
                if state == _NEW:
                    row = entry._asdict() | {"kind": entry.kind.value, "delta": int(entry.delta)}
                    tx.insert(PublicationRow, number=number, published=None, **row)
            _publish_due(tx, at)
        return Recorded(counts[_NEW], counts[_KNOWN], counts[_OLDER])

    def lease(self, at: int) -> bool:
        """Whether this process is the one that publishes, for LEASE seconds from `at` on: it was before, or
        nobody is, or who was is late or dead."""
        own = self._database.run
        with self._database.read() as tx:
            row = tx.row(_LEASE_OF, name=_PUBLISHER)
        if row is not None:
            before, until = bytes(row[0]), row[1]
            if before != own and until > at and self._database.run_is_alive(before):
                return False
        with self._database.write(durable=False) as tx:
            if row is None:
                return tx.insert_if_new(LeaseRow, name=_PUBLISHER, holder=own, until=at + LEASE)
            return tx.run(_TAKE, lease=_PUBLISHER, before=before, after=own, end=at + LEASE) == 1

    def publish_due(self, at: int) -> int:
        """Publishes what is due, all or nothing, while this process holds the lease; how many documents."""
        own = self._database.run
        with self._database.write(durable=True) as tx:
            # Takes the row's lock: who wants the lease from now on waits for this commit.
            if tx.run(_TAKE, lease=_PUBLISHER, before=own, after=own, end=at + LEASE) != 1:
                return 0
            return _publish_due(tx, at)

    # --- reading ---------------------------------------------------------------------------------------

    def revision(self) -> int:
        """Grows with everything that becomes visible."""
        row = self._database.row(_REVISION)
        return int(row[0]) if row else 0

    def current(
        self, kind: Kind, issuer: bytes | None, *, sequence: int | None = None, delta: bool = False
    ) -> Publication | None:
        """What is handed out now. Any issuer's newest where none is named."""
        values: dict[str, object] = {"kind": kind.value, "delta": int(delta)}
        if issuer is not None:
            values["issuer"] = issuer
        if sequence is not None:
            values["sequence"] = sequence
        with self._database.read() as tx:
            row = tx.row(_LATEST[issuer is not None, sequence is not None], **values)
        return _publication(row) if row else None

    def next_due(self, kind: Kind | None = None) -> int | None:
        """When the next document (of a kind) is due that is recorded and not published; perhaps past."""
        with self._database.read() as tx:
            row = tx.row(_ANY_DUE) if kind is None else tx.row(_NEXT_DUE, kind=kind.value)
        return int(row[0]) if row and row[0] is not None else None

    def present_lists(self, at: int) -> list[Present]:
        """The present full CTL, CRL and ECTL of every issuer, and what follows them."""
        found = []
        with self._database.read() as tx:
            for row in tx.rows(_PRESENT):
                entry = _publication(row[:-1])
                ahead = tx.row(_AHEAD, kind=entry.kind.value, issuer=entry.issuer, number=row[-1])
                count, end, first = ahead or (0, 0, None)
                overdue = first if first is not None and first <= at else None
                found.append(Present(entry, int(count), max(int(end), entry.next_update), overdue))
        return found

    def full_lists(self, kind: Kind, issuer: bytes) -> Iterator[bytes]:
        """All full lists of an issuer that were ever recorded, the newest first."""
        with self._database.read() as tx:
            rows = tx.rows(_ALL_FULL, kind=kind.value, issuer=issuer, delta=0)
        return (bytes(row[0]) for row in rows)


def _place_of(tx: Transaction, entry: Publication) -> tuple[str, int]:
    """The number of a publication, and whether it is new there."""
    place = {"kind": entry.kind.value, "issuer": entry.issuer}
    delta, top = int(entry.delta), tx.row(_TOP, **place)
    if entry.kind not in (Kind.CTL, Kind.ECTL):
        if tx.row(_BY_OCTETS, **place, delta=delta, octets=entry.octets) is not None:
            return _KNOWN, 0
        return _NEW, 0 if top is None else top[0] + 1
    number = entry.sequence
    if top is not None and entry.kind is Kind.CTL:
        # What was recorded long ago may lie anywhere on the circle.
        if tx.row(_BY_OCTETS, **place, delta=delta, octets=entry.octets) is not None:
            return _KNOWN, 0
        # The CTL's sequence wraps (TS 102 941 6.3.4): the nearer half of the circle is ahead.
        ahead = (entry.sequence - top[1]) % _SEQUENCES
        number = top[0] + (ahead if ahead < _SEQUENCES // 2 else ahead - _SEQUENCES)
    same = tx.row(_BY_NUMBER, **place, delta=delta, number=number)
    if same is not None:
        return _known(entry, same[0])
    published = tx.row(_TOP_PUBLISHED, **place)
    if published is not None and number < published[0]:
        return _OLDER, number
    if entry.delta and tx.row(_BY_NUMBER, **place, delta=0, number=number) is None:
        raise InvalidList(f"delta {entry.kind} {entry.sequence} comes without its full list", rule="delta")
    return _NEW, number


def _known(entry: Publication, octets: bytes) -> tuple[str, int]:
    if bytes(octets) != entry.octets:
        raise AlreadyRecorded(f"another {entry.kind} of sequence {entry.sequence} is recorded for that place")
    return _KNOWN, 0


def _publish_due(tx: Transaction, at: int) -> int:
    due = tx.rows(_DUE, at=at)
    for row, kind, issuer, sequence, octets in due:
        tx.run(_PUBLISH, row=row, now=at)
        tx.audit(
            Event.LIST_PUBLISHED,
            kind=kind,
            issuer=bytes(issuer),
            sequence=sequence,
            digest=hashlib.sha256(octets).digest(),
        )
    return len(due)


def _publication(row: Sequence[Any]) -> Publication:
    kind, issuer, this_update, next_update, octets, sequence, delta = row
    return Publication(
        kind=Kind(kind),
        issuer=bytes(issuer),
        this_update=this_update,
        next_update=next_update,
        octets=bytes(octets),
        sequence=sequence,
        delta=bool(delta),
    )
