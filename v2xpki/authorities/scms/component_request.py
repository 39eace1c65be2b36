"""What a component asks its root for: the keys and the name, proven by the key that is to be certified."""

from dataclasses import dataclass
from typing import Self

from v2xpki.crypto import PublicKey
from v2xpki.errors import UnexpectedContent
from v2xpki.secured import CertificateRequest
from v2xpki.wire import dot2, scms


def request_tbs(
    name: str, verification_key: PublicKey, encryption_key: PublicKey | None
) -> dot2.ToBeSignedCertificate:
    """What stands in a request: all else of the certificate is the root's to say."""
    return dot2.ToBeSignedCertificate(
        id=dot2.CertificateId("name", name),
        craca_id=bytes(3),
        crl_series=0,
        validity_period=dot2.ValidityPeriod(start=0, duration=dot2.Duration("hours", 0)),
        encryption_key=None if encryption_key is None else encryption_key.to_encryption_key(),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            "verificationKey", verification_key.to_verification_key()
        ),
    )


@dataclass(frozen=True)
class ComponentRequest:
    """A request whose signature verifies under the key that it names."""

    octets: bytes
    name: str
    verification_key: PublicKey
    encryption_key: PublicKey | None

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Raises DecodeError, UnexpectedContent, InvalidSignature, InvalidPoint."""
        request = CertificateRequest.parse(octets)
        asked = request.pdu
        if not isinstance(asked, scms.EeEcaCertRequest) or not request.is_self_signed:
            raise UnexpectedContent("no request of a component, signed by the key that it names")
        tbs = asked.tbs_cert
        key, name = tbs.verify_key_indicator.value, tbs.id.value
        if not isinstance(key, dot2.PublicVerificationKey) or not isinstance(name, str):
            raise UnexpectedContent("a component's request names it and its verification key")
        verification_key = PublicKey.of_verification_key(key)
        encryption_key = (
            None if tbs.encryption_key is None else PublicKey.of_encryption_key(tbs.encryption_key)
        )
        if tbs != request_tbs(name, verification_key, encryption_key):
            raise UnexpectedContent("a component's request says more than its name and its keys")
        request.verify(verification_key)
        return cls(octets, name, verification_key, encryption_key)
