"""The authorization certificate authority (IEEE 1609.2.1): certificates for what RAs ask, many at a time.

    answers = aca.certify(requests)             RaAcaCertRequest SPDUs -> AcaRaCertResponse SPDUs, or Refusals

Each request is refused by itself; the others go on. What is granted is recorded in one durable transaction,
then signed, verified and stored (issuance/chunks.py), then put into the answers. The same request again gets
the same certificate in a fresh envelope: c is derived from the request under a secret of the ACA's own, so
that the certificate to be signed is known again without keeping c or the request.

The ACA keeps of a certificate: its octets; the pre-linkage values and the request's name, sealed under a key
that the token has wrapped. Nothing of a vehicle, no time finer than an hour.
"""

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.authorities.scms.aca_policy import AcaPolicy, RaDirectory
from v2xpki.authorities.scms.aca_reading import AcaReader, Wish
from v2xpki.authorities.scms.peers import name_of_request
from v2xpki.authorities.scms.reasons import AcaReason, Refusal, RefusedCertificate
from v2xpki.authorities.scms.secrets import SecretStore, implicit_name, la_keys
from v2xpki.crypto import (
    Certificate,
    CertifiedKeys,
    ccm_decrypt,
    ccm_encrypt,
    certified_keys,
    certify_and_wrap,
    derived_scalars,
    linkage_values,
    psk_id,
    wrap_parts_each,
)
from v2xpki.errors import AlreadyRecorded, ConfigError, CryptoError, RecordFailed, StoreError
from v2xpki.issuance import (
    Body,
    Chunk,
    ChunkIssuer,
    ImplicitIssuer,
    Made,
    purge_chunks,
    recover_chunks,
    tx_complete_chunk,
    tx_save_chunk,
)
from v2xpki.issuance.chunks import MOST
from v2xpki.keystore import Delivery, Envelope, KeyLabel, Keystore, ScmsResponder, UnwrappedKey
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.aca import Certified, IssuanceChunk, WrappedSecret
from v2xpki.store.base import table_of
from v2xpki.store.chunks import unpack
from v2xpki.time import Clock
from v2xpki.trust.scms_profiles import role_of

LEDGER_BLOCK = 8192  # messages that one durable audit entry allows: some twenty chunks
_ATTEMPTS = 4
_SCALARS, _SEAL = "own:scalars", "own:seal"
_NO_PLV = bytes(11)

_c, _k = table_of(Certified).c, table_of(IssuanceChunk).c
_WHERE = Statement(sa.select(_c.chunk, _c.position).where(_c.id == sa.bindparam("id")))
_FORGET = Statement(sa.delete(Certified).where(_c.id == sa.bindparam("id")))
_CHUNK = Statement(sa.select(_k.state, _k.open_by, _k.octets, _k.rider).where(_k.id == sa.bindparam("id")))


class Linked(NamedTuple):
    """What a certificate was made of, for a revocation. la ids 2 octets, values 9; all empty without linkage.

    ra: HashedId8 of who asked; request_hash: name_of_request of its request.
    """

    la_id1: bytes
    plv1: bytes
    la_id2: bytes
    plv2: bytes
    ra: bytes
    request_hash: bytes


class _Asked:
    """A certificate that is wanted, by one request or several that are the same."""

    __slots__ = ("attempt", "envelope", "identity", "info", "linkage", "point", "wish")

    def __init__(self, wish: Wish, linkage: bytes) -> None:
        shape, _, _, _, _, start, point, recipient = wish
        self.wish, self.linkage, self.attempt = wish, linkage, 0
        self.identity = b"".join((shape.identity, linkage, start.to_bytes(4, "big"), point, recipient))
        self.envelope: Envelope | None = None
        self.info = self.point = b""


class AuthorizationCertificateAuthority:
    """One object serves all threads of a process. What dead processes left open is voided when it is made."""

    def __init__(
        self,
        *,
        issuer: ChunkIssuer,
        responder: ScmsResponder,
        database: Database,
        secrets: SecretStore,
        ras: RaDirectory,
        clock: Clock,
        craca_id: bytes,
        policy: AcaPolicy | None = None,
        implicit: ImplicitIssuer | None = None,
    ) -> None:
        """craca_id: HashedId3 of who signs the CRLs that name these certificates. implicit: for implicit
        certificates, where the operator allows them (ADR 0011). Raises ConfigError for a certificate that is
        not an ACA's, KeystoreError where the secrets do not open."""
        if responder.certificate != issuer.certificate:
            raise ConfigError(f"certificate {issuer.certificate.hex8}: another one answers")
        for own in (issuer,) if implicit is None else (issuer, implicit):
            role = role_of(own.certificate)
            if role is None or role.kind != "aca":
                raise ConfigError(f"certificate {own.certificate.hex8} is not an ACA's")
        if len(craca_id) != 3:
            raise ConfigError("cracaId has 3 octets")
        recover_chunks(database, IssuanceChunk)
        self._responder, self._database, self._clock = responder, database, clock
        self._scalars = secrets.get_or_make(_SCALARS, 32)
        self._seal = secrets.get_or_make(_SEAL, 16)
        self._seal_id = psk_id(self._seal)
        self._implicit = implicit
        self._reader = AcaReader(issuer, ras, la_keys(secrets), policy or AcaPolicy(), craca_id, implicit)
        self._ledger = AnswerLedger(database, clock, LEDGER_BLOCK)

    @classmethod
    def open(
        cls,
        keystore: Keystore,
        generation: int,
        certificate: Certificate,
        database: Database,
        *,
        ras: RaDirectory,
        clock: Clock,
        craca_id: bytes,
        policy: AcaPolicy | None = None,
        name: str = "aca",
        wrapping: int = 1,
        implicit: Certificate | None = None,
    ) -> Self:
        """With the keys of a keystore: `aca-sign-N`, and `aca-wrap-N` for secrets that are new, N being the
        generation and `wrapping`. implicit: the certificate of the key that `new_implicit_key` made."""
        label = KeyLabel(name, "sign", generation)
        secrets = SecretStore(database, WrappedSecret, keystore, KeyLabel(name, "wrap", wrapping))
        unsigned = None
        if implicit is not None:
            key = UnwrappedKey(secrets.get(implicit_name(implicit.verification_key)))
            unsigned = ImplicitIssuer(key, implicit, database, IssuanceChunk, clock)
        return cls(
            issuer=ChunkIssuer.open(keystore, label, certificate, database, IssuanceChunk, clock),
            responder=keystore.scms_responder(label, certificate),
            database=database,
            secrets=secrets,
            implicit=unsigned,
            ras=ras,
            clock=clock,
            craca_id=craca_id,
            policy=policy,
        )

    def close(self) -> None:
        """Put the counts of signed messages on the record."""
        self._ledger.close()

    def certify(self, requests: Sequence[bytes]) -> list[bytes | Refusal]:
        """The answer to each request.

        Raises StoreError and AuditError where nothing could be recorded (then nothing was signed) or stored,
        KeystoreError where the answers could not be signed: ask again.
        """
        if len(requests) > MOST:
            return [*self.certify(requests[:MOST]), *self.certify(requests[MOST:])]
        now = self._clock.time32()
        answers: list[bytes | Refusal | None] = [None] * len(requests)
        places, wishes = [], []
        proven: set[bytes] = set()
        for place, octets in enumerate(requests):
            try:
                wishes.append(self._reader.read(octets, now, proven))
                places.append(place)
            except RefusedCertificate as refused:
                answers[place] = Refusal(refused.reason, str(refused))
        asked = self._asked(wishes)
        self._make_keys(asked, answers, places)
        certificates = self._issue([one for one in asked if one.point])
        deliveries, answered = [], []
        for place, one in zip(places, asked, strict=True):
            found = certificates.get(one.identity)
            if isinstance(found, bytes):
                wish, info = one.wish, one.info or None
                if self._implicit is not None and wish.shape.implicit:
                    info = self._implicit.private_key_info(found, one.info)
                deliveries.append(Delivery(wish.shape.form, found, info, one.envelope, wish.request_hash))
                answered.append(place)
            elif answers[place] is None:
                answers[place] = found or Refusal(AcaReason.SIGNING_FAILED, "")
        for place, octets in zip(answered, self._answer(deliveries, now), strict=True):
            answers[place] = octets
        return [answer for answer in answers if answer is not None]

    def purge(self) -> int:
        """Forget the chunks of which every certificate has expired; how many. Call it now and then."""
        self._ledger.settle()

        def forget(tx: Transaction, digests: Sequence[bytes]) -> None:
            for digest in digests:
                tx.run(_FORGET, id=self._id_of(digest))

        return purge_chunks(self._database, IssuanceChunk, self._clock.time32(), forget)

    def linked(self, certificate: Certificate) -> Linked | None:
        """What a certificate was made of; None for one that this ACA has not made."""
        row = self._database.row(_WHERE, id=self._id_of(sha256(certificate.tbs_octets).digest()))
        if row is None:
            return None
        chunk = self._database.row(_CHUNK, id=row[0])
        if chunk is None:
            return None
        entry = unpack(bytes(chunk[2]))[row[1]]
        return self._unseal(bytes(chunk[3]))[row[1]] if entry.octets == certificate.octets else None

    # --- keys --------------------------------------------------------------------------------------

    @staticmethod
    def _asked(wishes: Sequence[Wish]) -> list[_Asked]:
        linked = [wish for wish in wishes if wish.plv1]
        values = iter(linkage_values([wish.plv1 for wish in linked], [wish.plv2 for wish in linked]))
        return [_Asked(wish, wish.i_cert + next(values) if wish.plv1 else b"") for wish in wishes]

    def _make_keys(
        self, asked: list[_Asked], answers: list[bytes | Refusal | None], places: list[int]
    ) -> None:
        """Keys and envelopes of all; a point that is none is refused by itself."""
        try:
            self._keys(asked)
        except CryptoError:
            for place, one in zip(places, asked, strict=True):
                try:
                    self._keys([one])
                except CryptoError as error:
                    one.point = b""
                    answers[place] = Refusal(AcaReason.BAD_KEYS, str(error))

    def _keys(self, asked: Sequence[_Asked]) -> None:
        butterfly = [one for one in asked if one.wish.shape.butterfly]
        if butterfly:
            infos = self._infos(butterfly)
            cocoons = [one.wish.point for one in butterfly]
            recipients = [one.wish.recipient for one in butterfly]
            random = os.urandom(16 * len(butterfly))
            aes = [random[i : i + 16] for i in range(0, len(random), 16)]
            made, wrapped = certify_and_wrap(cocoons, recipients, aes, infos)
            for one, point, info, recipient, key, parts in zip(
                butterfly, made.points, infos, recipients, aes, wrapped, strict=True
            ):
                one.point, one.info, one.envelope = point, info, Envelope(recipient, key, parts)
        for one in asked:
            if not one.wish.shape.butterfly:
                one.point = one.wish.point
                if one.wish.shape.implicit:
                    made = certified_keys([one.wish.point], self._infos([one]))
                    one.point, one.info = made.points[0], made.private_key_infos[0]
                if one.wish.recipient:
                    key = os.urandom(16)
                    (parts,) = wrap_parts_each([one.wish.recipient], [key])
                    one.envelope = Envelope(one.wish.recipient, key, parts)

    def _infos(self, asked: Sequence[_Asked]) -> list[bytes]:
        return derived_scalars(self._scalars, [one.identity + bytes((one.attempt,)) for one in asked])

    # --- issuing -----------------------------------------------------------------------------------

    def _issue(self, asked: Sequence[_Asked]) -> dict[bytes, bytes | Refusal]:
        """The certificate of each identity, new or as it was."""
        found: dict[bytes, bytes | Refusal] = {}
        kinds: dict[tuple[str, bool], dict[bytes, _Asked]] = {}
        for one in asked:
            kind = one.wish.shape.kind, one.wish.shape.implicit
            kinds.setdefault(kind, {}).setdefault(one.identity, one)
        for wanted in kinds.values():
            # in the order of secret numbers, so that the record tells nothing of the order of the requests
            left = sorted(wanted.values(), key=lambda one: (one.info, one.identity))
            for _ in range(_ATTEMPTS):
                if not left:
                    break
                left = self._issue_chunk(left, found)
            for one in left:
                found[one.identity] = Refusal(AcaReason.BUSY, "")
            for one in asked:
                first = wanted.get(one.identity)
                if first is not None and first is not one:
                    one.info, one.point = first.info, first.point
        return found

    def _issue_chunk(self, asked: list[_Asked], found: dict[bytes, bytes | Refusal]) -> list[_Asked]:
        """Issue a chunk; those that are to be tried once more."""
        bodies = [Body(one.wish.shape.certificate, one.linkage, one.wish.start, one.point) for one in asked]
        issuer = asked[0].wish.shape.issuer
        chunk = issuer.prepare(bodies, self._sealed(asked))
        ids = [self._id_of(digest) for digest in chunk.digests]
        rows = [{"id": id_, "chunk": chunk.id, "position": n} for n, id_ in enumerate(ids)]
        try:
            with self._database.write(durable=True) as tx:
                tx.insert_many(Certified, rows)
                tx_save_chunk(tx, chunk)
        except AlreadyRecorded:
            return self._standing(asked, ids, found)
        made = issuer.issue(chunk)
        self._store(chunk, made)
        for one, octets in zip(asked, made.certificates, strict=True):
            if octets is None:
                found[one.identity] = Refusal(AcaReason.SIGNING_FAILED, str(made.fault))
            else:
                found[one.identity] = octets
        return []

    def _store(self, chunk: Chunk, made: Made) -> None:
        with self._database.write(durable=False) as tx:
            tx_complete_chunk(tx, chunk, made)

    def _standing(
        self, asked: list[_Asked], ids: list[bytes], found: dict[bytes, bytes | Refusal]
    ) -> list[_Asked]:
        """What was made for these before. Left are those that are new, or whose record is void."""
        chunks: dict[bytes, Any] = {}
        left = []
        orphans = False
        for one, id_ in zip(asked, ids, strict=True):
            row = self._database.row(_WHERE, id=id_)
            if row is None:
                left.append(one)
                continue
            place = bytes(row[0])
            if place not in chunks:
                chunk = self._database.row(_CHUNK, id=place)
                chunks[place] = None if chunk is None else (chunk[0], chunk[1], unpack(bytes(chunk[2])))
            if chunks[place] is None:
                raise RecordFailed("the record of a chunk is missing; see `audit verify`")
            state, open_by, entries = chunks[place]
            if state == "open":
                if self._database.run_is_alive(bytes(open_by)):
                    found[one.identity] = Refusal(AcaReason.BUSY, "")
                else:
                    orphans = True
                    left.append(one)
            elif entries[row[1]].signed:
                found[one.identity] = entries[row[1]].octets
            # Void: it may have been signed, so it never is again. Another c makes another certificate.
            elif self._another(one):
                left.append(one)
            else:
                found[one.identity] = Refusal(AcaReason.SIGNING_FAILED, "void: ask for another start")
        if orphans:
            recover_chunks(self._database, IssuanceChunk)
        return left

    def _another(self, one: _Asked) -> bool:
        """The next certificate for the same request; False where a request has but one."""
        if not one.wish.shape.has_info or one.attempt == 255:
            return False
        one.attempt += 1
        (one.info,) = self._infos([one])
        made: CertifiedKeys = certified_keys([one.wish.point], [one.info])
        one.point = made.points[0]
        return True

    def _id_of(self, digest: bytes) -> bytes:
        return self._database.blind("certified", digest)[:16]

    # --- what a revocation will need ---------------------------------------------------------------

    def _sealed(self, asked: Sequence[_Asked]) -> bytes:
        """Of each: la id and value of both, the RA, the request's name; 38 octets, under the ACA's seal."""
        parts: list[bytes] = []
        for one in asked:
            shape, _, plv1, plv2, _, _, cocoon, recipient = one.wish
            if shape.la1 is None or shape.la2 is None:
                parts += (_NO_PLV, _NO_PLV)
            else:
                parts += (shape.la1.la_id, plv1, shape.la2.la_id, plv2)
            parts += (shape.ra.hashed_id8, name_of_request(cocoon, recipient))
        nonce = os.urandom(12)
        return self._seal_id + nonce + ccm_encrypt(self._seal, nonce, b"".join(parts))

    def _unseal(self, rider: bytes) -> list[Linked]:
        if rider[:8] != self._seal_id:
            raise StoreError("the chunk is sealed under another secret")
        plain = ccm_decrypt(self._seal, rider[8:20], rider[20:])
        made = []
        for i in range(0, len(plain), 38):
            one = plain[i : i + 38]
            none = one[:11] == _NO_PLV
            made.append(
                Linked(
                    b"" if none else one[:2],
                    b"" if none else one[2:11],
                    b"" if none else one[11:13],
                    b"" if none else one[13:22],
                    one[22:30],
                    one[30:],
                )
            )
        return made

    # --- answering -----------------------------------------------------------------------------------

    def _answer(self, deliveries: Sequence[Delivery], now: int) -> list[bytes]:
        if not deliveries:
            return []
        self._ledger.enter("acaRaCertResponse", len(deliveries))
        private = sum(delivery.form == "private" for delivery in deliveries)
        if private:
            self._ledger.enter("acaEeCertResponse", private)
        return self._responder.certify_each(deliveries, now)
