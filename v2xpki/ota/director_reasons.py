"""Why the Director says no, to a vehicle or to an operator."""

from enum import Enum

from v2xpki.errors import Refused


class DirectorReason(Enum):
    """A refusal; the message names the field and the rule."""

    MALFORMED = "not what is served here"
    NOT_AUTHENTIC = "not by whom it must be"
    OUT_OF_TIME = "a time is outside the window"
    FORBIDDEN = "not this one's to ask for"
    NOT_EXPECTED = "no such registration is expected here"
    UNKNOWN = "no such thing here"
    REPLAYED = "was used before"
    CONFLICT = "contradicts what is registered"
    STATE = "not in this state"


class DirectorRefusal(Refused):
    reason: DirectorReason
