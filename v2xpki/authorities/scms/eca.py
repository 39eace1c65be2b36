"""The enrolment CA: gives devices their enrolment certificates, and successors to those (IEEE 1609.2.1).

    eca = EnrolmentCa(issuer=..., responder=..., chain=[eca_certificate, root], database=..., clock=...)
    answer = eca.enrol(octets)              of an EeEcaCertRequestSpdu, bare
    answer = eca.succeed(octets)            of a successor's request that an RA has opened

Octets in, octets out; a refusal is RefusedEnrolmentRequest, for there is no PDU that says no. A request that
was granted is answered with the same octets again, as long as the device is not barred.
"""

from collections.abc import Sequence
from hashlib import sha256

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.authorities.etsi.issuing import RequestMemory
from v2xpki.authorities.etsi.observer import Observer, Silent
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.authorities.scms.devices import (
    KnownDevice,
    find_by_certificate,
    find_by_id,
    find_device,
    tx_insert,
)
from v2xpki.authorities.scms.eca_contents import Terms, contents_of
from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.authorities.scms.eca_requests import Wish, read_successor, read_wish, refuse, verify
from v2xpki.config import EcaPolicy
from v2xpki.crypto import Certificate
from v2xpki.errors import AlreadyRecorded, ConfigError, LintFailed
from v2xpki.issuance import Issuer
from v2xpki.keystore import ScmsResponder
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import table_of
from v2xpki.store.eca import ACTIVE, Device, EnrolmentCertificate, EnrolmentRequest
from v2xpki.time import Clock
from v2xpki.trust.scms_devices import DeviceProfile, DeviceProfiles, shipped_devices
from v2xpki.wire import scms

DAY = 86400
#: What certificates are recorded as. `Issuer` takes it with the linter of trust.scms_enrolment.
KIND = "EC"

_DEVICE, _EC = table_of(Device), table_of(EnrolmentCertificate)
_SAME_DAY = _DEVICE.c.day == sa.bindparam("today", type_=sa.Integer())
_TODAY = sa.case((_SAME_DAY, _DEVICE.c.requests), else_=0)
_MOST = sa.bindparam("most", type_=sa.Integer())
# Adds one to a device's count of the day if it is active and below the limit; else touches no row.
_COUNT = Statement(
    sa.update(_DEVICE)
    .where(
        _DEVICE.c.id == sa.bindparam("device"),
        _DEVICE.c.status == ACTIVE,
        sa.or_(_MOST == 0, _TODAY < _MOST),
    )
    .values(requests=_TODAY + 1, day=sa.bindparam("today", type_=sa.Integer()))
)
_STATUS = Statement(sa.select(_DEVICE.c.status).where(_DEVICE.c.id == sa.bindparam("device")))
_BY_KEY = Statement(sa.select(_EC.c.hashed_id8).where(_EC.c.key == sa.bindparam("key")))


class EnrolmentCa:
    """An ECA. One object serves all threads of a process.

    issuer: makes certificates under the ECA's, by the rules of `lint_enrolment`. responder: door 2 under the
    same certificate. chain: the ECA's certificate and those above it, as responses carry it. craca_id:
    HashedId3 of who signs the CRL for enrolment certificates; the ECA's own where not given.
    """

    def __init__(
        self,
        *,
        issuer: Issuer,
        responder: ScmsResponder,
        chain: Sequence[Certificate],
        database: Database,
        clock: Clock,
        policy: EcaPolicy | None = None,
        profiles: DeviceProfiles | None = None,
        craca_id: bytes | None = None,
        observer: Observer | None = None,
    ) -> None:
        own = issuer.certificate
        if own is None or not chain or chain[0] != own or responder.certificate != own:
            raise ConfigError("an ECA issues, answers and heads its chain with one certificate")
        if craca_id is not None and (len(craca_id) != 3 or craca_id == bytes(3)):
            raise ConfigError(f"cracaId {craca_id.hex()}: a HashedId3, 3 octets, that is not zero")
        self._issuer, self._responder, self._database, self._clock = issuer, responder, database, clock
        self._policy, self._profiles = policy or EcaPolicy(), profiles or shipped_devices()
        self._observer: Observer = observer or Silent()
        self._chain = tuple(certificate.record for certificate in chain)
        regions = (certificate.record.to_be_signed.region for certificate in chain)
        self._terms = Terms(
            own,
            next((region for region in regions if region is not None), None),
            craca_id or own.hashed_id3,
            self._policy.crl_series,
            self._policy.max_age,
        )
        self._ledger = AnswerLedger(database, clock)
        self._memory = RequestMemory(database, EnrolmentRequest, clock, keep=self._policy.retry_window)
        if self._policy.allow_unregistered:
            self._profiles.kind(self._policy.unregistered_profile)

    def enrol(self, octets: bytes) -> bytes:
        """The EcaEeCertResponse SPDU for an EeEcaCertRequestSpdu.

        Raises RefusedEnrolmentRequest; KeystoreError, StoreError and AuditError where the service is not able
        to: nothing is remembered then.
        """
        try:
            wish = read_wish(octets)
            device = self._requester(wish)
            return self._answer(wish, device, wish.digest, None)
        except RefusedEnrolmentRequest as refusal:
            self._observer.answered("enrolment", refusal.reason.name.lower(), str(refusal))
            raise

    def succeed(self, octets: bytes) -> bytes:
        """The EcaEeCertResponse SPDU for a successor's request. Its requestHash is of the
        EeEcaCertRequestSpdu inside. Errors as `enrol`."""
        try:
            asked = read_successor(octets)
            found = find_by_certificate(self._database, asked.present.hashed_id8)
            if found is None or found[1] != asked.present:
                raise refuse(EcaReason.UNKNOWN_DEVICE, "no such enrolment certificate")
            device, present = found
            verify(asked.spdu, present.verification_key, present)
            self._verify_inner(asked.wish, device)
            return self._answer(asked.wish, device, asked.digest, present)
        except RefusedEnrolmentRequest as refusal:
            self._observer.answered("successor", refusal.reason.name.lower(), str(refusal))
            raise

    def purge(self, now: int) -> int:
        """Forget requests that cannot be repeated any more, and settle the ledger; the count of rows."""
        self._ledger.settle()
        return self._memory.purge(now)

    def close(self) -> None:
        """At the end of a process: the counts of what was answered go on the record."""
        self._ledger.close()

    # --- who asks ----------------------------------------------------------------------------

    def _requester(self, wish: Wish) -> KnownDevice:
        """The device that signed the request."""
        canonical_id = wish.asked.canonical_id
        if canonical_id is not None:
            device = find_device(self._database, canonical_id)
            if device is None:
                raise refuse(EcaReason.UNKNOWN_DEVICE)
            verify(wish.spdu, device.key)
            return device
        if not self._policy.allow_unregistered:
            raise refuse(EcaReason.UNREGISTERED)
        verify(wish.spdu, wish.key)
        return self._nameless(wish)

    def _nameless(self, wish: Wish) -> KnownDevice:
        """The device that is known by its first key alone."""
        curve, point = wish.key.curve.text, wish.key.point
        name = self._database.blind("device", curve.encode() + point)[:16]
        known = find_by_id(self._database, name)
        if known is not None:
            return known
        return KnownDevice(name, None, curve, point, self._policy.unregistered_profile, ACTIVE, None)

    def _verify_inner(self, wish: Wish, device: KnownDevice) -> None:
        """The request inside a successor's: by the new key, or by the canonical key of the same device."""
        if wish.asked.canonical_id is None:
            verify(wish.spdu, wish.key)
        elif wish.asked.canonical_id == device.canonical_id:
            verify(wish.spdu, device.key)
        else:
            raise refuse(EcaReason.BAD_SIGNATURE, "canonicalId is of another device")

    # --- what is answered --------------------------------------------------------------------

    def _answer(self, wish: Wish, device: KnownDevice, digest: bytes, present: Certificate | None) -> bytes:
        """The answer to an authentic request."""
        flow = "enrolment" if present is None else "successor"
        if device.is_barred:
            raise refuse(EcaReason.BARRED)
        remembered = self._memory.id_of(digest)
        # before the time check: a repeated request is answered as the first was
        answer = self._memory.recall(remembered)
        if answer is not None:
            self._observer.answered(flow, "again", "")
            return answer
        now = self._clock.time32()
        if abs(wish.asked.generation_time - now) > self._policy.generation_time_window:
            raise refuse(EcaReason.OUT_OF_TIME)
        if present is not None and not present.start <= now < present.end:
            raise refuse(EcaReason.OLD_CERTIFICATE)
        tbs = contents_of(wish, device, self._profile(device), self._terms, now, present)
        try:
            prepared = self._issuer.prepare(tbs, KIND)
        except LintFailed as error:
            raise refuse(EcaReason.DENIED_PERMISSIONS, str(error)) from error
        key = self._database.blind("key", wish.key.curve.text.encode() + wish.key.point)

        def record(tx: Transaction) -> None:
            if tx.row(_BY_KEY, key=key) is not None:
                raise refuse(EcaReason.KEY_USED)
            if device.canonical_id is None:
                tx_insert(tx, device)
            self._count(tx, device)

        def complete(tx: Transaction, certificate: Certificate) -> None:
            tx.insert(
                EnrolmentCertificate,
                hashed_id8=certificate.hashed_id8,
                device=device.id,
                key=key,
                certificate=certificate.octets,
                expires=certificate.end,
            )

        try:
            answer = self._memory.issue_once(
                remembered,
                prepared,
                issuer=self._issuer,
                record=record,
                complete=complete,
                unique={"wish": self._wish_id(wish, device, present)},
                answer=lambda certificate: self._response(wish, certificate),
            )
        except AlreadyRecorded as error:  # the same key in two wishes at once: the second stays here
            raise refuse(EcaReason.KEY_USED) from error
        self._observer.answered(flow, "ok", "")
        return answer

    def _wish_id(self, wish: Wish, device: KnownDevice, present: Certificate | None) -> bytes:
        """What a device asks for once is worth one certificate, in however many envelopes it comes."""
        asked = sha256(wire.encode(wish.asked.tbs_cert)).digest()
        return self._database.blind(
            "wish", device.id + asked + (b"" if present is None else present.hashed_id8)
        )[:16]

    def _profile(self, device: KnownDevice) -> DeviceProfile:
        try:
            return self._profiles.kind(device.profile)
        except ConfigError as error:
            raise refuse(EcaReason.DENIED_PERMISSIONS, str(error)) from error

    def _count(self, tx: Transaction, device: KnownDevice) -> None:
        today, most = self._clock.time32() // DAY, self._policy.max_requests
        if tx.run(_COUNT, device=device.id, today=today, most=most) != 1:
            row = tx.row(_STATUS, device=device.id)
            if row is None or row[0] != ACTIVE:
                raise refuse(EcaReason.BARRED, "meanwhile")
            raise refuse(EcaReason.TOO_MANY)

    def _response(self, wish: Wish, certificate: Certificate) -> bytes:
        response = scms.EcaEeCertResponse(
            version=2,
            generation_time=self._clock.time32(),
            request_hash=wish.request_hash,
            eca_cert_chain=self._chain,
            certificate=certificate.record,
        )
        inner = scms.EcaEeInterfacePdu(kind="ecaEeCertResponse", value=response)
        self._ledger.enter("ecaEeCertResponse")
        return self._responder.respond(
            scms.ScmsPdu(version=2, content=scms.ScmsPduContent(kind="eca-ee", value=inner))
        )
