"""Linkage values: every recorded value, and what an entry of a CRL finds and does not find."""

from hashlib import sha256
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.crypto.soft import vectors
from v2xpki.crypto import (
    LinkedEntry,
    encrypted_indices,
    linkage_values,
    pre_linkage_values,
    revoked_values,
    seed_after,
    seeds_from,
)
from v2xpki.errors import CryptoError

LA1, LA2, SEED1, SEED2 = b"\x8e\x09", b"\x59\xce", bytes(range(16)), bytes(range(16, 32))
seeds = st.binary(min_size=16, max_size=16)
la_ids = st.binary(min_size=2, max_size=2)
numbers = st.integers(0, 2**32 - 1)


def octets(text):
    return bytes.fromhex(text)


def test_the_recorded_linkage_values_come_out():
    first, second = vectors("linkage_values")["vectors"]
    for name, la in (("ls1", "la_id1"), ("ls2", "la_id2")):
        assert seed_after(octets(first[la]), octets(first[name]), 1) == octets(second[name])
    for vector in (first, second):
        plvs = []
        for n in "12":
            la, seed = octets(vector[f"la_id{n}"]), octets(vector[f"ls{n}"])
            plvs.append(pre_linkage_values(la, seed, [vector["j"]]))
            assert plvs[-1] == [octets(vector[f"plv{n}"])]
        assert linkage_values(*plvs) == [octets(vector["lv"])]


def test_the_recorded_group_linkage_values_come_out():
    file = vectors("group_linkage_values")
    la1, la2, k, key = (octets(file[name]) for name in ("la_id1", "la_id2", "k", "ik"))
    first, second = file["vectors"]
    assert seed_after(la1, octets(first["gs1"]), 1) == octets(second["gs1"])
    assert seed_after(la2, octets(first["gs2"]), 1) == octets(second["gs2"])
    js = [int(vector["j"], 16) for vector in (first, second)]
    assert encrypted_indices(key, int.from_bytes(k, "big"), js) == [octets(first["ei"]), octets(second["ei"])]
    for vector, j in zip((first, second), js, strict=True):
        one = pre_linkage_values(la1, octets(vector["gs1"]), [j])
        other = pre_linkage_values(la2, octets(vector["gs2"]), [j])
        assert (one, other) == ([octets(vector["gplv1"])], [octets(vector["gplv2"])])
        assert linkage_values(one, other) == [octets(vector["glv"])]


@given(la_ids, seeds, st.lists(numbers, max_size=6))
@settings(max_examples=40, deadline=None)
def test_many_values_at_once_are_those_of_the_definition(la, seed, js):
    expected = []
    for j in js:
        p = la + j.to_bytes(4, "big") + bytes(10)
        coded = Cipher(algorithms.AES(seed), modes.ECB()).encryptor().update(p)
        expected.append(bytes(a ^ b for a, b in zip(coded, p, strict=True))[:9])
    assert pre_linkage_values(la, seed, js) == expected


@given(la_ids, seeds, st.integers(0, 12), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_steps_add_up(la, seed, one, other):
    chain = seeds_from(la, seed, one + other + 1)
    assert len(chain) == one + other + 1
    assert chain[0] == seed
    assert seed_after(la, seed_after(la, seed, one), other) == chain[-1]
    for earlier, later in pairwise(chain):
        assert later == sha256(la + earlier + bytes(14)).digest()[:16]


def test_an_entry_finds_every_value_from_its_period_on_and_none_before_and_none_of_another():
    def values(vehicle, i):
        one = pre_linkage_values(LA1, seed_after(LA1, bytes([vehicle]) * 16, i), range(20))
        other = pre_linkage_values(LA2, seed_after(LA2, bytes([vehicle + 100]) * 16, i), range(20))
        return linkage_values(one, other)

    i_rev, found = 4, set()
    revoked = [
        LinkedEntry(LA1, LA2, bytes([v]) * 16, bytes([v + 100]) * 16).after(i_rev) for v in (3, 7)
    ]  # what the CRL publishes
    for i in range(i_rev, 10):
        entries = [entry.after(i - i_rev) for entry in revoked]
        for vehicle, lvs in zip((3, 7), revoked_values(entries, range(20)), strict=True):
            assert lvs == values(vehicle, i)
            found |= set(lvs)
    assert len(found) == 2 * 6 * 20
    for vehicle in range(10):
        for i in range(10):
            hits = found & set(values(vehicle, i))
            assert len(hits) == (20 if vehicle in (3, 7) and i >= i_rev else 0)


def test_the_values_of_many_entries_are_made_as_they_are_asked_for():
    made = revoked_values((LinkedEntry(LA1, LA2, SEED1, SEED2) for _ in iter(int, 1)), range(20))
    assert len(next(made)) == 20  # of entries without an end


@pytest.mark.parametrize(
    "call",
    [
        lambda: seed_after(b"\0", SEED1, 1),
        lambda: seed_after(LA1, SEED1[:15], 1),
        lambda: seed_after(LA1, SEED1, -1),
        lambda: seeds_from(LA1 * 2, SEED1, 3),
        lambda: pre_linkage_values(LA1, SEED1 * 2, [0]),
        lambda: pre_linkage_values(LA1, SEED1, [2**32]),
        lambda: pre_linkage_values(LA1, SEED1, [-1]),
        lambda: linkage_values([bytes(9)], []),
        lambda: linkage_values([bytes(9)], [bytes(10)]),
        lambda: linkage_values([bytes(9), bytes(9)], [bytes(8), bytes(10)]),
        lambda: list(revoked_values([LinkedEntry(LA1, LA2, SEED1, b"")], [0])),
        lambda: list(revoked_values([LinkedEntry(LA1, b"", SEED1, SEED2)], [0])),
        lambda: encrypted_indices(b"", 0, [0]),
        lambda: encrypted_indices(SEED1, 2**32, [0]),
        lambda: encrypted_indices(SEED1, 0, [2**32]),
    ],
)
def test_what_has_not_the_standards_size_is_refused(call):
    with pytest.raises(CryptoError):
        call()


def test_a_refusal_and_an_entry_tell_no_seed():
    for bad in (SEED1[:15], SEED1 * 2):
        with pytest.raises(CryptoError) as caught:
            pre_linkage_values(LA1, bad, [0])
        assert bad.hex()[:16] not in str(caught.value)
    assert SEED1.hex() not in repr(LinkedEntry(LA1, LA2, SEED1, SEED2))
