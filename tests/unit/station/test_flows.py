"""Enrolment, authorization and their strict reading, against a PKI in memory."""

import hashlib
import json

import pytest

from tests.unit.station.fake_pki import URL, make_ca
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import etsi_header
from v2xpki.station import (
    BadAnswer,
    BadState,
    BeyondProfile,
    NoCredential,
    RequestRefused,
    Settings,
    Station,
    Unreachable,
)
from v2xpki.trust import regions
from v2xpki.wire import dot2, etsi

HOUR = 3600
curves = pytest.mark.parametrize("curve", Curve, ids=lambda c: c.text)


@curves
def test_a_vehicle_enrols_and_obtains_tickets(new_station, pki, curve):
    station = new_station(curve=curve)
    station.refresh()
    ec = station.enrol(curve)
    assert station.ec == ec
    assert ec.issuer_id8 == pki.ea.certificate.hashed_id8
    tickets = station.authorize(3, curve=curve)
    assert station.tickets == tickets
    assert len({ticket.verification_key for ticket in tickets}) == 3
    assert {ticket.curve for ticket in tickets} == {curve}
    assert set(tickets[0].app_permissions) >= {36, 37}
    assert pki.log[-1] == "encryptedEcSignature with pop"


def test_a_ticket_request_goes_without_proof_of_possession_too(station, pki):
    station.authorize(1, proof=False)
    assert pki.log[-1] == "encryptedEcSignature without pop"


def test_an_rsu_signs_in_clear_is_bound_to_its_region_and_has_two_tickets(new_station, pki):
    rsu = new_station("rsu-1", profile="rsu", region="countries:276")
    rsu.refresh()
    rsu.enrol()
    tickets = rsu.authorize(2)
    assert pki.log[-1] == "ecSignature with pop"
    germany = regions.from_text("countries:276")
    for certificate in (rsu.ec, *tickets):
        assert certificate.record.to_be_signed.region == germany
    assert {36, 37, 137, 138, 139} <= set(tickets[0].app_permissions)
    with pytest.raises(BeyondProfile, match="at most 2"):
        rsu.authorize(1)


def test_a_vehicle_never_signs_in_clear(station, pki):
    before = len(pki.log)
    with pytest.raises(BeyondProfile):
        station.authorize(1, plain_signature=True)
    assert len(pki.log) == before


def test_re_enrolment_is_by_the_credential_and_replaces_it(station):
    first = station.ec
    second = station.re_enrol(Curve.BRAINPOOL_P256R1)
    assert station.ec == second != first
    assert second.curve is Curve.BRAINPOOL_P256R1
    assert len(station.authorize(1)) == 1


def test_a_lost_answer_is_asked_for_again_with_the_same_octets(station, pki):
    pki.drop = 1
    station.authorize(1)
    posts = [line for line in pki.log if line.startswith(f"POST {URL}/aa")]
    assert len(posts) == 2
    assert len(set(posts)) == 1
    pki.drop = 2
    with pytest.raises(Unreachable):
        station.authorize(1)
    assert len(station.tickets) == 1


def test_state_survives_the_process(station, pki, clock):
    station.authorize(2)
    again = Station(station.directory.path, clock=clock, http=pki)
    assert again.ec == station.ec
    assert again.tickets == station.tickets
    before = len(pki.log)
    again.sign_cam(b"cam")
    assert len(pki.log) == before  # what was fetched is kept


def test_private_keys_are_in_files_of_their_own_readable_by_nobody_else(station):
    station.authorize(1)
    keys = sorted((station.directory.path / "keys").iterdir())
    assert len(keys) == 3
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys)
    text = (station.directory.path / "station.json").read_text()
    assert "PRIVATE" not in text
    assert set(json.loads(text)) == {"version", "settings", "ec", "tickets", "followed"}
    keys[0].chmod(0o644)
    with pytest.raises(BadState, match="others"):
        station.directory.key(keys[0].stem)


def test_renewal_keeps_ec_and_tickets_in_force(station, pki, clock):
    station.authorize(2, hours=24)
    assert station.renew(2, ahead=0) == (False, 0)
    clock.advance(25 * HOUR)
    pki.publish()
    assert station.renew(3) == (False, 3)
    assert len(station.tickets) == 3  # the expired ones are gone
    assert len(list((station.directory.path / "keys").iterdir())) == 5
    first = station.ec
    clock.advance(first.end - clock.time32() - 10 * 24 * HOUR)
    pki.publish()
    assert station.renew(1) == (True, 1)
    assert station.ec != first


def test_an_expired_credential_is_replaced_by_the_canonical_key(station, pki, clock):
    first = station.ec
    clock.advance(first.end - clock.time32())
    pki.publish()
    assert station.renew(1) == (True, 1)
    assert station.ec.start > first.start


def test_expired_credentials_are_not_used(station, clock, pki):
    clock.advance(station.ec.end - clock.time32())
    pki.publish()
    station.refresh()
    with pytest.raises(NoCredential):
        station.authorize(1)
    with pytest.raises(NoCredential):
        station.sign_cam(b"cam")


def test_without_an_ec_there_are_no_tickets(new_station):
    station = new_station()
    station.refresh()
    with pytest.raises(NoCredential):
        station.authorize(1)
    with pytest.raises(NoCredential):
        station.re_enrol()


def test_preloaded_tickets_start_later(station, clock):
    start = clock.time32() + 48 * HOUR
    (ticket,) = station.authorize(1, start=start, hours=24)
    assert (ticket.start, ticket.end) == (start, start + 24 * HOUR)
    with pytest.raises(NoCredential):
        station.sign_cam(b"cam")
    clock.advance(48 * HOUR)
    station.sign_cam(b"cam")


# --- answers


@pytest.mark.parametrize("code", ["unknownits", "deniedpermissions", "invalidsignature"])
def test_a_refusal_carries_the_code(station, pki, code):
    pki.code = code
    with pytest.raises(RequestRefused) as refusal:
        station.enrol()
    assert refusal.value.code == code


FAULTS = {
    "psk": {"other_key": True},
    "nonce": {"same_nonce": True},
    "decrypt": {"bad_tag": True},
    "request-hash": {"request_hash": bytes(16)},
    "certificate-iff-ok": {"with_certificate": False},
    "signature": {"bad_signature": True},
}


@pytest.mark.parametrize("flow", ["enrol", "authorize"])
@pytest.mark.parametrize("rule", FAULTS)
def test_an_answer_that_breaks_a_rule_is_refused_by_its_name(station, pki, flow, rule):
    pki.change = FAULTS[rule]
    before = station.state
    with pytest.raises(BadAnswer) as bad:
        getattr(station, flow)()
    assert bad.value.rule == rule
    assert station.state == before


@pytest.mark.parametrize("flow", ["enrol", "authorize"])
def test_an_answer_by_another_signer_is_refused(station, pki, flow, clock):
    other = make_ca("EA", clock.time32(), pki.root)
    for change, rule in (
        ({"signer": other}, "signer"),
        ({"identifier": "certificate"}, "signer"),
    ):
        pki.change = change
        with pytest.raises(BadAnswer) as bad:
            getattr(station, flow)()
        assert bad.value.rule == rule


@pytest.mark.parametrize("flow", ["enrol", "authorize"])
def test_an_answers_header_is_held_to_the_clause(station, pki, flow, clock):
    now = clock.time64()
    for header, rule in (
        (etsi_header(624, now), "header"),
        (dot2.HeaderInfo(psid=623), "header"),
        (etsi_header(623, now)._replace(expiry_time=now + 1), "header"),
        (etsi_header(623, now - 601_000_000), "generation-time"),
        (etsi_header(623, now // 1000), "generation-time"),  # milliseconds: the classic
    ):
        pki.change = {"header": header}
        with pytest.raises(BadAnswer) as bad:
            getattr(station, flow)()
        assert bad.value.rule == rule


@pytest.mark.parametrize("flow", ["enrol", "authorize"])
def test_content_of_another_kind_is_refused(station, pki, flow):
    response = etsi.AuthorizationValidationResponse(request_hash=bytes(16), response_code="ok")
    for change in (
        {"kind": "authorizationValidationResponse", "content": response},
        {"payload": b"no pdu"},
        {"plain": b"\x03\x80\x00"},
        {"plain": b"nothing"},
    ):
        pki.change = change
        with pytest.raises(BadAnswer) as bad:
            getattr(station, flow)()
        assert bad.value.rule == "content"


@pytest.mark.parametrize("flow", ["enrol", "authorize"])
def test_a_certificate_of_another_key_is_refused(station, pki, flow):
    pki.change = {"key": MemoryKey.generate(Curve.NIST_P256).public_key}
    with pytest.raises(BadAnswer) as bad:
        getattr(station, flow)()
    assert bad.value.rule == "key"


@pytest.mark.parametrize("flow", ["enrol", "authorize"])
def test_a_certificate_that_the_authority_did_not_sign_is_refused(station, pki, flow):
    pki.change = {"issuing_key": MemoryKey.generate(Curve.NIST_P256)}
    with pytest.raises(BadAnswer) as bad:
        getattr(station, flow)()
    assert bad.value.rule == "chain"


def more_permissions(psid, ssp):
    return (dot2.PsidSsp(psid=psid, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=ssp)),)


@pytest.mark.parametrize(
    ("flow", "replace", "rule"),
    [
        ("enrol", {"app_permissions": more_permissions(623, b"\x01\xff")}, "profile"),
        ("enrol", {"app_permissions": None}, "profile"),
        ("enrol", {"craca_id": b"abc"}, "profile"),
        ("enrol", {"crl_series": 1}, "profile"),
        ("authorize", {"app_permissions": more_permissions(139, b"\x01\0\0\0\0\0")}, "permissions"),
        ("authorize", {"id": dot2.CertificateId(kind="name", value="me")}, "chain"),
        ("authorize", {"app_permissions": more_permissions(36, b"\xff\xff\xff")}, "chain"),
        ("authorize", {"app_permissions": None}, "chain"),
    ],
)
def test_a_certificate_outside_its_profile_is_refused(station, pki, flow, replace, rule):
    pki.change = {"replace": replace}
    with pytest.raises(BadAnswer) as bad:
        getattr(station, flow)()
    assert bad.value.rule == rule


def test_a_ticket_for_a_larger_region_than_asked_is_refused(new_station, pki):
    rsu = new_station("rsu-1", profile="rsu", region="countries:276")
    rsu.refresh()
    rsu.enrol()
    pki.change = {"replace": {"region": None}}
    with pytest.raises(BadAnswer) as bad:
        rsu.authorize()
    assert bad.value.rule == "region"


def test_a_validity_other_than_asked_is_refused(station, pki, clock):
    earlier = dot2.ValidityPeriod(start=clock.time32(), duration=dot2.Duration(kind="hours", value=1))
    pki.change = {"replace": {"validity_period": earlier}}
    with pytest.raises(BadAnswer) as bad:
        station.authorize(1, start=clock.time32() + HOUR, hours=1)
    assert bad.value.rule == "validity"


def test_answers_of_another_content_type_are_refused(station, pki):
    pki.change = {"type": "application/octet-stream"}
    with pytest.raises(Unreachable, match="octet-stream"):
        station.enrol()


# --- settings and state


@pytest.mark.parametrize(
    "wrong",
    [
        {"its_id": "no hex"},
        {"its_id": ""},
        {"tlm": "0102"},
        {"root": "01"},
        {"cpoc": "ftp://pki.test"},
        {"profile": "bicycle"},
        {"profile": "rsu"},
        {"region": "the moon"},
    ],
)
def test_settings_that_make_no_station_are_refused(new_station, wrong, tmp_path):
    settings = {"its_id": "01", "profile": "vehicle", "cpoc": URL, "tlm": "00" * 8} | wrong
    with pytest.raises(ConfigError):
        Station.create(tmp_path / "x", Settings(**settings), MemoryKey.generate(Curve.NIST_P256))
    assert not (tmp_path / "x").exists()


def test_a_directory_is_one_stations(station, new_station):
    with pytest.raises(BadState, match="already"):
        new_station(directory=station.directory.path)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"version": 2}', '{"version": 1, "settings": {}, "ec": null, "tickets": []}'],
)
def test_a_damaged_state_is_named(station, text):
    (station.directory.path / "station.json").write_text(text)
    with pytest.raises(BadState, match=r"station\.json"):
        Station(station.directory.path)


def test_a_state_cannot_name_files_elsewhere(station):
    path = station.directory.path / "station.json"
    document = json.loads(path.read_text()) | {"ec": "../../secret"}
    path.write_text(json.dumps(document))
    with pytest.raises(BadState, match="16 hex digits"):
        Station(station.directory.path)
    with pytest.raises(BadState, match="no station"):
        Station(station.directory.path / "nowhere")


def test_a_damaged_certificate_is_named(station):
    path = station.directory.path / "certificates" / f"{station.ec.hex8}.oer"
    path.write_bytes(b"damaged")
    with pytest.raises(BadState, match=station.state.ec):
        _ = Station(station.directory.path).ec
    assert hashlib.sha256(path.read_bytes())


def test_the_public_nouns_are_at_the_top():
    import v2xpki
    from v2xpki.crypto import Certificate

    assert v2xpki.Station is Station
    assert v2xpki.Certificate is Certificate
    with pytest.raises(AttributeError):
        _ = v2xpki.Nonsense
