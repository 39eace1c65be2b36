"""Pre-linkage values on their way from a linkage authority to the ACA (IEEE 1609.2.1 EncryptedIndividualPLV).

    sealer = PlvSealer(la_id, key)        the key, 16 octets, that this authority and the ACA share
    sealer.seal(plvs)                     COER of an EncryptedIndividualPLV for each, in order

Each is AES-CCM under that key, named by a pskRecipInfo, so an RA that hands it on reads nothing. Nonces are
random and not counted: the ACA sees them, and numbers in a row would tell it which values were made together,
which is what the RA's shuffling hides.
"""

import os
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from v2xpki import wire
from v2xpki.crypto import psk_id
from v2xpki.crypto.ccm import KEY_OCTETS, NONCE_OCTETS, TAG_OCTETS
from v2xpki.crypto.linkage import LA_ID_OCTETS, VALUE_OCTETS
from v2xpki.errors import CryptoError
from v2xpki.wire import dot2, scms

_TEXT = VALUE_OCTETS + TAG_OCTETS


class PlvSealer:
    """A linkage authority's key shared with the ACA. For all threads of a process."""

    __slots__ = ("_before", "_between", "_ccm", "la_id", "psk_id")

    def __init__(self, la_id: bytes, key: bytes) -> None:
        """Raises CryptoError for an id that is not of 2 octets, a key that is not of 16."""
        if len(la_id) != LA_ID_OCTETS or len(key) != KEY_OCTETS:
            raise CryptoError(f"an la id of {len(la_id)} octets, a key of {len(key)}: 2 and 16 belong there")
        self.la_id, self.psk_id = la_id, psk_id(key)
        self._ccm = AESCCM(key, TAG_OCTETS)
        octets = wire.encode(encrypted_plv(la_id, self.psk_id, bytes(NONCE_OCTETS), bytes(_TEXT)))
        # the ciphertext ends it; before that its length, and before that the nonce
        head = len(octets) - _TEXT - 1
        self._before, self._between = octets[: head - NONCE_OCTETS], octets[head : head + 1]

    def __repr__(self) -> str:
        return f"<PlvSealer {self.la_id.hex()} under key {self.psk_id.hex()}>"

    def seal(self, plvs: Sequence[bytes]) -> list[bytes]:
        """COER of an EncryptedIndividualPLV for each pre-linkage value of 9 octets.

        Raises CryptoError for a value of another length.
        """
        before, between, encrypt = self._before, self._between, self._ccm.encrypt
        fresh, made, start = os.urandom(NONCE_OCTETS * len(plvs)), [], 0
        for plv in plvs:
            if len(plv) != VALUE_OCTETS:
                raise CryptoError(f"a pre-linkage value of {len(plv)} octets: {VALUE_OCTETS} belong there")
            nonce = fresh[start : start + NONCE_OCTETS]
            start += NONCE_OCTETS
            made.append(before + nonce + between + encrypt(nonce, plv, None))
        return made


def encrypted_plv(la_id: bytes, key_id: bytes, nonce: bytes, text: bytes) -> scms.EncryptedIndividualPLV:
    """The record. key_id: psk_id of the shared key; text: ciphertext || tag, 25 octets."""
    data = dot2.EncryptedData(
        recipients=(dot2.RecipientInfo("pskRecipInfo", key_id),),
        ciphertext=dot2.SymmetricCiphertext("aes128ccm", dot2.One28BitCcmCiphertext(nonce, text)),
    )
    enc_plv = dot2.Ieee1609Dot2Data(3, dot2.Ieee1609Dot2Content("encryptedData", data))
    return scms.EncryptedIndividualPLV(2, la_id, enc_plv)
