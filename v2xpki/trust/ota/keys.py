"""Public keys as TUF's JSON has them, of the schemes that this house takes.

An ECU's key is ECDSA P-256 or Ed25519; roles may have ECDSA P-384, RSA-PSS and ML-DSA-65 keys besides.
"""

import hashlib
from base64 import b64decode
from typing import Any

from cryptography.exceptions import InvalidSignature as _Invalid
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key, Signature, SSlibKey

from v2xpki.crypto import Curve
from v2xpki.crypto.engine import engine
from v2xpki.errors import DecodeError, InvalidPoint, InvalidSignature
from v2xpki.trust.ota.names import KEYID

ECU_SCHEMES = ("ecdsa-sha2-nistp256", "ed25519")
ROLE_SCHEMES = (*ECU_SCHEMES, "ecdsa-sha2-nistp384", "rsassa-pss-sha256", "ml-dsa-65/1")
_P256 = "ecdsa-sha2-nistp256"
# RFC 5480 2: SubjectPublicKeyInfo of a P-256 key, before its uncompressed point
_P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
LEAST_RSA_BITS = 3072
_LONGEST = 8192  # characters of a public key; ML-DSA-65's PEM has 2,726


def parse_key(value: Any, what: str, schemes: tuple[str, ...] = ROLE_SCHEMES) -> SSlibKey:
    """A key of its JSON {"keytype", "scheme", "keyval": {"public"}}; its keyid is computed, never believed.
    Raises DecodeError."""
    if not isinstance(value, dict) or not isinstance(value.get("keyval"), dict):
        raise DecodeError(f"{what} is no key object")
    scheme, public = value.get("scheme"), value["keyval"].get("public")
    if not isinstance(scheme, str) or scheme not in schemes:
        raise DecodeError(f"{what}.scheme is not one of {', '.join(schemes)}")
    if not isinstance(public, str) or len(public) > _LONGEST:
        raise DecodeError(f"{what}.keyval.public is no public key")
    try:
        key = SSlibKey.from_crypto(_load(scheme, public))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise DecodeError(f"{what}.keyval.public is no key for {scheme}") from None
    if key.scheme != scheme:  # a key of another curve, for one
        raise DecodeError(f"{what}.keyval.public is a key for {key.scheme}, not for {scheme}")
    if value.get("keytype") != key.keytype:
        raise DecodeError(f"{what}.keytype is not {key.keytype}")
    return key


def key_of_pem(pem: bytes, what: str) -> SSlibKey:
    """The key of a PEM SubjectPublicKeyInfo, with its kind's scheme. Raises DecodeError."""
    try:
        found = load_pem_public_key(pem)
        key = SSlibKey.from_crypto(_checked(found))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise DecodeError(f"{what} is no PEM public key of a kind that signs metadata") from None
    if key.scheme not in ROLE_SCHEMES:
        raise DecodeError(f"{what} is a key for {key.scheme}, not for one of {', '.join(ROLE_SCHEMES)}")
    return key


def key_document(key: Key) -> dict[str, Any]:
    """The JSON of a key, without its keyid."""
    document: dict[str, Any] = key.to_dict()
    return document


def check_signature(key: Key, signature: Any, octets: bytes, what: str) -> None:
    """Raises InvalidSignature unless {"keyid", "sig"} is the key's signature over the octets."""
    if not isinstance(signature, dict):
        raise InvalidSignature(f"{what}: no signature object")
    keyid, sig = signature.get("keyid"), signature.get("sig")
    if not isinstance(keyid, str) or not isinstance(sig, str) or not KEYID.fullmatch(keyid):
        raise InvalidSignature(f"{what}: no signature object")
    if keyid != key.keyid:
        raise InvalidSignature(f"{what} is of key {keyid[:8]}, not of {key.keyid[:8]}")
    try:
        if isinstance(key, SSlibKey) and key.scheme == _P256:
            return _check_p256(key, sig, octets)
        key.verify_signature(Signature(keyid, sig), octets)
    except (
        UnverifiedSignatureError, VerificationError, InvalidPoint, _Invalid, ValueError, IndexError,
        OverflowError,
    ) as error:  # fmt: skip
        raise InvalidSignature(f"{what} does not verify under key {key.keyid[:8]}") from error


def _check_p256(key: Key, sig: str, octets: bytes) -> None:
    """What the library does, in half the time: reading a PEM takes as long as the check, and an object of a
    key that is used once a third of it."""
    der = b64decode("".join(key.keyval["public"].split("-----")[2].split()), validate=True)
    if not der.startswith(_P256_SPKI):
        raise InvalidSignature("another form of public key")
    r, s = decode_dss_signature(bytes.fromhex(sig))
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    point, digest = der[len(_P256_SPKI) :], hashlib.sha256(octets).digest()
    if not engine(Curve.NIST_P256).verifies(point, raw, digest):
        raise _Invalid


def _load(scheme: str, public: str) -> PublicKeyTypes:
    if scheme == "ed25519":
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    return _checked(load_pem_public_key(public.encode()))


def _checked(key: PublicKeyTypes) -> PublicKeyTypes:
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise ValueError("a short RSA key")
    return key
