"""V1 to V5: what the EA confirms to an AA, by the octets it gets and gives."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.etsi import (
    CAM,
    DENM,
    HOUR,
    ISSUING,
    P256,
    Credential,
    Pki,
    Spoilt,
    TestStation,
    certify,
    country,
    ending_first,
    hours,
    permission,
    rows,
)
from v2xpki import wire
from v2xpki.config import EaPolicy
from v2xpki.errors import DecodeError, NotRecipient
from v2xpki.keystore import MemoryKey
from v2xpki.secured import etsi_header
from v2xpki.store.ea import EnrolmentCredential
from v2xpki.time import FixedClock
from v2xpki.trust import validity
from v2xpki.wire import dot2, etsi


def ask(station: TestStation, by: Credential, **options: Any) -> Any:
    wish, _ = station.wish(by, **options)
    return station.pki.validate(station.pki.validation(wish))


def test_v1_an_aa_on_the_list_is_answered(car: TestStation, ec: Credential) -> None:
    assert ask(car, ec).code == "ok"


def test_v1_an_aas_signature_that_does_not_verify_is_invalidaasignature(
    car: TestStation, ec: Credential
) -> None:
    wish, _ = car.wish(ec)
    sent = car.pki.validation(wish, signer=Spoilt(car.pki.aa_signer))
    assert car.pki.validate(sent).code == "invalidaasignature"


def test_v1_an_aa_that_no_list_names_is_invalidaa(car: TestStation, ec: Credential) -> None:
    pki, key = car.pki, MemoryKey(P256)
    tbs = pki.aa_certificate.record.to_be_signed._replace(
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey", value=key.public_key.to_verification_key()
        )
    )
    stranger = certify(tbs, pki.root_key, pki.root)
    wish, _ = car.wish(ec)
    assert pki.validate(pki.validation(wish, signer=key, certificate=stranger)).code == "invalidaa"


def test_v1_a_station_is_no_aa(car: TestStation, ec: Credential) -> None:
    wish, _ = car.wish(ec)
    sent = car.pki.validation(wish, signer=ec.key, certificate=ec.certificate)
    assert car.pki.validate(sent).code == "invalidaa"


def test_v1_an_aa_without_ssp_bit_20_is_invalidaa(make_pki: Callable[..., Pki]) -> None:
    def without(domain: str, tbs: dot2.ToBeSignedCertificate) -> dot2.ToBeSignedCertificate:
        return tbs._replace(app_permissions=(permission(623, b"\x01\x12"),)) if domain == "aa" else tbs

    car = make_pki(change=without).station()
    assert ask(car, car.enrol()).code == "invalidaa"


def test_v1_an_aa_that_is_revoked_or_expired_is_invalidaa(
    make_pki: Callable[..., Pki], fixed_clock: FixedClock
) -> None:
    pki = make_pki(change=ending_first("aa"))
    car, id8 = pki.station(), pki.aa_certificate.hashed_id8
    ec = car.enrol()
    aas: Any = pki.peers.aas
    aas[id8] = replace(aas[id8], revoked=True)
    assert ask(car, ec).code == "invalidaa"
    aas[id8] = replace(aas[id8], revoked=False)
    assert ask(car, ec).code == "ok"
    fixed_clock.now = pki.aa_certificate.end
    assert ask(car, ec).code == "invalidaa"


@pytest.mark.parametrize("change", [{"psid": 36}, {"expiry_time": 1}, {"generation_time": None}])
def test_v1_the_aas_header_has_psid_and_generation_time_only(
    car: TestStation, ec: Credential, change: dict[str, Any]
) -> None:
    wish, _ = car.wish(ec)
    header = etsi_header(623, car.pki.clock.time64())._replace(**change)
    assert car.pki.validate(car.pki.validation(wish, header=header)).code == "badcontenttype"


@pytest.mark.parametrize("age", [601, -601])
def test_v1_an_aa_with_a_wrong_clock_is_denied(car: TestStation, ec: Credential, age: int) -> None:
    wish, _ = car.wish(ec)
    header = etsi_header(623, car.pki.clock.time64() - age * 1_000_000)
    assert car.pki.validate(car.pki.validation(wish, header=header)).code == "deniedrequest"


@pytest.mark.parametrize("plain_ec", [False, True])
def test_v2_an_ec_signature_over_something_else_is_invalid(pki: Pki, plain_ec: bool) -> None:
    rsu = pki.station("rsu", profile="rsu")
    ec = rsu.enrol()
    for wrong in (
        {"ext_hash": bytes(32)},
        {"ext_hash": bytes(48)},
        {"proof": Spoilt},
        {"identifier": "self"},
        {"identifier": "certificate"},
        {"proof_payload": b"more"},
        {"proof_header": etsi_header(36, pki.clock.time64())},
    ):
        assert ask(rsu, ec, plain_ec=plain_ec, **wrong).code == "invalidsignature", wrong
    assert ask(rsu, ec, plain_ec=plain_ec).code == "ok"


def test_v2_attributes_changed_on_the_way_break_the_signature(car: TestStation, ec: Credential) -> None:
    wish, _ = car.wish(ec)
    more = wish.shared_at_request._replace(
        requested_subject_attributes=car.attributes(validity_period=hours(car.pki.clock.time32(), 168))
    )
    sent = car.pki.validation(wish._replace(shared_at_request=more))
    assert car.pki.validate(sent).code == "invalidsignature"


def test_v2_another_eas_request_is_wrongea(car: TestStation, ec: Credential) -> None:
    assert ask(car, ec, ea_id=bytes(8)).code == "wrongea"


def test_v2_an_expired_credential_gets_nothing(
    car: TestStation, ec: Credential, fixed_clock: FixedClock
) -> None:
    fixed_clock.now = ec.certificate.end
    assert ask(car, ec).code == "deniedpermissions"


def test_v2_a_barred_station_gets_nothing(car: TestStation, ec: Credential) -> None:
    car.pki.register.bar(car.known.id, reason="stolen")
    assert ask(car, ec).code == "deniedpermissions"


@pytest.mark.parametrize("age", [601, -601])
def test_v2_a_stale_ec_signature_is_denied(car: TestStation, ec: Credential, age: int) -> None:
    assert ask(car, ec, proof_age=age).code == "deniedrequest"


def test_v2_a_credential_without_the_scr_bit_gets_nothing(memory_pki: Pki) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    weak = certify(
        ec.certificate.record.to_be_signed._replace(app_permissions=(permission(623, b"\x01\x80"),)), ec.key
    )
    with memory_pki.ea_database.write(durable=False) as tx:
        tx.insert(
            EnrolmentCredential,
            hashed_id8=weak.hashed_id8,
            station=car.known.id,
            certificate=weak.octets,
            expires=weak.end,
        )
    assert ask(car, Credential(weak, ec.key)).code == "deniedpermissions"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"bad_tag": True}, "decryptionfailed"),
        ({"tail": b"\0"}, "cantparse"),
        ({"cipher": "sm4Ccm"}, "unknownencryptionalgorithm"),
    ],
)
def test_v2_what_goes_wrong_after_ecies_has_its_own_code(
    car: TestStation, ec: Credential, wrong: dict[str, Any], code: str
) -> None:
    wish, _ = car.wish(ec)
    assert car.pki.validate(car.pki.validation(wish, **wrong)).code == code


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"bad_tag": True}, "decryptionfailed"),
        ({"recipient": bytes(8)}, "decryptionfailed"),
        ({"p1": bytes(32)}, "decryptionfailed"),
        ({"cipher": "sm4Ccm"}, "unknownencryptionalgorithm"),
        ({"change": lambda octets: octets + b"\0"}, "cantparse"),
        ({"change": lambda octets: bytes.fromhex("03800101")}, "badcontenttype"),
    ],
)
def test_v2_an_ec_signature_that_does_not_open_has_its_own_code(
    car: TestStation, ec: Credential, wrong: dict[str, Any], code: str
) -> None:
    assert ask(car, ec, **wrong).code == code


def test_v2_what_no_own_key_opens_has_no_answer(car: TestStation, ec: Credential) -> None:
    wish, _ = car.wish(ec)
    with pytest.raises(NotRecipient):
        car.pki.ea.validate(car.pki.validation(wish, recipient=bytes(8)).body)
    with pytest.raises(DecodeError):
        car.pki.ea.validate(b"\x03\x82")


def test_v2_another_content_is_badcontenttype(car: TestStation, ec: Credential) -> None:
    wish, _ = car.wish(ec)
    content = etsi.EtsiTs102941DataContent(kind="authorizationRequest", value=wish)
    assert car.pki.validate(car.pki.validation(wish, content=content)).code == "badcontenttype"


def test_v3_ok_has_the_attributes_and_never_cert_issue_permissions(car: TestStation, ec: Credential) -> None:
    wanted = car.attributes(region=country(250))
    confirmed = ask(car, ec, attributes=wanted).confirmed
    assert confirmed == wanted._replace(assurance_level=b"\0")
    assert confirmed.cert_issue_permissions is None
    assert confirmed.id is None


def test_v3_the_start_is_a_whole_hour_where_the_station_leaves_it_to_the_ea(
    car: TestStation, ec: Credential, fixed_clock: FixedClock
) -> None:
    fixed_clock.advance(1234)
    confirmed = ask(car, ec, attributes=car.attributes(validity_period=None)).confirmed
    assert confirmed.validity_period == hours(validity.floor_hour(fixed_clock.now), 168)


def test_v3_not_ok_has_no_attributes(car: TestStation, ec: Credential) -> None:
    # `validate` compares
    assert ask(car, ec, proof=Spoilt).confirmed is None


def test_v3_cert_issue_permissions_are_refused(car: TestStation, ec: Credential) -> None:
    wanted = car.attributes(cert_issue_permissions=ISSUING)
    assert ask(car, ec, attributes=wanted).code == "deniedpermissions"


def test_v4_the_answer_is_under_the_requests_key_and_names_its_hash(car: TestStation, ec: Credential) -> None:
    # `validate` compares the hash
    wish, _ = car.wish(ec)
    sent = car.pki.validation(wish)
    data: Any = wire.decode(dot2.Ieee1609Dot2Data, car.pki.validate(sent).octets).content.value
    assert [info.kind for info in data.recipients] == ["pskRecipInfo"]


def test_v5_the_parallel_limit_is_deniedtoomanycerts(pki: Pki) -> None:
    rsu = pki.station("rsu", profile="rsu")
    ec, now = rsu.enrol(), pki.clock.time32()
    codes = [ask(rsu, ec).code for _ in range(3)]
    assert codes == ["ok", "ok", "deniedtoomanycerts"]
    later = rsu.attributes(validity_period=hours(now + 10 * HOUR, 1))
    assert ask(rsu, ec, attributes=later).code == "ok"


def test_v5_a_hundred_tickets_at_once_for_a_vehicle(memory_pki: Pki) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    assert {ask(car, ec).code for _ in range(100)} == {"ok"}
    assert ask(car, ec).code == "deniedtoomanycerts"


def test_v5_the_limit_is_the_stations_not_the_credentials(pki: Pki) -> None:
    rsu = pki.station("rsu", profile="rsu")
    assert [ask(rsu, rsu.enrol()).code for _ in range(3)] == ["ok", "ok", "deniedtoomanycerts"]


def test_v5_a_long_ticket_counts_in_each_of_its_hours(pki: Pki) -> None:
    rsu = pki.station("rsu", profile="rsu")
    ec, now = rsu.enrol(), pki.clock.time32()

    def code(start: int, count: int) -> str:
        return ask(rsu, ec, attributes=rsu.attributes(validity_period=hours(now + start * HOUR, count))).code

    assert [code(0, 24), code(2, 4), code(10, 4)] == ["ok", "ok", "ok"]
    assert code(4, 10) == "deniedtoomanycerts"
    assert code(7, 2) == "ok"


def test_v5_the_days_limit(make_pki: Callable[..., Pki], fixed_clock: FixedClock) -> None:
    car = make_pki(ea_policy=EaPolicy(validations_per_day=2)).station()
    ec = car.enrol()
    fixed_clock.now += 86399 - fixed_clock.now % 86400
    assert [ask(car, ec).code for _ in range(3)] == ["ok", "ok", "deniedtoomanycerts"]
    fixed_clock.advance(1)
    assert ask(car, ec).code == "ok"


@pytest.mark.parametrize(
    "permissions",
    [
        (permission(622, b"\1"),),
        (permission(623, b"\x01\xc0"),),
        (permission(624, b"\x01\x38"),),
        (permission(0x7FFFF, b"\1"),),
        (permission(36, b"\x02\x00\x00"),),
        (permission(36, b"\x01\x00\x00\x00"),),
        (permission(36, None),),
        (CAM, permission(139, b"\x01\0\0\0\0\0")),
        (CAM, CAM),
        None,
    ],
)
def test_v5_permissions_beyond_the_stations_are_denied(
    car: TestStation, ec: Credential, permissions: tuple[dot2.PsidSsp, ...] | None
) -> None:
    assert ask(car, ec, attributes=car.attributes(app_permissions=permissions)).code == "deniedpermissions"


def test_v5_permissions_beyond_the_aas_are_denied(make_pki: Callable[..., Pki]) -> None:
    def only_denm(domain: str, tbs: dot2.ToBeSignedCertificate) -> dot2.ToBeSignedCertificate:
        if domain != "aa" or not tbs.cert_issue_permissions:
            return tbs
        (group,) = tbs.cert_issue_permissions
        ranges: Any = group.subject_permissions.value
        kept = tuple(entry for entry in ranges if entry.psid == 37)
        return tbs._replace(
            cert_issue_permissions=(
                group._replace(subject_permissions=group.subject_permissions._replace(value=kept)),
            )
        )

    car = make_pki(change=only_denm).station()
    ec = car.enrol()
    assert ask(car, ec, attributes=car.attributes(app_permissions=(CAM, DENM))).code == "deniedpermissions"
    assert ask(car, ec, attributes=car.attributes(app_permissions=(DENM,))).code == "ok"


def test_v5_an_enrol_group_of_the_ea_caps_what_it_confirms(make_pki: Callable[..., Pki]) -> None:
    def capped(domain: str, tbs: dot2.ToBeSignedCertificate) -> dot2.ToBeSignedCertificate:
        if domain != "ea" or not tbs.cert_issue_permissions:
            return tbs
        limit = dot2.SspRange(
            kind="bitmapSspRange",
            value=dot2.BitmapSspRange(ssp_value=b"\x01\xff\xff", ssp_bitmask=b"\xff\x00\x00"),
        )
        group = dot2.PsidGroupPermissions(
            subject_permissions=dot2.SubjectPermissions(
                kind="explicit", value=(dot2.PsidSspRange(psid=36, ssp_range=limit),)
            ),
            ee_type=0x40,
        )
        return tbs._replace(cert_issue_permissions=(*tbs.cert_issue_permissions, group))

    car = make_pki(change=capped).station()
    ec = car.enrol()
    assert ask(car, ec, attributes=car.attributes(app_permissions=(DENM,))).code == "deniedpermissions"
    assert ask(car, ec, attributes=car.attributes(app_permissions=(CAM,))).code == "ok"


def test_v5_an_unknown_credential_is_unknownits(car: TestStation, ec: Credential) -> None:
    stranger = certify(ec.certificate.record.to_be_signed, MemoryKey(P256))
    assert ask(car, Credential(stranger, ec.key)).code == "unknownits"


def test_v5_a_ticket_is_no_credential(car: TestStation, ec: Credential) -> None:
    assert ask(car, car.authorize(ec).ok()).code == "unknownits"


def test_e13_an_aas_retry_is_counted_once(pki: Pki) -> None:
    rsu = pki.station("rsu", profile="rsu")
    ec = rsu.enrol()
    wish, _ = rsu.wish(ec, attributes=rsu.attributes(validity_period=None))
    first = pki.validate(pki.validation(wish))
    pki.clock.advance(300)
    again = [pki.validate(pki.validation(wish)) for _ in range(5)]
    assert {verdict.confirmed for verdict in again} == {first.confirmed}
    windows = [row["tickets"] for table, row in rows(pki.ea_database) if table == "ticket_window"]
    assert windows == [1]
    assert ask(rsu, ec).code == "ok"


def test_e13_a_retry_across_the_hour_is_confirmed_as_the_first(pki: Pki, fixed_clock: FixedClock) -> None:
    car = pki.station()
    ec = car.enrol()
    fixed_clock.now = validity.floor_hour(fixed_clock.now) + HOUR - 1
    for wanted in (
        car.attributes(validity_period=None),
        car.attributes(validity_period=hours(fixed_clock.now - HOUR - 3000, 100)),
        car.attributes(validity_period=hours(fixed_clock.now - 5 * HOUR, 100)),
    ):
        wish, _ = car.wish(ec, attributes=wanted)
        first = pki.validate(pki.validation(wish))
        fixed_clock.advance(2)
        assert pki.validate(pki.validation(wish)).confirmed == first.confirmed
        fixed_clock.advance(-2)


def test_e13_the_same_wish_of_two_credentials_is_two(pki: Pki) -> None:
    car = pki.station()
    one, other = car.enrol(), car.enrol()
    new, secret = MemoryKey(P256), bytes(32)
    for ec in (one, other):
        assert ask(car, ec, new=new, secret=secret).code == "ok"
    windows = [row["tickets"] for table, row in rows(pki.ea_database) if table == "ticket_window"]
    assert windows == [2]


def test_e11_a_validation_request_to_a_generation_that_has_ended_says_imnottherecipient(
    memory_pki: Pki,
) -> None:
    from tests.unit.authorities.test_enrolment_checklist import rolled_over

    car = memory_pki.station()
    ec = car.enrol()
    memory_pki.ea = rolled_over(memory_pki)
    memory_pki.ea._observer = memory_pki.notes
    newest, former = (generation.certificate for generation in memory_pki.ea._own.generations)
    memory_pki.ea_certificate = former
    wish, _ = car.wish(ec)
    sent = memory_pki.validation(wish)
    memory_pki.ea_certificate = newest
    assert memory_pki.validate(sent).code == "imnottherecipient"
    # the request to the AA names the EA by its older id: still this EA
    again = memory_pki.validation(wish)
    assert memory_pki.validate(again).code == "ok"


def test_old_windows_are_purged(pki: Pki, fixed_clock: FixedClock) -> None:
    car = pki.station()
    ec = car.enrol()
    ask(car, ec)
    fixed_clock.advance(HOUR - 1)
    assert pki.ea.purge() == 0
    fixed_clock.advance(30 * HOUR)
    assert pki.ea.purge() == 3  # the enrolment request, the validation, the ticket's hours
    left = {table for table, _ in rows(pki.ea_database)}
    assert not left & {"enrolment_request", "validation", "ticket_window"}
