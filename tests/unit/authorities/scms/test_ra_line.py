"""The RA's production line: what comes of requests, what the ACA sees of them, and that nothing gets lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.scms_line import (
    PERIODS,
    POLICY,
    Link,
    batch,
    block,
    certificates,
    chunks,
    new_laboratory,
    states,
)
from v2xpki.authorities.scms.peers import name_of_request
from v2xpki.authorities.scms.ra_chunks import Purging
from v2xpki.authorities.scms.reasons import AcaReason, Refusal
from v2xpki.bench.scms_line_laboratory import LineLaboratory
from v2xpki.errors import LinkError, TokenLost
from v2xpki.keystore.simulator import FaultyKeystore
from v2xpki.secured import CertificateRequest
from v2xpki.store import Database
from v2xpki.store.auditing import require_intact
from v2xpki.store.base import AuditRow
from v2xpki.store.ra import RaBatch, RaChunk, RaRequest
from v2xpki.time import HOUR

VARIANTS = "original", "unified", "compactUnified"
WEEK = POLICY.period


@pytest.fixture
def laboratory(new_url: Callable[[], str], tmp_path: Path) -> Iterator[LineLaboratory]:
    """Over SQLite and PostgreSQL in turn."""
    urls: dict[str, str] = {}
    made = new_laboratory(tmp_path, url=lambda name: urls.setdefault(name, new_url()))
    yield made
    made.close()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[LineLaboratory]:
    made = new_laboratory(tmp_path)
    yield made
    made.close()


def events(laboratory: LineLaboratory, name: str) -> list[str]:
    with laboratory.databases["ra"].read() as tx:
        return list(tx.execute(sa.select(AuditRow.detail).where(AuditRow.event == name)).scalars())


def asked_keys(request: bytes) -> bytes:
    """The key that a request to the ACA is for."""
    asked: Any = CertificateRequest.parse(request).pdu
    return asked.tbs_cert.verify_key_indicator.value.value.value


# --- what comes of it ---------------------------------------------------------------------------------


def test_each_device_gets_certificates_of_keys_that_it_alone_can_make(laboratory: LineLaboratory):
    vehicles = [laboratory.grant(variant) for variant in VARIANTS]
    named = laboratory.grant("unified", kind="identification", certificates=1)
    unit, plain = laboratory.record(
        [laboratory.application(private=True), laboratory.application(private=False)]
    )
    laboratory.work()
    for vehicle in vehicles:
        for i in range(PERIODS):
            made = certificates(laboratory, vehicle, i)
            assert len({one.octets for one in made}) == 3
            for one in made:
                tbs = one.record.to_be_signed
                assert (one.start, one.end) == (laboratory.periods.start(i), laboratory.periods.end(i))
                assert tbs.id.value.i_cert == i and tbs.id.value.linkage_value != bytes(9)
                assert tbs.craca_id == laboratory.aca_side.root.hashed_id3
    assert [len(certificates(laboratory, named, i)) for i in range(PERIODS)] == [1, 1]
    for one in (*certificates(laboratory, unit, 0), *certificates(laboratory, plain, 0)):
        assert one.record.to_be_signed.id.kind == "none"
    assert set(states(laboratory)) == {"packed"} and chunks(laboratory) == []
    for database in laboratory.databases.values():
        require_intact(database)


def test_a_linkage_value_is_made_of_both_authorities_values(quick: LineLaboratory):
    vehicles = [quick.grant() for _ in range(2)]
    quick.work()
    for vehicle in vehicles:
        for i in range(PERIODS):
            for one in certificates(quick, vehicle, i):
                told = quick.aca.linked(one)
                value = one.record.to_be_signed.id.value.linkage_value
                assert bytes(a ^ b for a, b in zip(told.plv1, told.plv2, strict=True)) == value


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_revocation_finds_a_certificate_by_what_the_aca_kept_of_its_request(quick, variant):
    quick.grant()
    vehicle = quick.grant(variant)
    quick.work()
    row = batch(quick, vehicle, 1)
    for j, one in enumerate(certificates(quick, vehicle, 1)):
        assert row.hashes[8 * j : 8 * j + 8] == quick.aca.linked(one).request_hash


def test_a_chunk_done_again_gets_the_same_certificates_under_the_same_names(quick: LineLaboratory):
    """The RA loses what came: requests are signed anew, and the ACA signs no certificate twice."""
    vehicle, _ = quick.grant(), quick.grant()
    lost: list[Any] = []

    def lose(certify: Any, requests: Any) -> Any:
        lost.append(certify(requests))
        raise LinkError("the answer is lost")

    with pytest.raises(LinkError):
        quick.work(quick.new_line(aca_link=Link(quick.aca_link, lose)))
    before = quick.aca_side.policy, count_signed(quick)
    quick.work()
    assert count_signed(quick) == before[1] == 12
    row = batch(quick, vehicle, 0)
    told = [quick.aca.linked(one).request_hash for one in certificates(quick, vehicle, 0)]
    assert told == [row.hashes[start : start + 8] for start in (0, 8, 16)]


def count_signed(laboratory: LineLaboratory) -> int:
    from v2xpki.store.aca import IssuanceChunk
    from v2xpki.store.chunks import unpack

    with laboratory.databases["aca"].read() as tx:
        found = tx.execute(sa.select(IssuanceChunk.octets)).scalars()
        return sum(entry.signed for octets in found for entry in unpack(bytes(octets)))


def test_a_plain_answer_is_plain_and_a_private_one_ciphertext(quick: LineLaboratory):
    unit, plain = quick.record([quick.application(private=True), quick.application(private=False)])
    quick.work()
    for granted, is_readable in ((unit, False), (plain, True)):
        (made,) = certificates(quick, granted, 0)
        assert (made.octets in batch(quick, granted, 0).archive) is is_readable


# --- mixing -------------------------------------------------------------------------------------------


def test_the_aca_cannot_read_vehicles_from_the_order_of_requests(tmp_path: Path):
    policy = replace(POLICY, certificates=20, mix_vehicles=5)
    quick = new_laboratory(tmp_path, policy)
    vehicles = [quick.grant() for _ in range(5)]
    got: list[bytes] = []

    def note(certify: Any, requests: Any) -> Any:
        got.extend(requests)
        return certify(requests)

    quick.work(quick.new_line(aca_link=Link(quick.aca_link, note)))
    owner = {
        cocoon.signing[1:]: n
        for n, vehicle in enumerate(vehicles)
        for i in range(PERIODS)
        for cocoon in vehicle.caterpillar.public().cocoons(i, range(20))
    }
    order = [owner[asked_keys(request)] for request in got]
    assert len(order) == 200 and set(order) == set(range(5))
    # of a neighbour by chance a fifth are the same vehicle's: 40 of 199; unmixed it would be 190
    assert sum(a == b for a, b in pairwise(order)) < 90
    quick.close()


def test_each_linkage_authority_is_asked_once_in_an_order_of_its_own(quick: LineLaboratory):
    for _ in range(6):
        quick.grant()
    seen: list[list[tuple[bytes, int]]] = []

    def note(values: Any, wishes: Any) -> Any:
        seen.append([(wish.lci, wish.i) for wish in wishes])
        return values(wishes)

    links = tuple(Link(link, note) for link in quick.la_links)
    quick.work(quick.new_line(linkage=links))
    assert [link.calls for link in links] == [1, 1]
    with quick.databases["ra"].read() as tx:
        rows = tx.execute(sa.select(RaRequest.lci1, RaRequest.lci2)).all()
    places = {lci: n for n, row in enumerate(rows) for lci in row}
    orders = [[(places[lci], i) for lci, i in wishes] for wishes in seen]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1] and orders[0] != sorted(orders[0])
    assert {lci for lci, _ in seen[0]}.isdisjoint(lci for lci, _ in seen[1])


def test_a_chunk_waits_for_vehicles_or_until_one_has_waited_enough(tmp_path: Path):
    quick = new_laboratory(tmp_path, replace(POLICY, mix_vehicles=3, mix_wait=60))
    now = [1000.0]
    line = quick.new_line(monotonic=lambda: now[0])
    quick.grant()
    assert line.due() == []
    now[0] += 59
    quick.grant()
    assert line.due() == []  # two vehicles, one for 59 s
    now[0] += 1
    (job,) = line.due()
    line.run(job)
    assert states(quick) == ["packed"] * 4
    for _ in range(3):
        quick.grant()
    (job,) = line.due()  # three: at once
    line.run(job)
    assert states(quick) == ["packed"] * 10
    quick.close()


def test_many_periods_of_one_vehicle_are_not_a_mixture(tmp_path: Path):
    policy = replace(POLICY, preload=11 * WEEK, mix_vehicles=2, mix_wait=60, batches=4)
    quick = new_laboratory(tmp_path, policy)
    quick.grant(weeks=12)
    assert quick.line.due() == []
    quick.grant(weeks=2)
    assert quick.work(quick.line) == 1  # two periods of both, and no more
    assert states(quick) == ["packed"] * 4 + ["waiting"] * 10
    quick.close()


def test_chunks_may_be_done_in_any_order(tmp_path: Path):
    """A chain begins at its request's first period, though a later one is asked for before it."""
    quick = new_laboratory(tmp_path, replace(POLICY, preload=5 * WEEK, batches=2))
    vehicles = [quick.grant(), quick.grant()]
    jobs = {batch_of(quick, job.key): job for job in quick.line.due()}
    for period in sorted(jobs, reverse=True):
        quick.line.run(jobs[period])
    assert sorted(jobs) == list(range(6)) and states(quick) == ["packed"] * 12
    assert len(certificates(quick, vehicles[0], 0)) == 3
    quick.close()


def batch_of(laboratory: LineLaboratory, chunk: bytes) -> int:
    """The period of a chunk's batches."""
    (period,) = {row.period for row in laboratory.batches() if row.chunk == chunk}
    return period


# --- refusals and faults ----------------------------------------------------------------------------


def refusing(vehicle: Any, reason: AcaReason, times: int = 1) -> Callable[[Any, Any], Any]:
    """An ACA that refuses the first certificate of a vehicle."""
    (key,) = vehicle.caterpillar.public().cocoons(0, [0])
    left = [times]

    def change(certify: Any, requests: Any) -> Any:
        answers = certify(requests)
        if left[0] == 0:
            return answers
        left[0] -= 1
        return [
            Refusal(reason, "") if asked_keys(request) == key.signing[1:] else answer
            for request, answer in zip(requests, answers, strict=True)
        ]

    return change


def test_a_batch_that_the_aca_refuses_is_marked_and_the_others_go_on(quick: LineLaboratory):
    vehicle, other = quick.grant(), quick.grant()
    change = refusing(vehicle, AcaReason.DENIED_PERMISSIONS)
    quick.work(quick.new_line(aca_link=Link(quick.aca_link, change)))
    row = batch(quick, vehicle, 0)
    assert (row.state, row.archive, row.hashes) == ("refused", None, None)
    assert len(certificates(quick, vehicle, 1)) == len(certificates(quick, other, 0)) == 3
    (detail,) = events(quick, "batches.refused")
    assert AcaReason.DENIED_PERMISSIONS.value in detail and '"count":1' in detail
    assert quick.line.due() == []


@pytest.mark.parametrize("reason", [AcaReason.BUSY, AcaReason.SIGNING_FAILED])
def test_a_batch_of_which_the_aca_is_busy_waits_to_be_mixed_again(quick: LineLaboratory, reason):
    vehicle, other = quick.grant(), quick.grant()
    line = quick.new_line(aca_link=Link(quick.aca_link, refusing(vehicle, reason)))
    (job,) = line.due()
    line.run(job)
    assert batch(quick, vehicle, 0).state == "waiting"
    assert len(certificates(quick, other, 0)) == 3
    quick.work(line)
    assert len(certificates(quick, vehicle, 0)) == 3
    assert count_signed(quick) == 12


def test_a_chunk_that_is_answered_in_nothing_stays_as_it_is(quick: LineLaboratory):
    quick.grant(), quick.grant()
    busy = Link(quick.aca_link, lambda _, requests: [Refusal(AcaReason.BUSY, "")] * len(requests))
    with pytest.raises(LinkError):
        quick.work(quick.new_line(aca_link=busy))
    assert states(quick) == ["taken"] * 4 and len(chunks(quick)) == 1
    quick.work()
    assert states(quick) == ["packed"] * 4


def no_link(*_: Any) -> Any:
    raise LinkError("nobody there")


def test_without_a_linkage_authority_or_the_aca_nothing_is_lost(quick: LineLaboratory):
    vehicle, _ = quick.grant(), quick.grant()
    first, second = quick.la_links
    for options in (
        {"linkage": (Link(first, no_link), second)},
        {"linkage": (first, Link(second, no_link))},
        {"linkage": (first, Link(second, lambda values, wishes: values(wishes)[1:]))},
        {"linkage": (first, Link(second, lambda values, wishes: [one[1:] for one in values(wishes)]))},
        {"linkage": (first, Link(second, lambda values, wishes: [[b"no value"] * 3 for _ in wishes]))},
        {"aca_link": Link(quick.aca_link, no_link)},
        {"aca_link": Link(quick.aca_link, lambda certify, requests: certify(requests)[1:])},
    ):
        with pytest.raises(LinkError):
            quick.work(quick.new_line(**options))
        assert states(quick) == ["taken"] * 4
        assert [row.open_by for row in chunks(quick)] == [None]
    quick.work()
    assert len(certificates(quick, vehicle, 1)) == 3
    assert count_signed(quick) == 12


def swapped(answers: list[bytes]) -> list[bytes]:
    return [answers[1], answers[0], *answers[2:]]


def spoilt(answers: list[bytes]) -> list[bytes]:
    return [answers[0][:-1] + bytes((answers[0][-1] ^ 1,)), *answers[1:]]


def cut(answers: list[bytes]) -> list[bytes]:
    return [answers[0][:-1], *answers[1:]]


@pytest.mark.parametrize("change", [swapped, spoilt, cut])
@pytest.mark.parametrize("known", [False, True], ids=["by the codec", "by the template"])
def test_what_is_not_the_acas_answer_to_a_request_is_not_packed(quick: LineLaboratory, change, known):
    link = Link(quick.aca_link, lambda certify, requests: certify(requests))
    line = quick.new_line(aca_link=link)
    if known:
        quick.grant(), quick.grant()
        quick.work(line)
    quick.grant(), quick.grant()
    link._change = lambda certify, requests: change(certify(requests))
    with pytest.raises(LinkError):
        quick.work(line)
    assert states(quick).count("taken") == 4
    quick.work()
    assert set(states(quick)) == {"packed"}


def test_an_answer_of_another_aca_or_another_time_is_none(quick: LineLaboratory, tmp_path: Path):
    quick.grant(), quick.grant()
    (tmp_path / "other").mkdir()
    other = new_laboratory(tmp_path / "other")
    with pytest.raises(LinkError):
        quick.work(quick.new_line(aca=other.aca_certificate))

    def late(certify: Any, requests: Any) -> Any:
        answers = certify(requests)
        quick.clock.advance(HOUR)
        return answers

    with pytest.raises(LinkError):
        quick.work(quick.new_line(aca_link=Link(quick.aca_link, late)))
    quick.work()
    assert set(states(quick)) == {"packed"}
    other.close()


def test_with_its_token_lost_the_ra_keeps_the_chunk(tmp_path: Path):
    from v2xpki.keystore import MemoryKeystore

    faulty = FaultyKeystore(MemoryKeystore("test"), fail_after=4)
    quick = new_laboratory(tmp_path, keystores={"ra": faulty})
    quick.grant(), quick.grant()
    with pytest.raises(TokenLost):
        quick.work()
    assert states(quick) == ["taken"] * 4 and count_signed(quick) == 0
    faulty.switch.armed = False
    quick.work()
    assert states(quick) == ["packed"] * 4
    quick.close()


def test_a_linkage_authority_that_has_revoked_a_chain_stops_its_batches_alone(quick: LineLaboratory):
    from v2xpki.authorities.scms.la_chains import Named
    from v2xpki.authorities.scms.la_revocation import LaRevocation

    vehicle, other = quick.grant(), quick.grant()
    quick.work()
    with quick.databases["ra"].read() as tx:
        lci = tx.execute(sa.select(RaRequest.lci1).where(RaRequest.id == vehicle.id)).scalar_one()
    authority = quick.las[0]
    (one, *_) = certificates(quick, vehicle, 0)
    told = quick.aca.linked(one)
    revocation = LaRevocation(authority, quick.databases["la1"], quick.periods, quick.clock)
    case = b"case number 1"
    assert revocation.chain_of(told.plv1, 0, 0, case) == Named("ra", lci)
    revocation.seed_at(Named("ra", lci), 1, case)
    quick.clock.advance(WEEK)
    quick.line.top_up()
    quick.work()
    assert batch(quick, vehicle, 2).state == "refused"
    assert len(certificates(quick, other, 2)) == 3
    assert "revoked" in events(quick, "batches.refused")[0]


# --- top-up, blocked devices, purge -------------------------------------------------------------------


def test_each_period_that_comes_within_the_horizon_is_supplied_once(quick: LineLaboratory):
    vehicle, other = quick.grant(weeks=4), quick.grant(weeks=4)
    quick.work()
    assert quick.line.top_up() == 0
    quick.clock.advance(WEEK)
    assert quick.line.top_up() == 2 and quick.line.top_up() == 0
    quick.work()
    assert len(certificates(quick, vehicle, 2)) == 3
    # a service that stood still: what is over is not made up for
    quick.clock.advance(6 * WEEK)
    quick.line.top_up()
    quick.work()
    assert sorted({row.period for row in quick.batches()}) == [0, 1, 2]
    assert quick.line.top_up() == 0
    assert other.last == 3


def test_more_requests_than_one_transaction_takes_are_all_topped_up(quick: LineLaboratory, monkeypatch):
    quick.record([quick.request(certificates=1) for _ in range(501)])
    quick.clock.advance(WEEK)
    assert quick.line.top_up() == 501
    assert len(quick.batches()) == 501 * 3


def test_a_blocked_device_gets_nothing_more(quick: LineLaboratory):
    vehicle, other = quick.grant(), quick.grant()
    quick.work()
    block(quick, vehicle)
    quick.clock.advance(WEEK)
    assert quick.line.top_up() == 1
    quick.work()
    assert {row.period for row in quick.batches() if row.request == vehicle.id} == {0, 1}
    assert len(certificates(quick, other, 2)) == 3


def test_what_waits_for_a_device_is_stopped_when_it_is_blocked(tmp_path: Path):
    quick = new_laboratory(tmp_path, replace(POLICY, mix_vehicles=3, mix_wait=60))
    vehicle = quick.grant()
    quick.grant()
    assert quick.line.due() == []
    block(quick, vehicle)
    assert quick.line.due() == []
    assert states(quick) == ["stopped"] * 2 + ["waiting"] * 2
    assert events(quick, "batches.stopped") == ['{"count":2}']
    quick.close()


@pytest.mark.parametrize("when", ["before it is claimed", "while the ACA works"])
def test_what_is_in_work_for_a_device_is_not_packed_when_it_is_blocked(quick: LineLaboratory, when):
    vehicle, other = quick.grant(), quick.grant()

    def meanwhile(certify: Any, requests: Any) -> Any:
        answers = certify(requests)
        block(quick, vehicle)
        return answers

    link = Link(quick.aca_link, meanwhile)
    line = quick.new_line(aca_link=link)
    (job,) = line.due()
    if when == "before it is claimed":
        block(quick, vehicle)
    line.run(job)
    for i in range(PERIODS):
        row = batch(quick, vehicle, i)
        assert (row.state, row.archive) == ("stopped", None)
        assert len(certificates(quick, other, i)) == 3
    assert count_signed(quick) == (6 if when == "before it is claimed" else 12)


def test_what_has_expired_is_purged_but_for_what_is_in_work(quick: LineLaboratory):
    def purged() -> int:
        return Purging().purge(quick.databases["ra"], quick.clock.now)

    quick.grant(weeks=4), quick.grant(weeks=1)
    quick.work()
    assert purged() == 0
    quick.clock.advance(WEEK + 2 * HOUR)
    assert purged() == 3  # two batches of period 0, and the request that has ended with it
    quick.grant(weeks=4), quick.grant(weeks=4)
    assert len(quick.line.due()) == 1
    quick.clock.advance(5 * WEEK)
    assert purged() == 4  # three requests, a batch that was packed
    assert states(quick) == ["taken"] * 4
    quick.work()
    assert states(quick) == ["stopped"] * 4 and chunks(quick) == []
    assert purged() == 4 and quick.batches() == []


# --- several processes --------------------------------------------------------------------------------


def test_a_chunk_in_a_live_process_hands_is_not_anothers(quick: LineLaboratory):
    quick.grant(), quick.grant()
    (job,) = quick.line.due()

    def meanwhile(certify: Any, requests: Any) -> Any:
        # the same process takes the same job again: not while it runs
        quick_line.run(job)
        assert quick_line.due() == []
        return certify(requests)

    quick_line = quick.new_line(aca_link=Link(quick.aca_link, meanwhile))
    quick_line.run(job)
    assert set(states(quick)) == {"packed"}
    quick_line.run(job)  # is done, and does no harm
    assert count_signed(quick) == 12


def test_workers_at_once_make_each_batch_and_each_certificate_once(laboratory: LineLaboratory):
    for _ in range(8):
        laboratory.grant()
    policy = replace(laboratory.policy, batches=4)
    databases = [Database.open(laboratory.url("ra"), clock=laboratory.clock) for _ in range(2)]
    # two processes, one of them with two threads
    first, second = (laboratory.new_line(policy=policy, database=database) for database in databases)
    lines = [first, first, second]

    def work(line: Any) -> None:
        for job in line.due():
            line.run(job)

    with ThreadPoolExecutor(len(lines)) as pool:
        for _ in range(4):
            list(pool.map(work, lines))
    assert states(laboratory) == ["packed"] * 16 and chunks(laboratory) == []
    assert count_signed(laboratory) == 48
    for database in databases:
        database.close()


def test_a_process_that_was_taken_for_dead_stores_nothing_over_anothers(quick: LineLaboratory):
    quick.grant(), quick.grant()

    def taken(certify: Any, requests: Any) -> Any:
        with quick.databases["ra"].write(durable=True) as tx:
            tx.execute(sa.update(RaChunk).values(open_by=b"someone"))
        return certify(requests)

    (job,) = quick.line.due()
    quick.new_line(aca_link=Link(quick.aca_link, taken)).run(job)
    assert states(quick) == ["taken"] * 4
    quick.work()
    assert states(quick) == ["packed"] * 4 and count_signed(quick) == 12


def test_a_job_of_another_kind_is_left_alone(quick: LineLaboratory):
    from v2xpki.authorities.queue import Job

    quick.line.run(Job("other", b"key"))


def test_a_request_that_cannot_be_expanded_is_refused_alone(quick: LineLaboratory):
    vehicle, other = quick.grant(), quick.grant()
    with quick.databases["ra"].write(durable=True) as tx:
        tx.execute(sa.update(RaRequest).where(RaRequest.id == vehicle.id).values(params=None))
    quick.work()
    assert [batch(quick, vehicle, i).state for i in range(PERIODS)] == ["refused"] * 2
    assert len(certificates(quick, other, 0)) == 3


def test_nothing_of_a_time_is_kept_beside_a_batch(quick: LineLaboratory):
    quick.grant(), quick.grant()
    quick.work()
    kept = {column.name for column in RaBatch.__table__.columns} | {c.name for c in RaChunk.__table__.columns}
    assert kept == {
        "request", "period", "count", "chunk", "state", "hashes", "archive", "expires", "id", "open_by"
    }  # fmt: skip
    assert {row.expires - quick.periods.end(row.period) for row in quick.batches()} == {HOUR}


def test_names_of_requests_are_of_both_keys():
    one, other = b"\2" + bytes(32), b"\3" + bytes(32)
    names = {name_of_request(one, one), name_of_request(one, other), name_of_request(one, b"")}
    assert len(names) == 3 and {len(name) for name in names} == {8}
