"""What a start does about records that a dead process left open, and when records go.

Whether a key had signed an open record is not known: the process may have died before or after, and ECDSA
in a token never makes the same octets twice. So an open record becomes void: nothing will be signed for
it, and a certificate that turns up nevertheless belongs to a record that is listed. Where what was signed
can be found (a ceremony writes a file first), it is stored instead.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.crypto import Certificate
from v2xpki.errors import IssuanceError
from v2xpki.issuance.certificates import is_kind
from v2xpki.issuance.records import ISSUED, OPEN, VOID
from v2xpki.secured import SignedMessage
from v2xpki.store import Database, Transaction
from v2xpki.store.base import IssuanceRecord
from v2xpki.time import HOUR, iso_from_time32

_CHUNK = 500
_LOOK = 20 * _CHUNK  # ids that a purge remembers


class OpenRecord(NamedTuple):
    """A record that a dead process left open."""

    id: bytes
    kind: str
    issuer: bytes | None
    to_be_signed: bytes


class Recovered(NamedTuple):
    """How many open records there were, by what became of them."""

    void: int
    finished: int


def recover(
    database: Database,
    *,
    on_void: Callable[[Transaction, bytes], None] | None = None,
    find: Callable[[OpenRecord], bytes | None] | None = None,
    issuer: Certificate | None = None,
) -> Recovered:
    """Close what dead processes left open; records of live ones stay. Call it at a start, before serving.

    on_void(tx, record id): the caller's own rows about a record that is being voided, in the same
    transaction (an EA forgets the unanswered request, so that the station may send it again).
    find(record): octets that were signed for the record, where the caller can find them. They are stored if
    they are of this record and verify under `issuer` (None: self-signed); otherwise IssuanceError.
    """
    table = IssuanceRecord
    with database.read() as tx:
        runs = tx.execute(sa.select(table.open_by).where(table.open_by.is_not(None)).distinct()).scalars()
        dead = [run for run in map(bytes, runs) if not database.run_is_alive(run)]
    void = finished = 0
    for run in dead:
        while True:
            with database.write(durable=True) as tx:
                query = (
                    sa.select(table.id, table.kind, table.issuer, table.to_be_signed)
                    .where(table.open_by == run)
                    .limit(_CHUNK)
                    .with_for_update()
                )
                left = [OpenRecord._make(row) for row in tx.execute(query)]
                for record in left:
                    octets = find(record) if find is not None else None
                    if octets is not None:
                        _finish(tx, record, octets, issuer)
                        finished += 1
                    else:
                        _void(tx, record, on_void)
                        void += 1
            if len(left) < _CHUNK:
                break
    return Recovered(void, finished)


def _void(tx: Transaction, record: OpenRecord, on_void: Callable[[Transaction, bytes], None] | None) -> None:
    _close(tx, record, state=VOID)
    if on_void is not None:
        on_void(tx, record.id)
    tx.audit(Event.VOIDED, record=record.id, kind=record.kind, reason="left open")


def _finish(tx: Transaction, record: OpenRecord, octets: bytes, issuer: Certificate | None) -> None:
    hashed_id8 = None
    if is_kind(record.kind):
        certificate = Certificate.parse(octets)
        recorded = certificate.tbs_octets
        certificate.verify_signature(issuer)
        hashed_id8 = certificate.hashed_id8
    else:
        message = SignedMessage.parse(octets)
        recorded = message.tbs_octets
        if issuer is None:
            raise IssuanceError("the signer's certificate is needed to finish a list")
        message.verify(issuer.verification_key, issuer)
    if recorded != record.to_be_signed:
        raise IssuanceError("what was found was signed for another record")
    _close(tx, record, state=ISSUED, signed=octets, hashed_id8=hashed_id8)
    tx.audit(
        Event.SIGNED,
        record=record.id,
        kind=record.kind,
        certificate=hashed_id8,
        digest=hashlib.sha256(octets).digest(),
    )


def _close(tx: Transaction, record: OpenRecord, **values: object) -> None:
    table = IssuanceRecord
    change = sa.update(table).where(table.id == record.id, table.state == OPEN).values(open_by=None, **values)
    tx.execute(change)


def purge(database: Database, before: int) -> int:
    """Remove closed records whose certificates or lists expired before a TAI second; how many.

    Where there is an index by `expires`, as the Director has one, it costs what is due, however many records
    there are. The audit entries stay; more say how many records went.
    """
    table, hour, gone = IssuanceRecord, before - before % HOUR, 0
    due = table.expires < hour, table.state != OPEN
    # in order: PostgreSQL might else walk the table in the hope of finding enough early
    old = sa.select(table.id).where(*due).order_by(table.expires).limit(_LOOK)
    while True:
        with database.read() as tx:
            ids = tx.execute(old).scalars().all()
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            with database.write(durable=False) as tx:
                # Fewer where another process purges, too: what the entry counts may be missing in the record.
                count = tx.execute(sa.delete(table).where(table.id.in_(chunk))).rowcount
                if count:
                    tx.audit(Event.PURGED, count=count, expired_before=iso_from_time32(hour))
            gone += count
        if len(ids) < _LOOK:
            return gone
