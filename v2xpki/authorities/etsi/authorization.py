"""The authorization authority: gives stations their tickets, once an EA has confirmed what they may say
(TS 102 941 6.2.3.3).

The AA knows a ticket's keys and not whose they are: it passes on ecSignature as it came, and never opens
the encrypted form. No lock, transaction or token session is held while it waits for the EA.
"""

import hmac
import threading
from hashlib import sha256
from typing import Protocol

from v2xpki import wire
from v2xpki.authorities.etsi.butterfly_aa import ButterflyIssuing
from v2xpki.authorities.etsi.envelope import (
    CONFIRMATION_BIT,
    Generation,
    OwnKeys,
    Request,
    UnknownCipher,
    in_time,
    is_plain_header,
    may_request,
)
from v2xpki.authorities.etsi.issuing import RequestMemory
from v2xpki.authorities.etsi.observer import Observer, Silent
from v2xpki.authorities.etsi.peers import Peer, Peers, newest_like
from v2xpki.authorities.etsi.reasons import (
    AUTHORIZATION_CODES,
    OF_VALIDATION,
    TRANSIENT,
    AuthorizationReason,
    ButterflyReason,
    RefusedAuthorization,
    RefusedButterfly,
)
from v2xpki.authorities.etsi.tickets import check_foreign
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.config import AaPolicy
from v2xpki.crypto import Certificate, PublicKey
from v2xpki.errors import (
    CryptoError,
    DecodeError,
    DecryptionFailed,
    InvalidPoint,
    LinkError,
    LintFailed,
    PermissionDenied,
    SecuredError,
    UnexpectedContent,
    UnsupportedAlgorithm,
)
from v2xpki.secured import SignedMessage, decrypt_psk, encrypt
from v2xpki.store import Database
from v2xpki.store.aa import AuthorizationRequest
from v2xpki.time import Clock
from v2xpki.trust import validity
from v2xpki.trust.permissions import check_app_permissions
from v2xpki.trust.profiles import Profiles, shipped
from v2xpki.trust.regions import check_region
from v2xpki.wire import dot2, etsi

_DENIED = AuthorizationReason.DENIED_PERMISSIONS
_BARE = b"\x01"  # first octet of an EtsiTs102941Data; an Ieee1609Dot2Data starts with 03
_SIGNED = b"\x03\x81"  # and goes on with 81 where it is signed


class EaLink(Protocol):
    """The way to an EA (`v2xpki.links.http` has one)."""

    def validate(self, url: str, body: bytes) -> bytes:
        """Post a validation request to an EA's access point; the octets of its answer. Raises LinkError for
        everything that is no answer, within a time shorter than the worker's own."""
        ...


class AuthorizationAuthority:
    """An AA. One object serves all threads of a process.

    own: its certificates and keys. database: the AA's.
    peers: the EAs to ask. link: the way to them. clock, observer: see their protocols. butterfly: who
    certifies cocoon keys for EAs.
    """

    def __init__(
        self,
        *,
        own: OwnKeys,
        database: Database,
        peers: Peers,
        link: EaLink,
        clock: Clock,
        policy: AaPolicy | None = None,
        profiles: Profiles | None = None,
        observer: Observer | None = None,
        butterfly: ButterflyIssuing | None = None,
    ) -> None:
        self._butterfly = butterfly
        self._own, self._database = own, database
        self._peers, self._link, self._clock = peers, link, clock
        self._policy, self._profiles = policy or AaPolicy(), profiles or shipped()
        self._observer: Observer = observer or Silent()
        self._ledger = AnswerLedger(database, clock)
        self._window = self._policy.generation_time_window
        self._urls = {bytes.fromhex(hex8): url for hex8, url in self._policy.ea_urls.items()}
        self._foreign_profile = self._profiles.station(self._policy.foreign_profile)
        self._foreign_calls = threading.BoundedSemaphore(self._policy.foreign_calls)
        self._memory = RequestMemory(database, AuthorizationRequest, clock, keep=self._policy.retry_window)

    def authorize(self, octets: bytes) -> bytes:
        """The answer to an authorization request (TS 102 941 6.2.3.3).

        Raises DecodeError or NotRecipient where there can be none; KeystoreError, StoreError and AuditError
        where the service is not able to: nothing is remembered then.
        """
        request = self._own.open(octets)
        remembered = self._memory.id_of(request.digest)
        # before the time check: a repeated request is answered as the first was (checklist E13)
        answer = self._memory.recall(remembered)
        if answer is not None:
            self._observer.answered("authorization", "again", "")
            return answer
        try:
            answer = self._authorize(request, remembered)
        except RefusedAuthorization as refusal:
            code = AUTHORIZATION_CODES[refusal.reason]
            answer = self._response(request, code, None)
            if refusal.reason not in TRANSIENT:
                answer = self._memory.keep_refusal(remembered, answer)
            self._observer.answered("authorization", code, str(refusal))
            return answer
        self._observer.answered("authorization", "ok", "")
        return answer

    def certify(self, body: bytes) -> bytes:
        """The answers to an EA's requests for butterfly tickets. Errors as `ButterflyIssuing.certify`."""
        if self._butterfly is None:
            raise RefusedButterfly(ButterflyReason.NOT_OFFERED)
        return self._butterfly.certify(body)

    def _authorize(self, request: Request, remembered: bytes) -> bytes:
        if request.to_retired:
            raise RefusedAuthorization(AuthorizationReason.OLD_RECIPIENT)
        wish, proof = self._read(request)
        shared = wish.shared_at_request
        key, encryption_key = self._keys(wish.public_keys)
        if proof is not None:
            self._check_proof(proof, key)
        self._check_wish(wish)
        ea = self._ea(shared.ea_id)
        confirmed = self._ask(request.own, ea, shared, wish.ec_signature)
        if ea.is_foreign:
            self._check_foreign(ea.certificate, confirmed)
        tbs = self._ticket(request.own.certificate, confirmed, key, encryption_key)
        issuer = request.own.issues
        try:
            prepared = issuer.prepare(tbs, "AT")
        except LintFailed as error:
            raise RefusedAuthorization(_DENIED, str(error)) from error
        # The EA counts a SharedAtRequest once, so it is worth one ticket, however it is wrapped again.
        ticket = self._database.blind("ticket", sha256(wire.encode(shared)).digest())[:16]
        return self._memory.issue_once(
            remembered,
            prepared,
            issuer=issuer,
            unique={"ticket": ticket},
            answer=lambda certificate: self._response(request, "ok", self._of_key(certificate, key)),
        )

    @staticmethod
    def _of_key(certificate: Certificate, key: PublicKey) -> Certificate:
        """The ticket, after a look that an earlier one for the same SharedAtRequest is of the same key."""
        # as records: the ticket's key is not worth a decompression
        if certificate.record.to_be_signed.verify_key_indicator.value != key.to_verification_key():
            raise RefusedAuthorization(
                AuthorizationReason.KEYS_DO_NOT_MATCH, "keyTag was used with other keys"
            )
        return certificate

    # --- the station's request ---------------------------------------------------------------

    def _read(self, request: Request) -> tuple[etsi.InnerAtRequest, SignedMessage | None]:
        """The request out of its wrapper, and the proof of possession if that is what the wrapper is."""
        proof: SignedMessage | None = None
        try:
            plain = request.decrypt()
            if plain[:2] == _SIGNED:
                proof = SignedMessage.parse(plain)
                plain = proof.payload
            elif plain[:1] != _BARE:
                wrapper = wire.decode(dot2.Ieee1609Dot2Data, plain)
                if isinstance(wrapper.content.value, bytes) and wrapper.content.kind == "unsecuredData":
                    plain = wrapper.content.value
                else:
                    raise RefusedAuthorization(AuthorizationReason.WRONG_CONTENT, wrapper.content.kind)
            content = wire.decode(etsi.EtsiTs102941Data, plain).content
        except DecryptionFailed as error:
            raise RefusedAuthorization(AuthorizationReason.CANNOT_DECRYPT) from error
        except UnknownCipher as error:
            raise RefusedAuthorization(AuthorizationReason.UNKNOWN_CIPHER) from error
        except UnexpectedContent as error:
            raise RefusedAuthorization(AuthorizationReason.WRONG_CONTENT, str(error)) from error
        except DecodeError as error:
            raise RefusedAuthorization(AuthorizationReason.CANNOT_PARSE, str(error)) from error
        if not isinstance(content.value, etsi.InnerAtRequest):
            raise RefusedAuthorization(AuthorizationReason.WRONG_CONTENT, f"content is {content.kind}")
        if proof is None and self._policy.require_proof_of_possession:
            raise RefusedAuthorization(AuthorizationReason.NO_PROOF)
        return content.value, proof

    @staticmethod
    def _keys(keys: etsi.PublicKeys) -> tuple[PublicKey, PublicKey | None]:
        """The keys to be certified."""
        try:
            key = PublicKey.of_verification_key(keys.verification_key)
        except (InvalidPoint, UnsupportedAlgorithm) as error:
            raise RefusedAuthorization(AuthorizationReason.BAD_KEYS, str(error)) from error
        if keys.encryption_key is None:
            return key, None
        try:
            return key, PublicKey.of_encryption_key(keys.encryption_key)
        except (InvalidPoint, UnsupportedAlgorithm) as error:
            raise RefusedAuthorization(AuthorizationReason.BAD_ENCRYPTION_KEY, str(error)) from error

    def _check_proof(self, proof: SignedMessage, key: PublicKey) -> None:
        if proof.signer.kind != "self" or not is_plain_header(proof.header):
            raise RefusedAuthorization(AuthorizationReason.BAD_PROOF, "signer or header")
        if not in_time(proof.header, self._clock.time64(), self._window):
            raise RefusedAuthorization(AuthorizationReason.OUT_OF_TIME)
        try:
            proof.verify(key)
        except CryptoError as error:
            raise RefusedAuthorization(AuthorizationReason.BAD_PROOF, str(error)) from error

    @staticmethod
    def _check_wish(wish: etsi.InnerAtRequest) -> None:
        """All that the AA itself can say of a request."""
        shared, keys = wish.shared_at_request, wish.public_keys
        if shared.certificate_format != 1:
            raise RefusedAuthorization(AuthorizationReason.WRONG_FORMAT)
        wanted = shared.requested_subject_attributes
        if wanted.cert_issue_permissions is not None:
            raise RefusedAuthorization(_DENIED, "certIssuePermissions asked for")
        if not wanted.app_permissions:
            raise RefusedAuthorization(AuthorizationReason.INCOMPLETE, "no appPermissions asked for")
        # TS 102 941 6.2.3.3.1: over the keys one after the other as they came, not over PublicKeys
        tagged = wire.encode(keys.verification_key)
        if keys.encryption_key is not None:
            tagged += wire.encode(keys.encryption_key)
        tag = hmac.digest(wish.hmac_key, tagged, sha256)[:16]
        if not hmac.compare_digest(tag, shared.key_tag):
            raise RefusedAuthorization(AuthorizationReason.KEYS_DO_NOT_MATCH)

    # --- the EA --------------------------------------------------------------------------------

    def _ea(self, ea_id: bytes) -> Peer:
        peer = self._peers.ea(ea_id)
        if peer is None:
            raise RefusedAuthorization(AuthorizationReason.UNKNOWN_EA)
        now = self._clock.time32()
        if not peer.revoked and not peer.is_foreign:  # nobody of another PKI is taken for one of this
            # The station may go by an older list; the EA opens ecSignature with the key it is encrypted to.
            peer = newest_like(peer, self._peers.all_eas(), now)
        certificate = peer.certificate
        if (
            peer.revoked
            or not certificate.start <= now < certificate.end
            or certificate.encryption_key is None
            or not may_request(certificate, CONFIRMATION_BIT)
        ):
            raise RefusedAuthorization(AuthorizationReason.INVALID_EA)
        return peer

    def _ask(
        self, own: Generation, ea: Peer, shared: etsi.SharedAtRequest, signature: etsi.EcSignature
    ) -> etsi.CertificateSubjectAttributes:
        """What the EA confirms (TS 102 941 6.2.3.4). Raises RefusedAuthorization with the EA's reason."""
        plain = own.sign(
            self._ledger,
            "authorizationValidationRequest",
            etsi.AuthorizationValidationRequest(shared_at_request=shared, ec_signature=signature),
            self._clock.time64(),
        )
        sealed = encrypt(plain, [ea.certificate])
        # A line of the settings that names the generation which the station goes by counts for its successor.
        url = self._urls.get(ea.certificate.hashed_id8) or self._urls.get(shared.ea_id) or ea.url
        try:
            octets = (
                self._foreign_call(url, sealed.octets)
                if ea.is_foreign
                else self._link.validate(url, sealed.octets)
            )
            answer = self._read_validation(ea.certificate, octets, sealed.key)
        except (LinkError, DecodeError, CryptoError, SecuredError) as error:
            # What is not proven to be the EA's answer to this request is none.
            raise RefusedAuthorization(AuthorizationReason.EA_UNREACHABLE, str(error)) from error
        if not hmac.compare_digest(answer.request_hash, sha256(sealed.octets).digest()[:16]):
            raise RefusedAuthorization(AuthorizationReason.EA_UNREACHABLE, "the EA answered another request")
        confirmed = answer.confirmed_subject_attributes
        if answer.response_code != "ok":
            if confirmed is not None:
                raise RefusedAuthorization(AuthorizationReason.EA_UNREACHABLE, "attributes with a refusal")
            raise RefusedAuthorization(OF_VALIDATION.get(answer.response_code, AuthorizationReason.EA_DENIED))
        if (
            confirmed is None
            or not confirmed.app_permissions
            or confirmed.validity_period is None
            or confirmed.cert_issue_permissions is not None
        ):
            raise RefusedAuthorization(AuthorizationReason.EA_UNREACHABLE, "ok, but not the attributes")
        return confirmed

    def _foreign_call(self, url: str, body: bytes) -> bytes:
        """As the link's own; but some threads are always left for this PKI's stations, however slow others'
        EAs are."""
        if not self._foreign_calls.acquire(blocking=False):
            raise LinkError("as many requests as may wait for EAs of other PKIs")
        try:
            return self._link.validate(url, body)
        finally:
            self._foreign_calls.release()

    def _check_foreign(self, ea: Certificate, confirmed: etsi.CertificateSubjectAttributes) -> None:
        """This AA's own limits for what an EA of another PKI confirms."""
        assert confirmed.validity_period is not None
        try:
            check_foreign(
                self._foreign_profile,
                confirmed.app_permissions or (),
                confirmed.validity_period,
                confirmed.assurance_level,
                self._clock.time32(),
                self._policy.retry_window,
            )
        except PermissionDenied as error:
            self._observer.distrusted(ea.hex8, str(error))
            raise RefusedAuthorization(AuthorizationReason.BEYOND_FOREIGN, str(error)) from error

    def _read_validation(
        self, ea: Certificate, octets: bytes, key: bytes
    ) -> etsi.AuthorizationValidationResponse:
        message = SignedMessage.parse(decrypt_psk(octets, key))
        if message.signer_digest != ea.hashed_id8 or not is_plain_header(message.header):
            raise UnexpectedContent("signer or header of the EA's answer")
        if not in_time(message.header, self._clock.time64(), self._window):
            raise UnexpectedContent("generationTime of the EA's answer")
        message.verify(ea.verification_key, ea)
        content = wire.decode(etsi.EtsiTs102941Data, message.payload).content
        if not isinstance(content.value, etsi.AuthorizationValidationResponse):
            raise UnexpectedContent(f"the EA's answer is {content.kind}")
        return content.value

    # --- the ticket ----------------------------------------------------------------------------

    def _ticket(
        self,
        aa: Certificate,
        confirmed: etsi.CertificateSubjectAttributes,
        key: PublicKey,
        encryption_key: PublicKey | None,
    ) -> dot2.ToBeSignedCertificate:
        """Exactly what the EA confirmed (checklist A6), if this AA may certify it."""
        assert confirmed.validity_period is not None
        if not validity.inside(confirmed.validity_period, aa.start, aa.end):
            raise RefusedAuthorization(_DENIED, "validity outside the AA's")
        if validity.end(confirmed.validity_period) <= self._clock.time32():
            raise RefusedAuthorization(_DENIED, "validity is over")
        try:
            check_region(confirmed.region)
            check_app_permissions(aa, confirmed.app_permissions or ())
            return self._profiles.profile("AT").build_tbs(
                now=self._clock.time32(),
                issuer=aa,
                verification_key=key,
                encryption_key=encryption_key,
                validity_period=confirmed.validity_period,
                app_permissions=confirmed.app_permissions,
                region=confirmed.region,
                assurance_level=confirmed.assurance_level,
            )
        except PermissionDenied as error:
            raise RefusedAuthorization(_DENIED, str(error)) from error

    def _response(self, request: Request, code: str, certificate: Certificate | None) -> bytes:
        return request.own.seal(
            self._ledger,
            "authorizationResponse",
            etsi.InnerAtResponse(
                request_hash=request.request_hash,
                response_code=code,  # type: ignore[arg-type]  # the table has the enumeration's words
                certificate=None if certificate is None else certificate.record,
            ),
            request.key,
            self._clock.time64(),
        )

    # --- upkeep ------------------------------------------------------------------------------

    def close(self) -> None:
        """Put on the record what was signed, at the end of a process."""
        self._ledger.close()
        if self._butterfly is not None:
            self._butterfly.close()

    def purge(self) -> int:
        """Forget requests past the retry window; the count of rows. To be called every few minutes."""
        self._ledger.settle()
        now = self._clock.time32()
        return self._memory.purge(now) + (0 if self._butterfly is None else self._butterfly.purge(now))
