"""The garbage collector, kept from looking at what a process imports and never gives back.

Imports make some 300,000 objects that live as long as the process. The collector would look at them again and
again while they are made, and once more at the end: 0.3 to 0.45 s of CPU of the second that a command took.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = 50_000  # more objects than before, at least, until the next look


def collect_seldom() -> None:
    """For a command: what is imported when it is wanted costs no look each time, nor does the end."""
    gc.set_threshold(_SELDOM)
    atexit.register(gc.freeze)


@contextmanager
def kept() -> Iterator[None]:
    """For a process that serves: what is made in the block stays. Nobody looks at it, also after a fork,
    where a look would copy the pages that processes share."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
