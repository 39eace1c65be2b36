"""Door 1 for firmware metadata (TUF): canonical JSON is recorded, then signed, one record for all that goes
out together.

    issuer = MetadataIssuer.open(keystore, labels)
    prepared = issuer.prepare([Payload(label, octets), ...], expires)
    tx_save(tx, prepared.record);  documents = issuer.issue(prepared.token)

ECDSA signatures are hex of DER, over SHA-256 on P-256 and SHA-384 on P-384, as securesystemslib checks them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from securesystemslib.signer import SSlibKey

from v2xpki.crypto import Curve
from v2xpki.errors import IssuanceError
from v2xpki.issuance.records import Prepared, Record, Token, new_slip
from v2xpki.keystore import IssuingKey, KeyLabel, Keystore
from v2xpki.store import random_key
from v2xpki.time import HOUR
from v2xpki.trust.ota.canonical import as_json

_SCHEMES = {
    Curve.NIST_P256: ("ecdsa-sha2-nistp256", hashlib.sha256, ec.ECDSA(Prehashed(hashes.SHA256()))),
    Curve.NIST_P384: ("ecdsa-sha2-nistp384", hashlib.sha384, ec.ECDSA(Prehashed(hashes.SHA384()))),
}


_KEYID = 64  # characters

#: On which curves keys may sign here.
SIGNING_CURVES = tuple(_SCHEMES)


class Payload(NamedTuple):
    """What one key is to sign: the canonical JSON of a metadata's "signed" part."""

    label: KeyLabel
    octets: bytes


class Signed(NamedTuple):
    """A signature over a payload: keyid, and the hex that metadata has."""

    payload: bytes
    keyid: str
    signature: str

    @property
    def document(self) -> bytes:
        """The metadata with this one signature, JSON."""
        return document(self.payload, [(self.keyid, self.signature)])


class _Material(NamedTuple):
    payloads: Sequence[Payload]


def document(payload: bytes, signatures: Iterable[tuple[str, str]]) -> bytes:
    """The JSON of metadata: a canonical "signed" part and its signatures (keyid, hex)."""
    listed = ",".join([f'{{"keyid":"{keyid}","sig":"{sig}"}}' for keyid, sig in signatures])
    return b'{"signatures":[' + listed.encode() + b'],"signed":' + as_json(payload) + b"}"


def tuf_key(key: IssuingKey) -> SSlibKey:
    """The public half as metadata names it. Raises IssuanceError for a curve that TUF has no scheme for."""
    curve = key.public_key.curve
    if curve not in _SCHEMES:
        raise IssuanceError(f"{key.label} is on {curve.text}; firmware metadata is signed on P-256 or P-384")
    return SSlibKey.from_crypto(key.public_key.handle, scheme=_SCHEMES[curve][0])


class MetadataIssuer:
    """The keys of one trust domain's token that sign firmware metadata. Raises IssuanceError for a curve."""

    def __init__(self, keys: Iterable[IssuingKey]) -> None:
        self._keys = {key.label: (key, tuf_key(key)) for key in keys}

    @classmethod
    def open(cls, keystore: Keystore, labels: Iterable[KeyLabel]) -> Self:
        """With the keys of labels. Raises what issuing_key raises, and IssuanceError."""
        return cls(map(keystore.issuing_key, labels))

    def public_key(self, label: KeyLabel) -> SSlibKey:
        """As a root names it. Raises IssuanceError for a label that was not given."""
        return self._key(label)[1]

    def prepare(self, payloads: Sequence[Payload], expires: int, *, kind: str = "METADATA") -> Prepared:
        """A record of all of them; nothing is written or signed. expires: TAI seconds, when a purge may take
        it. Raises IssuanceError for an unknown label, or a payload that is no canonical JSON object."""
        lines = []
        for label, octets in payloads:
            self._key(label)
            if octets[:1] != b"{" or octets[-1:] != b"}":
                raise IssuanceError("firmware metadata is an object of canonical JSON")
            lines.append(as_json(octets))
        record = Record(random_key(), kind, None, b"\n".join(lines), expires + -expires % HOUR, new_slip())
        return Prepared(record, Token(record.slip, self, _Material(tuple(payloads))))

    def issue(self, token: Token) -> list[Signed]:
        """Sign what was recorded, in its order; each signature is checked. What `tx_complete` takes is
        `signatures_of` the answer. Raises TokenSpent, RecordFailed, TokenLost, IssuanceError."""
        material = token.material
        if token.owner is not self or not isinstance(material, _Material):
            raise IssuanceError("a token of another issuer")
        token.burn()
        made = [self._sign(label, octets) for label, octets in material.payloads]
        token.signed(signatures_of(made))
        return made

    def _sign(self, label: KeyLabel, octets: bytes) -> Signed:
        key, public = self._key(label)
        curve = key.public_key.curve
        _, hashed, algorithm = _SCHEMES[curve]
        digest, size = hashed(octets).digest(), curve.size
        raw = key.sign(digest)
        der = encode_dss_signature(int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"))
        try:
            # As it goes out. By the package whose form this is: of three in a row, 15 us each less.
            key.public_key.handle.verify(der, digest, algorithm)
        except InvalidSignature as error:
            raise IssuanceError("the signature made does not verify") from error
        return Signed(octets, public.keyid, der.hex())

    def _key(self, label: KeyLabel) -> tuple[IssuingKey, SSlibKey]:
        found = self._keys.get(label)
        if found is None:
            raise IssuanceError(f"{label} signs no firmware metadata here")
        return found


def signatures_of(made: Iterable[Signed]) -> bytes:
    """What a record keeps as signed, a line for each payload: keyid, a space, the hex of the signature."""
    return b"\n".join([f"{one.keyid} {one.signature}".encode() for one in made])


def documents_of(to_be_signed: bytes, signed: bytes) -> list[bytes]:
    """The metadata of an issued record, JSON, each with the one signature that was made for it."""
    pairs = zip(to_be_signed.split(b"\n"), signed.decode().split("\n"), strict=True)
    return [document(payload, [(line[:_KEYID], line[_KEYID + 1 :])]) for payload, line in pairs]
