"""What the RA asks of its ACA: RaAcaCertRequest SPDUs, those of all vehicles of a chunk mixed together.

    requests = AcaRequests(responder, ledger, periods, aca, now)
    requests.batch(n, expansion, i, keys, plvs)   for each batch, plvs of both linkage authorities
    asked = requests.signed(shuffle)              signed by the RA's token, in no order

Requests that differ in keys, times and pre-linkage values alone are of one shape, that of many vehicles, and
are written by their places (wire/templates.py).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from v2xpki import wire
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.peers import name_of_request
from v2xpki.authorities.scms.ra_expanding import Expansion, Keys
from v2xpki.crypto import Certificate, hashed_id8
from v2xpki.crypto.hashing import hash_octets
from v2xpki.errors import DecodeError, LinkError, V2xPkiError
from v2xpki.keystore import ScmsResponder
from v2xpki.keystore.scms_responder import Form
from v2xpki.wire import dot2, scms
from v2xpki.wire.templates import PLV_TEXT, Pieces

LEDGER_BLOCK = 8192  # requests that one durable audit entry allows
_NONCE = 12
_TAIL = _NONCE + 1 + PLV_TEXT  # of an EncryptedIndividualPLV: nonce, length, text
_LENGTH = bytes((PLV_TEXT,))
_NO_SIGNATURE, _NO_LINKAGE = bytes(64), bytes(9)
Plvs = tuple[Sequence[bytes], Sequence[bytes]]


class NotOffered(V2xPkiError):
    """The ACA has no key for what is asked for."""


class Asked(NamedTuple):
    """One request to the ACA. batch: its number in the chunk. name: what a revocation finds it by."""

    batch: int
    j: int
    form: Form
    octets: bytes
    request_hash: bytes
    name: bytes


class _Row(NamedTuple):
    batch: int
    j: int
    name: bytes
    pieces: Pieces


class AcaRequests:
    """The requests of one chunk."""

    def __init__(
        self,
        responder: ScmsResponder,
        ledger: AnswerLedger,
        periods: Periods,
        aca: Certificate,
        now: int,
        implicit: Certificate | None = None,
    ) -> None:
        """aca: whom they are for, whose certificate issues explicit ones; implicit: of its key for implicit
        ones, None where it has none. now: their generationTime, a Time32."""
        self._responder, self._ledger, self._periods = responder, ledger, periods
        self._explicit, self._implicit, self._now = aca, implicit, now
        self._shapes: dict[scms.RaAcaCertRequest, list[_Row]] = {}
        self._alone: list[tuple[int, scms.RaAcaCertRequest, bytes]] = []
        self._plv_shapes: dict[bytes, scms.EncryptedIndividualPLV] = {}

    def batch(self, number: int, expansion: Expansion, i: int, keys: Keys, plvs: Plvs | None) -> None:
        """Cocoon keys of one batch, and by j the EncryptedIndividualPLVs for each (COER) where it has some.

        Raises LinkError for what is no EncryptedIndividualPLV, NotOffered.
        """
        not_before = self._issuer(expansion).start
        like = expansion.like(i, self._periods, not_before)
        count = len(keys.certified)
        nonces1 = texts1 = nonces2 = texts2 = [b""] * count
        linkage = b""
        if plvs is not None:
            one, nonces1, texts1 = self._pieces_of(plvs[0])
            two, nonces2, texts2 = self._pieces_of(plvs[1])
            like = like._replace(linkage_info=scms.LinkageInfo(one, two))
            linkage = i.to_bytes(2, "big") + _NO_LINKAGE
        time = self._now.to_bytes(4, "big")
        start = self._periods.validity_of(i, not_before).start.to_bytes(4, "big")
        rows = self._shapes.setdefault(like, [])
        compact = expansion.is_compact
        for j, (key, to) in enumerate(zip(keys.certified, keys.recipients, strict=True)):
            certified = _coer(key)
            sealed_to = b"" if compact else certified if to == key else _coer(to)
            pieces = Pieces(
                time, nonces1[j], texts1[j], nonces2[j], texts2[j], sealed_to, linkage, start, certified,
                _NO_SIGNATURE,
            )  # fmt: skip
            rows.append(_Row(number, j, name_of_request(key, to), pieces))

    def alone(self, number: int, expansion: Expansion, i: int) -> None:
        """An application certificate. Raises CryptoError for a key that is none, NotOffered."""
        start = self._issuer(expansion).start
        like = expansion.like(i, self._periods, start)._replace(generation_time=self._now)
        self._alone.append((number, like, name_of_request(*expansion.own_keys())))

    def signed(self, shuffle: Callable[[list[Asked]], None]) -> list[Asked]:
        """All of them, in the order that `shuffle` leaves. Raises KeystoreError, AuditError, StoreError."""
        made: list[Asked] = []
        for like, rows in self._shapes.items():
            self._enter(len(rows))
            spdus = self._responder.request_each(like, [row.pieces for row in rows])
            form: Form = "cubk" if like.cert_enc_key is None else "private"
            made += [
                Asked(batch, j, form, octets, _hash(octets), name)
                for (batch, j, name, _), octets in zip(rows, spdus, strict=True)
            ]
        for number, like, name in self._alone:
            self._enter(1)
            octets = self._responder.request(like)
            form = "plain" if like.cert_enc_key is None else "private"
            made.append(Asked(number, 0, form, octets, _hash(octets), name))
        shuffle(made)
        return made

    def _issuer(self, expansion: Expansion) -> Certificate:
        if not expansion.is_implicit:
            return self._explicit
        if self._implicit is None:
            raise NotOffered("implicit certificates")
        return self._implicit

    def _enter(self, count: int) -> None:
        for start in range(0, count, LEDGER_BLOCK):
            self._ledger.enter("raAcaCertRequest", min(LEDGER_BLOCK, count - start))

    def _pieces_of(
        self, plvs: Sequence[bytes]
    ) -> tuple[scms.EncryptedIndividualPLV, list[bytes], list[bytes]]:
        """Their shape, nonces and ciphertexts; all of a linkage authority's answer are under one key."""
        head = plvs[0][:-_TAIL]
        shape = self._plv_shapes.get(head)
        if shape is None:
            shape = self._plv_shapes[head] = _plv_shape(plvs[0])
        size = len(head) + _TAIL
        for plv in plvs:
            if len(plv) != size or not plv.startswith(head) or plv[-_TAIL + _NONCE :][:1] != _LENGTH:
                raise LinkError("pre-linkage values of one batch under different keys")
        return shape, [plv[-_TAIL : _NONCE - _TAIL] for plv in plvs], [plv[-PLV_TEXT:] for plv in plvs]


def _plv_shape(octets: bytes) -> scms.EncryptedIndividualPLV:
    """An EncryptedIndividualPLV with its nonce and text blank. Raises LinkError."""
    try:
        plv = wire.decode(scms.EncryptedIndividualPLV, octets)
    except DecodeError as error:
        raise LinkError(f"no EncryptedIndividualPLV: {error}") from error
    data: Any = plv.enc_plv.content.value
    if (
        not isinstance(data, dot2.EncryptedData)
        or [one.kind for one in data.recipients] != ["pskRecipInfo"]
        or data.ciphertext.kind != "aes128ccm"
        or len(data.ciphertext.value.ccm_ciphertext) != PLV_TEXT
    ):
        raise LinkError("an EncryptedIndividualPLV that is not under one key that is shared")
    blank = dot2.One28BitCcmCiphertext(bytes(_NONCE), bytes(PLV_TEXT))
    text = data.ciphertext._replace(value=blank)
    content = plv.enc_plv.content._replace(value=data._replace(ciphertext=text))
    return plv._replace(enc_plv=plv.enc_plv._replace(content=content))


def _coer(point: bytes) -> bytes:
    """A compressed point as COER has it, its form's tag first."""
    return bytes((0x80 | point[0],)) + point[1:]


def _hash(octets: bytes) -> bytes:
    return hashed_id8(hash_octets("sha256", octets))
