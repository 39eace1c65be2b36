"""Keeps the lists that an EA or AA goes by fresh: asks the distribution centre, verifies, replaces the files.

    DIR/<domain>/trust/root.oer, tlm.oer    pinned: put there by an operator, never touched here
    DIR/<domain>/trust/ctl.oer, crl.oer     verified under root.oer
    DIR/<domain>/trust/ectl.oer             verified under tlm.oer
    DIR/<domain>/trust/successors/HEX8/     the same of a TLM or root that was followed (following.py)
    DIR/<domain>/trust/foreign/HEX8/        lists of another root on the ECTL (foreign_refresh.py)

Where to ask is in the lists that are there: the CTL's DC entry of the own root, the ECTL's entry of the TLM.
A list that does not verify, is not in force or is older than the one that is there replaces nothing. Each
file is replaced as a whole; the workers notice (followed.FollowedPeers).

One process of all does a round: it holds the lock of trust/.refresh, which also says when the last one was.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from v2xpki.authorities.etsi.anchors import Anchor, anchors, present_list
from v2xpki.authorities.etsi.following import follow
from v2xpki.authorities.rounds import (
    AFTER_FAILURE,
    SUCCESSOR,
    Fetched,
    ForeignState,
    ListState,
    Round,
    read_round,
    replace,
    turn,
    write_round,
)
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidList, LinkError, V2xPkiError
from v2xpki.time import Clock
from v2xpki.trust.lists import LAST_SEQUENCE, DcEntry, ListKind, SignedList, TlmEntry

#: Places that are asked for one list, at most.
MOST_PLACES = 4
#: ETags that are remembered, with the octets that they stand for.
MOST_REMEMBERED = 128


class ListSource(Protocol):
    """How a list is fetched. Bounded in time and size. Raises LinkError."""

    def get(self, url: str, etag: str = "") -> Fetched: ...


Count = Callable[[str, str], object]


class Foreign(Protocol):
    """The part of a round that is about other PKIs (`foreign_refresh`)."""

    def round(self, before: Mapping[str, ForeignState], now: int) -> dict[str, ForeignState]: ...


class Lists:
    """Brings one list at a time, whosever it is: fetched, verified, held against the one that is there,
    replaced.

    check: what a list has to pass besides; raises InvalidList.
    """

    def __init__(
        self,
        source: ListSource,
        check: Callable[[ListKind, SignedList], None] = lambda _kind, _found: None,
    ) -> None:
        self._source, self._check = source, check
        self._etags: dict[str, tuple[str, bytes]] = {}

    def bring(self, kind: ListKind, path: Path, signer: Certificate, urls: list[str], now: int) -> ListState:
        """The list from the first of `urls` that has it, put into `path`; what fails is in the state."""
        present: SignedList | None = None
        try:
            present = present_list(path, kind, signer, now)
            fresh = self._first(kind, signer, urls, now, path, present)
            if fresh is present:
                return ListState("unchanged", fresh.next_update)
            replace(path, fresh.octets)
        except (V2xPkiError, OSError) as error:
            return ListState("failed", present.next_update if present else 0, str(error))
        return ListState("replaced", fresh.next_update)

    def first(self, kind: ListKind, signer: Certificate, urls: list[str], now: int) -> SignedList:
        """The list from the first of `urls` that has it. Raises LinkError where none has; as `accept`."""
        return self._first(kind, signer, urls, now, None, None)

    def document(self, url: str) -> bytes:
        """What is at a URL. Raises LinkError."""
        octets = self._source.get(url).octets
        if octets is None:
            raise LinkError(f"{url}: nothing where something was asked for")
        return octets

    def _first(
        self,
        kind: ListKind,
        signer: Certificate,
        urls: list[str],
        now: int,
        path: Path | None,
        present: SignedList | None,
    ) -> SignedList:
        failed = LinkError("nobody is named who has it")
        for url in urls:
            try:
                octets = self.document(url) if path is None else self._fetch(url, path)
            except LinkError as error:
                failed = error
                continue
            if present is not None and octets == present.octets:
                return present
            found = accept(kind, octets, signer, now, present)
            self._check(kind, found)
            return found
        raise failed

    def _fetch(self, url: str, path: Path) -> bytes:
        """An ETag is worth something as long as the file of its octets is there."""
        etag, octets = self._etags.get(url, ("", b""))
        if etag and (not path.exists() or path.read_bytes() != octets):
            etag = ""
        answer = self._source.get(url, etag)
        if answer.octets is None:
            return octets
        if answer.etag:
            if len(self._etags) >= MOST_REMEMBERED:
                self._etags.clear()
            self._etags[url] = answer.etag, answer.octets
        return answer.octets


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
        foreign: Foreign | None = None,
    ) -> None:
        self._folder, self._clock, self._foreign = folder, clock, foreign
        self._interval, self._count = interval, count
        self._lists = Lists(source)

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
        kinds: tuple[tuple[ListKind, str], ...] = (("crl", "root"), ("ctl", "root"), ("ectl", "tlm"))
        for kind, name in kinds:
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
                path, signer = anchor.folder / f"{kind}.oer", anchor.certificate
                state = self._lists.bring(kind, path, signer, _places(anchor, kind, now), now)
                own = anchor.folder == self._folder
                found.lists[kind if own else f"{kind} {signer.hex8}"] = state
                self._count(kind, state.outcome)
        # After the lists: who follows is named in them.
        for problem in follow(self._folder, self._lists.document, self._lists.first, now):
            found.lists[SUCCESSOR] = ListState("failed", 0, problem)
            self._count(SUCCESSOR, "failed")
        if not any(state.problem for state in found.lists.values()):
            found.well = now
        # Last: the own lists wait for nobody else's, and who succeeds an own root is known by then.
        if self._foreign is not None:
            found.foreign = self._foreign.round(before.foreign, now)
        return found


def _places(anchor: Anchor, kind: ListKind, now: int) -> list[str]:
    """Where an anchor's list is to be had, as its own lists say."""
    signer = anchor.certificate
    if kind == "ectl":
        ectl = anchor.list("ectl", now)
        urls = [
            f"{entry.access_point.rstrip('/')}/getectl/{signer.hex8}"
            for entry in (ectl.entries if ectl else ())
            if isinstance(entry, TlmEntry) and entry.certificate == signer
        ]
    else:
        ctl = anchor.list("ctl", now)
        urls = [
            f"{entry.url.rstrip('/')}/get{kind}/{signer.hex8}"
            for entry in (ctl.entries if ctl else ())
            if isinstance(entry, DcEntry) and signer.hashed_id8 in entry.roots
        ]
    return urls[:MOST_PLACES]


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
