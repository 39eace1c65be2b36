"""Wishes that are well-formed and mean harm: nonsense regions, one wish for many certificates, false EAs."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.etsi import (
    EC_PERMISSIONS,
    P256,
    Pki,
    Sent,
    TestStation,
    certify,
    permission,
    seal,
)
from v2xpki import wire
from v2xpki.authorities.etsi.authorization import AuthorizationAuthority
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.authorities.etsi.peers import Peer
from v2xpki.crypto import Certificate, ccm_decrypt
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.store import Database
from v2xpki.store.schema import upgrade
from v2xpki.time import FixedClock
from v2xpki.trust import regions
from v2xpki.wire import dot2, etsi


@pytest.fixture
def world(make_pki: Callable[..., Pki]) -> Pki:
    """A PKI whose certificates name no region: nothing that a station asks for is outside of it."""
    return make_pki(region=None)


@pytest.fixture
def car(world: Pki) -> TestStation:
    return world.station("car")


def place(latitude: int, longitude: int) -> dot2.TwoDLocation:
    return dot2.TwoDLocation(latitude=latitude, longitude=longitude)


def region(kind: Any, value: Any) -> dot2.GeographicRegion:
    return dot2.GeographicRegion(kind=kind, value=value)


def round_polygon(corners: int, size: int) -> dot2.GeographicRegion:
    angles = [2 * math.pi * n / corners for n in range(corners)]
    return region(
        "polygonalRegion", tuple(place(int(size * math.cos(a)), int(size * math.sin(a))) for a in angles)
    )


def countries(kind: Any, value: Any) -> dot2.GeographicRegion:
    return region("identifiedRegion", (dot2.IdentifiedRegion(kind=kind, value=value),))


def rectangle(north: int, west: int, south: int, east: int) -> dot2.GeographicRegion:
    corners = dot2.RectangularRegion(north_west=place(north, west), south_east=place(south, east))
    return region("rectangularRegion", (corners,))


UNKNOWN = place(900000001, 1800000001)
NO_PLACES = {
    "no rectangle": region("rectangularRegion", ()),
    "swapped corners": rectangle(0, 10, 10, 0),
    "a rectangle without area": rectangle(5, 5, 5, 5),
    "three equal corners": region("polygonalRegion", (place(1, 1),) * 3),
    "corners on a line": region("polygonalRegion", (place(1, 1), place(2, 2), place(3, 3))),
    "an unknown corner": region("polygonalRegion", (UNKNOWN, place(2, 2), place(3, 4))),
    "no radius": region("circularRegion", dot2.CircularRegion(center=place(1, 1), radius=0)),
    "an unknown centre": region("circularRegion", dot2.CircularRegion(center=UNKNOWN, radius=9)),
    "no country": region("identifiedRegion", ()),
    "a country's no regions": countries(
        "countryAndRegions", dot2.CountryAndRegions(country_only=276, regions=())
    ),
    "no region's subregions": countries(
        "countryAndSubregions", dot2.CountryAndSubregions(country_only=276, region_and_subregions=())
    ),
    "a region's no subregions": countries(
        "countryAndSubregions",
        dot2.CountryAndSubregions(
            country_only=276, region_and_subregions=(dot2.RegionAndSubregions(region=1, subregions=()),)
        ),
    ),
    "too many countries": region(
        "identifiedRegion", tuple(dot2.IdentifiedRegion(kind="countryOnly", value=n) for n in range(1000))
    ),
    "too many corners": round_polygon(1000, 100_000_000),
}


@pytest.mark.parametrize("name", NO_PLACES)
def test_a_region_that_is_none_is_never_certified(car: TestStation, name: str) -> None:
    wanted = etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS, region=NO_PLACES[name])
    assert car.send_enrolment(car.enrolment(attributes=wanted)).code == "deniedpermissions"
    answer = car.authorize(car.enrol(), attributes=car.attributes(region=NO_PLACES[name]))
    assert answer.code == "deniedpermissions"


@pytest.mark.parametrize("name", NO_PLACES)
def test_an_aa_certifies_no_such_region_whatever_an_ea_confirms(
    car: TestStation, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("v2xpki.authorities.etsi.tickets.check_region", lambda _: None)
    answer = car.authorize(car.enrol(), attributes=car.attributes(region=NO_PLACES[name]))
    assert (answer.code, answer.certificate) == ("its-aa-deniedpermissions", None)


def test_the_largest_polygons_that_are_read_are_compared_in_no_time(
    car: TestStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station that has its EC bound to a polygon and asks for tickets in another chooses both numbers of
    corners, so the work is their product."""
    turns = 0
    counted = regions._turn

    def turn(*points: Any) -> int:
        nonlocal turns
        turns += 1
        return counted(*points)

    monkeypatch.setattr(regions, "_turn", turn)
    wanted = etsi.CertificateSubjectAttributes(
        app_permissions=EC_PERMISSIONS, region=round_polygon(regions.MOST_CORNERS, 100_000_000)
    )
    ec = car.enrol(attributes=wanted)
    inner = round_polygon(regions.MOST_CORNERS, 90_000_000)
    assert car.authorize(ec, attributes=car.attributes(region=inner)).code == "ok"
    assert turns < 100_000


def test_a_ticket_that_is_over_is_not_issued_whatever_an_ea_confirms(
    car: TestStation, fixed_clock: FixedClock
) -> None:
    ec = car.enrol()
    ask = car.pki.link.validate

    def slow(url: str, body: bytes) -> bytes:
        """The EA answers while the ticket's only hour still lasts; the AA's clock says that it is over."""
        answer = ask(url, body)
        fixed_clock.advance(90)
        return answer

    car.pki.link.validate = slow  # type: ignore[method-assign]
    short = dot2.ValidityPeriod(start=fixed_clock.now, duration=dot2.Duration(kind="minutes", value=1))
    answer = car.authorize(ec, attributes=car.attributes(validity_period=short))
    assert (answer.code, answer.certificate) == ("its-aa-deniedpermissions", None)


# --- one wish, one certificate ---------------------------------------------------------------------------


def second_aa(pki: Pki, database: Database) -> tuple[AuthorizationAuthority, Certificate]:
    """Another AA of the same root, that the EA trusts as well."""
    keys = MemoryKeystore("test")
    sign, opens = KeyLabel("aa", "sign"), KeyLabel("aa", "encrypt")
    tbs = pki.profiles.profile("AA").build_tbs(
        now=pki.clock.now,
        issuer=pki.root,
        verification_key=keys.generate(sign, P256),
        encryption_key=keys.generate(opens, P256),
        name="second aa",
    )
    certificate = certify(tbs, pki.root_key, pki.root)
    pki.peers.aas[certificate.hashed_id8] = Peer(certificate, "")  # type: ignore[index]
    issuer = Issuer(keys.issuing_key(sign), certificate, database, pki.clock)
    own = Generation(certificate, keys.agreer(opens), keys.responder(sign, certificate), issuer)
    authority = AuthorizationAuthority(
        own=OwnKeys([own], pki.clock),
        database=database,
        peers=pki.peers,
        link=pki.link,
        clock=pki.clock,
    )
    return authority, certificate


def opened(sent: Sent) -> bytes:
    """What is in an envelope."""
    content: Any = wire.decode(dot2.Ieee1609Dot2Data, sent.body).content.value
    text = content.ciphertext.value
    return ccm_decrypt(sent.aes, text.nonce, text.ccm_ciphertext)


def tickets_of(database: Database) -> int:
    with database.read() as tx:
        query = sa.text("SELECT COUNT(*) FROM issuance_record WHERE kind = 'AT' AND state = 'issued'")
        return int(tx.execute(query).scalar_one())


def test_a_wish_sent_to_two_aas_is_counted_as_two_tickets(
    world: Pki, tmp_path: Path, fixed_clock: FixedClock
) -> None:
    """SharedAtRequest names no AA: counted once for all of them, it would be worth a ticket at each."""
    rsu = world.station("rsu", profile="rsu", region=countries("countryOnly", 276))
    ec, limit = rsu.enrol(), world.profiles.station("rsu").parallel_limit
    with Database.open(tmp_path / "second.db", clock=fixed_clock) as database:
        upgrade(database, "aa")
        other, certificate = second_aa(world, database)
        for _ in range(limit):
            wish, new = rsu.wish(ec)
            sent = rsu.wrapped(wish, new)
            rsu.send_authorization(sent)
            other.authorize(seal(opened(sent), certificate, new).body)
        assert tickets_of(world.aa_database) + tickets_of(database) == limit


def test_one_signed_enrolment_in_two_envelopes_gives_one_credential(car: TestStation) -> None:
    """Who holds what a station signed, decrypted, can put it into fresh envelopes at will."""
    new = MemoryKey(P256)
    sent = car.enrolment(new=new)
    first = car.send_enrolment(sent).ok()
    again = seal(opened(sent), car.pki.ea_certificate, new)
    second = car.send_enrolment(again).ok()
    assert first.certificate == second.certificate
    assert len(car.pki.register.credentials(car.known.id)) == 1


def test_one_signed_renewal_in_two_envelopes_gives_one_credential(car: TestStation) -> None:
    new, ec = MemoryKey(P256), car.enrol()
    sent = car.enrolment(new=new, by=ec)
    first = car.send_enrolment(sent).ok()
    again = seal(opened(sent), car.pki.ea_certificate, new)
    assert car.send_enrolment(again).ok().certificate == first.certificate
    assert len(car.pki.register.credentials(car.known.id)) == 2


def test_a_station_that_signs_anew_gets_a_new_credential(car: TestStation, fixed_clock: FixedClock) -> None:
    new = MemoryKey(P256)
    first = car.send_enrolment(car.enrolment(new=new)).ok()
    fixed_clock.advance(1)
    assert car.send_enrolment(car.enrolment(new=new)).ok().certificate != first.certificate


# --- an EA that is none ----------------------------------------------------------------------------------


def test_an_ea_without_the_right_to_confirm_is_not_asked(make_pki: Callable[..., Pki]) -> None:
    """SSP 0106: enrolment responses and CA requests, no validation responses (TS 102 941 B.5)."""

    def change(domain: str, tbs: dot2.ToBeSignedCertificate) -> dot2.ToBeSignedCertificate:
        return tbs._replace(app_permissions=(permission(623, b"\x01\x06"),)) if domain == "ea" else tbs

    car = make_pki(change=change).station("car")
    answer = car.authorize(car.enrol())
    assert answer.code == "its-aa-invalidea"
    assert car.pki.link.calls == []
