"""A ceremony in a process of its own, for commands that go on afterwards.

SoftHSM reads its configuration once a process, and a process that held the root's token must not come to hold
another domain's.
"""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from v2xpki.authorities.etsi import ceremony
from v2xpki.errors import (
    AlreadyRecorded,
    AuditError,
    CeremonyRefused,
    ConfigError,
    InvalidList,
    KeyNotFound,
    KeyRefused,
    RecordFailed,
    StoreError,
    TokenLost,
    V2xPkiError,
)

_PLAIN: tuple[type[V2xPkiError], ...] = (
    AlreadyRecorded, AuditError, CeremonyRefused, ConfigError, InvalidList, KeyNotFound, KeyRefused,
    RecordFailed, StoreError, TokenLost,
)  # fmt: skip
_TIMEOUT = 300.0  # seconds; a run of long lists takes a few


@dataclass(frozen=True, slots=True)
class Held:
    """What a ceremony left."""

    title: str
    outputs: tuple[Path, ...]
    warnings: tuple[str, ...]
    transcript: Path


#: How a ceremony file is run for one who has confirmed it: the file and the operator's name.
Holder = Callable[[Path, str], Held]


def hold(file: Path, operator: str) -> Held:
    """Run a ceremony file that the operator has confirmed. Raises the other process's error."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["v2xpki.authorities.etsi.ceremony_process"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, file, operator))
    process.start()
    theirs.close()
    try:
        if not ours.poll(_TIMEOUT):
            raise V2xPkiError(f"ceremony {file.name} did not finish within {_TIMEOUT:.0f} s")
        answer = ours.recv()
    except EOFError:
        raise V2xPkiError(f"ceremony {file.name}: its process ended without a word") from None
    finally:
        ours.close()
        process.join(1.0)
        if process.is_alive():
            process.kill()
            process.join()
    if not isinstance(answer, Held):
        name, message, hint = answer
        raise _error(name, f"ceremony {file.name}: {message}", hint)
    return answer


def held(outcome: ceremony.Outcome) -> Held:
    """What is handed on of an outcome."""
    return Held(
        outcome.title,
        tuple(output.path for output in outcome.outputs),
        tuple(outcome.warnings),
        outcome.transcript,
    )


def _work(connection: Any, file: Path, operator: str) -> None:
    os.environ.pop("SOFTHSM2_CONF", None)  # the domain's own is found through the settings
    try:
        outcome = ceremony.run(file, operator=operator, confirm=lambda _: True)
    except V2xPkiError as error:
        connection.send((type(error).__name__, str(error), error.hint))
    except OSError as error:
        connection.send((type(error).__name__, str(error), ""))
    else:
        connection.send(held(outcome))


def _error(name: str, message: str, hint: str) -> V2xPkiError:
    """The other process's error where a message is all that it needs; else one that says its name."""
    kind = {error.__name__: error for error in _PLAIN}.get(name)
    return kind(message, hint=hint) if kind is not None else V2xPkiError(f"{name}: {message}", hint=hint)
