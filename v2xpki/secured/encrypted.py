"""Encrypted data: to certificates and keys by ECIES, back by the key of the request (IEEE 1609.2 6.3.30).

Three failures are kept apart, since what they mean differs: NotRecipient (no own key is named),
UnwrapFailed (an own key is named, but ECIES does not open), DecryptionFailed (it does, the text does not).
"""

import hmac
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256, sha384
from typing import NamedTuple, Self

from v2xpki import wire
from v2xpki.crypto import (
    Agreer,
    Certificate,
    PublicKey,
    ccm_decrypt,
    ccm_encrypt,
    psk_id,
    unwrap_key,
    wrap_parts,
)
from v2xpki.errors import NotRecipient, SecuredError, UnexpectedContent, UnsupportedAlgorithm, UnwrapFailed
from v2xpki.secured import frames
from v2xpki.wire import dot2

_CERTIFICATE, _SIGNED_DATA, _KEY = b"\x82", b"\x83", b"\x84"  # alternatives of RecipientInfo
_NO_P1 = sha256(b"").digest()


class SignedDataKey(NamedTuple):
    """A recipient that gave its key in the header of a signed message: the answer goes to that key."""

    public_key: PublicKey
    message: bytes  # COER of the signed Ieee1609Dot2Data


class Encrypted(NamedTuple):
    """COER of the encrypted Ieee1609Dot2Data, and the AES key that an answer may come back under."""

    octets: bytes
    key: bytes


class Opened(NamedTuple):
    """What decryption gave: the plain octets, the AES key, and which own key opened it."""

    plain: bytes
    key: bytes
    recipient_id8: bytes


class RecipientKey(NamedTuple):
    """An own decryption key: who agrees, and which P1 bind a wrap to it."""

    agreer: Agreer
    p1: bytes
    alternatives: tuple[bytes, ...] = ()

    @classmethod
    def of_certificate(cls, agreer: Agreer, certificate: Certificate) -> Self:
        """For certRecipInfo under the certificate's HashedId8.

        P1 is the hash of the certificate. Where that is SHA-384, text and implementations differ on which
        hash is meant, so both open.
        """
        octets = certificate.octets
        others = (sha384(octets).digest(),) if certificate.hash_name == "sha384" else ()
        return cls(agreer, sha256(octets).digest(), others)

    @classmethod
    def of_signed_data(cls, agreer: Agreer, message: bytes) -> Self:
        """For signedDataRecipInfo under signed_data_id(message)."""
        return cls(agreer, sha256(message).digest())

    @classmethod
    def of_key(cls, agreer: Agreer) -> Self:
        """For rekRecipInfo under rek_id of the public key."""
        return cls(agreer, _NO_P1)


Recipient = Certificate | PublicKey | SignedDataKey


def rek_id(key: PublicKey) -> bytes:
    """HashedId8 that names a bare encryption key: of its COER PublicEncryptionKey."""
    return sha256(wire.encode(key.to_encryption_key())).digest()[-8:]


def signed_data_id(message: bytes) -> bytes:
    """HashedId8 that names the key in a signed message's header: of the message."""
    return sha256(message).digest()[-8:]


def encrypt(
    plain: bytes, recipients: Sequence[Recipient], *, key: bytes | None = None, nonce: bytes | None = None
) -> Encrypted:
    """Encrypt to each recipient: a Certificate, a bare PublicKey (rekRecipInfo) or a SignedDataKey.

    key (16 octets) and nonce (12) are fresh unless given, which only tests and re-sending have reason to.
    Raises SecuredError for no recipient or one without an encryption key, UnsupportedAlgorithm for keys on
    384-bit curves.
    """
    if not recipients:
        raise SecuredError("nobody to encrypt to")
    key = os.urandom(16) if key is None else key
    nonce = os.urandom(12) if nonce is None else nonce
    infos = [_recipient(recipient, key) for recipient in recipients]
    return Encrypted(frames.encrypted(infos, nonce, ccm_encrypt(key, nonce, plain)), key)


def _recipient(recipient: Recipient, key: bytes) -> bytes:
    if isinstance(recipient, Certificate):
        public = recipient.encryption_key
        if public is None:
            raise SecuredError(f"certificate {recipient.hex8} has no encryption key")
        p1 = recipient.digest if recipient.hash_name == "sha256" else sha256(recipient.octets).digest()
        return frames.key_recipient(_CERTIFICATE, recipient.hashed_id8, wrap_parts(public, key, p1))
    if isinstance(recipient, PublicKey):
        return frames.key_recipient(_KEY, rek_id(recipient), wrap_parts(recipient, key, _NO_P1))
    p1 = sha256(recipient.message).digest()
    return frames.key_recipient(_SIGNED_DATA, p1[-8:], wrap_parts(recipient.public_key, key, p1))


def encrypt_many(plains: Sequence[bytes], recipient: Certificate) -> tuple[list[bytes], bytes]:
    """COER of an encrypted Ieee1609Dot2Data for each plain, and the AES key of them all.

    All have one recipient info, octet for octet, and a nonce of their own: who opens them needs one ECDH.
    """
    key = os.urandom(16)
    info = _recipient(recipient, key)
    nonces = [os.urandom(12) for _ in plains]
    made = [
        frames.encrypted([info], nonce, ccm_encrypt(key, nonce, plain))
        for nonce, plain in zip(nonces, plains, strict=True)
    ]
    return made, key


def encrypt_psk(plain: bytes, key: bytes, *, nonce: bytes | None = None) -> bytes:
    """Encrypt under a key that the recipient knows: one pskRecipInfo, a fresh nonce."""
    nonce = os.urandom(12) if nonce is None else nonce
    return frames.encrypted([frames.psk_recipient(psk_id(key))], nonce, ccm_encrypt(key, nonce, plain))


def decrypt(data: bytes | dot2.Ieee1609Dot2Data, keys: Mapping[bytes, RecipientKey]) -> Opened:
    """Open encrypted data with one of the own keys, given by the HashedId8 that names them.

    Raises DecodeError, UnexpectedContent (not encryptedData), NotRecipient, UnwrapFailed, DecryptionFailed,
    InvalidPoint (the sender's ephemeral point, before the key sees it), UnsupportedAlgorithm.
    """
    content = _encrypted(data)
    failed: UnwrapFailed | None = None
    for info in content.recipients:
        value = info.value
        if not isinstance(value, dot2.PKRecipientInfo):
            continue
        own = keys.get(value.recipient_id)
        if own is None:
            continue
        try:
            key = unwrap_key(own.agreer, value.enc_key, own.p1, *own.alternatives)
        except UnwrapFailed as error:
            failed = error
            continue
        return Opened(_open(content, key), key, value.recipient_id)
    if failed is not None:
        raise failed
    raise NotRecipient("none of the recipients is an own key")


def decrypt_psk(data: bytes | dot2.Ieee1609Dot2Data, key: bytes) -> bytes:
    """Open data that comes back under a key of ours: exactly one pskRecipInfo, naming it.

    Raises DecodeError, UnexpectedContent, NotRecipient, DecryptionFailed.
    """
    content = _encrypted(data)
    kinds = [info.kind for info in content.recipients]
    if kinds != ["pskRecipInfo"]:
        raise NotRecipient(f"recipients {', '.join(kinds) or 'none'} where one pskRecipInfo belongs")
    named = content.recipients[0].value
    if not isinstance(named, bytes) or not hmac.compare_digest(named, psk_id(key)):
        raise NotRecipient("pskRecipInfo names another key")
    return _open(content, key)


def _encrypted(data: bytes | dot2.Ieee1609Dot2Data) -> dot2.EncryptedData:
    record = wire.decode(dot2.Ieee1609Dot2Data, data) if isinstance(data, bytes) else data
    if not isinstance(record.content.value, dot2.EncryptedData):
        raise UnexpectedContent(f"{record.content.kind} where encryptedData belongs")
    return record.content.value


def _open(content: dot2.EncryptedData, key: bytes) -> bytes:
    if content.ciphertext.kind != "aes128ccm":
        raise UnsupportedAlgorithm(f"cipher {content.ciphertext.kind}")
    text = content.ciphertext.value
    return ccm_decrypt(key, text.nonce, text.ccm_ciphertext)
