"""A linkage authority's process dies at any instant: what it gave stays true, batches begin whole or not.

The child is a fork of the test with the database opened anew, killed by the kernel. What it gives it writes
to a file, as an RA would have it.
"""

import os
import random
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.linkage import CASE, La, asked, lci, opened
from tests.unit.authorities.linkage.test_la_values import chains, events
from v2xpki.authorities.scms.la_chains import Transaction
from v2xpki.store import Database
from v2xpki.store.auditing import require_intact
from v2xpki.store.la import RevocationCase

FIRST = [(lci(n), 0, range(5)) for n in range(4)]
SECOND = [(lci(n), 0, range(5)) for n in range(2, 9)]
NEW = 5  # chains of SECOND that FIRST has not


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(la: La, arm, work, out: Path) -> int:
    """Do the work, armed, in a child; how it ended."""
    child = os.fork()
    if child == 0:
        try:
            with Database.open(la.database._url.render_as_string(False), clock=la.clock) as database:
                mine = la.again(database)
                arm(mine)
                with out.open("wb", buffering=0) as file:
                    work(mine, file)
        except BaseException:
            os._exit(70)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def two_batches(la: La, file) -> None:
    for batch in (FIRST, SECOND):
        for made in la.authority.pre_linkage_values(asked(batch), ra="ra"):
            for octets in made:
                file.write(octets)


def given(la: La, out: Path) -> list[bytes]:
    octets = out.read_bytes() if out.exists() else b""
    return opened([octets[k : k + 55] for k in range(0, len(octets) - len(octets) % 55, 55)], la.shared)


def check(la: La, out: Path) -> None:
    held = given(la, out)
    assert len(chains(la)) in (0, len(FIRST), len(FIRST) + NEW)
    assert len(held) <= 5 * len(chains(la)) + 10
    now = [value for batch in (FIRST, SECOND) for values in la.ask(*batch) for value in values]
    assert now[: len(held)] == held
    assert [detail for _, detail in events(la)] == ['{"count":4}', '{"count":5}']
    require_intact(la.database)


def at_commit(number, *, before):
    """Die in the n-th transaction that writes, at its very end or after it."""

    def arm(la: La) -> None:
        append, leave, count = Transaction._append, Transaction.__exit__, [0]

        def appended(tx):
            append(tx)
            count[0] += 1
            if before and count[0] == number:
                die()

        def left(tx, *error):
            leave(tx, *error)
            if count[0] == number:
                die()

        Transaction._append, Transaction.__exit__ = appended, left

    return arm


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("before", [True, False])
def test_a_batch_is_begun_as_a_whole_or_not_at_all(la, tmp_path, number, before):
    out = tmp_path / "given"
    status = in_child(la, at_commit(number, before=before), two_batches, out)
    assert os.WTERMSIG(status) == signal.SIGKILL
    expected = [0, len(FIRST), len(FIRST) + NEW][number - before]
    assert len(chains(la)) == expected
    check(la, out)


def test_killed_at_random_instants_it_has_given_nothing_that_is_not_so_later(make_la, tmp_path):
    dice, killed = random.Random(5), 0
    for turn in range(12):
        la, out, most = make_la(), tmp_path / f"given-{turn}", dice.randrange(20, 1500)

        def arm(_, most=most):
            calls = 0

            def profile(*_):
                nonlocal calls
                calls += 1
                if calls == most:
                    die()

            sys.setprofile(profile)

        killed += os.WIFSIGNALED(in_child(la, arm, two_batches, out))
        check(la, out)
    assert killed > 6


@pytest.mark.parametrize("before", [True, False])
def test_a_seed_that_may_have_left_is_on_the_record(la, tmp_path, before):
    (values,) = la.ask((lci(1), 0, [7]))
    named = la.revocation.chain_of(values[0], 0, 7, CASE)

    def revoke(mine: La, file) -> None:
        file.write(mine.revocation.seed_at(named, 2, CASE))

    out = tmp_path / "given"
    status = in_child(la, at_commit(1, before=before), revoke, out)
    assert os.WTERMSIG(status) == signal.SIGKILL and out.read_bytes() == b""
    with la.database.read() as tx:
        assert tx.execute(sa.select(RevocationCase.i_rev)).scalar() == (None if before else 2)
    assert ("linkage.revoked" in dict(events(la))) is not before
    assert len(la.revocation.seed_at(named, 2, CASE)) == 16
    assert [event for event, _ in events(la)].count("linkage.revoked") == 1
    require_intact(la.database)
