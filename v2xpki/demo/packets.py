"""What the demo's stations say: five recorded ITS messages, packed as a radio would send them.

A signed payload is a GeoNetworking packet from the common header on (EN 302 636-4-1 clause 9), with BTP-B
(EN 302 636-5-1) and one message in UPER inside. `capture` puts signed messages into Ethernet frames of a
pcap file, which Wireshark takes apart down to the speed of the car.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from v2xpki.station import IVI, MAPEM, SPATEM
from v2xpki.trust.messages import CAM, DENM
from v2xpki.wire import dot2

_BTP_B, _SHB, _GBC_CIRCLE = 0x20, 0x50, 0x40  # next header; header type and subtype
_MOBILE = 0x80
_CAR, _ROADSIDE = 5, 15  # station types (EN 302 636-4-1 6.3)
_REACH = 500  # metres; of messages that are passed on within a circle
_ETHERTYPE = 0x8947
_BASIC = bytes((0x12, 0x00, 0x05, 0x01))  # version 1, next comes the secured packet; 5 s, one hop
_MILLISECOND = 1000


class Facility(NamedTuple):
    """A recorded message: its type, psid, BTP port, traffic class, UPER octets and what it says."""

    name: str
    psid: int
    port: int
    traffic_class: int
    octets: bytes
    says: str


# tests/unit/demo/test_packets.py has the values in full and compiles them with another encoder
CAR_AT_50 = Facility(
    "CAM",
    CAM,
    2001,
    2,
    bytes.fromhex("0202000003e91267005a4abcad0e4600ce00c80c80004a380c00000122b68402c08a8013ff01fff880"),
    "car at 50 km/h",
)
JAM_AHEAD = Facility(
    "DENM",
    DENM,
    2002,
    1,
    bytes.fromhex("0201000003e980000001f48000945f680b000517da02c0052562bb872300670064064000251c06050c0400"),
    "traffic jam ahead",
)
JUNCTION = Facility(
    "MAPEM",
    MAPEM,
    2003,
    3,
    bytes.fromhex(
        "0205000007d128013010001102292b0448391803380145012401140000000010001808000104"
        "0100880111000000000803f40401ff80"
    ),
    "lanes of junction 17",
)
GREEN_LIGHT = Facility(
    "SPATEM",
    SPATEM,
    2004,
    3,
    bytes.fromhex("0204000007d10000000881000000001046002580"),
    "green at junction 17",
)
SPEED_LIMIT_50 = Facility(
    "IVI",
    IVI,
    2006,
    3,
    bytes.fromhex(
        "0206000007d18241000400000805256089072300670064064000251c060040000407ceffff881600000000403468003200"
    ),
    "speed limit 50",
)


@dataclass(frozen=True)
class Sender:
    """Where a station says that it is. address: six octets; speed: cm/s."""

    address: bytes
    latitude: int
    longitude: int
    station_type: int = _ROADSIDE
    speed: int = 0

    @classmethod
    def car(cls, where: dot2.ThreeDLocation, speed: int) -> "Sender":
        return cls(bytes.fromhex("020000000001"), where.latitude, where.longitude, _CAR, speed)

    @classmethod
    def roadside(cls, where: dot2.ThreeDLocation) -> "Sender":
        return cls(bytes.fromhex("020000000002"), where.latitude, where.longitude)

    @property
    def is_mobile(self) -> bool:
        return self.station_type != _ROADSIDE

    def position_vector(self, time64: int) -> bytes:
        """The long position vector (9.5.2); time64: TAI microseconds."""
        stamp = time64 // _MILLISECOND & 0xFFFFFFFF
        accurate = 0x8000 | self.speed & 0x7FFF
        return (
            struct.pack(">H", self.station_type << 10)
            + self.address
            + struct.pack(">IiiHH", stamp, self.latitude, self.longitude, accurate, 0)
        )


def packet(facility: Facility, sender: Sender, time64: int) -> bytes:
    """The payload to sign: a CAM to whoever hears it, everything else into a circle around the sender."""
    inside = struct.pack(">HH", facility.port, 0) + facility.octets
    position = sender.position_vector(time64)
    if facility.psid == CAM:
        kind, hops, extended = _SHB, 1, position + bytes(4)
    else:
        area = struct.pack(">iiHHHH", sender.latitude, sender.longitude, _REACH, 0, 0, 0)
        kind, hops, extended = _GBC_CIRCLE, 1, bytes(4) + position + area
    common = struct.pack(
        ">BBBBHBB",
        _BTP_B,
        kind,
        facility.traffic_class,
        _MOBILE if sender.is_mobile else 0,
        len(inside),
        hops,
        0,
    )
    return common + extended + inside


def capture(frames: Iterable[tuple[float, bytes]]) -> bytes:
    """A pcap file (Ethernet) of signed messages, each with the unix time at which it was sent."""
    octets = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for moment, signed in frames:
        frame = b"\xff" * 6 + bytes.fromhex("020000000001") + struct.pack(">H", _ETHERTYPE) + _BASIC + signed
        seconds, rest = divmod(round(moment * 1_000_000), 1_000_000)
        octets.append(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
    return b"".join(octets)
