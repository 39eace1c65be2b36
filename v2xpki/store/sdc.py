"""The SCMS distribution centre's database: what it hands out, as it was signed. Rows come, none changes."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.audit import Event
from v2xpki.store.base import WITHOUT_ROWID, AuditHead, SdcBase, table_of
from v2xpki.store.database import Database, Transaction
from v2xpki.store.statement import Statement

Base = SdcBase
CTL, CRL, CERTIFICATE = "ctl", "crl", "certificate"


class Published(SdcBase):
    """A document. `kind`: ctl, crl or certificate; `name` is what devices ask for it by: ctlSeriesId, CRACA's
    HashedId8 and series, HashedId8. `number`: ctlSequenceNumber, issueDate; 0 for what has none."""

    __tablename__ = "published"

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    octets: Mapped[bytes]
    begins: Mapped[int]  # TAI seconds
    ends: Mapped[int | None]

    __table_args__ = (WITHOUT_ROWID,)


class Row(NamedTuple):
    """A document: times in TAI seconds; `ends` is a CRL's nextCrl, a certificate's end, None for a CTL."""

    kind: str
    name: str
    number: int
    octets: bytes
    begins: int
    ends: int | None


_T = table_of(Published)
_COLUMNS = (_T.c.kind, _T.c.name, _T.c.number, _T.c.octets, _T.c.begins, _T.c.ends)
_REVISION = Statement(sa.select(table_of(AuditHead).c.sequence))


class SdcStore:
    """The documents of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def revision(self) -> int:
        """A number that changes whenever a document comes."""
        with self.database.read() as tx:
            return int(next(iter(tx.rows(_REVISION)))[0])

    def all(self, kind: str) -> list[Row]:
        """All of a kind, by name and number."""
        query = sa.select(*_COLUMNS).where(_T.c.kind == kind).order_by(_T.c.name, _T.c.number)
        with self.database.read() as tx:
            return [Row._make(row) for row in tx.execute(query)]

    def tx_add(self, tx: Transaction, row: Row, digest: bytes) -> bool:
        """Add a document, with its audit entry; False where the very same is there. digest: SHA-256 of it.
        Raises AlreadyRecorded for another one of the name and number."""
        query = sa.select(_T.c.octets).where(
            _T.c.kind == row.kind, _T.c.name == row.name, _T.c.number == row.number
        )
        found = tx.execute(query).scalar()
        if found is not None and bytes(found) == row.octets:
            return False
        tx.insert(Published, **row._asdict())
        tx.audit(Event.LIST_PUBLISHED, kind=row.kind, issuer=row.name, sequence=row.number, digest=digest)
        return True
