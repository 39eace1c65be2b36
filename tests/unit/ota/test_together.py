"""Calls of several threads are worked on together, and each gets what is its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from v2xpki.ota.together import Together


class Work:
    """Doubles numbers, notes the batches, and holds the first until it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()
        if not held:
            self.go.set()

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        self.begun.set()
        assert self.go.wait(20)
        return [ValueError(f"{number} is odd") if number % 2 else 2 * number for number in numbers]


def queued(call: Together[int, int]) -> int:
    return len(call._waiting)


def started(
    pool: ThreadPoolExecutor, call: Together[int, int], work: Work, numbers: Sequence[int]
) -> list[Future[int]]:
    """The first of the calls is being worked on, the others wait, in their order."""
    made = [pool.submit(call, numbers[0])]
    assert work.begun.wait(20)
    for at, number in enumerate(numbers[1:], 1):
        made.append(pool.submit(call, number))
        until(lambda at=at: queued(call) == at)
    return made


def until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(4000):
        if holds():
            return
        pause.wait(0.005)
    pytest.fail("not within 20 s")


def test_a_lone_call_is_a_batch_of_its_own() -> None:
    work = Work()
    call = Together(work, most=4)
    assert [call(2), call(4)] == [4, 8]
    assert work.batches == [[2], [4]]


def test_what_comes_while_others_are_worked_on_is_one_batch() -> None:
    work = Work(held=True)
    call = Together(work, most=8)
    with ThreadPoolExecutor(4) as pool:
        made = started(pool, call, work, [2, 4, 6, 8])
        work.go.set()
        assert [one.result(20) for one in made] == [4, 8, 12, 16]
    assert work.batches == [[2], [4, 6, 8]]


def test_no_batch_is_longer_than_it_may_be_and_nobody_is_left_waiting() -> None:
    work = Work(held=True)
    call = Together(work, most=2)
    with ThreadPoolExecutor(6) as pool:
        made = started(pool, call, work, [2, 4, 6, 8, 10, 12])
        work.go.set()
        assert [one.result(20) for one in made] == [4, 8, 12, 16, 20, 24]
    assert work.batches == [[2], [4, 6], [8, 10], [12]]
    assert call(2) == 4


def test_an_exception_is_the_outcome_of_its_call_alone() -> None:
    work = Work(held=True)
    call = Together(work, most=8)
    with ThreadPoolExecutor(4) as pool:
        made = started(pool, call, work, [2, 3, 4])
        work.go.set()
        assert (made[0].result(20), made[2].result(20)) == (4, 8)
        with pytest.raises(ValueError, match="3 is odd"):
            made[1].result(20)


def test_where_the_work_itself_fails_every_call_hears_of_it_and_the_next_is_worked_on() -> None:
    class Failing(Work):
        def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
            if len(super().__call__(numbers)) > 1:
                raise KeyboardInterrupt
            return list(numbers)

    work = Failing(held=True)
    call = Together(work, most=8)
    with ThreadPoolExecutor(3) as pool:
        made = started(pool, call, work, [2, 4, 6])
        work.go.set()
        assert made[0].result(20) == 2
        for one in made[1:]:
            with pytest.raises(KeyboardInterrupt):
                one.result(20)
    assert call(8) == 8
