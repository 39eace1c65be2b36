"""A process of its own for a domain's token.

SoftHSM reads its configuration once a process, and a process that held one domain's token must not come to
hold another's.

    with Apart() as process:
        labels = process.call(make_keys, directory)

What is called is a function of a module, with arguments and an answer that can be pickled; no secret is
among them.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from v2xpki import errors
from v2xpki.errors import V2xPkiError

P = ParamSpec("P")
R = TypeVar("R")
_END = 5.0  # seconds for a process without work to end


class Apart:
    """A process that does one call after another. A context manager; a call that is out of time ends it."""

    def __init__(self, *, timeout: float = 120.0) -> None:
        """timeout: seconds for one call."""
        self._timeout = timeout

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("forkserver")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,))
        self._process.start()
        theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.join(_END)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's answer. Raises the other process's error, by its kind where a message is all that
        it needs; else V2xPkiError that says its name."""
        name = function.__name__
        try:
            self._ours.send((function, args, kwargs))
            if not self._ours.poll(self._timeout):
                self._process.kill()
                raise V2xPkiError(f"{name} did not finish within {self._timeout:.0f} s")
            done, answer = self._ours.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise V2xPkiError(f"{name}: its process ended without a word") from None
        if not done:
            raise _error(*answer)
        found: R = answer
        return found


def _work(connection: Any) -> None:
    # a Ctrl-C at the terminal is our parent's alone: it ends us when it is done with what it undoes
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.pop("SOFTHSM2_CONF", None)  # the domain's own is found through the settings
    while True:
        try:
            function, args, kwargs = connection.recv()
        except EOFError:
            return
        try:
            answer = True, function(*args, **kwargs)
        except (V2xPkiError, OSError) as error:
            answer = False, (type(error).__name__, str(error), getattr(error, "hint", ""))
        connection.send(answer)


def _error(name: str, message: str, hint: str) -> V2xPkiError:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, V2xPkiError) and kind.__init__ is V2xPkiError.__init__:
        return kind(message, hint=hint)
    return V2xPkiError(f"{name}: {message}", hint=hint)
