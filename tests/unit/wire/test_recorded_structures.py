"""Certificates and messages recorded elsewhere come back octet for octet."""

import json
import re
from pathlib import Path

import pytest

from v2xpki import wire
from v2xpki.errors import DecodeError
from v2xpki.wire import dot2, etsi, reference

VECTORS = Path(__file__).parents[4] / "shared" / "vectors"
FILES = ("real_world.json", "ts102941_golden.json", "scms_butterfly_end_to_end.json")

pytestmark = pytest.mark.skipif(
    not all((VECTORS / name).is_file() for name in FILES), reason=f"the vectors are not there ({VECTORS})"
)


def load(name: str):
    return json.loads((VECTORS / name).read_text())


def round_trip(kind, text: str):
    octets = bytes.fromhex(text)
    record = wire.decode(kind, octets)
    assert wire.encode(record) == octets
    assert reference.decode(kind.__name__, octets) == record
    return record


def inner_messages(data: dot2.Ieee1609Dot2Data):
    """What signed data carries, down to the last PDU."""
    if data.content.kind == "signedCertificateRequest":
        yield wire.decode_as("SignedCertificateRequest", data.content.value)
    if data.content.kind != "signedData":
        return
    payload = data.content.value.tbs_data.payload.data
    if payload is None or payload.content.kind != "unsecuredData":
        return
    try:
        message = wire.decode(etsi.EtsiTs102941Data, payload.content.value)
    except DecodeError:
        yield wire.decode(etsi.InnerEcRequest, payload.content.value)  # inside the proof of possession
        return
    yield message
    if message.content.kind == "enrolmentRequest":
        yield from inner_messages(message.content.value)


def test_certificates_of_the_field_come_back():
    certificates = load("real_world.json")["certificates"]
    assert certificates
    for text in certificates.values():
        certificate = round_trip(dot2.Certificate, text)
        assert wire.decode_certificate(bytes.fromhex(text)) == (
            certificate,
            wire.encode(certificate.to_be_signed),
        )


def test_signed_data_of_the_field_comes_back_with_all_that_is_inside():
    kinds = []
    for text in load("real_world.json")["signed_data"].values():
        for message in inner_messages(round_trip(dot2.Ieee1609Dot2Data, text)):
            assert wire.decode(type(message), wire.encode(message)) == message
            kinds.append(type(message).__name__)
    assert sorted(kinds) == ["EtsiTs102941Data", "SignedCertificateRequest"]


def test_the_ectl_of_level_2_has_its_known_entries():
    octets = bytes.fromhex(load("real_world.json")["signed_data"]["eu_l2_ectl"])
    (message,) = inner_messages(wire.decode(dot2.Ieee1609Dot2Data, octets))
    ctl = message.content.value
    assert (ctl.is_full_ctl, ctl.ctl_sequence) == (True, 1)
    assert sorted(command.value.kind for command in ctl.ctl_commands) == ["dc", "dc", "rca", "rca", "tlm"]


def test_golden_messages_of_ts_102_941_come_back():
    vectors = load("ts102941_golden.json")["vectors"]
    assert len(vectors) == 6
    for vector in vectors:
        name = re.match(r"\w+", vector["type"])[0]
        round_trip(getattr(etsi, name, None) or getattr(dot2, name), vector["coer"])
        if "decrypted" in vector:
            decrypted = round_trip(dot2.Ieee1609Dot2Data, vector["decrypted"])
            names = [type(message).__name__ for message in inner_messages(decrypted)]
            assert names == ["EtsiTs102941Data", "InnerEcRequest"]


def test_certificates_of_a_recorded_scms_session_come_back():
    recorded = load("scms_butterfly_end_to_end.json")
    certificates = [recorded["pca_certificate"], recorded["ra_certificate"]]
    certificates += [recorded["enrolment"][key] for key in ("certificate", "eca_certificate")]
    certificates += [vector["certificate"] for vector in recorded["vectors"]]
    assert len(certificates) == 24
    for text in certificates:
        round_trip(dot2.Certificate, text)
    for vector in recorded["vectors"]:
        round_trip(dot2.Ieee1609Dot2Data, vector["encrypted_response"])
