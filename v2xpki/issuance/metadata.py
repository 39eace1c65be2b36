"""Door 1 for firmware metadata (TUF): canonical JSON is recorded, then signed, one record for all that goes
out together.

    issuer = MetadataIssuer.open(keystore, labels)
    prepared = issuer.prepare([Payload(label, octets), ...], expires)
    tx_save(tx, prepared.record);  documents = issuer.issue(prepared.token)
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Self

from securesystemslib.signer import Key, Signature, Signer

from v2xpki.errors import IssuanceError, KeystoreError
from v2xpki.issuance.records import Prepared, Record, Token, new_slip
from v2xpki.issuance.token_signer import Made, TokenSigner
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.store import random_key
from v2xpki.time import HOUR
from v2xpki.trust.ota.canonical import as_json

_KEYID = 64  # characters


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


class MetadataIssuer:
    """Who may sign firmware metadata, by label: the keys of one trust domain's token."""

    def __init__(self, signers: Mapping[KeyLabel, Signer]) -> None:
        self._signers = dict(signers)
        self._checker = ThreadPoolExecutor(1, "check")  # its thread begins at first use

    @classmethod
    def open(cls, keystore: Keystore, labels: Iterable[KeyLabel]) -> Self:
        """With the token's keys of labels. Raises what issuing_key raises, and IssuanceError for a curve."""
        return cls({label: TokenSigner(keystore.issuing_key(label)) for label in labels})

    def public_key(self, label: KeyLabel) -> Key:
        """As a root names it. Raises IssuanceError for a label that was not given."""
        return self._signer(label).public_key

    def prepare(self, payloads: Sequence[Payload], expires: int, *, kind: str = "METADATA") -> Prepared:
        """A record of all of them; nothing is written or signed. expires: TAI seconds, when a purge may take
        it. Raises IssuanceError for an unknown label, or a payload that is no canonical JSON object."""
        lines = []
        for label, octets in payloads:
            self._signer(label)
            if octets[:1] != b"{" or octets[-1:] != b"}":
                raise IssuanceError("firmware metadata is an object of canonical JSON")
            lines.append(as_json(octets))
        record = Record(random_key(), kind, None, b"\n".join(lines), expires + -expires % HOUR, new_slip())
        return Prepared(record, Token(record.slip, self, _Material(tuple(payloads))))

    def issue(self, token: Token) -> list[Signed]:
        """Sign what was recorded, in its order; each signature is checked. What `tx_complete` takes is
        `signatures_of` the answer. Raises TokenSpent, RecordFailed, TokenLost, IssuanceError."""
        [made] = self.issue_each([token])
        if isinstance(made, Exception):
            raise made
        return made

    def issue_each(self, tokens: Sequence[Token]) -> list[list[Signed] | Exception]:
        """As `issue` of each, in order, with what it would raise. Of several, one is signed while the one
        before is checked, in another thread. A token that was lost twice in a row is not asked for the
        rest."""
        made: list[list[Made | Signature] | Exception] = []
        wrong: list[Future[IssuanceError | None]] = []
        for number, token in enumerate(tokens, 1):
            last = made[-2:]
            lost = len(last) == 2 and all(isinstance(one, KeystoreError) for one in last)
            try:
                made.append(last[-1] if lost else self._made(token))
            except Exception as error:
                made.append(error)
            if number < len(tokens):
                wrong.append(self._checker.submit(_wrong_of, made[-1]))
        here = [_wrong_of(one) for one in made[-1:]]  # the other thread has enough to do
        found = [*(one.result() for one in wrong), *here]
        return [
            refused or _signed(token, one) for token, one, refused in zip(tokens, made, found, strict=True)
        ]

    def _made(self, token: Token) -> list[Made | Signature]:
        material = token.material
        if token.owner is not self or not isinstance(material, _Material):
            raise IssuanceError("a token of another issuer")
        token.burn()
        made: list[Made | Signature] = []
        for label, octets in material.payloads:
            signer = self._signer(label)
            made.append(signer.made(octets) if isinstance(signer, TokenSigner) else signer.sign(octets))
        return made

    def _signer(self, label: KeyLabel) -> Signer:
        found = self._signers.get(label)
        if found is None:
            raise IssuanceError(f"{label} signs no firmware metadata here")
        return found


def _wrong_of(made: list[Made | Signature] | Exception) -> IssuanceError | None:
    """What is wrong with a token's signatures. Others were checked as they were made."""
    try:
        for one in [] if isinstance(made, Exception) else made:
            if isinstance(one, Made):
                one.check()
    except IssuanceError as error:
        return error
    return None


def _signed(token: Token, made: list[Made | Signature] | Exception) -> list[Signed] | Exception:
    if isinstance(made, Exception):
        return made
    assert isinstance(token.material, _Material)
    signed = []
    for (_, octets), one in zip(token.material.payloads, made, strict=True):
        signature = one.signature if isinstance(one, Made) else one
        signed.append(Signed(octets, signature.keyid, signature.signature))
    token.signed(signatures_of(signed))
    return signed


def signatures_of(made: Iterable[Signed]) -> bytes:
    """What a record keeps as signed, a line for each payload: keyid, a space, the hex of the signature."""
    return b"\n".join([f"{one.keyid} {one.signature}".encode() for one in made])


def documents_of(to_be_signed: bytes, signed: bytes) -> list[bytes]:
    """The metadata of an issued record, JSON, each with the one signature that was made for it."""
    pairs = zip(to_be_signed.split(b"\n"), signed.decode().split("\n"), strict=True)
    return [document(payload, [(line[:_KEYID], line[_KEYID + 1 :])]) for payload, line in pairs]
