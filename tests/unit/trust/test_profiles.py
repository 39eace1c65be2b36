"""Certificate and station profiles (checklist P1): the shipped data, and strict overrides."""

import pytest

from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError, PermissionDenied
from v2xpki.trust import validity
from v2xpki.trust.profiles import KINDS, Profiles, bitmap_ssp, profile, station_profile
from v2xpki.wire import dot2

NOW = 700_000_000


def test_p1_the_table_of_app_permissions():
    held = {
        kind: {e.psid: e.ssp.value.hex() for e in profile(kind).app_permissions or () if e.ssp}
        for kind in KINDS
    }
    assert held == {
        "RCA": {622: "01", 624: "0138"},
        "TLM": {624: "01c8"},
        "EA": {623: "010e"},
        "AA": {623: "0132"},
        "EC": {623: "01c0"},
        "AT": {},
    }


def test_p1_the_table_of_presence():
    assert {k: profile(k).issuer for k in KINDS} == {
        "RCA": "self",
        "TLM": "self",
        "EA": "digest",
        "AA": "digest",
        "EC": "digest",
        "AT": "digest",
    }
    assert {k: profile(k).encryption_key for k in KINDS} == {
        "RCA": "optional",
        "TLM": "absent",
        "EA": "required",
        "AA": "required",
        "EC": "optional",
        "AT": "optional",
    }
    assert {k for k in KINDS if profile(k).cert_issue_permissions} == {"RCA", "EA", "AA"}
    assert profile("RCA").curve is Curve.BRAINPOOL_P384R1


def test_p1_the_roots_groups_are_as_in_the_field():
    first, second = profile("RCA").cert_issue_permissions
    (scr,) = first.subject_permissions.value
    assert (scr.psid, scr.ssp_range.value.ssp_value.hex(), scr.ssp_range.value.ssp_bitmask.hex()) == (
        623, "013e", "ffc1")  # fmt: skip
    assert (first.min_chain_length, first.ee_type) == (1, 0x80)
    assert (second.min_chain_length, second.chain_length_range, second.ee_type) == (2, 0, 0xC0)
    assert {36, 37, 137, 138, 139, 140, 141, 623, 637, 638, 639, 640, 1619} == {
        e.psid for e in second.subject_permissions.value
    }


def test_a_vehicle_gets_its_services_and_nothing_else():
    vehicle = station_profile("vehicle")
    vehicle.check_app_permissions((dot2.PsidSsp(psid=36, ssp=bitmap_ssp(bytes.fromhex("010000"))),))
    with pytest.raises(PermissionDenied, match="psid 138"):
        vehicle.check_app_permissions((dot2.PsidSsp(psid=138, ssp=bitmap_ssp(bytes.fromhex("0100"))),))
    assert vehicle.privacy and not vehicle.plain_signature
    assert vehicle.ticket_validity_max == 7 * 24 * 3600
    assert (vehicle.parallel_limit, vehicle.parallel_alert, vehicle.parallel_ceiling) == (100, 100, 200)


def test_a_roadside_unit_has_no_privacy_and_two_tickets():
    rsu = station_profile("rsu")
    assert rsu.plain_signature and not rsu.privacy and rsu.region_bound
    assert rsu.parallel_limit == 2
    rsu.check_app_permissions((dot2.PsidSsp(psid=138, ssp=bitmap_ssp(bytes.fromhex("0100"))),))


def test_an_override_changes_one_key_and_keeps_the_rest():
    profiles = Profiles.load(
        {
            "rca": {"curve": "nistP384", "validity": {"years": 5}, "region": {"countries": [65535]}},
            "station": {
                "vehicle": {"parallel_limit": 60},
                "truck": {"base": "vehicle", "parallel_limit": 20},
            },
        }
    )
    assert profiles.profile("RCA").curve is Curve.NIST_P384
    assert profiles.profile("RCA").app_permissions == profile("RCA").app_permissions
    assert profiles.profile("RCA").region.value[0].value == 65535
    assert profiles.station("vehicle").parallel_limit == 60
    assert profiles.station("truck").parallel_limit == 20
    assert profiles.station("truck").permissions == station_profile("vehicle").permissions
    assert profiles.profile("EA") == profile("EA")


def test_an_override_file_is_read(tmp_path):
    path = tmp_path / "profiles.toml"
    path.write_text(
        "[ea]\nbackdate = 0\n"
        '[[ea.cert_issue_permissions]]\nranges = [{psid = 623, value = "01c0", mask = "ff3f"}]\n'
        '[[ea.cert_issue_permissions]]\nee_type = ["enrol"]\nranges = [{psid = 36, all = true}]\n'
    )
    ea = Profiles.load(path).profile("EA")
    assert ea.backdate == 0
    assert [group.ee_type for group in ea.cert_issue_permissions] == [0x80, 0x40]


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ({"rcaa": {}}, "rcaa"),
        ({"rca": {"valid": {"years": 1}}}, "valid"),
        ({"rca": {"kind": "EA"}}, "kind"),
        ({"rca": {"curve": "secp256k1"}}, "secp256k1"),
        ({"rca": {"validity": {"years": 0}}}, "years"),
        ({"rca": {"validity": {"days": 1}}}, "days"),
        ({"rca": {"validity": 8}}, "validity"),
        ({"rca": {"backdate": True}}, "backdate"),
        ({"rca": {"encryption_key": "maybe"}}, "maybe"),
        ({"ea": {"encryption_curve": "nistP384"}}, "ECIES"),
        ({"ec": {"app_permissions": {"623": "xy"}}}, "xy"),
        ({"ec": {"app_permissions": {"abc": "01"}}}, "abc"),
        ({"aa": {"cert_issue_permissions": [{"ranges": [], "chain": 2}]}}, "chain"),
        ({"aa": {"cert_issue_permissions": [{"ee_type": ["both"]}]}}, "both"),
        (
            {"aa": {"cert_issue_permissions": [{"ranges": [{"psid": 36, "value": "01", "mask": "ffff"}]}]}},
            "mask",
        ),
        ({"aa": {"cert_issue_permissions": [{"ranges": [{"psid": 36, "value": "01"}]}]}}, "value and mask"),
        ({"aa": {"cert_issue_permissions": [{"ranges": [{"psid": 36, "values": "01"}]}]}}, "values"),
        ({"rca": {"region": {"countries": []}}}, "countries"),
        ({"rca": {"region": {"circle": [91, 0, 5]}}}, "91"),
        ({"rca": 8}, "table"),
        ({"station": {"truck": {}}}, "base"),
        ({"station": 1}, "station"),
        ({"station": {"vehicle": {"speed": 1}}}, "speed"),
        ({"station": {"vehicle": {"parallel_limit": 201}}}, "201"),
        ({"station": {"vehicle": {"plain_signature": True}}}, "privacy"),
        ({"station": {"vehicle": {"ticket_validity": {"hours": 169}}}}, "ticket_validity"),
    ],
)
def test_an_override_with_a_mistake_is_refused_by_name(override, named):
    with pytest.raises(ConfigError, match=named):
        Profiles.load(override)


def test_an_override_that_is_no_toml_is_refused_with_its_name(tmp_path):
    path = tmp_path / "profiles.toml"
    path.write_text("[rca")
    with pytest.raises(ConfigError, match=r"profiles\.toml"):
        Profiles.load(path)


def test_unknown_profiles_are_refused():
    with pytest.raises(ConfigError, match="XX"):
        profile("XX")
    with pytest.raises(ConfigError, match="tank"):
        station_profile("tank")


def test_a_station_profile_with_a_limit_below_one_is_not_made():
    with pytest.raises(ConfigError, match="parallel_limit 0"):
        Profiles.load({"station": {"rsu": {"parallel_limit": 0}}})


@pytest.mark.parametrize(
    ("seconds", "kind", "value"),
    [
        (8 * validity.YEAR, "years", 8),
        (7 * 24 * 3600, "hours", 168),
        (90, "seconds", 90),
        (3600 * 65535, "hours", 65535),
        (3600 * 65536, "sixtyHours", 65536 // 60),
        (65536, "minutes", 65536 // 60),
        (1 << 40, "sixtyHours", 65535),
    ],
)
def test_durations_take_the_coarsest_exact_unit(seconds, kind, value):
    assert validity.duration(seconds) == dot2.Duration(kind=kind, value=value)


def test_a_duration_of_nothing_is_refused():
    with pytest.raises(ValueError):
        validity.duration(0)


@pytest.mark.parametrize(("milliseconds", "seconds"), [(0, 0), (999, 0), (1000, 1), (1999, 1), (60_000, 60)])
def test_a_period_ends_when_a_certificate_of_it_does(milliseconds, seconds):
    assert validity.duration_seconds(dot2.Duration(kind="milliseconds", value=milliseconds)) == seconds


def test_hours_are_those_of_utc():
    from v2xpki.time import iso_from_time32

    assert iso_from_time32(validity.floor_hour(NOW)).endswith(":00:00Z")
    assert 0 <= NOW - validity.floor_hour(NOW) < 3600
    assert validity.floor_hour(validity.floor_hour(NOW)) == validity.floor_hour(NOW)


def test_a_period_is_cut_to_its_issuers_and_ends_on_an_hour_after_its_start():
    week = dot2.ValidityPeriod(start=NOW, duration=dot2.Duration(kind="hours", value=168))
    assert validity.cut(week, 0, NOW * 2) is week
    cut = validity.cut(week, 0, NOW + 3600 * 5 + 77)
    assert (cut.start, validity.end(cut)) == (NOW, NOW + 3600 * 5)
    assert validity.cut(week, NOW + 10, NOW * 2).start == NOW + 10
    assert validity.end(validity.cut(week, 0, NOW + 59)) == NOW + 59
    with pytest.raises(PermissionDenied):
        validity.cut(week, 0, NOW)
