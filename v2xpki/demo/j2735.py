"""What the SCMS demo's stations say: SAE J2735 messages, as a MessageFrame in UPER.

A signed payload of psid 32 or 130 is such a frame, octet for octet. A signal's state and a junction's lanes
are the same in ETSI's SPATEM and MAPEM, behind an ItsPduHeader, so that those recordings serve here, too.
"""

from dataclasses import dataclass
from typing import NamedTuple

from v2xpki.demo import packets
from v2xpki.trust.messages import BSM
from v2xpki.wire import dot2

INTERSECTION = 130  # SPaT and MAP
_MAP, _SPAT, _BSM = 18, 19, 20  # DSRCmsgID
_HEADER = 6  # octets of an ItsPduHeader
_SPEED_STEP = 2  # cm/s in a unit of speed
_UNKNOWN_ACCELERATION, _UNKNOWN_VERTICAL = 2001 + 2000, 0  # their lower bounds are taken off
_WIDTH, _LENGTH = 180, 450  # centimetres


class Saying(NamedTuple):
    """A message: its type, psid, octets to be signed, and what it says."""

    name: str
    psid: int
    octets: bytes
    says: str


def _frame(number: int, octets: bytes) -> bytes:
    """A MessageFrame: its extension bit and id, the length of an open type, its octets."""
    assert len(octets) < 128
    return number.to_bytes(2, "big") + bytes((len(octets),)) + octets


GREEN_LIGHT = Saying(
    "SPaT", INTERSECTION, _frame(_SPAT, packets.GREEN_LIGHT.octets[_HEADER:]), "green at junction 17"
)
JUNCTION = Saying(
    "MAP", INTERSECTION, _frame(_MAP, packets.JUNCTION.octets[_HEADER:]), "lanes of junction 17"
)


@dataclass
class Car:
    """Where a vehicle says that it is. speed: cm/s. temporary_id: four octets, which change with the
    pseudonym."""

    place: dot2.ThreeDLocation
    speed: int
    temporary_id: bytes
    count: int = 0

    def bsm(self, time64: int) -> Saying:
        """The next basic safety message; time64: TAI microseconds."""
        self.count = (self.count + 1) % 128
        says = f"car at {round(self.speed * 36 / 1000)} km/h"
        return Saying("BSM", BSM, _frame(_BSM, self._core(time64)), says)

    def _core(self, time64: int) -> bytes:
        """BasicSafetyMessage with its coreData alone: fields of fixed width, one after the other."""
        place = self.place
        fields = (
            (0, 3),  # no extension, no partII, no regional
            (self.count, 7),
            (int.from_bytes(self.temporary_id, "big"), 32),
            (time64 // 1000 % 60_000, 16),  # milliseconds of the minute
            (place.latitude + 900_000_000, 31),
            (place.longitude + 1_799_999_999, 32),
            (0, 16),  # elevation: unknown
            (255, 8), (255, 8), (65_535, 16),  # accuracy: unknown
            (2, 3),  # forward gears
            (self.speed // _SPEED_STEP, 13),
            (0, 15),  # heading north
            (127 + 126, 8),  # steering wheel: unknown
            (_UNKNOWN_ACCELERATION, 12), (_UNKNOWN_ACCELERATION, 12), (_UNKNOWN_VERTICAL, 8),
            (32_767, 16),  # no yaw
            (0, 5), (0, 2), (0, 2), (0, 2), (0, 2), (0, 2),  # no brakes applied, the rest unknown
            (_WIDTH, 10), (_LENGTH, 12),
        )  # fmt: skip
        value, width = 0, 0
        for number, bits in fields:
            assert 0 <= number < 1 << bits, (number, bits)
            value, width = value << bits | number, width + bits
        padding = -width % 8
        return (value << padding).to_bytes((width + padding) // 8, "big")
