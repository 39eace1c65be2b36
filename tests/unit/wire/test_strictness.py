"""One value has one encoding: everything else is refused, and the error says where."""

import pytest

from tests.unit.wire import samples
from v2xpki import wire
from v2xpki.errors import DecodeError, EncodeError
from v2xpki.wire import dot2, etsi, scms

LENGTH = "an extension that is shorter or longer than its value"
TYPE = "must be of the type that the record declares"


def refused(name: str, octets: str) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        wire.decode_as(name, bytes.fromhex(octets))
    return caught.value


def test_leftovers_are_refused_and_counted():
    error = refused("HashedId3", "010203 04")
    assert str(error) == "HashedId3 at octet 3: 1 octets too many"


@pytest.mark.parametrize("cut", range(151))
def test_each_truncation_of_a_certificate_is_refused_at_its_end(cut):
    octets = wire.encode(samples.authorization_ticket())
    with pytest.raises(DecodeError) as caught:
        wire.decode(dot2.Certificate, octets[:cut])
    # a list of three is refused where its count stands, when less than three octets follow
    counted = f"a list of 3 elements in the {cut - 28} octets left"
    assert (caught.value.reason, caught.value.offset) in [("the octets end here", cut), (counted, 28)]
    assert caught.value.where[0] == "CertificateBase"


@pytest.mark.parametrize(
    ("name", "octets", "reason", "offset"),
    [
        ("Opaque", "81 01 aa", "a length in longer form than needed", 0),
        ("Opaque", "82 0001 aa", "a length in longer form than needed", 0),
        ("Opaque", "80 aa", "a length of 0 octets", 0),
        ("Opaque", "85 0000000001 aa", "a length of 5 octets", 0),
        ("Opaque", "84 ffffffff aa", "the octets end here", 6),
        ("Psid", "02 0024", "an integer with a leading zero octet", 1),
        ("Psid", "00", "an integer of 0 octets", 0),
        ("Psid", "09 010000000000000000", "an integer of 9 octets", 0),
        ("Psid", "08 8000000000000000", "an integer of more than 63 bits", 1),
        ("SequenceOfUint8", "02 0001 05", "an integer with a leading zero octet", 1),
        ("SequenceOfUint8", "01 05 0102", "a list of 5 elements in the 2 octets left", 2),
        ("Uint3", "08", "8 is not in 0..7", 0),
        ("NinetyDegreeInt", "35a4e902", "900000002 is not in -900000000..900000001", 0),
        ("HashAlgorithm", "03", "3 is not in the enumeration of HashAlgorithm", 0),
        ("HashAlgorithm", "81 03", "129 is not in the enumeration of HashAlgorithm", 0),
        ("CrlPriorityInfo", "c0 05", "a preamble with bits that have no meaning", 0),
        ("CrlPriorityInfo", "20", "a preamble with bits that have no meaning", 0),
        ("TwoDLocation", "80000000 00000000", "-2147483648 is not in -900000000..900000001", 0),
        ("ServiceSpecificPermissions", "82 00", "tag 0x82 is not in the choice", 0),
        ("ServiceSpecificPermissions", "bf8101 00", "tag 0xbf is not in the choice", 0),
        ("ServiceSpecificPermissions", "81 04 02 01c8", LENGTH, 5),
        ("ServiceSpecificPermissions", "81 02 02 01c8", LENGTH, 5),
        ("BitmapSsp", "20" + "00" * 32, "32 octets: must have 0..31 octets", 1),
        ("PolygonalRegion", "01 00", "0 elements: must have 3 or more elements", 2),
        ("SignedDataPayload", "80 01 07 80 00", "an extension bitmap that is empty or of another size", 1),
        ("SignedDataPayload", "80 02 07 00", "an extension bitmap that is empty or of another size", 1),
        ("SignedDataPayload", "80 02 07 c0 00", "an extension bitmap that is empty or of another size", 1),
        ("SignedDataPayload", "80 03 07 8000 00", "an extension bitmap that is empty or of another size", 1),
        ("SignedDataPayload", "80 02 07 80 01 00", "a NULL that is not empty", 4),
        ("Hostname", "02 c080", "text that is not utf-8", None),
        ("Url", "01 e9", "text that is not ascii", None),
        ("OperatingOrganizationId", "03 2b8001", "an OBJECT IDENTIFIER with a padded arc", 0),
        ("OperatingOrganizationId", "02 2b81", "an OBJECT IDENTIFIER that does not end", 0),
        ("OperatingOrganizationId", "00", "an OBJECT IDENTIFIER that does not end", 0),
    ],
)  # fmt: skip
def test_other_forms_of_a_value_are_refused(name, octets, reason, offset):
    error = refused(name, octets)
    assert (error.reason, error.offset) == (reason, offset)


def test_a_boolean_is_00_or_ff():
    content = bytes.fromhex("00 0101 00000000 ff 00 0100")
    assert wire.decode(etsi.CtlFormat, content).is_full_ctl is True
    assert wire.decode(etsi.CtlFormat, content.replace(b"\xff", b"\x00")).is_full_ctl is False
    error = refused("CtlFormat", content.replace(b"\xff", b"\x01").hex())
    assert str(error) == "CtlFormat.is_full_ctl at octet 7: a BOOLEAN that is neither 00 nor ff"


@pytest.mark.parametrize(
    ("octets", "field"),
    [("80 81 0101", "min_chain_length"), ("40 81 0100", "chain_length_range"), ("20 81 80", "ee_type")],
)
def test_a_default_that_is_written_out_is_refused(octets, field):
    error = refused("PsidGroupPermissions", octets)
    assert error.where == ("PsidGroupPermissions", field)
    assert error.reason == "a default value that is written out"


def test_unused_bits_of_a_bit_string_are_zero():
    request = {
        "version": 2,
        "generation_time": 1,
        "current_i": 1,
        "acpc_tree_id": bytes(8),
        "node_value": bytes(16),
    }
    record = scms.IndividualAprv(**request, node_id=wire.BitString(b"\xa0", 3))
    octets = wire.encode(record)
    assert wire.decode(scms.IndividualAprv, octets) == record
    at = octets.index(b"\x02\x05\xa0")
    error = refused("IndividualAprv", (octets[: at + 2] + b"\xa1" + octets[at + 3 :]).hex())
    assert str(error) == f"IndividualAprv.node_id at octet {at + 1}: wrong unused bits in a BIT STRING"
    for wrong in ("02 08 a0", "01 01", "02 ff a0"):
        assert (
            refused("IndividualAprv", (octets[:at] + bytes.fromhex(wrong) + octets[at + 3 :]).hex()).where[1]
            == "node_id"
        )


def test_the_place_of_a_fault_is_told_down_to_the_element():
    octets = wire.encode(samples.authorization_ticket())
    at = octets.index(bytes.fromhex("8105 04 01ffffff"))
    error = refused("CertificateBase", (octets[:at] + b"\x83" + octets[at + 1 :]).hex())
    assert error.where == ("CertificateBase", "to_be_signed", "app_permissions", "1", "ssp")
    assert error.offset == at


def test_a_version_other_than_its_single_value_is_refused():
    octets = wire.encode(samples.authorization_ticket())
    error = refused("CertificateBase", (octets[:1] + b"\x02" + octets[2:]).hex())
    assert str(error) == "CertificateBase.version at octet 1: 2 is not 3"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "CertificateBase.version: must be 3"),
        ({"type": "both"}, "CertificateBase.type: must be one of the enumeration"),
        ({"signature": b"octets"}, "CertificateBase.signature: must be of the type that the record declares"),
        (
            {"issuer": dot2.IssuerIdentifier("nobody", None)},
            "CertificateBase.issuer.nobody: kind must be one of the choice",
        ),
        (
            {"issuer": dot2.IssuerIdentifier("sha256AndDigest", b"short")},
            "CertificateBase.issuer.sha256AndDigest: must have 8 octets",
        ),
    ],
)  # fmt: skip
def test_a_record_that_has_no_encoding_names_field_and_rule(change, message):
    with pytest.raises(EncodeError) as caught:
        wire.encode(samples.authorization_ticket()._replace(**change))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crl_series": 65536}, "crl_series: must be in the range of its type"),
        ({"crl_series": -1}, "crl_series: must be in the range of its type"),
        ({"crl_series": None}, "crl_series: must be of the type that the record declares"),
        ({"craca_id": bytes(4)}, "craca_id: must have 3 octets"),
        ({"craca_id": "abc"}, "craca_id: must be of the type that the record declares"),
        ({"can_request_rollover": False}, "can_request_rollover: must be True or None"),
        ({"app_permissions": (dot2.PsidSsp(psid=-1),)}, "app_permissions.0.psid: must be in 0..2^63-1"),
        ({"app_permissions": (dot2.PsidSsp(psid=36), None)}, f"app_permissions.1: {TYPE}"),
        ({"app_extensions": ()}, "app_extensions: must have 1 or more elements"),
        ({"id": dot2.CertificateId("name", "x" * 256)}, "id.name: must have 0..255 characters"),
        ({"id": dot2.CertificateId("name", "\ud800")}, "id.name: must be utf-8 text"),
        ({"id": dot2.CertificateId("none", b"x")}, "id.none: must be None"),
        ({"id": dot2.CertificateId("binaryId", b"")}, "id.binaryId: must have 1..64 octets"),
    ],
)  # fmt: skip
def test_a_field_that_has_no_encoding_is_named(change, message):
    with pytest.raises(EncodeError) as caught:
        wire.encode(samples.authorization_ticket().to_be_signed._replace(**change))
    assert str(caught.value) == f"ToBeSignedCertificate.{message}"


def test_encode_errors_do_not_repeat_the_value():
    secret = b"\x5e\xc2\xe7" * 5
    with pytest.raises(EncodeError) as caught:
        wire.encode(dot2.SymmetricEncryptionKey("aes128Ccm", secret))
    assert repr(secret)[2:-1] not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_is_no_record_is_not_encoded():
    with pytest.raises(EncodeError, match="tuple is not a class of records"):
        wire.encode((1, 2))


@pytest.mark.parametrize(
    ("text", "octets"), [("1.3.6.1", "032b0601"), ("2.100.3", "03813403"), ("0.39", "0127"), ("2.47", "017f")]
)
def test_object_identifiers_are_read_and_written(text, octets):
    assert wire.encode_as("OperatingOrganizationId", text).hex() == octets
    assert wire.decode_as("OperatingOrganizationId", bytes.fromhex(octets)) == text


@pytest.mark.parametrize("text", ["1", "1.2.x", "3.1", "1.40", "1.-2", "01.2", "1.2.+3", ""])
def test_what_is_no_object_identifier_is_not_encoded(text):
    with pytest.raises(EncodeError, match="OperatingOrganizationId"):
        wire.encode_as("OperatingOrganizationId", text)


@pytest.mark.parametrize(
    "value", [wire.BitString(b"", 1), wire.BitString(b"\x01", 7), wire.BitString(b"\x00", 9)]
)
def test_a_bit_string_has_as_many_octets_as_its_bits_need(value):
    record = scms.IndividualAprv(
        version=2, generation_time=1, current_i=1, acpc_tree_id=bytes(8), node_id=value, node_value=bytes(16)
    )
    with pytest.raises(EncodeError, match=r"IndividualAprv\.node_id"):
        wire.encode(record)


@pytest.mark.parametrize("number", [-(1 << 63) - 1, 1 << 63])
def test_integers_beyond_63_bits_are_not_encoded(number):
    group = samples.issuing_group()._replace(min_chain_length=number)
    with pytest.raises(EncodeError, match=r"min_chain_length: must be in -2\^63\.\.2\^63-1"):
        wire.encode(group)


def test_decode_certificate_gives_the_octets_of_to_be_signed():
    ticket = samples.authorization_ticket()
    for record in (ticket, ticket._replace(type="implicit", signature=None)):
        octets = wire.encode(record)
        assert wire.decode_certificate(octets) == (record, wire.encode(ticket.to_be_signed))


@pytest.mark.parametrize(("at", "octet"), [(0, 0x40), (0, 0x81), (1, 2), (2, 2), (3, 0x9F), (12, 1)])
def test_decode_certificate_refuses_what_decode_refuses(at, octet):
    octets = bytearray(wire.encode(samples.authorization_ticket()))
    octets[at] = octet
    errors = []
    for verb in (wire.decode_certificate, lambda o: wire.decode(dot2.Certificate, o)):
        with pytest.raises(DecodeError) as caught:
            verb(bytes(octets))
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_decode_signed_gives_the_octets_of_tbs_data():
    message = samples.signed(samples.unsecured(b"hello"))
    octets = wire.encode(message)
    assert wire.decode_signed(octets) == (message, wire.encode(message.content.value.tbs_data))
    with pytest.raises(DecodeError, match="1 octets too many"):
        wire.decode_signed(octets + b"\x00")
    with pytest.raises(DecodeError, match=r"content\.signedData\.hash_id"):
        wire.decode_signed(octets[:2] + b"\x09" + octets[3:])


def test_decode_signed_of_other_content_has_no_tbs_data():
    message = samples.unsecured(b"hello")
    assert wire.decode_signed(wire.encode(message)) == (message, None)
