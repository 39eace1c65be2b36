"""What components of an SCMS send each other, as octets: version 1, below /internal/v1.

    octets = CERTIFY.asked.encode(requests)         the body of a POST to CERTIFY.path
    answers = CERTIFY.answered.decode(octets)       of an answer with HTTP status 200
    refused = CERTIFY.refused.decode(octets)        of one with 409: the exception itself

Both ends go by this module, links/scms.py and web/internal.py. Frames bound what is sent; what is allowed is
for the authorities to say. Reasons go by the names of their enumerations, and no text with them, but for what
an ACA says of one request among many.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

from v2xpki.authorities.scms.case_parts import PartReason, RefusedParts
from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.la_reasons import (
    BatchReason,
    CaseReason,
    RefusedCase,
    RefusedWishes,
    WishReason,
)
from v2xpki.authorities.scms.peers import SealedParts, TracedChain, TracedParts
from v2xpki.authorities.scms.reasons import AcaReason, Refusal
from v2xpki.errors import EncodeError, Refused
from v2xpki.issuance.chunks import MOST
from v2xpki.links.forms import (
    Either,
    Form,
    Many,
    Maybe,
    Member,
    Nothing,
    Number,
    Numbers,
    Octets,
    Reader,
    Record,
    Strings,
    Text,
    parts,
)

MEDIA_TYPE = "application/octet-stream"
BEGINNING = "/internal/v1/"
#: HTTP status of an answer that is a refusal.
REFUSED = 409

Q = TypeVar("Q")
A = TypeVar("A")

_MIB = 1 << 20
_SPDU = Octets(1, 0xFFFF)
_SEALED = Octets(1, 0xFFFF)
_CASE = Octets(0, 0xFF)
_LA_ID, _HASHED_ID8, _SEED = Octets(2, 2), Octets(8, 8), Octets(16, 16)
_PERIOD = Number(4)
_MOST_WISHES = 0xFFFF
_WISH: Form[Wish] = Record(Wish, Octets(0, 0xFF), _PERIOD, Numbers(2, 0x100), Maybe(_PERIOD))
_VALUES = Strings(0xFFFF, 0x100)
_REFUSAL: Form[Refusal] = Record(Refusal, Member(AcaReason), Text(0xFF))
_CHAIN: Form[TracedChain] = Record(TracedChain, _SEALED, _SEALED, _PERIOD, _PERIOD, _PERIOD)


def _traced(j: int, la_id1: bytes, la_id2: bytes, chain: TracedChain, others: Any) -> TracedParts:
    return TracedParts(j, la_id1, la_id2, chain, tuple(others))


class Refusals(Form[Refused]):
    """One of the exceptions by which an authority refuses a call."""

    def __init__(self, *kinds: type[Refused]) -> None:
        self._kinds = kinds
        self._of_wish: Form[Any] = Many(Record(parts, Number(4), Member(WishReason)), _MOST_WISHES)

    @property
    def kinds(self) -> tuple[type[Refused], ...]:
        return self._kinds

    def put(self, value: Refused, out: list[bytes]) -> None:
        kind = type(value)
        if kind not in self._kinds:
            raise EncodeError(f"a {kind.__name__} is no refusal of this call")
        out.append(bytes((self._kinds.index(kind),)))
        Member(_REASONS[kind]).put(value.reason, out)
        if isinstance(value, RefusedWishes):
            self._of_wish.put(value.wishes, out)

    def take(self, reader: Reader) -> Refused:
        number = reader.number(1)
        if number >= len(self._kinds):
            raise reader.error(f"there is no refusal {number}")
        kind = self._kinds[number]
        reason = Member(_REASONS[kind]).take(reader)
        if kind is RefusedWishes:
            return RefusedWishes(BatchReason[reason.name], self._of_wish.take(reader))
        return kind(reason)


_REASONS: Mapping[type[Refused], type[Enum]] = {
    RefusedWishes: BatchReason,
    RefusedEnrolmentRequest: EcaReason,
    RefusedParts: PartReason,
    RefusedCase: CaseReason,
}


class Call(NamedTuple, Generic[Q, A]):
    """A POST. limits: of octets of a request's body and of an answer's."""

    path: str
    asked: Form[Q]
    answered: Form[A]
    refused: Refusals
    request_limit: int = _MIB
    answer_limit: int = _MIB


PRE_LINKAGE_VALUES: Call[Sequence[Wish], Sequence[Sequence[bytes]]] = Call(
    BEGINNING + "pre-linkage-values",
    Many(_WISH, _MOST_WISHES),
    Many(_VALUES, _MOST_WISHES),
    Refusals(RefusedWishes),
    8 * _MIB,
    16 * _MIB,
)
CERTIFY: Call[Sequence[bytes], Sequence[bytes | Refusal]] = Call(
    BEGINNING + "certificates",
    Many(_SPDU, MOST),
    Many(Either((bytes, _SPDU), (Refusal, _REFUSAL)), MOST),
    Refusals(),
    16 * _MIB,
    16 * _MIB,
)
SUCCEED: Call[bytes, bytes] = Call(
    BEGINNING + "successor", _SPDU, _SPDU, Refusals(RefusedEnrolmentRequest)
)  # fmt: skip
#: certificate, case
PARTS_OF: Call[tuple[bytes, bytes], SealedParts | None] = Call(
    BEGINNING + "case/parts",
    Record(parts, Octets(0, 0xFFFF), _CASE),
    Maybe(Record(SealedParts, _LA_ID, _SEALED, _LA_ID, _SEALED, _HASHED_ID8, _SEALED)),
    Refusals(RefusedParts),
)
#: sealed request hash, i, case
TRACE: Call[tuple[bytes, int, bytes], TracedParts | None] = Call(
    BEGINNING + "case/trace",
    Record(parts, _SEALED, _PERIOD, _CASE),
    Maybe(Record(_traced, Number(2), _LA_ID, _LA_ID, _CHAIN, Many(_CHAIN, 0xFFFF))),
    Refusals(RefusedParts),
    answer_limit=16 * _MIB,
)
#: HashedId8 of the enrolment certificate
BLOCK: Call[bytes, None] = Call(BEGINNING + "case/block", _HASHED_ID8, Nothing(), Refusals())
#: sealed value, sealed lci, i, j, iRev, case
SEED_AT: Call[tuple[bytes, bytes, int, int, int, bytes], bytes] = Call(
    BEGINNING + "case/seed",
    Record(parts, _SEALED, _SEALED, _PERIOD, Number(2), _PERIOD, _CASE),
    _SEED,
    Refusals(RefusedCase, RefusedParts),
)
#: sealed lci, iRev, case
FURTHER_SEED: Call[tuple[bytes, int, bytes], bytes] = Call(
    BEGINNING + "case/further-seed",
    Record(parts, _SEALED, _PERIOD, _CASE),
    _SEED,
    Refusals(RefusedCase, RefusedParts),
)
PUBLISH: Call[Sequence[bytes], None] = Call(
    BEGINNING + "publish", Many(Octets(1, 64 * _MIB), 0xFFFF), Nothing(), Refusals(), 64 * _MIB
)
