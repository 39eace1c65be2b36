"""E1 to E15: what the EA does with enrolment requests, by the octets it gets and gives."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.etsi import (
    BRAINPOOL,
    CAM,
    EC_PERMISSIONS,
    EU,
    ISSUING,
    P256,
    Credential,
    Pki,
    Spoilt,
    TestStation,
    certify,
    country,
    hours,
    permission,
    read_answer,
    rows,
    seal,
)
from v2xpki import wire
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.config import EaPolicy
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import DecodeError, NotRecipient
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel, MemoryKey
from v2xpki.secured import etsi_header, sign
from v2xpki.time import FixedClock
from v2xpki.trust.lint import lint_certificate
from v2xpki.wire import dot2, etsi

YEAR = 31_556_952


def uncompressed(key: PublicKey) -> dot2.PublicVerificationKey:
    octets, half = key.uncompressed, key.curve.size
    x, y = octets[1 : 1 + half], octets[1 + half :]
    if half == 32:
        point: Any = dot2.EccP256CurvePoint(
            kind="uncompressedP256", value=dot2.EccP256CurvePointUncompressedP256(x=x, y=y)
        )
    else:
        point = dot2.EccP384CurvePoint(
            kind="uncompressedP384", value=dot2.EccP384CurvePointUncompressedP384(x=x, y=y)
        )
    return dot2.PublicVerificationKey(kind=key.curve.verification_kind, value=point)


def off_curve(key: PublicKey) -> dot2.PublicVerificationKey:
    record: Any = uncompressed(key)
    spoilt = bytes([record.value.value.y[0] ^ 2]) + record.value.value.y[1:]
    return record._replace(value=record.value._replace(value=record.value.value._replace(y=spoilt)))


def x_only(key: PublicKey) -> dot2.PublicVerificationKey:
    point = dot2.EccP256CurvePoint(kind="x-only", value=key.point[1:])
    return dot2.PublicVerificationKey(kind=key.curve.verification_kind, value=point)


def test_e1_the_nested_form_is_accepted(car: TestStation) -> None:
    assert car.send_enrolment(car.enrolment()).code == "ok"


@pytest.mark.parametrize("curve", list(Curve))
def test_e1_stations_on_every_curve_enrol(pki: Pki, curve: Curve) -> None:
    station = pki.station(f"on {curve.text}", curve=curve)
    ec = station.enrol(curve=curve)
    assert ec.certificate.verification_key == ec.key.public_key
    ec.certificate.verify_signature(pki.ea_certificate)


def test_e1_an_id_need_not_be_text(pki: Pki) -> None:
    station = pki.station(bytes(range(256))[-12:])
    record = station.enrol().certificate.record
    assert record.to_be_signed.id == dot2.CertificateId(kind="name", value=station.id.hex())


def test_e2_a_proof_of_possession_by_another_key_is_an_invalid_signature(car: TestStation) -> None:
    sent = car.enrolment(pop=lambda key: MemoryKey(P256))
    assert car.send_enrolment(sent).code == "invalidsignature"


def test_e2_a_proof_of_possession_that_does_not_verify_is_an_invalid_signature(car: TestStation) -> None:
    assert car.send_enrolment(car.enrolment(pop=Spoilt)).code == "invalidsignature"


def test_e2_a_proof_of_possession_on_another_curve_is_an_invalid_signature(car: TestStation) -> None:
    sent = car.enrolment(pop=lambda key: MemoryKey(Curve.NIST_P384))
    assert car.send_enrolment(sent).code == "invalidsignature"


def test_e2_a_proof_of_possession_is_signed_as_self(car: TestStation, ec: Credential) -> None:
    wish = etsi.InnerEcRequest(
        its_id=car.id,
        certificate_format=1,
        public_keys=etsi.PublicKeys(verification_key=ec.key.public_key.to_verification_key()),
        requested_subject_attributes=etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS),
    )
    proof = sign(
        ec.key,
        etsi_header(623, car.pki.clock.time64()),
        payload=wire.encode(wish),
        certificate=ec.certificate,
        identifier="digest",
    )
    content = etsi.EtsiTs102941DataContent(
        kind="enrolmentRequest", value=wire.decode(dot2.Ieee1609Dot2Data, proof)
    )
    assert car.send_enrolment(car.enrolment(content=content)).code == "invalidsignature"


@pytest.mark.parametrize(
    "change",
    [
        {"psid": 36},
        {"expiry_time": 1},
        {"generation_time": None},
        {"p2pcd_learning_request": bytes(3)},
        {"inline_p2pcd_request": (bytes(3),)},
    ],
)
def test_e2_the_proofs_header_has_psid_and_generation_time_only(
    car: TestStation, change: dict[str, Any]
) -> None:
    header = etsi_header(623, car.pki.clock.time64())._replace(**change)
    assert car.send_enrolment(car.enrolment(pop_header=header)).code == "invalidsignature"
    assert car.send_enrolment(car.enrolment(outer_header=header)).code == "badcontenttype"


def test_e2_an_outer_signature_that_does_not_verify_is_invalid(car: TestStation) -> None:
    assert car.send_enrolment(car.enrolment(outer=Spoilt)).code == "invalidsignature"


def test_e2_a_key_that_is_not_the_registered_one_is_an_invalid_signature(car: TestStation) -> None:
    assert car.send_enrolment(car.enrolment(canonical=MemoryKey(P256))).code == "invalidsignature"


def test_e3_an_unknown_id_is_unknownits(car: TestStation) -> None:
    assert car.send_enrolment(car.enrolment(its_id=b"nobody")).code == "unknownits"
    assert car.send_enrolment(car.enrolment(its_id=b"")).code == "unknownits"


@pytest.mark.parametrize("curve", [P256, BRAINPOOL, Curve.NIST_P384])
def test_e4_an_ec_renews_itself(car: TestStation, curve: Curve) -> None:
    first = car.enrol(curve=curve)
    second = car.enrol(by=first)
    assert second.certificate != first.certificate
    assert second.certificate.record.to_be_signed.id == first.certificate.record.to_be_signed.id
    assert car.enrol(by=second).certificate.verification_key != second.certificate.verification_key


def test_e4_its_id_is_the_digest_of_the_ec_that_signs(car: TestStation, ec: Credential) -> None:
    assert car.send_enrolment(car.enrolment(by=ec, its_id=car.id)).code == "unknownits"


def test_e4_an_ec_never_issued_is_unknownits(car: TestStation, ec: Credential) -> None:
    other = Credential(certify(ec.certificate.record.to_be_signed, MemoryKey(P256)), ec.key)
    assert car.send_enrolment(car.enrolment(by=other)).code == "unknownits"


def test_e4_a_signer_named_by_certificate_is_not_the_flow(car: TestStation, ec: Credential) -> None:
    sent = car.enrolment(by=ec, identifier="certificate")
    assert car.send_enrolment(sent).code == "badcontenttype"


def test_e4_an_expired_ec_is_baditsstatus(car: TestStation, ec: Credential, fixed_clock: FixedClock) -> None:
    fixed_clock.now = ec.certificate.end
    assert car.send_enrolment(car.enrolment(by=ec)).code == "baditsstatus"


def test_e4_a_barred_station_is_baditsstatus_by_ec_and_by_key(car: TestStation, ec: Credential) -> None:
    car.pki.register.bar(car.known.id, reason="stolen")
    assert car.send_enrolment(car.enrolment(by=ec)).code == "baditsstatus"
    assert car.send_enrolment(car.enrolment()).code == "baditsstatus"
    car.pki.register.unbar(car.known.id, reason="found")
    assert car.send_enrolment(car.enrolment(by=ec)).code == "ok"


def test_e5_the_answer_is_under_the_requests_key_with_a_fresh_nonce(car: TestStation) -> None:
    sent = car.enrolment()
    octets = car.pki.ea.enrol(sent.body)
    answer: Any = wire.decode(dot2.Ieee1609Dot2Data, octets).content.value
    request: Any = wire.decode(dot2.Ieee1609Dot2Data, sent.body).content.value
    assert [info.kind for info in answer.recipients] == ["pskRecipInfo"]
    assert answer.ciphertext.value.nonce != request.ciphertext.value.nonce
    read_answer(octets, sent, car.pki.ea_certificate, car.pki.clock)


def test_e6_the_answer_is_signed_by_the_ea_by_digest(car: TestStation) -> None:
    answer = car.send_enrolment(car.enrolment())
    assert answer.message.signer == dot2.SignerIdentifier(
        kind="digest", value=car.pki.ea_certificate.hashed_id8
    )
    assert answer.message.header == etsi_header(623, car.pki.clock.time64())


def test_e7_the_request_hash_is_of_the_octets_as_received(car: TestStation) -> None:
    # read_answer compares it, for a refusal as for a success
    car.send_enrolment(car.enrolment()).ok()
    assert car.send_enrolment(car.enrolment(its_id=b"nobody")).certificate is None


def test_e8_a_certificate_is_there_if_and_only_if_ok(car: TestStation) -> None:
    assert car.send_enrolment(car.enrolment()).certificate is not None
    for wrong in ({"pop": Spoilt}, {"age": 3600}, {"form": 2}, {"its_id": b"nobody"}):
        answer = car.send_enrolment(car.enrolment(**wrong))
        assert answer.code != "ok"
        assert answer.certificate is None


def test_e9_only_certificate_format_1(car: TestStation) -> None:
    assert car.send_enrolment(car.enrolment(form=2)).code == "deniedrequest"


def test_e10_certificates_that_issue_are_refused(car: TestStation) -> None:
    for wanted in (
        {"cert_issue_permissions": ISSUING},
        {"cert_issue_permissions": ()},
        {"app_permissions": (CAM,)},
        {"app_permissions": (*EC_PERMISSIONS, CAM)},
        {"app_permissions": (permission(623, b"\x01\xfe"),)},
        {"app_permissions": (permission(624, b"\x01\x38"),)},
    ):
        attributes = etsi.CertificateSubjectAttributes(**({"app_permissions": EC_PERMISSIONS} | wanted))
        assert car.send_enrolment(car.enrolment(attributes=attributes)).code == "deniedpermissions"


def rolled_over(pki: Pki, *, ended: bool = True) -> EnrolmentAuthority:
    """The EA after its next generation took over; the present one, which has ended or has not, still
    decrypts."""
    label, sealing = KeyLabel("ea", "sign", 4001), KeyLabel("ea", "encrypt", 4001)
    tbs = pki.profiles.profile("EA").build_tbs(
        now=pki.clock.time32(),
        issuer=pki.root,
        verification_key=pki.ea_keys.generate(label, P256),
        encryption_key=pki.ea_keys.generate(sealing, P256),
        name="ea",
        region=EU,
    )
    certificate = certify(tbs, pki.root_key, pki.root)
    older = next(k.label for k in pki.ea_keys.keys() if k.public_key == pki.ea_certificate.encryption_key)
    issuer = Issuer(pki.ea_keys.issuing_key(label), certificate, pki.ea_database, pki.clock)
    (former,) = pki.ea._own.generations
    if ended:
        tbs = former.certificate.record.to_be_signed
        period = hours(pki.clock.time32() - 2 * 3600, 1)
        over = certify(tbs._replace(validity_period=period), pki.root_key, pki.root)
        former = Generation(over, pki.ea_keys.agreer(older), former.responder, former.issuer)
    newer = Generation(
        certificate, pki.ea_keys.agreer(sealing), pki.ea_keys.responder(label, certificate), issuer
    )
    own = OwnKeys([newer, former], pki.clock)
    return EnrolmentAuthority(own=own, database=pki.ea_database, peers=pki.peers, clock=pki.clock)


def test_e11_a_generation_of_the_ea_that_has_ended_says_imnottherecipient(memory_pki: Pki) -> None:
    ea = rolled_over(memory_pki)
    memory_pki.ea_certificate = ea._own.generations[1].certificate
    sent = memory_pki.station().enrolment()
    answer = read_answer(ea.enrol(sent.body), sent, ea._own.newest().certificate, memory_pki.clock)
    assert answer.code == "imnottherecipient"


def test_e11_an_older_generation_of_the_ea_answers_and_issues_until_it_ends(memory_pki: Pki) -> None:
    car = memory_pki.station()
    sent, ea = car.enrolment(), rolled_over(memory_pki, ended=False)
    answer = read_answer(ea.enrol(sent.body), sent, memory_pki.ea_certificate, memory_pki.clock)
    ec = answer.ok().certificate
    assert ec.issuer_id8 == memory_pki.ea_certificate.hashed_id8
    assert ec.issuer_id8 != ea._own.newest().certificate.hashed_id8


@pytest.mark.parametrize(
    "wrong",
    [{"recipient": bytes(8)}, {"p1": bytes(32)}, {"kind": "rekRecipInfo"}, {"kind": "signedDataRecipInfo"}],
)
def test_e11_what_no_own_key_opens_has_no_answer(car: TestStation, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotRecipient):
        car.pki.ea.enrol(car.enrolment(**wrong).body)


def test_e11_octets_that_are_no_encrypted_data_have_no_answer(car: TestStation) -> None:
    good = car.enrolment().body
    for body in (
        b"",
        b"\x03",
        good[:-7],
        good + b"\0",
        bytes(256),
        bytes.fromhex("038204ffffffff") + bytes(10),
    ):
        with pytest.raises(DecodeError):
            car.pki.ea.enrol(body)
    with pytest.raises(NotRecipient):
        car.pki.ea.enrol(sign(car.canonical, etsi_header(623, 0), payload=b"x", identifier="self"))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"bad_tag": True}, "decryptionfailed"),
        ({"cut": 9}, "decryptionfailed"),
        ({"tail": b"\0"}, "cantparse"),
        ({"cipher": "sm4Ccm"}, "unknownencryptionalgorithm"),
    ],
)
def test_e11_what_goes_wrong_after_ecies_has_its_own_code(
    car: TestStation, wrong: dict[str, Any], code: str
) -> None:
    assert car.send_enrolment(car.enrolment(**wrong)).code == code


def test_e11_a_point_that_is_none_never_meets_the_token(car: TestStation) -> None:
    record: Any = wire.decode(dot2.Ieee1609Dot2Data, car.enrolment().body)
    data = record.content.value
    (info,) = data.recipients
    wrapped = info.value.enc_key.value._replace(
        v=dot2.EccP256CurvePoint(
            kind="uncompressedP256",
            value=dot2.EccP256CurvePointUncompressedP256(x=bytes(31) + b"\1", y=bytes(31) + b"\1"),
        )
    )
    value = info.value._replace(enc_key=info.value.enc_key._replace(value=wrapped))
    data = data._replace(recipients=(info._replace(value=value),))
    with pytest.raises(NotRecipient):
        car.pki.ea.enrol(wire.encode(record._replace(content=record.content._replace(value=data))))


def test_e11_another_content_is_badcontenttype(car: TestStation) -> None:
    pki = car.pki
    ctl = etsi.CtlFormat(version=1, next_update=1, is_full_ctl=True, ctl_sequence=0, ctl_commands=())
    content = etsi.EtsiTs102941DataContent(kind="certificateTrustListRca", value=ctl)
    assert car.send_enrolment(car.enrolment(content=content)).code == "badcontenttype"
    request = etsi.EtsiTs102941DataContent(
        kind="enrolmentRequest",
        value=dot2.Ieee1609Dot2Data(
            protocol_version=3, content=dot2.Ieee1609Dot2Content(kind="unsecuredData", value=b"x")
        ),
    )
    assert car.send_enrolment(car.enrolment(content=request)).code == "badcontenttype"
    for plain in (bytes.fromhex("03800101"), car.enrolment().body):
        sent = seal(plain, pki.ea_certificate, MemoryKey(P256))
        assert car.send_enrolment(sent).code == "badcontenttype"


def test_e12_the_ec_is_in_profile(car: TestStation, ec: Credential) -> None:
    tbs = ec.certificate.record.to_be_signed
    assert not [
        f
        for f in lint_certificate(ec.certificate, "EC", car.pki.ea_certificate)
        if f.rule.severity == "error"
    ]
    assert ec.certificate.app_permissions == {
        623: dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\xc0")
    }
    assert tbs.cert_issue_permissions is None
    assert tbs.id == dot2.CertificateId(kind="name", value="car-1")
    assert ec.certificate.verification_key == ec.key.public_key


def test_e12_the_ecs_validity_is_inside_the_eas(
    make_pki: Callable[..., Pki], fixed_clock: FixedClock
) -> None:
    pki = make_pki()
    car = pki.station()
    ec = car.enrol().certificate
    assert pki.ea_certificate.start <= ec.start <= fixed_clock.now < ec.end <= pki.ea_certificate.end
    assert ec.end - ec.start == 3 * YEAR
    fixed_clock.now = pki.ea_certificate.end - 100 * 86400
    late = car.enrol().certificate
    assert fixed_clock.now + 99 * 86400 < late.end <= pki.ea_certificate.end


def test_e12_a_validity_asked_for_is_cut_to_the_limits(car: TestStation, fixed_clock: FixedClock) -> None:
    def enrolled(period: dot2.ValidityPeriod) -> Certificate:
        attributes = etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS, validity_period=period)
        return car.enrol(attributes=attributes).certificate

    now = fixed_clock.now
    exact = enrolled(hours(now, 48))
    assert (exact.start, exact.end) == (now, now + 48 * 3600)
    assert enrolled(hours(now - 10 * 86400, 480)).start >= now - 2 * 3600
    assert enrolled(hours(now, 60000)).end <= now + 3 * YEAR
    attributes = etsi.CertificateSubjectAttributes(
        app_permissions=EC_PERMISSIONS, validity_period=hours(now - 1000 * 3600, 1)
    )
    assert car.send_enrolment(car.enrolment(attributes=attributes)).code == "deniedrequest"


def test_e12_the_ecs_region_is_the_stations_and_inside_the_eas(pki: Pki) -> None:
    def region_of(credential: Credential) -> dot2.GeographicRegion | None:
        return credential.certificate.record.to_be_signed.region

    def wish(region: dot2.GeographicRegion) -> etsi.CertificateSubjectAttributes:
        return etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS, region=region)

    anywhere, bound = pki.station("anywhere"), pki.station("rsu", profile="rsu", region=country(276))
    unplaced = pki.station("unplaced rsu", profile="rsu")
    assert region_of(anywhere.enrol()) is None
    assert region_of(anywhere.enrol(attributes=wish(country(250)))) == country(250)
    assert region_of(bound.enrol()) == country(276)
    assert region_of(unplaced.enrol()) == EU
    for station, region in ((anywhere, country(840)), (bound, country(250))):
        answer = station.send_enrolment(station.enrolment(attributes=wish(region)))
        assert answer.code == "deniedpermissions"


def test_e12_an_encryption_key_asked_for_is_certified(car: TestStation) -> None:
    key = MemoryKey(BRAINPOOL).public_key
    ec = car.enrol(encryption=key.to_encryption_key())
    assert ec.certificate.encryption_key == key


def test_e12_an_encryption_key_that_is_none_is_refused(car: TestStation) -> None:
    record: Any = MemoryKey(P256).public_key.to_encryption_key()
    bad = dot2.EccP256CurvePoint(kind="x-only", value=bytes(32))
    record = record._replace(public_key=record.public_key._replace(value=bad))
    assert car.send_enrolment(car.enrolment(encryption=record)).code == "invalidencryptionkey"


@pytest.mark.parametrize("curve", list(Curve))
def test_e12_an_uncompressed_key_is_certified_compressed(car: TestStation, curve: Curve) -> None:
    ec = car.enrol(curve=curve, point=uncompressed)
    key = ec.certificate.record.to_be_signed.verify_key_indicator.value
    assert key == ec.key.public_key.to_verification_key()


@pytest.mark.parametrize("point", [off_curve, x_only])
def test_e12_a_key_that_is_no_point_is_invalidkeys(
    car: TestStation, point: Callable[[PublicKey], dot2.PublicVerificationKey]
) -> None:
    assert car.send_enrolment(car.enrolment(point=point)).code == "invalidkeys"


def certificates_of(pki: Pki) -> int:
    return sum(table == "enrolment_credential" for table, _ in rows(pki.ea_database))


def test_e13_the_same_request_again_gets_the_same_bytes_and_no_second_certificate(car: TestStation) -> None:
    sent = car.enrolment()
    first = car.pki.ea.enrol(sent.body)
    assert car.pki.ea.enrol(sent.body) == first
    assert certificates_of(car.pki) == 1


@pytest.mark.parametrize(
    "wrong", [{"its_id": b"nobody"}, {"pop": Spoilt}, {"tail": b"\0"}, {"bad_tag": True}]
)
def test_e13_a_refusal_too_is_the_same_bytes_again(car: TestStation, wrong: dict[str, Any]) -> None:
    sent = car.enrolment(**wrong)
    assert car.pki.ea.enrol(sent.body) == car.pki.ea.enrol(sent.body)


def test_e13_a_station_barred_meanwhile_gets_its_earlier_answer_and_nothing_new(car: TestStation) -> None:
    sent = car.enrolment()
    first = car.pki.ea.enrol(sent.body)
    car.pki.register.bar(car.known.id, reason="stolen")
    assert car.pki.ea.enrol(sent.body) == first


def test_e13_twenty_identical_requests_at_once_get_one_certificate(car: TestStation) -> None:
    sent = car.enrolment()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: car.pki.ea.enrol(sent.body), range(20)))
    assert len(set(answers)) == 1
    assert certificates_of(car.pki) == 1


def test_e13_too_many_enrolments_is_not_the_last_word(
    make_pki: Callable[..., Pki], fixed_clock: FixedClock
) -> None:
    pki = make_pki(ea_policy=EaPolicy(enrolments_per_day=2))
    car = pki.station()
    fixed_clock.now += 86399 - fixed_clock.now % 86400  # the last second of the day of the counts
    car.enrol()
    car.enrol()
    sent = car.enrolment()
    assert car.send_enrolment(sent).code == "deniedrequest"
    fixed_clock.advance(1)
    assert car.send_enrolment(sent).code == "ok"


def test_e14_a_credential_without_the_scr_bit_may_not_enrol(memory_pki: Pki) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    tbs = ec.certificate.record.to_be_signed._replace(app_permissions=(permission(623, b"\x01\x40"),))
    weak = certify(tbs, ec.key)
    _plant(memory_pki, car, weak)
    answer = car.send_enrolment(car.enrolment(by=Credential(weak, ec.key)))
    assert answer.code == "deniedpermissions"


def _plant(pki: Pki, station: TestStation, certificate: Certificate) -> None:
    """An EC that this EA would not have issued, as if an older one had."""
    from v2xpki.store.ea import EnrolmentCredential

    with pki.ea_database.write(durable=False) as tx:
        tx.insert(
            EnrolmentCredential,
            hashed_id8=certificate.hashed_id8,
            station=station.known.id,
            certificate=certificate.octets,
            expires=certificate.end,
        )


@pytest.mark.parametrize("age", [601, -601, 3600, -3600])
def test_e15_a_time_outside_the_window_is_denied(car: TestStation, age: int) -> None:
    assert car.send_enrolment(car.enrolment(age=age)).code == "deniedrequest"
    assert car.send_enrolment(car.enrolment(pop_age=age)).code == "deniedrequest"


@pytest.mark.parametrize("age", [600, -600])
def test_e15_a_time_at_the_edge_of_the_window_is_not(car: TestStation, age: int) -> None:
    assert car.send_enrolment(car.enrolment(age=age)).code == "ok"


def test_e15_a_repeated_request_is_looked_up_before_its_time_is_checked(
    car: TestStation, fixed_clock: FixedClock
) -> None:
    sent = car.enrolment()
    first = car.pki.ea.enrol(sent.body)
    fixed_clock.advance(3600)
    assert car.pki.ea.enrol(sent.body) == first


def test_e15_a_request_forgotten_is_out_of_time(car: TestStation, fixed_clock: FixedClock) -> None:
    sent = car.enrolment()
    car.pki.ea.enrol(sent.body)
    fixed_clock.advance(27 * 3600)
    assert car.pki.ea.purge() == 1
    assert car.send_enrolment(sent).code == "deniedrequest"
