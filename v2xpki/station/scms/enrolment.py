"""How a device of an SCMS gets its enrolment certificate, and the successor of one.

    pending = ask(device, wish, now)                    send pending.request to the ECA
    enrolled = accept(pending, answer, roots, now)
    pending = ask_successor(enrolled, wish, now)        send seal(pending, ra_certificate) to the RA
    enrolled = accept(pending, answer, roots, now)

Nothing here is stored or sent: `Pending` and `Enrolled` are plain records, and the caller keeps them. Keep a
Pending until its answer is accepted: the same octets, sent again, are answered with the same certificate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, UnexpectedContent
from v2xpki.keystore import MemoryKey
from v2xpki.secured import SignedMessage, encrypt, scms_header, sign_request
from v2xpki.station.errors import BadAnswer, Untrusted
from v2xpki.trust.scms_devices import EE_PERMISSIONS, is_covered, ranges_of, request_permissions
from v2xpki.trust.scms_enrolment import verify_eca, verify_enrolment
from v2xpki.wire import dot2, scms

SKEW = 600  # seconds that an ECA's clock may be off
_NO_ID = dot2.CertificateId(kind="none", value=None)
_OPEN_PERIOD = dot2.ValidityPeriod(start=0, duration=dot2.Duration(kind="hours", value=0))


@dataclass(frozen=True)
class DeviceIdentity:
    """Who a device is to its ECA: its canonical id, and the key that it was registered with."""

    canonical_id: str
    key: MemoryKey = field(repr=False)


class EnrolmentWish(NamedTuple):
    """What is asked for; None: as the ECA has it for this device. period's end is exclusive."""

    permissions: tuple[dot2.PsidSspRange, ...] | None = None
    period: dot2.ValidityPeriod | None = None
    region: dot2.GeographicRegion | None = None
    id: dot2.CertificateId = _NO_ID
    curve: Curve = Curve.NIST_P256


@dataclass(frozen=True)
class Pending:
    """A request on its way. key: the new one. request: octets to be sent. asked: the EeEcaCertRequestSpdu,
    which the answer names: the same octets, but inside a successor's request. present: the certificate that
    is to be succeeded."""

    key: MemoryKey = field(repr=False)
    request: bytes
    asked: bytes
    wish: dot2.ToBeSignedCertificate
    time: int  # Time32
    present: Certificate | None = None


@dataclass(frozen=True)
class Enrolled:
    """An enrolment certificate with its key, and the chain above it, the ECA first."""

    key: MemoryKey = field(repr=False)
    certificate: Certificate
    chain: tuple[Certificate, ...]


def ask(
    device: DeviceIdentity | None, wish: EnrolmentWish, now: int, key: MemoryKey | None = None
) -> Pending:
    """A request for an enrolment certificate; device None: of one that is not registered. key: a new one
    unless it is given. now: Time32."""
    new = key or MemoryKey.generate(wish.curve)
    tbs = _tbs(wish, new)
    asked = _spdu(tbs, now, device.key if device else new, device.canonical_id if device else None)
    return Pending(new, asked, asked, tbs, now)


def ask_successor(present: Enrolled, wish: EnrolmentWish, now: int, key: MemoryKey | None = None) -> Pending:
    """A request for the successor of a certificate: signed by the new key, and around that by the present
    one. It is for the RA's eyes: see `seal`."""
    new = key or MemoryKey.generate(wish.curve)
    tbs = _tbs(wish, new)
    asked = _spdu(tbs, now, new, None)
    inner = scms.EeRaInterfacePdu(
        kind="eeRaSuccessorEnrollmentCertRequest", value=wire.decode(dot2.Ieee1609Dot2Data, asked)
    )
    pdu = scms.ScmsPdu(version=2, content=scms.ScmsPduContent(kind="ee-ra", value=inner))
    request = sign_request(present.key, pdu, certificate=present.certificate, identifier="certificate")
    return Pending(new, request, asked, tbs, now, present.certificate)


def seal(pending: Pending, ra: Certificate) -> bytes:
    """A successor's request encrypted to the RA. Raises what secured.encrypt raises."""
    return encrypt(pending.request, [ra]).octets


def accept(pending: Pending, answer: bytes, roots: Sequence[Certificate], now: int) -> Enrolled:
    """What an answer brings, once all of it is checked. roots: the root CAs that the device trusts.

    Raises BadAnswer (rule: content, signature, header, request-hash, generation-time, key, permissions,
    validity, region or id), Untrusted (a chain or a certificate that does not verify).
    """
    message = _signed(answer)
    response = _response(message)
    if response.request_hash != sha256(pending.asked).digest()[-8:]:
        raise BadAnswer("the answer is to another request", rule="request-hash")
    if not pending.time - SKEW <= response.generation_time <= now + SKEW:
        raise BadAnswer("generationTime is before the request or in the future", rule="generation-time")
    try:
        chain = tuple(map(Certificate.of, response.eca_cert_chain))
        certificate = Certificate.of(response.certificate)
        if not chain or message.signer_certificates != chain[:1]:
            raise BadAnswer("the signer is not the ECA that heads the chain", rule="signature")
        region = verify_eca(chain, roots, now)
        message.verify(chain[0].verification_key, chain[0])
        verify_enrolment(certificate, chain[0], now, region)
    except InvalidChain as error:
        raise Untrusted(str(error), rule=error.rule) from error
    except CryptoError as error:
        raise BadAnswer(str(error), rule="signature") from error
    if response.private_key_info is not None:
        raise BadAnswer("privateKeyInfo with an explicit certificate", rule="content")
    _check_content(pending, certificate)
    return Enrolled(pending.key, certificate, chain)


def _tbs(wish: EnrolmentWish, key: MemoryKey) -> dot2.ToBeSignedCertificate:
    return dot2.ToBeSignedCertificate(
        id=wish.id,
        craca_id=bytes(3),
        crl_series=0,
        validity_period=wish.period or _OPEN_PERIOD,
        region=wish.region,
        app_permissions=EE_PERMISSIONS,
        cert_request_permissions=None if wish.permissions is None else request_permissions(wish.permissions),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey", value=key.public_key.to_verification_key()
        ),
    )


def _spdu(tbs: dot2.ToBeSignedCertificate, now: int, signer: MemoryKey, canonical_id: str | None) -> bytes:
    asked = scms.EeEcaCertRequest(
        version=2, generation_time=now, type="explicit", tbs_cert=tbs, canonical_id=canonical_id
    )
    inner = scms.EcaEeInterfacePdu(kind="eeEcaCertRequest", value=asked)
    pdu = scms.ScmsPdu(version=2, content=scms.ScmsPduContent(kind="eca-ee", value=inner))
    return sign_request(signer, pdu, identifier="self")


def _signed(answer: bytes) -> SignedMessage:
    try:
        message = SignedMessage.parse(answer)
    except (DecodeError, UnexpectedContent) as error:
        raise BadAnswer(str(error), rule="content") from error
    if message.header != scms_header():
        raise BadAnswer("the header is not psid 35 alone", rule="header")
    return message


def _response(message: SignedMessage) -> scms.EcaEeCertResponse:
    try:
        pdu = wire.decode(scms.ScmsPdu, message.payload)
    except (DecodeError, UnexpectedContent) as error:
        raise BadAnswer(str(error), rule="content") from error
    response = getattr(pdu.content.value, "value", None)
    if not isinstance(response, scms.EcaEeCertResponse):
        raise BadAnswer(f"{pdu.content.kind} is no enrolment response", rule="content")
    return response


def _check_content(pending: Pending, certificate: Certificate) -> None:
    """What was asked for is what came; where it was left open, no more than the certificate before had."""
    got, wish = certificate.record.to_be_signed, pending.wish
    if certificate.verification_key != pending.key.public_key:
        raise BadAnswer("the certificate is of another key", rule="key")
    if got.id != wish.id:
        raise BadAnswer(f"id is {got.id.kind} {got.id.value!r}", rule="id")
    if wish.validity_period not in (_OPEN_PERIOD, got.validity_period):
        raise BadAnswer("another validity than asked for", rule="validity")
    if wish.region is not None and got.region != wish.region:
        raise BadAnswer("another region than asked for", rule="region")
    if wish.cert_request_permissions is not None:
        if got.cert_request_permissions != wish.cert_request_permissions:
            raise BadAnswer("other certRequestPermissions than asked for", rule="permissions")
    elif pending.present is not None:
        before = ranges_of(pending.present.record.to_be_signed.cert_request_permissions or ())
        if not all(is_covered(entry, before) for entry in ranges_of(got.cert_request_permissions or ())):
            raise BadAnswer("more certRequestPermissions than before", rule="permissions")
