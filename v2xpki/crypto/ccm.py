"""AES-128-CCM as IEEE 1609.2 5.3.8 has it: nonce 12, tag 16, no associated data, ciphertext || tag."""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from v2xpki.crypto.hashing import hashed_id8
from v2xpki.errors import DecryptionFailed

KEY_OCTETS, NONCE_OCTETS, TAG_OCTETS = 16, 12, 16


def ccm_encrypt(key: bytes, nonce: bytes, plain: bytes) -> bytes:
    """Ciphertext and tag. A nonce serves once for a key."""
    _check(key, nonce)
    return AESCCM(key, TAG_OCTETS).encrypt(nonce, plain, None)


def ccm_decrypt(key: bytes, nonce: bytes, text: bytes) -> bytes:
    """The plain octets of ciphertext || tag. Raises DecryptionFailed."""
    _check(key, nonce)
    try:
        return AESCCM(key, TAG_OCTETS).decrypt(nonce, text, None)
    except InvalidTag:
        raise DecryptionFailed("AES-CCM: the tag does not fit") from None


class CcmKey:
    """A key that opens many texts. Its repr tells its name alone."""

    __slots__ = ("_cipher", "id")

    def __init__(self, key: bytes) -> None:
        """Raises DecryptionFailed for a key that is not AES-128's."""
        _check(key, bytes(NONCE_OCTETS))
        self._cipher, self.id = AESCCM(key, TAG_OCTETS), psk_id(key)

    def __repr__(self) -> str:
        return f"<CcmKey {self.id.hex()}>"

    def open(self, nonce: bytes, text: bytes) -> bytes:
        """As ccm_decrypt; the nonce has 12 octets."""
        try:
            return self._cipher.decrypt(nonce, text, None)
        except (InvalidTag, ValueError):
            raise DecryptionFailed("AES-CCM: the tag does not fit") from None


def psk_id(key: bytes) -> bytes:
    """HashedId8 that names a pre-shared key: of COER SymmetricEncryptionKey, `80 || key`."""
    return hashed_id8(hashlib.sha256(b"\x80" + key).digest())


def _check(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_OCTETS or len(nonce) != NONCE_OCTETS:
        raise DecryptionFailed("AES-128-CCM takes a key of 16 octets and a nonce of 12")
