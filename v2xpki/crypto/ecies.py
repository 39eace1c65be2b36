"""ECIES of IEEE 1609.2 5.3.5: an AES key wrapped for one recipient.

S = x(ephemeral * recipient); K1(16) || K2(32) = KDF2-SHA256(S, P1); c = key xor K1;
t = HMAC-SHA256(K2, c)[0:16]. P1 binds the wrap to what named the recipient (its certificate's hash).
"""

import hashlib
import hmac
from typing import Literal

from v2xpki.crypto.engine import engine
from v2xpki.crypto.keys import Agreer, PublicKey, point_of_sec1, sec1_of_point
from v2xpki.errors import UnsupportedAlgorithm, UnwrapFailed
from v2xpki.wire import dot2

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
