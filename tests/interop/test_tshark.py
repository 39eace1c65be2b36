"""Wireshark's ieee1609dot2 dissector reads our certificates and messages, field by field, as we do.

CA certificates are left out: tshark 4.0 misreads certIssuePermissions.
"""

import os
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.etsi import BRAINPOOL, P256, Credential, country
from tests.support.lab import Lab
from v2xpki import wire
from v2xpki.keystore import MemoryKey
from v2xpki.secured import decrypt_psk, encrypt, etsi_header, sign
from v2xpki.time import iso_from_time32
from v2xpki.wire import dot2, reference
from v2xpki.wire.generator.model import (
    Bits,
    Choice,
    Enumerated,
    Null,
    Octets,
    Ref,
    Sequence,
    SequenceOf,
    Shape,
)

DLT_USER0 = 147
DISSECTOR = 'uat:user_dlts:"User 0 (DLT=147)","ieee1609dot2.data","0","","0",""'
PREFIX = "ieee1609dot2."
Fields = list[tuple[str, str]]


def pcap(messages: list[bytes]) -> bytes:
    """A capture file (libpcap, microseconds, little-endian) with a message a packet."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, DLT_USER0)
    return out + b"".join(struct.pack("<IIII", n, 0, len(m), len(m)) + m for n, m in enumerate(messages))


def tshark(folder: Path, messages: list[bytes]) -> list[ET.Element]:
    """What the dissector makes of each: a packet of PDML."""
    if shutil.which("tshark") is None:
        pytest.skip("no tshark (Debian package tshark)")
    file = folder / "messages.pcap"
    file.write_bytes(pcap(messages))
    done = subprocess.run(
        ["tshark", "-n", "-r", file, "-T", "pdml", "-o", DISSECTOR],
        env=os.environ | {"TZ": "UTC", "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    packets = ET.fromstring(done.stdout).findall("packet")
    assert len(packets) == len(messages)
    return packets


def complaints(packet: ET.Element) -> list[str]:
    """Malformed packets, expert information, octets that nobody dissected."""
    found = [proto.get("name", "") for proto in packet.iter("proto") if proto.get("name") not in _LAYERS]
    names = [field.get("name", "") for field in packet.iter("field")]
    return found + [name for name in names if name.startswith("_ws") or name == "data.data"]


_LAYERS = ("geninfo", "frame", "user_dlt", "fake-field-wrapper")


def read_by_tshark(packet: ET.Element) -> Fields:
    """The dissected fields in their order: (name, value)."""
    return [
        (field.get("name", "").removeprefix(PREFIX).removesuffix("_element"), field.get("show", ""))
        for field in packet.iter("field")
        if field.get("name", "").startswith(PREFIX)
    ]


def read_by_us(octets: bytes) -> Fields:
    """The same of our own record, by the types of asn1/."""
    record = wire.decode(dot2.Ieee1609Dot2Data, octets)
    return list(_walk("Ieee1609Dot2Data", Ref("Ieee1609Dot2Data"), record))


def _walk(name: str, shape: Shape, value: Any) -> Iterator[tuple[str, str]]:
    model = reference.model()
    while isinstance(shape, Ref):
        one = model.types[shape.name]
        shape = Ref(one.alias_of) if one.alias_of else one.shape
    match shape:
        case Sequence():
            yield name, ""
            for member in shape.members:
                present = getattr(value, member.python)
                if present is not None and not (member.default is not None and present == member.default):
                    yield from _walk(member.name, member.shape, present)
        case Choice():
            (number,) = [n for n, member in enumerate(shape.members) if member.name == value.kind]
            yield name, str(number)
            yield from _walk(value.kind, shape.members[number].shape, value.value)
        case SequenceOf():
            yield name, str(len(value))
            for entry in value:
                yield from _walk(_entry_name(name, shape.element), shape.element, entry)
        case Octets():
            yield name, value.hex(":")
        case Bits():
            yield name, f"{value:02x}"
        case Enumerated():
            yield name, str(shape.names.index(value))
        case Null():
            yield name, ""
        case _:
            yield name, str(value)


def _entry_name(name: str, shape: Shape) -> str:
    if not isinstance(shape, Ref):
        return {"inlineP2pcdRequest": "HashedId3"}[name]
    # another name of a type is that type to us
    return {"CertificateBase": "Certificate"}.get(shape.name, shape.name)


def alike(fields: Fields) -> Fields:
    """Names as tshark spells them."""
    return [(name.replace("-", "_"), value) for name, value in fields]


@pytest.fixture(scope="module")
def messages(lab: Lab) -> dict[str, bytes]:
    """Everything that stations and authorities of a served instance send each other."""
    now = lab.clock.time64()
    place = dot2.ThreeDLocation(latitude=481370000, longitude=115750000, elevation=4096 + 5200)
    car, bus = lab.station(), lab.station(curve=BRAINPOOL)
    circle = dot2.GeographicRegion(
        kind="circularRegion",
        value=dot2.CircularRegion(
            center=dot2.TwoDLocation(latitude=481370000, longitude=115750000), radius=500
        ),
    )
    rsu, crossing = (
        lab.station(profile="rsu", region=country(276)),
        lab.station(profile="rsu", region=circle),
    )
    ecs = {
        "car": car.enrol(),
        "bus": bus.enrol(curve=BRAINPOOL),
        "rsu": rsu.enrol(),
        "crossing": crossing.enrol(),
    }
    tickets = {
        "car": car.authorize(ecs["car"], encryption=MemoryKey(P256)).ok(),
        "bus": bus.authorize(ecs["bus"], curve=BRAINPOOL, encryption=MemoryKey(BRAINPOOL)).ok(),
        "rsu": rsu.authorize(ecs["rsu"], plain_ec=True).ok(),
        "crossing": crossing.authorize(ecs["crossing"]).ok(),
    }
    found = {}
    for kind, credentials, header in (
        ("EC", ecs, etsi_header(623, now)),
        ("AT", tickets, dot2.HeaderInfo(psid=37, generation_time=now, generation_location=place)),
    ):
        for name, own in credentials.items():
            found[f"{kind} of the {name}"] = signed(own, header, "certificate")
    found["CAM by digest"] = signed(
        tickets["car"],
        dot2.HeaderInfo(psid=36, generation_time=now, inline_p2pcd_request=(b"\1\2\3", b"\4\5\6")),
        "digest",
    )
    found["CAM with an AT that was asked for"] = signed(
        tickets["bus"],
        dot2.HeaderInfo(
            psid=36, generation_time=now, requested_certificate=tickets["car"].certificate.record
        ),
        "digest",
    )
    enrolment = car.enrolment(curve=BRAINPOOL)
    answer = car.send_enrolment(enrolment)
    found["enrolment request"], found["enrolment response"] = enrolment.body, answer.octets
    found["enrolment response, opened"] = decrypt_psk(answer.octets, enrolment.aes)
    wish, new = car.wish(ecs["car"], plain_ec=True)
    found["ecSignature"] = wire.encode(wish.ec_signature.value)
    found["proof of possession"] = sign(
        new, etsi_header(623, now), payload=wire.encode(wish), identifier="self"
    )
    request = car.wrapped(*car.wish(ecs["car"]))
    reply = car.send_authorization(request)
    found["authorization request"], found["authorization response"] = request.body, reply.octets
    found["authorization response, opened"] = decrypt_psk(reply.octets, request.aes)
    found["to two tickets"] = encrypt(
        b"for both", [tickets["car"].certificate, tickets["bus"].certificate]
    ).octets
    found["to a bare key"] = encrypt(b"for one", [MemoryKey(BRAINPOOL).public_key]).octets
    return found


def signed(own: Credential, header: dot2.HeaderInfo, identifier: Any) -> bytes:
    return sign(own.key, header, payload=b"\2\2payload", certificate=own.certificate, identifier=identifier)


@pytest.fixture(scope="module")
def packets(messages: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, ET.Element]:
    dissected = tshark(tmp_path_factory.mktemp("tshark"), list(messages.values()))
    return dict(zip(messages, dissected, strict=True))


def test_no_message_is_malformed(packets: dict[str, ET.Element]) -> None:
    assert len(packets) > 15
    assert {name: complaints(packet) for name, packet in packets.items() if complaints(packet)} == {}


def test_every_field_has_the_name_and_the_value_that_we_read(
    messages: dict[str, bytes], packets: dict[str, ET.Element]
) -> None:
    for name, octets in messages.items():
        assert read_by_tshark(packets[name]) == alike(read_by_us(octets)), name


def test_the_dissector_names_the_services_and_the_times(
    messages: dict[str, bytes], packets: dict[str, ET.Element]
) -> None:
    """What it knows of its own: psids by name, and TAI seconds since 2004 as UTC."""
    shown = {
        name: [field.get("showname", "") for field in packet.iter("field")]
        for name, packet in packets.items()
    }
    assert "psid: psid-ca-basic-services (36)" in shown["CAM by digest"]
    assert "psid: psid-den-basic-services (37)" in shown["AT of the car"]
    record: Any = wire.decode(dot2.Ieee1609Dot2Data, messages["AT of the car"]).content.value
    moment = record.tbs_data.header_info.generation_time
    start = record.signer.value[0].to_be_signed.validity_period.start
    utc = iso_from_time32(moment // 1_000_000).replace("T", " ").rstrip("Z")
    assert f"generationTime: {utc}.{moment % 1_000_000:06} ({moment})" in shown["AT of the car"]
    assert (
        f"start: {iso_from_time32(start).replace('T', ' ').rstrip('Z')} ({start})" in shown["AT of the car"]
    )


def test_a_spoilt_message_would_be_seen(messages: dict[str, bytes], tmp_path: Path) -> None:
    whole = messages["AT of the car"]
    cut, changed = tshark(tmp_path, [whole[:-20], whole[:-1] + bytes([whole[-1] ^ 1])])
    assert complaints(cut)
    assert read_by_tshark(changed) != alike(read_by_us(whole))
