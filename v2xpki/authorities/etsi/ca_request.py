"""A sub-CA's request for its certificate: CaCertificateRequest (TS 102 941 6.2.1.2.3).

Signed by the key that asks, so that the root certifies only what somebody holds the private key of.
It travels to the root by hand; nothing in it is secret, so it is not encrypted.
"""

from dataclasses import dataclass

from v2xpki import wire
from v2xpki.crypto import PublicKey
from v2xpki.errors import PermissionDenied, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.trust.profiles import SCR_PSID, CertificateProfile
from v2xpki.wire import dot2, etsi


@dataclass(frozen=True, slots=True)
class CaRequest:
    """A request whose signature has been verified with the key that it names."""

    verification_key: PublicKey
    encryption_key: PublicKey | None
    attributes: etsi.CertificateSubjectAttributes
    octets: bytes

    @classmethod
    def parse(cls, octets: bytes) -> "CaRequest":
        """Raises DecodeError, UnexpectedContent (another PDU), InvalidSignature (no proof of possession)."""
        message = SignedMessage.parse(octets)
        data = wire.decode(etsi.EtsiTs102941Data, message.payload)
        request = data.content.value
        if not isinstance(request, etsi.CaCertificateRequest):
            raise UnexpectedContent(f"{data.content.kind} instead of a caCertificateRequest")
        if message.signer.kind != "self" or message.header.psid != SCR_PSID:
            raise UnexpectedContent("a first request is signed by its own key (self), psid 623")
        keys = request.public_keys
        key = PublicKey.of_verification_key(keys.verification_key)
        message.verify(key)
        encryption = PublicKey.of_encryption_key(keys.encryption_key) if keys.encryption_key else None
        return cls(key, encryption, request.requested_subject_attributes, octets)

    def check(self, profile: CertificateProfile, name: str | None) -> None:
        """Raise PermissionDenied where it asks for something else than the ceremony grants."""
        asked = self.attributes
        wanted = attributes_of(profile, name)
        for field in ("id", "app_permissions", "cert_issue_permissions"):
            if getattr(asked, field) != getattr(wanted, field):
                raise PermissionDenied(
                    f"the request's {field} is not what is granted", rule=f"request-{field}"
                )


def build_request(
    profile: CertificateProfile, verification_key: PublicKey, encryption_key: PublicKey, name: str | None
) -> etsi.EtsiTs102941Data:
    """The PDU that the sub-CA's signing key signs."""
    request = etsi.CaCertificateRequest(
        public_keys=etsi.PublicKeys(
            verification_key=verification_key.to_verification_key(),
            encryption_key=encryption_key.to_encryption_key(),
        ),
        requested_subject_attributes=attributes_of(profile, name),
    )
    return etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="caCertificateRequest", value=request)
    )


def attributes_of(profile: CertificateProfile, name: str | None) -> etsi.CertificateSubjectAttributes:
    """What a CA of this profile asks for."""
    identity = dot2.CertificateId(kind="none", value=None)
    if name is not None:
        identity = dot2.CertificateId(kind="name", value=name)
    return etsi.CertificateSubjectAttributes(
        id=identity,
        app_permissions=profile.app_permissions,
        cert_issue_permissions=profile.cert_issue_permissions,
    )
