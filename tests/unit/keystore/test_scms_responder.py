"""Door 2 of an SCMS component: what it answers with, and what it cannot be made to sign."""

import os

import pytest

from tests.support.issuing import certificate_tbs
from v2xpki import wire
from v2xpki.crypto import (
    Certificate,
    Curve,
    certified_keys,
    signature_record,
    signing_digest,
    wrap_parts_each,
)
from v2xpki.errors import KeyRefused
from v2xpki.keystore import Delivery, Envelope, KeyLabel, MemoryKey, MemoryKeystore, ScmsResponder
from v2xpki.secured import CertificateRequest, RecipientKey, SignedMessage, decrypt, rek_id
from v2xpki.wire import dot2, etsi, scms
from v2xpki.wire.templates import Pieces, RequestTemplate

LABEL = KeyLabel("aca", "sign")
HASH = b"8 octets"


def signed_certificate(key: MemoryKey, signer: MemoryKey) -> Certificate:
    tbs = certificate_tbs(key)
    digest = signing_digest("sha256", wire.encode(tbs))
    issuer = dot2.IssuerIdentifier(kind="self", value="sha256")
    signature = signature_record(Curve.NIST_P256, signer.sign(digest))
    return Certificate.of(dot2.CertificateBase(3, "explicit", issuer, tbs, signature))


@pytest.fixture(scope="module")
def responder() -> ScmsResponder:
    key = MemoryKey.generate(Curve.NIST_P256)
    keystore = MemoryKeystore("test")
    keystore.add(LABEL, key)
    return keystore.scms_responder(LABEL, signed_certificate(key, key))


@pytest.fixture(scope="module")
def station() -> MemoryKey:
    return MemoryKey.generate(Curve.NIST_P256)


@pytest.fixture(scope="module")
def issued(station: MemoryKey) -> Certificate:
    return signed_certificate(station, station)


def envelope(station: MemoryKey) -> Envelope:
    key, point = os.urandom(16), station.public_key.point
    return Envelope(point, key, wrap_parts_each([point], [key])[0])


def checked(responder: ScmsResponder, octets: bytes) -> SignedMessage:
    """A message of this responder: psid 35 and no more, canonical, verified."""
    message = SignedMessage.parse(octets)
    assert wire.encode(message.record) == octets
    assert message.header == dot2.HeaderInfo(psid=35)
    message.verify(responder.certificate.verification_key, responder.certificate)
    return message


def answer(responder: ScmsResponder, octets: bytes) -> scms.AcaRaCertResponse:
    message = checked(responder, octets)
    assert message.signer_certificates == (responder.certificate,)
    pdu = wire.decode(scms.ScmsPdu, message.payload)
    assert pdu.content.kind == "aca-ra" and pdu.content.value.kind == "acaRaCertResponse"
    return pdu.content.value.value


def opened(data: bytes | dot2.Ieee1609Dot2Data, station: MemoryKey) -> scms.AcaEeCertResponse:
    own = {rek_id(station.public_key): RecipientKey.of_key(station)}
    pdu = wire.decode(scms.ScmsPdu, decrypt(data, own).plain)
    assert pdu.content.kind == "aca-ee"
    return pdu.content.value.value


def test_a_private_answer_is_encrypted_first_and_signed_outside(responder, station, issued):
    c = certified_keys([station.public_key.point]).private_key_infos[0]
    (octets,) = responder.certify_each([Delivery("private", issued.octets, c, envelope(station), HASH)], 7)
    response = answer(responder, octets)
    assert (response.generation_time, response.request_hash, response.aca_response.kind) == (
        7,
        HASH,
        "private",
    )
    inner = checked(responder, wire.encode(response.aca_response.value))
    assert inner.signer_digest == responder.certificate.hashed_id8
    got = opened(inner.signed.tbs_data.payload.data, station)
    assert got == scms.AcaEeCertResponse(2, 7, issued.record, c)


def test_a_compact_answer_is_encrypted_and_not_signed_inside(responder, station, issued):
    (octets,) = responder.certify_each(
        [Delivery("cubk", issued.octets, bytes(32), envelope(station), HASH)], 7
    )
    response = answer(responder, octets)
    assert response.aca_response.kind == "cubk"
    assert opened(response.aca_response.value, station).certificate == issued.record


def test_a_plain_answer_is_unsecured(responder, issued):
    (octets,) = responder.certify_each([Delivery("plain", issued.octets, None, None, HASH)], 7)
    response = answer(responder, octets)
    assert response.aca_response.kind == "plain"
    pdu = wire.decode(scms.ScmsPdu, response.aca_response.value.content.value)
    assert pdu.content.value.value == scms.AcaEeCertResponse(2, 7, issued.record)


@pytest.mark.parametrize(
    "change",
    [
        {"form": "plain"},
        {"envelope": None},
        {"form": "signedData"},
        {"private_key_info": b"short"},
        {"request_hash": b"short"},
    ],
)
def test_what_is_no_delivery_is_refused(responder, station, issued, change):
    whole = Delivery("private", issued.octets, bytes(32), envelope(station), HASH)
    with pytest.raises(KeyRefused):
        responder.certify_each([whole._replace(**change)], 7)


def test_no_two_answers_have_a_key_nonce_or_ciphertext_in_common(responder, station, issued):
    deliveries = [Delivery("cubk", issued.octets, bytes(32), envelope(station), HASH) for _ in range(3)]
    sealed = [
        answer(responder, o).aca_response.value.content.value for o in responder.certify_each(deliveries, 7)
    ]
    assert len({data.ciphertext.value.nonce for data in sealed}) == 3
    assert len({data.ciphertext.value.ccm_ciphertext for data in sealed}) == 3


def test_typed_answers_of_other_components_are_signed(responder):
    ack = scms.RaEeCertAck(version=2, generation_time=1, request_hash=HASH, first_i=3, next_dl_time=9)
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", scms.EeRaInterfacePdu("raEeCertAck", ack)))
    message = checked(responder, responder.respond(pdu))
    assert wire.decode(scms.ScmsPdu, message.payload) == pdu


def test_nothing_but_answers_is_signed(responder, issued):
    request = scms.EeRaDownloadRequest(generation_time=1, filename="x")
    asks = scms.EeRaInterfacePdu("eeRaDownloadRequest", request)
    for wrong in (
        scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", asks)),
        # the kind of an answer beside what is none
        scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", scms.EeRaInterfacePdu("raEeCertAck", request))),
        scms.ScmsPdu(
            2, scms.ScmsPduContent("cert", scms.CertManagementPdu("tbsCtlSignature", issued.record))
        ),
        issued.record,
        etsi.EtsiTs102941Data(1, etsi.EtsiTs102941DataContent("enrolmentResponse", None)),
    ):
        with pytest.raises(KeyRefused):
            responder.respond(wrong)
    assert not [name for name in dir(responder) if name.endswith("sign") and not name.startswith("_")]


# --- what an RA asks its ACA with the same key ---------------------------------------------------------


def asked(station: MemoryKey, *, keyed: bool = True) -> scms.RaAcaCertRequest:
    tbs = certificate_tbs(station)._replace(craca_id=bytes(3), crl_series=0)
    key = station.public_key.to_encryption_key() if keyed else None
    return scms.RaAcaCertRequest(2, 7, "explicit", 0x80, tbs, None, key)


def blank_pieces(responder: ScmsResponder, request: scms.RaAcaCertRequest) -> Pieces:
    record = CertificateRequest.parse(responder.request(request)).record
    template = RequestTemplate.of(record)
    return template.read(responder.request(request))._replace(signature=bytes(64))


def test_requests_to_an_aca_are_signed_as_typed_or_by_their_places(responder, station):
    like = asked(station)
    pieces = [
        blank_pieces(responder, asked(MemoryKey.generate(Curve.NIST_P256))._replace(generation_time=n))
        for n in range(3)
    ]
    made = responder.request_each(like, pieces)
    for n, octets in enumerate(made):
        request = CertificateRequest.parse(octets)
        assert request.record.signer.value == responder.certificate.hashed_id8
        assert request.pdu.generation_time == n
        request.verify(responder.certificate.verification_key, responder.certificate)
        assert request.record.tbs_request.content.kind == "aca-ra"
    assert len({octets[-64:] for octets in made}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"signature": b"\1" * 64},
        {"start": b"12345", "generation_time": b"123"},  # the same octets in all, in other holes
        {"key": b"\x80" + bytes(32)},
        {"linkage": bytes(11)},
        {"encryption_key": b""},
    ],
)
def test_pieces_that_are_not_of_the_shape_are_not_signed(responder, station, change):
    pieces = blank_pieces(responder, asked(station))
    with pytest.raises(KeyRefused):
        responder.request_each(asked(station), [pieces._replace(**change)])


def test_no_other_request_is_signed(responder, station):
    download = scms.EeRaDownloadRequest(generation_time=1, filename="x")
    uncompressed = station.public_key.to_verification_key()
    point = dot2.EccP256CurvePointUncompressedP256(bytes(32), bytes(32))
    odd = asked(station)
    odd = odd._replace(
        tbs_cert=odd.tbs_cert._replace(
            verify_key_indicator=dot2.VerificationKeyIndicator(
                "verificationKey",
                uncompressed._replace(value=dot2.EccP256CurvePoint("uncompressedP256", point)),
            )
        )
    )
    with pytest.raises(KeyRefused):
        responder.request(download)
    with pytest.raises(KeyRefused):
        responder.request_each(download, [])
    with pytest.raises(KeyRefused):
        responder.request_each(odd, [])
