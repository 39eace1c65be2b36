"""Calls of several threads, worked on together: who comes while others are worked on waits, and all that wait
by then are the next batch. The thread of the first of them works on it.

    call = Together(work, most=16)   work: inputs -> outcomes; an exception is the outcome of one input alone
    result = call(one)
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class _Call(Generic[In, Out]):
    """An input, until its outcome is there."""

    __slots__ = ("_news", "one", "outcome")

    def __init__(self, one: In) -> None:
        self.one = one
        self.outcome: Out | BaseException | None = None
        self._news = threading.Lock()
        self._news.acquire()

    def wait(self) -> None:
        """Until there is an outcome, or it is this one's turn to work."""
        self._news.acquire()

    def wake(self) -> None:
        self._news.release()


class Together(Generic[In, Out]):
    """most: inputs of a batch."""

    def __init__(self, work: Callable[[Sequence[In]], Sequence[Out | Exception]], *, most: int) -> None:
        self._work, self._most = work, most
        self._lock = threading.Lock()
        self._waiting: deque[_Call[In, Out]] = deque()
        self._busy = False

    def __call__(self, one: In) -> Out:
        """The outcome of one input. Raises its exception, or what the work itself raised."""
        call: _Call[In, Out] = _Call(one)
        with self._lock:
            self._waiting.append(call)
            waits, self._busy = self._busy, True
        if waits:
            call.wait()
        if call.outcome is None:
            self._lead()
        if isinstance(call.outcome, BaseException):
            raise call.outcome
        assert call.outcome is not None
        return call.outcome

    def _lead(self) -> None:
        """Work on the next batch, the own call first in it, and let the next one lead."""
        with self._lock:
            calls = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        outcomes: Sequence[Out | BaseException]
        try:
            outcomes = self._work([call.one for call in calls])
        except BaseException as error:
            outcomes = [error] * len(calls)
        for call, outcome in zip(calls, outcomes, strict=True):
            call.outcome = outcome
        with self._lock:
            self._busy = bool(self._waiting)
            following = self._waiting[0] if self._waiting else None
        if following is not None:
            following.wake()
        for call in calls[1:]:
            call.wake()
