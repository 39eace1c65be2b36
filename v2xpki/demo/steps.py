"""The steps of a demo: told to whoever watches while they happen, timed, and kept for the report."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """One finished step; `outcome` in a few words."""

    title: str
    outcome: str
    seconds: float


class Watch(Protocol):
    """Shows a demo's progress. Called from one thread, in this order."""

    def begin(self, title: str) -> None: ...

    def tell(self, text: str) -> None: ...

    def end(self, step: Step) -> None: ...

    def failed(self, title: str) -> None: ...


class Silent:
    """Nobody watches."""

    def begin(self, title: str) -> None: ...

    def tell(self, text: str) -> None: ...

    def end(self, step: Step) -> None: ...

    def failed(self, title: str) -> None: ...


@dataclass
class Note:
    """What a step says while it works; the last word is its outcome."""

    watch: Watch
    outcome: str = ""

    def __call__(self, text: str) -> None:
        self.outcome = text
        self.watch.tell(text)


class Steps:
    """All steps of one demo."""

    def __init__(self, watch: Watch | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._watch, self._monotonic = watch or Silent(), monotonic
        self.done: list[Step] = []

    @contextmanager
    def step(self, title: str) -> Iterator[Note]:
        """One step; an exception is told and goes on its way."""
        start, note = self._monotonic(), Note(self._watch)
        self._watch.begin(title)
        try:
            yield note
        except BaseException:
            self._watch.failed(title)
            raise
        step = Step(title, note.outcome, self._monotonic() - start)
        self.done.append(step)
        self._watch.end(step)
