"""Processes that die of SIGKILL at a named point."""

import os
import signal
from collections.abc import Callable
from typing import Any


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(function: Callable[..., Any], *, within: bool = False) -> Callable[..., Any]:
    """The function, and death after it; `within` a transaction, its first argument, that has sent all but its
    commit."""

    def call(*args: Any) -> Any:
        made = function(*args)
        if within:
            args[0]._append()
        die()
        return made

    return call
