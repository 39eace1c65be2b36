"""What the house sees of private keys. There is no export, and no way to sign a digest but door 1.

door 1  Keystore.issuing_key   signs digests: certificates and lists. Only issuance/ opens it.
door 2  Keystore.responder     signs the messages that an authority answers with: it assembles the
                               ToBeSignedData itself and never sees a caller's digest.
        Keystore.scms_responder   the same for the components of an SCMS (psid 35).
agree   Keystore.agreer        ECDH with an encryption key; a signing key has no such handle.
wrap    Keystore.wrapper       puts secrets that a database is to keep under a symmetric key, and opens them.
"""

from typing import Protocol

from v2xpki.crypto import Agreer, Certificate, Curve, PublicKey
from v2xpki.keystore.labels import KeyInfo, KeyLabel, WrappingInfo
from v2xpki.keystore.responder import Responder
from v2xpki.keystore.scms_responder import ScmsResponder
from v2xpki.keystore.wrapping import Wrapper


class IssuingKey(Protocol):
    """Door 1: a CA's signing key. A call that raises TokenLost may or may not have signed."""

    @property
    def label(self) -> KeyLabel: ...

    @property
    def public_key(self) -> PublicKey: ...

    def sign(self, digest: bytes) -> bytes:
        """r || s, each of the curve's size, over a digest of the curve's size.

        Raises TokenLost, KeyNotFound, KeyRefused (a digest of another length). Never tries twice.
        """
        ...


class Keystore(Protocol):
    """The keys of one trust domain."""

    @property
    def kind(self) -> str:
        """ "pkcs11" or "memory"; status and audit show it."""
        ...

    @property
    def opened_for(self) -> str | None:
        """Why CA keys lie in memory here; None for a token."""
        ...

    def generate(self, label: KeyLabel, curve: Curve) -> PublicKey:
        """Make a key pair under a label. Raises KeyRefused where the label exists."""
        ...

    def keys(self) -> list[KeyInfo]:
        """All pairs that carry a label of ours, in the labels' order."""
        ...

    def wrapping_keys(self) -> list[WrappingInfo]:
        """All keys to wrap with that do."""
        ...

    def public_key(self, label: KeyLabel) -> PublicKey:
        """Raises KeyNotFound."""
        ...

    def issuing_key(self, label: KeyLabel) -> IssuingKey:
        """Door 1. Raises KeyNotFound, KeyRefused (an encryption key)."""
        ...

    def responder(self, label: KeyLabel, certificate: Certificate) -> Responder:
        """Door 2. Raises KeyNotFound, KeyRefused (an encryption key; a certificate of another key)."""
        ...

    def scms_responder(self, label: KeyLabel, certificate: Certificate) -> ScmsResponder:
        """Door 2 of an SCMS component. Raises as responder."""
        ...

    def generate_wrapping(self, label: KeyLabel) -> None:
        """Make a symmetric key to wrap with. Raises KeyRefused (label exists or is for another use; the
        module has no mechanism for it)."""
        ...

    def wrapper(self, label: KeyLabel) -> Wrapper:
        """Raises KeyNotFound, KeyRefused (a key of another use; no mechanism)."""
        ...

    def agreer(self, label: KeyLabel) -> Agreer:
        """Raises KeyNotFound, KeyRefused (a signing key)."""
        ...

    def self_test(self, label: KeyLabel) -> None:
        """Use the key once and check the result with its public key. Raises KeystoreError."""
        ...

    def close(self) -> None:
        """Give the session back; handles taken from this keystore are dead afterwards."""
        ...
