"""Implicit certificates (ECQV) in chunks: recorded as explicit ones are, with nothing to sign.

    issuer = ImplicitIssuer(key, certificate, database, IssuanceChunk, clock)
    ... template, prepare, tx_save_chunk, issue, tx_complete_chunk as ChunkIssuer
    s = issuer.private_key_info(octets, k)          what the holder makes its key of

What makes such a certificate good is s = e*k + d_CA, so the CA's private key is needed as a number. No token
does that: the key is an UnwrappedKey, which an operator has expressly allowed (docs/adr/0011).
"""

from collections.abc import Iterator
from hashlib import sha256

from sqlalchemy.orm import DeclarativeBase

from v2xpki.crypto import Certificate, implicit_hash
from v2xpki.errors import IssuanceError
from v2xpki.issuance.chunks import BatchIssuer, Chunk, ScmsLinter
from v2xpki.keystore import UnwrappedKey
from v2xpki.store import Database
from v2xpki.time import Clock


class ImplicitIssuer(BatchIssuer):
    """An ACA's second key, for implicit certificates alone."""

    _HEAD = b"\x00\x03\x01"  # version 3, implicit, without a signature

    def __init__(
        self,
        key: UnwrappedKey,
        certificate: Certificate,
        database: Database,
        model: type[DeclarativeBase],
        clock: Clock,
        linter: ScmsLinter | None = None,
    ) -> None:
        if certificate.verification_key != key.public_key:
            raise IssuanceError(f"certificate {certificate.hex8} is not of the unwrapped key")
        super().__init__(certificate, database, model, clock, linter)
        self._key = key

    def private_key_info(self, certificate: bytes, scalar: bytes) -> bytes:
        """s, 32 octets, for a certificate (COER) that `issue` made and the k of its reconstruction value.

        One k makes one certificate: two with the same k would tell the CA's key. Whoever derives k has to
        derive it of all that is in the certificate, the issuer included. Raises IssuanceError for another's.
        """
        if not certificate.startswith(self._before):
            raise IssuanceError("not an implicit certificate of this issuer")
        e = implicit_hash(certificate[len(self._before) :], self.certificate.digest)
        return self._key.contribution(e, scalar)

    @property
    def identity(self) -> bytes:
        """A digest of the issuer's certificate, for the derivation of k."""
        return sha256(b"implicit" + self.certificate.digest).digest()

    def _certificates(self, chunk: Chunk) -> Iterator[bytes]:
        return (self._before + octets for octets in chunk.tbs)
