"""Keeps what a component goes by fresh: asks the distribution centre, verifies, replaces the files.

The chain file and the composite CRL, see followed.py. What does not verify, or is older than what is there,
replaces nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from v2xpki.authorities.rounds import (
    AFTER_FAILURE,
    Fetched,
    ListState,
    Round,
    read_round,
    replace,
    turn,
    write_round,
)
from v2xpki.authorities.scms.followed import CHAIN_FILE, CRLS, Basis, electors_of, read_basis, read_folder
from v2xpki.errors import InvalidList, LinkError, V2xPkiError
from v2xpki.time import Clock

_PATHS = {CHAIN_FILE: "/v3/ccf-ctl", CRLS: "/v3/composite-crl-ctl"}


class DocumentSource(Protocol):
    """The way to the distribution centre: bounded in time and size."""

    def get(self, path: str, etag: str = "") -> Fetched:
        """Raises LinkError."""
        ...


class ScmsRefresh:
    """The rounds of one component, in one of its processes. count: told each list's outcome. pinned: the
    electors and the quorum to begin with."""

    def __init__(
        self,
        folder: Path,
        source: DocumentSource,
        quorum: int,
        clock: Clock,
        *,
        interval: int,
        count: Callable[[str, str], object] = lambda _list, _outcome: None,
    ) -> None:
        self._folder, self._source, self._quorum, self._clock = folder, source, quorum, clock
        self._interval, self._count = interval, count
        self._etags: dict[str, tuple[str, bytes]] = {}

    def round(self) -> float:
        """One round, if one is due and no other process is at it; seconds until the next look."""
        with turn(self._folder) as file:
            if file is not None:
                before, now = read_round(file), self._clock.time32()
                wait = self._interval if before.well == before.at else min(self._interval, AFTER_FAILURE)
                if not before.at <= now < before.at + wait:
                    write_round(file, self._refreshed(before, now))
        return float(min(self._interval, AFTER_FAILURE))

    def _refreshed(self, before: Round, now: int) -> Round:
        found = Round(at=now, well=before.well)
        for name in _PATHS:
            state = self._bring(name, now)
            found.lists[name.removesuffix(".oer")] = state
            self._count(name.removesuffix(".oer"), state.outcome)
        if not any(state.problem for state in found.lists.values()):
            found.well = now
        return found

    def _bring(self, name: str, now: int) -> ListState:
        path = self._folder / name
        present = path.read_bytes() if path.exists() else None
        basis: Basis | None = None
        try:
            basis = read_folder(self._folder, self._quorum, now)
            fresh = self._fetch(name, present)
            if fresh == present:
                return ListState("unchanged", _next_update(name, basis))
            basis = self._judged(name, fresh, basis, now)
            replace(path, fresh)
        except (V2xPkiError, OSError) as error:
            return ListState("failed", 0 if basis is None else _next_update(name, basis), str(error))
        return ListState("replaced", _next_update(name, basis))

    def _judged(self, name: str, fresh: bytes, before: Basis, now: int) -> Basis:
        """What goes by the fresh file. Raises where it is not to be believed, or is older."""
        chain_file = fresh if name == CHAIN_FILE else (self._folder / CHAIN_FILE).read_bytes()
        path = self._folder / CRLS
        crls = fresh if name == CRLS else (path.read_bytes() if path.exists() else None)
        electors = electors_of(self._folder)
        basis = read_basis(electors, self._quorum, chain_file, crls, now, present=before.ctl)
        if name == CRLS:
            held = {(crl.craca, crl.series): crl.issue_date for crl in basis.crls}
            for crl in before.crls:
                if held.get((crl.craca, crl.series), 0) < crl.issue_date:
                    raise InvalidList(f"CRL {crl.series}: older than what is here, or gone", rule="rollback")
        return basis

    def _fetch(self, name: str, present: bytes | None) -> bytes:
        etag, octets = self._etags.get(name, ("", b""))
        answer = self._source.get(_PATHS[name], etag if octets == present else "")
        if answer.octets is None:
            if octets != present or not octets:
                raise LinkError(f"{_PATHS[name]}: nothing where something was asked for")
            return octets
        self._etags[name] = answer.etag, answer.octets
        return answer.octets


def _next_update(name: str, basis: Basis) -> int:
    """When the first of these ends, Time32. An electors' list has no end: far away."""
    if name == CHAIN_FILE:
        return max(c.end for c in basis.roots)
    return min((crl.next_crl for crl in basis.crls), default=max(c.end for c in basis.roots))
