"""Keeps the lists that an EA or AA goes by fresh: asks the distribution centre, verifies, replaces the files.

    DIR/<domain>/trust/root.oer, tlm.oer    pinned: put there by an operator, never touched here
    DIR/<domain>/trust/ctl.oer, crl.oer     verified under root.oer
    DIR/<domain>/trust/ectl.oer             verified under tlm.oer
    DIR/<domain>/trust/successors/HEX8/     the same of a TLM or root that was followed (following.py)

Where to ask is in the lists that are there: the CTL's DC entry of the own root, the ECTL's entry of the TLM.
A list that does not verify, is not in force or is older than the one that is there replaces nothing. Each
file is replaced as a whole; the workers notice (peers.TrustFolder).

One process of all does a round: it holds the lock of trust/.refresh, which also says when the last one was.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from v2xpki.authorities.etsi.following import anchors, follow
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidList, LinkError, V2xPkiError
from v2xpki.time import Clock
from v2xpki.trust.lists import LAST_SEQUENCE, DcEntry, ListKind, SignedList, TlmEntry

STATE = ".refresh"
#: What a round says where a successor was refused; it is no list.
SUCCESSOR = "successor"
#: Places that are asked for one list, at most.
MOST_PLACES = 4
#: Seconds until what failed is tried again.
AFTER_FAILURE = 10


class Fetched(NamedTuple):
    """An answer; `octets` is None where nothing changed since the given ETag."""

    octets: bytes | None
    etag: str = ""


class ListSource(Protocol):
    """How a list is fetched. Bounded in time and size. Raises LinkError."""

    def get(self, url: str, etag: str = "") -> Fetched: ...


@dataclass
class ListState:
    """What is known of one list since the last round. Times in TAI seconds."""

    outcome: str  # "unchanged", "replaced", "failed"
    next_update: int = 0
    problem: str = ""


@dataclass
class Round:
    """The last round of all processes."""

    at: int = 0
    #: The last round in which nothing failed.
    well: int = 0
    lists: dict[str, ListState] = field(default_factory=dict)


Count = Callable[[str, str], object]


class TrustRefresh:
    """The rounds of one domain, in one of its processes. `count` is told each list's outcome."""

    def __init__(
        self,
        folder: Path,
        source: ListSource,
        clock: Clock,
        *,
        interval: int,
        count: Count = lambda _list, _outcome: None,
    ) -> None:
        self._folder, self._source, self._clock = folder, source, clock
        self._interval, self._count = interval, count
        self._etags: dict[str, tuple[str, bytes]] = {}

    def round(self) -> float:
        """One round, if one is due and no other process is at it; seconds until the next look."""
        with self._turn() as file:
            if file is not None:
                before, now = _read(file), self._clock.time32()
                wait = self._interval if before.well == before.at else min(self._interval, AFTER_FAILURE)
                if not before.at <= now < before.at + wait:
                    _write(file, self._refreshed(before, now))
        return float(min(self._interval, AFTER_FAILURE))

    def _refreshed(self, before: Round, now: int) -> Round:
        found = Round(at=now, well=before.well)
        for kind, name in (("crl", "root"), ("ctl", "root"), ("ectl", "tlm")):
            try:
                known = anchors(self._folder, name)
            except (V2xPkiError, OSError) as error:
                found.lists[kind] = ListState("failed", 0, f"{name}.oer: {error}")
                self._count(kind, "failed")
                continue
            for anchor in known:
                # A root's lists last as long as its certificate. The ECTL is the newest TLM's.
                former = anchor != known[-1]
                if former and (name == "tlm" or now >= anchor.certificate.end):
                    continue
                own = anchor.folder == self._folder
                state = self._refresh(kind, anchor.folder, anchor.certificate, now)  # type: ignore[arg-type]
                found.lists[kind if own else f"{kind} {anchor.certificate.hex8}"] = state
                self._count(kind, state.outcome)
        # After the lists: who follows is named in them.
        for problem in follow(self._folder, self._octets, accept, now):
            found.lists[SUCCESSOR] = ListState("failed", 0, problem)
            self._count(SUCCESSOR, "failed")
        if not any(state.problem for state in found.lists.values()):
            found.well = now
        return found

    def _octets(self, url: str) -> bytes:
        octets = self._source.get(url).octets
        if octets is None:
            raise LinkError(f"{url}: nothing where something was asked for")
        return octets

    def _refresh(self, kind: ListKind, folder: Path, signer: Certificate, now: int) -> ListState:
        path = folder / f"{kind}.oer"
        present: SignedList | None = None
        try:
            present = self._present(path, kind, signer, now)
            problem = "nobody is named who has it"
            for url in self._places(folder, kind, signer, now):
                try:
                    octets = self._fetch(url, path)
                except LinkError as error:
                    problem = str(error)
                    continue
                if octets is None or (present is not None and octets == present.octets):
                    assert present is not None
                    return ListState("unchanged", present.next_update)
                fresh = accept(kind, octets, signer, now, present)
                replace(path, octets)
                return ListState("replaced", fresh.next_update)
        except (V2xPkiError, OSError) as error:
            problem = str(error)
        return ListState("failed", present.next_update if present else 0, problem)

    def _present(self, path: Path, kind: ListKind, signer: Certificate, now: int) -> SignedList | None:
        """The list that is there, if it is one of this signer: of any age."""
        try:
            found = SignedList.parse(path.read_bytes())
            found.verify(signer, now, expired=True)
        except (V2xPkiError, OSError):
            return None
        return found if found.kind == kind and found.is_full else None

    def _places(self, folder: Path, kind: ListKind, signer: Certificate, now: int) -> list[str]:
        if kind == "ectl":
            ectl = self._present(folder / "ectl.oer", "ectl", signer, now)
            urls = [
                f"{entry.access_point.rstrip('/')}/getectl/{signer.hex8}"
                for entry in (ectl.entries if ectl else ())
                if isinstance(entry, TlmEntry) and entry.certificate == signer
            ]
        else:
            ctl = self._present(folder / "ctl.oer", "ctl", signer, now)
            urls = [
                f"{entry.url.rstrip('/')}/get{kind}/{signer.hex8}"
                for entry in (ctl.entries if ctl else ())
                if isinstance(entry, DcEntry) and signer.hashed_id8 in entry.roots
            ]
        return urls[:MOST_PLACES]

    def _fetch(self, url: str, path: Path) -> bytes | None:
        """None: what is there is the present one. An ETag is worth something as long as its file is there."""
        etag, octets = self._etags.get(url, ("", b""))
        if etag and (not path.exists() or path.read_bytes() != octets):
            etag = ""
        answer = self._source.get(url, etag)
        if answer.octets is None:
            return octets
        self._etags[url] = answer.etag, answer.octets
        return answer.octets

    @contextlib.contextmanager
    def _turn(self) -> Iterator[IO[str] | None]:
        with (self._folder / STATE).open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield file


def last_round(folder: Path) -> Round:
    """The last round of any process; one of nothing where there was none."""
    try:
        with (folder / STATE).open(encoding="utf-8") as file:
            return _read(file)
    except OSError:
        return Round()


def accept(
    kind: ListKind, octets: bytes, signer: Certificate, now: int, present: SignedList | None
) -> SignedList:
    """The list of octets if it may take the place of the present one.

    Raises InvalidList, DecodeError and what else a list that is none of `signer`, not in force or older may
    raise. A list is older by its sequence (a CTL's wraps); a CRL by its time, unless it revokes all that the
    present one does: then it was signed later, in place of one that had been signed ahead.
    """
    found = SignedList.parse(octets)
    if found.kind != kind or not found.is_full:
        raise InvalidList(f"a {found.kind} where a full {kind} belongs", rule="kind")
    found.verify(signer, now)
    if present is None:
        return found
    if found.sequence is not None and present.sequence is not None:
        ahead = found.sequence - present.sequence
        if kind == "ctl":
            ahead %= LAST_SEQUENCE + 1
        older = not 0 < ahead <= LAST_SEQUENCE // 2 if kind == "ctl" else ahead <= 0
        if older:
            raise InvalidList(
                f"{kind} {found.sequence} does not follow {present.sequence}, which is here", rule="rollback"
            )
    elif found.this_update < present.this_update and not found.revoked >= present.revoked:
        raise InvalidList(f"a {kind} older than the one that is here", rule="rollback")
    return found


def replace(path: Path, octets: bytes) -> None:
    """Put octets in a file's place: whoever reads has the old ones or the new ones, also after a crash."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _read(file: IO[str]) -> Round:
    file.seek(0)
    try:
        table = json.loads(file.read())
        lists: Mapping[str, object] = table["lists"]
        return Round(table["at"], table["well"], {n: ListState(**v) for n, v in lists.items()})  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Round()  # new, or cut off by a crash


def _write(file: IO[str], found: Round) -> None:
    file.seek(0)
    file.truncate()
    json.dump(asdict(found), file)
    file.flush()
