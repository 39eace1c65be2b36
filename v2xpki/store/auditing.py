"""Whether a database's audit record is intact, and agrees with what the database says was signed.

The chain alone cannot miss its own tail, so it is held against the issuance records (each has the entries
that its state asks for, with the digests of what it holds) and against checkpoints kept elsewhere:

    checkpoint(database)                       one line for the operator's file, on another machine
    examine(database, checkpoints).findings    () when all is well
    newest(database, 100)                      the last entries, for people
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from v2xpki.audit import AuditEntry, Checkpoint, Event, Finding, Head, check
from v2xpki.errors import AuditError, StoreError
from v2xpki.store import chunks
from v2xpki.store.base import AuditHead, AuditRow, IssuanceRecord
from v2xpki.store.database import Database, Transaction
from v2xpki.store.schema import metadata_of

_CHUNK = 2000
_CHUNKS = 50  # chunks of certificates, some 40 kB each
_LIMIT = 100  # findings that are told


@dataclass(frozen=True)
class Report:
    """What was looked at, and what is wrong with it."""

    domain: str
    entries: int
    records: int
    head: Head | None
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        return not self.findings


_CHUNK_EVENTS = frozenset((Event.CHUNK_SIGNING, Event.CHUNK_SIGNED, Event.CHUNK_VOIDED, Event.CHUNKS_PURGED))


@dataclass
class _ChunkSeen:
    """What the chain says about a chunk."""

    count: int
    digest: str | None
    sequence: int
    signed: int = 0
    signed_digest: str | None = None
    voided: int = 0


class _Seen:
    """What the chain says about issuance, gathered while it is read."""

    def __init__(self) -> None:
        self.signing: dict[str, tuple[str | None, int]] = {}  # record -> digest, sequence
        self.signed: dict[str, str | None] = {}
        self.voided: set[str] = set()
        self.purged = 0
        self.chunks: dict[str, _ChunkSeen] = {}
        self.chunks_purged = 0
        self.entries = 0
        self.findings: list[Finding] = []

    def watch(self, entries: Iterable[AuditEntry]) -> Iterator[AuditEntry]:
        for entry in entries:
            self.entries += 1
            try:
                self._take(entry)
            except (ValueError, TypeError, AttributeError):
                self._tell("detail", f"entry {entry.sequence} cannot be read", entry.sequence)
            yield entry

    def _take(self, entry: AuditEntry) -> None:
        if entry.event in _CHUNK_EVENTS:
            self._take_chunk(entry)
        if entry.event not in (Event.SIGNING, Event.SIGNED, Event.VOIDED, Event.PURGED):
            return
        detail = json.loads(entry.detail)
        record = detail.get("record")
        if entry.event == Event.PURGED:
            self.purged += int(detail["count"])
        elif entry.event == Event.SIGNING:
            if record in self.signing:
                self._tell("signing", f"record {record} is signed a second time", entry.sequence)
            self.signing[record] = detail.get("digest"), entry.sequence
        elif record not in self.signing:
            self._tell("signing", f"record {record} has no entry before its signature", entry.sequence)
        elif record in self.signed or record in self.voided:
            self._tell("signing", f"record {record} is closed a second time", entry.sequence)
        elif entry.event == Event.SIGNED:
            self.signed[record] = detail.get("digest")
        else:
            self.voided.add(record)

    def _take_chunk(self, entry: AuditEntry) -> None:
        detail = json.loads(entry.detail)
        if entry.event == Event.CHUNKS_PURGED:
            self.chunks_purged += int(detail["count"])
            return
        chunk, count, digest = detail["chunk"], int(detail["count"]), detail.get("digest")
        seen = self.chunks.get(chunk)
        if entry.event == Event.CHUNK_SIGNING:
            if seen is not None:
                self._tell("signing", f"chunk {chunk} is signed a second time", entry.sequence)
            self.chunks[chunk] = _ChunkSeen(count, digest, entry.sequence)
        elif seen is None:
            self._tell("signing", f"chunk {chunk} has no entry before its signatures", entry.sequence)
        elif seen.voided or (entry.event == Event.CHUNK_SIGNED and seen.signed):
            self._tell("signing", f"chunk {chunk} is closed a second time", entry.sequence)
        elif entry.event == Event.CHUNK_SIGNED:
            seen.signed, seen.signed_digest = count, digest
        else:
            seen.voided = count

    def _tell(self, rule: str, message: str, sequence: int | None = None) -> None:
        if len(self.findings) < _LIMIT:
            self.findings.append(Finding(rule, message, sequence))


def examine(database: Database, checkpoints: Iterable[Checkpoint] = ()) -> Report:
    """Read the whole record, in one state of the database, and say what is wrong with it."""
    domain = database.domain
    points = [point for point in checkpoints if point.domain == domain]
    seen = _Seen()
    with database.read() as tx:
        head = _head(tx)
        chain = check(seen.watch(_entries(tx)), head, points, limit=_LIMIT)
        records = _hold_against(tx, seen) + _hold_chunks(tx, seen, domain)
    return Report(domain, seen.entries, records, head, tuple([*chain, *seen.findings][:_LIMIT]))


def require_intact(database: Database, checkpoints: Iterable[Checkpoint] = ()) -> Report:
    """As `examine`, but raises AuditError for the first thing that is wrong."""
    report = examine(database, checkpoints)
    if report.findings:
        raise AuditError(report.findings[0].message)
    return report


def checkpoint(database: Database) -> Checkpoint:
    """The chain's end now, to be kept where whoever can write to the database cannot. Raises AuditError."""
    with database.read() as tx:
        head = _head(tx)
    if head is None:
        raise AuditError("the head of the audit chain is missing")
    return Checkpoint(database.domain, head.sequence, head.hash, database.clock.time32())


def newest(database: Database, limit: int, event: Event | None = None) -> list[AuditEntry]:
    """The last `limit` entries, or the last of an event, latest first, as they stand: not checked.

    Raises StoreError where the database cannot be read.
    """
    query = sa.select(AuditRow.sequence, AuditRow.time, AuditRow.event, AuditRow.detail, AuditRow.hash)
    if event is not None:
        query = query.where(AuditRow.event == event.value)
    with database.read() as tx:
        rows = tx.execute(query.order_by(AuditRow.sequence.desc()).limit(limit)).all()
    return [AuditEntry._make(row) for row in rows]


def _head(tx: Transaction) -> Head | None:
    rows = tx.execute(sa.select(AuditHead.sequence, AuditHead.hash)).all()
    return Head(*rows[0]) if len(rows) == 1 else None


def _entries(tx: Transaction) -> Iterator[AuditEntry]:
    last = None
    while True:
        query = sa.select(AuditRow.sequence, AuditRow.time, AuditRow.event, AuditRow.detail, AuditRow.hash)
        if last is not None:
            query = query.where(AuditRow.sequence > last)
        rows = tx.execute(query.order_by(AuditRow.sequence).limit(_CHUNK)).all()
        for row in rows:
            yield AuditEntry._make(row)
        if len(rows) < _CHUNK:
            return
        last = rows[-1].sequence


def _hold_against(tx: Transaction, seen: _Seen) -> int:
    """Compare the issuance records with the chain; their number."""
    table, last, count = IssuanceRecord, b"", 0
    while True:
        query = sa.select(table.id, table.state, table.to_be_signed, table.signed)
        rows = tx.execute(query.where(table.id > last).order_by(table.id).limit(_CHUNK)).all()
        for row in rows:
            _hold_record(seen, row.id.hex(), row.state, row.to_be_signed, row.signed)
        count += len(rows)
        if len(rows) < _CHUNK:
            break
        last = rows[-1].id
    missing = len(seen.signing)  # those met were taken out
    if missing > seen.purged:
        seen._tell("records", f"{missing} issuance records of the chain are gone, {seen.purged} were purged")
    return count


def _hold_record(seen: _Seen, record: str, state: str, to_be_signed: bytes, signed: bytes | None) -> None:
    entry = seen.signing.pop(record, None)
    if entry is None:
        seen._tell("records", f"record {record} has no audit entry before its signature")
        return
    digest, sequence = entry
    if digest != hashlib.sha256(to_be_signed).hexdigest():
        seen._tell("records", f"record {record} is not what was to be signed", sequence)
    was_signed, was_voided = record in seen.signed, record in seen.voided
    expected = "issued" if was_signed else "void" if was_voided else "open"
    if state != expected:
        seen._tell("records", f"record {record} is {state}, the chain says {expected}", sequence)
    elif was_signed and (signed is None or seen.signed[record] != hashlib.sha256(signed).hexdigest()):
        seen._tell("records", f"record {record} does not hold what was signed", sequence)


def _hold_chunks(tx: Transaction, seen: _Seen, domain: str) -> int:
    """Compare the records of chunks with the chain; the number of certificates in them."""
    count, table = 0, metadata_of(domain).tables.get(chunks.TABLE)
    if table is not None:
        last = b""
        while True:
            query = sa.select(table.c.id, table.c.state, table.c.octets).where(table.c.id > last)
            rows = tx.execute(query.order_by(table.c.id).limit(_CHUNKS)).all()
            for row in rows:
                count += _hold_chunk(seen, row.id.hex(), row.state, row.octets)
            if len(rows) < _CHUNKS:
                break
            last = rows[-1].id
    missing = len(seen.chunks)  # those met were taken out
    if missing > seen.chunks_purged:
        seen._tell("records", f"{missing} chunks of the chain are gone, {seen.chunks_purged} were purged")
    return count


def _hold_chunk(seen: _Seen, chunk: str, state: str, octets: bytes) -> int:
    told = seen.chunks.pop(chunk, None)
    if told is None:
        seen._tell("records", f"chunk {chunk} has no audit entry before its signatures")
        return 0
    try:
        entries = chunks.unpack(octets)
    except StoreError:
        entries = []
    tbs = [chunks.tbs_of(one) for one in entries]
    if len(tbs) != told.count or _digest_of(tbs) != told.digest:
        seen._tell("records", f"chunk {chunk} is not what was to be signed", told.sequence)
        return len(entries)
    signed = [one.octets for one in entries if one.signed]
    expected = "issued" if told.signed else "void" if told.voided else "open"
    if state != expected:
        seen._tell("records", f"chunk {chunk} is {state}, the chain says {expected}", told.sequence)
    elif len(signed) != told.signed or (signed and _digest_of(signed) != told.signed_digest):
        seen._tell("records", f"chunk {chunk} does not hold what was signed", told.sequence)
    elif expected != "open" and told.signed + told.voided != told.count:
        seen._tell("records", f"chunk {chunk} is closed for {told.signed + told.voided}", told.sequence)
    return len(entries)


def _digest_of(many: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in many)).hexdigest()
