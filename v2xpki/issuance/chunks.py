"""Door 1 for many certificates at once: the same steps as for one, a chunk in each.

    issuer = ChunkIssuer.open(keystore, label, certificate, database, IssuanceChunk, clock)
    template = issuer.template(tbs, "PSEUDONYM")            linted, once for all of its shape
    chunk = issuer.prepare([Body(template, linkage, start, point), ...], rider)
    with database.write(durable=True) as tx:
        tx_save_chunk(tx, chunk)                            all are recorded, one audit entry
    made = issuer.issue(chunk)                              signed and verified one by one
    with database.write(durable=False) as tx:
        tx_complete_chunk(tx, chunk, made)                  all are stored, one audit entry

Implicit certificates go the same way (issuance/implicit.py).

The issuer itself writes what it signs: a template that it has linted, with holes for linkage data, the start
of validity and the key. What could be wrong with these three is looked at each time. A chunk is its own
token: it signs once. docs/adr/0010 says how its audit entries tie it to its records.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from v2xpki import wire
from v2xpki.audit import Event
from v2xpki.crypto import Certificate, Curve, seconds_of, verify_raw
from v2xpki.errors import (
    CryptoError,
    InvalidSignature,
    IssuanceError,
    KeystoreError,
    LintFailed,
    RecordFailed,
    V2xPkiError,
)
from v2xpki.issuance.records import ISSUED, OPEN, VOID, new_slip
from v2xpki.keystore import IssuingKey, KeyLabel, Keystore
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.chunks import Entry, pack, tbs_of, unpack
from v2xpki.time import HOUR, Clock, iso_from_time32
from v2xpki.trust.lint_engine import Finding
from v2xpki.trust.scms_lint import lint_scms_tbs
from v2xpki.wire import dot2
from v2xpki.wire.templates import TbsTemplate

_POINT_FORMS = (2, 3)
MOST = 4096  # certificates of one chunk
ScmsLinter = Callable[[dot2.ToBeSignedCertificate, str, Certificate], Sequence[Finding]]


class CertificateTemplate:
    """A ToBeSignedCertificate that was linted, as a shape with holes; made by ChunkIssuer.template."""

    __slots__ = ("_shape", "duration", "kind", "owner", "tbs")

    def __init__(
        self, owner: object, tbs: dot2.ToBeSignedCertificate, kind: str, shape: TbsTemplate | None
    ) -> None:
        self.owner, self.tbs, self.kind, self._shape = owner, tbs, kind, shape
        self.duration = seconds_of(tbs.validity_period.duration)

    @property
    def has_holes(self) -> bool:
        """Whether it serves for others than the very one that it was made of."""
        return self._shape is not None

    def octets(self, linkage: bytes, start: int, point: bytes) -> bytes:
        """COER with the holes filled; of a template without holes, the one that it was made of."""
        if self._shape is None:
            return wire.encode(self.tbs)
        return self._shape.write(linkage, start.to_bytes(4, "big"), point)


class Body(NamedTuple):
    """What is to be certified. linkage: iCert and the linkage value, 11 octets, or empty; start: Time32;
    point: SEC1 compressed, of P-256."""

    template: CertificateTemplate
    linkage: bytes
    start: int
    point: bytes


class Chunk:
    """A chunk that is prepared: its record, and leave to sign it once."""

    __slots__ = ("digests", "expires", "id", "issuer", "kind", "model", "owner", "rider", "slip", "tbs")

    def __init__(
        self,
        owner: "BatchIssuer",
        kind: str,
        tbs: list[bytes],
        expires: int,
        rider: bytes,
    ) -> None:
        self.owner, self.kind, self.tbs, self.expires, self.rider = owner, kind, tbs, expires, rider
        self.id, self.issuer, self.model = random_key(), owner.certificate.hashed_id8, owner.model
        self.digests = [hashlib.sha256(octets).digest() for octets in tbs]
        self.slip = new_slip()

    def __len__(self) -> int:
        return len(self.tbs)

    def __repr__(self) -> str:
        return f"<Chunk {self.id.hex()} of {len(self.tbs)}, {self.slip}>"


class Made(NamedTuple):
    """What came of a chunk: the octets of each certificate, None where there is none, and why."""

    certificates: list[bytes | None]
    fault: V2xPkiError | None


class BatchIssuer(ABC):
    """A CA with its certificate on P-256, for chunks of certificates of one type. For all threads of a
    process."""

    #: CertificateBase up to its issuer (IEEE 1609.2 6.4.2).
    _HEAD: bytes

    def __init__(
        self,
        certificate: Certificate,
        database: Database,
        model: type[DeclarativeBase],
        clock: Clock,
        linter: ScmsLinter | None = None,
    ) -> None:
        if certificate.curve is not Curve.NIST_P256:
            raise IssuanceError(f"chunks are made by keys on nistP256, not {certificate.curve.text}")
        self.certificate, self.database, self.model = certificate, database, model
        self._clock = clock
        self._linter = linter or lint_scms_tbs
        issuer = dot2.IssuerIdentifier(kind="sha256AndDigest", value=certificate.hashed_id8)
        self._before = self._HEAD + wire.encode(issuer)

    def template(self, tbs: dot2.ToBeSignedCertificate, kind: str) -> CertificateTemplate:
        """A shape to be certified, linted with this very tbs. Raises LintFailed, EncodeError."""
        findings = self._linter(tbs, kind, self.certificate)
        if any(finding.rule.severity == "error" for finding in findings):
            raise LintFailed("; ".join(str(finding) for finding in findings))
        return CertificateTemplate(self, tbs, kind, TbsTemplate.of(tbs))

    def prepare(self, bodies: Sequence[Body], rider: bytes = b"") -> Chunk:
        """What is to be signed; nothing is written. All of one kind. `rider` is kept beside them.

        Raises IssuanceError: another issuer's template, no or too many bodies, a validity that is not inside
        the issuer's, holes of a wrong size.
        """
        if not 0 < len(bodies) <= MOST:
            raise IssuanceError(f"a chunk of {len(bodies)} certificates: 1 to {MOST}")
        first, last, now = self.certificate.start, self.certificate.end, self._clock.time32()
        if not now < last:
            raise IssuanceError(f"the issuer's certificate {self.certificate.hex8} has expired")
        kind, expires, tbs = bodies[0].template.kind, 0, []
        for template, linkage, start, point in bodies:
            end = start + template.duration
            if template.owner is not self or template.kind != kind:
                raise IssuanceError("a template of another issuer, or kinds mixed in a chunk")
            if not first <= start < end <= last:
                raise IssuanceError(f"validity {start}..{end} is not inside the issuer's {first}..{last}")
            sound = len(point) == 33 and point[0] in _POINT_FORMS and len(linkage) in (0, 11)
            if not sound and template.has_holes:
                raise IssuanceError("a key or linkage data of a wrong size")
            expires = max(expires, end)
            tbs.append(template.octets(linkage, start, point))
        return Chunk(self, kind, tbs, expires + -expires % HOUR, rider)

    def issue(self, chunk: Chunk) -> Made:
        """Make what was recorded. The chunk is spent, whatever comes of it.

        Raises RecordFailed (the record is not committed), TokenSpent. A key that fails, or signs what does
        not verify, ends the work: what was signed before it stands, the rest has no certificate.
        """
        if chunk.owner is not self:
            raise IssuanceError("a chunk of another issuer")
        chunk.slip.burn()
        made: list[bytes | None] = []
        fault: V2xPkiError | None = None
        try:
            for octets in self._certificates(chunk):
                made.append(octets)
        except InvalidSignature as error:
            fault = IssuanceError("the signature made does not verify")
            fault.__cause__ = error
        except (KeystoreError, CryptoError) as error:
            fault = error
        made += [None] * (len(chunk) - len(made))
        chunk.slip.signed = pack_made(chunk, made)
        return Made(made, fault)

    @abstractmethod
    def _certificates(self, chunk: Chunk) -> Iterator[bytes]:
        """COER of each, checked."""


class ChunkIssuer(BatchIssuer):
    """Explicit certificates, signed by a key of the keystore."""

    _HEAD = b"\x80\x03\x00"  # version 3, explicit, with a signature
    _BETWEEN = b"\x80\x80"  # after the tbs: a signature on P-256, r as x-only

    def __init__(
        self,
        key: IssuingKey,
        certificate: Certificate,
        database: Database,
        model: type[DeclarativeBase],
        clock: Clock,
        linter: ScmsLinter | None = None,
    ) -> None:
        if certificate.verification_key != key.public_key:
            raise IssuanceError(f"certificate {certificate.hex8} is not of the key {key.label}")
        super().__init__(certificate, database, model, clock, linter)
        self._key = key

    @classmethod
    def open(
        cls,
        keystore: Keystore,
        label: KeyLabel,
        certificate: Certificate,
        database: Database,
        model: type[DeclarativeBase],
        clock: Clock,
        *,
        linter: ScmsLinter | None = None,
    ) -> Self:
        """With the key of a label. `model` is the domain's table of chunks. Errors as Issuer.open."""
        return cls(keystore.issuing_key(label), certificate, database, model, clock, linter)

    def _certificates(self, chunk: Chunk) -> Iterator[bytes]:
        signer, sign, public = self.certificate.digest, self._key.sign, self._key.public_key
        before, between, sha256 = self._before, self._BETWEEN, hashlib.sha256
        for octets, inner in zip(chunk.tbs, chunk.digests, strict=True):
            digest = sha256(inner + signer).digest()
            raw = sign(digest)
            verify_raw(public, raw, digest)
            yield b"".join((before, octets, between, raw))


def pack_made(chunk: Chunk, made: Sequence[bytes | None]) -> bytes:
    """What a chunk's record holds when it is closed."""
    return pack(
        Entry(False, tbs) if octets is None else Entry(True, octets)
        for tbs, octets in zip(chunk.tbs, made, strict=True)
    )


def digest_of(digests: Iterable[bytes]) -> bytes:
    """What an audit entry says about many: SHA-256 of their SHA-256 digests, in the record's order."""
    return hashlib.sha256(b"".join(digests)).digest()


_closing: dict[type[DeclarativeBase], Statement] = {}


def _close(model: type[DeclarativeBase]) -> Statement:
    found = _closing.get(model)
    if found is None:
        t = table_of(model)
        found = _closing[model] = Statement(
            sa.update(t)
            .where(
                t.c.id == sa.bindparam("chunk"),
                t.c.state == OPEN,
                t.c.open_by == sa.bindparam("run", type_=sa.LargeBinary()),
            )
            .values(
                state=sa.bindparam("new_state", type_=sa.Text()),
                open_by=None,
                octets=sa.bindparam("new_octets", type_=sa.LargeBinary()),
            )
        )
    return found


def tx_save_chunk(tx: Transaction, chunk: Chunk) -> None:
    """Write the record of a chunk as open, and the audit entry before its signatures. When the transaction, a
    durable one, commits, the chunk may be signed. Raises AlreadyRecorded for one that was saved before."""
    tx.insert(
        chunk.model,
        id=chunk.id,
        kind=chunk.kind,
        issuer=chunk.issuer,
        state=OPEN,
        open_by=tx.database.run,
        expires=chunk.expires,
        octets=pack(Entry(False, tbs) for tbs in chunk.tbs),
        rider=chunk.rider,
    )
    tx.audit(
        Event.CHUNK_SIGNING,
        chunk=chunk.id,
        kind=chunk.kind,
        issuer=chunk.issuer,
        count=len(chunk),
        digest=digest_of(chunk.digests),
    )
    tx.on_commit(chunk.slip.committed)


def tx_complete_chunk(tx: Transaction, chunk: Chunk, made: Made) -> None:
    """Store what `issue` returned, and the audit entries after it. Hand nothing out before it is committed.

    Raises IssuanceError for what was not issued for this chunk, RecordFailed where it is not open any more.
    """
    octets = pack_made(chunk, made.certificates)
    if chunk.slip.signed != octets:
        raise IssuanceError("these octets are not what was issued for the chunk")
    signed = [one for one in made.certificates if one is not None]
    _tx_close(tx, chunk, ISSUED if signed else VOID, octets)
    if signed:
        tx.audit(
            Event.CHUNK_SIGNED,
            chunk=chunk.id,
            kind=chunk.kind,
            count=len(signed),
            digest=digest_of(hashlib.sha256(one).digest() for one in signed),
        )
    if len(signed) < len(chunk):
        left = len(chunk) - len(signed)
        tx.audit(Event.CHUNK_VOIDED, chunk=chunk.id, kind=chunk.kind, count=left, reason="signing failed")


def _tx_close(tx: Transaction, chunk: Chunk, state: str, octets: bytes) -> None:
    touched = tx.run(
        _close(chunk.model), chunk=chunk.id, run=tx.database.run, new_state=state, new_octets=octets
    )
    if touched != 1:
        raise RecordFailed("the chunk is not open any more; what was signed must not go out")


def recover_chunks(database: Database, model: type[DeclarativeBase]) -> int:
    """Void the chunks that dead processes left open; how many. Call it at a start, before serving.

    Which of them were signed is not known, so none will be: their records stay, listed as void.
    """
    t = table_of(model)
    with database.read() as tx:
        runs = tx.execute(sa.select(t.c.open_by).where(t.c.open_by.is_not(None)).distinct()).scalars()
        dead = [run for run in map(bytes, runs) if not database.run_is_alive(run)]
    count = 0
    for run in dead:
        with database.write(durable=True) as tx:
            query = sa.select(t.c.id, t.c.kind, t.c.octets).where(t.c.open_by == run).with_for_update()
            rows: Sequence[Any] = tx.execute(query).all()
            for row in rows:
                change = sa.update(t).where(t.c.id == row.id, t.c.state == OPEN)
                tx.execute(change.values(state=VOID, open_by=None))
                left = len(unpack(bytes(row.octets)))
                tx.audit(
                    Event.CHUNK_VOIDED, chunk=bytes(row.id), kind=row.kind, count=left, reason="left open"
                )
                count += 1
    return count


def purge_chunks(
    database: Database,
    model: type[DeclarativeBase],
    before: int,
    forget: Callable[[Transaction, Sequence[bytes]], None],
) -> int:
    """Remove closed chunks whose last certificate expired before a TAI second; how many.

    forget(tx, digests): the caller's own rows about what a chunk holds, named by the SHA-256 digest of what
    was to be signed, in the same transaction. The audit entries stay; one more for each chunk says that it
    went.
    """
    t, hour, count = table_of(model), before - before % HOUR, 0
    with database.read() as tx:
        old = sa.select(t.c.id).where(t.c.expires < hour, t.c.state != OPEN)
        ids = [bytes(found) for found in tx.execute(old).scalars()]
    for id_ in ids:
        with database.write(durable=False) as tx:
            query = sa.select(t.c.octets).where(t.c.id == id_).with_for_update()
            octets = tx.execute(query).scalar()
            if octets is None:
                continue  # another process was quicker
            forget(tx, [hashlib.sha256(tbs_of(entry)).digest() for entry in unpack(bytes(octets))])
            tx.execute(sa.delete(t).where(t.c.id == id_))
            tx.audit(Event.CHUNKS_PURGED, count=1, expired_before=iso_from_time32(hour))
        count += 1
    return count
