"""Which certificate a message goes out under: rotation, over periods, restarts and crashes."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scms_station import NOW, PERIOD, PERIODS, WISH, Lab, zipped
from v2xpki.crypto import PrivateCaterpillar
from v2xpki.station import files
from v2xpki.station.errors import BadState, NoCredential
from v2xpki.station.scms.archives import open_archive
from v2xpki.station.scms.credentials import CredentialStore, Rotation
from v2xpki.station.scms.supplies import Supply
from v2xpki.time import FixedClock

BSM = 32
LATER = PERIODS.start(PERIOD + 1)


@pytest.fixture(scope="module")
def batches(lab: Lab):
    """Two periods of five."""
    keys = PrivateCaterpillar.generate("unified")
    supply = Supply(bytes(8), WISH, keys, NOW, None)
    made = {}
    for i in (PERIOD, PERIOD + 1):
        entries = lab.responses(keys.public(), i, range(5))
        octets = zipped({f"{i:X}_{j:X}": one for j, one in entries.items()})
        made[i] = open_archive(octets, supply, i, PERIODS, lab.chains, NOW).made
    return made


def first(_: int) -> int:
    return 0


def filled(folder, batches, clock, rotation=Rotation(300), choose=first):
    store = CredentialStore(folder, clock, rotation, choose)
    for i, made in batches.items():
        store.add("0" * 16, i, made)
    return store


@pytest.fixture
def clock():
    return FixedClock(NOW)


@pytest.fixture
def store(tmp_path, batches, clock):
    return filled(tmp_path / "s", batches, clock)


def test_the_key_in_use_is_of_the_certificate_in_use(store):
    held = store.use(BSM)
    assert held.key.public_key == held.certificate.verification_key


def test_nothing_changes_before_it_is_due_and_then_it_does(store, clock):
    one = store.use(BSM)
    clock.now = NOW + 299
    assert store.use(BSM) == one
    clock.now = NOW + 300
    assert store.use(BSM).j != one.j


def test_it_changes_after_so_many_messages(tmp_path, batches, clock):
    store = filled(tmp_path, batches, clock, Rotation(0, 3))
    used = [store.use(BSM).j for _ in range(9)]
    assert [used[0]] * 3 + [used[3]] * 3 + [used[6]] * 3 == used
    assert used[0] != used[3] != used[6]


def test_it_changes_on_demand(store):
    one = store.use(BSM)
    store.change()
    assert store.use(BSM).j != one.j


def test_in_the_overlap_the_one_in_use_stays_until_it_is_due_and_the_next_is_of_the_new_period(store, clock):
    clock.now = LATER - 10
    one = store.use(BSM)
    assert one.i == PERIOD
    clock.now = LATER + 200
    assert store.use(BSM) == one
    clock.now = LATER + 290
    assert store.use(BSM).i == PERIOD + 1


def test_without_a_limit_it_lasts_until_its_end_and_no_longer(tmp_path, batches, clock):
    store = filled(tmp_path, batches, clock, Rotation(0))
    one = store.use(BSM)
    clock.now = one.end - 1
    assert store.use(BSM) == one
    clock.now = one.end
    assert store.use(BSM).i == PERIOD + 1


def test_where_there_is_but_one_it_is_used_again(tmp_path, batches, clock):
    store = filled(tmp_path, {PERIOD: batches[PERIOD][:1]}, clock, Rotation(1))
    one = store.use(BSM)
    clock.now += 1
    assert store.use(BSM) == one


def test_nothing_in_force_is_no_credential(store, clock):
    for now in (PERIODS.end(PERIOD + 1), NOW - 700_000):
        clock.now = now
        with pytest.raises(NoCredential, match="psid 32"):
            store.use(BSM)
    clock.now = NOW
    with pytest.raises(NoCredential, match="psid 99"):
        store.use(99)


def test_after_a_restart_the_one_in_use_goes_on_and_the_last_j_is_known(tmp_path, batches, clock):
    one = filled(tmp_path, batches, clock).use(BSM)
    again = CredentialStore(tmp_path, clock, Rotation(300), first)
    assert again.use(BSM) == one
    clock.now += 300
    assert CredentialStore(tmp_path, clock, Rotation(300), first).use(BSM).j != one.j


def test_a_clock_that_was_set_back_makes_a_change(store, clock):
    one = store.use(BSM)
    clock.now -= 1
    assert store.use(BSM).j != one.j


def test_old_periods_go_with_their_keys(store, batches, clock, tmp_path):
    assert len(store) == 10
    clock.now = batches[PERIOD][0].certificate.end - 1
    assert store.drop_expired() == 0
    clock.now += 1
    assert store.drop_expired() == 5
    assert len(store) == 5
    assert [path.name for path in (tmp_path / "s").glob("0*")] == [f"{'0' * 16}_{PERIOD + 1:X}.json"]


def test_keys_are_for_their_owner_alone(store, tmp_path, clock):
    store.use(BSM)
    for path in (tmp_path / "s").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0
    next((tmp_path / "s").glob("0*")).chmod(0o644)
    with pytest.raises(BadState, match="read by others"):
        CredentialStore(tmp_path / "s", clock)


def test_no_private_key_is_in_a_representation(store):
    held = store.use(BSM)
    assert held.scalar not in repr(held)


@pytest.mark.parametrize("octets", [b"", b"{", b"[1]", b'[{"i": 1}]', b"\xff"])
def test_a_damaged_file_is_named(store, tmp_path, clock, octets):
    next((tmp_path / "s").glob("0*")).write_bytes(octets)
    with pytest.raises(BadState, match=r"0000_.*json"):
        CredentialStore(tmp_path / "s", clock)


class Died(BaseException):
    """A crash."""


@pytest.mark.parametrize("call", ["fdopen", "fsync", "replace"])
def test_a_crash_at_any_instant_leaves_the_old_or_the_new(tmp_path, batches, clock, monkeypatch, call):
    """What a dead process leaves of an unfinished write is gone at the next start."""
    store = filled(tmp_path, {PERIOD: batches[PERIOD]}, clock)
    one = store.use(BSM)

    def die(*_, **__):
        raise Died

    with monkeypatch.context() as broken:
        where = files.Path if call == "replace" else os
        broken.setattr(where, call, die)
        broken.setattr(files.Path, "unlink", lambda *_, **__: None)  # nothing is tidied up by the dead
        with pytest.raises(Died):
            store.add("0" * 16, PERIOD + 1, batches[PERIOD + 1])
        with pytest.raises(Died):
            store.change()
    again = CredentialStore(tmp_path, clock, Rotation(300), first)
    assert len(again) == 5 and again.use(BSM) == one
    assert not list(tmp_path.glob(".new-*"))


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([1, 7, 60, 299, 300, 301, 3599, 40_000, 604_800]), st.sampled_from("ucr")),
        max_size=40,
    ),
    seed=st.randoms(use_true_random=False),
    limits=st.sampled_from([Rotation(300), Rotation(0, 2), Rotation(60, 5), Rotation(0)]),
)
def test_rotation_never_breaks_its_rules(batches, tmp_path_factory, steps, seed, limits):
    """Whatever the steps: in force, no j twice in a row, of the newest period, changed when due."""
    folder, clock = tmp_path_factory.mktemp("s"), FixedClock(NOW)
    store = filled(folder, batches, clock, limits, seed.randrange)
    last, since, count = None, 0, 0
    for seconds, what in steps:
        clock.now += seconds
        if what == "c":
            store.change()
        elif what == "r":
            store = CredentialStore(folder, clock, limits, seed.randrange)
        if clock.now >= PERIODS.end(PERIOD + 1):
            with pytest.raises(NoCredential):
                store.use(BSM)
            return
        held = store.use(BSM)
        assert held.start <= clock.now < held.end
        if last is None or held != last:
            assert last is None or held.j != last.j
            assert held.i == (PERIOD + 1 if clock.now >= LATER else PERIOD)
            last, since, count = held, clock.now, 0
        count += 1
        assert not limits.seconds or clock.now - since < limits.seconds
        assert not limits.messages or count <= limits.messages


def test_what_is_in_use_is_written_before_it_is_used(store, tmp_path):
    held = store.use(BSM)
    (entry,) = json.loads((tmp_path / "s" / "in-use.json").read_bytes())
    assert (entry["certificate"], entry["j"]) == (held.certificate.hex8, held.j)
