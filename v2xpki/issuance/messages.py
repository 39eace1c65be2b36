"""What is signed as data around a payload: lists, links, requests, CRLs. The doors to it are in lists.py and
crls.py; each lets through what it knows alone."""

from typing import Any, NamedTuple

from v2xpki.crypto import Certificate, signing_digest_of
from v2xpki.errors import InvalidSignature, IssuanceError
from v2xpki.issuance.records import Prepared, Record, Token, new_slip
from v2xpki.keystore import IssuingKey
from v2xpki.secured import Identifier, SignedMessage, frames
from v2xpki.store import random_key
from v2xpki.time import HOUR
from v2xpki.wire import dot2

_FOREVER = (1 << 32) - 1


class _Material(NamedTuple):
    payload: bytes
    tbs: bytes
    digest: bytes
    signer: bytes


class MessageIssuer:
    """A key with its certificate; None: signs as `self`. Raises IssuanceError for a certificate of another
    key."""

    def __init__(self, key: IssuingKey, certificate: Certificate | None) -> None:
        if certificate is not None and certificate.verification_key != key.public_key:
            raise IssuanceError(f"certificate {certificate.hex8} is not of the key {key.label}")
        self.certificate = certificate
        self._key = key

    def issue(self, token: Token) -> bytes:
        """Sign what was recorded: COER of the Ieee1609Dot2Data. Errors as `Issuer.issue`."""
        material: Any = token.material
        if token.owner is not self or not isinstance(material, _Material):
            raise IssuanceError("a token of another issuer")
        token.burn()
        key = self._key.public_key
        raw = self._key.sign(material.digest)
        octets = frames.signed(key.curve, material.tbs, material.signer, raw)
        message = SignedMessage.parse(octets)
        if message.tbs_octets != material.tbs or message.payload != material.payload:
            raise IssuanceError("the list is not what was recorded")
        try:
            message.verify(key, self.certificate or b"")
        except InvalidSignature as error:
            raise IssuanceError("the signature made does not verify") from error
        token.signed(octets)
        return octets

    def _prepared(
        self,
        kind: str,
        payload: bytes,
        header: dot2.HeaderInfo,
        named: Identifier,
        expires: int | None = None,
    ) -> Prepared:
        """expires: of the record, in TAI seconds; None: with the certificate."""
        if (named == "self") != (self.certificate is None):
            raise IssuanceError("who has a certificate signs under it")
        tbs = frames.payload_of(frames.unsecured(payload), None) + frames.header(header)
        end = expires
        if end is None:
            end = _FOREVER if self.certificate is None else self.certificate.end
        slip = new_slip()
        record = Record(
            id=random_key(),
            kind=kind,
            issuer=None if self.certificate is None else self.certificate.hashed_id8,
            to_be_signed=tbs,
            expires=end + -end % HOUR,
            slip=slip,
        )
        signer_hash = None if self.certificate is None else self.certificate.digest
        digest = signing_digest_of(self._key.public_key.curve.hash, tbs, signer_hash)
        signer = frames.signer_of(named, self.certificate)
        return Prepared(record, Token(slip, self, _Material(payload, tbs, digest, signer)))
