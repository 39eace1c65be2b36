"""A process that works on the RA's chunks dies at any instant: nothing is lost, nothing certified twice.

The child is a fork of the test: it has the databases of all components in files, opens them anew, and is
killed by the kernel, so that nothing of it is tidied up.
"""

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.scms import NotingKeystore, die
from tests.support.scms_line import PERIODS, batch, certificates, chunks, new_laboratory, states
from v2xpki.authorities.scms import ra_chunks, ra_line
from v2xpki.bench.scms_line_laboratory import Granted, LineLaboratory
from v2xpki.issuance import ChunkIssuer
from v2xpki.store.aca import IssuanceChunk
from v2xpki.store.auditing import require_intact
from v2xpki.store.chunks import tbs_of, unpack

VARIANTS = "original", "unified", "compactUnified"
WANTED = len(VARIANTS) * PERIODS * 3


def at_call(target: Any, name: str, number: int = 1, *, after: bool = False) -> Callable[[Any], None]:
    """Die at the n-th call of a method or function of `target(laboratory)`."""

    def arm(laboratory: LineLaboratory) -> None:
        holder = target(laboratory)
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
    "a chunk is being formed": at_call(lambda _: ra_chunks, "form", after=True),
    "the chunk is formed": at_call(lambda lab: lab.line, "run"),
    "the chunk is claimed": at_call(lambda lab: lab.line, "_work"),
    "one linkage authority has answered": at_call(
        lambda lab: lab.la_links[0], "pre_linkage_values", after=True
    ),
    "the other is to be asked": at_call(lambda lab: lab.la_links[1], "pre_linkage_values"),
    "the requests are signed": at_call(lambda lab: lab.line, "_ask", after=True),
    "the ACA has recorded": at_call(lambda _: ChunkIssuer, "issue"),
    "the ACA has signed all": at_call(lambda _: ChunkIssuer, "issue", after=True),
    "the ACA has stored": at_call(lambda lab: lab.aca, "_store", after=True),
    "the ACA has answered": at_call(lambda lab: lab.aca_link, "certify", after=True),
    "some ZIPs are packed": at_call(lambda _: ra_line, "pack_archive", 3, after=True),
    "what came is to be stored": at_call(lambda _: ra_chunks, "close"),
    "the job is done": at_call(lambda _: ra_chunks, "close", after=True),
}


@pytest.fixture
def flock(tmp_path: Path) -> Iterator[tuple[LineLaboratory, list[Granted]]]:
    laboratory = new_laboratory(tmp_path, keystores={"aca": NotingKeystore(tmp_path / "notes")})
    granted = [laboratory.grant(variant) for variant in VARIANTS]
    yield laboratory, granted
    laboratory.close()


def in_child(laboratory: LineLaboratory, arm: Callable[[Any], None]) -> int:
    """Do the jobs in a child that `arm` may kill; its wait status."""
    child = os.fork()
    if child == 0:
        try:
            laboratory.open()
            arm(laboratory)
            laboratory.work()
        except BaseException:
            os._exit(70)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def check(laboratory: LineLaboratory, granted: list[Granted]) -> None:
    """Whatever happened before: the work comes to its end, each cocoon key with one certificate."""
    laboratory.open()
    laboratory.work()
    assert states(laboratory) == ["packed"] * (len(VARIANTS) * PERIODS) and chunks(laboratory) == []
    held = {}
    for one in granted:
        for i in range(PERIODS):
            names = batch(laboratory, one, i).hashes
            for j, certificate in enumerate(certificates(laboratory, one, i)):
                held[certificate.octets] = certificate
                assert names[8 * j : 8 * j + 8] == laboratory.aca.linked(certificate).request_hash
    assert len(held) == WANTED
    with laboratory.databases["aca"].read() as tx:
        rows = tx.execute(sa.select(IssuanceChunk.state, IssuanceChunk.octets)).all()
    entries = [entry for row in rows for entry in unpack(bytes(row.octets))]
    assert {row.state for row in rows} <= {"issued", "void"}
    assert {entry.octets for entry in entries if entry.signed} == set(held)
    # what may have been signed was never signed again: each ToBeSignedCertificate is recorded once
    assert set(Counter(map(tbs_of, entries)).values()) == {1}
    notes = laboratory.keystores["aca"].signed()
    assert len(notes) == len(set(notes))
    for database in laboratory.databases.values():
        require_intact(database)


@pytest.mark.parametrize("point", list(POINTS))
def test_a_worker_killed_at_a_step_loses_nothing(flock: Any, point: str) -> None:
    laboratory, granted = flock
    status = in_child(laboratory, POINTS[point])
    assert os.WTERMSIG(status) == signal.SIGKILL
    check(laboratory, granted)


def test_workers_killed_at_random_instants_lose_nothing(flock: Any) -> None:
    """Several die one after the other, each at some function call of the work."""
    (laboratory, granted), dice = flock, random.Random(7)

    def counting(most: int) -> Callable[[Any], None]:
        def arm(_: Any) -> None:
            calls = 0

            def profile(frame: Any, event: str, argument: Any) -> None:
                nonlocal calls
                calls += event == "call"
                if calls == most:
                    die()

            sys.setprofile(profile)

        return arm

    killed = 0
    for instant in sorted(dice.sample(range(100, 9_000), 10)):
        status = in_child(laboratory, counting(instant))
        killed += os.WIFSIGNALED(status)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    assert killed
    check(laboratory, granted)
