"""What devices send to an RA (IEEE 1609.2.1 7.4): opened and parsed, not believed; and verified.

EeRaCertRequestSpdu, EeRaSuccessorEnrollmentCertRequestSpdu
                            encrypted to the RA: SignedCertificateRequest by the enrolment certificate
EeRaDownloadRequestSpdu     encrypted to the RA: signed data, psid 35, by the enrolment certificate
EeRaDownloadRequestPlainSpdu    unsecured

That the versions are 2 is the codec's to see: others have no encoding.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

from v2xpki import wire
from v2xpki.authorities.scms.ra_reasons import RaReason, refusal
from v2xpki.crypto import Agreer, Certificate
from v2xpki.errors import CryptoError, DecodeError, NotRecipient, UnexpectedContent
from v2xpki.secured import CertificateRequest, RecipientKey, SignedMessage, decrypt, scms_header
from v2xpki.wire import dot2, scms

Signed = CertificateRequest | SignedMessage
_T = TypeVar("_T")


class OwnCertificate(NamedTuple):
    """A certificate that devices encrypt to, and the handle of its encryption key."""

    certificate: Certificate
    agreer: Agreer


class CertificateWish(NamedTuple):
    """An EeRaCertRequest in its SPDU. digest: SHA-256 of the octets as they came, encrypted."""

    spdu: CertificateRequest
    asked: scms.EeRaCertRequest
    digest: bytes


class SuccessorWish(NamedTuple):
    """opened: the SignedCertificateRequest SPDU that the ECA is to see. inner: the EeEcaCertRequestSpdu in
    it. digest: SHA-256 of the octets as they came, encrypted."""

    spdu: CertificateRequest
    opened: bytes
    inner: bytes
    asked: scms.EeEcaCertRequest
    digest: bytes


class DownloadWish(NamedTuple):
    """message: what signed it; None where it came plain."""

    message: SignedMessage | None
    asked: scms.EeRaDownloadRequest


class Reader:
    """Reads what is encrypted to an RA's certificates. For all threads of a process."""

    def __init__(self, own: Sequence[OwnCertificate]) -> None:
        self._keys: Mapping[bytes, RecipientKey] = {
            c.hashed_id8: RecipientKey.of_certificate(agreer, c) for c, agreer in own
        }

    def certificate_wish(self, octets: bytes) -> CertificateWish:
        """The request for certificates. Raises RefusedRequest."""
        spdu = _parsed(CertificateRequest.parse, self._open(octets))
        asked = _asked(spdu.record.tbs_request)
        if not isinstance(asked, scms.EeRaCertRequest):
            raise refusal(RaReason.WRONG_CONTENT, "no eeRaCertRequest")
        return CertificateWish(spdu, asked, sha256(octets).digest())

    def successor_wish(self, octets: bytes) -> SuccessorWish:
        """The request for a successor's enrolment certificate. Raises RefusedRequest."""
        opened = self._open(octets)
        spdu = _parsed(CertificateRequest.parse, opened)
        data = _asked(spdu.record.tbs_request)
        if not isinstance(data, dot2.Ieee1609Dot2Data):
            raise refusal(RaReason.WRONG_CONTENT, "no eeRaSuccessorEnrollmentCertRequest")
        inner = wire.encode(data)
        pdu = _parsed(CertificateRequest.parse, inner).pdu
        if not isinstance(pdu, scms.EeEcaCertRequest):
            raise refusal(RaReason.WRONG_CONTENT, "no eeEcaCertRequest inside")
        return SuccessorWish(spdu, opened, inner, pdu, sha256(octets).digest())

    def download_wish(self, octets: bytes) -> DownloadWish:
        """The request for a file, signed and encrypted, or plain. Raises RefusedRequest."""
        record = _parsed(_data, octets)
        content = record.content
        message: SignedMessage | None = None
        if content.kind == "unsecuredData" and isinstance(content.value, bytes):
            payload = content.value
        else:
            message, payload = _parsed(_signed, self._open(octets))
        asked = _asked(_parsed(_pdu, payload))
        if not isinstance(asked, scms.EeRaDownloadRequest):
            raise refusal(RaReason.WRONG_CONTENT, "no eeRaDownloadRequest")
        return DownloadWish(message, asked)

    def _open(self, octets: bytes) -> bytes:
        """The plain octets of what is encrypted to one of the own certificates."""
        record = _parsed(_data, octets)
        content = record.content.value
        if not isinstance(content, dot2.EncryptedData):
            raise refusal(RaReason.WRONG_CONTENT, f"{record.content.kind} where encryptedData belongs")
        # one try: a list of recipients must not buy many ECDHs of the token
        mine = next((info for info in content.recipients if self._is_own(info)), None)
        if mine is None:
            raise refusal(RaReason.WRONG_RECIPIENT)
        single = dot2.Ieee1609Dot2Content("encryptedData", content._replace(recipients=(mine,)))
        try:
            return decrypt(record._replace(content=single), self._keys).plain
        except (CryptoError, NotRecipient) as error:
            raise refusal(RaReason.CANNOT_DECRYPT, str(error)) from error

    def _is_own(self, info: dot2.RecipientInfo) -> bool:
        value = info.value
        return (
            info.kind == "certRecipInfo"
            and isinstance(value, dot2.PKRecipientInfo)
            and value.recipient_id in self._keys
        )


def signer_of(signed: Signed, known: Callable[[bytes], Certificate | None]) -> Certificate:
    """The certificate that a message names as its signer's: one, or the digest of one that is known by its
    HashedId8. Raises RefusedRequest."""
    value = signed.signer.value
    if isinstance(value, bytes):
        found = known(value)
        if found is None:
            raise refusal(RaReason.BAD_SIGNATURE, "the digest of no certificate that is known")
        return found
    if not isinstance(value, tuple) or len(value) != 1:
        raise refusal(RaReason.BAD_SIGNATURE, f"signer is {signed.signer.kind}, not one certificate")
    try:
        return Certificate.of(value[0])
    except CryptoError as error:
        raise refusal(RaReason.BAD_SIGNATURE, str(error)) from error


def verify(signed: Signed, certificate: Certificate) -> None:
    """Raise RefusedRequest unless the holder of this certificate signed; a message's header has psid 35 and
    no more."""
    if isinstance(signed, SignedMessage) and signed.header != scms_header():
        raise refusal(RaReason.BAD_SIGNATURE, "the header is not psid 35 alone")
    try:
        signed.verify(certificate.verification_key, certificate)
    except CryptoError as error:
        raise refusal(RaReason.BAD_SIGNATURE, str(error)) from error


def _asked(pdu: scms.ScmsPdu) -> object:
    """What an ee-ra PDU asks."""
    inner = pdu.content.value
    if pdu.content.kind != "ee-ra" or not isinstance(inner, scms.EeRaInterfacePdu):
        raise refusal(RaReason.WRONG_CONTENT, f"the PDU is {pdu.content.kind}")
    return inner.value


def _data(octets: bytes) -> dot2.Ieee1609Dot2Data:
    return wire.decode(dot2.Ieee1609Dot2Data, octets)


def _signed(octets: bytes) -> tuple[SignedMessage | None, bytes]:
    message = SignedMessage.parse(octets)
    return message, message.payload


def _pdu(octets: bytes) -> scms.ScmsPdu:
    return wire.decode(scms.ScmsPdu, octets)


def _parsed(parse: Callable[[bytes], _T], octets: bytes) -> _T:
    try:
        return parse(octets)
    except UnexpectedContent as error:
        raise refusal(RaReason.WRONG_CONTENT, str(error)) from error
    except (CryptoError, DecodeError) as error:
        raise refusal(RaReason.CANNOT_PARSE, str(error)) from error
