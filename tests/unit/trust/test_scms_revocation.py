"""What a receiver finds revoked: exactly the certificates that a CRL's entries name, period by period."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scms_crl import DAY, LA1, LA2, NOW, CrlPki, pseudonym, values_of
from v2xpki.crypto import Certificate, LinkedEntry
from v2xpki.errors import InvalidCrl, Revoked
from v2xpki.trust.scms_crl import HashRevocation, LinkedRevocation, build_hash_crl
from v2xpki.trust.scms_revocation import RevocationList

COUNT = 4


@pytest.fixture(scope="module")
def pki() -> CrlPki:
    return CrlPki()


def chain() -> LinkedEntry:
    """Both seeds of period 0."""
    return LinkedEntry(LA1, LA2, os.urandom(16), os.urandom(16))


def entry(of: LinkedEntry, i_rev: int, i_max: int = 30, count: int = COUNT) -> LinkedRevocation:
    return LinkedRevocation(of.after(i_rev), i_max, count)


def is_revoked(held: RevocationList, certificate: Certificate) -> bool:
    try:
        held.check(certificate)
    except Revoked:
        return True
    return False


def of_period(pki: CrlPki, of: LinkedEntry, i: int) -> list[Certificate]:
    return [pseudonym(pki, i, value) for value in values_of(of, i, COUNT)]


def found(held: RevocationList, pki: CrlPki, of: LinkedEntry, i: int) -> set[bool]:
    return {is_revoked(held, one) for one in of_period(pki, of, i)}


def test_from_irev_on_every_certificate_of_the_vehicle_is_found_and_none_before_or_of_another(pki: CrlPki):
    bad, good = chain(), chain()
    held = RevocationList()
    held.advance(9)
    assert held.take(pki.linked(9, [entry(bad, 9)]), pki.trust, NOW)
    for i in range(9, 14):
        held.advance(i)
        assert found(held, pki, bad, i) == {True} and found(held, pki, good, i) == {False}
        assert found(held, pki, bad, 8) == {False}  # what was driven before stays untold
    held.advance(31)
    assert found(held, pki, bad, 31) == {False}  # beyond iMax


def test_certificates_of_the_period_before_are_found_while_they_overlap(pki: CrlPki):
    bad = chain()
    held = RevocationList()
    held.take(pki.linked(9, [entry(bad, 9)]), pki.trust, NOW)
    held.advance(10)
    assert found(held, pki, bad, 9) == {True} == found(held, pki, bad, 10)
    held.advance(11)
    assert found(held, pki, bad, 10) == {True} == found(held, pki, bad, 11)


def test_one_j_more_than_the_crl_counts_is_looked_for(pki: CrlPki):
    bad, held = chain(), RevocationList()
    held.advance(9)
    held.take(pki.linked(9, [entry(bad, 9, count=COUNT - 1)]), pki.trust, NOW)
    assert found(held, pki, bad, 9) == {True}  # a CRL of another maker, whose jmax is the last j


def test_a_crl_ahead_of_its_period_holds_when_the_period_comes(pki: CrlPki):
    bad, early, held = chain(), chain(), RevocationList()
    held.advance(9)
    held.take(pki.linked(9, [entry(early, 9)]), pki.trust, NOW)
    held.take(pki.linked(11, [entry(bad, 11), entry(early, 11)], NOW + 1), pki.trust, NOW)
    assert found(held, pki, bad, 9) == {False} and found(held, pki, early, 9) == {True}
    held.advance(11)
    assert found(held, pki, bad, 11) == {True} == found(held, pki, early, 11)


def test_a_newer_crl_adds_and_takes_away_and_an_older_one_is_refused(pki: CrlPki):
    one, two, three = chain(), chain(), chain()
    held = RevocationList()
    held.advance(9)
    first = pki.linked(9, [entry(one, 9), entry(two, 9)])
    held.take(first, pki.trust, NOW)
    assert not held.take(first, pki.trust, NOW)
    held.take(pki.linked(8, [entry(v, 8) for v in (one, two, three)], NOW + 1), pki.trust, NOW)
    assert [found(held, pki, v, 9) for v in (one, two, three)] == [{True}] * 3
    held.take(pki.linked(9, [entry(v, 9) for v in (one, three)], NOW + 2), pki.trust, NOW)
    assert [found(held, pki, v, 9) for v in (one, two, three)] == [{True}, {False}, {True}]
    with pytest.raises(InvalidCrl) as caught:
        held.take(pki.linked(9, [], NOW + 1), pki.trust, NOW)
    assert caught.value.rule == "rollback" and found(held, pki, one, 9) == {True}


def test_memory_does_not_grow_with_the_periods(pki: CrlPki):
    held = RevocationList()
    held.take(pki.linked(0, [entry(chain(), 0, 99) for _ in range(5)]), pki.trust, NOW)
    for i in range(1, 40):
        held.advance(i)
        assert len(held) == 2 * 5 * (COUNT + 1)


def test_a_certificate_without_linkage_is_found_by_its_hash_in_its_series_alone(pki: CrlPki):
    held = RevocationList()
    named = [pki.signer, pseudonym(pki, 3, b"\7" * 9, crl_series=4)]
    craca = pki.root.hashed_id3
    component = pki.certify("CRLG", pki.key, pki.root, craca_id=craca, crl_series=4)
    other = pki.certify("CRLG", pki.key, pki.root, craca_id=craca, crl_series=5)
    entries = [HashRevocation(one.hashed_id10, NOW + DAY) for one in (*named, component, other)]
    crl = pki.crl(build_hash_crl(pki.schedule(series=4), 0, entries[2:3]))
    held.take(crl, pki.trust, NOW)
    assert is_revoked(held, component) and not is_revoked(held, other) and not is_revoked(held, named[1])
    delta = build_hash_crl(pki.schedule(NOW + 1, 4), 1, entries[:2])
    delta = delta._replace(type_specific=delta.type_specific._replace(kind="deltaHashCrl"))
    held.take(pki.crl(delta), pki.trust, NOW)
    assert is_revoked(held, component) and is_revoked(held, named[1])
    assert held.is_current(pki.root.hashed_id8, 4, NOW) and not held.is_current(pki.root.hashed_id8, 5, NOW)


def test_a_series_is_of_one_family_and_of_no_more_entries_than_are_taken(pki: CrlPki):
    held = RevocationList(most=1)
    held.take(pki.linked(0, [entry(chain(), 0)]), pki.trust, NOW)
    with pytest.raises(InvalidCrl) as caught:
        held.take(pki.crl(build_hash_crl(pki.schedule(NOW + 1), 0, [])), pki.trust, NOW)
    assert caught.value.rule == "series"
    with pytest.raises(InvalidCrl) as caught:
        held.take(pki.linked(0, [entry(chain(), 0), entry(chain(), 0)], NOW + 1), pki.trust, NOW)
    assert caught.value.rule == "entry"
    with pytest.raises(InvalidCrl):
        held.advance(3)
        held.advance(2)


def test_a_crl_that_does_not_verify_changes_nothing(pki: CrlPki):
    other, held, bad = CrlPki(), RevocationList(), chain()
    with pytest.raises(InvalidCrl):
        held.take(other.linked(0, [entry(bad, 0)]), pki.trust, NOW)
    assert len(held) == 0


_seed = st.binary(min_size=16, max_size=16)


@settings(max_examples=25, deadline=None)
@given(
    seeds=st.lists(st.tuples(_seed, _seed), min_size=2, max_size=6, unique=True),
    revoked=st.integers(1, 5),
    i_rev=st.integers(1, 6),
    start=st.integers(0, 8),
    steps=st.lists(st.integers(0, 2), max_size=4),
    i_max=st.integers(6, 12),
)
def test_however_periods_pass_exactly_the_revoked_are_found(seeds, revoked, i_rev, start, steps, i_max):
    pki = _PKI
    chains = [LinkedEntry(LA1, LA2, *pair) for pair in seeds]
    bad = chains[:revoked]
    held = RevocationList()
    present = start
    held.advance(present)
    held.take(pki.linked(i_rev, [entry(v, i_rev, i_max) for v in bad]), pki.trust, NOW)
    for step in [0, *steps]:
        present += step
        held.advance(present)
        for i in range(max(0, present - 1), present + 1):
            for v in chains:
                expected = v in bad and i_rev <= i <= i_max
                value = values_of(v, i, COUNT)[i % COUNT]
                assert is_revoked(held, pseudonym(pki, i, value)) is expected


_PKI = CrlPki()
