"""The record of what a key signs, and the token that lets it sign once.

A record's life: prepared (in memory) -> open (committed, with the audit entry that a signature follows)
-> issued (the signed octets are stored, with the entry that says so) or void. Only the commit of `tx_save`
makes the token usable, and `issue` burns it before the key is touched: a call that fails after that may or
may not have signed, and is not repeated.
"""

import hashlib
import threading
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.crypto import Certificate
from v2xpki.errors import IssuanceError, RecordFailed, TokenSpent
from v2xpki.store import Statement, Transaction
from v2xpki.store.base import IssuanceRecord

OPEN, ISSUED, VOID = "open", "issued", "void"

_CLOSE = Statement(
    sa.update(IssuanceRecord)
    .where(
        IssuanceRecord.id == sa.bindparam("record"),
        IssuanceRecord.state == OPEN,
        IssuanceRecord.open_by == sa.bindparam("run", type_=sa.LargeBinary()),
    )
    .values(
        state=sa.bindparam("new_state", type_=sa.Text()),
        open_by=None,
        hashed_id8=sa.bindparam("certificate", type_=sa.LargeBinary()),
        signed=sa.bindparam("octets", type_=sa.LargeBinary()),
    )
)


class _Slip:
    """What a record and its token share: how far they are. Moves forward only."""

    __slots__ = ("_lock", "_state", "signed")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = "prepared"
        self.signed: bytes | None = None  # what came of it, until it is stored

    def committed(self) -> None:
        with self._lock:
            if self._state == "prepared":
                self._state = "recorded"

    def burn(self) -> None:
        with self._lock:
            state = self._state
            if state == "recorded":
                self._state = "spent"
        if state == "prepared":
            raise RecordFailed("the record is not committed; nothing was signed")
        if state != "recorded":
            raise TokenSpent("the token was used before, or its record is void; nothing was signed")

    def void(self) -> None:
        with self._lock:
            self._state = "spent"

    def __repr__(self) -> str:
        return self._state


class Record(NamedTuple):
    """What is written before a signature. `id` is random and known to this database alone."""

    id: bytes
    kind: str  # "EC", "AT", ..., "CTL", "ECTL", "CRL", "REQUEST"
    issuer: bytes | None  # HashedId8; None: self
    to_be_signed: bytes  # COER
    expires: int  # TAI seconds, a whole hour
    slip: _Slip


class Token:
    """Leave to sign one record, once."""

    __slots__ = ("_slip", "material", "owner")

    def __init__(self, slip: _Slip, owner: object, material: object) -> None:
        self._slip, self.owner, self.material = slip, owner, material

    def burn(self) -> None:
        """Raises RecordFailed where the record is not committed, TokenSpent where it was used."""
        self._slip.burn()

    def signed(self, octets: bytes) -> None:
        """Remember what may be stored for the record: nothing else will do."""
        self._slip.signed = octets

    def __repr__(self) -> str:
        return f"Token({self._slip})"


class Prepared(NamedTuple):
    """A record to save, and the token that its commit makes usable."""

    record: Record
    token: Token


def new_slip() -> _Slip:
    """For the issuers of this package."""
    return _Slip()


def tx_save(tx: Transaction, record: Record) -> None:
    """Write a record as open, and the audit entry before its signature. When the transaction commits, the
    token may be used. Give it a durable one: a signature must not outlive its record.

    Raises AlreadyRecorded for a record that was saved before.
    """
    tx.insert(
        IssuanceRecord,
        id=record.id,
        kind=record.kind,
        issuer=record.issuer,
        to_be_signed=record.to_be_signed,
        state=OPEN,
        open_by=tx.database.run,
        expires=record.expires,
    )
    tx.audit(
        Event.SIGNING,
        record=record.id,
        kind=record.kind,
        issuer=record.issuer,
        digest=hashlib.sha256(record.to_be_signed).digest(),
    )
    tx.on_commit(record.slip.committed)


def tx_complete(tx: Transaction, record: Record, signed: Certificate | bytes) -> None:
    """Store what `issue` returned for the record, and the audit entry after its signature.

    Hand nothing out before this transaction is committed. It need not be durable: should the power fail
    just then, the record is found open, and void, while what was signed may be out; it stays listed as a
    record whose octets are not known.

    Raises IssuanceError for octets that are not what was issued for the record, RecordFailed where the
    record is not open any more (void, by a start that took this process for dead).
    """
    certificate = signed.hashed_id8 if isinstance(signed, Certificate) else None
    octets = signed.octets if isinstance(signed, Certificate) else signed
    if record.slip.signed != octets:
        raise IssuanceError("these octets are not what was issued for the record")
    touched = tx.run(
        _CLOSE,
        record=record.id,
        run=tx.database.run,
        new_state=ISSUED,
        certificate=certificate,
        octets=octets,
    )
    if touched != 1:
        raise RecordFailed("the record is not open any more; what was signed must not go out")
    tx.audit(
        Event.SIGNED,
        record=record.id,
        kind=record.kind,
        certificate=certificate,
        digest=hashlib.sha256(octets).digest(),
    )


def tx_void(tx: Transaction, record: Record, reason: str) -> None:
    """Give an open record up at once, e.g. after TokenLost: it will not be signed, now or later.

    Raises RecordFailed where it is not open in this process.
    """
    record.slip.void()
    touched = tx.run(
        _CLOSE, record=record.id, run=tx.database.run, new_state=VOID, certificate=None, octets=None
    )
    if touched != 1:
        raise RecordFailed("the record is not open any more")
    tx.audit(Event.VOIDED, record=record.id, kind=record.kind, reason=reason)
