"""The databases behind publishing, SQLite and PostgreSQL alike: places, leases, numbers, revocations."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.postgres import done_or_waiting
from v2xpki.authorities.etsi.distribution import LOOK, Distribution, Publisher
from v2xpki.errors import AlreadyRecorded, InvalidList
from v2xpki.store import Database, dc, upgrade
from v2xpki.store.auditing import examine
from v2xpki.store.dc import LEASE, DcStore, Kind, Publication, Recorded
from v2xpki.store.root import Revocation
from v2xpki.store.root import SignedList as RootList
from v2xpki.store.signed_lists import Revoked, SignedLists

ROOT, TLM = b"\x01" * 8, b"\x02" * 8
NOW = 707_356_805


def full(sequence: int, start: int = NOW, octets: bytes = b"", kind: Kind = Kind.CTL) -> Publication:
    octets = octets or b"%s %d of %d" % (kind.encode(), sequence, start)
    return Publication(kind, ROOT, start, start + 1000, octets, sequence)


def delta(sequence: int, start: int = NOW) -> Publication:
    return full(sequence, start, b"delta %d of %d" % (sequence, start))._replace(delta=True)


@pytest.fixture
def store(dc_database) -> DcStore:
    return DcStore(dc_database)


def another(database: Database, clock) -> Database:
    """The same database in another process."""
    return Database.open(database._url.render_as_string(hide_password=False), clock=clock)


def seen(store: DcStore, kind: Kind = Kind.CTL) -> int | None:
    found = store.current(kind, ROOT)
    return None if found is None else found.sequence


def test_nothing_is_seen_before_the_commit_that_publishes_it(store, dc_database):
    assert store.publish([full(0), full(1, NOW + 100), delta(1, NOW + 100)], NOW) == Recorded(3, 0, 0)
    revision = store.revision()
    assert (seen(store), store.next_due()) == (0, NOW + 100)
    assert store.current(Kind.CTL, ROOT, sequence=1, delta=True) is None
    assert store.lease(NOW + 100) and store.publish_due(NOW + 100) == 2
    assert seen(store) == 1 and store.revision() > revision and store.next_due() is None
    assert store.current(Kind.CTL, ROOT, sequence=1, delta=True).octets == delta(1, NOW + 100).octets
    assert examine(dc_database).findings == ()


def test_several_that_were_missed_are_published_in_order(store):
    store.publish([full(n, NOW + n * 10) for n in range(4)], NOW)
    assert store.lease(NOW + 500) and store.publish_due(NOW + 500) == 3
    assert seen(store) == 3


def test_what_a_newer_list_overtook_is_never_published(store):
    store.publish([full(n, NOW + n * 10) for n in range(4)], NOW)
    store.publish([full(4, NOW + 5)], NOW + 5)
    assert (seen(store), store.next_due()) == (4, None)
    assert store.lease(NOW + 500) and store.publish_due(NOW + 500) == 0
    assert seen(store) == 4


def test_a_ctl_wraps_and_the_very_same_list_of_the_last_turn_is_known(store):
    first = [full(n, NOW + n) for n in (0, 100, 200, 255)]
    store.publish(first, NOW + 300)
    assert store.publish([full(0, NOW + 400), delta(0, NOW + 400)], NOW + 400) == Recorded(2, 0, 0)
    assert seen(store) == 0
    assert store.publish(first, NOW + 400) == Recorded(0, 4, 0)
    assert store.publish([full(254, NOW + 2)], NOW + 400) == Recorded(0, 0, 1)
    with pytest.raises(AlreadyRecorded):
        store.publish([full(255, NOW + 2, b"another")], NOW + 400)


def test_other_octets_under_a_number_are_refused_as_a_whole(store):
    store.publish([full(0), full(1, NOW + 5)], NOW)
    with pytest.raises(AlreadyRecorded):
        store.publish([full(2, NOW + 6), full(1, NOW + 5, b"other")], NOW)
    assert store.next_due() == NOW + 5
    assert len(list(store.full_lists(Kind.CTL, ROOT))) == 2


def test_a_delta_comes_with_its_full_list(store):
    store.publish([full(0)], NOW)
    with pytest.raises(InvalidList):
        store.publish([delta(1)], NOW)
    assert store.publish([delta(1, NOW + 1), full(1, NOW + 1)], NOW + 1).new == 2
    assert store.current(Kind.CTL, ROOT, sequence=1, delta=True) is not None


def test_a_delta_that_comes_after_its_full_list_is_published_too(store):
    store.publish([full(0), full(1)], NOW)
    assert store.publish([delta(1)], NOW).new == 1
    assert store.current(Kind.CTL, ROOT, sequence=1, delta=True) is not None


def test_the_ectl_s_sequence_does_not_wrap(store):
    store.publish([full(255, kind=Kind.ECTL)], NOW)
    assert store.publish([full(0, NOW + 5, kind=Kind.ECTL)], NOW + 5) == Recorded(0, 0, 1)
    assert seen(store, Kind.ECTL) == 255


def test_crls_follow_in_the_order_in_which_they_came(store):
    crl = full(0, NOW, b"first", Kind.CRL)
    ahead = full(0, NOW + 100, b"signed ahead", Kind.CRL)
    store.publish([crl, ahead], NOW)
    store.publish([full(0, NOW + 10, b"after a revocation", Kind.CRL)], NOW + 10)
    assert store.lease(NOW + 200) and store.publish_due(NOW + 200) == 0
    assert store.current(Kind.CRL, ROOT).octets == b"after a revocation"


def test_what_is_ahead_is_counted_and_what_is_late_is_told(store):
    store.publish([full(n, NOW + n * 100) for n in range(3)], NOW)
    (present,) = store.present_lists(NOW)
    assert (present.ahead, present.covered, present.overdue) == (2, NOW + 1200, None)
    (present,) = store.present_lists(NOW + 100)
    assert present.overdue == NOW + 100


@pytest.mark.postgres
def test_crls_that_come_at_once_each_have_a_place_and_the_same_one_has_it_once(
    postgres_server, fixed_clock, monkeypatch
):
    """With SQLite the second waits from its beginning."""
    place_of, calls, url = dc._place_of, [], postgres_server.create()
    with Database.open(url, clock=fixed_clock) as database, ThreadPoolExecutor(1) as pool:
        upgrade(database, "dc")
        store = DcStore(database)

        def overtaken(tx, entry):
            found = place_of(tx, entry)
            monkeypatch.undo()
            calls.append(pool.submit(store.publish, [first, second], NOW))
            done_or_waiting(calls[0], database)
            return found

        first, second = (full(0, NOW + at, kind=Kind.CRL) for at in (0, 1))
        monkeypatch.setattr(dc, "_place_of", overtaken)
        assert store.publish([first], NOW) == Recorded(1, 0, 0)
        assert calls[0].result() == Recorded(1, 1, 0)
        assert len(list(store.full_lists(Kind.CRL, ROOT))) == 2


# --- the lease -------------------------------------------------------------------------------------------


def test_one_worker_of_two_publishes(dc_database, fixed_clock):
    with another(dc_database, fixed_clock) as other:
        mine, theirs = DcStore(dc_database), DcStore(other)
        mine.publish([full(0), full(1, NOW + 10)], NOW)
        assert mine.lease(NOW + 10) and mine.lease(NOW + 11)
        assert not theirs.lease(NOW + 11)
        assert theirs.publish_due(NOW + 11) == 0
        assert mine.publish_due(NOW + 11) == 1


def test_who_is_late_or_dead_loses_the_lease(dc_database, fixed_clock):
    with another(dc_database, fixed_clock) as other, another(dc_database, fixed_clock) as third:
        mine, theirs = DcStore(dc_database), DcStore(other)
        assert mine.lease(NOW)
        assert not theirs.lease(NOW + LEASE - 1)
        assert theirs.lease(NOW + LEASE)
        mine.publish([full(0), full(1, NOW + 5)], NOW)
        assert mine.publish_due(NOW + LEASE) == 0
        other.close()  # its run ends with it, as when it is killed
        assert DcStore(third).lease(NOW + LEASE + 1)


def test_many_that_look_at_once_publish_once(dc_database, fixed_clock):
    DcStore(dc_database).publish([full(n, NOW + n) for n in range(3)], NOW)
    fixed_clock.advance(10)
    databases = [another(dc_database, fixed_clock) for _ in range(4)]
    barrier, faults = threading.Barrier(4), []

    def look(database: Database) -> None:
        barrier.wait()
        try:
            assert Publisher(DcStore(database), fixed_clock).round() == LOOK
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=look, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert faults == []
    assert seen(DcStore(dc_database)) == 2
    found = examine(dc_database)
    assert found.findings == ()
    assert Distribution(DcStore(dc_database), fixed_clock).ctl(ROOT).max_age > 0


# --- numbers and revocations ----------------------------------------------------------------------------


@pytest.fixture
def root_database(new_url, fixed_clock):
    with Database.open(new_url(), clock=fixed_clock) as database:
        upgrade(database, "root")
        yield database


def take(lists: SignedLists, database: Database, number: int, *, delta: bool = False) -> None:
    with database.write(durable=True) as tx:
        lists.tx_take(tx, number, delta=delta, this_update=NOW, next_update=NOW + 9, record=bytes(16))


def test_a_number_is_given_away_once_and_never_one_below(root_database):
    lists = SignedLists(root_database, RootList, "ctl", ROOT)
    assert lists.last() is None and lists.last_full() is None
    for number in (0, 1):
        take(lists, root_database, number)
    take(lists, root_database, 1, delta=True)
    for number, half in ((1, False), (1, True), (0, True)):
        with pytest.raises(AlreadyRecorded):
            take(lists, root_database, number, delta=half)
    assert lists.last().number == 1
    assert SignedLists(root_database, RootList, "ctl", TLM).last() is None
    # given away, not signed
    assert lists.last_full() is None


def test_what_is_revoked_stays_revoked_and_is_told_once(root_database):
    lists = SignedLists(root_database, RootList, "crl", ROOT, Revocation)
    entry = Revoked(bytes(8), b"certificate", "EA", NOW + 5)
    for expected in (1, 0):
        with root_database.write(durable=True) as tx:
            assert lists.tx_revoke(tx, [entry], NOW, "alice") == expected
    assert lists.revoked() == {bytes(8): NOW + 5}
    assert SignedLists(root_database, RootList, "crl", TLM, Revocation).revoked() == {}
    with pytest.raises(AlreadyRecorded), root_database.write(durable=True) as tx:
        SignedLists(root_database, RootList, "ctl", ROOT).tx_revoke(tx, [entry], NOW, "alice")
