"""Many at once, and processes that die in the middle: one certificate for each request, whatever happens."""

import http.client
import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.etsi import Answer, Sent
from tests.support.lab import Lab, LabStation, Reply, open_reply, v2xpki, wait_until
from v2xpki.crypto import Certificate
from v2xpki.store.base import IssuanceRecord
from v2xpki.store.ea import EnrolmentCredential, TicketWindow

AT_ONCE = 20


def issued(lab: Lab, name: str, kind: str) -> Counter[bytes]:
    """How many certificates an authority has issued to each key, by its records."""
    with lab.database(name) as database, database.read() as tx:
        rows = tx.execute(
            sa.select(IssuanceRecord.signed).where(
                IssuanceRecord.kind == kind, IssuanceRecord.state == "issued"
            )
        ).scalars()
        return Counter(Certificate.parse(octets).verification_key.point for octets in rows)


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


def tickets_of(lab: Lab, station: LabStation) -> int:
    """What the EA has counted."""
    with lab.database("ea") as database, database.read() as tx:
        query = sa.select(sa.func.sum(TicketWindow.tickets)).where(TicketWindow.station == station.known.id)
        return int(tx.execute(query).scalar_one() or 0)


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


# --- with an instance of their own, for it is damaged ---------------------------------------------------


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory, token_store: object) -> Iterator[Lab]:
    """Two workers a role, so that one is left when the other dies."""
    del token_store
    lab = Lab.start(tmp_path_factory.mktemp("fragile") / "pki", workers=2)
    yield lab
    lab.end()


@dataclass
class Client:
    """Sends the same octets until there is a certificate, as a station in the field does."""

    lab: Lab
    path: str
    authority: Certificate
    troubles: Counter[str] = field(default_factory=Counter)
    done: Callable[[], None] = lambda: None

    def insist(self, sent: Sent) -> Answer:
        for _ in range(200):
            try:
                reply = self.lab.post(self.path, sent.body)
            except (OSError, http.client.HTTPException) as error:
                self._wait(type(error).__name__)
                continue
            if reply.status != 200:
                assert reply.status in (503, 504), reply
                self._wait(str(reply.status))
                continue
            answer = open_reply(self.lab, reply, sent, self.authority)
            if answer.code == "aa-ea-cantreachea":
                self._wait(answer.code)
                continue
            answer.ok()
            self.done()
            return answer
        raise AssertionError(f"no certificate after {dict(self.troubles)}\n{self.lab.said()}")

    def _wait(self, trouble: str) -> None:
        self.troubles[trouble] += 1
        threading.Event().wait(0.1)  # what Retry-After asks for, in small


def insist_while(client: Client, sent: list[Sent], every: int, meanwhile: Callable[[], None]) -> list[Answer]:
    """All requests by eight clients; after each `every` answers something happens."""
    turn = threading.Semaphore(0)
    client.done = turn.release
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(client.insist, one) for one in sent]
        for number in range(1, len(sent) + 1):
            while not turn.acquire(timeout=0.2):
                if all(future.done() for future in running):
                    break
            if number % every == 0:
                meanwhile()
        return [future.result() for future in running]


def kill_workers(lab: Lab, role: str) -> Callable[[], None]:
    """SIGKILL for one worker of a role, for the other one, for both, and so on."""
    turn = itertools.cycle((slice(0, 1), slice(1, 2), slice(0, 2)))

    def kill() -> None:
        wait_until(lambda: len(lab.workers(role)) == 2, 20)
        for pid in lab.workers(role)[next(turn)]:
            os.kill(pid, signal.SIGKILL)

    return kill


def void(lab: Lab, name: str) -> int:
    """Records whose process died before it could say what became of them."""
    with lab.database(name) as database, database.read() as tx:
        query = sa.select(sa.func.count()).where(IssuanceRecord.state == "void")
        return int(tx.execute(query).scalar_one())


def assert_one_each(
    lab: Lab, client: Client, name: str, kind: str, sent: list[Sent], answers: list[Answer]
) -> None:
    """One certificate for each request: by the answers, by their repetition, by the records."""
    assert len({answer.ok().certificate for answer in answers}) == len(sent)
    for one, answer in zip(sent, answers, strict=True):
        assert client.insist(one).octets == answer.octets
    records = issued(lab, name, kind)
    assert {records[one.key.public_key.point] for one in sent} == {1}
    v2xpki("audit", "verify", lab.directory)


def test_enrolments_survive_the_death_of_workers(fragile: Lab) -> None:
    cars = [fragile.station() for _ in range(60)]
    sent = [car.enrolment() for car in cars]
    client = Client(fragile, "/ea", fragile.ea_certificate)
    answers = insist_while(client, sent, 10, kill_workers(fragile, "ea"))
    print(f"{dict(client.troubles)}, {void(fragile, 'ea')} void")
    assert client.troubles or void(fragile, "ea"), "no death came in the middle of anything"
    assert_one_each(fragile, client, "ea", "EC", sent, answers)
    with fragile.database("ea") as database, database.read() as tx:
        for car in cars:
            query = sa.select(EnrolmentCredential.hashed_id8).where(
                EnrolmentCredential.station == car.known.id
            )
            assert len(tx.execute(query).all()) == 1


@pytest.mark.parametrize("role", ["aa", "ea"])
def test_authorizations_survive_the_death_of_workers(fragile: Lab, role: str) -> None:
    cars = [fragile.station() for _ in range(6)]
    ecs = [Client(fragile, "/ea", fragile.ea_certificate).insist(car.enrolment()).ok() for car in cars]
    sent = [car.authorization(ec) for car, ec in zip(cars, ecs, strict=True) for _ in range(10)]
    client = Client(fragile, "/aa", fragile.aa_certificate)
    answers = insist_while(client, sent, 10, kill_workers(fragile, role))
    print(f"{dict(client.troubles)}, {void(fragile, 'aa')} void")
    # the death of an EA's worker may pass unnoticed: the AA asks again on a fresh connection
    assert role == "ea" or client.troubles or void(fragile, "aa"), "no death came in the middle of anything"
    assert_one_each(fragile, client, "aa", "AT", sent, answers)
    # the EA was asked again for what the AA did not live to answer, and counted it once
    assert [tickets_of(fragile, car) for car in cars] == [10] * 6


def test_a_ticket_that_the_ea_was_away_for_is_given_when_it_is_back(fragile: Lab) -> None:
    car = fragile.station()
    ec = Client(fragile, "/ea", fragile.ea_certificate).insist(car.enrolment()).ok()
    sent = car.authorization(ec)
    fragile.stop()
    fragile.serve(roles="aa,dc")
    for _ in range(2):
        answer = car.send_authorization(sent)
        assert (answer.code, answer.certificate) == ("aa-ea-cantreachea", None)
    assert issued(fragile, "aa", "AT")[sent.key.public_key.point] == 0
    fragile.stop()
    fragile.serve()
    ticket = car.send_authorization(sent).ok()
    assert ticket.certificate.verification_key == sent.key.public_key
    assert tickets_of(fragile, car) == 1


def test_what_dies_with_the_whole_service_is_answered_after_its_return(fragile: Lab) -> None:
    """SIGKILL for everything at once: supervisor, router, masters, workers."""
    car = fragile.station()
    ec = Client(fragile, "/ea", fragile.ea_certificate).insist(car.enrolment()).ok()
    sent = [car.authorization(ec) for _ in range(16)]
    pids = [*fragile.state["processes"].values(), fragile.state["pid"]]
    pids += [pid for role in ("ea", "aa", "dc", "admin") for pid in fragile.workers(role)]
    killed = threading.Event()

    def attempt(one: Sent) -> Any:
        try:
            return fragile.post("/aa", one.body)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            if not killed.is_set():
                killed.set()
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(attempt, sent))
    assert fragile.process is not None
    fragile.process.wait(10)
    (fragile.directory / "run" / "serve.json").unlink(missing_ok=True)
    fragile.serve()
    client = Client(fragile, "/aa", fragile.aa_certificate)
    answers = [client.insist(one) for one in sent]
    for early, answer in zip(first, answers, strict=True):
        assert early is None or early.status != 200 or early.body == answer.octets
    assert_one_each(fragile, client, "aa", "AT", sent, answers)
    assert tickets_of(fragile, car) == 16
