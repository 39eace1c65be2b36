"""Signed data: messages of stations, requests and answers, lists (IEEE 1609.2 6.3.4)."""

from typing import Literal, Self

from v2xpki import wire
from v2xpki.crypto import (
    Certificate,
    PublicKey,
    Signer,
    canonical_data,
    canonical_tbs_data,
    signing_digest_of,
    verify,
)
from v2xpki.crypto.hashing import hash_octets
from v2xpki.errors import InvalidSignature, SecuredError, UnexpectedContent
from v2xpki.secured import frames
from v2xpki.wire import dot2

Identifier = Literal["digest", "certificate", "self"]


def sign(
    signer: Signer,
    header: dot2.HeaderInfo,
    *,
    payload: bytes | None = None,
    data: dot2.Ieee1609Dot2Data | None = None,
    ext_data_hash: bytes | None = None,
    certificate: Certificate | None = None,
    identifier: Identifier,
) -> bytes:
    """COER of an Ieee1609Dot2Data signed by the signer.

    What is signed is `payload` (wrapped as unsecuredData), or `data` as it is, or what `ext_data_hash`
    (32 or 48 octets) is the hash of, or that besides one of the others. The signer is named by the digest
    of its certificate, by the certificate itself, or as `self`, which takes none. Raises SecuredError for
    arguments that make no message; what the signer raises.
    """
    if (certificate is None) != (identifier == "self"):
        raise SecuredError("digest and certificate take a certificate, self takes none")
    if payload is None and data is None and ext_data_hash is None:
        raise SecuredError("nothing to sign: no payload, no data, no hash of what is outside")
    if payload is not None and data is not None:
        raise SecuredError("a message carries a payload or data, not both")
    if ext_data_hash is not None and len(ext_data_hash) not in (32, 48):
        raise SecuredError(f"a hash of {len(ext_data_hash)} octets")
    key = signer.public_key
    if certificate is not None and not certificate.is_implicit and certificate.verification_key != key:
        raise SecuredError(f"certificate {certificate.hex8} is of another key")
    inner: bytes | None = None
    if payload is not None:
        inner = frames.unsecured(payload)
    elif data is not None:
        inner = wire.encode(canonical_data(data))
    tbs = frames.payload_of(inner, ext_data_hash) + frames.header(header)
    signer_hash = None if certificate is None else _hash_as_signer(certificate, key.curve.hash)
    raw = signer.sign(signing_digest_of(key.curve.hash, tbs, signer_hash))
    return frames.signed(key.curve, tbs, frames.signer_of(identifier, certificate), raw)


def _hash_as_signer(certificate: Certificate, name: str) -> bytes:
    # the same hash but for an implicit certificate below a 384-bit issuer, if ever there is one
    return certificate.digest if certificate.hash_name == name else hash_octets(name, certificate.octets)


class SignedMessage:
    """An Ieee1609Dot2Data that holds signedData, as received. Nothing is verified by being parsed.

    record, signed, header, signer: the records. hash_name: "sha256" or "sha384", as the message says.
    """

    __slots__ = ("_certificates", "_received", "_tbs_octets", "header", "record", "signed", "signer")

    record: dot2.Ieee1609Dot2Data
    signed: dot2.SignedData
    header: dot2.HeaderInfo
    signer: dot2.SignerIdentifier
    _certificates: tuple[Certificate, ...] | None
    _tbs_octets: bytes | None
    _received: bytes | None  # the octets of tbs_data as they came, canonical or not

    def __init__(self, record: dot2.Ieee1609Dot2Data) -> None:
        signed = record.content.value
        if not isinstance(signed, dot2.SignedData):
            raise UnexpectedContent(f"{record.content.kind} where signedData belongs")
        self.record, self.signed = record, signed
        self.header, self.signer = signed.tbs_data.header_info, signed.signer
        self._certificates = self._tbs_octets = self._received = None

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """The message of COER octets. Raises DecodeError, UnexpectedContent for another kind of content."""
        record, tbs_octets = wire.decode_signed(octets)
        self = cls(record)
        self._received = tbs_octets
        return self

    @classmethod
    def of(cls, record: dot2.Ieee1609Dot2Data) -> Self:
        """The message of a record. Raises UnexpectedContent."""
        return cls(record)

    @property
    def hash_name(self) -> str:
        return self.signed.hash_id

    @property
    def payload(self) -> bytes:
        """Octets of the unsecuredData inside. Raises UnexpectedContent where there is none."""
        data = self.signed.tbs_data.payload.data
        if data is None or not isinstance(data.content.value, bytes) or data.content.kind != "unsecuredData":
            kind = "nothing" if data is None else data.content.kind
            raise UnexpectedContent(f"{kind} where an unsecured payload belongs")
        return data.content.value

    @property
    def ext_data_hash(self) -> bytes | None:
        """Hash of what is signed but not inside, if there is one."""
        hashed = self.signed.tbs_data.payload.ext_data_hash
        return None if hashed is None else hashed.value

    @property
    def tbs_octets(self) -> bytes:
        """Canonical COER of the ToBeSignedData. Raises InvalidPoint for a key in its header off its curve."""
        if self._tbs_octets is None:
            tbs_data, received = self.signed.tbs_data, self._received
            # What came canonical is hashed as it came: encoding it anew takes 3 us.
            if received is not None and canonical_tbs_data(tbs_data) is tbs_data:
                self._tbs_octets = received
            else:
                self._tbs_octets = frames.tbs_of(tbs_data)
        return self._tbs_octets

    @property
    def signer_digest(self) -> bytes | None:
        """HashedId8 of the signer's certificate, where the message names it so."""
        value = self.signer.value
        return value if isinstance(value, bytes) else None

    @property
    def signer_certificates(self) -> tuple[Certificate, ...]:
        """The certificates inside, the signer's first; empty for digest and self.

        Raises what Certificate.of raises.
        """
        if self._certificates is None:
            value = self.signer.value
            self._certificates = tuple(map(Certificate.of, value)) if isinstance(value, tuple) else ()
        return self._certificates

    @property
    def is_self_signed(self) -> bool:
        return self.signer.kind == "self"

    def verify(self, key: PublicKey, signer: bytes | Certificate = b"") -> None:
        """Raise InvalidSignature unless the key signed this message.

        signer: the signer's certificate, or its canonical COER; empty for `self`. Whether that certificate
        is the one the message names, and to be trusted, is for trust/ to say.
        """
        name = self.signed.hash_id
        if name != key.curve.hash:
            raise InvalidSignature(f"hashId {name} under a key on {key.curve.text}")
        if isinstance(signer, Certificate):
            signer_hash: bytes | None = _hash_as_signer(signer, name)
        else:
            signer_hash = hash_octets(name, signer) if signer else None
        verify(key, self.signed.signature, signing_digest_of(name, self.tbs_octets, signer_hash))
