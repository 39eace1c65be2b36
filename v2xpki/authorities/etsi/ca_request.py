"""A sub-CA's request for its certificate: CaCertificateRequest (TS 102 941 6.2.1.2.3).

    a first one      Signed(self, new key){ EtsiTs102941Data{ caCertificateRequest } }
    to re-key        Signed(digest of the present certificate){ that message }

Signed by the key that asks, so that the root certifies only what somebody holds the private key of.
It travels to the root by hand or over the operators' interface; nothing in it is secret, so it is not
encrypted.
"""

import hashlib
from dataclasses import dataclass

from v2xpki import wire
from v2xpki.authorities.etsi.envelope import is_plain_header
from v2xpki.crypto import Certificate, PublicKey
from v2xpki.errors import PermissionDenied, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS
from v2xpki.trust.profiles import CertificateProfile
from v2xpki.wire import dot2, etsi


@dataclass(frozen=True, slots=True)
class CaRequest:
    """A request whose own signature has been verified with the key that it names.

    octets: as received. inner: COER of the message that the new key signed. outer: what is signed under the
    present certificate, not verified yet; None for a first request.
    """

    verification_key: PublicKey
    encryption_key: PublicKey | None
    attributes: etsi.CertificateSubjectAttributes
    octets: bytes
    inner: bytes
    outer: SignedMessage | None
    #: TAI seconds: generationTime of the inner message.
    generated: int

    @classmethod
    def parse(cls, octets: bytes) -> "CaRequest":
        """Raises DecodeError, UnexpectedContent (another PDU), InvalidPoint, UnsupportedAlgorithm,
        InvalidSignature (no proof of possession)."""
        message = SignedMessage.parse(octets)
        outer, inner = None, octets
        if not message.is_self_signed:
            if message.signer_digest is None or not is_plain_header(message.header):
                raise UnexpectedContent(
                    "a re-keying message is signed by the digest of the present certificate, "
                    "psid 623 and generationTime"
                )
            outer, inner = message, message.payload
            message = SignedMessage.parse(inner)
        data = wire.decode(etsi.EtsiTs102941Data, message.payload)
        request = data.content.value
        if not isinstance(request, etsi.CaCertificateRequest):
            raise UnexpectedContent(f"{data.content.kind} instead of a caCertificateRequest")
        if not message.is_self_signed or not is_plain_header(message.header):
            raise UnexpectedContent("a request is signed by its own key (self), psid 623 and generationTime")
        keys = request.public_keys
        key = PublicKey.of_verification_key(keys.verification_key)
        message.verify(key)
        encryption = PublicKey.of_encryption_key(keys.encryption_key) if keys.encryption_key else None
        generated = (message.header.generation_time or 0) // MICROSECONDS
        return cls(key, encryption, request.requested_subject_attributes, octets, inner, outer, generated)

    @property
    def id(self) -> str:
        """What the request is called among people and in URLs: half of its SHA-256, in hex."""
        return hashlib.sha256(self.octets).hexdigest()[:32]

    @property
    def digest(self) -> bytes:
        """SHA-256 of what the new key signed: worth one certificate, however it is wrapped."""
        return hashlib.sha256(self.inner).digest()

    @property
    def key_digest(self) -> bytes:
        """SHA-256 of the COER PublicVerificationKey."""
        return hashlib.sha256(wire.encode(self.verification_key.to_verification_key())).digest()

    @property
    def former(self) -> bytes | None:
        """HashedId8 of the certificate that it says it is re-keyed from."""
        return None if self.outer is None else self.outer.signer_digest

    @property
    def name(self) -> str | None:
        """The name that it asks for."""
        identity = self.attributes.id
        return identity.value if identity is not None and isinstance(identity.value, str) else None

    def verify_rekeying(self, present: Certificate) -> None:
        """Raise InvalidSignature unless the outer message is signed under that certificate; UnexpectedContent
        where there is none, or where it names another one."""
        if self.outer is None or self.outer.signer_digest != present.hashed_id8:
            raise UnexpectedContent(f"the request is not re-keyed from {present.hex8}")
        self.outer.verify(present.verification_key, present)

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
