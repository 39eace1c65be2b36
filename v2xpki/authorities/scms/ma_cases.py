"""The cases of a misbehaviour authority, and the entries that come of them: rows, nothing of the protocol.

    book = CaseBook(database);  case = book.open(certificate, reason, operator, expires)
    book.move(case.id, BLOCKED);  book.finish(case.id, entries)

A certificate has one case for ever, whoever names it how often. Every step is durable, with an audit entry,
before the next one begins.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.crypto import Certificate, LinkedEntry
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.expiry import Expiry
from v2xpki.store.ma import BLOCKED, FAILED, HASH, LINKED, OPENED, REVOKED, RevokedEntry
from v2xpki.store.ma import Case as CaseRow
from v2xpki.time import HOUR

_t = table_of(CaseRow).c
_COLUMNS = (_t.id, _t.certificate, _t.state, _t.reason, _t.detail, _t.opened, _t.expires)
_ONE = Statement(sa.select(*_COLUMNS).where(_t.id == sa.bindparam("id", type_=_t.id.type)))
_LOCKED = Statement(
    sa.select(_t.state).where(_t.id == sa.bindparam("id", type_=_t.id.type)).with_for_update()
)
_OF = Statement(sa.select(*_COLUMNS).where(_t.hashed_id10 == sa.bindparam("id10", type_=_t.hashed_id10.type)))
_MOVE = Statement(
    sa.update(CaseRow)
    .where(_t.id == sa.bindparam("case", type_=_t.id.type))
    .values(
        state=sa.bindparam("to_state", type_=_t.state.type),
        detail=sa.bindparam("with_detail", type_=_t.detail.type),
    )
)


class Case(NamedTuple):
    """A row. state: opened, blocked (by the RA), revoked, failed (never to be had)."""

    id: bytes
    certificate: bytes
    state: str
    reason: str
    detail: str
    opened: int
    expires: int

    @property
    def is_open(self) -> bool:
        return self.state in (OPENED, BLOCKED)


class NewEntry(NamedTuple):
    """An entry for a series' CRLs. value: linked_value of a LinkedEntry, or a HashedId10. The numbers are of
    linked entries alone. expires: TAI seconds."""

    kind: str
    series: int
    value: bytes
    expires: int
    i_rev: int | None = None
    i_max: int | None = None
    j_max: int | None = None


def linked_value(entry: LinkedEntry) -> bytes:
    """36 octets: both la ids, both seeds."""
    return b"".join(entry)


def linked_entry(value: bytes) -> LinkedEntry:
    """The other way."""
    return LinkedEntry(value[:2], value[2:4], value[4:20], value[20:36])


class CaseBook:
    """For all threads of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._old = Expiry(CaseRow), Expiry(RevokedEntry)

    def open(self, certificate: Certificate, reason: str, operator: str, expires: int) -> Case:
        """The case of a certificate, recorded if there is none yet. expires: TAI seconds.
        Raises RecordFailed, AuditError."""
        now, id10 = self._database.clock.time32(), certificate.hashed_id10
        found = self.of(certificate)
        if found is not None:
            return found
        case = Case(
            random_key(), certificate.octets, OPENED, reason, "", now - now % HOUR, expires + -expires % HOUR
        )
        with self._database.write(durable=True) as tx:
            if tx.insert_if_new(CaseRow, hashed_id10=id10, **case._asdict()):
                tx.audit(
                    Event.CASE_OPENED,
                    case=case.id,
                    certificate=certificate.hashed_id8,
                    reason=reason,
                    operator=operator,
                )
            row = tx.row(_OF, id10=id10)
        return case if row is None else Case._make(row)

    def of(self, certificate: Certificate) -> Case | None:
        row = self._database.row(_OF, id10=certificate.hashed_id10)
        return None if row is None else Case._make(row)

    def get(self, case: bytes) -> Case | None:
        row = self._database.row(_ONE, id=case)
        return None if row is None else Case._make(row)

    def all(self, *, only_open: bool = False) -> list[Case]:
        """Every case, the first opened first."""
        query = sa.select(*_COLUMNS).order_by(_t.opened, _t.id)
        if only_open:
            query = query.where(_t.state.in_((OPENED, BLOCKED)))
        with self._database.read() as tx:
            return [Case._make(row) for row in tx.execute(query)]

    def move(self, case: bytes, state: str, detail: str = "") -> None:
        """A step, or why the next one was not to be had. What is finished stays as it is."""
        with self._database.write(durable=True) as tx:
            self._tx_move(tx, case, state, detail)

    def finish(self, case: bytes, entries: Sequence[NewEntry]) -> None:
        """The entries of a case, and that it is revoked: from now on every CRL has them."""
        with self._database.write(durable=True) as tx:
            if self._tx_move(tx, case, REVOKED, ""):
                for entry in entries:
                    expires = entry.expires + -entry.expires % HOUR
                    values = entry._asdict() | {"expires": expires}
                    tx.insert_if_new(RevokedEntry, id=random_key(), listed=0, **values)

    def purge(self, now: int) -> int:
        """Forget the cases, and entries, of which every certificate has ended; how many. Once an hour."""
        return sum(old.purge(self._database, now) for old in self._old)

    @staticmethod
    def _tx_move(tx: Transaction, case: bytes, state: str, detail: str) -> bool:
        row = tx.row(_LOCKED, id=case)
        if row is None or row[0] in (REVOKED, FAILED):
            return False
        tx.run(_MOVE, case=case, to_state=state, with_detail=detail)
        if row[0] != state:
            tx.audit(Event.CASE_MOVED, case=case, state=state)
        return True


__all__ = [
    "BLOCKED",
    "FAILED",
    "HASH",
    "LINKED",
    "OPENED",
    "REVOKED",
    "Case",
    "CaseBook",
    "NewEntry",
    "linked_entry",
    "linked_value",
]
