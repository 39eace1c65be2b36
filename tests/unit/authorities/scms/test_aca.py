"""What an ACA certifies, and what it refuses: each request by itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.scms import certificate, delivered, new_cocoon, response
from v2xpki import wire
from v2xpki.authorities.scms.aca_policy import DAY, AcaPolicy, KnownRas
from v2xpki.authorities.scms.aca_reading import AcaReader
from v2xpki.authorities.scms.reasons import AcaReason, Refusal
from v2xpki.authorities.scms.secrets import la_keys
from v2xpki.bench.scms_laboratory import BUTTERFLY, CUBK, ScmsLaboratory
from v2xpki.crypto import Certificate, Curve, hashed_id8, signing_digest
from v2xpki.crypto.hashing import hash_octets
from v2xpki.errors import ConfigError
from v2xpki.keystore import MemoryKey
from v2xpki.secured import sign_request
from v2xpki.store.auditing import examine
from v2xpki.wire import dot2, scms


def only(answers: list) -> bytes:
    (answer,) = answers
    assert isinstance(answer, bytes), answer
    return answer


def reason(answers: list) -> AcaReason:
    (answer,) = answers
    assert isinstance(answer, Refusal), "it was granted"
    return answer.reason


def test_a_unified_request_gets_a_pseudonym_that_the_cocoon_alone_opens(laboratory: ScmsLaboratory):
    cocoon = new_cocoon()
    request = laboratory.signed(laboratory.request(cocoon.public_key, plvs=(b"\xf0" * 9, b"\x0f" * 9)))
    answer = only(laboratory.aca.certify([request]))
    assert response(laboratory, answer).request_hash == hashed_id8(hash_octets("sha256", request))
    assert response(laboratory, answer).aca_response.kind == "private"
    made = certificate(laboratory, answer, cocoon)
    tbs = made.record.to_be_signed
    assert tbs.id.value == dot2.LinkageData(9, b"\xff" * 9)
    assert tbs.craca_id == laboratory.root.hashed_id3 and tbs.crl_series == 1
    assert made.verification_key != cocoon.public_key
    assert examine(laboratory.database).findings == ()


def test_a_compact_request_gets_an_answer_without_the_inner_signature(quick: ScmsLaboratory):
    cocoon = new_cocoon()
    answer = only(quick.aca.certify([quick.signed(quick.request(cocoon.public_key, cubk=True))]))
    assert response(quick, answer).aca_response.kind == "cubk"
    certificate(quick, answer, cocoon)


def test_an_original_request_is_answered_to_the_encryption_cocoon(quick: ScmsLaboratory):
    signing, encryption = new_cocoon(), new_cocoon()
    asked = quick.request(signing.public_key)._replace(cert_enc_key=encryption.public_key.to_encryption_key())
    got = delivered(quick, only(quick.aca.certify([quick.signed(asked)])), encryption)
    assert got.private_key_info is not None


@pytest.mark.parametrize("curve", [Curve.NIST_P256, Curve.BRAINPOOL_P256R1, Curve.NIST_P384])
@pytest.mark.parametrize("encrypted", [True, False])
def test_an_application_certificate_is_of_the_stations_own_key(quick: ScmsLaboratory, curve, encrypted):
    key, to = MemoryKey.generate(curve), new_cocoon()
    asked = application(quick, key)
    if encrypted:
        asked = asked._replace(cert_enc_key=to.public_key.to_encryption_key())
    requests = [quick.signed(asked)] * 2
    for answer in quick.aca.certify(requests):
        got = delivered(quick, answer, to)
        made = Certificate.of(got.certificate)
        made.verify_signature(quick.aca_certificate)
        assert got.private_key_info is None and made.verification_key == key.public_key
        assert made.record.to_be_signed.encryption_key is not None


def test_an_identification_certificate_has_no_linkage(quick: ScmsLaboratory):
    cocoon = new_cocoon()
    asked = quick.request(cocoon.public_key)
    tbs = asked.tbs_cert._replace(id=dot2.CertificateId("name", "bus 7"))
    answer = only(quick.aca.certify([quick.signed(asked._replace(linkage_info=None, tbs_cert=tbs))]))
    assert certificate(quick, answer, cocoon).name == "bus 7"


def application(laboratory: ScmsLaboratory, key: MemoryKey) -> scms.RaAcaCertRequest:
    asked = laboratory.request(new_cocoon().public_key)
    tbs = asked.tbs_cert._replace(
        id=dot2.CertificateId("none", None),
        encryption_key=new_cocoon().public_key.to_encryption_key(),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            "verificationKey", key.public_key.to_verification_key()
        ),
    )
    return asked._replace(flags=0, linkage_info=None, cert_enc_key=None, tbs_cert=tbs)


# --- once and again ---------------------------------------------------------------------------------


def test_the_same_request_gets_the_same_certificate_in_a_fresh_envelope(laboratory: ScmsLaboratory):
    cocoon = new_cocoon()
    asked = laboratory.request(cocoon.public_key)
    first = only(laboratory.aca.certify([laboratory.signed(asked)]))
    laboratory.clock.advance(60)
    later = asked._replace(generation_time=laboratory.clock.time32())
    fresh = laboratory.request(new_cocoon().public_key)
    again, other = laboratory.aca.certify([laboratory.signed(later), laboratory.signed(fresh)])
    assert certificate(laboratory, first, cocoon) == certificate(laboratory, again, cocoon)
    assert response(laboratory, first).aca_response != response(laboratory, again).aca_response
    assert isinstance(other, bytes)
    assert examine(laboratory.database).records == 2


def test_another_process_gives_the_same_certificate(quick: ScmsLaboratory):
    cocoon = new_cocoon()
    request = quick.signed(quick.request(cocoon.public_key))
    first, second = quick.aca.certify([request])[0], quick.open_aca().certify([request])[0]
    assert certificate(quick, first, cocoon) == certificate(quick, second, cocoon)


def test_the_same_request_twice_in_a_chunk_is_signed_once(quick: ScmsLaboratory):
    cocoon = new_cocoon()
    request = quick.signed(quick.request(cocoon.public_key))
    one, other = quick.aca.certify([request, request])
    assert certificate(quick, one, cocoon) == certificate(quick, other, cocoon)
    assert examine(quick.database).records == 1


def test_another_recipient_or_linkage_value_is_another_certificate(quick: ScmsLaboratory):
    cocoon, thief = new_cocoon(), new_cocoon()
    asked = quick.request(cocoon.public_key)
    first = only(quick.aca.certify([quick.signed(asked)]))
    stolen = asked._replace(cert_enc_key=thief.public_key.to_encryption_key())
    got = delivered(quick, only(quick.aca.certify([quick.signed(stolen)])), thief)
    # an RA that asks once more, for itself, learns neither c nor the certificate that the vehicle has
    mine = certificate(quick, first, cocoon)
    assert Certificate.of(got.certificate).verification_key != mine.verification_key
    other = quick.request(cocoon.public_key, plvs=(b"\3" * 9, b"\4" * 9))
    assert certificate(quick, only(quick.aca.certify([quick.signed(other)])), cocoon) != first


def test_a_request_that_is_being_answered_elsewhere_is_to_be_asked_again(laboratory: ScmsLaboratory):
    request = laboratory.signed(laboratory.request(new_cocoon().public_key))
    other, seen = laboratory.open_aca(), []
    issue = laboratory.aca._reader._issuer.issue

    def slow(chunk):
        seen.append(reason(other.certify([request])))
        return issue(chunk)

    laboratory.aca._reader._issuer.issue = slow
    only(laboratory.aca.certify([request]))
    assert seen == [AcaReason.BUSY]
    only(other.certify([request]))


# --- refusals ----------------------------------------------------------------------------------------


def changed(**fields) -> Callable[[ScmsLaboratory, scms.RaAcaCertRequest], scms.RaAcaCertRequest]:
    return lambda _, asked: asked._replace(**fields)


def tbs(**fields) -> Callable[[ScmsLaboratory, scms.RaAcaCertRequest], scms.RaAcaCertRequest]:
    return lambda _, asked: asked._replace(tbs_cert=asked.tbs_cert._replace(**fields))


def validity(start: int, hours: int = 169):
    def change(laboratory: ScmsLaboratory, asked: scms.RaAcaCertRequest) -> scms.RaAcaCertRequest:
        period = dot2.ValidityPeriod(laboratory.clock.time32() + start, dot2.Duration("hours", hours))
        return asked._replace(tbs_cert=asked.tbs_cert._replace(validity_period=period))

    return change


def linkage(laboratory: ScmsLaboratory, asked, one=0, other=1, value=b"\1" * 9, la_id=None):
    first, second = laboratory.encrypted_plv(one, value), laboratory.encrypted_plv(other, b"\2" * 9)
    if la_id is not None:
        first = first._replace(la_id=la_id)
    return asked._replace(linkage_info=scms.LinkageInfo(first, second))


def under_another_key(laboratory: ScmsLaboratory, asked):
    keys, laboratory.la_keys = laboratory.la_keys, (bytes(16), laboratory.la_keys[1])
    asked = linkage(laboratory, asked)
    laboratory.la_keys = keys
    return asked


def forged_plv(laboratory: ScmsLaboratory, asked):
    plv = laboratory.encrypted_plv(0, b"\1" * 9)
    data = plv.enc_plv.content.value
    text = data.ciphertext.value._replace(ccm_ciphertext=bytes(25))
    data = data._replace(ciphertext=data.ciphertext._replace(value=text))
    plv = plv._replace(enc_plv=plv.enc_plv._replace(content=plv.enc_plv.content._replace(value=data)))
    return asked._replace(linkage_info=scms.LinkageInfo(plv, laboratory.encrypted_plv(1, b"\2" * 9)))


NO_X = b"\0" * 31 + b"\1"  # of no point of P-256
NO_POINT = dot2.PublicVerificationKey("ecdsaNistP256", dot2.EccP256CurvePoint("compressed-y-0", NO_X))
COMPONENT = dot2.PsidSsp(35, dot2.ServiceSpecificPermissions("opaque", b"\x85\0\2"))
ISSUES = (dot2.PsidGroupPermissions(dot2.SubjectPermissions("all", None)),)
REGION = dot2.GeographicRegion("identifiedRegion", (dot2.IdentifiedRegion("countryOnly", 276),))

REFUSED = {
    "implicit": (changed(type="implicit"), AcaReason.NOT_OFFERED),
    "cracaId is set": (tbs(craca_id=b"abc"), AcaReason.WRONG_FORM),
    "crlSeries is set": (tbs(crl_series=4), AcaReason.WRONG_FORM),
    "an unknown flag": (changed(flags=BUTTERFLY | 1), AcaReason.WRONG_FORM),
    "cubk and a key": (changed(flags=BUTTERFLY | CUBK), AcaReason.WRONG_FORM),
    "an answer in plain": (changed(cert_enc_key=None), AcaReason.WRONG_FORM),
    "linkage without linkageInfo": (changed(linkage_info=None), AcaReason.WRONG_FORM),
    "linkageInfo without linkage": (tbs(id=dot2.CertificateId("none", None)), AcaReason.WRONG_FORM),
    "an old request": (changed(generation_time=720_000_123 - 3601), AcaReason.OUT_OF_TIME),
    "a request of tomorrow": (changed(generation_time=720_000_123 + 3601), AcaReason.OUT_OF_TIME),
    "before the ACA": (validity(-8000), AcaReason.NO_VALIDITY),
    "over already": (validity(-3000, 0), AcaReason.NO_VALIDITY),
    "too long": (validity(0, 8 * 24 + 1), AcaReason.NO_VALIDITY),
    "too far ahead": (validity(4 * 366 * DAY), AcaReason.NO_VALIDITY),
    "after the ACA": (validity(6 * 366 * DAY), AcaReason.NO_VALIDITY),
    "a service that the RA may not ask for": (tbs(app_permissions=(dot2.PsidSsp(99, None),)),
                                              AcaReason.DENIED_PERMISSIONS),
    "a component's role": (tbs(app_permissions=(COMPONENT,)), AcaReason.DENIED_PERMISSIONS),
    "no permissions": (tbs(app_permissions=None), AcaReason.DENIED_PERMISSIONS),
    "leave to issue": (tbs(cert_issue_permissions=ISSUES), AcaReason.DENIED_PERMISSIONS),
    "one linkage authority for both": (lambda lab, asked: linkage(lab, asked, 0, 0), AcaReason.BAD_LINKAGE),
    "another la id": (lambda lab, asked: linkage(lab, asked, la_id=b"\0\2"), AcaReason.BAD_LINKAGE),
    "a value of 8 octets": (lambda lab, asked: linkage(lab, asked, value=b"\1" * 8), AcaReason.BAD_LINKAGE),
    "a key that is not shared": (under_another_key, AcaReason.BAD_LINKAGE),
    "a forged value": (forged_plv, AcaReason.BAD_LINKAGE),
    "no point": (tbs(verify_key_indicator=dot2.VerificationKeyIndicator("verificationKey", NO_POINT)),
                 AcaReason.BAD_KEYS),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request_is_refused_by_itself_and_the_others_go_on(quick: ScmsLaboratory, name: str):
    change, wanted = REFUSED[name]
    cocoons = [new_cocoon() for _ in range(3)]
    asked = [quick.request(cocoon.public_key) for cocoon in cocoons]
    only(quick.aca.certify([quick.signed(quick.request(new_cocoon().public_key))]))  # the shape is known
    requests = [quick.signed(one) for one in (asked[0], change(quick, asked[1]), asked[2])]
    first, refused, last = quick.aca.certify(requests)
    assert isinstance(refused, Refusal) and refused.reason is wanted
    for answer, cocoon in ((first, cocoons[0]), (last, cocoons[2])):
        certificate(quick, answer, cocoon)


def test_a_point_off_the_curve_in_a_known_shape_is_refused_by_itself(quick: ScmsLaboratory):
    only(quick.aca.certify([quick.requests(1)[0]]))
    good, bad = quick.requests(2)
    template = quick._templates[False]
    pieces = template.read(bad)
    nothing = b"\x82" + NO_X
    octets = template.write(pieces._replace(key=nothing, encryption_key=nothing))
    signed = octets[:-64] + quick.ra_key.sign(signing_digest("sha256", octets[template.tbs], quick.ra.octets))
    answers = quick.aca.certify([good, signed])
    assert isinstance(answers[0], bytes) and answers[1].reason is AcaReason.BAD_KEYS


def test_a_forged_signature_or_another_signer_is_refused(quick: ScmsLaboratory):
    only(quick.aca.certify(quick.requests(1)))
    request = quick.requests(1)[0]
    assert reason(quick.aca.certify([request[:-1] + bytes((request[-1] ^ 1,))])) is AcaReason.BAD_SIGNATURE
    key = new_cocoon()
    tbs = quick.component("RA", key.public_key, key.public_key)
    stranger = quick.certify(tbs, quick.root)
    inner = scms.AcaRaInterfacePdu("raAcaCertRequest", quick.request(key.public_key))
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", inner))
    for identifier in ("digest", "certificate"):
        octets = sign_request(key, pdu, certificate=stranger, identifier=identifier)
        assert reason(quick.aca.certify([octets])) is AcaReason.UNKNOWN_RA
    assert reason(quick.aca.certify([sign_request(key, pdu, identifier="self")])) is AcaReason.UNKNOWN_RA


def test_an_ra_named_by_its_certificate_is_known(quick: ScmsLaboratory):
    cocoon = new_cocoon()
    inner = scms.AcaRaInterfacePdu("raAcaCertRequest", quick.request(cocoon.public_key))
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", inner))
    octets = sign_request(quick.ra_key, pdu, certificate=quick.ra, identifier="certificate")
    certificate(quick, only(quick.aca.certify([octets])), cocoon)


def test_a_revoked_or_expired_ra_is_refused_though_its_shape_is_known(quick: ScmsLaboratory):
    only(quick.aca.certify(quick.requests(1)))
    known = quick.aca._reader._ras._known
    known.clear()
    assert reason(quick.aca.certify(quick.requests(1))) is AcaReason.UNKNOWN_RA
    known[quick.ra.hashed_id8] = quick.ra
    only(quick.aca.certify(quick.requests(1)))
    quick.clock.now = quick.ra.end
    assert reason(quick.aca.certify(quick.requests(1))) is AcaReason.UNKNOWN_RA


def test_a_component_that_is_no_ra_is_refused(quick: ScmsLaboratory):
    key = new_cocoon()
    other = quick.certify(quick.component("ECA", key.public_key, key.public_key), quick.root)
    quick.aca._reader._ras = KnownRas([quick.ra, other])
    inner = scms.AcaRaInterfacePdu("raAcaCertRequest", quick.request(key.public_key))
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", inner))
    octets = sign_request(key, pdu, certificate=other, identifier="digest")
    assert reason(quick.aca.certify([octets])) is AcaReason.UNKNOWN_RA


def test_compact_requests_need_the_flag_in_the_acas_certificate(quick: ScmsLaboratory):
    record = quick.aca_certificate.record
    tbs = record.to_be_signed._replace(flags=None)
    quick.aca._reader._own = Certificate.of(record._replace(to_be_signed=tbs))
    asked = quick.request(new_cocoon().public_key, cubk=True)
    assert reason(quick.aca.certify([quick.signed(asked)])) is AcaReason.NOT_OFFERED


def test_policy_may_leave_application_certificates_out(quick: ScmsLaboratory):
    quick.aca._reader._policy = replace(AcaPolicy(), butterfly_only=True)
    asked = application(quick, new_cocoon())
    assert reason(quick.aca.certify([quick.signed(asked)])) is AcaReason.NOT_OFFERED
    with pytest.raises(ConfigError):
        AcaPolicy(preload_max=0)
    with pytest.raises(ConfigError):
        AcaPolicy(crl_series=0)


def test_octets_that_are_no_request_are_refused(quick: ScmsLaboratory):
    for octets, wanted in (
        (b"", AcaReason.UNREADABLE),
        (b"\3\x80\1x", AcaReason.WRONG_CONTENT),
        (quick.root.octets, AcaReason.UNREADABLE),
    ):
        assert reason(quick.aca.certify([octets])) is wanted


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_requests_are_refused_with_a_reason(quick: ScmsLaboratory, data):
    """But for the form of r, of which x alone counts."""
    if not hasattr(quick, "sample"):
        quick.sample = quick.requests(2)
        only(quick.aca.certify(quick.sample[:1]))
    sample = quick.sample[data.draw(st.integers(0, 1))]
    octets = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 3))):
        place, bit = data.draw(st.integers(0, len(octets) - 1)), data.draw(st.integers(0, 7))
        octets[place] ^= 1 << bit
    (answer,) = quick.aca.certify([bytes(octets)])
    same = octets[:-65] + octets[-64:] == sample[:-65] + sample[-64:] and octets[-65] in (0x80, 0x82, 0x83)
    assert isinstance(answer, bytes) == same


# --- the fast way is the slow way --------------------------------------------------------------------


@pytest.mark.parametrize("cubk", [False, True])
def test_requests_read_by_their_places_ask_what_the_codec_reads(quick: ScmsLaboratory, cubk: bool):
    keys = la_keys(quick.secrets)
    issuer, craca = quick.aca._reader._issuer, quick.root.hashed_id3
    reader = AcaReader(issuer, KnownRas([quick.ra]), keys, AcaPolicy(), craca)
    now = quick.clock.time32()
    requests = quick.requests(20, cubk=cubk)
    slow = [
        AcaReader(issuer, KnownRas([quick.ra]), keys, AcaPolicy(), craca).read(o, now, set())
        for o in requests
    ]
    reader.read(requests[0], now, set())
    reader._read_whole = None  # from here on by places alone
    fast = [reader.read(octets, now, set()) for octets in requests]
    assert [wish[1:] for wish in fast] == [wish[1:] for wish in slow]
    assert {wish.shape.identity for wish in fast + slow} == {slow[0].shape.identity}


def test_a_chunk_of_hundreds_verifies_one_by_one(laboratory: ScmsLaboratory, tmp_path: Path):
    answers = laboratory.aca.certify(laboratory.requests(150) + laboratory.requests(50, cubk=True))
    assert all(isinstance(answer, bytes) for answer in answers)
    for answer in answers:
        assert wire.encode(wire.decode(dot2.Ieee1609Dot2Data, answer)) == answer
        response(laboratory, answer)
    report = examine(laboratory.database)
    assert report.findings == () and report.records == 200
