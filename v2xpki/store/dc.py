"""The distribution centre's database: everything that is handed out, with the time from which it is.

Rows are never changed. A row is recorded, with its audit entry, in one durable transaction; a list whose
`this_update` lies ahead is there and not yet visible.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.audit import Event
from v2xpki.errors import AlreadyRecorded
from v2xpki.store.base import DcBase, table_of
from v2xpki.store.database import Database
from v2xpki.store.statement import Statement


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


class PublicationRow(DcBase):
    __tablename__ = "publication"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    issuer: Mapped[bytes]
    delta: Mapped[int]
    sequence: Mapped[int]
    this_update: Mapped[int]
    next_update: Mapped[int]
    octets: Mapped[bytes]

    __table_args__ = (
        # The CTL's sequence wraps (TS 102 941 6.3.4), so the time is part of the key.
        sa.UniqueConstraint(
            "kind", "issuer", "delta", "this_update", "sequence", name="uq_publication_place"
        ),
    )


_T = table_of(PublicationRow).c
_COLUMNS = (_T.kind, _T.issuer, _T.this_update, _T.next_update, _T.octets, _T.sequence, _T.delta)


def _bind(name: str) -> sa.BindParameter[Any]:
    column = _T.this_update if name == "at" else _T[name]
    return sa.bindparam(name, type_=column.type, required=True)


def _latest(*, issuer: bool, sequence: bool) -> Statement:
    query = sa.select(*_COLUMNS).where(
        _T.kind == _bind("kind"), _T.delta == _bind("delta"), _T.this_update <= _bind("at")
    )
    if issuer:
        query = query.where(_T.issuer == _bind("issuer"))
    if sequence:
        query = query.where(_T.sequence == _bind("sequence"))
    return Statement(query.order_by(_T.this_update.desc(), _T.id.desc()).limit(sa.literal(1)))


_LATEST = {(i, s): _latest(issuer=i, sequence=s) for i in (True, False) for s in (True, False)}
_REVISION = Statement(sa.select(sa.func.coalesce(sa.func.max(_T.id), 0, type_=sa.Integer())))
_NEXT_DUE = Statement(
    sa.select(sa.func.min(_T.this_update, type_=sa.Integer())).where(
        _T.kind == _bind("kind"), _T.this_update > _bind("at")
    )
)
_PLACE = Statement(
    sa.select(_T.octets).where(
        _T.kind == _bind("kind"),
        _T.issuer == _bind("issuer"),
        _T.delta == _bind("delta"),
        _T.this_update == _bind("this_update"),
        _T.sequence == _bind("sequence"),
    )
)
_PRESENT = Statement(
    sa.select(*_COLUMNS)
    .where(
        sa.or_(*[_T.kind == kind.value for kind in (Kind.CTL, Kind.CRL, Kind.ECTL)]),
        _T.delta == 0,
        _T.this_update <= _bind("at"),
    )
    .order_by(_T.this_update, _T.id)
)
_AHEAD = Statement(
    sa.select(sa.func.count(_T.id)).where(
        _T.kind == _bind("kind"),
        _T.issuer == _bind("issuer"),
        _T.delta == _bind("delta"),
        _T.this_update > _bind("at"),
    )
)


class DcStore:
    """Publications of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, publications: Sequence[Publication]) -> int:
        """Records all of them in one durable transaction, or none; how many were new.

        Raises AlreadyRecorded where other octets hold a place; RecordFailed, AuditError.
        """
        with self._database.write(durable=True) as tx:
            new = 0
            for entry in publications:
                place = {
                    "kind": entry.kind.value,
                    "issuer": entry.issuer,
                    "delta": int(entry.delta),
                    "this_update": entry.this_update,
                    "sequence": entry.sequence,
                }
                found = tx.row(_PLACE, **place)
                if found is not None:
                    if bytes(found[0]) != entry.octets:
                        raise AlreadyRecorded(
                            f"another {entry.kind} of sequence {entry.sequence} is published for that time"
                        )
                    continue
                tx.insert(PublicationRow, next_update=entry.next_update, octets=entry.octets, **place)
                tx.audit(
                    Event.LIST_PUBLISHED,
                    kind=entry.kind.value,
                    issuer=entry.issuer,
                    sequence=entry.sequence,
                    digest=hashlib.sha256(entry.octets).digest(),
                )
                new += 1
        return new

    def revision(self) -> int:
        """Grows with every publication."""
        with self._database.read() as tx:
            row = tx.row(_REVISION)
        return int(row[0]) if row else 0

    def current(
        self, kind: Kind, issuer: bytes | None, at: int, *, sequence: int | None = None, delta: bool = False
    ) -> Publication | None:
        """What holds at a time: the last that was due. Any issuer's where none is named."""
        values: dict[str, object] = {"kind": kind.value, "delta": int(delta), "at": at}
        if issuer is not None:
            values["issuer"] = issuer
        if sequence is not None:
            values["sequence"] = sequence
        with self._database.read() as tx:
            row = tx.row(_LATEST[issuer is not None, sequence is not None], **values)
        return _publication(row) if row else None

    def next_due(self, kind: Kind, at: int) -> int | None:
        """When the next publication of a kind becomes visible."""
        with self._database.read() as tx:
            row = tx.row(_NEXT_DUE, kind=kind.value, at=at)
        return int(row[0]) if row and row[0] is not None else None

    def present_lists(self, at: int) -> list[Publication]:
        """The present full CTL, CRL and ECTL of every issuer."""
        with self._database.read() as tx:
            rows = tx.rows(_PRESENT, at=at)
        return list({(row[0], bytes(row[1])): _publication(row) for row in rows}.values())

    def ahead(self, entry: Publication, at: int) -> int:
        """How many successors of a list are recorded and not yet due."""
        with self._database.read() as tx:
            row = tx.row(_AHEAD, kind=entry.kind.value, issuer=entry.issuer, delta=int(entry.delta), at=at)
        return int(row[0]) if row else 0


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
