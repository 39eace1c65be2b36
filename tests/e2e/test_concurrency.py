"""Many at once: one certificate for each request."""

import threading
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from tests.support.lab import Lab, Reply, open_reply
from tests.support.records import issued, tickets_of
from v2xpki.store.ea import EnrolmentCredential

AT_ONCE = 20


def at_once(lab: Lab, path: str, bodies: list[bytes]) -> list[Reply]:
    """All in the same moment, each on a connection of its own."""
    gate = threading.Barrier(len(bodies))

    def send(body: bytes) -> Reply:
        gate.wait(20)
        try:
            return lab.post(path, body)
        finally:
            lab.drop_connections()

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


def test_twenty_identical_enrolments_at_once_get_one_certificate(lab: Lab) -> None:
    car = lab.station()
    sent = car.enrolment()
    replies = at_once(lab, "/ea", [sent.body] * AT_ONCE)
    assert len({reply.body for reply in replies}) == 1
    open_reply(lab, replies[0], sent, lab.ea_certificate).ok()
    assert issued(lab, "ea", "EC")[sent.key.public_key.point] == 1
    with lab.database("ea") as database, database.read() as tx:
        query = sa.select(EnrolmentCredential.hashed_id8).where(EnrolmentCredential.station == car.known.id)
        assert len(tx.execute(query).all()) == 1


def test_twenty_identical_authorizations_at_once_get_one_ticket(lab: Lab) -> None:
    car = lab.station()
    sent = car.authorization(car.enrol())
    replies = at_once(lab, "/aa", [sent.body] * AT_ONCE)
    assert len({reply.body for reply in replies}) == 1
    open_reply(lab, replies[0], sent, lab.aa_certificate).ok()
    assert issued(lab, "aa", "AT")[sent.key.public_key.point] == 1
    assert tickets_of(lab, car) == 1


def test_one_wish_in_twenty_envelopes_at_once_gets_one_ticket(lab: Lab) -> None:
    car = lab.station()
    wish, new = car.wish(car.enrol())
    sent = [car.wrapped(wish, new) for _ in range(AT_ONCE)]
    replies = at_once(lab, "/aa", [one.body for one in sent])
    answers = [open_reply(lab, *pair, lab.aa_certificate) for pair in zip(replies, sent, strict=True)]
    assert len({answer.ok().certificate for answer in answers}) == 1
    assert issued(lab, "aa", "AT")[new.public_key.point] == 1
    assert tickets_of(lab, car) == 1


def test_fifty_different_authorizations_at_once_are_all_served_by_one_worker_a_role(lab: Lab) -> None:
    assert [len(lab.workers(role)) for role in ("ea", "aa")] == [1, 1]
    cars = [lab.station() for _ in range(5)]
    ecs = [car.enrol() for car in cars]
    sent = [car.authorization(ec) for car, ec in zip(cars, ecs, strict=True) for _ in range(10)]
    replies = at_once(lab, "/aa", [one.body for one in sent])
    for reply, one in zip(replies, sent, strict=True):
        open_reply(lab, reply, one, lab.aa_certificate).ok()
    assert [tickets_of(lab, car) for car in cars] == [10] * 5
