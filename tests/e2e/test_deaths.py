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
from tests.support.lab import Lab, LabStation, open_reply, v2xpki, wait_until
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


def insist_while(
    lab: Lab, role: str, client: Client, batch: Callable[[], list[Sent]], kept: str | None
) -> tuple[list[Sent], list[Answer]]:
    """Batches of requests by eight clients. Of each one is answered, the others are under way, when SIGKILL
    comes for one worker of the role, for the other one, for both, and so on: three times, and until one came
    in the middle of something, by what clients heard or the service `kept` has on record. Where none is
    named, a death may pass unnoticed."""
    victims = itertools.cycle((slice(0, 1), slice(1, 2), slice(0, 2)))
    sent: list[Sent] = []
    answers: list[Answer] = []
    before = void(lab, kept) if kept else 0
    with ThreadPoolExecutor(8) as pool:
        for deaths in range(1, 21):
            made = batch()
            wait_until(lambda: len(lab.workers(role)) == 2, 180)
            chosen = lab.workers(role)[next(victims)]
            alive = iter(chosen)  # of whoever is answered first, at once: another thread might come too late

            def strike(alive: Iterator[int] = alive) -> None:
                for pid in alive:
                    os.kill(pid, signal.SIGKILL)

            client.done = strike
            running = [pool.submit(client.insist, one) for one in made]
            answers += [future.result() for future in running]
            sent += made
            if deaths >= 3 and (not kept or client.troubles or void(lab, kept) > before):
                break
        else:
            pytest.fail("no death came in the middle of anything")
    client.done = lambda: None
    return sent, answers


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
    cars: list[LabStation] = []

    def batch() -> list[Sent]:
        more = [worn.station() for _ in range(20)]
        cars.extend(more)
        return [car.enrolment() for car in more]

    client = Client(worn, "/ea", worn.ea_certificate)
    sent, answers = insist_while(worn, "ea", client, batch, "ea")
    print(f"{dict(client.troubles)}, {void(worn, 'ea')} void")
    assert_one_each(worn, client, "ea", "EC", sent, answers)
    with worn.database("ea") as database, database.read() as tx:
        for car in cars:
            query = sa.select(EnrolmentCredential.hashed_id8).where(
                EnrolmentCredential.station == car.known.id
            )
            assert len(tx.execute(query).all()) == 1


@pytest.mark.parametrize("role", ["aa", "ea"])
def test_authorizations_survive_the_death_of_workers(worn: Lab, role: str) -> None:
    cars: list[LabStation] = []

    def batch() -> list[Sent]:
        more = [worn.station() for _ in range(2)]
        cars.extend(more)
        ecs = [Client(worn, "/ea", worn.ea_certificate).insist(car.enrolment()).ok() for car in more]
        return [car.authorization(ec) for car, ec in zip(more, ecs, strict=True) for _ in range(10)]

    client = Client(worn, "/aa", worn.aa_certificate)
    # the death of an EA's worker may pass unnoticed: the AA asks again on a fresh connection
    sent, answers = insist_while(worn, role, client, batch, "aa" if role == "aa" else None)
    print(f"{dict(client.troubles)}, {void(worn, 'aa')} void")
    assert_one_each(worn, client, "aa", "AT", sent, answers)
    # the EA was asked again for what the AA did not live to answer, and counted it once
    assert [tickets_of(worn, car) for car in cars] == [10] * len(cars)


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
