"""One certificate a request, when processes die and databases and tokens fail."""

import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.etsi import Pki, TestStation, read_answer, rows
from v2xpki.errors import AuditError, RecordFailed, TokenLost
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel
from v2xpki.store import Database
from v2xpki.time import HOUR, FixedClock

ROOT = Path(__file__).parents[3]


def states(database: Database) -> list[str]:
    return sorted(row["state"] for table, row in rows(database) if table == "issuance_record")


class Failing:
    """An issuing key whose token is lost at the nth signature."""

    def __init__(self, key: Any, at: int) -> None:
        self._key, self._left, self.public_key, self.label = key, at, key.public_key, key.label

    def sign(self, digest: bytes) -> bytes:
        self._left -= 1
        if self._left == 0:
            raise TokenLost("the token is gone")
        return bytes(self._key.sign(digest))


def lose_token_at(pki: Pki, at: int) -> None:
    key = pki.ea_keys.issuing_key(KeyLabel("ea", "sign"))
    issuer = Issuer(Failing(key, at), pki.ea_certificate, pki.ea_database, pki.clock)  # type: ignore[arg-type]
    pki.issue_with(issuer)


def test_a_token_lost_at_the_signature_leaves_no_claim(memory_pki: Pki) -> None:
    car = memory_pki.station()
    lose_token_at(memory_pki, 1)
    sent = car.enrolment()
    with pytest.raises(TokenLost):
        memory_pki.ea.enrol(sent.body)
    assert states(memory_pki.ea_database) == ["void"]
    # nothing was remembered: the same octets get their certificate once the token is back
    assert car.send_enrolment(sent).code == "ok"
    assert states(memory_pki.ea_database) == ["issued", "void"]


@pytest.mark.parametrize("table", ["enrolment_request", "issuance_record", "audit_entry"])
def test_a_request_that_cannot_be_recorded_gets_no_signature(memory_pki: Pki, table: str) -> None:
    car = memory_pki.station()
    before = states(memory_pki.ea_database)
    _trigger(memory_pki.ea_database, f"BEFORE INSERT ON {table}")
    signed = _count_signatures(memory_pki)
    with pytest.raises((RecordFailed, AuditError)):
        memory_pki.ea.enrol(car.enrolment().body)
    assert signed() == 0
    assert states(memory_pki.ea_database) == before


@pytest.mark.parametrize(
    "where",
    [
        "BEFORE INSERT ON enrolment_credential",
        "BEFORE UPDATE ON issuance_record",
        "BEFORE UPDATE ON enrolment_request",
    ],
)
def test_an_answer_that_cannot_be_stored_does_not_leave(memory_pki: Pki, where: str) -> None:
    car = memory_pki.station()
    sent = car.enrolment()
    drop = _trigger(memory_pki.ea_database, where)
    with pytest.raises(RecordFailed):
        memory_pki.ea.enrol(sent.body)
    drop()
    if states(memory_pki.ea_database) == ["open"]:  # it could not even be voided: the next start does it
        with pytest.raises(RecordFailed):
            _impatient(memory_pki).enrol(sent.body)
        return
    assert car.send_enrolment(sent).code == "ok"
    assert [row["hashed_id8"] for t, row in rows(memory_pki.ea_database) if t == "enrolment_credential"]


def _impatient(pki: Pki) -> Any:
    """The EA, which waits for a twin without taking time to."""
    pki.ea._memory._sleep = lambda seconds: None
    return pki.ea


def _trigger(database: Database, where: str) -> Callable[[], None]:
    def run(sql: str) -> None:
        with database.write(durable=False) as tx:
            tx.execute(sa.text(sql))

    run(f"CREATE TRIGGER fault {where} BEGIN SELECT RAISE(ABORT, 'fault'); END")
    return lambda: run("DROP TRIGGER fault")


def _count_signatures(pki: Pki) -> Callable[[], int]:
    counted = itertools.count()
    key = pki.ea_keys.issuing_key(KeyLabel("ea", "sign"))

    class Counting:
        public_key, label = key.public_key, key.label

        def sign(self, digest: bytes) -> bytes:
            next(counted)
            return bytes(key.sign(digest))

    issuer = Issuer(Counting(), pki.ea_certificate, pki.ea_database, pki.clock)  # type: ignore[arg-type]
    pki.issue_with(issuer)
    return lambda: next(counted)


DIES = """
import os, signal, sys
from pathlib import Path
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.authorities.etsi.peers import FixedPeers
from v2xpki.crypto import Certificate
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.store import Database
from v2xpki.time import FixedClock

folder, where = Path(sys.argv[1]), sys.argv[2]
clock = FixedClock(int(sys.argv[3]))
store = MemoryKeystore("test")
for use in ("sign", "encrypt"):
    store.add(KeyLabel("ea", use), MemoryKey.from_pem((folder / f"{use}.pem").read_bytes()))
certificate = Certificate.parse((folder / "ea.oer").read_bytes())
key = store.issuing_key(KeyLabel("ea", "sign"))

class Dying:
    public_key, label = key.public_key, key.label

    def sign(self, digest):
        if where == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        raw = key.sign(digest)
        os.kill(os.getpid(), signal.SIGKILL)

database = Database.open(folder / "ea.db", clock=clock)
own = OwnKeys([Generation(certificate, store.agreer(KeyLabel("ea", "encrypt")),
                          store.responder(KeyLabel("ea", "sign"), certificate),
                          Issuer(Dying(), certificate, database, clock))], clock)
ea = EnrolmentAuthority(own=own, database=database, peers=FixedPeers(), clock=clock)
ea.enrol((folder / "request").read_bytes())
"""


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_process_killed_at_the_signature_leaves_a_request_that_can_be_sent_again(
    make_pki: Callable[..., Pki], tmp_path: Path, where: str
) -> None:
    pki = make_pki()
    car = pki.station()
    sent = car.enrolment()
    folder = tmp_path / "0"
    keys: Any = pki.ea_keys
    for use in ("sign", "encrypt"):
        (folder / f"{use}.pem").write_bytes(keys._keys[KeyLabel("ea", use)][0].to_pem())
    (folder / "ea.oer").write_bytes(pki.ea_certificate.octets)
    (folder / "request").write_bytes(sent.body)
    done = subprocess.run(
        [sys.executable, "-c", DIES, folder, where, str(pki.clock.now)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert states(pki.ea_database) == ["open"]
    # no start in between: the request itself finds that its twin's process is dead
    assert car.send_enrolment(sent).code == "ok"
    assert states(pki.ea_database) == ["issued", "void"]


def test_who_comes_second_waits_for_the_first_answer(memory_pki: Pki) -> None:
    car = memory_pki.station()
    sent = car.enrolment()
    signing, go_on = threading.Event(), threading.Event()
    key = memory_pki.ea_keys.issuing_key(KeyLabel("ea", "sign"))

    class Slow:
        public_key, label = key.public_key, key.label

        def sign(self, digest: bytes) -> bytes:
            signing.set()
            assert go_on.wait(10)
            return bytes(key.sign(digest))

    issuer = Issuer(Slow(), memory_pki.ea_certificate, memory_pki.ea_database, memory_pki.clock)  # type: ignore[arg-type]
    memory_pki.issue_with(issuer)
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            go_on.set()
        threading.Event().wait(0.001)

    memory_pki.ea._memory._sleep = nap
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(memory_pki.ea.enrol, sent.body)
        assert signing.wait(10)
        second = pool.submit(memory_pki.ea.enrol, sent.body)
        assert first.result() == second.result()
    assert len(naps) >= 3


def test_who_waits_too_long_gives_up_and_nothing_is_remembered(memory_pki: Pki) -> None:
    car = memory_pki.station()
    sent = car.enrolment()
    ea = _impatient(memory_pki)
    key = memory_pki.ea_keys.issuing_key(KeyLabel("ea", "sign"))
    inner: list[Exception] = []

    class Reentrant:
        public_key, label = key.public_key, key.label

        def sign(self, digest: bytes) -> bytes:
            try:  # the twin comes while the first is at its signature
                ea.enrol(sent.body)
            except RecordFailed as error:
                inner.append(error)
            return bytes(key.sign(digest))

    issuer = Issuer(Reentrant(), memory_pki.ea_certificate, memory_pki.ea_database, memory_pki.clock)  # type: ignore[arg-type]
    memory_pki.issue_with(issuer, ea)
    octets = ea.enrol(sent.body)
    assert len(inner) == 1
    assert ea.enrol(sent.body) == octets
    assert read_answer(octets, sent, memory_pki.ea_certificate, memory_pki.clock).code == "ok"


def test_the_same_wish_in_another_envelope_gets_the_same_ticket(memory_pki: Pki) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    wish, new = car.wish(ec)
    sent = [car.wrapped(wish, new, wrapper=wrapper) for wrapper in ("pop", "pop", "unsecured", "bare")]
    tickets = [car.send_authorization(one).ok().certificate for one in sent]
    assert len(set(tickets)) == 1
    for one in sent:  # and each envelope has its own answer, which stays
        assert memory_pki.aa.authorize(one.body) == memory_pki.aa.authorize(one.body)


def test_a_wish_whose_ticket_has_expired_and_is_purged_is_a_new_one(
    memory_pki: Pki, fixed_clock: FixedClock
) -> None:
    car = memory_pki.station()
    wish, new = car.wish(car.enrol())
    car.send_authorization(car.wrapped(wish, new)).ok()
    with memory_pki.aa_database.write(durable=False) as tx:
        tx.execute(sa.text("DELETE FROM issuance_record"))
    assert car.send_authorization(car.wrapped(wish, new)).code == "ok"


def test_twenty_envelopes_of_one_wish_at_once_get_one_ticket(memory_pki: Pki) -> None:
    car = memory_pki.station()
    wish, new = car.wish(car.enrol())
    sent = [car.wrapped(wish, new) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        octets = list(pool.map(lambda one: memory_pki.aa.authorize(one.body), sent))
    answers = [
        read_answer(answer, one, memory_pki.aa_certificate, memory_pki.clock)
        for answer, one in zip(octets, sent, strict=True)
    ]
    assert len({answer.ok().certificate for answer in answers}) == 1
    assert states(memory_pki.aa_database) == ["issued"]


def test_refusals_of_strangers_do_not_fill_the_database(
    memory_pki: Pki, monkeypatch: pytest.MonkeyPatch, fixed_clock: FixedClock
) -> None:
    monkeypatch.setattr("v2xpki.authorities.etsi.issuing.REFUSALS_AN_HOUR", 3)
    car = memory_pki.station()

    def refused(times: int) -> int:
        for _ in range(times):
            assert car.send_enrolment(car.enrolment(its_id=b"nobody")).code == "unknownits"
        return sum(table == "enrolment_request" for table, _ in rows(memory_pki.ea_database))

    assert refused(5) == 3
    fixed_clock.advance(HOUR)
    assert refused(5) == 6


def test_the_rows_hours_are_whole(memory_pki: Pki, fixed_clock: FixedClock) -> None:
    fixed_clock.advance(1234)
    memory = memory_pki.ea._memory
    assert memory.forgotten_at(fixed_clock.now) - memory.forgotten_at(fixed_clock.now - 1234) == 0
    assert memory.forgotten_at(fixed_clock.now) >= fixed_clock.now + 24 * HOUR


def test_a_forgotten_request_of_the_aa_is_a_new_one(memory_pki: Pki, fixed_clock: FixedClock) -> None:
    car: TestStation = memory_pki.station()
    car.authorize(car.enrol()).ok()
    fixed_clock.advance(26 * HOUR)
    assert memory_pki.aa.purge() == 1
