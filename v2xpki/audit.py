"""The audit record: an append-only chain of entries, and what it means for one to be intact.

Each entry's hash is SHA-256 over the hash before it and the entry's canonical JSON, so an edit, a
removal in the middle, an insertion or a change of order breaks the chain where it happened. A cut-off
tail is found by the head that the store keeps beside the entries, by the issuance records (each must
have its entries, see `v2xpki.store.auditing`), and by checkpoints, which the operator keeps elsewhere
and which are also what finds a chain that someone computed anew from the start.

An entry must not help to tie a pseudonym to a vehicle. So its time is a whole hour, and each event may
carry only the fields named for it here: an entry about a validation, for instance, has its outcome and
no more. A field that both the EA's and the AA's record could have (requestHash, keyTag, a digest of a
structure that both see) does not belong in any of these lists.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from v2xpki.errors import AuditError
from v2xpki.time import HOUR

Value = str | int | bool | bytes | None

GENESIS = bytes(32)  # the "hash before" of the first entry


class Event(StrEnum):
    """Everything that is audited. `FIELDS` says what an entry of each may carry."""

    DATABASE_CREATED = "database.created"
    DATABASE_UPGRADED = "database.upgraded"
    BACKUP_MADE = "backup.made"
    BACKUP_RESTORED = "backup.restored"
    SERVICE_STARTED = "service.started"
    SERVICE_STOPPED = "service.stopped"
    TOKEN_OPENED = "token.opened"  # noqa: S105
    TOKEN_LOST = "token.lost"  # noqa: S105
    KEY_GENERATED = "key.generated"
    KEY_TESTED = "key.tested"
    KEY_RETIRED = "key.retired"
    CEREMONY_STARTED = "ceremony.started"
    CEREMONY_FINISHED = "ceremony.finished"
    CEREMONY_REFUSED = "ceremony.refused"
    SIGNING = "issuance.signing"
    SIGNED = "issuance.signed"
    VOIDED = "issuance.voided"
    PURGED = "issuance.purged"
    CHUNK_SIGNING = "issuance.chunk.signing"
    CHUNK_SIGNED = "issuance.chunk.signed"
    CHUNK_VOIDED = "issuance.chunk.voided"
    CHUNKS_PURGED = "issuance.chunk.purged"
    CERTIFICATE_INSTALLED = "certificate.installed"
    CERTIFICATE_REVOKED = "certificate.revoked"
    LIST_PUBLISHED = "list.published"
    STATION_REGISTERED = "station.registered"
    STATION_BARRED = "station.barred"
    STATION_UNBARRED = "station.unbarred"
    STATIONS_IMPORTED = "stations.imported"
    SECRET_STORED = "secret.stored"  # noqa: S105
    SECRETS_REWRAPPED = "secret.rewrapped"
    MESSAGES_ALLOWED = "messages.allowed"
    MESSAGES_SIGNED = "messages.signed"
    BUTTERFLY_GRANTED = "butterfly.granted"
    BUTTERFLY_SENDING = "butterfly.sending"
    BUTTERFLY_PACKED = "butterfly.packed"
    CERTIFICATES_ASKED = "certificates.asked"
    CERTIFICATES_PACKED = "certificates.packed"
    BATCHES_REFUSED = "batches.refused"
    BATCHES_STOPPED = "batches.stopped"
    REQUESTS_PURGED = "requests.purged"
    CHAINS_BEGUN = "linkage.begun"
    CHAIN_TRACED = "linkage.traced"
    CHAIN_REVOKED = "linkage.revoked"
    CHAIN_REFUSED = "linkage.refused"
    CHAINS_PURGED = "linkage.purged"
    CASE_OPENED = "case.opened"
    CASE_MOVED = "case.moved"
    CASE_PARTS_GIVEN = "case.parts.given"
    CASE_TRACED = "case.traced"
    CASE_REFUSED = "case.refused"
    POLICY_CHANGED = "policy.changed"
    RELEASE_ADDED = "release.added"
    RELEASE_APPROVED = "release.approved"
    RELEASE_SIGNING = "release.signing"
    RELEASE_PUBLISHED = "release.published"
    RELEASE_WITHDRAWN = "release.withdrawn"
    RELEASE_REMOVED = "release.removed"
    METADATA_REQUESTED = "metadata.requested"
    METADATA_SIGNATURE_MADE = "metadata.signature.made"
    METADATA_SIGNATURE_TAKEN = "metadata.signature.taken"
    METADATA_PUBLISHED = "metadata.published"
    METADATA_DROPPED = "metadata.dropped"
    VEHICLE_REGISTERED = "vehicle.registered"
    VEHICLE_BLOCKED = "vehicle.blocked"
    VEHICLE_UNBLOCKED = "vehicle.unblocked"
    VEHICLE_RETIRED = "vehicle.retired"
    VEHICLES_EXPECTED = "vehicles.expected"
    VEHICLE_UNEXPECTED = "vehicle.unexpected"
    REGISTRATION_REFUSED = "registration.refused"
    ECU_REPLACED = "ecu.replaced"
    ATTACK_REPORTED = "attack.reported"
    CAMPAIGN_CREATED = "campaign.created"
    CAMPAIGN_MOVED = "campaign.moved"
    TARGETS_FOLLOWED = "targets.followed"
    TARGET_WITHDRAWN = "target.withdrawn"


# What an entry may carry. `record` is the random id of an issuance record, known to one database only;
# `certificate` the HashedId8 of what was signed.
FIELDS: Mapping[Event, frozenset[str]] = {
    Event.DATABASE_CREATED: frozenset({"domain", "revision"}),
    Event.DATABASE_UPGRADED: frozenset({"domain", "revision"}),
    Event.BACKUP_MADE: frozenset({"file", "digest", "operator"}),
    Event.BACKUP_RESTORED: frozenset({"file", "digest", "operator"}),
    Event.SERVICE_STARTED: frozenset({"role", "version"}),
    Event.SERVICE_STOPPED: frozenset({"role", "version"}),
    Event.TOKEN_OPENED: frozenset({"token", "kind", "opened_for"}),
    Event.TOKEN_LOST: frozenset({"token", "reason"}),
    Event.KEY_GENERATED: frozenset({"label", "curve", "point"}),
    Event.KEY_TESTED: frozenset({"label", "outcome"}),
    Event.KEY_RETIRED: frozenset({"label", "reason", "operator"}),
    Event.CEREMONY_STARTED: frozenset({"name", "digest", "operator"}),
    Event.CEREMONY_FINISHED: frozenset({"name", "digest", "operator"}),
    Event.CEREMONY_REFUSED: frozenset({"name", "digest", "operator", "reason"}),
    Event.SIGNING: frozenset({"record", "kind", "issuer", "digest"}),
    Event.SIGNED: frozenset({"record", "kind", "certificate", "digest"}),
    Event.VOIDED: frozenset({"record", "kind", "reason"}),
    Event.PURGED: frozenset({"count", "expired_before"}),
    # digest: SHA-256 of the digests of what is to be signed, or was, in the record's order
    Event.CHUNK_SIGNING: frozenset({"chunk", "kind", "issuer", "count", "digest"}),
    Event.CHUNK_SIGNED: frozenset({"chunk", "kind", "count", "digest"}),
    Event.CHUNK_VOIDED: frozenset({"chunk", "kind", "count", "reason"}),
    Event.CHUNKS_PURGED: frozenset({"count", "expired_before"}),
    Event.CERTIFICATE_INSTALLED: frozenset({"certificate", "kind", "operator"}),
    Event.CERTIFICATE_REVOKED: frozenset({"certificate", "kind", "reason", "operator"}),
    Event.LIST_PUBLISHED: frozenset({"kind", "issuer", "sequence", "digest"}),
    Event.STATION_REGISTERED: frozenset({"station", "profile", "operator"}),
    Event.STATION_BARRED: frozenset({"station", "reason", "operator"}),
    Event.STATION_UNBARRED: frozenset({"station", "reason", "operator"}),
    Event.STATIONS_IMPORTED: frozenset({"count", "digest", "operator"}),
    Event.SECRET_STORED: frozenset({"name", "wrapper"}),
    Event.SECRETS_REWRAPPED: frozenset({"count", "wrapper"}),
    # TS 102 941 6.2.3.3.1: counts alone, nothing about which station or which ticket
    Event.MESSAGES_ALLOWED: frozenset({"block", "count"}),
    Event.MESSAGES_SIGNED: frozenset({"block", "counts"}),
    Event.BUTTERFLY_GRANTED: frozenset({"station", "periods"}),
    # the EA's chunks; the AA knows nothing of their ids
    Event.BUTTERFLY_SENDING: frozenset({"chunk", "count"}),
    Event.BUTTERFLY_PACKED: frozenset({"chunk", "count", "refused"}),
    # an SCMS's RA: counts alone, under ids of chunks that nobody else knows
    Event.CERTIFICATES_ASKED: frozenset({"chunk", "count"}),
    Event.CERTIFICATES_PACKED: frozenset({"chunk", "count"}),
    Event.BATCHES_REFUSED: frozenset({"chunk", "reason", "count"}),
    Event.BATCHES_STOPPED: frozenset({"count"}),
    Event.REQUESTS_PURGED: frozenset({"count"}),
    Event.CHAINS_BEGUN: frozenset({"count"}),
    # a linkage authority's: `case` is a keyed digest of the case id, which the other one may have, too
    Event.CHAIN_TRACED: frozenset({"case", "found"}),
    Event.CHAIN_REVOKED: frozenset({"case", "i_rev"}),
    Event.CHAIN_REFUSED: frozenset({"case", "reason"}),
    Event.CHAINS_PURGED: frozenset({"count", "expired_before"}),
    # `case`: the misbehaviour authority's own id; everywhere else a keyed digest of it
    Event.CASE_OPENED: frozenset({"case", "certificate", "reason", "operator"}),
    Event.CASE_MOVED: frozenset({"case", "state"}),
    Event.CASE_PARTS_GIVEN: frozenset({"case"}),
    Event.CASE_TRACED: frozenset({"case", "chains", "batches"}),
    Event.CASE_REFUSED: frozenset({"case", "reason"}),
    Event.POLICY_CHANGED: frozenset({"name", "value", "operator"}),
    # of firmware, not of vehicles. digest: the image's; keyid: who signed its provenance
    Event.RELEASE_ADDED: frozenset(
        {"release", "path", "release_counter", "digest", "builder", "keyid", "operator"}
    ),
    Event.RELEASE_APPROVED: frozenset({"release", "digest", "operator"}),
    Event.RELEASE_SIGNING: frozenset({"release", "request", "role", "version"}),
    Event.RELEASE_PUBLISHED: frozenset({"release", "role", "version"}),
    # asked for, and then: targets without it are out
    Event.RELEASE_WITHDRAWN: frozenset({"release", "reason", "operator"}),
    Event.RELEASE_REMOVED: frozenset({"release", "role", "version"}),
    # roles of firmware metadata, of whose signers nothing is secret. digest: of what is signed; where it is
    # published, of the whole. at: to the second, for the record of who signed what and when
    Event.METADATA_REQUESTED: frozenset({"role", "version", "digest", "operator"}),
    Event.METADATA_SIGNATURE_MADE: frozenset(
        {"repository", "role", "version", "digest", "label", "operator", "at"}
    ),
    Event.METADATA_SIGNATURE_TAKEN: frozenset(
        {"role", "version", "digest", "keyid", "signer", "operator", "at"}
    ),
    Event.METADATA_PUBLISHED: frozenset({"role", "version", "digest"}),
    Event.METADATA_DROPPED: frozenset({"role", "version", "digest", "reason", "operator"}),
    # the Director's; `vehicle` is its random id, known to that database alone
    Event.VEHICLE_REGISTERED: frozenset({"vehicle", "operator"}),
    Event.VEHICLE_BLOCKED: frozenset({"vehicle", "reason", "operator"}),
    Event.VEHICLE_UNBLOCKED: frozenset({"vehicle", "reason", "operator"}),
    Event.VEHICLE_RETIRED: frozenset({"vehicle", "reason", "operator"}),
    Event.VEHICLES_EXPECTED: frozenset({"count", "operator"}),
    Event.VEHICLE_UNEXPECTED: frozenset({"operator"}),
    # credential: the keyed digest that the database would know it by
    Event.REGISTRATION_REFUSED: frozenset({"reason", "credential"}),
    # certificates_ended: it was the Primary, whose client certificates are nobody's any more
    Event.ECU_REPLACED: frozenset({"vehicle", "operator", "certificates_ended"}),
    Event.ATTACK_REPORTED: frozenset({"vehicle", "count"}),
    Event.CAMPAIGN_CREATED: frozenset({"campaign", "operator"}),
    Event.CAMPAIGN_MOVED: frozenset({"campaign", "state", "percentage", "reason", "operator"}),
    Event.TARGETS_FOLLOWED: frozenset({"version", "known", "gone"}),
    Event.TARGET_WITHDRAWN: frozenset({"path", "reason", "operator"}),
}


class AuditEntry(NamedTuple):
    """One link of the chain."""

    sequence: int  # from 1, without gaps
    time: int  # TAI seconds since 2004, a whole hour
    event: str
    detail: str  # canonical JSON object
    hash: bytes  # 32 octets


class Head(NamedTuple):
    """Where the chain ends."""

    sequence: int = 0
    hash: bytes = GENESIS


class Checkpoint(NamedTuple):
    """A head that was noted outside the database."""

    domain: str
    sequence: int
    hash: bytes
    time: int

    def to_json(self) -> str:
        """One line for a checkpoint file."""
        return _canonical(
            {"domain": self.domain, "hash": self.hash.hex(), "sequence": self.sequence, "time": self.time}
        )

    @classmethod
    def from_json(cls, line: str) -> "Checkpoint":
        """Raises AuditError where the line is none of `to_json`."""
        try:
            found = json.loads(line)
            return cls(
                str(found["domain"]), int(found["sequence"]), bytes.fromhex(found["hash"]), int(found["time"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise AuditError(f"a line of the checkpoint file is not a checkpoint: {error}") from error


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be. `sequence` is that of the entry, where one is meant."""

    rule: str
    message: str
    sequence: int | None = None


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode
_text = json.encoder.encode_basestring_ascii


def detail_text(event: Event, detail: Mapping[str, Value]) -> str:
    """Canonical JSON of an entry's fields, octets as lower-case hex. Raises AuditError for a field that
    the event must not carry."""
    if not FIELDS[event].issuperset(detail):
        extra = sorted(set(detail) - FIELDS[event])
        raise AuditError(f"{event.value} must not carry {', '.join(extra)}")
    # Put together here, 2 us; json's encoder takes 7 for the same text.
    parts = []
    for name in sorted(detail):
        value = detail[name]
        if isinstance(value, bytes):
            parts.append(f'"{name}":"{value.hex()}"')
        else:
            parts.append(f'"{name}":{_text(value) if isinstance(value, str) else _canonical(value)}')
    return "{" + ",".join(parts) + "}"


def entry_hash(previous: bytes, sequence: int, time: int, event: str, detail: str) -> bytes:
    """SHA-256(previous hash || canonical JSON of the entry, [sequence, time, event, detail])."""
    entry = f"[{sequence},{time},{_text(event)},{_text(detail)}]"
    return hashlib.sha256(previous + entry.encode()).digest()


def append(head: Head, now: int, event: Event, detail: str) -> AuditEntry:
    """The entry that follows `head`; `now` in TAI seconds is cut to its hour."""
    sequence, time = head.sequence + 1, now - now % HOUR
    name = event.value
    return AuditEntry(sequence, time, name, detail, entry_hash(head.hash, sequence, time, name, detail))


def check(
    entries: Iterable[AuditEntry],
    head: Head | None,
    checkpoints: Iterable[Checkpoint] = (),
    *,
    limit: int = 100,
) -> list[Finding]:
    """What is wrong with a chain, read in the order of `sequence`; at most `limit` findings.

    `head` is what the store remembers as the end (None: its row is missing). Each checkpoint must be an
    entry of the chain. An empty list says that every entry is the one that was written, in its place.
    """
    noted = {point.sequence: point for point in checkpoints}
    findings: list[Finding] = []
    end = Head()
    for entry in entries:
        if len(findings) >= limit:
            return findings
        if entry.sequence != end.sequence + 1:
            findings.append(
                Finding("sequence", f"entry {entry.sequence} follows {end.sequence}", entry.sequence)
            )
        expected = entry_hash(end.hash, entry.sequence, entry.time, entry.event, entry.detail)
        if expected != entry.hash:
            findings.append(
                Finding("hash", f"entry {entry.sequence} is not what was written here", entry.sequence)
            )
        if entry.time % HOUR:
            findings.append(
                Finding("time", f"entry {entry.sequence} has a time that is no whole hour", entry.sequence)
            )
        point = noted.pop(entry.sequence, None)
        if point is not None and point.hash != entry.hash:
            findings.append(
                Finding("checkpoint", f"entry {entry.sequence} is not the one noted", entry.sequence)
            )
        end = Head(entry.sequence, entry.hash)
    if head is None:
        findings.append(Finding("head", "the head of the chain is missing"))
    elif head != end:
        findings.append(
            Finding("head", f"the chain ends at {end.sequence}, its head says {head.sequence}", end.sequence)
        )
    findings.extend(
        Finding("checkpoint", f"entry {missing} was noted and is gone", missing)
        for missing in sorted(noted)
        if missing != 0
    )
    return findings[:limit]


def verify(entries: Iterable[AuditEntry], head: Head | None, checkpoints: Iterable[Checkpoint] = ()) -> Head:
    """The head of an intact chain. Raises AuditError with the first finding otherwise."""
    kept = list(entries)
    findings = check(kept, head, checkpoints, limit=1)
    if findings or head is None:
        raise AuditError(findings[0].message)
    return head
