"""Public keys that are proven points of their curve, and the protocols of who holds the private ones.

The invalid-curve rule (IEEE 1609.2 6.3.23): a received point meets a signature check, an ECDH or a
token only after it is shown to lie on the curve that its record names, and not to be infinity. A
PublicKey is that proof: it cannot be made from anything else.
"""

from typing import Literal, Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm as _Unsupported
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from v2xpki.crypto.curves import Curve
from v2xpki.crypto.engine import engine
from v2xpki.errors import InvalidPoint, UnsupportedAlgorithm
from v2xpki.wire import dot2

_BY_VERIFICATION: dict[str, Curve] = {curve.verification_kind: curve for curve in Curve}
_BY_ENCRYPTION: dict[str, Curve] = {curve.encryption_kind: curve for curve in Curve if curve.encryption_kind}
_BY_GROUP = {curve.group.name: curve for curve in Curve}
_PREFIX = {"compressed-y-0": b"\x02", "compressed-y-1": b"\x03"}
_FORMS: tuple[Literal["compressed-y-0"], Literal["compressed-y-1"]] = ("compressed-y-0", "compressed-y-1")
_X962 = serialization.Encoding.X962
_UNCOMPRESSED = serialization.PublicFormat.UncompressedPoint


def sec1_of_point(point: dot2.EccP256CurvePoint | dot2.EccP384CurvePoint) -> bytes:
    """SEC1 octets of a point record; nothing is proved yet. Raises InvalidPoint for x-only and fill."""
    kind, value = point.kind, point.value
    prefix = _PREFIX.get(kind)
    if prefix is not None and isinstance(value, bytes):
        return prefix + value
    if isinstance(value, dot2.EccP256CurvePointUncompressedP256 | dot2.EccP384CurvePointUncompressedP384):
        return b"\x04" + value.x + value.y
    raise InvalidPoint(f"{kind} is no form of a key")


def point_of_sec1(octets: bytes) -> dot2.EccP256CurvePoint:
    """The record of a compressed point of a 256-bit curve."""
    return dot2.EccP256CurvePoint(kind=_FORMS[octets[0] - 2], value=octets[1:])


class PublicKey:
    """A point of a curve: proven to be one, hashable, equal by curve and point.

    curve: its curve. point, uncompressed: SEC1, 1 + size and 1 + 2 size octets.
    """

    __slots__ = ("_handle", "curve", "point", "uncompressed")

    curve: Curve
    point: bytes
    uncompressed: bytes
    _handle: ec.EllipticCurvePublicKey | None

    def __init__(self) -> None:
        raise TypeError("a PublicKey comes from from_sec1, of_verification_key, of_encryption_key, from_pem")

    @classmethod
    def from_sec1(cls, curve: Curve, octets: bytes) -> Self:
        """The key of compressed (1 + size octets) or uncompressed (1 + 2 size) SEC1 octets.

        Raises InvalidPoint for whatever is not a point of the curve, infinity and hybrid forms among it.
        """
        size, form = curve.size, octets[0] if octets else None
        self = object.__new__(cls)
        if form in (2, 3) and len(octets) == 1 + size:
            self.point = octets
        elif form == 4 and len(octets) == 1 + 2 * size:
            self.point = (b"\x03" if octets[-1] & 1 else b"\x02") + octets[1 : 1 + size]
        else:
            raise InvalidPoint(f"no point of {curve.text} in SEC1 form")
        try:
            self.uncompressed = engine(curve).expand(octets)
        except InvalidPoint as error:
            raise InvalidPoint(f"not a point of {curve.text}") from error
        self.curve, self._handle = curve, None
        return self

    @classmethod
    def of_verification_key(cls, key: dot2.PublicVerificationKey) -> Self:
        """The key of a PublicVerificationKey, compressed or uncompressed.

        Raises InvalidPoint (off the curve, x-only, fill), UnsupportedAlgorithm (SM2).
        """
        curve = _BY_VERIFICATION.get(key.kind)
        if curve is None:
            raise UnsupportedAlgorithm(f"verification keys of kind {key.kind}")
        return cls.from_sec1(curve, sec1_of_point(key.value))

    @classmethod
    def of_indicator(cls, value: dot2.PublicVerificationKey | dot2.EccP256CurvePoint) -> Self:
        """The point of a VerificationKeyIndicator: the key, or what an implicit certificate's key is made of.

        Errors as of_verification_key.
        """
        if isinstance(value, dot2.PublicVerificationKey):
            return cls.of_verification_key(value)
        return cls.from_sec1(Curve.NIST_P256, sec1_of_point(value))

    def to_indicator(self, *, implicit: bool) -> dot2.VerificationKeyIndicator:
        """The reverse. Raises UnsupportedAlgorithm for an implicit one on another curve than P-256."""
        if not implicit:
            return dot2.VerificationKeyIndicator("verificationKey", self.to_verification_key())
        if self.curve is not Curve.NIST_P256:
            raise UnsupportedAlgorithm(f"implicit certificates of keys on {self.curve.text}")
        return dot2.VerificationKeyIndicator("reconstructionValue", point_of_sec1(self.point))

    @classmethod
    def of_encryption_key(cls, key: dot2.PublicEncryptionKey) -> Self:
        """The key of a PublicEncryptionKey; errors as of_verification_key."""
        return cls.of_encryption_point(key.supported_symm_alg, key.public_key.kind, key.public_key.value)

    @classmethod
    def of_encryption_point(cls, cipher: str, kind: str, point: dot2.EccP256CurvePoint) -> Self:
        """The key of a point that the alternative `kind` of an ECIES choice holds."""
        curve = _BY_ENCRYPTION.get(kind)
        if curve is None or cipher != "aes128Ccm":
            raise UnsupportedAlgorithm(f"encryption keys of kind {kind} with {cipher}")
        return cls.from_sec1(curve, sec1_of_point(point))

    @classmethod
    def of_handle(cls, handle: ec.EllipticCurvePublicKey) -> Self:
        """The key of a key of the cryptography package. Raises UnsupportedAlgorithm for other curves."""
        curve = _BY_GROUP.get(handle.curve.name)
        if curve is None:
            raise UnsupportedAlgorithm(f"curve {handle.curve.name}")
        self = object.__new__(cls)
        octets = handle.public_bytes(_X962, _UNCOMPRESSED)
        self.point = (b"\x03" if octets[-1] & 1 else b"\x02") + octets[1 : 1 + curve.size]
        self.curve, self._handle, self.uncompressed = curve, handle, octets
        return self

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The key of a PEM SubjectPublicKeyInfo. Raises InvalidPoint or UnsupportedAlgorithm."""
        try:
            handle = serialization.load_pem_public_key(pem)
        except (ValueError, _Unsupported) as error:
            raise InvalidPoint("not a PEM public key") from error
        if not isinstance(handle, ec.EllipticCurvePublicKey):
            raise UnsupportedAlgorithm("not an elliptic curve key")
        return cls.of_handle(handle)

    def to_pem(self) -> bytes:
        """PEM SubjectPublicKeyInfo."""
        return self.handle.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def to_verification_key(self) -> dot2.PublicVerificationKey:
        """The record, compressed: the canonical form (IEEE 1609.2 6.1.2)."""
        return dot2.PublicVerificationKey(kind=self.curve.verification_kind, value=self.to_point())

    def to_encryption_key(self) -> dot2.PublicEncryptionKey:
        """The record, compressed. Raises UnsupportedAlgorithm where the curve has no ECIES (384 bit)."""
        kind = self.curve.encryption_kind
        if kind is None:
            raise UnsupportedAlgorithm(f"no encryption with keys on {self.curve.text}")
        base = dot2.BasePublicEncryptionKey(kind=kind, value=point_of_sec1(self.point))
        return dot2.PublicEncryptionKey(supported_symm_alg="aes128Ccm", public_key=base)

    def to_point(self) -> dot2.EccP256CurvePoint | dot2.EccP384CurvePoint:
        """The compressed point record."""
        if self.curve.size == 32:
            return point_of_sec1(self.point)
        return dot2.EccP384CurvePoint(kind=_FORMS[self.point[0] - 2], value=self.point[1:])

    @property
    def handle(self) -> ec.EllipticCurvePublicKey:
        """The cryptography package's key, made when it is first asked for (7 us)."""
        if self._handle is None:
            self._handle = ec.EllipticCurvePublicKey.from_encoded_point(self.curve.group, self.uncompressed)
        return self._handle

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PublicKey):
            return NotImplemented
        return self.point == other.point and self.curve is other.curve

    def __hash__(self) -> int:
        return hash(self.point)

    def __repr__(self) -> str:
        return f"PublicKey({self.curve.text}, {self.point.hex()})"


class Signer(Protocol):
    """Who holds a private key and signs digests with it."""

    @property
    def public_key(self) -> PublicKey: ...

    def sign(self, digest: bytes) -> bytes:
        """ECDSA over the digest (as long as the curve's hash): r || s, each of the curve's size."""
        ...


class Agreer(Protocol):
    """Who holds a private key and does ECDH with it."""

    @property
    def public_key(self) -> PublicKey: ...

    def agree(self, peer: PublicKey) -> bytes:
        """The x coordinate of the shared point, of the curve's size. The peer is on the same curve."""
        ...
