"""EA and AA with their databases on a server: the flows, and what many requests at once come to."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.butterfly import PERIODS, POLICY, Flock, work
from tests.support.etsi import Pki, Spoilt, hours, rows
from tests.support.postgres import Server, done_or_waiting, postgres_server  # noqa: F401
from v2xpki.authorities.etsi import tickets
from v2xpki.authorities.etsi.reasons import ButterflyReason, RefusedButterfly
from v2xpki.config import ButterflyPolicy, EaPolicy
from v2xpki.store.ea import TicketWindow
from v2xpki.time import HOUR

pytestmark = pytest.mark.postgres


@pytest.fixture
def pki(make_pki: Callable[..., Pki], postgres_server: Server) -> Pki:  # noqa: F811
    return make_pki(
        url=lambda domain: postgres_server.create(),
        ea_policy=EaPolicy(enrolments_per_day=4),
    )


def test_the_flows_work_and_repeats_get_the_same_bytes(pki: Pki) -> None:
    car = pki.station()
    ec = car.enrol(by=car.enrol())
    enrolment, authorization = car.enrolment(its_id=b"nobody"), car.authorization(ec)
    assert car.send_enrolment(enrolment).code == "unknownits"
    assert pki.ea.enrol(enrolment.body) == pki.ea.enrol(enrolment.body)
    first = pki.aa.authorize(authorization.body)
    assert pki.aa.authorize(authorization.body) == first
    assert car.send_enrolment(car.enrolment(pop=Spoilt)).code == "invalidsignature"
    pki.clock.advance(60 * HOUR)
    assert pki.ea.purge() == 6  # two enrolments, two refusals, the validation and the ticket's hours
    assert pki.aa.purge() == 1


def test_twenty_identical_requests_at_once_get_one_certificate(pki: Pki) -> None:
    car = pki.station()
    enrolment = car.enrolment()
    authorization = car.authorization(car.enrol())
    with ThreadPoolExecutor(20) as pool:
        enrolled = set(pool.map(lambda _: pki.ea.enrol(enrolment.body), range(20)))
        authorized = set(pool.map(lambda _: pki.aa.authorize(authorization.body), range(20)))
    assert (len(enrolled), len(authorized)) == (1, 1)
    assert sum(table == "enrolment_credential" for table, _ in rows(pki.ea_database)) == 2
    assert sum(table == "issuance_record" for table, _ in rows(pki.aa_database)) == 1


def test_the_parallel_limit_holds_against_many_at_once(pki: Pki) -> None:
    rsu = pki.station("rsu", profile="rsu")
    ec = rsu.enrol()
    sent = [pki.validation(rsu.wish(ec)[0]) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda one: pki.ea.validate(one.body), sent))
    assert sorted(pki.notes.outcomes("validation")) == ["deniedtoomanycerts"] * 10 + ["ok"] * 2


def test_the_days_limit_holds_against_many_at_once(pki: Pki) -> None:
    car = pki.station()
    sent = [car.enrolment() for _ in range(9)]
    with ThreadPoolExecutor(9) as pool:
        list(pool.map(lambda one: pki.ea.enrol(one.body), sent))
    assert sorted(pki.notes.outcomes("enrolment")) == ["deniedrequest"] * 5 + ["ok"] * 4


def test_butterfly_tickets_are_supplied_once_by_several_workers(
    make_pki: Callable[..., Pki],
    postgres_server: Server,  # noqa: F811
) -> None:
    pki = make_pki(url=lambda domain: postgres_server.create(), butterfly=POLICY)
    flocks = [Flock(pki, pki.station(f"car-{number}").enrol()) for number in range(3)]
    for flock in flocks:
        flock.request()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: work(pki), range(3)))
    period = PERIODS.at(pki.clock.now)
    assert [len(flock.tickets(period)) for flock in flocks] == [POLICY.certificates] * 3
    issued = [row for table, row in rows(pki.aa_database) if table == "issuance_record"]
    assert len(issued) == 3 * 4 * POLICY.certificates
    assert {row["state"] for row in issued} == {"issued"}
    pki.clock.advance(10 * POLICY.period)
    assert pki.ea.purge() > 12
    assert pki.aa.purge() == len(issued)


@contextmanager
def count_overtaken(
    pki: Pki, monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any]
) -> Iterator[list[Future[Any]]]:
    """Have a call begin, in another process's place, where tickets at once are counted next; what comes of
    it. It is done before that count is used, unless it waits for a lock."""
    most, asked = tickets.most_at_once, list[Future[Any]]()

    def overtaken(windows: Any) -> int:
        monkeypatch.undo()
        asked.append(pool.submit(call))
        done_or_waiting(asked[0], pki.ea_database)
        return most(windows)

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(tickets, "most_at_once", overtaken)
        yield asked


def test_two_butterfly_requests_at_once_do_not_exceed_the_tickets_of_a_station(
    make_pki: Callable[..., Pki],
    postgres_server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = ButterflyPolicy(certificates=40, mix_wait=0, mix_vehicles=1)
    pki = make_pki(url=lambda domain: postgres_server.create(), butterfly=policy)
    ec = pki.station("car-1").enrol()
    first, second = Flock(pki, ec), Flock(pki, ec)
    with count_overtaken(pki, monkeypatch, second.request) as asked:
        first.request()
    with pytest.raises(RefusedButterfly) as caught:
        asked[0].result()
    assert caught.value.reason is ButterflyReason.TOO_MANY


def test_a_ticket_that_is_confirmed_during_a_top_up_does_not_exceed_the_tickets_of_a_station(
    make_pki: Callable[..., Pki],
    postgres_server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = ButterflyPolicy(certificates=40, mix_wait=0, mix_vehicles=1)
    pki = make_pki(url=lambda domain: postgres_server.create(), butterfly=policy)
    car = pki.station("car-1")
    ec = car.enrol()
    Flock(pki, ec).request()
    pki.clock.advance(policy.period)
    middle = PERIODS.start(PERIODS.at(pki.clock.now) + 3) + 24 * HOUR
    with pki.ea_database.write(durable=False) as tx:  # the top-up's 40 fit in, and nothing beside them
        tx.insert(TicketWindow, station=car.known.id, start=middle, end=middle + HOUR, tickets=60)
    wish, _ = car.wish(ec, attributes=car.attributes(validity_period=hours(middle, 1)))
    with count_overtaken(pki, monkeypatch, lambda: pki.validate(pki.validation(wish)).code) as asked:
        assert pki.supply.top_up() == 1
    assert asked[0].result() == "deniedtoomanycerts"
