"""Signed certificate requests (IEEE 1609.2.1): a ScmsPdu that asks, who signs it, and the signature.

    octets = sign_request(signer, pdu, certificate=ra_certificate, identifier="certificate")
    request = CertificateRequest.parse(octets)
    request.verify(ra_certificate.verification_key, ra_certificate)

The SPDU is an Ieee1609Dot2Data whose content is the opaque COER of a SignedCertificateRequest. What is signed
is H(H(COER of tbsRequest) || H(signer's certificate, or nothing for `self`)).
"""

from typing import Self

from v2xpki import wire
from v2xpki.crypto import Certificate, PublicKey, Signer, signing_digest_of, verify
from v2xpki.crypto.hashing import hash_octets
from v2xpki.errors import InvalidSignature, SecuredError, UnexpectedContent
from v2xpki.secured import frames
from v2xpki.secured.signed import Identifier
from v2xpki.wire import dot2, scms


def sign_request(
    signer: Signer, pdu: scms.ScmsPdu, *, certificate: Certificate | None = None, identifier: Identifier
) -> bytes:
    """COER of the SPDU. Named and refused as by `secured.sign`."""
    if (certificate is None) != (identifier == "self"):
        raise SecuredError("digest and certificate take a certificate, self takes none")
    curve = signer.public_key.curve
    if certificate is not None and certificate.verification_key != signer.public_key:
        raise SecuredError(f"certificate {certificate.hex8} is of another key")
    tbs = wire.encode(pdu)
    signer_hash = None if certificate is None else hash_octets(curve.hash, certificate.octets)
    raw = signer.sign(signing_digest_of(curve.hash, tbs, signer_hash))
    return frames.certificate_request(curve, tbs, frames.signer_of(identifier, certificate), raw)


class CertificateRequest:
    """A signed certificate request as received. Nothing is verified by being parsed.

    record: the SignedCertificateRequest. tbs_octets: COER of its tbsRequest, as signed.
    """

    __slots__ = ("record", "tbs_octets")

    record: scms.SignedCertificateRequest
    tbs_octets: bytes

    def __init__(self, record: scms.SignedCertificateRequest, tbs_octets: bytes) -> None:
        self.record, self.tbs_octets = record, tbs_octets

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """The request of COER octets. Raises DecodeError, UnexpectedContent for another kind of content."""
        return cls.of(wire.decode(dot2.Ieee1609Dot2Data, octets))

    @classmethod
    def of(cls, data: dot2.Ieee1609Dot2Data) -> Self:
        """The request in a decoded SPDU. Errors as parse."""
        content = data.content
        if content.kind != "signedCertificateRequest" or not isinstance(content.value, bytes):
            raise UnexpectedContent(f"{content.kind} where a signedCertificateRequest belongs")
        return cls(*wire.decode_certificate_request(content.value))

    @property
    def pdu(self) -> object:
        """What the tbsRequest asks: the PDU inside the interface's choice, e.g. a RaAcaCertRequest."""
        return getattr(self.record.tbs_request.content.value, "value", None)

    @property
    def signer(self) -> dot2.SignerIdentifier:
        return self.record.signer

    @property
    def is_self_signed(self) -> bool:
        return self.record.signer.kind == "self"

    def verify(self, key: PublicKey, signer: bytes | Certificate = b"") -> None:
        """Raise InvalidSignature unless the key signed this request. `signer` as for SignedMessage.verify."""
        name = self.record.hash_algorithm_id
        if name != key.curve.hash:
            raise InvalidSignature(f"hashAlgorithmId {name} under a key on {key.curve.text}")
        octets = signer.octets if isinstance(signer, Certificate) else signer
        signer_hash = hash_octets(name, octets) if octets else None
        verify(key, self.record.signature, signing_digest_of(name, self.tbs_octets, signer_hash))
