"""The certificates that a device signs its messages with, kept in files; and which one it uses now.

    store = CredentialStore(folder, clock, Rotation(seconds=300))
    store.add(supply.name, i, batch.made)
    credential = store.use(32)                a message of psid 32 goes out under this one

    <H8>_<I>.json     certificates and private keys of one period, 0600
    in-use.json       what is in use, and since when

Rotation, so that nobody follows a vehicle by its certificate: after so many seconds or messages, or on
demand, another one at random; never the same j twice in a row, where there is another; never one that is not
in force. When a period begins, its certificates are chosen and no others; the one in use stays, in the
overlap, until it is due. A change is on the disk before the first message under it.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import CryptoError, DecodeError
from v2xpki.keystore.memory import MemoryKey
from v2xpki.station.errors import BadState, NoCredential
from v2xpki.station.files import clear_unfinished, read_secret, write_whole
from v2xpki.station.scms.archives import Credential
from v2xpki.time import Clock

_IN_USE = "in-use.json"


class Rotation(NamedTuple):
    """When another certificate is due; 0: not for that reason."""

    seconds: int = 300
    messages: int = 0


ROTATION = Rotation()


@dataclass(frozen=True)
class Held:
    """A certificate in a file. Its parts are made of the text when they are asked for."""

    i: int
    j: int
    start: int
    end: int
    text: str
    scalar: str = field(repr=False)

    @cached_property
    def certificate(self) -> Certificate:
        return Certificate.parse(bytes.fromhex(self.text))

    @cached_property
    def key(self) -> MemoryKey:
        return MemoryKey(Curve.NIST_P256, int(self.scalar, 16))

    @property
    def psids(self) -> frozenset[int]:
        return frozenset(self.certificate.app_permissions)


class _Span(NamedTuple):
    """What is in force from a moment until another."""

    start: int
    end: int
    held: tuple[Held, ...]


@dataclass
class _InUse:
    """since: Time32; count: messages so far."""

    held: Held
    since: int
    count: int = 0


class CredentialStore:
    """Not for two processes at once, nor several threads. choose(n): a number below n, not to be foreseen."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        rotation: Rotation = ROTATION,
        choose: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        """Raises BadState for files that are damaged, or that others may read."""
        self._folder, self._clock, self._rotation, self._choose = folder, clock, rotation, choose
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        clear_unfinished(folder)
        self._files = {
            path.stem: tuple(_read(path)) for path in sorted(folder.glob("*.json")) if path.name != _IN_USE
        }
        # one for each set of psids: services that share certificates share the one in use
        self._in_use: dict[frozenset[int], _InUse] = {}
        self._now: _Span | None = None
        self._last: dict[frozenset[int], int] = {}
        self._resume()

    def __len__(self) -> int:
        return sum(map(len, self._files.values()))

    def all(self) -> Iterator[Held]:
        """Everything that is kept, by file."""
        for entries in self._files.values():
            yield from entries

    def add(self, request: str, i: int, made: Iterable[Credential]) -> None:
        """Keep the certificates of a period: in one file, so all or none. request: Supply.name."""
        entries = tuple(
            Held(
                one.i,
                one.j,
                one.certificate.start,
                one.certificate.end,
                one.certificate.octets.hex(),
                one.key.private.to_bytes(32, "big").hex(),
            )
            for one in made
        )
        name = f"{request}_{i:X}"
        document = [
            {"i": e.i, "j": e.j, "start": e.start, "end": e.end, "certificate": e.text, "key": e.scalar}
            for e in entries
        ]
        write_whole(self._folder / f"{name}.json", json.dumps(document).encode() + b"\n", 0o600)
        self._files[name], self._now = entries, None

    def drop_expired(self) -> int:
        """Remove the files of which nothing is in force any more; how many certificates went."""
        now, gone = self._clock.time32(), 0
        for name, entries in list(self._files.items()):
            if all(entry.end <= now for entry in entries):
                (self._folder / f"{name}.json").unlink(missing_ok=True)
                del self._files[name]
                self._now = None
                gone += len(entries)
        return gone

    def use(self, psid: int) -> Held:
        """The certificate for a message that goes out now. Raises NoCredential."""
        group, now = self._group(psid), self._clock.time32()
        used = self._in_use.get(group)
        if used is None or self._is_due(used, now) or not used.held.start <= now < used.held.end:
            used = self._change(group, now)
        used.count += 1
        return used.held

    def change(self) -> None:
        """Use others from now on, for all services, where there are others."""
        now = self._clock.time32()
        for group in list(self._in_use):
            if self._in_force(group, now):
                self._change(group, now)

    def in_use(self) -> tuple[Held, ...]:
        """What messages were signed with last."""
        return tuple(used.held for used in self._in_use.values())

    def _is_due(self, used: _InUse, now: int) -> bool:
        seconds, messages = self._rotation
        if now < used.since:  # the clock was set back: since when, nobody knows
            return bool(seconds)
        return bool((seconds and now - used.since >= seconds) or (messages and used.count >= messages))

    def _change(self, group: frozenset[int], now: int) -> _InUse:
        """Another one in force, of the newest period that has begun."""
        fitting = self._in_force(group, now)
        newest = max(held.i for held in fitting)
        fitting = [held for held in fitting if held.i == newest]
        others = [held for held in fitting if held.j != self._last.get(group)]
        chosen = (others or fitting)[self._choose(len(others or fitting))]
        used = _InUse(chosen, now)
        self._write({**self._in_use, group: used})
        self._in_use[group], self._last[group] = used, chosen.j
        return used

    def _group(self, psid: int) -> frozenset[int]:
        """The set of psids whose certificates are used for this one: the largest in force."""
        now = self._clock.time32()
        found = {held.psids for held in self._current(now) if psid in held.psids}
        if not found:
            raise NoCredential(
                f"no certificate in force that holds psid {psid}", hint="download, or request one"
            )
        return max(found, key=lambda psids: (len(psids), sorted(psids)))

    def _in_force(self, group: frozenset[int], now: int) -> list[Held]:
        return [held for held in self._current(now) if held.psids == group]

    def _current(self, now: int) -> tuple[Held, ...]:
        """What is in force, looked up anew only where something begins or ends."""
        if self._now is None or not self._now.start <= now < self._now.end:
            changes = {moment for held in self.all() for moment in (held.start, held.end)}
            self._now = _Span(
                max((moment for moment in changes if moment <= now), default=0),
                min((moment for moment in changes if moment > now), default=1 << 32),
                tuple(held for held in self.all() if held.start <= now < held.end),
            )
        return self._now.held

    # --- what is in use, over a restart ------------------------------------------------------------

    def _write(self, in_use: dict[frozenset[int], _InUse]) -> None:
        document = [
            {
                "psids": sorted(group),
                "certificate": used.held.certificate.hex8,
                "j": used.held.j,
                "since": used.since,
            }
            for group, used in in_use.items()
        ]
        write_whole(self._folder / _IN_USE, json.dumps(document).encode() + b"\n", 0o600)

    def _resume(self) -> None:
        """Go on with what was in use; with a limit of messages begin anew: none is counted on the disk."""
        octets = read_secret(self._folder / _IN_USE)
        if octets is None:
            return
        try:
            for entry in json.loads(octets):
                group = frozenset(map(int, entry["psids"]))
                self._last[group] = int(entry["j"])
                held = self._find(str(entry["certificate"]), int(entry["j"]))
                if held is not None and not self._rotation.messages:
                    self._in_use[group] = _InUse(held, int(entry["since"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadState(f"{self._folder / _IN_USE}: {type(error).__name__}") from error

    def _find(self, hex8: str, j: int) -> Held | None:
        return next((held for held in self.all() if held.j == j and held.certificate.hex8 == hex8), None)


def _read(path: Path) -> Iterator[Held]:
    octets = read_secret(path)
    try:
        entries: list[dict[str, Any]] = json.loads(octets or b"")
        for entry in entries:
            held = Held(
                int(entry["i"]),
                int(entry["j"]),
                int(entry["start"]),
                int(entry["end"]),
                str(entry["certificate"]),
                str(entry["key"]),
            )
            yield held
    except (KeyError, TypeError, ValueError, DecodeError, CryptoError) as error:
        raise BadState(f"{path}: {type(error).__name__}") from error
