"""The four curves of IEEE 1609.2 that this package serves, and what each is called where."""

from enum import Enum
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from v2xpki.errors import UnsupportedAlgorithm
from v2xpki.wire import dot2

_GROUPS: dict[str, type[ec.EllipticCurve]] = {
    "nistP256": ec.SECP256R1,
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "nistP384": ec.SECP384R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
}


class Curve(Enum):
    """A curve with its names.

    text: in configuration and on the command line. size: octets of a coordinate. hash: the hash that
    goes with keys on it. *_kind: the CHOICE alternatives of PublicVerificationKey, Signature and
    BasePublicEncryptionKey (None: no ECIES on this curve). order: of the base point; cofactor: 1 for all.
    order_octets: the order, of `size`.
    """

    # text, size, hash, verification kind, signature kind, encryption kind, order
    NIST_P256 = (
        "nistP256",
        32,
        "sha256",
        "ecdsaNistP256",
        "ecdsaNistP256Signature",
        "eciesNistP256",
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    )
    BRAINPOOL_P256R1 = (
        "brainpoolP256r1",
        32,
        "sha256",
        "ecdsaBrainpoolP256r1",
        "ecdsaBrainpoolP256r1Signature",
        "eciesBrainpoolP256r1",
        0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
    )
    NIST_P384 = (
        "nistP384",
        48,
        "sha384",
        "ecdsaNistP384",
        "ecdsaNistP384Signature",
        None,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    )
    BRAINPOOL_P384R1 = (
        "brainpoolP384r1",
        48,
        "sha384",
        "ecdsaBrainpoolP384r1",
        "ecdsaBrainpoolP384r1Signature",
        None,
        0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565,
    )

    def __init__(
        self,
        text: str,
        size: int,
        hash_name: dot2.HashAlgorithm,
        verification: dot2.PublicVerificationKeyKind,
        signature: dot2.SignatureKind,
        encryption: Literal["eciesNistP256", "eciesBrainpoolP256r1"] | None,
        order: int,
    ) -> None:
        self.text = text
        self.size = size
        self.hash = hash_name
        self.verification_kind = verification
        self.signature_kind = signature
        self.encryption_kind = encryption
        self.order, self.order_octets = order, order.to_bytes(size, "big")
        # names and objects of the cryptography package, made once: making them costs microseconds
        self.group: ec.EllipticCurve = _GROUPS[text]()
        algorithm = hashes.SHA256() if size == 32 else hashes.SHA384()
        self.ecdsa = ec.ECDSA(utils.Prehashed(algorithm))

    def __repr__(self) -> str:
        return f"Curve.{self.name}"

    @classmethod
    def from_text(cls, text: str) -> "Curve":
        """The curve of a configuration or command line name. Raises UnsupportedAlgorithm."""
        for curve in cls:
            if curve.text.lower() == text.lower():
                return curve
        known = ", ".join(curve.text for curve in cls)
        raise UnsupportedAlgorithm(f"no curve {text!r}; there are {known}")
