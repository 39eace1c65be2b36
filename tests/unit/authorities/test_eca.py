"""The ECA of an SCMS, its key in a token: who gets an enrolment certificate, what it says, who gets none."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import TokenStore
from tests.support.databases import new_url  # noqa: F401
from tests.support.postgres import postgres_server  # noqa: F401
from tests.support.scms_enrolment import COUNTRY, HOME, NOW, P256, EcaLab, component_tbs, signed
from v2xpki import wire
from v2xpki.authorities.scms.devices import NewDevice
from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.config import EcaPolicy
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import AlreadyRecorded, ConfigError, StoreError
from v2xpki.keystore import MemoryKey
from v2xpki.secured import CertificateRequest, RecipientKey, SignedMessage, decrypt, sign_request
from v2xpki.station.scms.enrolment import (
    DeviceIdentity,
    Enrolled,
    EnrolmentWish,
    Pending,
    accept,
    ask,
    ask_successor,
    seal,
)
from v2xpki.store.auditing import examine
from v2xpki.store.base import IssuanceRecord
from v2xpki.trust import validity
from v2xpki.trust.regions import from_table
from v2xpki.trust.scms_devices import EE_PERMISSIONS, DeviceProfiles, ranges_of, request_permissions
from v2xpki.wire import dot2, reference, scms

BSM, WSA = dot2.PsidSspRange(32, None), dot2.PsidSspRange(135, None)
ANYTHING = EnrolmentWish()


@pytest.fixture
def make_lab(token_store: TokenStore, tmp_path: Path) -> Iterator[Callable[..., EcaLab]]:
    made: list[EcaLab] = []

    def make(**options: Any) -> EcaLab:
        url = f"sqlite:///{tmp_path}/{len(made)}.db"
        made.append(EcaLab.make(url, keystore=token_store.open("eca"), **options))
        return made[-1]

    yield make
    for lab in made:
        lab.eca.close()
        assert examine(lab.database).findings == ()
        lab.database.close()


@pytest.fixture
def lab(make_lab: Callable[..., EcaLab]) -> EcaLab:
    return make_lab()


@pytest.fixture
def device(lab: EcaLab) -> DeviceIdentity:
    return lab.device()[0]


def enrol(lab: EcaLab, device: DeviceIdentity | None, wish: EnrolmentWish = ANYTHING) -> Enrolled:
    pending = ask(device, wish, lab.clock.now)
    return accept(pending, lab.eca.enrol(pending.request), [lab.root], lab.clock.now)


def succeed(lab: EcaLab, present: Enrolled, wish: EnrolmentWish = ANYTHING) -> Enrolled:
    pending = ask_successor(present, wish, lab.clock.now)
    return accept(pending, lab.eca.succeed(pending.request), [lab.root], lab.clock.now)


def refused(call: Callable[[bytes], bytes], octets: bytes, reason: EcaReason) -> None:
    with pytest.raises(RefusedEnrolmentRequest) as caught:
        call(octets)
    assert caught.value.reason is reason, str(caught.value)


def issued(lab: EcaLab) -> list[str]:
    with lab.database.read() as tx:
        return list(tx.execute(sa.select(IssuanceRecord.state)).scalars())


def spdu(
    device: DeviceIdentity,
    *,
    signer: MemoryKey | None = None,
    key: MemoryKey | None = None,
    asked: dict[str, Any] | None = None,
    certificate: Certificate | None = None,
    **tbs: Any,
) -> bytes:
    """A request that differs from a device's own in what is named."""
    pending = ask(device, ANYTHING, NOW, key)
    request = CertificateRequest.parse(pending.request).pdu
    assert isinstance(request, scms.EeEcaCertRequest)
    changed = request._replace(tbs_cert=request.tbs_cert._replace(**tbs), **(asked or {}))
    inner = scms.EcaEeInterfacePdu("eeEcaCertRequest", changed)
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("eca-ee", inner))
    identifier = "self" if certificate is None else "certificate"
    return sign_request(signer or device.key, pdu, certificate=certificate, identifier=identifier)


# --- what is promised ----------------------------------------------------------------------


def test_a_registered_device_gets_what_its_kind_of_device_may_have(lab: EcaLab, device: DeviceIdentity):
    pending = ask(device, ANYTHING, lab.clock.now)
    answer = lab.eca.enrol(pending.request)
    enrolled = accept(pending, answer, [lab.root], lab.clock.now)
    tbs = enrolled.certificate.record.to_be_signed
    assert enrolled.certificate.verification_key == pending.key.public_key
    assert enrolled.chain == (lab.certificate, lab.root)
    # as the recorded one: cracaId of the ECA, series 4, six years, BSM, SCMS and WSA
    assert (tbs.craca_id, tbs.crl_series) == (lab.certificate.hashed_id3, 4)
    assert validity.duration_seconds(tbs.validity_period.duration) == 6 * validity.YEAR
    assert tbs.app_permissions == EE_PERMISSIONS
    assert tbs.cert_request_permissions == request_permissions([BSM, dot2.PsidSspRange(35, None), WSA])
    assert tbs.id == dot2.CertificateId("none", None) and tbs.region is None
    message = SignedMessage.parse(answer)
    assert message.header == dot2.HeaderInfo(psid=35)
    assert message.signer_certificates == (lab.certificate,)
    message.verify(lab.certificate.verification_key, lab.certificate)
    response = wire.decode(scms.ScmsPdu, message.payload).content.value.value
    assert response.version == 2 and response.private_key_info is None
    assert response.request_hash == sha256(pending.request).digest()[-8:]
    assert lab.notes.seen == {("enrolment", "ok"): 1}


def test_the_rights_of_an_enrolment_certificate_are_those_of_the_recorded_one(
    lab: EcaLab, device: DeviceIdentity, shared_vectors: Path
):
    import json

    vectors = json.loads((shared_vectors / "scms_butterfly_end_to_end.json").read_text())
    recorded = Certificate.parse(bytes.fromhex(vectors["enrolment"]["certificate"])).record.to_be_signed
    ours = enrol(lab, device).certificate.record.to_be_signed
    assert ours.cert_request_permissions == recorded.cert_request_permissions
    assert ours.validity_period.duration == recorded.validity_period.duration
    assert ours.crl_series == recorded.crl_series


def test_a_device_may_ask_for_less(lab: EcaLab, device: DeviceIdentity):
    period = dot2.ValidityPeriod(NOW, dot2.Duration("hours", 48))
    wish = EnrolmentWish((BSM,), period, COUNTRY, dot2.CertificateId("name", ""), Curve.BRAINPOOL_P256R1)
    tbs = enrol(lab, device, wish).certificate.record.to_be_signed
    assert tbs.cert_request_permissions == request_permissions([BSM])
    assert (tbs.validity_period, tbs.region, tbs.id) == (period, COUNTRY, wish.id)
    assert tbs.verify_key_indicator.value.kind == "ecdsaBrainpoolP256r1"


def test_an_uncompressed_key_is_certified_in_its_canonical_form(lab: EcaLab, device: DeviceIdentity):
    key = MemoryKey.generate(P256)
    raw = key.public_key.uncompressed
    point = dot2.EccP256CurvePoint(
        "uncompressedP256", dot2.EccP256CurvePointUncompressedP256(raw[1:33], raw[33:])
    )
    indicator = dot2.VerificationKeyIndicator(
        "verificationKey", dot2.PublicVerificationKey("ecdsaNistP256", point)
    )
    answer = lab.eca.enrol(spdu(device, key=key, verify_key_indicator=indicator))
    response = wire.decode(scms.ScmsPdu, SignedMessage.parse(answer).payload).content.value.value
    assert Certificate.of(response.certificate).verification_key == key.public_key
    assert response.certificate.to_be_signed.verify_key_indicator.value == (
        key.public_key.to_verification_key()
    )


def test_the_same_request_gets_the_same_octets_even_late(lab: EcaLab, device: DeviceIdentity):
    pending = ask(device, ANYTHING, lab.clock.now)
    first = lab.eca.enrol(pending.request)
    lab.clock.advance(3600)  # generationTime is long past
    assert lab.eca.enrol(pending.request) == first
    assert issued(lab) == ["issued"]


def test_the_same_wish_in_another_envelope_gets_the_same_certificate(lab: EcaLab, device: DeviceIdentity):
    first = ask(device, ANYTHING, lab.clock.now)
    enrolled = accept(first, lab.eca.enrol(first.request), [lab.root], lab.clock.now)
    again = ask(device, ANYTHING, lab.clock.now + 1, first.key)
    assert again.request != first.request
    got = accept(again, lab.eca.enrol(again.request), [lab.root], lab.clock.now)
    assert got.certificate == enrolled.certificate
    assert issued(lab) == ["issued"]


def test_requests_are_forgotten_once_they_cannot_be_repeated(lab: EcaLab, device: DeviceIdentity):
    pending = ask(device, ANYTHING, lab.clock.now)
    lab.eca.enrol(pending.request)
    lab.clock.advance(3 * 86400)
    assert lab.eca.purge(lab.clock.now) == 1
    refused(lab.eca.enrol, pending.request, EcaReason.OUT_OF_TIME)


def test_a_roadside_unit_may_be_named_and_is_bound_to_its_place(lab: EcaLab):
    place = from_table({"countries": [410]})
    unit, _ = lab.device("RSU-1", "rsu", place)
    wish = EnrolmentWish(id=dot2.CertificateId("name", "RSU-1"))
    certificate = enrol(lab, unit, wish).certificate
    assert certificate.name == "RSU-1" and certificate.record.to_be_signed.region == place


def test_enrolment_repeat_succession_and_barring(lab: EcaLab):
    identity, known = lab.device()
    first = enrol(lab, identity)
    lab.clock.advance(86400)
    second = succeed(lab, first)
    assert second.certificate.verification_key != first.certificate.verification_key
    third = succeed(lab, second, EnrolmentWish((BSM,)))
    assert [c.hex8 for c in (first.certificate, second.certificate, third.certificate)] == [
        c.hex8
        for c in sorted(
            lab.register.certificates(known.id),
            key=lambda c: [first.certificate, second.certificate, third.certificate].index(c),
        )
    ]
    pending = ask(identity, ANYTHING, lab.clock.now)
    granted = ask(identity, ANYTHING, lab.clock.now)
    lab.eca.enrol(granted.request)
    lab.register.bar(known.id, reason="stolen", operator="op")
    refused(lab.eca.enrol, pending.request, EcaReason.BARRED)
    refused(lab.eca.enrol, granted.request, EcaReason.BARRED)  # nor what it was given before
    after = ask_successor(third, ANYTHING, lab.clock.now)
    refused(lab.eca.succeed, after.request, EcaReason.BARRED)
    lab.register.unbar(known.id, reason="found", operator="op")
    accept(after, lab.eca.succeed(after.request), [lab.root], lab.clock.now)


def test_a_successor_is_asked_for_through_the_ra_which_sees_it_opened(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    key, sealing = MemoryKey.generate(P256), MemoryKey.generate(P256)
    tbs = component_tbs("ra", key.public_key, encryption_key=sealing.public_key.to_encryption_key())
    ra = signed(tbs, lab.root_key, lab.root)
    pending = ask_successor(present, ANYTHING, lab.clock.now)
    sealed = seal(pending, ra)
    assert wire.decode(dot2.Ieee1609Dot2Data, sealed).content.kind == "encryptedData"
    opened = decrypt(sealed, {ra.hashed_id8: RecipientKey.of_certificate(sealing, ra)}).plain
    assert opened == pending.request
    answer = lab.eca.succeed(opened)
    assert lab.eca.succeed(opened) == answer
    accept(pending, answer, [lab.root], lab.clock.now)


def test_a_successor_keeps_the_region_and_the_rights_of_the_present_one(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device, EnrolmentWish((BSM, WSA), region=COUNTRY))
    tbs = succeed(lab, present).certificate.record.to_be_signed
    assert tbs.region == COUNTRY
    assert ranges_of(tbs.cert_request_permissions or ()) == (BSM, WSA)


def test_devices_that_nobody_registered_are_served_where_the_policy_says_so(make_lab: Callable[..., EcaLab]):
    lab = make_lab(policy=EcaPolicy(allow_unregistered=True))
    enrolled = enrol(lab, None)
    (known,) = lab.register.all()
    assert (known.canonical_id, known.profile) == (None, "obe")
    pending = ask(None, ANYTHING, lab.clock.now)
    successor = succeed(lab, enrolled)
    assert len(list(lab.register.all())) == 1
    lab.register.bar(known.id, reason="misused")
    refused(lab.eca.succeed, ask_successor(successor, ANYTHING, lab.clock.now).request, EcaReason.BARRED)
    lab.eca.enrol(pending.request)  # another key is another device


@pytest.mark.parametrize("by", ["the reference codec"])
def test_all_that_is_said_is_read_by(lab: EcaLab, device: DeviceIdentity, by: str):
    pending = ask(device, ANYTHING, lab.clock.now)
    answer = lab.eca.enrol(pending.request)
    enrolled = accept(pending, answer, [lab.root], lab.clock.now)
    successor = ask_successor(enrolled, ANYTHING, lab.clock.now)
    for octets in (pending.request, successor.request, answer, lab.eca.succeed(successor.request)):
        record = reference.decode("Ieee1609Dot2Data", octets)
        assert record == wire.decode(dot2.Ieee1609Dot2Data, octets)
        if record.content.kind == "signedData":
            payload = record.content.value.tbs_data.payload.data.content.value
            assert reference.decode("ScmsPdu", payload) == wire.decode(scms.ScmsPdu, payload)
        else:
            inner = reference.decode("SignedCertificateRequest", record.content.value)
            assert inner == wire.decode(scms.SignedCertificateRequest, record.content.value)
    certificate = enrolled.certificate
    assert reference.decode("CertificateBase", certificate.octets) == certificate.record


def test_flows_are_the_same_on_both_kinds_of_database(new_url: Callable[[], str]):  # noqa: F811
    lab = EcaLab.make(new_url(), policy=EcaPolicy(max_requests=2))
    identity, _ = lab.device()
    with pytest.raises(AlreadyRecorded, match="OBU-1"):
        lab.device()
    pending = ask(identity, ANYTHING, lab.clock.now)
    answer = lab.eca.enrol(pending.request)
    assert lab.eca.enrol(pending.request) == answer
    present = accept(pending, answer, [lab.root], lab.clock.now)
    succeed(lab, present)
    again = ask(identity, ANYTHING, lab.clock.now, pending.key)
    refused(lab.eca.enrol, ask(identity, ANYTHING, NOW).request, EcaReason.TOO_MANY)
    assert lab.eca.enrol(again.request)
    lab.clock.advance(3 * 86400)
    assert lab.eca.purge(lab.clock.now) == 3
    lab.eca.close()
    assert examine(lab.database).findings == ()
    lab.database.close()


def test_twenty_identical_requests_at_once_get_one_certificate(
    new_url: Callable[[], str],  # noqa: F811
):
    lab = EcaLab.make(new_url())
    identity, _ = lab.device()
    pending = ask(identity, ANYTHING, NOW)
    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(lambda _: lab.eca.enrol(pending.request), range(20)))
    assert len(answers) == 1 and issued(lab) == ["issued"]
    lab.database.close()


def test_one_key_in_many_wishes_at_once_is_certified_once(new_url: Callable[[], str]):  # noqa: F811
    lab = EcaLab.make(new_url(), policy=EcaPolicy(max_requests=0))
    identity, known = lab.device()
    key = MemoryKey.generate(P256)
    periods = [dot2.ValidityPeriod(NOW + i, dot2.Duration("hours", 1)) for i in range(8)]
    sent = [ask(identity, EnrolmentWish(period=period), NOW, key).request for period in periods]

    def outcome(octets: bytes) -> str:
        try:
            lab.eca.enrol(octets)
        except RefusedEnrolmentRequest as refusal:
            return refusal.reason.name
        return "ok"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(outcome, sent))
    assert outcomes == ["KEY_USED"] * 7 + ["ok"]
    assert len(lab.register.certificates(known.id)) == 1
    assert sorted(issued(lab))[0] == "issued" and issued(lab).count("issued") == 1
    lab.eca.close()
    assert examine(lab.database).findings == ()
    lab.database.close()


def test_the_days_limit_holds_against_many_at_once(new_url: Callable[[], str]):  # noqa: F811
    lab = EcaLab.make(new_url(), policy=EcaPolicy(max_requests=2))
    identity, known = lab.device()
    sent = [ask(identity, ANYTHING, NOW).request for _ in range(6)]

    def is_granted(octets: bytes) -> bool:
        try:
            return bool(lab.eca.enrol(octets))
        except RefusedEnrolmentRequest as refusal:
            assert refusal.reason is EcaReason.TOO_MANY
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(is_granted, sent)) == 2
    assert len(lab.register.certificates(known.id)) == 2
    lab.database.close()


# --- attacks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", EcaReason.CANNOT_PARSE),
        (b"\x03\x83\x01\x00", EcaReason.CANNOT_PARSE),
        (b"\x03\x80\x01\x00", EcaReason.WRONG_CONTENT),
    ],
)
def test_garbage_is_refused(lab: EcaLab, octets: bytes, reason: EcaReason):
    refused(lab.eca.enrol, octets, reason)
    refused(lab.eca.succeed, octets, reason)


def test_a_request_with_octets_left_over_is_refused(lab: EcaLab, device: DeviceIdentity):
    refused(lab.eca.enrol, ask(device, ANYTHING, NOW).request + b"\0", EcaReason.CANNOT_PARSE)


def test_mutated_requests_are_refused_with_a_reason(lab: EcaLab, device: DeviceIdentity):
    draw = Random(1)
    present = enrol(lab, device)
    pairs = (
        (lab.eca.enrol, ask(device, ANYTHING, NOW).request),
        (lab.eca.succeed, ask_successor(present, ANYTHING, NOW).request),
    )
    for call, octets in pairs:
        for _ in range(600):
            body = bytearray(octets)
            for _ in range(draw.randint(1, 3)):
                body[draw.randrange(len(body))] = draw.randrange(256)
            if body == octets:
                continue
            with pytest.raises(RefusedEnrolmentRequest):
                call(bytes(body))
    assert issued(lab) == ["issued"]


def test_a_forged_request_under_anothers_canonical_id_is_refused(lab: EcaLab, device: DeviceIdentity):
    thief = DeviceIdentity(device.canonical_id, MemoryKey.generate(P256))
    refused(lab.eca.enrol, ask(thief, ANYTHING, NOW).request, EcaReason.BAD_SIGNATURE)


def test_the_new_keys_own_signature_is_no_proof_for_a_registered_device(lab: EcaLab, device: DeviceIdentity):
    key = MemoryKey.generate(P256)
    refused(lab.eca.enrol, spdu(device, key=key, signer=key), EcaReason.BAD_SIGNATURE)


def test_a_request_that_was_changed_on_its_way_is_refused(lab: EcaLab, device: DeviceIdentity):
    pending, other = ask(device, ANYTHING, NOW), MemoryKey.generate(P256)
    point, mine = pending.key.public_key.to_point().value, other.public_key.to_point().value
    refused(lab.eca.enrol, pending.request.replace(point, mine), EcaReason.BAD_SIGNATURE)


def test_an_unknown_device_is_refused(lab: EcaLab):
    nobody = DeviceIdentity("nobody", MemoryKey.generate(P256))
    refused(lab.eca.enrol, ask(nobody, ANYTHING, NOW).request, EcaReason.UNKNOWN_DEVICE)


def test_a_device_that_nobody_registered_is_refused_by_default(lab: EcaLab):
    refused(lab.eca.enrol, ask(None, ANYTHING, NOW).request, EcaReason.UNREGISTERED)


def test_an_unregistered_device_must_prove_its_key(make_lab: Callable[..., EcaLab], device: DeviceIdentity):
    lab = make_lab(policy=EcaPolicy(allow_unregistered=True))
    octets = spdu(device, asked={"canonical_id": None})  # signed by some other key
    refused(lab.eca.enrol, octets, EcaReason.BAD_SIGNATURE)


def test_a_signer_by_certificate_is_refused_where_self_belongs(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    octets = spdu(device, signer=present.key, certificate=present.certificate)
    refused(lab.eca.enrol, octets, EcaReason.BAD_SIGNATURE)


@pytest.mark.parametrize("offset", [-601, 601])
def test_a_stale_or_postdated_request_is_refused(lab: EcaLab, device: DeviceIdentity, offset: int):
    refused(lab.eca.enrol, ask(device, ANYTHING, NOW + offset).request, EcaReason.OUT_OF_TIME)


@pytest.mark.parametrize("before", [b"\x02\x85\x80", b"\x40\x02"])  # of the ScmsPdu, of the request in it
def test_another_version_is_refused(lab: EcaLab, device: DeviceIdentity, before: bytes):
    octets = ask(device, ANYTHING, NOW).request
    place = octets.index(b"\x02\x85\x80\x40\x02") + (0 if before[0] == 2 else 4)
    octets = octets[:place] + b"\x03" + octets[place + 1 :]
    refused(lab.eca.enrol, octets, EcaReason.CANNOT_PARSE)


def test_an_implicit_certificate_is_refused(lab: EcaLab, device: DeviceIdentity):
    refused(lab.eca.enrol, spdu(device, asked={"type": "implicit"}), EcaReason.IMPLICIT)


def test_a_key_off_its_curve_is_refused_before_anything_is_done_with_it(lab: EcaLab, device: DeviceIdentity):
    point = dot2.EccP256CurvePoint("compressed-y-0", bytes(31) + b"\x01")
    indicator = dot2.VerificationKeyIndicator(
        "verificationKey", dot2.PublicVerificationKey("ecdsaNistP256", point)
    )
    refused(lab.eca.enrol, spdu(device, verify_key_indicator=indicator), EcaReason.BAD_KEY)


def test_a_reconstruction_value_is_refused_where_a_key_belongs(lab: EcaLab, device: DeviceIdentity):
    point = MemoryKey.generate(P256).public_key.to_point()
    indicator = dot2.VerificationKeyIndicator("reconstructionValue", point)
    refused(lab.eca.enrol, spdu(device, verify_key_indicator=indicator), EcaReason.BAD_KEY)


def test_a_key_on_another_curve_is_refused(lab: EcaLab, device: DeviceIdentity):
    refused(lab.eca.enrol, spdu(device, key=MemoryKey.generate(Curve.NIST_P384)), EcaReason.BAD_KEY)


def test_the_canonical_key_is_not_certified(lab: EcaLab, device: DeviceIdentity):
    refused(lab.eca.enrol, ask(device, ANYTHING, NOW, device.key).request, EcaReason.BAD_KEY)


def test_a_key_that_another_device_had_certified_is_refused(lab: EcaLab, device: DeviceIdentity):
    first = enrol(lab, device)
    other, _ = lab.device("OBU-2")
    refused(lab.eca.enrol, ask(other, ANYTHING, NOW, first.key).request, EcaReason.KEY_USED)
    more = EnrolmentWish((BSM,))
    refused(lab.eca.enrol, ask(device, more, NOW, first.key).request, EcaReason.KEY_USED)
    assert issued(lab) == ["issued"]


_RANGE = dot2.PsidSspRange(36, None)
_WIDE = dot2.PsidSspRange(32, dot2.SspRange("all", None))
_GROUP = request_permissions([BSM])[0]
_SSP = dot2.PsidSsp(35, dot2.ServiceSpecificPermissions("opaque", bytes.fromhex("830002")))


@pytest.mark.parametrize(
    ("tbs", "reason"),
    [
        ({"craca_id": b"abc"}, EcaReason.BAD_CRACA),
        ({"crl_series": 4}, EcaReason.BAD_CRACA),
        ({"id": dot2.CertificateId("name", "OBU-1")}, EcaReason.BAD_ID),
        ({"id": dot2.CertificateId("binaryId", b"x")}, EcaReason.BAD_ID),
        ({"id": dot2.CertificateId("linkageData", dot2.LinkageData(1, bytes(9)))}, EcaReason.BAD_ID),
        ({"app_permissions": (_SSP,)}, EcaReason.DENIED_PERMISSIONS),
        ({"app_permissions": (*EE_PERMISSIONS, dot2.PsidSsp(32, None))}, EcaReason.DENIED_PERMISSIONS),
        ({"app_permissions": (dot2.PsidSsp(35, None),)}, EcaReason.DENIED_PERMISSIONS),
        ({"app_permissions": EE_PERMISSIONS * 2}, EcaReason.DENIED_PERMISSIONS),
        ({"cert_request_permissions": request_permissions([_RANGE])}, EcaReason.DENIED_PERMISSIONS),
        ({"cert_request_permissions": request_permissions([_WIDE])}, EcaReason.DENIED_PERMISSIONS),
        ({"cert_request_permissions": request_permissions([BSM, BSM])}, EcaReason.DENIED_PERMISSIONS),
        ({"cert_request_permissions": (_GROUP, _GROUP)}, EcaReason.DENIED_PERMISSIONS),
        ({"cert_request_permissions": (_GROUP._replace(min_chain_length=1),)}, EcaReason.DENIED_PERMISSIONS),
        ({"cert_request_permissions": (_GROUP._replace(chain_length_range=-1),)},
         EcaReason.DENIED_PERMISSIONS),
        ({"cert_request_permissions": (_GROUP._replace(ee_type=0xC0),)}, EcaReason.DENIED_PERMISSIONS),
        ({"cert_request_permissions": (
            _GROUP._replace(subject_permissions=dot2.SubjectPermissions("all", None)),)},
         EcaReason.DENIED_PERMISSIONS),
        ({"cert_issue_permissions": (_GROUP._replace(min_chain_length=1),)}, EcaReason.UNEXPECTED_FIELD),
        ({"can_request_rollover": True}, EcaReason.UNEXPECTED_FIELD),
        ({"assurance_level": b"\xe0"}, EcaReason.UNEXPECTED_FIELD),
        ({"flags": 0x80}, EcaReason.UNEXPECTED_FIELD),
        ({"encryption_key": MemoryKey(P256, 7).public_key.to_encryption_key()}, EcaReason.UNEXPECTED_FIELD),
        ({"region": from_table({"countries": [276]})}, EcaReason.DENIED_REGION),
        ({"region": dot2.GeographicRegion("identifiedRegion", ())}, EcaReason.DENIED_REGION),
        ({"validity_period": dot2.ValidityPeriod(NOW, dot2.Duration("years", 7))}, EcaReason.NO_VALIDITY),
        ({"validity_period": dot2.ValidityPeriod(NOW, dot2.Duration("hours", 0))}, EcaReason.NO_VALIDITY),
        ({"validity_period": dot2.ValidityPeriod(NOW - 400, dot2.Duration("seconds", 400))},
         EcaReason.NO_VALIDITY),
        ({"validity_period": dot2.ValidityPeriod(NOW - 501, dot2.Duration("hours", 9))},
         EcaReason.NO_VALIDITY),
        ({"validity_period": dot2.ValidityPeriod(NOW + 6 * validity.YEAR, dot2.Duration("years", 6))},
         EcaReason.NO_VALIDITY),
    ],
)  # fmt: skip
def test_more_than_a_device_may_have_is_refused_and_not_cut_down(
    lab: EcaLab, device: DeviceIdentity, tbs: dict[str, Any], reason: EcaReason
):
    refused(lab.eca.enrol, spdu(device, **tbs), reason)
    assert issued(lab) == []


def test_the_longest_validity_is_the_policys_too(make_lab: Callable[..., EcaLab]):
    lab = make_lab(policy=EcaPolicy(max_age=86400))
    identity, _ = lab.device()
    assert validity.end(enrol(lab, identity).certificate.record.to_be_signed.validity_period) <= NOW + 86400
    longer = EnrolmentWish(period=dot2.ValidityPeriod(NOW, dot2.Duration("hours", 25)))
    refused(lab.eca.enrol, ask(identity, longer, NOW).request, EcaReason.NO_VALIDITY)


def test_a_region_beyond_where_the_device_is_registered_is_refused(lab: EcaLab):
    unit, _ = lab.device("RSU-1", "rsu", COUNTRY)
    refused(lab.eca.enrol, ask(unit, EnrolmentWish(region=HOME), NOW).request, EcaReason.DENIED_REGION)


def test_another_devices_name_is_refused(lab: EcaLab):
    unit, _ = lab.device("RSU-1", "rsu")
    wish = EnrolmentWish(id=dot2.CertificateId("name", "RSU-2"))
    refused(lab.eca.enrol, ask(unit, wish, NOW).request, EcaReason.BAD_ID)


def test_rights_that_the_ecas_own_certificate_does_not_grant_are_refused(make_lab: Callable[..., EcaLab]):
    narrow = dot2.SubjectPermissions(
        "explicit", (dot2.PsidSspRange(32, None), dot2.PsidSspRange(35, dot2.SspRange("all", None)))
    )
    lab = make_lab(eca_fields={"cert_issue_permissions": (dot2.PsidGroupPermissions(narrow, 1, 0, 0x40),)})
    identity, _ = lab.device()
    refused(lab.eca.enrol, ask(identity, ANYTHING, NOW).request, EcaReason.DENIED_PERMISSIONS)
    enrol(lab, identity, EnrolmentWish((BSM,)))


def test_more_requests_a_day_than_the_limit_are_refused_till_the_next(make_lab: Callable[..., EcaLab]):
    lab = make_lab(policy=EcaPolicy(max_requests=2))
    identity, _ = lab.device()
    enrol(lab, identity)
    enrol(lab, identity)
    third = ask(identity, ANYTHING, NOW)
    refused(lab.eca.enrol, third.request, EcaReason.TOO_MANY)
    other, _ = lab.device("OBU-2")
    enrol(lab, other)
    lab.clock.advance(86400)
    enrol(lab, identity)


# --- attacks by successors -----------------------------------------------------------------


def successor(pending: Pending, present: Enrolled, **changes: Any) -> bytes:
    """A successor's request that differs in what is named: signer, certificate, identifier, inner."""
    inner = wire.decode(dot2.Ieee1609Dot2Data, changes.get("inner", pending.asked))
    interface = scms.EeRaInterfacePdu("eeRaSuccessorEnrollmentCertRequest", inner)
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", interface))
    return sign_request(
        changes.get("signer", present.key),
        pdu,
        certificate=changes.get("certificate", present.certificate),
        identifier=changes.get("identifier", "certificate"),
    )


def test_a_successor_by_anothers_key_is_refused(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    pending = ask_successor(present, ANYTHING, NOW)
    thief = MemoryKey.generate(P256)
    octets = pending.request[:-64] + sign_request(thief, _pdu(pending), identifier="self")[-64:]
    refused(lab.eca.succeed, octets, EcaReason.BAD_SIGNATURE)


def _pdu(pending: Pending) -> scms.ScmsPdu:
    return CertificateRequest.parse(pending.request).record.tbs_request


def test_a_successor_by_a_certificate_of_another_issuer_is_refused(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    thief = MemoryKey.generate(P256)
    tbs = present.certificate.record.to_be_signed._replace(
        verify_key_indicator=dot2.VerificationKeyIndicator(
            "verificationKey", thief.public_key.to_verification_key()
        )
    )
    forged = Enrolled(thief, signed(tbs, thief, lab.certificate), present.chain)
    refused(lab.eca.succeed, ask_successor(forged, ANYTHING, NOW).request, EcaReason.UNKNOWN_DEVICE)


def test_a_successor_of_a_certificate_that_has_expired_is_refused(lab: EcaLab, device: DeviceIdentity):
    period = dot2.ValidityPeriod(NOW, dot2.Duration("hours", 1))
    present = enrol(lab, device, EnrolmentWish(period=period))
    lab.clock.advance(3599)
    succeed(lab, present)
    lab.clock.advance(1)
    late = ask_successor(present, ANYTHING, lab.clock.now)
    refused(lab.eca.succeed, late.request, EcaReason.OLD_CERTIFICATE)


def test_a_successor_with_more_rights_than_before_is_refused(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device, EnrolmentWish((BSM,), region=COUNTRY))
    for wish, reason in (
        (EnrolmentWish((BSM, WSA)), EcaReason.DENIED_PERMISSIONS),
        (EnrolmentWish(region=HOME), EcaReason.DENIED_REGION),
    ):
        refused(lab.eca.succeed, ask_successor(present, wish, NOW).request, reason)


def test_a_successor_under_the_present_key_is_refused(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    octets = ask_successor(present, ANYTHING, NOW, present.key).request
    refused(lab.eca.succeed, octets, EcaReason.KEY_USED)


def test_a_successor_whose_new_key_is_not_proven_is_refused(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    inner = spdu(device, asked={"canonical_id": None})  # by the canonical key, which is not named
    pending = ask_successor(present, ANYTHING, NOW)
    refused(lab.eca.succeed, successor(pending, present, inner=inner), EcaReason.BAD_SIGNATURE)


def test_a_request_of_one_device_inside_anothers_succession_is_refused(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    other, _ = lab.device("OBU-2")
    pending = ask_successor(present, ANYTHING, NOW)
    inner = ask(other, ANYTHING, NOW).request
    refused(lab.eca.succeed, successor(pending, present, inner=inner), EcaReason.BAD_SIGNATURE)


def test_a_stale_successor_is_refused(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    refused(lab.eca.succeed, ask_successor(present, ANYTHING, NOW - 601).request, EcaReason.OUT_OF_TIME)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"identifier": "digest"}, EcaReason.BAD_SIGNATURE),
        ({"identifier": "self", "certificate": None}, EcaReason.BAD_SIGNATURE),
        ({"inner": b"\x03\x80\x01\x00"}, EcaReason.WRONG_CONTENT),
        ({"inner": b"\x03\x83\x01\x00"}, EcaReason.CANNOT_PARSE),
    ],
)
def test_a_malformed_successor_is_refused(
    lab: EcaLab, device: DeviceIdentity, changes: dict[str, Any], reason: EcaReason
):
    present = enrol(lab, device)
    refused(lab.eca.succeed, successor(ask_successor(present, ANYTHING, NOW), present, **changes), reason)


def test_the_two_flows_do_not_take_each_others_requests(lab: EcaLab, device: DeviceIdentity):
    present = enrol(lab, device)
    refused(lab.eca.succeed, ask(device, ANYTHING, NOW).request, EcaReason.WRONG_CONTENT)
    refused(lab.eca.enrol, ask_successor(present, ANYTHING, NOW).request, EcaReason.WRONG_CONTENT)


# --- the register and the policy -----------------------------------------------------------


@pytest.mark.parametrize("canonical_id", ["", "x" * 256, "käfer", "a\nb"])
def test_a_canonical_id_that_no_request_could_carry_is_refused(canonical_id: str):
    with pytest.raises(ConfigError, match="canonical id"):
        NewDevice(canonical_id, MemoryKey.generate(P256).public_key, "obe")


def test_the_register_lists_bars_and_knows_nobody_else(lab: EcaLab):
    for name in ("b", "a"):
        lab.device(name)
    assert [known.canonical_id for known in lab.register.all()] == ["a", "b"]
    known = lab.register.find("a")
    assert known is not None and not known.is_barred
    lab.register.bar(known.id, reason="lost")
    assert lab.register.find("a").is_barred
    with pytest.raises(StoreError, match="no such device"):
        lab.register.bar(bytes(16), reason="")


def test_device_kinds_are_data(make_lab: Callable[..., EcaLab]):
    kinds = DeviceProfiles.load({"truck": {"base": "obe", "permissions": [{"psid": 36}]}})
    lab = make_lab(profiles=kinds)
    truck, _ = lab.device("T-1", "truck")
    tbs = enrol(lab, truck).certificate.record.to_be_signed
    assert ranges_of(tbs.cert_request_permissions or ()) == (dot2.PsidSspRange(36, None),)
    gone, _ = lab.device("T-2", "tram")
    refused(lab.eca.enrol, ask(gone, ANYTHING, NOW).request, EcaReason.DENIED_PERMISSIONS)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"obe": {"valid": 1}}, "valid"),
        ({"obe": {"named": 1}}, "named"),
        ({"obe": {"permissions": []}}, "names PSIDs"),
        ({"obe": {"permissions": [{"psid": 32}, {"psid": 32}]}}, "twice"),
        ({"obe": {"curves": ["nistP384"]}}, "nistP384"),
        ({"obe": {"validity": {"weeks": 1}}}, "duration"),
        ({"tram": {}}, "base"),
        ({"obe": 1}, "obe"),
    ],
)
def test_a_wrong_device_kind_is_named(table: dict[str, Any], named: str):
    with pytest.raises(ConfigError, match=named):
        DeviceProfiles.load(table)


def test_an_eca_is_one_certificate(lab: EcaLab):
    from v2xpki.authorities.scms.eca import EnrolmentCa

    own = lab.eca
    for chain, craca in (([lab.root], None), ([], None), ([lab.certificate], bytes(3))):
        with pytest.raises(ConfigError):
            EnrolmentCa(
                issuer=own._issuer,
                responder=own._responder,
                chain=chain,
                database=lab.database,
                clock=lab.clock,
                craca_id=craca,
            )
