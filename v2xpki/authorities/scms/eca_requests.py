"""Requests for enrolment certificates as they come to an ECA (IEEE 1609.2.1 7.4): parsed, not believed.

EeEcaCertRequestSpdu    ScmsPdu eca-ee, signed as `self` by the canonical key, or by the key that it asks for
successor               ScmsPdu ee-ra with an EeEcaCertRequestSpdu in it, signed by the present certificate;
                        what an RA passes on once it has opened it

That the versions are 2 is the codec's to see: others have no encoding.
"""

from hashlib import sha256
from typing import NamedTuple

from v2xpki import wire
from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.crypto import Certificate, PublicKey
from v2xpki.errors import CryptoError, DecodeError, InvalidPoint, UnexpectedContent, UnsupportedAlgorithm
from v2xpki.secured import CertificateRequest
from v2xpki.wire import dot2, scms


class Wish(NamedTuple):
    """An EeEcaCertRequest, with the SPDU that it came in. key: the one to be certified, proven to be a point
    of its curve. digest: SHA-256 of the SPDU."""

    spdu: CertificateRequest
    asked: scms.EeEcaCertRequest
    key: PublicKey
    digest: bytes

    @property
    def request_hash(self) -> bytes:
        """What the response names the request by: HashedId8 of the SPDU as received."""
        return self.digest[-8:]


class SuccessorWish(NamedTuple):
    """What a device asks with the certificate that it has. present: that certificate, as it was sent."""

    spdu: CertificateRequest
    present: Certificate
    wish: Wish
    digest: bytes


def refuse(reason: EcaReason, why: str = "") -> RefusedEnrolmentRequest:
    """The refusal, to be raised."""
    return RefusedEnrolmentRequest(reason, f"{reason.value}: {why}" if why else "")


def read_wish(octets: bytes) -> Wish:
    """The request of a bare EeEcaCertRequestSpdu. Raises RefusedEnrolmentRequest."""
    return _wish_of(_parsed(octets), sha256(octets).digest())


def read_successor(octets: bytes) -> SuccessorWish:
    """The request for a successor, decrypted. Raises RefusedEnrolmentRequest."""
    outer = _parsed(octets)
    pdu = outer.record.tbs_request
    inner = pdu.content.value
    if (
        pdu.content.kind != "ee-ra"
        or not isinstance(inner, scms.EeRaInterfacePdu)
        or inner.kind != "eeRaSuccessorEnrollmentCertRequest"
        or not isinstance(inner.value, dot2.Ieee1609Dot2Data)
    ):
        raise refuse(EcaReason.WRONG_CONTENT, f"tbsRequest is {pdu.content.kind}")
    signers = outer.signer.value
    if outer.signer.kind != "certificate" or not isinstance(signers, tuple) or len(signers) != 1:
        raise refuse(EcaReason.BAD_SIGNATURE, "a successor is asked for with the present certificate")
    try:
        present = Certificate.of(signers[0])
        spdu = CertificateRequest.of(inner.value)
    except UnexpectedContent as error:
        raise refuse(EcaReason.WRONG_CONTENT, str(error)) from error
    except (CryptoError, DecodeError) as error:
        raise refuse(EcaReason.CANNOT_PARSE, str(error)) from error
    wish = _wish_of(spdu, sha256(wire.encode(inner.value)).digest())
    return SuccessorWish(outer, present, wish, sha256(octets).digest())


def verify(spdu: CertificateRequest, key: PublicKey, signer: bytes | Certificate = b"") -> None:
    """Raise RefusedEnrolmentRequest unless the key signed the SPDU."""
    try:
        spdu.verify(key, signer)
    except CryptoError as error:
        raise refuse(EcaReason.BAD_SIGNATURE, str(error)) from error


def _parsed(octets: bytes) -> CertificateRequest:
    try:
        return CertificateRequest.parse(octets)
    except UnexpectedContent as error:
        raise refuse(EcaReason.WRONG_CONTENT, str(error)) from error
    except DecodeError as error:
        raise refuse(EcaReason.CANNOT_PARSE, str(error)) from error


def _wish_of(spdu: CertificateRequest, digest: bytes) -> Wish:
    pdu, asked = spdu.record.tbs_request, spdu.pdu
    if pdu.content.kind != "eca-ee" or not isinstance(asked, scms.EeEcaCertRequest):
        raise refuse(EcaReason.WRONG_CONTENT, f"tbsRequest is {pdu.content.kind}")
    if not spdu.is_self_signed:
        raise refuse(EcaReason.BAD_SIGNATURE, f"signer is {spdu.signer.kind}, not self")
    key = asked.tbs_cert.verify_key_indicator.value
    if asked.type != "explicit":
        raise refuse(EcaReason.IMPLICIT)
    if not isinstance(key, dot2.PublicVerificationKey):
        raise refuse(EcaReason.BAD_KEY, "verifyKeyIndicator is no verificationKey")
    try:
        return Wish(spdu, asked, PublicKey.of_verification_key(key), digest)
    except (InvalidPoint, UnsupportedAlgorithm) as error:
        raise refuse(EcaReason.BAD_KEY, str(error)) from error
