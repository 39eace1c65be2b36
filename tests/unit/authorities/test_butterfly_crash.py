"""A process that works on butterfly jobs dies at any instant: nothing is lost, nothing certified twice.

The child is a fork of the test: it has the EA's and the AA's databases in files, opens them anew, and is
killed by the kernel, so that nothing of it is tidied up.
"""

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.butterfly import PERIODS, POLICY, Flock, work
from tests.support.etsi import Pki
from v2xpki import wire
from v2xpki.authorities.etsi import butterfly_supply
from v2xpki.store.auditing import require_intact
from v2xpki.store.base import IssuanceRecord
from v2xpki.store.ea import ButterflyBatch, ButterflyChunk
from v2xpki.wire import dot2

STATIONS = 2
PERIODS_AHEAD = 4
WANTED = STATIONS * PERIODS_AHEAD * POLICY.certificates


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(target: Any, name: str, number: int, *, after: bool = False) -> Callable[[Pki], None]:
    """Die at the n-th call of a method or function of `target(pki)`."""

    def arm(pki: Pki) -> None:
        holder = target(pki)
        whole, calls = getattr(holder, name), [0]

        def counted(*arguments: Any, **options: Any) -> Any:
            calls[0] += 1
            if calls[0] == number and not after:
                die()
            result = whole(*arguments, **options)
            if calls[0] == number:
                die()
            return result

        setattr(holder, name, counted)

    return arm


POINTS = {
    "the chunk is formed": at_call(lambda pki: pki.supply, "run", 1),
    "the chunk is claimed": at_call(lambda pki: pki.supply, "_work", 1),
    "the keys are expanded": at_call(lambda pki: pki.supply, "_expand", 1, after=True),
    "the AA is to be asked": at_call(lambda pki: pki.link, "certify", 1),
    "the AA has recorded": at_call(lambda pki: pki.issuers["aa"], "issue", 1),
    "the AA has signed some": at_call(lambda pki: pki.issuers["aa"], "issue", 9),
    "the AA has signed all": at_call(lambda pki: pki.aa._butterfly, "_sign", 1, after=True),
    "the AA has answered": at_call(lambda pki: pki.link, "certify", 1, after=True),
    "the ZIPs are packed": at_call(lambda _: butterfly_supply, "pack_archive", 8, after=True),
    "the job is done": at_call(lambda pki: pki.supply, "_work", 1, after=True),
}


def in_child(pki: Pki, arm: Callable[[Pki], None]) -> int:
    """Do the jobs in a child that `arm` may kill; its wait status."""
    child = os.fork()
    if child == 0:
        try:
            arm(pki)
            work(pki)
        except BaseException:
            os._exit(70)
        os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.fixture
def flocks(make_pki: Callable[..., Pki]) -> list[Flock]:
    pki = make_pki(butterfly=POLICY)
    made = []
    for number in range(STATIONS):
        made.append(Flock(pki, pki.station(f"car-{number}").enrol()))
        made[-1].request()
    return made


def check(flocks: list[Flock]) -> None:
    """Whatever happened before: the work comes to its end, each cocoon key with one certificate."""
    pki = flocks[0].pki
    work(pki)
    first = PERIODS.at(pki.clock.now)
    held = {
        ticket.certificate.octets
        for flock in flocks
        for period in range(first, first + PERIODS_AHEAD)
        for ticket in flock.tickets(period)
    }
    assert len(held) == WANTED
    with pki.aa_database.read() as tx:
        columns = IssuanceRecord.state, IssuanceRecord.to_be_signed, IssuanceRecord.signed
        records = tx.execute(sa.select(*columns).where(IssuanceRecord.kind == "AT")).all()
    issued = [record for record in records if record.state == "issued"]
    assert {record.signed for record in issued} == held
    keys = Counter(
        wire.decode(dot2.ToBeSignedCertificate, record.to_be_signed).verify_key_indicator for record in issued
    )
    assert set(keys.values()) == {1}
    assert {record.state for record in records} <= {"issued", "void"}
    with pki.ea_database.read() as tx:
        assert tx.execute(sa.select(ButterflyChunk.id)).all() == []
        assert {*tx.execute(sa.select(ButterflyBatch.state)).scalars()} == {"packed"}
    require_intact(pki.ea_database)
    require_intact(pki.aa_database)


@pytest.mark.parametrize("point", list(POINTS))
def test_a_worker_killed_at_a_step_loses_nothing(flocks: list[Flock], point: str) -> None:
    status = in_child(flocks[0].pki, POINTS[point])
    assert os.WTERMSIG(status) == signal.SIGKILL
    check(flocks)


def test_workers_killed_at_random_instants_lose_nothing(flocks: list[Flock]) -> None:
    """Several die one after the other, each at some function call of the work."""
    pki, dice = flocks[0].pki, random.Random(11)

    def counting(most: int) -> Callable[[Pki], None]:
        def arm(_: Pki) -> None:
            calls = 0

            def profile(frame: Any, event: str, argument: Any) -> None:
                nonlocal calls
                calls += event == "call"
                if calls == most:
                    die()

            sys.setprofile(profile)

        return arm

    killed = 0
    for instant in sorted(dice.sample(range(100, 6_000), 8)):
        status = in_child(pki, counting(instant))
        killed += os.WIFSIGNALED(status)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    assert killed
    check(flocks)


def test_a_worker_that_goes_on_beside_a_new_one_packs_nothing_twice(flocks: list[Flock]) -> None:
    """A process that was taken for dead comes back: what it has to store is not stored over the other's."""
    pki = flocks[0].pki
    (job,) = pki.supply.due()
    batches = pki.supply._claim(job.key)
    assert batches is not None
    with pki.ea_database.write(durable=True) as tx:  # as if this one's lock were lost
        tx.execute(sa.update(ButterflyChunk).values(open_by=b"someone"))
    pki.supply._work(job.key, batches)
    with pki.ea_database.read() as tx:
        assert {*tx.execute(sa.select(ButterflyBatch.state)).scalars()} == {"taken"}
    check(flocks)
