"""Why a vehicle does not take an update: the threats that Uptane names (Standard 4.2), and how they show."""

from enum import Enum

from v2xpki.errors import StationError

_LONGEST = 256  # characters of a report's "attack"


class Threat(Enum):
    """The reason of a refusal; the value is what reports and people read."""

    EAVESDROPPING = "eavesdropping"  # an URL that anyone on the way could read along
    DROP_REQUEST = "drop-request"  # no answer, an answer cut off, or a file that must be there is not
    DENIAL_OF_SERVICE = "denial-of-service"  # an answer that is nonsense, or an HTTP status that says no
    SLOW_RETRIEVAL = "slow-retrieval"
    ENDLESS_DATA = "endless-data"
    FREEZE = "freeze"  # expired, or a clock that was turned back
    ROLLBACK = "rollback"  # a lower version of metadata, or a lower release counter
    MIX_AND_MATCH = "mix-and-match"  # metadata of versions that do not belong together
    UNKNOWN_KEY = "unknown-key"  # fewer signatures of the role's keys than its threshold
    ARBITRARY_SOFTWARE = "arbitrary-software"  # not what both repositories say
    CONTRADICTION = "contradictory-targets"  # two images for one ECU
    WRONG_HARDWARE = "wrong-hardware"
    WRONG_ECU = "wrong-ecu"
    WRONG_VEHICLE = "wrong-vehicle"
    PROVENANCE = "unknown-provenance"
    PARTIAL_BUNDLE = "partial-bundle"


class UpdateRefused(StationError):
    """An update, or what was given as one, is not taken; `reason` says why, `ecu` whose it was, if one's."""

    def __init__(self, reason: Threat, message: str, *, ecu: str | None = None) -> None:
        super().__init__(f"{reason.value}: {message}")
        self.reason, self.ecu = reason, ecu

    @property
    def report(self) -> str:
        """For the field "attack" of a version report: printable, and not too long."""
        text = str(self)
        return "".join(c if c.isprintable() and c.isascii() else "?" for c in text)[:_LONGEST]
