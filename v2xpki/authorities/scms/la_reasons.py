"""Why a linkage authority says no."""

from collections.abc import Sequence
from enum import Enum

from v2xpki.errors import Refused


class WishReason(Enum):
    """Why the pre-linkage values of a wish are not made."""

    BAD_LCI = "an lci is 16 octets"
    NO_JS = "no j is asked for"
    TOO_MANY_JS = "more j in a wish than the policy's certificates a period"
    BAD_J = "each j is a number from 0 to 255, and is there once"
    PERIOD_ENDED = "the certificates of period i have ended"
    TOO_FAR_AHEAD = "period i lies further ahead than the policy's preload"
    BEFORE_CHAIN = "period i lies before the chain's first"
    BEYOND_CHAIN = "period i lies beyond the chain's last: it takes a new lci"
    REVOKED = "the chain is revoked from a period not after i on"


class BatchReason(Enum):
    """Why nothing of a batch is made."""

    WISHES = "wishes that are refused; the rest may be asked for again"
    TOO_MANY_VALUES = "more values than the policy has for a batch"


class CaseReason(Enum):
    """Why nothing is told of a chain."""

    BAD_CASE = "a case id is 8 to 64 octets"
    BAD_VALUE = "a pre-linkage value is 9 octets, i a number of 16 bits, j of 8"
    NO_CHAIN = "no chain has this pre-linkage value for i and j"
    OTHER_CHAIN = "the case is recorded for another chain"
    NO_CASE = "no such case is recorded here: the chain is to be found by a pre-linkage value first"
    EARLIER = "period iRev lies before the one that was given for this chain"
    PAST = "period iRev has ended: its seed would tie what was driven before the revocation"
    BEFORE_CHAIN = "period iRev lies before the chain's first"
    BEYOND_CHAIN = "period iRev lies beyond the chain's last"
    OTHER_RA = "a further chain of a case is of the RA that the first one is of"
    TOO_MANY = "more further chains than the policy has for a case"


class RefusedWishes(Refused):
    """No value of a batch was made. `wishes`: (index of the wish, WishReason), in order."""

    def __init__(self, reason: BatchReason, wishes: Sequence[tuple[int, WishReason]] = ()) -> None:
        self.wishes = tuple(wishes)
        first = f": wish {wishes[0][0]}, {wishes[0][1].value}" if wishes else ""
        super().__init__(reason, f"{reason.value}{first}")


class RefusedCase(Refused):
    """Nothing of a chain was told. `reason` is a CaseReason."""
