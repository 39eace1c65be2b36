"""Signed certificate requests: what is signed, who signs, and what is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2xpki import wire
from v2xpki.crypto import Curve, PublicKey
from v2xpki.errors import DecodeError, InvalidSignature, SecuredError, UnexpectedContent
from v2xpki.keystore import MemoryKey
from v2xpki.secured import CertificateRequest, sign_request, unsecured
from v2xpki.wire import dot2, scms


def request_pdu(key: MemoryKey) -> scms.ScmsPdu:
    tbs = dot2.ToBeSignedCertificate(
        id=dot2.CertificateId(kind="none", value=None),
        craca_id=bytes(3),
        crl_series=0,
        validity_period=dot2.ValidityPeriod(start=1, duration=dot2.Duration(kind="hours", value=1)),
        app_permissions=(dot2.PsidSsp(psid=32, ssp=None),),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey", value=key.public_key.to_verification_key()
        ),
    )
    asked = scms.EeEcaCertRequest(version=2, generation_time=7, type="explicit", tbs_cert=tbs)
    inner = scms.EcaEeInterfacePdu(kind="eeEcaCertRequest", value=asked)
    return scms.ScmsPdu(version=2, content=scms.ScmsPduContent(kind="eca-ee", value=inner))


@pytest.fixture(scope="module")
def key() -> MemoryKey:
    return MemoryKey.generate(Curve.NIST_P256)


def test_the_recorded_request_is_read_back_and_verifies_under_the_key_that_it_asks_for(shared_vectors: Path):
    recorded = json.loads((shared_vectors / "real_world.json").read_text())["signed_data"]
    octets = bytes.fromhex(recorded["openscms_ee_eca_cert_request"])
    request = CertificateRequest.parse(octets)
    assert request.is_self_signed and isinstance(request.pdu, scms.EeEcaCertRequest)
    assert wire.encode(request.record.tbs_request) == request.tbs_octets
    request.verify(PublicKey.of_verification_key(request.pdu.tbs_cert.verify_key_indicator.value))


@pytest.mark.parametrize("curve", list(Curve))
def test_a_request_of_any_curve_comes_back_and_verifies(curve: Curve):
    key = MemoryKey.generate(curve)
    pdu = request_pdu(MemoryKey.generate(Curve.NIST_P256))
    octets = sign_request(key, pdu, identifier="self")
    request = CertificateRequest.parse(octets)
    assert request.record.tbs_request == pdu and request.tbs_octets == wire.encode(pdu)
    assert wire.encode(wire.decode(dot2.Ieee1609Dot2Data, octets)) == octets
    request.verify(key.public_key)


def test_a_request_under_another_key_or_signer_is_refused(key: MemoryKey):
    request = CertificateRequest.parse(sign_request(key, request_pdu(key), identifier="self"))
    with pytest.raises(InvalidSignature):
        request.verify(MemoryKey.generate(Curve.NIST_P256).public_key)
    with pytest.raises(InvalidSignature):
        request.verify(key.public_key, b"a certificate that was not named")
    with pytest.raises(InvalidSignature, match="hashAlgorithmId"):
        request.verify(MemoryKey.generate(Curve.NIST_P384).public_key)


def test_a_changed_request_is_refused(key: MemoryKey):
    octets = sign_request(key, request_pdu(key), identifier="self")
    request = CertificateRequest.parse(octets)
    changed = octets.replace(request.tbs_octets, wire.encode(request_pdu(MemoryKey.generate(key.curve))))
    with pytest.raises(InvalidSignature):
        CertificateRequest.parse(changed).verify(key.public_key)


def test_other_content_and_a_signer_without_certificate_are_refused(key: MemoryKey):
    with pytest.raises(UnexpectedContent):
        CertificateRequest.parse(unsecured(b"x"))
    with pytest.raises(SecuredError):
        sign_request(key, request_pdu(key), identifier="digest")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_octets_are_refused_or_come_back_as_they_were(data: st.DataObject):
    key = MemoryKey(Curve.NIST_P256, 7)
    octets = bytearray(sign_request(key, request_pdu(key), identifier="self"))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        request = CertificateRequest.parse(bytes(octets))
    except (DecodeError, UnexpectedContent):
        return
    assert wire.encode(request.record) in bytes(octets)
    assert wire.encode(request.record.tbs_request) == request.tbs_octets
