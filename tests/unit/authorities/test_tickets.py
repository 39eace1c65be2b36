"""What the EA's limits make of a wish."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.etsi import CAM, EU, HOUR, P256, certify, country, hours
from v2xpki.authorities.etsi import tickets
from v2xpki.authorities.etsi.reasons import RefusedValidation
from v2xpki.crypto import Certificate
from v2xpki.keystore import MemoryKey
from v2xpki.trust import validity
from v2xpki.trust.profiles import profile, station_profile
from v2xpki.wire import dot2, etsi

NOW = 707_356_805 + 100
FLOOR = validity.floor_hour(NOW)
WEEK = 7 * 24 * HOUR


def _certificate(kind: str, **options: Any) -> Certificate:
    key = MemoryKey(P256)
    issuer = None
    if kind != "RCA":
        issuer = _certificate("RCA", name="r")
        if kind in ("EA", "AA"):
            options["encryption_key"] = key.public_key
    tbs = profile(kind).build_tbs(now=NOW, issuer=issuer, verification_key=key.public_key, **options)
    return certify(tbs, key)


AA, EA, EC = _certificate("AA"), _certificate("EA"), _certificate("EC", name="car")
CAR, RSU = station_profile("vehicle"), station_profile("rsu")


def limits(**change: Any) -> tickets.Limits:
    return tickets.Limits(**({"station": CAR, "ec": EC, "aa": AA, "ea": EA, "home": None} | change))


def span(period: dot2.ValidityPeriod) -> tuple[int, int]:
    return period.start, validity.end(period)


@pytest.mark.parametrize("start", [NOW, NOW - 60, NOW + 60, FLOOR - HOUR, NOW + CAR.preload])
@pytest.mark.parametrize("count", [1, 24, 168])
def test_a_period_within_the_limits_is_confirmed_as_it_came(start: int, count: int) -> None:
    wanted = hours(start, count)
    if validity.end(wanted) > NOW:
        assert limits().period(wanted, NOW) == (wanted, None)


def test_odd_units_are_confirmed_as_they_came() -> None:
    for unit, value in (("minutes", 61), ("seconds", 3700), ("sixtyHours", 1), ("milliseconds", 60000)):
        wanted = dot2.ValidityPeriod(start=NOW, duration=dot2.Duration(kind=unit, value=value))  # type: ignore
        assert limits().period(wanted, NOW) == (wanted, None)


def test_too_long_a_period_is_cut_to_the_profiles() -> None:
    assert span(limits().period(hours(NOW, 1000), NOW)[0]) == (NOW, NOW + WEEK)
    years = dot2.ValidityPeriod(start=NOW, duration=dot2.Duration(kind="years", value=60000))
    assert span(limits().period(years, NOW)[0]) == (NOW, NOW + WEEK)


def test_a_period_ends_with_the_credential_and_the_aa() -> None:
    near = EC.end - 10 * HOUR
    assert span(limits().period(hours(near, 24), near)[0]) == (near, EC.end)
    near = AA.end - 90
    assert span(limits(ec=AA).period(hours(near, 24), near)[0]) == (near, AA.end)


def test_a_past_start_becomes_this_hour() -> None:
    period, chosen = limits().period(hours(NOW - 10 * HOUR, 20), NOW)
    assert span(period) == (FLOOR, FLOOR + 10 * HOUR)
    assert chosen == FLOOR


def test_a_period_that_is_over_or_too_far_is_denied() -> None:
    for start in (NOW - 10 * HOUR, NOW + CAR.preload + 1, 0, 2**32 - 1):
        with pytest.raises(RefusedValidation):
            limits().period(hours(start, 1), NOW)


@given(
    st.integers(0, 2**32 - 1) | st.integers(NOW - WEEK, NOW + 15 * WEEK),
    st.integers(1, 65535),
    st.sampled_from(["milliseconds", "seconds", "minutes", "hours", "sixtyHours", "years"]),
    st.integers(0, 20 * 60),
)
def test_whatever_is_asked_a_confirmed_period_is_within_all_limits(
    start: int, value: int, unit: Any, later: int
) -> None:
    wanted = dot2.ValidityPeriod(start=start, duration=dot2.Duration(kind=unit, value=value))
    try:
        period, chosen = limits().period(wanted, NOW)
    except RefusedValidation:
        return
    begin, end = span(period)
    assert AA.start <= begin < end <= min(AA.end, EC.end)
    assert FLOOR - HOUR <= begin <= NOW + CAR.preload
    assert NOW < end <= begin + WEEK
    # confirmed again later, as an AA's retry, it is the same
    assert limits().period(wanted, NOW + later, begin if chosen is None else chosen)[0] == period


@pytest.mark.parametrize(("unit", "value"), [("microseconds", 65535), ("milliseconds", 999), ("hours", 0)])
def test_a_period_in_which_no_second_lies_is_denied(unit: Any, value: int) -> None:
    """A certificate's end counts whole seconds, so such a ticket would never be in force."""
    wanted = dot2.ValidityPeriod(start=NOW + HOUR, duration=dot2.Duration(kind=unit, value=value))
    with pytest.raises(RefusedValidation):
        limits().period(wanted, NOW)


def test_no_period_asked_for_is_a_week_from_this_hour() -> None:
    period, chosen = limits().period(None, NOW)
    assert span(period) == (FLOOR, FLOOR + WEEK)
    assert chosen == FLOOR


def test_a_vehicle_may_narrow_its_region_and_need_not() -> None:
    assert limits().region(None) is None
    assert limits().region(country(276)) == country(276)
    bound = limits(ec=_certificate("EC", name="x", region=EU))
    assert bound.region(None) == EU
    assert bound.region(country(276)) == country(276)
    with pytest.raises(RefusedValidation):
        bound.region(country(840))


def test_a_region_bound_station_gets_its_region_even_from_an_older_credential() -> None:
    rsu = limits(station=RSU, home=country(276))
    assert rsu.region(None) == country(276)
    with pytest.raises(RefusedValidation):
        rsu.region(country(250))


def test_a_region_the_aa_does_not_cover_is_denied() -> None:
    aa = _certificate("AA", region=country(276))
    with pytest.raises(RefusedValidation):
        limits(aa=aa).region(country(250))


def test_an_assurance_level_up_to_the_stations() -> None:
    from dataclasses import replace

    assert limits().assurance(None) == b"\0"
    with pytest.raises(RefusedValidation):
        limits().assurance(b"\x20")
    trusted = limits(station=replace(CAR, assurance_level=b"\x62"))
    assert trusted.assurance(None) == b"\x62"
    assert trusted.assurance(b"\x41") == b"\x41"
    for higher in (b"\x80", b"\x63"):
        with pytest.raises(RefusedValidation):
            trusted.assurance(higher)


def test_an_id_is_not_confirmed() -> None:
    wanted = etsi.CertificateSubjectAttributes(
        app_permissions=(CAM,), id=dot2.CertificateId(kind="name", value="car-1")
    )
    with pytest.raises(RefusedValidation):
        tickets.confirm(limits(), wanted, NOW)
    none = wanted._replace(id=dot2.CertificateId(kind="none", value=None))
    assert tickets.confirm(limits(), none, NOW)[0].id is None


def test_what_is_counted_is_whole_hours() -> None:
    assert tickets.hours_of(hours(FLOOR, 1)) == (FLOOR, FLOOR + HOUR)
    assert tickets.hours_of(hours(FLOOR + 1, 1)) == (FLOOR, FLOOR + 2 * HOUR)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(1, 5)), max_size=12))
def test_the_most_at_once_is_what_counting_each_hour_gives(found: list[tuple[int, int, int]]) -> None:
    windows = [(start, start + length, count) for start, length, count in found]
    each = [sum(n for start, end, n in windows if start <= hour < end) for hour in range(31)]
    assert tickets.most_at_once(windows) == max(each, default=0)
