"""Calls that begin together, each in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Any

from v2xpki.errors import Refused
from v2xpki.ota.director_reasons import DirectorRefusal


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls give, or the reason for which they refuse, in the calls' order. What else one raises is
    raised."""
    start = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        start.wait()
        try:
            outcomes[number] = calls[number]()
        except (Refused, DirectorRefusal) as error:
            outcomes[number] = error.reason
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return outcomes
