"""i-periods: numbers and times."""

from hypothesis import given
from hypothesis import strategies as st

from v2xpki.authorities.periods import LAST_PERIOD, Periods
from v2xpki.trust import validity

PERIODS = Periods(347_619_603, 604_800, 3600)  # as the recorded deployments have it


@given(st.integers(0, 4_000))
def test_a_moment_is_in_the_period_it_starts(i: int) -> None:
    assert PERIODS.at(PERIODS.start(i)) == i
    assert PERIODS.at(PERIODS.start(i + 1) - 1) == i
    assert PERIODS.end(i) == PERIODS.start(i + 1) + PERIODS.overlap


@given(st.integers(0, 4_000), st.integers(0, 700_000))
def test_the_last_period_that_ends_in_time_ends_in_time(i: int, more: int) -> None:
    moment = PERIODS.end(i) + more
    last = PERIODS.last_ending_by(moment)
    assert PERIODS.end(last) <= moment < PERIODS.end(last + 1)


def test_times_outside_all_periods_stay_within_them() -> None:
    assert PERIODS.at(0) == 0
    assert PERIODS.at(1 << 40) == LAST_PERIOD
    assert PERIODS.last_ending_by(PERIODS.epoch) == -1


def test_validity_is_the_period_and_the_overlap_cut_to_the_issuers_start() -> None:
    whole = PERIODS.validity_of(425)
    assert (whole.start, validity.end(whole)) == (PERIODS.start(425), PERIODS.end(425))
    assert (whole.duration.kind, whole.duration.value) == ("hours", 169)
    cut = PERIODS.validity_of(425, PERIODS.start(425) + 7200)
    assert (cut.start, validity.end(cut)) == (PERIODS.start(425) + 7200, PERIODS.end(425))
