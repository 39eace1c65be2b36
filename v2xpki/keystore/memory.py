"""Keys in memory: what stations, tests and benches have; never a CA in service.

A memory keystore refuses an authority's keys unless it was opened for a purpose that says so, and
`opened_for` tells status and the audit record about it.
"""

import hashlib
import hmac
import secrets
from types import TracebackType
from typing import Any, Literal, Self, get_args

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from v2xpki.crypto import Certificate, Curve, PublicKey, signature_record, verify
from v2xpki.errors import CryptoError, InvalidPoint, KeyNotFound, KeyRefused, KeystoreError
from v2xpki.keystore.labels import KeyInfo, KeyLabel, WrappingInfo
from v2xpki.keystore.responder import Responder
from v2xpki.keystore.scms_responder import ScmsResponder
from v2xpki.keystore.wrapping import WRAPPING_OCTETS, MemoryWrapper, check_wrapper

Purpose = Literal["test", "bench"]
SELF_TEST = b"v2xpki: the self-test of a key"
STATION = "station"  # the one owner of keys that is no authority

_CURVES: dict[Curve, ec.EllipticCurve] = {
    Curve.NIST_P256: ec.SECP256R1(),
    Curve.NIST_P384: ec.SECP384R1(),
    Curve.BRAINPOOL_P256R1: ec.BrainpoolP256R1(),
    Curve.BRAINPOOL_P384R1: ec.BrainpoolP384R1(),
}
_BY_NAME = {curve.name: ours for ours, curve in _CURVES.items()}
_HASHES = {"sha256": ec.ECDSA(Prehashed(hashes.SHA256())), "sha384": ec.ECDSA(Prehashed(hashes.SHA384()))}
_ECDH = ec.ECDH()


class MemoryKey:
    """A private key in memory: a Signer and an Agreer. Its repr tells the public half alone."""

    __slots__ = ("_algorithm", "_handle", "_size", "curve", "public_key")

    def __init__(self, curve: Curve, private: int | None = None) -> None:
        """A key of this scalar, or a fresh one. Raises CryptoError for a scalar outside 1..n-1."""
        if private is None:
            handle = ec.generate_private_key(_CURVES[curve])
        elif 0 < private < curve.order:
            handle = ec.derive_private_key(private, _CURVES[curve])
        else:
            raise CryptoError(f"no private key of {curve.text}: the scalar is not within 1..n-1")
        self._take(curve, handle)

    def _take(self, curve: Curve, handle: ec.EllipticCurvePrivateKey) -> None:
        self.curve, self._handle, self._size = curve, handle, curve.size
        self._algorithm = _HASHES[curve.hash]
        self.public_key = PublicKey.of_handle(handle.public_key())

    def __repr__(self) -> str:
        return f"<MemoryKey {self.curve.text} {self.public_key.point.hex()}>"

    @classmethod
    def generate(cls, curve: Curve) -> Self:
        return cls(curve)

    @classmethod
    def from_pem(cls, pem: bytes, password: bytes | None = None) -> Self:
        """Of a PKCS#8 or SEC1 PEM file. Raises CryptoError (not a private key, or not of our curves)."""
        try:
            handle = serialization.load_pem_private_key(pem, password)
        except (ValueError, TypeError) as error:
            raise CryptoError("this is no readable PEM private key") from error
        if not isinstance(handle, ec.EllipticCurvePrivateKey) or handle.curve.name not in _BY_NAME:
            raise CryptoError("this private key is on none of the curves of IEEE 1609.2")
        key = cls.__new__(cls)
        key._take(_BY_NAME[handle.curve.name], handle)
        return key

    def to_pem(self, password: bytes | None = None) -> bytes:
        """PKCS#8, encrypted where a password is given; the caller writes it to a 0600 file."""
        return self._handle.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
        )

    @property
    def private(self) -> int:
        """The scalar: what butterfly expansion and ECQV need of a station's key."""
        return self._handle.private_numbers().private_value

    def sign(self, digest: bytes) -> bytes:
        """r || s over a digest of the curve's size. Raises KeyRefused for one of another length."""
        size = self._size
        if len(digest) != size:
            raise KeyRefused(f"a {self.curve.text} key signs digests of {size} octets, not {len(digest)}")
        r, s = decode_dss_signature(self._handle.sign(digest, self._algorithm))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def agree(self, peer: PublicKey) -> bytes:
        """x of the shared point. Raises InvalidPoint for a peer on another curve."""
        if peer.curve is not self.curve:
            raise InvalidPoint(f"this key is on {self.curve.text}, the peer's on {peer.curve.text}")
        return self._handle.exchange(_ECDH, peer.handle)


class MemoryIssuingKey:
    """Door 1 of a memory key."""

    def __init__(self, label: KeyLabel, key: MemoryKey) -> None:
        self.label, self.public_key, self.sign = label, key.public_key, key.sign

    def __repr__(self) -> str:
        return f"<MemoryIssuingKey {self.label}>"


class MemoryAgreer:
    """The agree handle of a memory key."""

    def __init__(self, label: KeyLabel, key: MemoryKey) -> None:
        self.label, self.public_key, self.agree = label, key.public_key, key.agree

    def __repr__(self) -> str:
        return f"<MemoryAgreer {self.label}>"


def check_key(key: Any) -> None:
    """Use a labelled key once and check the result with the `cryptography` package.

    A signing key signs a fixed string; an encryption key agrees with a fresh one. Raises KeystoreError
    where the two ends differ, and what the key's own call raises.
    """
    curve: Curve = key.public_key.curve
    if key.label.use == "sign":
        digest = hashlib.new(curve.hash, SELF_TEST).digest()
        try:
            verify(key.public_key, signature_record(curve, key.sign(digest)), digest)
        except CryptoError as error:
            raise KeystoreError(f"self-test of {key.label}: the signature does not verify") from error
    else:
        other = MemoryKey.generate(curve)
        if not hmac.compare_digest(key.agree(other.public_key), other.agree(key.public_key)):
            raise KeystoreError(f"self-test of {key.label}: the two ends do not agree")


def refuse_pair(label: KeyLabel) -> None:
    """Raise KeyRefused where a label of a wrapping key stands for a pair."""
    if label.use == "wrap":
        raise KeyRefused(f"{label} is a key to wrap with; it has no public half")


class MemoryKeystore:
    """A keystore without a token. CA keys only for the purpose it was opened for."""

    kind = "memory"

    def __init__(self, opened_for: Purpose | None = None) -> None:
        if opened_for is not None and opened_for not in get_args(Purpose):
            raise KeystoreError(f"a memory keystore is opened for 'test' or 'bench', not {opened_for!r}")
        self.opened_for: str | None = opened_for
        self._keys: dict[KeyLabel, tuple[MemoryKey, bool]] = {}
        self._wrapping: dict[KeyLabel, MemoryWrapper] = {}

    def __repr__(self) -> str:
        return f"<MemoryKeystore opened_for={self.opened_for}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def generate(self, label: KeyLabel, curve: Curve) -> PublicKey:
        return self._add(label, MemoryKey.generate(curve), local=True)

    def add(self, label: KeyLabel, key: MemoryKey) -> PublicKey:
        """Take a key that exists (a station's, a vector's). Raises KeyRefused as generate does."""
        return self._add(label, key, local=False)

    def _add(self, label: KeyLabel, key: MemoryKey, *, local: bool) -> PublicKey:
        refuse_pair(label)
        self._refuse_to_take(label)
        self._keys[label] = key, local
        return key.public_key

    def _refuse_to_take(self, label: KeyLabel) -> None:
        if label.authority != STATION and self.opened_for is None:
            raise KeyRefused(
                f"{label} is an authority's key; it belongs in a token",
                hint="a memory keystore takes it only when opened for 'test' or 'bench'",
            )
        if label in self._keys or label in self._wrapping:
            raise KeyRefused(f"{label} exists; a key is never replaced under its label")

    def generate_wrapping(self, label: KeyLabel) -> None:
        if label.use != "wrap":
            raise KeyRefused(f"{label} names a pair of keys, not one to wrap with")
        self._refuse_to_take(label)
        self._wrapping[label] = MemoryWrapper(label, secrets.token_bytes(WRAPPING_OCTETS))

    def wrapper(self, label: KeyLabel) -> MemoryWrapper:
        if label.use != "wrap":
            raise KeyRefused(f"{label} wraps nothing")
        try:
            return self._wrapping[label]
        except KeyError:
            raise KeyNotFound(f"no key {label} in this memory keystore") from None

    def keys(self) -> list[KeyInfo]:
        return [
            KeyInfo(label, key.curve, key.public_key, sensitive=False, extractable=True, local=local)
            for label, (key, local) in sorted(self._keys.items())
        ]

    def wrapping_keys(self) -> list[WrappingInfo]:
        return [WrappingInfo(label, sensitive=False, extractable=True) for label in sorted(self._wrapping)]

    def public_key(self, label: KeyLabel) -> PublicKey:
        return self._key(label).public_key

    def issuing_key(self, label: KeyLabel) -> MemoryIssuingKey:
        key = self._key(label)
        if label.use != "sign":
            raise KeyRefused(f"{label} is an encryption key; it signs nothing")
        return MemoryIssuingKey(label, key)

    def responder(self, label: KeyLabel, certificate: Certificate) -> Responder:
        key = self.issuing_key(label)
        if certificate.verification_key != key.public_key:
            raise KeyRefused(f"certificate {certificate.hex8} is not of the key {label}")
        return Responder(label, certificate, key.sign)

    def scms_responder(self, label: KeyLabel, certificate: Certificate) -> ScmsResponder:
        key = self.issuing_key(label)
        if certificate.verification_key != key.public_key:
            raise KeyRefused(f"certificate {certificate.hex8} is not of the key {label}")
        return ScmsResponder(label, certificate, key.sign)

    def agreer(self, label: KeyLabel) -> MemoryAgreer:
        key = self._key(label)
        if label.use != "encrypt":
            raise KeyRefused(f"{label} is a signing key; it agrees with nobody")
        return MemoryAgreer(label, key)

    def self_test(self, label: KeyLabel) -> None:
        if label.use == "wrap":
            return check_wrapper(self.wrapper(label))
        return check_key(self.issuing_key(label) if label.use == "sign" else self.agreer(label))

    def close(self) -> None:
        self._keys.clear()
        self._wrapping.clear()

    def _key(self, label: KeyLabel) -> MemoryKey:
        refuse_pair(label)
        try:
            return self._keys[label][0]
        except KeyError:
            raise KeyNotFound(f"no key {label} in this memory keystore") from None
