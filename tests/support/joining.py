"""Joining what two services hold: could anyone with both tie a ticket to a station?

    held = Held.of(database, logs)                     every column of every table, every line
    join(ea, aa) - allowed                             8-octet runs that are in both, and where

A value is taken apart into all its runs of 8 octets, so that a digest inside a larger blob counts, and a
cut-off one too. Of text its words count, and the octets that hex or base64 in it stand for; large integers
count as 8 octets.
"""

import base64
import binascii
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from tests.support.etsi import rows
from v2xpki.audit import FIELDS, Event
from v2xpki.crypto import Certificate, hash_octets
from v2xpki.store import Database
from v2xpki.time import HOUR
from v2xpki.wire import etsi

RUN = 8  # octets: the length from which a value may join
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}={0,2}")
_WORD = re.compile(rb"[A-Za-z0-9+/_.-]{8,}")
_HOUR = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:00:00Z?")
_LEAP_SECONDS = 5  # whole hours of UTC, counted in TAI seconds since 2004
_CLOCK = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:(\d\d:\d\d(?:\.\d+)?)")


@dataclass
class Held:
    """Everything that a service holds: (where it is, value)."""

    values: list[tuple[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, database: Database, logs: Iterable[Path] = ()) -> "Held":
        """All of a database but for what it says of stations without privacy: a roadside unit's place is in
        its EC and in its tickets, and on the map."""
        found = [(table, row) for table, row in rows(database) if table != "alembic_version"]
        open_ = {row["id"] for table, row in found if table == "station" and row["profile"] == "rsu"}
        theirs = {
            row["certificate"]
            for table, row in found
            if table == "enrolment_credential" and row["station"] in open_
        }
        held = cls()
        for table, row in found:
            if row.get("station") in open_ or row.get("signed") in theirs:
                continue
            if table == "station" and row["id"] in open_:
                continue
            held.values += [(f"{table}.{name}", value) for name, value in row.items() if value is not None]
        for path in logs:
            held.values += [(path.name, line) for line in path.read_text().splitlines()]
        return held

    def runs(self) -> dict[bytes, str]:
        """Every run of RUN octets, and one place where it is."""
        found: dict[bytes, str] = {}
        for where, value in self.values:
            for octets in forms(value):
                found.update(dict.fromkeys(runs_of(octets), where))
        return found

    def fine_times(self) -> list[tuple[str, Any]]:
        """Values that are a time finer than an hour: as a number, or written out in text."""
        found: list[tuple[str, Any]] = []
        for where, value in self.values:
            if isinstance(value, int) and value > 10**8 and value % HOUR not in (0, _LEAP_SECONDS):
                found.append((where, value))
            if isinstance(value, str):
                found += [(where, clock) for clock in _CLOCK.findall(value.encode()) if clock != b"00:00"]
        return found


def forms(value: Any) -> Iterator[bytes]:
    """The octets that a value is, or stands for."""
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if value >> 40:
            yield value.to_bytes(max(8, (value.bit_length() + 7) // 8), "big")
        return
    if isinstance(value, bytes):
        yield value
        return
    octets = _HOUR.sub(b" ", value.encode())  # an hour may be the same anywhere
    # of hex as it is written eight octets stand for four, which are in two texts by chance
    yield from _WORD.findall(_HEX.sub(b" ", octets))
    for word in _HEX.findall(octets):
        yield bytes.fromhex(word[: len(word) & ~1].decode())
    for word in _BASE64.findall(octets):
        plain = word.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        for skipped in range(4):  # it may begin in the middle of a longer word
            rest = plain[skipped:]
            rest = rest[: len(rest) & ~3] if len(rest) & 3 == 1 else rest + b"=" * (-len(rest) & 3)
            try:
                yield base64.b64decode(rest)
            except binascii.Error:
                continue


def runs_of(octets: bytes, length: int = RUN) -> set[bytes]:
    return {octets[i : i + length] for i in range(len(octets) - length + 1)}


def join(one: Held, other: Held) -> dict[bytes, tuple[str, str]]:
    """What both hold: run -> (a place at one, a place at the other)."""
    here, there = one.runs(), other.runs()
    return {run: (here[run], there[run]) for run in here.keys() & there.keys()}


def public_runs(certificates: Iterable[Certificate]) -> set[bytes]:
    """What everyone knows of CAs: their certificates and digests of them."""
    found: set[bytes] = set()
    for certificate in certificates:
        found |= runs_of(certificate.octets)
        for name in ("sha256", "sha384"):
            found |= runs_of(hash_octets(name, certificate.octets))
    return found


def vocabulary() -> set[bytes]:
    """The words that every audit is written with: names of events, of their fields, of messages."""
    words = {event.value for event in Event} | {name for names in FIELDS.values() for name in names}
    words |= set(get_args(etsi.EtsiTs102941DataContentKind))
    return {run for word in words for octets in forms(word) for run in runs_of(octets)}


def spellings(octets: bytes) -> set[bytes]:
    """How 8 octets or more may be written in a file: as they are, in hex, in base64 at any offset."""
    found = {octets, octets.hex().encode(), octets.hex().upper().encode()}
    for before in range(3):
        text = base64.b64encode(bytes(before) + octets)
        # without the characters that depend on what stands before and after
        start, end = -(-before * 8 // 6), (before + len(octets)) * 8 // 6
        found |= {text[start:end], text[start:end].translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def copy_of(database: Path, to: Path) -> Path:
    """A whole copy of a SQLite file that is in use, to be tampered with."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as source, sqlite3.connect(to) as target:
        source.backup(target)
    source.close()
    target.close()
    return to
