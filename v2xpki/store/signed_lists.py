"""The lists that a root or trust list manager has signed, by number; and, at a root, what it has revoked.

A number is given away by the row that is inserted with the issuance record, in the transaction before the
signature. It is used once, whatever becomes of the signature: the next list takes the next number.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from v2xpki.audit import Event
from v2xpki.errors import AlreadyRecorded
from v2xpki.store.base import WITHOUT_ROWID, IssuanceRecord, Whole, table_of
from v2xpki.store.database import Database, Transaction
from v2xpki.time import HOUR

_ISSUED = "issued"


class SignedListColumns:
    """A number that is given away. `record` is the issuance record, whose state says what became of it."""

    __tablename__ = "signed_list"

    kind: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[bytes] = mapped_column(primary_key=True)
    #: Counts on where the ctlSequence wraps.
    number: Mapped[int] = mapped_column(Whole, primary_key=True, autoincrement=False)
    delta: Mapped[int] = mapped_column(Whole, primary_key=True, autoincrement=False)
    this_update: Mapped[int]
    next_update: Mapped[int]
    record: Mapped[bytes] = mapped_column(sa.LargeBinary(16))

    __table_args__ = (WITHOUT_ROWID,)


class RevocationColumns:
    """A certificate that a root has revoked. Never removed: revocation is permanent."""

    __tablename__ = "revocation"

    issuer: Mapped[bytes] = mapped_column(primary_key=True)
    hashed_id8: Mapped[bytes] = mapped_column(primary_key=True)
    certificate: Mapped[bytes]
    #: TAI seconds of the certificate's own end: from then on no CRL needs to name it.
    end: Mapped[int]
    #: TAI seconds of the revocation, a whole hour.
    since: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)


class Number(NamedTuple):
    """The last number that was given away, and from when its list holds or would have held."""

    number: int
    this_update: int


class Kept(NamedTuple):
    """A list that was signed."""

    number: int
    delta: bool
    this_update: int
    next_update: int
    octets: bytes


class Revoked(NamedTuple):
    """A certificate to revoke. `end` in TAI seconds."""

    hashed_id8: bytes
    certificate: bytes
    kind: str
    end: int


class SignedLists:
    """The lists of one issuer (HashedId8) of one kind ("ctl", "ectl", "crl") in one database.

    `model` is the table of the database's domain, `revocations` that of the root's.
    """

    def __init__(
        self,
        database: Database,
        model: type[DeclarativeBase],
        kind: str,
        issuer: bytes,
        revocations: type[DeclarativeBase] | None = None,
    ) -> None:
        self._database, self._model, self._revocations = database, model, revocations
        self.kind, self.issuer = kind, issuer
        self._t = table_of(model).c
        self._own = sa.and_(self._t.kind == kind, self._t.issuer == issuer)

    def last(self) -> Number | None:
        """The last number given away, signed or not."""
        query = sa.select(self._t.number, self._t.this_update).where(self._own)
        with self._database.read() as tx:
            row: Any = tx.execute(query.order_by(self._t.number.desc()).limit(1)).first()
        return None if row is None else Number(row[0], row[1])

    def last_full(self) -> Kept | None:
        """The full list with the highest number that was signed."""
        found = self.signed(delta=False, limit=1)
        return found[0] if found else None

    def signed(
        self, *, delta: bool | None = None, limit: int | None = None, in_force_after: int = 0
    ) -> list[Kept]:
        """Lists that were signed, the highest number first; only those that end after a TAI second."""
        records = table_of(IssuanceRecord).c
        query = (
            sa.select(self._t.number, self._t.delta, self._t.this_update, self._t.next_update, records.signed)
            .join(table_of(IssuanceRecord), records.id == self._t.record)
            .where(self._own, records.state == _ISSUED, self._t.next_update > in_force_after)
            .order_by(self._t.number.desc(), self._t.delta)
            .limit(limit)
        )
        if delta is not None:
            query = query.where(self._t.delta == int(delta))
        with self._database.read() as tx:
            rows: Sequence[Any] = tx.execute(query).all()
        return [Kept(row[0], bool(row[1]), row[2], row[3], bytes(row[4])) for row in rows]

    def tx_take(
        self,
        tx: Transaction,
        number: int,
        *,
        delta: bool,
        this_update: int,
        next_update: int,
        record: bytes,
    ) -> None:
        """Give a number away, in the transaction that records what is to be signed under it.

        Raises AlreadyRecorded where it is given away, or is below one that is.
        """
        above = sa.select(self._t.number).where(self._own, self._t.number > number).limit(1)
        if tx.execute(above).first() is not None:
            raise AlreadyRecorded(f"{self.kind} number {number} is below one that is given away")
        tx.insert(
            self._model,
            kind=self.kind,
            issuer=self.issuer,
            number=number,
            delta=int(delta),
            this_update=this_update,
            next_update=next_update,
            record=record,
        )

    # --- what a root has revoked ---------------------------------------------------------------------

    def revoked(self) -> dict[bytes, int]:
        """What this issuer has revoked, expired certificates too: HashedId8 -> end in TAI seconds.

        Without the certificates: reading 10,000 of them takes two seconds.
        """
        if self._revocations is None:
            return {}
        r = table_of(self._revocations).c
        query = sa.select(r.hashed_id8, r.end).where(r.issuer == self.issuer)
        with self._database.read() as tx:
            rows: Sequence[Any] = tx.execute(query).all()
        return {bytes(row[0]): row[1] for row in rows}

    def tx_revoke(
        self, tx: Transaction, revoked: Sequence[Revoked], now: int, operator: str, reason: str = ""
    ) -> int:
        """Remember certificates as revoked for ever, in the transaction that records the first list that
        says so; how many were not yet."""
        if self._revocations is None:
            raise AlreadyRecorded(f"no {self.kind} has revocations here")
        new = 0
        for entry in revoked:
            if tx.insert_if_new(
                self._revocations,
                issuer=self.issuer,
                hashed_id8=entry.hashed_id8,
                certificate=entry.certificate,
                end=entry.end,
                since=now - now % HOUR,
            ):
                tx.audit(
                    Event.CERTIFICATE_REVOKED,
                    certificate=entry.hashed_id8,
                    kind=entry.kind,
                    operator=operator,
                    reason=reason,
                )
                new += 1
        return new
