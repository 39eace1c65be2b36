"""A recorded SCMS session, all of it: two weeks of pseudonyms from the caterpillar to the final private key,
as the vehicle finds them in the responses, and its enrolment.

The recording is older than the types of today. What is the same: butterfly expansion, certificates, ECQV,
SPDUs (IEEE 1609.2), ECIES, linkage data. What differs stands in the tests that say so.
"""

from functools import cache

import pytest

from tests.unit.crypto.soft import SoftKey, vectors
from v2xpki import wire
from v2xpki.crypto import (
    NO_P1,
    Certificate,
    Curve,
    PrivateCaterpillar,
    PublicKey,
    certified_key,
    implicit_certificate_key,
    implicit_hash,
    implicit_private_key,
    rek_ids,
)
from v2xpki.crypto.butterfly import expand
from v2xpki.errors import DecodeError
from v2xpki.secured import RecipientKey, SignedMessage, decrypt
from v2xpki.wire import dot2, scms

P256 = Curve.NIST_P256
EPOCH, PERIOD = 347_619_603, 604_800


def octets(text):
    return bytes.fromhex(text)


@cache
def recorded():
    return vectors("scms_butterfly_end_to_end")


@cache
def station():
    names = (
        "caterpillar_private", "signing_expansion_key", "enc_caterpillar_private", "enc_expansion_key"
    )  # fmt: skip
    return PrivateCaterpillar("original", *(octets(recorded()[name]) for name in names))


@cache
def pca():
    return Certificate.parse(octets(recorded()["pca_certificate"]))


def point_of(scalar):
    return SoftKey.of_scalar(P256, int.from_bytes(scalar, "big")).public_key


def opened(vector):
    """What the PCA signed around the encrypted data, who that is for, and the plain octets."""
    message = SignedMessage.parse(octets(vector["encrypted_response"]))
    offset = vector["encrypted_data_offset"]
    data = message.payload[offset:]
    (recipient,) = wire.decode(dot2.Ieee1609Dot2Data, data).content.value.recipients
    key = SoftKey.of_scalar(P256, int.from_bytes(octets(vector["enc_private"]), "big"))
    name = recipient.value.recipient_id
    return message, recipient, decrypt(data, {name: RecipientKey.of_key(key)})


@pytest.fixture(params=range(20))
def vector(request):
    return recorded()["vectors"][request.param]


def test_there_are_two_weeks_of_ten():
    numbers = [(vector["i"], vector["j"]) for vector in recorded()["vectors"]]
    assert numbers == [(i, j) for i in (425, 426) for j in range(0, 20, 2)]


def test_the_vehicle_expands_its_keys_and_the_ra_their_points(vector):
    i, js = vector["i"], [vector["j"]]
    assert expand(station().signing_expansion, "signing", i, js) == [octets(vector["f_sign"])]
    assert expand(station().encryption_expansion, "encryption", i, js) == [octets(vector["f_enc"])]
    (key,), (cocoon,) = station().keys(i, js), station().public().cocoons(i, js)
    assert key == (octets(vector["butterfly_private"]), octets(vector["enc_private"]))
    assert cocoon == (point_of(key.signing).point, point_of(key.encryption).point)


def test_the_certificate_is_a_pseudonym_of_its_period(vector):
    certificate = Certificate.parse(octets(vector["certificate"]))
    assert certificate.octets == octets(vector["certificate"])
    assert certificate.is_implicit
    assert certificate.issuer_id8 == pca().hashed_id8
    tbs = certificate.record.to_be_signed
    glv = dot2.GroupLinkageValue(
        j_value=octets(vector["glv"]["jValue"]), value=octets(vector["glv"]["value"])
    )
    linkage = dot2.LinkageData(
        i_cert=vector["i"], linkage_value=octets(vector["linkage_value"]), group_linkage_value=glv
    )
    assert tbs.id == dot2.CertificateId(kind="linkageData", value=linkage)
    assert (certificate.start, certificate.end - certificate.start) == (
        EPOCH + vector["i"] * PERIOD,
        PERIOD + 3600,
    )
    assert (tbs.craca_id, tbs.crl_series) == (pca().hashed_id3, 1)
    assert sorted(certificate.app_permissions) == [32, 35, 135]


def test_the_vehicle_reconstructs_the_private_key_and_others_the_public_one(vector):
    certificate = Certificate.parse(octets(vector["certificate"]))
    e = implicit_hash(certificate.tbs_octets, pca().digest)
    assert e == octets(vector["e"])
    s, b = octets(vector["reconstruction_private"]), octets(vector["butterfly_private"])
    private = implicit_private_key(e, b, s)
    assert private == certified_key(b, s, e) == octets(vector["final_private_key"])
    public = implicit_certificate_key(certificate, pca())
    assert public == point_of(private)
    assert public.uncompressed[1:] == octets(vector["public_key"])


def test_the_pca_signed_the_response_around_the_encrypted_data(vector):
    message, _, _ = opened(vector)
    assert message.signer_digest == pca().hashed_id8
    message.verify(pca().verification_key, pca())
    assert message.header == dot2.HeaderInfo(psid=35)


def test_the_response_opens_with_the_cocoon_encryption_key(vector):
    _, recipient, (plain, aes, name) = opened(vector)
    assert [recipient.kind, name.hex()] == vector["recipient"]
    assert aes == octets(vector["aes_key"])
    assert plain == octets(vector["plaintext"])
    assert octets(vector["certificate"]) in plain
    assert plain.endswith(octets(vector["reconstruction_private"]))


def test_the_recorded_responses_name_the_ra_and_not_the_key_as_today(vector):
    """recipientId is the RA's certificate in all twenty, though the key is the cocoon's."""
    ra = Certificate.parse(octets(recorded()["ra_certificate"]))
    assert vector["recipient"] == ["rekRecipInfo", ra.hashed_id8.hex()]
    assert rek_ids([point_of(octets(vector["enc_private"])).point]) != [ra.hashed_id8]


def test_the_signed_payload_is_not_encrypted_data_alone_but_has_twelve_octets_before(vector):
    """They read as a SequenceOfPsidSsp of psid 35 and a ValidityPeriod of 169 hours: no type of today."""
    message, _, _ = opened(vector)
    assert vector["encrypted_data_offset"] == 12
    head = message.payload[:12]
    assert head[:5] == b"\x01\x01" + wire.encode(dot2.PsidSsp(psid=35))
    validity = dot2.ValidityPeriod(start=605_354_286, duration=dot2.Duration(kind="hours", value=169))
    assert head[5:] == wire.encode(validity)
    with pytest.raises(DecodeError):
        wire.decode(dot2.Ieee1609Dot2Data, message.payload)


def test_the_plain_response_is_todays_but_for_preamble_version_and_generation_time(vector):
    """The plain octets are Ieee1609Dot2Data, unsecured; in no ScmsPdu: an octet 80, certificate, s."""
    content = wire.decode(dot2.Ieee1609Dot2Data, octets(vector["plaintext"])).content
    assert content.kind == "unsecuredData"
    for type_ in (scms.ScmsPdu, scms.AcaEeCertResponse):
        with pytest.raises(DecodeError):
            wire.decode(type_, content.value)
    assert content.value[:1] == b"\x80"
    # today: a preamble that says that s is there, version 2, a generation time; then the same
    completed = b"\x40\x02" + bytes(4) + content.value[1:]
    record = wire.decode(scms.AcaEeCertResponse, completed)
    assert wire.encode(record.certificate) == octets(vector["certificate"])
    assert record.private_key_info == octets(vector["reconstruction_private"])
    # and so completed it goes into a ScmsPdu of today
    pdu = scms.ScmsPdu(
        version=2,
        content=scms.ScmsPduContent(
            kind="aca-ee", value=scms.AcaEeInterfacePdu(kind="acaEeCertResponse", value=record)
        ),
    )
    assert wire.decode(scms.ScmsPdu, wire.encode(pdu)) == pdu
    assert wire.encode(pdu).endswith(completed)


def test_the_enrolment_certificate_is_reconstructed():
    enrolment = recorded()["enrolment"]
    eca = Certificate.parse(octets(enrolment["eca_certificate"]))
    certificate = Certificate.parse(octets(enrolment["certificate"]))
    assert certificate.is_implicit
    e = implicit_hash(certificate.tbs_octets, eca.digest)
    private = implicit_private_key(e, octets(enrolment["init_private"]), octets(enrolment["recon"]))
    assert private == octets(enrolment["final_private"])
    assert implicit_certificate_key(certificate, eca) == point_of(private)


def test_the_component_certificates_name_one_issuer():
    file = recorded()
    parsed = [
        Certificate.parse(octets(text))
        for text in (file["pca_certificate"], file["ra_certificate"], file["enrolment"]["eca_certificate"])
    ]
    assert len({certificate.issuer_id8 for certificate in parsed}) == 1
    assert [certificate.name for certificate in parsed] == [f"{n}.scms.co.kr" for n in ("pca", "ra", "eca")]
    assert all(isinstance(certificate.encryption_key, PublicKey) for certificate in parsed)
    assert len(NO_P1) == 32
