"""Sealing what an authority's database keeps: AES-256-GCM under a key that lies wrapped by the token.

    seal = Seal(key)                            32 octets
    octets = seal.close(plain, bound=row_id)    nonce 12 || ciphertext || tag 16
    plain = seal.open(octets, bound=row_id)     DecryptionFailed: of another key or place, or changed

`bound` is what stands beside the octets in clear and must not be exchanged: it is proved, not kept.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from v2xpki.errors import CryptoError, DecryptionFailed

KEY_OCTETS = 32
_NONCE = 12


class Seal:
    """For all threads of a process. Nonces are random: a key may serve for some thousand million rows."""

    __slots__ = ("_gcm",)

    def __init__(self, key: bytes) -> None:
        """Raises CryptoError for a key of another length than 32 octets."""
        if len(key) != KEY_OCTETS:
            raise CryptoError(f"a sealing key of {len(key)} octets: {KEY_OCTETS} belong there")
        self._gcm = AESGCM(key)

    def __repr__(self) -> str:
        return "<Seal>"

    def close(self, plain: bytes, bound: bytes) -> bytes:
        """The plain octets sealed, in their place."""
        nonce = os.urandom(_NONCE)
        return nonce + self._gcm.encrypt(nonce, plain, bound)

    def open(self, octets: bytes, bound: bytes) -> bytes:
        """The plain octets. Raises DecryptionFailed."""
        try:
            return self._gcm.decrypt(octets[:_NONCE], octets[_NONCE:], bound)
        except (InvalidTag, ValueError):
            raise DecryptionFailed("AES-GCM: sealed by another key, for another place, or changed") from None
