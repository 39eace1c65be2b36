"""The demo's recorded messages: another encoder makes the same octets of what they are said to say."""

import json
import struct
import subprocess

import pytest

from v2xpki.demo import packets
from v2xpki.demo.packets import Sender, capture, packet
from v2xpki.station import location

LATITUDE, LONGITUDE = 481370000, 115750000


def position(latitude=LATITUDE):
    return {
        "latitude": latitude,
        "longitude": LONGITUDE,
        "positionConfidenceEllipse": {
            "semiMajorConfidence": 100,
            "semiMinorConfidence": 100,
            "semiMajorOrientation": 0,
        },
        "altitude": {"altitudeValue": 52000, "altitudeConfidence": "alt-001-00"},
    }


def pdu(kind, station):
    return {"protocolVersion": 2, "messageID": kind, "stationID": station}


def lane(number, approach, direction, nodes, **more):
    return {
        "laneID": number,
        approach: number,
        "laneAttributes": {
            "directionalUse": (direction, 2),
            "sharedWith": (0, 10),
            "laneType": ("vehicle", (0, 8)),
        },
        "nodeList": ("nodes", [{"delta": ("node-XY1", {"x": 0, "y": y})} for y in nodes]),
        **more,
    }


MOTION = {
    "heading": {"headingValue": 0, "headingConfidence": 10},
    "speed": {"speedValue": 1389, "speedConfidence": 5},  # 13.89 m/s = 50 km/h
    "driveDirection": "forward",
    "vehicleLength": {"vehicleLengthValue": 45, "vehicleLengthConfidenceIndication": "noTrailerPresent"},
    "vehicleWidth": 18,
    "longitudinalAcceleration": {
        "longitudinalAccelerationValue": 0,
        "longitudinalAccelerationConfidence": 2,
    },
    "curvature": {"curvatureValue": 0, "curvatureConfidence": "onePerMeter-0-00002"},
    "curvatureCalculationMode": "yawRateUsed",
    "yawRate": {"yawRateValue": 0, "yawRateConfidence": "degSec-000-10"},
}
SIGN_C14 = {"roadSignClass": 2, "roadSignCode": 14, "vcOption": 0, "value": 50, "unit": 0}

SAID = {
    "CAR_AT_50": {
        "header": pdu(2, 1001),
        "cam": {
            "generationDeltaTime": 4711,
            "camParameters": {
                "basicContainer": {"stationType": 5, "referencePosition": position(LATITUDE - 9000)},
                "highFrequencyContainer": ("basicVehicleContainerHighFrequency", MOTION),
            },
        },
    },
    "JAM_AHEAD": {
        "header": pdu(1, 1001),
        "denm": {
            "management": {
                "actionID": {"originatingStationID": 1001, "sequenceNumber": 1},
                "detectionTime": 700_000_000_000,
                "referenceTime": 700_000_000_000,
                "eventPosition": position(LATITUDE + 9000),
                "validityDuration": 600,
                "stationType": 5,
            },
            "situation": {"informationQuality": 3, "eventType": {"causeCode": 1, "subCauseCode": 0}},
        },
    },
    "JUNCTION": {
        "header": pdu(5, 2001),
        "map": {
            "msgIssueRevision": 1,
            "layerType": "intersectionData",
            "intersections": [
                {
                    "id": {"id": 17},
                    "revision": 1,
                    "refPoint": {"lat": LATITUDE, "long": LONGITUDE},
                    "laneWidth": 325,
                    "laneSet": [
                        lane(
                            1,
                            "ingressApproach",
                            2,
                            (-500, -511),
                            connectsTo=[{"connectingLane": {"lane": 2}, "signalGroup": 1}],
                        ),
                        lane(2, "egressApproach", 1, (500, 511)),
                    ],
                }
            ],
        },
    },
    "GREEN_LIGHT": {
        "header": pdu(4, 2001),
        "spat": {
            "intersections": [
                {
                    "id": {"id": 17},
                    "revision": 1,
                    "status": (0, 16),
                    "states": [
                        {
                            "signalGroup": 1,
                            "state-time-speed": [
                                {"eventState": "protected-Movement-Allowed", "timing": {"minEndTime": 1200}}
                            ],
                        }
                    ],
                }
            ]
        },
    },
    "SPEED_LIMIT_50": {
        "header": pdu(6, 2001),
        "ivi": {
            "mandatory": {
                "serviceProviderId": {"countryCode": (0b1001000001, 10), "providerIdentifier": 1},
                "iviIdentificationNumber": 1,
                "iviStatus": 0,
            },
            "optional": [
                (
                    "glc",
                    {
                        "referencePosition": position(),
                        "parts": [
                            {
                                "zoneId": 1,
                                "zone": (
                                    "segment",
                                    {
                                        "line": (
                                            "deltaPositions",
                                            [{"deltaLatitude": 1000, "deltaLongitude": 0}],
                                        )
                                    },
                                ),
                            }
                        ],
                    },
                ),
                (
                    "giv",
                    [
                        {
                            "detectionZoneIds": [1],
                            "relevanceZoneIds": [1],
                            "direction": 0,
                            "iviType": 1,
                            "roadSignCodes": [{"code": ("viennaConvention", SIGN_C14)}],
                        }
                    ],
                ),
            ],
        },
    },
}


def encoder(name):
    pytest.importorskip("pycrate_asn1dir")
    from pycrate_asn1dir import ITS_CAM_2, ITS_r1318

    return {
        "CAR_AT_50": ITS_CAM_2.CAM_PDU_Descriptions.CAM,
        "JAM_AHEAD": ITS_r1318.DENM_PDU_Descriptions.DENM,
        "JUNCTION": ITS_r1318.MAPEM_PDU_Descriptions.MAPEM,
        "GREEN_LIGHT": ITS_r1318.SPATEM_PDU_Descriptions.SPATEM,
        "SPEED_LIMIT_50": ITS_r1318.IVIM_PDU_Descriptions.IVIM,
    }[name]


@pytest.mark.parametrize("name", SAID)
def test_another_encoder_makes_the_same_octets(name):
    message = encoder(name)
    message.set_val(SAID[name])
    assert message.to_uper() == getattr(packets, name).octets


def test_a_packet_says_how_long_its_content_is_and_what_comes_next():
    sender = Sender.car(location(48.1, 11.5), 1389)
    octets = packet(packets.CAR_AT_50, sender, 700_000_000 * 1_000_000)
    assert octets[0] >> 4 == 2, "BTP-B comes next"
    length = struct.unpack_from(">H", octets, 4)[0]
    assert octets[-length:] == struct.pack(">HH", 2001, 0) + packets.CAR_AT_50.octets
    assert len(octets) == 8 + 28 + length


def test_a_roadside_unit_does_not_move():
    octets = packet(packets.SPEED_LIMIT_50, Sender.roadside(location(48.1, 11.5)), 1)
    assert octets[3] == 0
    assert octets[1] == 0x40
    assert len(octets) == 8 + 44 + 4 + len(packets.SPEED_LIMIT_50.octets)


def test_a_capture_has_a_frame_for_each_message():
    octets = capture([(1.5, b"one"), (2.0, b"second")])
    assert struct.unpack_from("<I", octets)[0] == 0xA1B2C3D4
    seconds, micros, kept, long = struct.unpack_from("<IIII", octets, 24)
    assert (seconds, micros, kept, long) == (1, 500_000, 18 + 3, 18 + 3)
    assert octets.endswith(b"second")


@pytest.fixture
def tshark():
    try:
        return subprocess.run(["tshark", "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("tshark is not here")


def test_a_dissector_reads_position_and_port_of_a_packet(tshark, tmp_path):
    # unsecured, as GeoNetworking allows: the basic header says that the common header comes next
    sender = Sender.car(location(48.1361, 11.575), 1389)
    octets = capture([(0.0, packet(packets.CAR_AT_50, sender, 1))]).replace(
        b"\x12\x00\x05\x01", b"\x11\x00\x05\x01"
    )
    file = tmp_path / "one.pcap"
    file.write_bytes(octets)
    done = subprocess.run(
        ["tshark", "-r", file, "-T", "json"], capture_output=True, text=True, check=True, timeout=60
    )
    text = json.dumps(json.loads(done.stdout))
    assert '"btpb.dstport": "2001"' in text
    assert "1001" in text and "2001" in text
