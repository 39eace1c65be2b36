"""What is common to all requests of TS 102 941: opening them, headers, wrapping the answer.

    request = own.open(octets)          NotRecipient or DecodeError: nobody could read an answer
    request.decrypt()                   from here on every failure can be answered under request.key
    own.seal(ledger, pdu, request.key, now)

The two steps of decryption are apart here, since a content that does not open under an AES key that did
(`decryptionfailed`) can still be answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from v2xpki import wire
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.crypto import Agreer, Certificate, PublicKey, ccm_decrypt, unwrap_key
from v2xpki.errors import CryptoError, NotRecipient
from v2xpki.keystore import Responder
from v2xpki.secured import RecipientKey, encrypt_psk
from v2xpki.time import MICROSECONDS
from v2xpki.trust.profiles import SCR_PSID
from v2xpki.wire import dot2, etsi, scms

# bits of the second octet of the SSP for certificate requests (TS 102 941 B.5)
ENROLMENT_BIT, AUTHORIZATION_BIT, VALIDATION_BIT, CONFIRMATION_BIT = 0x80, 0x40, 0x20, 0x08

_ONLY_TIME = (None,) * (len(dot2.HeaderInfo._fields) - 2)


class UnknownCipher(CryptoError):
    """The content is encrypted with something else than AES-128-CCM."""


class Request(NamedTuple):
    """A request whose AES key is known; the content is still closed."""

    digest: bytes  # SHA-256 of the octets as received
    key: bytes
    to_retired: bool  # encrypted to an older certificate of this authority
    ciphertext: dot2.SymmetricCiphertext

    @property
    def request_hash(self) -> bytes:
        """What the answer names the request by (TS 102 941 6.2.3.2.2)."""
        return self.digest[:16]

    def decrypt(self) -> bytes:
        """The plain octets. Raises DecryptionFailed, UnknownCipher."""
        value = self.ciphertext.value
        if self.ciphertext.kind != "aes128ccm" or not isinstance(value, dot2.One28BitCcmCiphertext):
            raise UnknownCipher(f"cipher {self.ciphertext.kind}")
        return ccm_decrypt(self.key, value.nonce, value.ccm_ciphertext)


@dataclass(frozen=True)
class Generation:
    """A certificate of this authority with the handle of its encryption key."""

    certificate: Certificate
    agreer: Agreer


class OwnKeys:
    """An authority's certificates and the handles of their keys.

    current: what requests are encrypted to now. responder: signs answers under that certificate.
    retired: earlier generations whose keys are still there; what comes to them is answered with
    "not the recipient", so that a station learns to fetch the new certificate.
    """

    def __init__(self, current: Generation, responder: Responder, retired: Sequence[Generation] = ()) -> None:
        self.certificate = current.certificate
        self.ids = frozenset(g.certificate.hashed_id8 for g in (current, *retired))
        self._responder = responder
        self._keys = {
            g.certificate.hashed_id8: RecipientKey.of_certificate(g.agreer, g.certificate)
            for g in (*retired, current)
        }
        self._current = current.certificate.hashed_id8

    def open(
        self,
        data: bytes | dot2.Ieee1609Dot2Data,
        known: dict[dot2.EncryptedDataEncryptionKey, bytes] | None = None,
    ) -> Request:
        """The request with its AES key.

        known: wrapped keys that were opened before, for requests that came together; it is added to.

        Raises DecodeError, or NotRecipient where no own key gives an AES key: then no answer is possible.
        """
        record = wire.decode(dot2.Ieee1609Dot2Data, data) if isinstance(data, bytes) else data
        content = record.content.value
        if not isinstance(content, dot2.EncryptedData):
            raise NotRecipient(f"{record.content.kind} where encryptedData belongs")
        for info in content.recipients:
            value = info.value
            if info.kind != "certRecipInfo" or not isinstance(value, dot2.PKRecipientInfo):
                continue
            own = self._keys.get(value.recipient_id)
            if own is None:
                continue
            key = None if known is None else known.get(value.enc_key)
            if key is None:
                try:
                    key = unwrap_key(own.agreer, value.enc_key, own.p1, *own.alternatives)
                except CryptoError as error:
                    # One try: a list of recipients must not buy many ECDHs of the token.
                    raise NotRecipient(f"names this authority, but does not open: {error}") from error
                if known is not None:
                    known[value.enc_key] = key
            digest = sha256(data).digest() if isinstance(data, bytes) else b""
            return Request(digest, key, value.recipient_id != self._current, content.ciphertext)
        raise NotRecipient("no recipient is a certificate of this authority")

    def sign(self, ledger: AnswerLedger, kind: str, value: object, now64: int) -> bytes:
        """COER of the signed message around a PDU; `kind` as in EtsiTs102941DataContent.

        Raises AuditError or StoreError where the audit record does not take it: then nothing is signed.
        """
        ledger.enter(kind)
        content = etsi.EtsiTs102941DataContent(kind=kind, value=value)  # type: ignore[arg-type]  # pairs as they are made
        return self._responder.respond(etsi.EtsiTs102941Data(version=1, content=content), now64)

    def deliver(
        self, ledger: AnswerLedger, response: scms.AcaEeCertResponse, to: PublicKey
    ) -> dot2.Ieee1609Dot2Data:
        """A certificate for the holder of a cocoon encryption key alone: encrypted, then signed. Raises as
        sign."""
        ledger.enter("acaEeCertResponse")
        return self._responder.respond_privately(response, to)

    def seal(self, ledger: AnswerLedger, kind: str, value: object, key: bytes, now64: int) -> bytes:
        """An answer: signed, and encrypted under the request's AES key with a fresh nonce."""
        return encrypt_psk(self.sign(ledger, kind, value, now64), key)


def is_plain_header(header: dot2.HeaderInfo) -> bool:
    """Whether a header has psid 623 and generationTime, nothing else (TS 102 941 6.2.3.2.1)."""
    return header.psid == SCR_PSID and header.generation_time is not None and header[2:] == _ONLY_TIME


def in_time(header: dot2.HeaderInfo, now64: int, window: int) -> bool:
    """Whether generationTime is at most `window` seconds from now, either way."""
    return header.generation_time is not None and abs(header.generation_time - now64) <= window * MICROSECONDS


def may_request(certificate: Certificate, bit: int) -> bool:
    """Whether a certificate's SSP for certificate requests (psid 623) has a bit (checklist E14)."""
    ssp = certificate.app_permissions.get(SCR_PSID)
    if ssp is None or not isinstance(ssp.value, bytes):
        return False
    return len(ssp.value) >= 2 and ssp.value[0] == 1 and bool(ssp.value[1] & bit)
