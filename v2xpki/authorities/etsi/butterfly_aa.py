"""The AA certifies cocoon keys for an EA (TS 102 941 6.2.3.5; IEEE 1609.2.1's ACA without linkage).

The cocoon key is certified as it is: no c is added, privateKeyInfo is absent, so the EA, which made the key,
can recognise the ticket by it (docs/privacy.md). The certificate goes back encrypted to the cocoon encryption
key and signed outside, so that the EA cannot read what is in it besides.

Requests come many at a time. All of a chunk are recorded in one durable transaction, each with a prepared
token of its own; then they are signed. A cocoon key is certified once: who asks again gets that certificate,
in a fresh envelope.
"""

from hashlib import sha256
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.authorities.etsi.butterfly_frames import is_single, pack_chunk, unpack_chunk
from v2xpki.authorities.etsi.envelope import (
    CONFIRMATION_BIT,
    OwnKeys,
    Request,
    UnknownCipher,
    in_time,
    is_plain_header,
    may_request,
)
from v2xpki.authorities.etsi.observer import Observer, Silent
from v2xpki.authorities.etsi.peers import Peers
from v2xpki.authorities.etsi.reasons import ButterflyReason, RefusedButterfly
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.config import AaPolicy
from v2xpki.crypto import Certificate, PublicKey
from v2xpki.errors import (
    CryptoError,
    DecodeError,
    DecryptionFailed,
    LintFailed,
    NotRecipient,
    PermissionDenied,
    RecordFailed,
    StoreError,
    UnexpectedContent,
)
from v2xpki.issuance import Issuer, Prepared, recover, tx_complete, tx_save, tx_void
from v2xpki.secured import SignedMessage
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.aa import ButterflyTicket
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.time import HOUR, Clock
from v2xpki.trust import validity
from v2xpki.trust.permissions import check_app_permissions
from v2xpki.trust.profiles import Profiles, shipped
from v2xpki.trust.regions import region_contains
from v2xpki.wire import dot2, etsi, scms

_AUTHORIZATION_RESPONSE_BIT = 0x10
_ATTEMPTS = 3

_TICKET, _ISSUED = table_of(ButterflyTicket), table_of(IssuanceRecord)
_STANDING = Statement(
    sa.select(_TICKET.c.record, _ISSUED.c.state, _ISSUED.c.open_by, _ISSUED.c.signed)
    .outerjoin(_ISSUED, _ISSUED.c.id == _TICKET.c.record)
    .where(_TICKET.c.id == sa.bindparam("id"))
)
_REPLACE = Statement(
    sa.update(_TICKET)
    .where(_TICKET.c.id == sa.bindparam("of_id"), _TICKET.c.record == sa.bindparam("void_record"))
    .values(record=sa.bindparam("new_record", type_=sa.LargeBinary()))
)
_OLD = Statement(sa.delete(_TICKET).where(_TICKET.c.expires <= sa.bindparam("before")))


class _Asked(NamedTuple):
    """One request that may be granted."""

    request: Request
    request_hash: bytes
    tbs: dot2.ToBeSignedCertificate
    encryption_key: PublicKey
    id: bytes
    cocoon: bytes


class ButterflyIssuing:
    """The AA's side. One object serves all threads of a process; arguments as AuthorizationAuthority's."""

    def __init__(
        self,
        *,
        own: OwnKeys,
        database: Database,
        peers: Peers,
        clock: Clock,
        policy: AaPolicy | None = None,
        profiles: Profiles | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._own, self._database = own, database
        self._ledger = AnswerLedger(database, clock)
        self._peers, self._clock = peers, clock
        self._profiles, self._observer = profiles or shipped(), observer or Silent()
        self._window = (policy or AaPolicy()).generation_time_window

    def certify(self, body: bytes) -> bytes:
        """The answers to one request, or to a chunk of them (`butterfly_frames`).

        Raises RefusedButterfly and what else `authorize` raises for a request by itself; of a chunk a refused
        request is answered by nothing. DecodeError for a body that is neither. StoreError where another
        process is certifying the same keys just now: the EA asks again.
        """
        if is_single(body):
            answer = self._answers([body], alone=True)[0]
            assert answer is not None
            return answer
        return pack_chunk(answer or b"" for answer in self._answers(unpack_chunk(body), alone=False))

    def _answers(self, messages: list[bytes], *, alone: bool) -> list[bytes | None]:
        if not may_request(self._own.newest().certificate, _AUTHORIZATION_RESPONSE_BIT):
            raise RefusedButterfly(ButterflyReason.NOT_OFFERED, "this AA's certificate lacks SSP bit 10")
        opened: dict[dot2.EncryptedDataEncryptionKey, bytes] = {}
        asked: list[_Asked | None] = []
        prepared: list[Prepared | None] = []
        for message in messages:
            try:
                found = self._read(message, opened)
                ready = self._prepare(found)
            except (RefusedButterfly, DecodeError, NotRecipient) as error:
                reason = error.reason.name.lower() if isinstance(error, RefusedButterfly) else "unreadable"
                self._observer.answered("butterfly", reason, str(error))
                if alone:
                    raise
                asked.append(None)
                prepared.append(None)
                continue
            asked.append(found)
            prepared.append(ready)
        certificates = self._issue(asked, prepared)
        answers: list[bytes | None] = []
        for wish, certificate in zip(asked, certificates, strict=True):
            if wish is None or certificate is None:
                if wish is not None:
                    self._observer.answered("butterfly", "key_used", ButterflyReason.KEY_USED.value)
                    if alone:
                        raise RefusedButterfly(ButterflyReason.KEY_USED)
                answers.append(None)
                continue
            answers.append(self._response(wish, certificate))
            self._observer.answered("butterfly", "ok", "")
        return answers

    # --- a request -------------------------------------------------------------------------------

    def _read(self, message: bytes, opened: dict[dot2.EncryptedDataEncryptionKey, bytes]) -> _Asked:
        request = self._own.open(message, opened)
        if request.to_retired:
            raise RefusedButterfly(ButterflyReason.OLD_RECIPIENT)
        try:
            outer = SignedMessage.parse(request.decrypt())
            content = wire.decode(etsi.EtsiTs102941Data, outer.payload).content
        except (DecryptionFailed, UnknownCipher) as error:
            raise RefusedButterfly(ButterflyReason.CANNOT_DECRYPT) from error
        except UnexpectedContent as error:
            raise RefusedButterfly(ButterflyReason.WRONG_CONTENT, str(error)) from error
        except DecodeError as error:
            raise RefusedButterfly(ButterflyReason.CANNOT_PARSE, str(error)) from error
        pdu = content.value
        if not isinstance(pdu, scms.RaAcaCertRequest):
            raise RefusedButterfly(ButterflyReason.WRONG_CONTENT, f"content is {content.kind}")
        self._check_ea(outer)
        if abs(pdu.generation_time - self._clock.time32()) > self._window:
            raise RefusedButterfly(ButterflyReason.OUT_OF_TIME, "generationTime of the request itself")
        encryption_key, point = self._keys(pdu)
        identity = wire.encode(pdu.tbs_cert) + encryption_key.point
        return _Asked(
            request,
            request.digest[-8:],
            pdu.tbs_cert,
            encryption_key,
            self._database.blind("butterfly", sha256(identity).digest())[:16],
            self._database.blind("cocoon", point)[:16],
        )

    def _check_ea(self, outer: SignedMessage) -> None:
        """That an EA signed which may say what tickets hold."""
        now = self._clock.time32()
        peer = None if outer.signer_digest is None else self._peers.ea(outer.signer_digest)
        if peer is not None and peer.is_foreign:
            # its own limits for them the AA has where it is asked for one ticket at a time
            raise RefusedButterfly(ButterflyReason.UNKNOWN_EA, "an EA of another PKI")
        if peer is None or peer.revoked or not peer.certificate.start <= now < peer.certificate.end:
            raise RefusedButterfly(ButterflyReason.UNKNOWN_EA)
        if not may_request(peer.certificate, CONFIRMATION_BIT):
            raise RefusedButterfly(ButterflyReason.UNKNOWN_EA, "the EA's SSP does not allow to confirm")
        if not is_plain_header(outer.header):
            raise RefusedButterfly(ButterflyReason.WRONG_CONTENT, "header")
        try:
            outer.verify(peer.certificate.verification_key, peer.certificate)
        except CryptoError as error:
            raise RefusedButterfly(ButterflyReason.BAD_SIGNATURE, str(error)) from error
        if not in_time(outer.header, self._clock.time64(), self._window):
            raise RefusedButterfly(ButterflyReason.OUT_OF_TIME)

    @staticmethod
    def _keys(pdu: scms.RaAcaCertRequest) -> tuple[PublicKey, bytes]:
        """The cocoon encryption key, and the point to be certified; the form of the request is checked."""
        key = pdu.tbs_cert.verify_key_indicator.value
        if (
            pdu.version != 2
            or pdu.type != "explicit"
            or pdu.flags != 0
            or pdu.linkage_info is not None
            or pdu.cert_enc_key is None
            or not isinstance(key, dot2.PublicVerificationKey)
        ):
            raise RefusedButterfly(ButterflyReason.WRONG_FORM)
        try:
            # The point is proven here: nothing is certified that is no key.
            return PublicKey.of_encryption_key(pdu.cert_enc_key), PublicKey.of_verification_key(key).point
        except CryptoError as error:
            raise RefusedButterfly(ButterflyReason.BAD_KEYS, str(error)) from error

    def _prepare(self, asked: _Asked) -> Prepared:
        """A token for exactly what the EA asks for, if this AA may certify it."""
        tbs, aa, now = asked.tbs, asked.request.own.certificate, self._clock.time32()
        period = tbs.validity_period
        if not validity.inside(period, aa.start, aa.end) or validity.end(period) <= now:
            raise RefusedButterfly(ButterflyReason.NO_VALIDITY)
        if tbs.region is not None and not region_contains(aa.record.to_be_signed.region, tbs.region):
            raise RefusedButterfly(ButterflyReason.DENIED_PERMISSIONS, "region not inside the AA's")
        key = tbs.verify_key_indicator.value
        assert isinstance(key, dot2.PublicVerificationKey)
        if not tbs.app_permissions:
            raise RefusedButterfly(ButterflyReason.DENIED_PERMISSIONS, "no appPermissions")
        try:
            check_app_permissions(aa, tbs.app_permissions)
            made = self._profiles.profile("AT").build_tbs(
                now=now,
                issuer=aa,
                verification_key=PublicKey.of_verification_key(key),
                validity_period=period,
                app_permissions=tbs.app_permissions,
                region=tbs.region,
                assurance_level=tbs.assurance_level,
            )
            prepared = asked.request.own.issues.prepare(made, "AT")
        except (PermissionDenied, LintFailed) as error:
            raise RefusedButterfly(ButterflyReason.DENIED_PERMISSIONS, str(error)) from error
        if made != tbs:
            # in a butterfly certificate nothing is left to the issuer: the request has all of it
            raise RefusedButterfly(ButterflyReason.WRONG_FORM)
        return prepared

    # --- issuing -----------------------------------------------------------------------------------

    def _issue(self, asked: list[_Asked | None], prepared: list[Prepared | None]) -> list[Certificate | None]:
        """The certificate of each wish, new or as it was; None for a key that was certified for another."""
        wishes: dict[bytes, tuple[_Asked, Prepared]] = {}
        for wish, ready in zip(asked, prepared, strict=True):
            if wish is not None and ready is not None:
                wishes.setdefault(wish.id, (wish, ready))
        made = self._issue_each(wishes)
        return [None if wish is None else made.get(wish.id) for wish in asked]

    def _issue_each(self, wishes: dict[bytes, tuple[_Asked, Prepared]]) -> dict[bytes, Certificate]:
        for _ in range(_ATTEMPTS):
            found: dict[bytes, Certificate] = {}
            fresh: list[tuple[bytes, Issuer, Prepared]] = []
            try:
                with self._database.write(durable=True) as tx:
                    for key, (wish, ready) in wishes.items():
                        standing = self._claim(tx, wish, ready)
                        if standing is None:
                            fresh.append((key, wish.request.own.issues, ready))
                        elif isinstance(standing, Certificate):
                            found[key] = standing
            except _OrphanInTheWay:
                recover(self._database)
                continue
            return found | self._sign(fresh)
        raise RecordFailed("records of a process that died are in the way")

    def _claim(self, tx: Transaction, wish: _Asked, ready: Prepared) -> Certificate | bool | None:
        """None: recorded, to be signed. A certificate: that of an earlier request. False: refused."""
        end = validity.end(wish.tbs.validity_period)
        expires = validity.floor_hour(end) + HOUR
        inserted = tx.insert_if_new(
            ButterflyTicket, id=wish.id, cocoon=wish.cocoon, record=ready.record.id, expires=expires
        )
        if not inserted:
            row = tx.row(_STANDING, id=wish.id)
            if row is None:
                return False
            record, state, open_by, signed = row
            if state == "issued":
                return Certificate.parse(signed)
            if state == "open":
                if self._database.run_is_alive(open_by):
                    raise RecordFailed("these keys are being certified elsewhere")
                raise _OrphanInTheWay
            # void: never to be signed
            if tx.run(_REPLACE, of_id=wish.id, void_record=record, new_record=ready.record.id) != 1:
                return self._claim(tx, wish, ready)  # another process was quicker
        tx_save(tx, ready.record)
        return None

    def _sign(self, fresh: list[tuple[bytes, Issuer, Prepared]]) -> dict[bytes, Certificate]:
        """Sign what was recorded. Where a signature fails, what was made before it is stored all the same."""
        made: dict[bytes, Certificate] = {}
        try:
            for key, issuer, ready in fresh:
                made[key] = issuer.issue(ready.token)
        finally:
            complete = len(made) == len(fresh)
            try:
                with self._database.write(durable=False) as tx:
                    for key, _, ready in fresh:
                        if key in made:
                            tx_complete(tx, ready.record, made[key])
                        else:
                            tx_void(tx, ready.record, "signing failed")
            except StoreError:
                # The records stay open; the next start, or whoever asks next, has them voided.
                if complete:
                    raise
        return made

    def _response(self, wish: _Asked, certificate: Certificate) -> bytes:
        now = self._clock.time32()
        own = wish.request.own
        private = own.deliver(
            self._ledger,
            scms.AcaEeCertResponse(version=2, generation_time=now, certificate=certificate.record),
            wish.encryption_key,
        )
        response = scms.AcaRaCertResponse(
            version=2,
            generation_time=now,
            request_hash=wish.request_hash,
            aca_response=scms.AcaResponse(kind="private", value=private),
        )
        return own.seal(
            self._ledger, "butterflyCertificateResponse", response, wish.request.key, self._clock.time64()
        )

    # --- upkeep ------------------------------------------------------------------------------------

    def purge(self, now: int) -> int:
        """Forget cocoon keys whose tickets have ended; the count of rows."""
        self._ledger.settle()
        with self._database.write(durable=False) as tx:
            return tx.run(_OLD, before=now)

    def close(self) -> None:
        """Put on the record what was signed, at the end of a process."""
        self._ledger.close()


class _OrphanInTheWay(Exception):
    """A dead process left a record of the same key open: it has to be voided first."""
