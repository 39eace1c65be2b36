"""ECIES of IEEE 1609.2 5.3.5: an AES key wrapped for one recipient, or many keys for one recipient each.

S = x(ephemeral * recipient); K1(16) || K2(32) = KDF2-SHA256(S, P1); c = key xor K1;
t = HMAC-SHA256(K2, c)[0:16]. P1 binds the wrap to what named the recipient (its certificate's hash).

wrap_parts_each takes 100 us a key with libcrypto, of points as they come; wrap_parts, which needs a PublicKey
made of the point first, 138 (best of 25 batches of 40, a busy machine).
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

from v2xpki.crypto.engine import engine
from v2xpki.crypto.group import Shared, check_form, p256, random_scalars
from v2xpki.crypto.keys import Agreer, PublicKey, point_of_sec1, sec1_of_point
from v2xpki.errors import CryptoError, UnsupportedAlgorithm, UnwrapFailed
from v2xpki.wire import dot2

_KEY_OCTETS = 16
# COER PublicEncryptionKey up to the point: aes128Ccm, eciesNistP256
_P256_KEY = b"\x00\x80"
NO_P1 = hashlib.sha256(b"").digest()  # P1 of a rekRecipInfo
Wrapped = tuple[Literal["eciesNistP256", "eciesBrainpoolP256r1"], bytes, bytes, bytes]


def wrap_key(recipient: PublicKey, key: bytes, p1: bytes) -> dot2.EncryptedDataEncryptionKey:
    """Wrap a 16-octet AES key. p1: 32 octets as the recipient info's kind says (see secured).

    The ephemeral key lives in this call alone; its public point is written compressed.
    Raises UnsupportedAlgorithm for a recipient on a 384-bit curve.
    """
    kind, point, c, t = wrap_parts(recipient, key, p1)
    return dot2.EncryptedDataEncryptionKey(
        kind=kind,
        value=dot2.EciesP256EncryptedKey(v=point_of_sec1(point), c=c, t=t),
    )


def wrap_parts(recipient: PublicKey, key: bytes, p1: bytes) -> Wrapped:
    """As wrap_key; the alternative's name, v (SEC1 compressed), c and t, for who assembles octets."""
    curve = recipient.curve
    if curve.encryption_kind is None:
        raise UnsupportedAlgorithm(f"no encryption to keys on {curve.text}")
    ephemeral, shared = engine(curve).share(recipient.uncompressed)
    c, t = _wrap(shared, key, p1)
    return curve.encryption_kind, ephemeral, c, t


def wrap_parts_each(points: Sequence[bytes], keys: Sequence[bytes], p1: bytes = NO_P1) -> list[Wrapped]:
    """As wrap_parts for each pair of a point of P-256 (SEC1 compressed) and an AES key (16 octets).

    Each has an ephemeral key of its own. Raises InvalidPoint for what is no point, CryptoError for keys of
    another length and for columns of different lengths.
    """
    return wrap_shared(p256().agreements(points, random_scalars(len(points))), keys, p1)


def wrap_shared(agreed: Sequence[Shared], keys: Sequence[bytes], p1: bytes = NO_P1) -> list[Wrapped]:
    """As wrap_parts_each, where the agreement is made already: each Shared is fresh, and serves once."""
    if len(keys) != len(agreed) or any(len(key) != _KEY_OCTETS for key in keys):
        raise CryptoError(f"an AES key of {_KEY_OCTETS} octets belongs to each of {len(agreed)} recipients")
    return [
        ("eciesNistP256", point, *_wrap(shared, key, p1))
        for (point, shared), key in zip(agreed, keys, strict=True)
    ]


def rek_ids(points: Sequence[bytes]) -> list[bytes]:
    """For each point of P-256 (SEC1 compressed): the HashedId8 that a rekRecipInfo names it by.

    It is that of COER PublicEncryptionKey. Raises InvalidPoint for octets that have not a point's form;
    whether they are one is for the agreement to find out.
    """
    for point in points:
        check_form(point)
    return [
        hashlib.sha256(_P256_KEY + bytes((0x80 | point[0],)) + point[1:]).digest()[-8:] for point in points
    ]


def unwrap_key(
    agreer: Agreer, wrapped: dot2.EncryptedDataEncryptionKey, p1: bytes, *alternatives: bytes
) -> bytes:
    """The AES key (16 octets). One ECDH, whatever the number of p1 that may be the right one.

    Raises InvalidPoint before the private key sees v, UnwrapFailed where t does not fit any p1,
    UnsupportedAlgorithm for SM2.
    """
    if not isinstance(wrapped.value, dot2.EciesP256EncryptedKey):
        raise UnsupportedAlgorithm(f"encrypted keys of kind {wrapped.kind}")
    curve = agreer.public_key.curve
    if wrapped.kind != curve.encryption_kind:
        raise UnwrapFailed(f"{wrapped.kind} for a key on {curve.text}")
    parts = wrapped.value
    peer = PublicKey.from_sec1(curve, sec1_of_point(parts.v))
    shared = agreer.agree(peer)
    for candidate in (p1, *alternatives):
        k1, k2 = _kdf2(shared, candidate)
        if hmac.compare_digest(hmac.digest(k2, parts.c, "sha256")[:16], parts.t):
            return _xor(parts.c, k1)
    raise UnwrapFailed("ECIES: the tag t does not fit")


def _wrap(shared: bytes, key: bytes, p1: bytes) -> tuple[bytes, bytes]:
    """c and t under a shared secret."""
    k1, k2 = _kdf2(shared, p1)
    c = _xor(key, k1)
    return c, hmac.digest(k2, c, "sha256")[:16]


def _kdf2(shared: bytes, p1: bytes) -> tuple[bytes, bytes]:
    """K1 (16 octets) and K2 (32)."""
    first = hashlib.sha256(shared + b"\0\0\0\1" + p1).digest()
    return first[:16], first[16:] + hashlib.sha256(shared + b"\0\0\0\2" + p1).digest()[:16]


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(16, "big")
