"""EAs and AAs of other PKIs: whom the ECTL and the settings make ours believe, how far, and what ends it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.etsi import CAM, DENM, Pki, hours, permission
from tests.support.foreign import INTERVAL, MONTH, Member, World
from tests.unit.station.fake_pki import make_ca
from v2xpki.authorities.etsi.followed import FollowedPeers
from v2xpki.authorities.etsi.foreign import MOST_AUTHORITIES
from v2xpki.authorities.rounds import last_round
from v2xpki.config import AaPolicy, Settings
from v2xpki.errors import ConfigError
from v2xpki.time import FixedClock
from v2xpki.trust.lists import AaEntry, EaEntry, SignedList
from v2xpki.trust.profiles import Profiles
from v2xpki.web.open_ca import foreign_followed

HOUR = 3600


@pytest.fixture
def world(tmp_path: Path, fixed_clock: FixedClock) -> World:
    return World(tmp_path / "world", fixed_clock)


@pytest.fixture
def member(world: World, make_pki: Callable[..., Pki]) -> Callable[..., Member]:
    return lambda name, **options: world.member(name, make_pki, **options)


@pytest.fixture
def north(member) -> Member:
    return member("north")


@pytest.fixture
def south(member) -> Member:
    return member("south")


@pytest.fixture
def both(world: World, north: Member, south: Member) -> tuple[Member, Member]:
    """On one ECTL, and each has the other's lists."""
    world.clock.advance(60)
    for one in (north, south):
        one.publish()
    world.publish(north, south)
    for one in (north, south):
        one.refresh()
    return north, south


def asked(car, ec, **options):
    return car.send_authorization(car.authorization(ec, **options))


# --- that they trust each other ----------------------------------------------------------------------------


def test_a_vehicle_with_an_ec_of_one_pki_gets_a_ticket_of_the_other_s_aa(both) -> None:
    north, south = both
    car = north.visitor(south)
    ticket = asked(car, car.enrol()).ok().certificate
    assert ticket.issuer_id8 == south.pki.aa_certificate.hashed_id8
    # the EA was asked where its own root's CTL says
    assert [url for url, _ in south.pki.link.calls] == [north.ea_url]
    assert north.pki.notes.outcomes("validation") == ["ok"]


def test_own_stations_go_on_as_ever(both) -> None:
    north, _ = both
    car = north.visitor(north)
    asked(car, car.enrol()).ok()


def test_without_a_setting_nobody_of_another_pki_is_believed_or_even_asked(world, both) -> None:
    north, south = both
    id8 = north.pki.ea_certificate.hashed_id8
    assert FollowedPeers(south.trust("aa"), world.clock).ea(id8) is None  # what it does by default
    south.wanted.clear()
    before = len(world.web.asked)
    south.refresh()
    assert not [url for url in world.web.asked[before:] if "north" in url]
    assert not list(south.trust("aa").glob("foreign/*"))
    settings = Settings()
    assert settings.ea.foreign_roots == settings.aa.foreign_roots == ()


def test_only_the_roots_that_the_setting_names_are_followed(world, both, member) -> None:
    north, south = both
    east = member("east")
    world.publish(north, south, east)
    for wanted, seen in (([north.hex8.lower()], "north"), ([east.hex8], "east")):
        south.wanted[:] = wanted
        south.refresh()
        assert {url.split(".")[0] for url in world.web.asked[-2:]} == {f"http://{seen}"}
        peers = FollowedPeers(south.trust("aa"), world.clock, foreign_roots=wanted)
        found = {m.name for m in (north, east) if peers.ea(m.pki.ea_certificate.hashed_id8)}
        assert found == {seen}
    south.wanted[:] = ["0011223344556677"]
    south.refresh()
    peers = FollowedPeers(south.trust("aa"), world.clock, foreign_roots=south.wanted)
    assert foreign_followed(peers, south.trust("aa"), world.clock, INTERVAL).text == (
        "root 0011223344556677 of foreign_roots is not on the ECTL"
    )


@pytest.mark.parametrize(
    "text",
    [
        '[ea]\nforeign_roots = ["all"]',
        '[aa]\nforeign_roots = ["12"]',
        '[aa]\nforeign_roots = ["any"]\nforeign_calls = 8',
        "[aa]\nforeign_calls = 0",
    ],
)
def test_settings_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="foreign"):
        Settings.parse(text)


# --- attacks: who may not ask, who is not asked ------------------------------------------------------------


def test_an_aa_of_a_root_that_is_not_on_the_ectl_gets_no_confirmation(world, north, south) -> None:
    world.clock.advance(60)
    world.publish(south)  # south asks north's EA; north sees an ECTL without south
    for one in (north, south):
        one.publish()
    world.publish(north)
    north.refresh()
    world.publish(north, south)
    south.refresh()
    car = north.visitor(south)
    assert asked(car, car.enrol()).code == "invalidaa"
    assert north.pki.notes.outcomes("validation") == ["invalidaa"]


def test_an_ea_of_a_root_that_is_not_on_the_ectl_is_not_asked(world, north, south) -> None:
    world.clock.advance(60)
    for one in (north, south):
        one.publish()
    world.publish(south)
    south.refresh()
    car = north.visitor(south)
    assert asked(car, car.enrol()).code == "its-aa-unknownea"
    assert south.pki.link.calls == []


def test_a_foreign_aa_without_the_ssp_bit_gets_no_confirmation(world, north, member) -> None:
    def without(domain, tbs):
        if domain != "aa":
            return tbs
        return tbs._replace(app_permissions=(permission(623, b"\x01\x12"),))  # no validation requests

    south = member("south", change=without)
    world.clock.advance(60)
    world.publish(north, south)
    for one in (north, south):
        one.publish()
        one.refresh()
    car = north.visitor(south)
    assert asked(car, car.enrol()).code == "invalidaa"
    assert "SSP" in north.pki.notes.seen[-1][2]


def test_a_root_that_leaves_the_ectl_ends_it_at_the_next_refresh(world, both) -> None:
    north, south = both
    car = north.visitor(south)
    ec = car.enrol()
    asked(car, ec).ok()
    world.publish(south)
    south.refresh()
    assert asked(car, ec).code == "its-aa-unknownea"
    assert not list(south.trust("aa").glob("foreign/*"))
    world.publish(north)
    north.refresh()
    world.publish(north, south)
    south.refresh()
    assert asked(car, ec).code == "invalidaa"  # south asks again, north has not heard of its return


@pytest.mark.parametrize(("who", "code"), [("ea", "its-aa-invalidea"), ("aa", "invalidaa"), ("root", None)])
def test_a_foreign_crl_revokes(world, both, who, code) -> None:
    north, south = both
    car = north.visitor(south)
    ec = car.enrol()
    revoker, hears = (south, north) if who == "aa" else (north, south)
    gone = {"ea": north.pki.ea_certificate, "aa": south.pki.aa_certificate, "root": north.pki.root}[who]
    world.clock.advance(5)
    revoker.publish(revoked=[gone])
    hears.refresh()
    assert asked(car, ec).code == (code or "its-aa-invalidea")


def test_a_foreign_ctl_signed_by_another_root_names_nobody(world, both, member) -> None:
    north, south = both
    east = member("east")
    before = (south.trust("aa") / "foreign" / north.hex8 / "ctl.oer").read_bytes()
    world.clock.advance(5)
    north.publish(by=east)  # at north's address: lists of east, in the name of east
    south.refresh()
    assert (south.trust("aa") / "foreign" / north.hex8 / "ctl.oer").read_bytes() == before
    state = last_round(south.trust("aa")).foreign[north.hex8]
    assert "names" in state.lists["ctl"].problem and state.lists["crl"].outcome == "failed"
    peers = FollowedPeers(south.trust("aa"), world.clock, foreign_roots=["any"])
    assert peers.ea(east.pki.ea_certificate.hashed_id8) is None
    assert peers.ea(north.pki.ea_certificate.hashed_id8) is not None


def test_a_foreign_ctl_cannot_name_authorities_that_its_root_did_not_certify(world, both, member) -> None:
    north, south = both
    east = member("east")
    ctl = SignedList.parse(world.web.documents[f"{north.dc}/getctl/{north.hex8}"])
    body = ctl.body._replace(
        ctl_sequence=9,
        ctl_commands=tuple(
            command._replace(value=EaEntry(east.pki.ea_certificate, "http://north.example/x").record())
            if command.value.kind == "ea"
            else command
            for command in ctl.body.ctl_commands
        ),
    )
    from v2xpki.wire import etsi

    data = etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="certificateTrustListRca", value=body)
    )
    world.clock.advance(5)
    north.put(world.web, "ctl", world.signed(data, 624, north.pki.root_key, north.pki.root))
    south.refresh()
    peers = FollowedPeers(south.trust("aa"), world.clock, foreign_roots=["any"])
    assert peers.ea(east.pki.ea_certificate.hashed_id8) is None
    assert peers.ea(north.pki.ea_certificate.hashed_id8) is None
    assert peers.aa(north.pki.aa_certificate.hashed_id8) is not None


def test_an_ectl_that_is_rolled_back_brings_no_root_back(world, both) -> None:
    north, south = both
    url = next(url for url in world.web.documents if "getectl" in url)
    old = world.web.documents[url]
    car = north.visitor(south)
    ec = car.enrol()
    world.clock.advance(5)
    world.publish(south)
    south.refresh()
    world.web.documents[url] = old  # whoever sits between plays the old one
    south.refresh()
    assert "does not follow" in last_round(south.trust("aa")).lists["ectl"].problem
    assert asked(car, ec).code == "its-aa-unknownea"
    (south.trust("aa") / "ectl.oer").write_bytes(old)  # even in the folder a running process refuses it
    assert asked(car, ec).code == "its-aa-unknownea"


def test_older_foreign_lists_played_again_change_nothing(world, both) -> None:
    north, south = both
    old = {url: octets for url, octets in world.web.documents.items() if "north" in url}
    world.clock.advance(5)
    north.publish(revoked=[north.pki.ea_certificate])
    south.refresh()
    world.web.documents.update(old)
    south.refresh()
    car = north.visitor(south)
    assert asked(car, car.enrol()).code == "its-aa-invalidea"
    state = last_round(south.trust("aa")).foreign[north.hex8]
    assert all(entry.outcome == "failed" for entry in state.lists.values())


# --- what is certified on their word -----------------------------------------------------------------------


GENEROUS = Profiles.load(
    {
        "station": {
            "vehicle": {
                "preload": {"hours": 9000},
                "ticket_validity_max": {"hours": 168},
                "permissions": [
                    {"psid": 36, "value": "01ffff", "mask": "ff0000"},
                    {"psid": 37, "value": "01ffffff", "mask": "ff000000"},
                    {"psid": 137, "value": "01e0", "mask": "ff1f"},
                ],
                "assurance_level": "60",
            }
        }
    }
)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"validity_period": lambda now: hours(now + 2400 * HOUR, 1)}, "ahead"),
        ({"app_permissions": (CAM, DENM, permission(137, b"\x01\x00"))}, "137"),
        ({"assurance_level": b"\x40"}, "assurance"),
        ({"validity_period": lambda now: hours(now, 48)}, "validity"),
    ],
)
def test_a_foreign_ea_cannot_make_the_aa_certify_more_than_its_own_limits(
    world, member, make_pki, wish, why
) -> None:
    strict = Profiles.load({"station": {"visitor": {"base": "vehicle", "ticket_validity_max": {"hours": 24},
                                                    "ticket_validity": {"hours": 24}}}})  # fmt: skip
    north = member("north", profiles=GENEROUS)
    south = member("south", profiles=strict, aa_policy=AaPolicy(foreign_profile="visitor"))
    world.clock.advance(60)
    world.publish(north, south)
    for one in (north, south):
        one.publish()
        one.refresh()
    car = north.visitor(south)
    ec = car.enrol()
    now = world.clock.time32()
    attributes = {"app_permissions": (CAM,), "assurance_level": b"\x00"} | {
        name: value(now) if callable(value) else value for name, value in wish.items()
    }
    answer = asked(car, ec, attributes=car.attributes(**attributes))
    assert answer.code == "its-aa-deniedpermissions"
    assert north.pki.notes.outcomes("validation") == ["ok"]  # its own EA had nothing against it
    ((authority, said),) = south.pki.notes.distrust
    assert authority == north.pki.ea_certificate.hex8 and why in said
    assert asked(car, ec, attributes=car.attributes(app_permissions=(CAM,), assurance_level=b"\x00")).ok()


def test_the_limits_for_others_do_not_bind_the_own_ea(world, member) -> None:
    north = member("north", profiles=GENEROUS)
    world.clock.advance(60)
    north.publish()
    world.publish(north)
    north.refresh()
    car = north.visitor(north)
    start = world.clock.time32() + 2400 * HOUR
    asked(car, car.enrol(), attributes=car.attributes(validity_period=hours(start, 1))).ok()


def test_slow_eas_of_others_leave_threads_for_the_own_stations(world, member) -> None:
    north, south = member("north"), member("south", aa_policy=AaPolicy(foreign_calls=1))
    world.clock.advance(60)
    world.publish(north, south)
    for one in (north, south):
        one.publish()
        one.refresh()
    own = south.visitor(south, "own")
    own_ec = own.enrol()
    car = north.visitor(south)
    ec = car.enrol()
    link, seen = south.pki.link, []

    def meanwhile(body: bytes) -> bytes:
        if not seen:
            seen.append("waiting")
            seen.append(asked(car, ec).code)  # a second one for the EA that lets the first one wait
            link.ea = south.pki.ea
            seen.append(asked(own, own_ec).code)
            link.ea = north.pki.ea
        return body

    link.spoil_request = meanwhile
    asked(car, ec).ok()
    assert seen == ["waiting", "aa-ea-cantreachea", "ok"]


# --- bounds, and what ends by itself -----------------------------------------------------------------------


def test_a_foreign_ctl_of_too_many_authorities_is_not_taken_over(world, both) -> None:
    north, south = both
    path = south.trust("aa") / "foreign" / north.hex8 / "ctl.oer"
    before = path.read_bytes()
    root = make_ca("RCA", world.clock.time32())
    root.key, root.certificate = north.pki.root_key, north.pki.root
    first = make_ca("AA", world.clock.time32(), root)
    tbs = first.certificate.record.to_be_signed
    from tests.support.etsi import certify
    from v2xpki.wire import dot2

    many = [
        certify(tbs._replace(id=dot2.CertificateId(kind="name", value=str(n))), root.key, root.certificate)
        for n in range(MOST_AUTHORITIES + 1)
    ]
    world.clock.advance(5)
    north.publish(entries=[AaEntry(entry, "http://north.example/aa") for entry in many])
    south.refresh()
    assert path.read_bytes() == before
    assert "above" in last_round(south.trust("aa")).foreign[north.hex8].lists["ctl"].problem


def test_a_dead_foreign_centre_stops_nothing_of_one_s_own_and_is_told(world, both) -> None:
    north, south = both
    peers = FollowedPeers(south.trust("aa"), world.clock, foreign_roots=["any"])
    check = lambda: foreign_followed(peers, south.trust("aa"), world.clock, INTERVAL)  # noqa: E731
    assert (check().warning, check().text) == (False, "1 roots followed")
    world.web.away = {"north"}
    south.publish(revoked=[south.pki.aa_certificate])
    south.refresh()
    found = last_round(south.trust("aa"))
    assert found.lists["crl"].outcome == "replaced" and found.well == found.at  # the own pace stays
    assert found.foreign[north.hex8].lists["ctl"].outcome == "failed"
    assert not check().warning and peers.ea(north.pki.ea_certificate.hashed_id8) is not None
    for _ in range(12):
        south.refresh()
    assert check().ok and check().warning and "not refreshed" in check().text
    values = {(name, labels.get("root")) for name, labels, _ in check().values}
    assert ("v2xpki_foreign_refresh_age_seconds", north.hex8) in values


def test_lists_of_others_that_run_out_end_the_trust_the_own_ones_go_on(world, both) -> None:
    north, south = both
    world.web.away = {"north", "south", "cpoc"}
    peers = FollowedPeers(south.trust("aa"), world.clock, foreign_roots=["any"])
    assert peers.ea(north.pki.ea_certificate.hashed_id8) is not None
    world.clock.advance(MONTH + 3600)
    assert peers.ea(north.pki.ea_certificate.hashed_id8) is None
    assert peers.ea(south.pki.ea_certificate.hashed_id8) is not None
    south.refresh()
    assert "out of date" in foreign_followed(peers, south.trust("aa"), world.clock, INTERVAL).text


def test_a_round_ends_in_time_and_begins_with_whom_it_did_not_get_to(world, both, member) -> None:
    north, south = both
    east = member("east")
    world.publish(north, south, east)
    south.refresh()

    def slow(url: str) -> None:
        if "north" in url or "east" in url:
            south.monotonic += 30

    world.web.on_call = slow
    seen = []
    for _ in range(2):
        before = len(world.web.asked)
        world.clock.advance(INTERVAL)
        south.rounds("aa").round()
        seen.append([url for url in world.web.asked[before:] if "south" not in url and "cpoc" not in url])
    assert [len(urls) for urls in seen] == [1, 1]  # one call of 30 s is already too much
    assert seen[0][0].split(".")[0] != seen[1][0].split(".")[0]
