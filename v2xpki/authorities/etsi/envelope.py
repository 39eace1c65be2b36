"""What is common to all requests of TS 102 941: opening them, headers, wrapping the answer.

    request = own.open(octets)          NotRecipient or DecodeError: nobody could read an answer
    request.decrypt()                   from here on every failure can be answered under request.key
    request.own.seal(ledger, pdu, request.key, now)

The two steps of decryption are apart here, since a content that does not open under an AES key that did
(`decryptionfailed`) can still be answered.

An authority has generations of keys, each with its certificate. A request is answered, and what it asks for
is issued, under the certificate that it is encrypted to, as long as that one is in force: a station that goes
by an older list knows no other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from v2xpki import wire
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.crypto import Agreer, Certificate, PublicKey, ccm_decrypt, unwrap_key
from v2xpki.errors import CryptoError, NotRecipient, OutOfService
from v2xpki.issuance import Issuer
from v2xpki.keystore import Responder
from v2xpki.secured import RecipientKey, encrypt_psk
from v2xpki.time import MICROSECONDS, Clock, iso_from_time32
from v2xpki.trust.profiles import SCR_PSID
from v2xpki.wire import dot2, etsi, scms

# bits of the second octet of the SSP for certificate requests (TS 102 941 B.5)
ENROLMENT_BIT, AUTHORIZATION_BIT, VALIDATION_BIT, CONFIRMATION_BIT = 0x80, 0x40, 0x20, 0x08

_ONLY_TIME = (None,) * (len(dot2.HeaderInfo._fields) - 2)


class UnknownCipher(CryptoError):
    """The content is encrypted with something else than AES-128-CCM."""


@dataclass(frozen=True, eq=False)
class Generation:
    """One certificate of this authority with the handles of its keys.

    responder: signs answers. issuer: makes certificates. Both are None where the signing key is gone: then
    what comes to this generation still opens, and is refused. number: counts from 1.
    """

    certificate: Certificate
    agreer: Agreer
    responder: Responder | None = None
    issuer: Issuer | None = None
    number: int = 1

    @property
    def issues(self) -> Issuer:
        """The issuer. Raises OutOfService where there is none."""
        if self.issuer is None:
            raise OutOfService(f"{self.certificate.hex8}: its signing key is gone")
        return self.issuer

    def sign(self, ledger: AnswerLedger, kind: str, value: object, now64: int) -> bytes:
        """COER of the signed message around a PDU; `kind` as in EtsiTs102941DataContent.

        Raises AuditError or StoreError where the audit record does not take it: then nothing is signed.
        """
        responder = self._responds
        ledger.enter(kind)
        content = etsi.EtsiTs102941DataContent(kind=kind, value=value)  # type: ignore[arg-type]  # pairs as they are made
        return responder.respond(etsi.EtsiTs102941Data(version=1, content=content), now64)

    def deliver(
        self, ledger: AnswerLedger, response: scms.AcaEeCertResponse, to: PublicKey
    ) -> dot2.Ieee1609Dot2Data:
        """A certificate for the holder of a cocoon encryption key alone: encrypted, then signed. Raises as
        sign."""
        responder = self._responds
        ledger.enter("acaEeCertResponse")
        return responder.respond_privately(response, to)

    def seal(self, ledger: AnswerLedger, kind: str, value: object, key: bytes, now64: int) -> bytes:
        """An answer: signed, and encrypted under the request's AES key with a fresh nonce."""
        return encrypt_psk(self.sign(ledger, kind, value, now64), key)

    @property
    def _responds(self) -> Responder:
        if self.responder is None:
            raise OutOfService(f"{self.certificate.hex8}: its signing key is gone")
        return self.responder


class Request(NamedTuple):
    """A request whose AES key is known; the content is still closed."""

    digest: bytes  # SHA-256 of the octets as received
    key: bytes
    to_retired: bool  # encrypted to a certificate of this authority that is not in force any more
    ciphertext: dot2.SymmetricCiphertext
    own: Generation  # what answers it

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


class _Held(NamedTuple):
    """The generations at one moment; replaced as a whole."""

    generations: tuple[Generation, ...]  # the newest first
    keys: Mapping[bytes, tuple[Generation, RecipientKey]]
    ids: frozenset[bytes]


class OwnKeys:
    """An authority's generations, for all threads of a process.

    generations: the newest first. revoked: whether its root has revoked a certificate. A
    certificate that has ended or is revoked is not in force: what is encrypted to it is answered by the
    newest that is, with "not the recipient", so that a station learns to fetch the new one.
    """

    def __init__(
        self,
        generations: Sequence[Generation],
        clock: Clock,
        revoked: Callable[[Certificate], bool] = lambda _: False,
    ) -> None:
        self._clock, self._revoked = clock, revoked
        self.replace(generations)

    def replace(self, generations: Sequence[Generation]) -> None:
        """Take other generations from now on; requests that are at work keep theirs."""
        assert generations
        keys = {
            g.certificate.hashed_id8: (g, RecipientKey.of_certificate(g.agreer, g.certificate))
            for g in reversed(generations)
        }
        self._held = _Held(tuple(generations), keys, frozenset(keys))

    @property
    def ids(self) -> frozenset[bytes]:
        """HashedId8 of every certificate whose key is there."""
        return self._held.ids

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The newest first, in force or not."""
        return self._held.generations

    def is_revoked(self, generation: Generation) -> bool:
        return self._revoked(generation.certificate)

    def in_force(self, generation: Generation) -> bool:
        """Whether it may sign now."""
        certificate = generation.certificate
        return (
            certificate.start <= self._clock.time32() < certificate.end
            and generation.responder is not None
            and not self._revoked(certificate)
        )

    def newest(self) -> Generation:
        """The newest generation in force. Raises OutOfService where none is."""
        generations = self._held.generations
        for generation in generations:
            if self.in_force(generation):
                return generation
        last = generations[0]
        why = f"ended {iso_from_time32(last.certificate.end)}"
        if self.is_revoked(last):
            why = "is revoked"
        elif last.responder is None:
            why = "has no signing key"
        raise OutOfService(f"no certificate is in force: {last.certificate.hex8} {why}")

    def open(
        self,
        data: bytes | dot2.Ieee1609Dot2Data,
        known: dict[dot2.EncryptedDataEncryptionKey, bytes] | None = None,
    ) -> Request:
        """The request with its AES key.

        known: wrapped keys that were opened before, for requests that came together; it is added to.

        Raises DecodeError, or NotRecipient where no own key gives an AES key: then no answer is possible.
        OutOfService where nobody may sign one.
        """
        record = wire.decode(dot2.Ieee1609Dot2Data, data) if isinstance(data, bytes) else data
        content = record.content.value
        if not isinstance(content, dot2.EncryptedData):
            raise NotRecipient(f"{record.content.kind} where encryptedData belongs")
        keys = self._held.keys
        for info in content.recipients:
            value = info.value
            if info.kind != "certRecipInfo" or not isinstance(value, dot2.PKRecipientInfo):
                continue
            found = keys.get(value.recipient_id)
            if found is None:
                continue
            generation, own = found
            in_force = self.in_force(generation)
            answers = generation if in_force else self.newest()
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
            return Request(digest, key, not in_force, content.ciphertext, answers)
        raise NotRecipient("no recipient is a certificate of this authority")


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
