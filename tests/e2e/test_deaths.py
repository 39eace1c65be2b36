"""Processes that die in the middle: one certificate for each request, whatever happens."""

import http.client
import itertools
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.etsi import Answer, Sent
from tests.support.lab import Lab, open_reply, v2xpki, wait_until
from tests.support.records import issued, tickets_of
from v2xpki.crypto import Certificate
from v2xpki.store.base import IssuanceRecord
from v2xpki.store.ea import EnrolmentCredential


@dataclass
class Client:
    """Sends the same octets until there is a certificate, as a station in the field does."""

    lab: Lab
    path: str
    authority: Certificate
    troubles: Counter[str] = field(default_factory=Counter)
    done: Callable[[], None] = lambda: None

    def insist(self, sent: Sent) -> Answer:
        end = time.monotonic() + 180
        while time.monotonic() < end:
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


def insist_while(lab: Lab, role: str, client: Client, sent: list[Sent], every: int) -> list[Answer]:
    """All requests by eight clients. Of each `every` one is answered, the others are under way, when SIGKILL
    comes for one worker of the role, for the other one, for both, and so on."""
    victims = itertools.cycle((slice(0, 1), slice(1, 2), slice(0, 2)))
    answers: list[Answer] = []
    with ThreadPoolExecutor(8) as pool:
        for batch in (sent[at : at + every] for at in range(0, len(sent), every)):
            wait_until(lambda: len(lab.workers(role)) == 2, 180)
            chosen = lab.workers(role)[next(victims)]
            alive = iter(chosen)  # of whoever is answered first, at once: another thread might come too late

            def strike(alive: Iterator[int] = alive) -> None:
                for pid in alive:
                    os.kill(pid, signal.SIGKILL)

            client.done = strike
            running = [pool.submit(client.insist, one) for one in batch]
            answers += [future.result() for future in running]
    client.done = lambda: None
    return answers


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


def test_enrolments_survive_the_death_of_workers(worn: Lab) -> None:
    cars = [worn.station() for _ in range(60)]
    sent = [car.enrolment() for car in cars]
    client = Client(worn, "/ea", worn.ea_certificate)
    answers = insist_while(worn, "ea", client, sent, 20)
    print(f"{dict(client.troubles)}, {void(worn, 'ea')} void")
    assert client.troubles or void(worn, "ea"), "no death came in the middle of anything"
    assert_one_each(worn, client, "ea", "EC", sent, answers)
    with worn.database("ea") as database, database.read() as tx:
        for car in cars:
            query = sa.select(EnrolmentCredential.hashed_id8).where(
                EnrolmentCredential.station == car.known.id
            )
            assert len(tx.execute(query).all()) == 1


@pytest.mark.parametrize("role", ["aa", "ea"])
def test_authorizations_survive_the_death_of_workers(worn: Lab, role: str) -> None:
    cars = [worn.station() for _ in range(6)]
    ecs = [Client(worn, "/ea", worn.ea_certificate).insist(car.enrolment()).ok() for car in cars]
    sent = [car.authorization(ec) for car, ec in zip(cars, ecs, strict=True) for _ in range(10)]
    client = Client(worn, "/aa", worn.aa_certificate)
    answers = insist_while(worn, role, client, sent, 20)
    print(f"{dict(client.troubles)}, {void(worn, 'aa')} void")
    # the death of an EA's worker may pass unnoticed: the AA asks again on a fresh connection
    assert role == "ea" or client.troubles or void(worn, "aa"), "no death came in the middle of anything"
    assert_one_each(worn, client, "aa", "AT", sent, answers)
    # the EA was asked again for what the AA did not live to answer, and counted it once
    assert [tickets_of(worn, car) for car in cars] == [10] * 6


def test_what_dies_with_the_whole_service_is_answered_after_its_return_and_that_of_the_ea(worn: Lab) -> None:
    """SIGKILL for everything at once: supervisor, router, masters, workers."""
    car = worn.station()
    ec = Client(worn, "/ea", worn.ea_certificate).insist(car.enrolment()).ok()
    sent = [car.authorization(ec) for _ in range(16)]
    pids = [*worn.state["processes"].values(), worn.state["pid"]]
    pids += [pid for role in ("ea", "aa", "dc", "admin") for pid in worn.workers(role)]
    killed = threading.Event()

    def attempt(one: Sent) -> Any:
        try:
            return worn.post("/aa", one.body)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            if not killed.is_set():
                killed.set()
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(attempt, sent))
    assert worn.process is not None
    worn.process.wait(60)
    # the EA comes back last: what the AA cannot have confirmed meanwhile is not granted, and not lost either
    worn.serve(roles="aa,dc")
    worn.await_ready()
    late = car.authorization(ec)
    for _ in range(2):
        answer = car.send_authorization(late)
        assert (answer.code, answer.certificate) == ("aa-ea-cantreachea", None)
    assert issued(worn, "aa", "AT")[late.key.public_key.point] == 0
    worn.stop()
    worn.serve(workers=2)
    worn.await_ready()
    assert car.send_authorization(late).ok().certificate.verification_key == late.key.public_key
    client = Client(worn, "/aa", worn.aa_certificate)
    answers = [client.insist(one) for one in sent]
    for early, answer in zip(first, answers, strict=True):
        assert early is None or early.status != 200 or early.body == answer.octets
    assert_one_each(worn, client, "aa", "AT", sent, answers)
    assert tickets_of(worn, car) == 17
