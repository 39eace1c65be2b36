"""A linkage authority tells of a chain, for a recorded case, its name and the seed of iRev, no earlier."""

import json

import pytest

from tests.support.linkage import CASE, LA1_ID, NOW, PERIODS, RA, La, lci
from tests.unit.authorities.linkage.test_la_values import events
from v2xpki.authorities.scms.la_chains import Named
from v2xpki.authorities.scms.la_reasons import CaseReason, RefusedCase, RefusedWishes, WishReason
from v2xpki.crypto import pre_linkage_values, seed_after
from v2xpki.errors import RecordFailed
from v2xpki.store import database
from v2xpki.store.auditing import require_intact


@pytest.fixture
def la(make_la, new_url) -> La:
    made = make_la(url=new_url())
    made.ask(*[(lci(n), i, [0]) for n in range(6) for i in (n % 3, 4)])
    return made


def trace(la: La, number: int, i: int = 4, j: int = 7, case: bytes = CASE, **options) -> Named:
    (values,) = la.ask((lci(number), i, [j]))
    return la.revocation.chain_of(values[0], i, j, case, **options)


def refused(call, *arguments, **options) -> CaseReason:
    with pytest.raises(RefusedCase) as caught:
        call(*arguments, **options)
    return caught.value.reason


def later(la: La, i: int) -> None:
    la.clock.now = PERIODS.start(i) + 2 * 3600  # the overlap is over


# --- whose chain ------------------------------------------------------------------------------------------


def test_a_value_is_found_to_be_of_its_chain_and_of_no_other(la):
    for number in range(6):
        for i in (number % 3, 4):
            case = f"case {number} {i}".encode()
            assert trace(la, number, i, 200, case) == la.named(number)
            assert trace(la, number, i, 200, case, suspected=la.named(number)) == la.named(number)
    assert [event for event, _ in events(la)].count("linkage.traced") == 12
    require_intact(la.database)


def test_a_search_looks_at_the_chains_that_may_have_given_it(la):
    assert [len(rows) for rows in la.authority.chains.walk(5, -8)] == [6]
    assert [len(rows) for rows in la.authority.chains.walk(0, -12)] == [2]  # those that had begun
    assert list(la.authority.chains.walk(40, 28)) == []


def test_a_value_of_no_chain_is_refused_and_on_the_record(la):
    (values,) = la.ask((lci(1), 4, [7]))
    of = la.revocation.chain_of
    assert refused(of, bytes(9), 4, 7, CASE) is CaseReason.NO_CHAIN
    assert refused(of, values[0], 4, 8, CASE) is CaseReason.NO_CHAIN
    assert refused(of, values[0], 3, 7, CASE) is CaseReason.NO_CHAIN
    assert refused(of, values[0], 4, 7, CASE, suspected=la.named(2)) is CaseReason.NO_CHAIN
    assert refused(of, values[0], 4, 7, CASE, suspected=la.named(1, "other")) is CaseReason.NO_CHAIN
    assert refused(of, values[0], 4, 7, CASE, suspected=Named(RA, b"")) is CaseReason.NO_CHAIN
    assert refused(of, values[0], 0, 7, CASE, suspected=la.named(1)) is CaseReason.NO_CHAIN
    assert [json.loads(detail)["found"] for event, detail in events(la) if event == "linkage.traced"] == [
        False
    ] * 7


@pytest.mark.parametrize(
    ("plv", "i", "j"),
    [(bytes(8), 4, 7), (bytes(10), 4, 7), (bytes(9), 4, 256), (bytes(9), -1, 7), (bytes(9), 2**16, 0)],
)
def test_what_is_no_value_is_refused_before_anything_is_searched(la, plv, i, j, monkeypatch):
    monkeypatch.setattr(la.authority.chains, "walk", None)
    assert refused(la.revocation.chain_of, plv, i, j, CASE) is CaseReason.BAD_VALUE


@pytest.mark.parametrize("case", [b"", b"seven o", b"8 octets." * 8])
def test_nothing_is_told_without_a_case_of_a_proper_name(la, case):
    assert refused(la.revocation.chain_of, bytes(9), 4, 7, case) is CaseReason.BAD_CASE
    assert refused(la.revocation.seed_at, la.named(1), 4, case) is CaseReason.BAD_CASE


def test_one_case_opens_one_chain(la):
    assert trace(la, 1) == trace(la, 1) == la.named(1)
    (values,) = la.ask((lci(2), 4, [7]))
    assert refused(la.revocation.chain_of, values[0], 4, 7, CASE) is CaseReason.OTHER_CHAIN
    assert refused(la.revocation.seed_at, la.named(2), 4, CASE) is CaseReason.OTHER_CHAIN
    assert [event for event, _ in events(la)][1:] == ["linkage.traced", "linkage.refused", "linkage.refused"]


# --- the seed ---------------------------------------------------------------------------------------------


def test_the_seed_of_irev_gives_every_value_from_then_on_and_none_before(la):
    given = {i: la.ask((lci(1), i, range(20)))[0] for i in range(1, 12)}
    seed = la.revocation.seed_at(trace(la, 1), 4, CASE)
    for i in range(4, 12):
        assert pre_linkage_values(LA1_ID, seed_after(LA1_ID, seed, i - 4), range(20)) == given[i]
    known = {
        value
        for steps in range(40)
        for value in pre_linkage_values(LA1_ID, seed_after(LA1_ID, seed, steps), range(20))
    }
    for i in range(1, 4):
        assert not known & set(given[i])
    for number in (0, 2, 3, 4, 5):
        assert not known & {value for i in range(4, 12) for value in la.ask((lci(number), i, range(20)))[0]}


def test_the_same_seed_is_given_again_and_recorded_once(la):
    named = trace(la, 1)
    seed = la.revocation.seed_at(named, 4, CASE)
    later(la, 9)  # although period 4 has ended by now
    for one in (la, la.again()):
        assert one.revocation.seed_at(named, 4, CASE) == seed
        assert one.revocation.seed_at(named, 6, CASE) == seed_after(LA1_ID, seed, 2)  # a CRL moves on
    assert [event for event, _ in events(la)][1:] == ["linkage.traced", "linkage.revoked"]
    assert json.loads(events(la)[-1][1])["i_rev"] == 4
    require_intact(la.database)


def test_an_earlier_period_than_the_cases_is_refused_for_good(la):
    named = trace(la, 1)
    la.revocation.seed_at(named, 4, CASE)
    assert refused(la.revocation.seed_at, named, 3, CASE) is CaseReason.EARLIER
    assert refused(la.again().revocation.seed_at, named, 1, CASE) is CaseReason.EARLIER
    assert json.loads(events(la)[-1][1])["reason"] == "earlier"


def test_a_second_case_does_not_reach_behind_the_first(la):
    named, other = trace(la, 1), b"case of the MA, 0002"
    seed = la.revocation.seed_at(named, 4, CASE)
    assert trace(la, 1, i=3, case=other) == named
    assert refused(la.revocation.seed_at, named, 3, other) is CaseReason.EARLIER
    assert la.revocation.seed_at(named, 5, other) == seed_after(LA1_ID, seed, 1)
    with pytest.raises(RefusedWishes):
        la.ask((lci(1), 4, [0]))  # the first case's period stands


def test_a_period_that_has_ended_is_refused(la):
    named = trace(la, 1)
    later(la, 3)
    assert refused(la.revocation.seed_at, named, 2, CASE) is CaseReason.PAST
    assert len(la.revocation.seed_at(named, 3, CASE)) == 16


def test_a_period_outside_the_chain_is_refused(la):
    named = trace(la, 1)  # from 1 on
    assert refused(la.revocation.seed_at, named, 0, CASE) is CaseReason.BEFORE_CHAIN
    assert refused(la.revocation.seed_at, named, -1, CASE) is CaseReason.BEFORE_CHAIN
    assert refused(la.revocation.seed_at, named, 13, CASE) is CaseReason.BEYOND_CHAIN
    assert refused(la.revocation.seed_at, named, 2**70, CASE) is CaseReason.BEYOND_CHAIN


def test_no_seed_without_a_recorded_case(la):
    assert refused(la.revocation.seed_at, la.named(1), 4, CASE) is CaseReason.NO_CASE
    assert refused(la.revocation.seed_at, la.named(99), 4, CASE) is CaseReason.NO_CASE
    assert [event for event, _ in events(la)][1:] == ["linkage.refused"] * 2


def test_no_seed_and_no_name_where_the_audit_record_cannot_be_written(la, monkeypatch):
    named = trace(la, 1)
    (values,) = la.ask((lci(2), 4, [7]))

    def fail(*_, **__):
        raise RecordFailed("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(database.Transaction, "_append", fail)
        with pytest.raises(RecordFailed):
            la.revocation.seed_at(named, 4, CASE)
        with pytest.raises(RecordFailed):
            la.revocation.chain_of(values[0], 4, 7, b"another case")
    assert len(la.ask((lci(1), 4, [0]))) == 1  # not revoked either
    assert refused(la.revocation.seed_at, la.named(2), 4, b"another case") is CaseReason.NO_CASE


def test_a_revoked_chain_gives_nothing_from_irev_on_and_all_before(la):
    la.revocation.seed_at(trace(la, 1), 4, CASE)
    for one in (la, la.again()):
        with pytest.raises(RefusedWishes) as caught:
            one.ask((lci(2), 4, [0]), (lci(1), 4, [0]), (lci(1), 9, [0]))
        assert caught.value.wishes == ((1, WishReason.REVOKED), (2, WishReason.REVOKED))
        assert len(one.ask((lci(1), 3, [0]), (lci(2), 4, [0]))) == 2
    assert la.clock.now == NOW
