"""The enrolment authority: gives stations their enrolment credentials, and confirms to AAs what tickets
may say (TS 102 941 6.2.3.2 and 6.2.3.4).

Octets in, octets out. What can be answered in the protocol is; DecodeError and NotRecipient leave where
no answer could be read. The EA never learns a ticket's keys: what it sees of a ticket is SharedAtRequest,
whose keyTag hides them, and it keeps none of that either.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.authorities.etsi import tickets
from v2xpki.authorities.etsi.envelope import (
    AUTHORIZATION_BIT,
    ENROLMENT_BIT,
    VALIDATION_BIT,
    OwnKeys,
    Request,
    UnknownCipher,
    in_time,
    is_plain_header,
    may_request,
)
from v2xpki.authorities.etsi.issuing import RequestMemory
from v2xpki.authorities.etsi.observer import Observer, Silent
from v2xpki.authorities.etsi.peers import Peers
from v2xpki.authorities.etsi.reasons import (
    ENROLMENT_CODES,
    TRANSIENT,
    VALIDATION_CODES,
    ButterflyReason,
    EnrolmentReason,
    RefusedButterfly,
    RefusedEnrolment,
    RefusedValidation,
    ValidationReason,
)
from v2xpki.authorities.etsi.stations import KnownStation, find_by_canonical_id, find_by_credential, home_of
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.config import EaPolicy
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import (
    ConfigError,
    CryptoError,
    DecodeError,
    DecryptionFailed,
    InvalidPoint,
    LintFailed,
    NotRecipient,
    PermissionDenied,
    UnexpectedContent,
    UnsupportedAlgorithm,
)
from v2xpki.secured import SignedMessage
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import table_of
from v2xpki.store.ea import ACTIVE, EnrolmentCredential, EnrolmentRequest, Station, TicketWindow, Validation
from v2xpki.store.expiry import Expiry
from v2xpki.time import Clock
from v2xpki.trust import validity
from v2xpki.trust.permissions import check_app_permissions
from v2xpki.trust.profiles import Profiles, StationProfile, shipped
from v2xpki.trust.regions import check_region, region_contains
from v2xpki.wire import dot2, etsi

DAY = 86400

_STATION, _WINDOW = table_of(Station), table_of(TicketWindow)
_VALIDATION = table_of(Validation)


def _count(column: str, other: str) -> Statement:
    """Adds one to a station's count of the day if it is active and below the limit; else touches no row."""
    station: sa.BindParameter[bytes] = sa.bindparam("station")
    day = sa.bindparam("today", type_=sa.Integer())
    same_day = _STATION.c.day == day
    now = sa.case((same_day, _STATION.c[column]), else_=0)
    limit = sa.bindparam("most", type_=sa.Integer())
    return Statement(
        sa.update(_STATION)
        .where(_STATION.c.id == station, _STATION.c.status == ACTIVE, sa.or_(limit == 0, now < limit))
        .values({column: now + 1, other: sa.case((same_day, _STATION.c[other]), else_=0), "day": day})
    )


_COUNT_ENROLMENT = _count("enrolments", "validations")
_COUNT_VALIDATION = _count("validations", "enrolments")
_IS_ACTIVE = Statement(sa.select(_STATION.c.status).where(_STATION.c.id == sa.bindparam("station")))
_WINDOWS = Statement(
    sa.select(_WINDOW.c.start, _WINDOW.c.end, _WINDOW.c.tickets).where(
        _WINDOW.c.station == sa.bindparam("station"),
        _WINDOW.c.end > sa.bindparam("from_hour"),
        _WINDOW.c.start < sa.bindparam("to_hour"),
    )
)
_ADD_TICKET = Statement(
    sa.update(_WINDOW)
    .where(
        _WINDOW.c.station == sa.bindparam("of_station"),
        _WINDOW.c.start == sa.bindparam("from_hour"),
        _WINDOW.c.end == sa.bindparam("to_hour"),
    )
    .values(tickets=_WINDOW.c.tickets + 1)
)
_OLD_WINDOWS = Statement(sa.delete(_WINDOW).where(_WINDOW.c.end <= sa.bindparam("before")))
_KNOWN_VALIDATION = Statement(sa.select(_VALIDATION.c.start).where(_VALIDATION.c.id == sa.bindparam("id")))

# A station asks for tickets many at a time; parsing its EC anew costs more than all else that is not a
# signature. Keyed by octets, so that nothing can be mistaken for another. An entry of both takes 9 KB.
_certificate = lru_cache(256)(Certificate.parse)


@lru_cache(256)
def _canonical_key(curve: str, point: bytes) -> PublicKey:
    return PublicKey.from_sec1(Curve.from_text(curve), point)


BUTTERFLY = frozenset({"butterflyAuthorizationRequest", "x509SignedbutterflyAuthorizationRequest"})


class Download(NamedTuple):
    """A file for a station."""

    octets: bytes
    is_archive: bool  # a ZIP; else a signed message


class Butterfly(Protocol):
    """The EA in the RA's place (`v2xpki.authorities.etsi.butterfly_ra`). All raise RefusedButterfly."""

    def refuse_x509(self, plain: bytes) -> None:
        """Raises for a request signed under an X.509 certificate, which stands in no signed message."""
        ...

    def accept(
        self,
        request: Request,
        remembered: bytes,
        outer: SignedMessage,
        content: etsi.EtsiTs102941DataContent,
    ) -> bytes:
        """The answer to a request that was opened and parsed, and will be found under `remembered` again."""
        ...

    def download(self, octets: bytes) -> Download: ...

    def purge(self, now: int) -> int: ...
    def close(self) -> None: ...


class EnrolmentAuthority:
    """An EA. One object serves all threads of a process.

    own: its certificates and keys. database: the EA's.
    peers: the AAs that may ask. profiles: what stations may have. clock, observer: see their protocols.
    butterfly: who answers requests for butterfly tickets, which come to the same access point.
    """

    def __init__(
        self,
        *,
        own: OwnKeys,
        database: Database,
        peers: Peers,
        clock: Clock,
        policy: EaPolicy | None = None,
        profiles: Profiles | None = None,
        observer: Observer | None = None,
        butterfly: "Butterfly | None" = None,
    ) -> None:
        self._butterfly = butterfly
        self._own, self._database, self._peers, self._clock = own, database, peers, clock
        self._policy, self._profiles = policy or EaPolicy(), profiles or shipped()
        self._observer: Observer = observer or Silent()
        self._ledger = AnswerLedger(database, clock)
        self._window = self._policy.generation_time_window
        self._memory = RequestMemory(database, EnrolmentRequest, clock, keep=self._policy.retry_window)
        self._old_validations = Expiry(Validation)

    # --- enrolment ---------------------------------------------------------------------------

    def enrol(self, octets: bytes) -> bytes:
        """The answer to an enrolment or re-enrolment request (TS 102 941 6.2.3.2).

        Raises DecodeError or NotRecipient where there can be none; KeystoreError, StoreError and AuditError
        where the service is not able to: nothing is remembered then.
        """
        request = self._own.open(octets)
        remembered = self._memory.id_of(request.digest)
        # before the time check: a repeated request is answered as the first was (checklist E13, E15)
        answer = self._memory.recall(remembered)
        if answer is not None:
            self._observer.answered("enrolment", "again", "")
            return answer
        try:
            outer, content = self._read(request)
            if content.kind in BUTTERFLY and self._butterfly is not None:
                return self._butterfly.accept(request, remembered, outer, content)
            answer = self._enrol(outer, content, request, remembered)
        except RefusedEnrolment as refusal:
            code = ENROLMENT_CODES[refusal.reason]
            answer = self._enrolment_response(request, code, None)
            if refusal.reason not in TRANSIENT:
                answer = self._memory.keep_refusal(remembered, answer)
            self._observer.answered("enrolment", code, str(refusal))
            return answer
        self._observer.answered("enrolment", "ok", "")
        return answer

    def _enrol(
        self,
        outer: SignedMessage,
        content: etsi.EtsiTs102941DataContent,
        request: Request,
        remembered: bytes,
    ) -> bytes:
        inner, wish = self._read_enrolment(outer, content)
        new_key, encryption_key = self._check_wish(wish, inner)
        station, by = self._requester(outer, wish)
        ea, issuer = request.own.certificate, request.own.issues
        tbs = self._credential(ea, station, wish.requested_subject_attributes, new_key, encryption_key)
        try:
            prepared = issuer.prepare(tbs, "EC")
        except LintFailed as error:
            raise RefusedEnrolment(EnrolmentReason.DENIED_PERMISSIONS, str(error)) from error

        def record(tx: Transaction) -> None:
            self._count(tx, station, by)

        def complete(tx: Transaction, certificate: Certificate) -> None:
            tx.insert(
                EnrolmentCredential,
                hashed_id8=certificate.hashed_id8,
                station=station.id,
                certificate=certificate.octets,
                expires=certificate.end,
            )

        # What a station signed once is worth one EC, in however many envelopes it comes (checklist E13).
        wish_id = self._database.blind("wish", sha256(outer.tbs_octets).digest())[:16]
        return self._memory.issue_once(
            remembered,
            prepared,
            issuer=issuer,
            record=record,
            complete=complete,
            unique={"wish": wish_id},
            answer=lambda certificate: self._enrolment_response(request, "ok", certificate),
        )

    def _read(self, request: Request) -> tuple[SignedMessage, etsi.EtsiTs102941DataContent]:
        """The outer message and what is in it."""
        if request.to_retired:
            raise RefusedEnrolment(EnrolmentReason.OLD_RECIPIENT)
        try:
            plain = request.decrypt()
            if self._butterfly is not None:
                self._butterfly.refuse_x509(plain)
            outer = SignedMessage.parse(plain)
            return outer, wire.decode(etsi.EtsiTs102941Data, outer.payload).content
        except DecryptionFailed as error:
            raise RefusedEnrolment(EnrolmentReason.CANNOT_DECRYPT) from error
        except UnknownCipher as error:
            raise RefusedEnrolment(EnrolmentReason.UNKNOWN_CIPHER) from error
        except UnexpectedContent as error:
            raise RefusedEnrolment(EnrolmentReason.WRONG_CONTENT, str(error)) from error
        except DecodeError as error:
            raise RefusedEnrolment(EnrolmentReason.CANNOT_PARSE, str(error)) from error

    def _read_enrolment(
        self, outer: SignedMessage, content: etsi.EtsiTs102941DataContent
    ) -> tuple[SignedMessage, etsi.InnerEcRequest]:
        """The proof of possession, and the request in it."""
        if content.kind != "enrolmentRequest" or not isinstance(content.value, dot2.Ieee1609Dot2Data):
            raise RefusedEnrolment(EnrolmentReason.WRONG_CONTENT, f"content is {content.kind}")
        try:
            inner = SignedMessage.of(content.value)
            wish = wire.decode(etsi.InnerEcRequest, inner.payload)
        except UnexpectedContent as error:
            raise RefusedEnrolment(EnrolmentReason.WRONG_CONTENT, str(error)) from error
        except DecodeError as error:
            raise RefusedEnrolment(EnrolmentReason.CANNOT_PARSE, str(error)) from error
        if not is_plain_header(outer.header):
            raise RefusedEnrolment(EnrolmentReason.WRONG_CONTENT, "header of the outer message")
        # TS 102 941 6.2.3.2.1: the proof is signed as self, by the key that is to be certified
        if inner.signer.kind != "self" or not is_plain_header(inner.header):
            raise RefusedEnrolment(
                EnrolmentReason.BAD_SIGNATURE, "signer or header of the proof of possession"
            )
        now = self._clock.time64()
        if not (in_time(outer.header, now, self._window) and in_time(inner.header, now, self._window)):
            raise RefusedEnrolment(EnrolmentReason.OUT_OF_TIME)
        return inner, wish

    def _check_wish(
        self, wish: etsi.InnerEcRequest, inner: SignedMessage
    ) -> tuple[PublicKey, PublicKey | None]:
        """The keys to be certified, after all that can be said without knowing the station."""
        if wish.certificate_format != 1:
            raise RefusedEnrolment(EnrolmentReason.WRONG_FORMAT)
        wanted = wish.requested_subject_attributes
        if wanted.cert_issue_permissions is not None:
            raise RefusedEnrolment(EnrolmentReason.DENIED_PERMISSIONS, "certIssuePermissions asked for")
        own = self._profiles.profile("EC").app_permissions or ()
        if wanted.app_permissions is not None and wanted.app_permissions[: len(own)] != own:
            raise RefusedEnrolment(EnrolmentReason.DENIED_PERMISSIONS, "appPermissions other than an EC's")
        try:
            key = PublicKey.of_verification_key(wish.public_keys.verification_key)
        except (InvalidPoint, UnsupportedAlgorithm) as error:
            raise RefusedEnrolment(EnrolmentReason.BAD_KEYS, str(error)) from error
        encryption_key = None
        if wish.public_keys.encryption_key is not None:
            try:
                encryption_key = PublicKey.of_encryption_key(wish.public_keys.encryption_key)
            except (InvalidPoint, UnsupportedAlgorithm) as error:
                raise RefusedEnrolment(EnrolmentReason.BAD_ENCRYPTION_KEY, str(error)) from error
        try:
            inner.verify(key)
        except CryptoError as error:
            raise RefusedEnrolment(EnrolmentReason.BAD_SIGNATURE, f"proof of possession: {error}") from error
        return key, encryption_key

    def _requester(
        self, outer: SignedMessage, wish: etsi.InnerEcRequest
    ) -> tuple[KnownStation, Certificate | None]:
        """The station that signed the outer message, and the EC it did it with (None: the canonical key)."""
        if outer.signer.kind == "self":
            station = find_by_canonical_id(self._database, wish.its_id)
            if station is None:
                raise RefusedEnrolment(EnrolmentReason.UNKNOWN_STATION)
            credential, key, signer = None, _canonical_key(station.curve, station.point), b""
            self._verify_outer(outer, key, signer)
        elif outer.signer_digest is not None:
            found = find_by_credential(self._database, outer.signer_digest)
            if found is None:
                raise RefusedEnrolment(EnrolmentReason.UNKNOWN_STATION, "no such enrolment credential")
            # TS 102 941 6.2.3.2.1: on re-enrolment itsId is the HashedId8 of the current EC
            if wish.its_id != outer.signer_digest:
                raise RefusedEnrolment(EnrolmentReason.UNKNOWN_STATION, "itsId is not that of the signing EC")
            station, credential = found[0], _certificate(found[1])
            self._verify_outer(outer, credential.verification_key, credential)
            if not may_request(credential, ENROLMENT_BIT):
                raise RefusedEnrolment(EnrolmentReason.DENIED_PERMISSIONS, "the EC may not ask for an EC")
        else:
            raise RefusedEnrolment(EnrolmentReason.WRONG_CONTENT, f"signer is {outer.signer.kind}")
        if station.is_barred:
            raise RefusedEnrolment(EnrolmentReason.BARRED, "the station is barred")
        if credential is not None and not credential.start <= self._clock.time32() < credential.end:
            raise RefusedEnrolment(EnrolmentReason.BARRED, "the EC is not in force")
        return station, credential

    def _verify_outer(self, outer: SignedMessage, key: PublicKey, signer: bytes | Certificate) -> None:
        try:
            outer.verify(key, signer)
        except CryptoError as error:
            raise RefusedEnrolment(EnrolmentReason.BAD_SIGNATURE, f"outer message: {error}") from error

    def _credential(
        self,
        ea: Certificate,
        station: KnownStation,
        wanted: etsi.CertificateSubjectAttributes,
        key: PublicKey,
        encryption_key: PublicKey | None,
    ) -> dot2.ToBeSignedCertificate:
        """The EC's content: profile, a validity inside the EA's, the region that binds the station."""
        now, profile = self._clock.time32(), self._profiles.profile("EC")
        kind = self._station_profile(station)
        bound = home_of(station, kind, ea)
        region = wanted.region if wanted.region is not None else bound
        try:
            check_region(region)
        except PermissionDenied as error:
            raise RefusedEnrolment(EnrolmentReason.DENIED_PERMISSIONS, str(error)) from error
        if region is not None and not (
            region_contains(bound, region) and region_contains(ea.record.to_be_signed.region, region)
        ):
            raise RefusedEnrolment(EnrolmentReason.DENIED_PERMISSIONS, "a region beyond the station's")
        period = None
        if wanted.validity_period is not None:
            start = max(wanted.validity_period.start, validity.floor_hour(now - profile.backdate), ea.start)
            end = min(
                validity.end(wanted.validity_period),
                start + validity.duration_seconds(profile.validity),
                ea.end,
            )
            if start >= end or end <= now:
                raise RefusedEnrolment(EnrolmentReason.NO_VALIDITY)
            period = dot2.ValidityPeriod(start=start, duration=validity.duration(end - start))
        try:
            permissions = self._permissions(kind, wanted, ea)
        except PermissionDenied as error:
            raise RefusedEnrolment(EnrolmentReason.DENIED_PERMISSIONS, str(error)) from error
        try:
            return profile.build_tbs(
                now=now,
                issuer=ea,
                verification_key=key,
                encryption_key=encryption_key,
                name=station.name,
                app_permissions=permissions,
                validity_period=period,
                region=region,
            )
        except PermissionDenied as error:
            raise RefusedEnrolment(EnrolmentReason.NO_VALIDITY, str(error)) from error

    def _permissions(
        self, kind: StationProfile, wanted: etsi.CertificateSubjectAttributes, ea: Certificate
    ) -> Sequence[dot2.PsidSsp]:
        """What every EC holds, and what the station asks for beside it. Raises PermissionDenied for what its
        profile, or the EA's certificate, has not."""
        own = self._profiles.profile("EC").app_permissions or ()
        beside = (wanted.app_permissions or ())[len(own) :]
        if not beside:
            return own
        allowed = set(kind.credential_its_aids)
        for entry in beside:
            if entry.psid not in allowed or entry.ssp is not None:
                raise PermissionDenied(f"psid {entry.psid} is not for an EC of profile {kind.name}")
            allowed.remove(entry.psid)
        check_app_permissions(ea, beside)
        return (*own, *beside)

    def _station_profile(self, station: KnownStation) -> StationProfile:
        try:
            return self._profiles.station(station.profile)
        except ConfigError as error:
            raise RefusedEnrolment(EnrolmentReason.DENIED_PERMISSIONS, str(error)) from error

    def _count(self, tx: Transaction, station: KnownStation, by: Certificate | None) -> None:
        today, most = self._clock.time32() // DAY, self._policy.enrolments_per_day
        if tx.run(_COUNT_ENROLMENT, station=station.id, today=today, most=most) != 1:
            row = tx.row(_IS_ACTIVE, station=station.id)
            if row is None or row[0] != ACTIVE:
                raise RefusedEnrolment(EnrolmentReason.BARRED, "the station was barred meanwhile")
            raise RefusedEnrolment(EnrolmentReason.TOO_MANY)

    def _enrolment_response(self, request: Request, code: str, certificate: Certificate | None) -> bytes:
        return request.own.seal(
            self._ledger,
            "enrolmentResponse",
            etsi.InnerEcResponse(
                request_hash=request.request_hash,
                response_code=code,  # type: ignore[arg-type]  # the table has the enumeration's words
                certificate=None if certificate is None else certificate.record,
            ),
            request.key,
            self._clock.time64(),
        )

    def download(self, octets: bytes) -> "Download":
        """The file that a station asks for (TS 102 941 6.2.3.5). Raises RefusedButterfly; else as `enrol`."""
        if self._butterfly is None:
            raise RefusedButterfly(ButterflyReason.NOT_OFFERED)
        return self._butterfly.download(octets)

    # --- authorization validation ------------------------------------------------------------

    def validate(self, octets: bytes) -> bytes:
        """The answer to an AA's validation request (TS 102 941 6.2.3.4). Raises as `enrol` does."""
        request = self._own.open(octets)
        confirmed: etsi.CertificateSubjectAttributes | None = None
        try:
            confirmed, code, why = self._validate(request), "ok", ""
        except RefusedValidation as refusal:
            code, why = VALIDATION_CODES[refusal.reason], str(refusal)
        answer = request.own.seal(
            self._ledger,
            "authorizationValidationResponse",
            etsi.AuthorizationValidationResponse(
                request_hash=request.request_hash,
                response_code=code,  # type: ignore[arg-type]
                confirmed_subject_attributes=confirmed,
            ),
            request.key,
            self._clock.time64(),
        )
        self._observer.answered("validation", code, why)
        return answer

    def _validate(self, request: Request) -> etsi.CertificateSubjectAttributes:
        if request.to_retired:
            raise RefusedValidation(ValidationReason.OLD_RECIPIENT)
        try:
            outer = SignedMessage.parse(request.decrypt())
            content = wire.decode(etsi.EtsiTs102941Data, outer.payload).content
        except DecryptionFailed as error:
            raise RefusedValidation(ValidationReason.CANNOT_DECRYPT) from error
        except UnknownCipher as error:
            raise RefusedValidation(ValidationReason.UNKNOWN_CIPHER) from error
        except UnexpectedContent as error:
            raise RefusedValidation(ValidationReason.WRONG_CONTENT, str(error)) from error
        except DecodeError as error:
            raise RefusedValidation(ValidationReason.CANNOT_PARSE, str(error)) from error
        if not isinstance(content.value, etsi.AuthorizationValidationRequest):
            raise RefusedValidation(ValidationReason.WRONG_CONTENT, f"content is {content.kind}")
        aa = self._asking_aa(outer)
        shared = content.value.shared_at_request
        if shared.ea_id not in self._own.ids:
            raise RefusedValidation(ValidationReason.OTHER_EA)
        if shared.certificate_format != 1:
            raise RefusedValidation(ValidationReason.WRONG_FORMAT)
        proof, is_plain = self._ec_signature(content.value.ec_signature)
        shared_hash = sha256(wire.encode(shared)).digest()
        station, credential = self._asking_station(proof, shared_hash)
        profile = self._profile_of_asking(station)
        if is_plain and not profile.plain_signature:
            raise RefusedValidation(ValidationReason.PLAIN_SIGNATURE)
        ea = request.own.certificate
        limits = tickets.Limits(profile, ec=credential, aa=aa, ea=ea, home=home_of(station, profile, ea))
        return self._confirm_once(station, limits, shared.requested_subject_attributes, shared_hash)

    def _asking_aa(self, outer: SignedMessage) -> Certificate:
        """The AA that signed, if it is one that may ask."""
        now = self._clock.time32()
        peer = None if outer.signer_digest is None else self._peers.aa(outer.signer_digest)
        if peer is None or peer.revoked or not peer.certificate.start <= now < peer.certificate.end:
            raise RefusedValidation(ValidationReason.UNKNOWN_AA)
        if not may_request(peer.certificate, VALIDATION_BIT):
            raise RefusedValidation(ValidationReason.UNKNOWN_AA, "the AA's SSP does not allow to ask")
        if not is_plain_header(outer.header):
            raise RefusedValidation(ValidationReason.WRONG_CONTENT, "header")
        try:
            outer.verify(peer.certificate.verification_key, peer.certificate)
        except CryptoError as error:
            raise RefusedValidation(ValidationReason.BAD_AA_SIGNATURE, str(error)) from error
        if not in_time(outer.header, self._clock.time64(), self._window):
            raise RefusedValidation(ValidationReason.OUT_OF_TIME, "the AA's clock")
        return peer.certificate

    def _ec_signature(self, signature: etsi.EcSignature) -> tuple[SignedMessage, bool]:
        """The station's signature over SharedAtRequest, opened; whether it came unencrypted."""
        is_plain = signature.kind == "ecSignature"
        try:
            if is_plain:
                return SignedMessage.of(signature.value), True
            return SignedMessage.parse(self._own.open(signature.value).decrypt()), False
        except (DecryptionFailed, NotRecipient) as error:
            raise RefusedValidation(ValidationReason.CANNOT_DECRYPT, f"ecSignature: {error}") from error
        except UnknownCipher as error:
            raise RefusedValidation(ValidationReason.UNKNOWN_CIPHER) from error
        except UnexpectedContent as error:
            raise RefusedValidation(ValidationReason.WRONG_CONTENT, f"ecSignature: {error}") from error
        except DecodeError as error:
            raise RefusedValidation(ValidationReason.CANNOT_PARSE, f"ecSignature: {error}") from error

    def _asking_station(self, proof: SignedMessage, shared_hash: bytes) -> tuple[KnownStation, Certificate]:
        """The station whose EC signed exactly this SharedAtRequest, now."""
        payload = proof.signed.tbs_data.payload
        hashed = payload.ext_data_hash
        if (
            payload.data is not None
            or hashed is None
            or hashed.kind != "sha256HashedData"
            or hashed.value != shared_hash
        ):
            raise RefusedValidation(ValidationReason.BAD_SIGNATURE, "ecSignature is over something else")
        if proof.signer_digest is None or not is_plain_header(proof.header):
            raise RefusedValidation(ValidationReason.BAD_SIGNATURE, "signer or header of ecSignature")
        found = find_by_credential(self._database, proof.signer_digest)
        if found is None:
            raise RefusedValidation(ValidationReason.UNKNOWN_STATION)
        station, credential = found[0], _certificate(found[1])
        try:
            proof.verify(credential.verification_key, credential)
        except CryptoError as error:
            raise RefusedValidation(ValidationReason.BAD_SIGNATURE, str(error)) from error
        # The only time there is where the station sends no proof of possession.
        if not in_time(proof.header, self._clock.time64(), self._window):
            raise RefusedValidation(ValidationReason.OUT_OF_TIME, "ecSignature")
        if station.is_barred or not credential.start <= self._clock.time32() < credential.end:
            raise RefusedValidation(ValidationReason.BARRED)
        if not may_request(credential, AUTHORIZATION_BIT):
            raise RefusedValidation(ValidationReason.DENIED_PERMISSIONS, "the EC may not ask for tickets")
        return station, credential

    def _profile_of_asking(self, station: KnownStation) -> StationProfile:
        try:
            return self._profiles.station(station.profile)
        except ConfigError as error:
            raise RefusedValidation(ValidationReason.DENIED_PERMISSIONS, str(error)) from error

    def _confirm_once(
        self,
        station: KnownStation,
        limits: tickets.Limits,
        wanted: etsi.CertificateSubjectAttributes,
        shared_hash: bytes,
    ) -> etsi.CertificateSubjectAttributes:
        """Confirm, and count the ticket: once for each SharedAtRequest of an EC at an AA (checklist E13)."""
        now = self._clock.time32()
        confirmed, chosen = tickets.confirm(limits, wanted, now)
        assert confirmed.validity_period is not None
        start, end = tickets.hours_of(confirmed.validity_period)
        # SharedAtRequest names no AA: without it here, one count would be worth a ticket at every AA.
        asked = limits.ec.hashed_id8 + limits.aa.hashed_id8 + shared_hash
        known = self._database.blind("validation", asked)[:16]
        # The AA signs what is confirmed here, so the count must be on the disk first.
        with self._database.write(durable=True) as tx:
            if not tx.insert_if_new(
                Validation, id=known, start=chosen, expires=self._memory.forgotten_at(now)
            ):
                row = tx.row(_KNOWN_VALIDATION, id=known)
                earlier = row[0] if row is not None else None
                if earlier is None and wanted.validity_period is not None:
                    earlier = wanted.validity_period.start
                return tickets.confirm(limits, wanted, now, earlier)[0]
            most = self._policy.validations_per_day
            if tx.run(_COUNT_VALIDATION, station=station.id, today=now // DAY, most=most) != 1:
                row = tx.row(_IS_ACTIVE, station=station.id)
                if row is None or row[0] != ACTIVE:
                    raise RefusedValidation(ValidationReason.BARRED)
                raise RefusedValidation(ValidationReason.TOO_MANY, "the day's limit")
            windows = tx.rows(_WINDOWS, station=station.id, from_hour=start, to_hour=end)
            clipped = [(max(s, start), min(e, end), n) for s, e, n in windows]
            if tickets.most_at_once(clipped) >= limits.station.parallel_limit:
                raise RefusedValidation(ValidationReason.TOO_MANY, "the limit of tickets at once")
            if not tx.run(_ADD_TICKET, of_station=station.id, from_hour=start, to_hour=end):
                tx.insert(TicketWindow, station=station.id, start=start, end=end, tickets=1)
        return confirmed

    # --- upkeep ------------------------------------------------------------------------------

    def close(self) -> None:
        """Put on the record what was signed, at the end of a process."""
        self._ledger.close()
        if self._butterfly is not None:
            self._butterfly.close()

    def purge(self) -> int:
        """Forget requests past the retry window, and tickets past their end; the count of rows.

        To be called every few minutes by each service process.
        """
        self._ledger.settle()
        now = self._clock.time32()
        count = self._memory.purge(now) + self._old_validations.purge(self._database, now)
        with self._database.write(durable=False) as tx:
            count += tx.run(_OLD_WINDOWS, before=now)
        return count + (0 if self._butterfly is None else self._butterfly.purge(now))
