"""EA and AA with their databases on a server: the flows, and what many requests at once come to."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.butterfly import PERIODS, POLICY, Flock, work
from tests.support.etsi import Pki, Spoilt, rows
from tests.support.postgres import Server, postgres_server  # noqa: F401
from v2xpki.config import EaPolicy
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
