"""The inline pool: what is due gets done, what fails is done later, nothing twice at once."""

import threading

import pytest

from tests.support.recorded import ONE, PATIENCE, TWO, Recorded
from v2xpki.authorities.queue import Job
from v2xpki.jobs import InlinePool
from v2xpki.jobs.pauses import FIRST_PAUSE, LONGEST_PAUSE


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_due_at_the_start_is_done() -> None:
    work = Recorded(ONE, TWO)
    with InlinePool(work, threads=2, tick=0.01):
        work.until(lambda: not work.open)


def test_a_job_that_is_put_does_not_wait_for_the_next_question() -> None:
    work = Recorded()
    with InlinePool(work, tick=3600) as pool:
        pool.put(ONE)
        work.until(lambda: work.begun == [ONE])


def test_a_job_is_not_begun_while_it_runs() -> None:
    work = Recorded(ONE)
    work.hold = threading.Event()
    with InlinePool(work, threads=4, tick=0.001) as pool:
        work.until(lambda: bool(work.begun))
        for _ in range(20):
            pool.put(ONE)
        work.hold.set()
        work.until(lambda: not work.open)
    assert work.most_at_once == 1


def test_a_job_that_fails_is_tried_again_after_a_growing_pause() -> None:
    work, told, clock = Recorded(ONE, fails=3), [], Hands()
    pool = InlinePool(work, failed=lambda job, error: told.append((job, str(error))), monotonic=clock)
    pauses = []
    for _ in range(3):
        pool._known.discard(ONE)
        pool._heap.clear()
        pool._do(ONE)
        pauses.append(pool._heap[0][0])
    assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert told == [(ONE, "not now")] * 3
    pool._failures[ONE] = 50
    work.fails = 1
    pool._heap.clear()
    pool._do(ONE)
    assert pool._heap[0][0] == LONGEST_PAUSE


def test_a_question_that_fails_does_not_end_the_pool() -> None:
    told = threading.Event()
    work = Recorded(ONE)
    whole, asked = work.due, [0]

    def due() -> list[Job]:
        asked[0] += 1
        if asked[0] == 1:
            raise RuntimeError("the database is away")
        return whole()

    work.due = due  # type: ignore[method-assign]
    with InlinePool(work, tick=0.01, failed=lambda job, error: told.set()):
        work.until(lambda: not work.open)
    assert told.is_set()


def test_a_closed_pool_begins_nothing() -> None:
    work = Recorded(ONE)
    pool = InlinePool(work, tick=0.01)
    pool.start()
    pool.close(PATIENCE)
    begun = len(work.begun)
    pool.put(TWO)
    assert len(work.begun) == begun
    assert not any(thread.is_alive() for thread in pool._threads)


@pytest.mark.parametrize("fails", [0, 1])
def test_one_round_in_this_thread(fails: int) -> None:
    work = Recorded(ONE, TWO, fails=fails)
    assert InlinePool(work).run_once() == 2 - fails
