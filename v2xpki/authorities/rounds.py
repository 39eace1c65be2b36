"""Rounds in which the lists of a trust folder are fetched: whose turn it is, how the last one went.

One process of all does a round: it holds the lock of trust/.refresh, which also says when the last one was.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

STATE = ".refresh"
#: Seconds until what failed is tried again.
AFTER_FAILURE = 10
#: What a round says where a successor was refused; it is no list.
SUCCESSOR = "successor"


class Fetched(NamedTuple):
    """An answer; `octets` is None where nothing changed since the given ETag."""

    octets: bytes | None
    etag: str = ""


@dataclass
class ListState:
    """What is known of one list since the last round. Times in TAI seconds."""

    outcome: str  # "unchanged", "replaced", "failed"
    next_update: int = 0
    problem: str = ""


@dataclass
class ForeignState:
    """What is known of another root's lists. TAI seconds: when they were last asked for, when last nothing
    failed, and since when the root is followed."""

    at: int = 0
    well: int = 0
    since: int = 0
    lists: dict[str, ListState] = field(default_factory=dict)


@dataclass
class Round:
    """The last round of all processes."""

    at: int = 0
    #: The last round in which nothing of the own lists failed.
    well: int = 0
    lists: dict[str, ListState] = field(default_factory=dict)
    #: Other roots, by HashedId8 in hex.
    foreign: dict[str, ForeignState] = field(default_factory=dict)


@contextlib.contextmanager
def turn(folder: Path) -> Iterator[IO[str] | None]:
    """The file of a trust folder's rounds, locked; None where another process is at one."""
    with (folder / STATE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            # one that was replaced since it was opened is nobody's lock: its round is over
            present = os.path.samestat(os.fstat(file.fileno()), (folder / STATE).stat())
            yield file if present else None


def last_round(folder: Path) -> Round:
    """The last round of any process; one of nothing where there was none."""
    try:
        with (folder / STATE).open(encoding="utf-8") as file:
            return read_round(file)
    except OSError:
        return Round()


def replace(path: Path, octets: bytes) -> None:
    """Put octets in a file's place: whoever reads has the old ones or the new ones, also after a crash."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_round(file: IO[str]) -> Round:
    """The last round in it; one of nothing where there is none."""
    file.seek(0)
    try:
        table = json.loads(file.read())
        foreign = {
            name: ForeignState(**entry | {"lists": _states(entry["lists"])})
            for name, entry in table.get("foreign", {}).items()
        }
        return Round(table["at"], table["well"], _states(table["lists"]), foreign)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Round()  # new, or cut off by a crash


def _states(table: Mapping[str, Any]) -> dict[str, ListState]:
    return {name: ListState(**entry) for name, entry in table.items()}


def write_round(file: IO[str], found: Round) -> None:
    """Put a round in the place of the file of rounds, which ends this turn: whoever reads has the former one
    or this one. Where there is no room for another file, it is written into the one that is there."""
    text, path = json.dumps(asdict(found)), Path(file.name)
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        file.seek(0)
        file.truncate()
        file.write(text)
        file.flush()
