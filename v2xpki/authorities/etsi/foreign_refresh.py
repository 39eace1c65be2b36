"""Brings CTL and CRL of other PKIs' roots into a trust folder, and takes away what the ECTL no longer has.

It follows the newest TLM's ECTL (refresh.py has verified it), and leaves the own roots to refresh.py: each
other root's lists are fetched from the centres that the ECTL names for it, verified under the root that the
ECTL names, held against those that are there, and replaced as a whole. Others decide what is at the other
end: a call is bounded in time and octets (the source), a list in entries, a round in time; what a round did
not get to comes first in the next one.
"""

import shutil
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from v2xpki.authorities.etsi.anchors import anchors
from v2xpki.authorities.etsi.foreign import ForeignRoot, check_size, folders, read_ectl, vouched
from v2xpki.authorities.etsi.refresh import Lists, ListSource
from v2xpki.authorities.rounds import ForeignState, ListState
from v2xpki.errors import V2xPkiError
from v2xpki.time import Clock
from v2xpki.trust.lists import ListKind

#: Centres of one root that are asked, at most.
MOST_CENTRES = 2
#: Seconds after which a round asks nobody any more.
ROUND_SECONDS = 20.0
_KINDS: tuple[ListKind, ...] = ("crl", "ctl")  # a revocation first

Count = Callable[[str, str], object]


class ForeignRefresh:
    """The part of a domain's rounds that is about other PKIs. wanted: whose roots, as `foreign.vouched`."""

    def __init__(
        self,
        folder: Path,
        source: ListSource,
        clock: Clock,
        wanted: Collection[str],
        *,
        interval: int,
        count: Count = lambda _list, _outcome: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._clock, self._wanted = folder, clock, wanted
        self._lists = Lists(source, check=lambda kind, found: check_size(found) if kind == "ctl" else None)
        self._interval, self._count, self._monotonic = interval, count, monotonic

    def round(self, before: Mapping[str, ForeignState], now: int) -> dict[str, ForeignState]:
        """Ask for what is due; what is known of each root now, by HashedId8 in hex."""
        roots = self._roots(now)
        if roots is None:
            return dict(before)
        self._tidy(roots)
        states = {name: before.get(name, ForeignState(since=now)) for name in roots}
        end = self._monotonic() + ROUND_SECONDS
        for name in sorted(roots, key=lambda name: states[name].at):
            due = not states[name].at <= now < states[name].at + self._interval
            if due and self._monotonic() < end:
                states[name] = self._ask(roots[name], states[name], now, end)
        return states

    def _roots(self, now: int) -> dict[str, ForeignRoot] | None:
        """Those to be followed; None where the ECTL cannot be read: nothing is taken away for that."""
        if not self._wanted:
            return {}
        try:
            own, tlms = anchors(self._folder, "root"), anchors(self._folder, "tlm")
            if not own or not tlms:
                return None
            ids = [anchor.certificate.hashed_id8 for anchor in own]
            found, _ = vouched(read_ectl(tlms[-1], now), ids, self._wanted, now)
        except (V2xPkiError, OSError):
            return None  # told of by the check of the ECTL itself, and by the reader (foreign.ForeignPeers)
        return {root.certificate.hex8: root for root in found}

    def _tidy(self, roots: Mapping[str, ForeignRoot]) -> None:
        for path in folders(self._folder):
            if path.name not in roots:
                shutil.rmtree(path, ignore_errors=True)

    def _ask(self, root: ForeignRoot, before: ForeignState, now: int, end: float) -> ForeignState:
        folder, signer = root.folder(self._folder), root.certificate
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = ForeignState(at=now, well=before.well, since=before.since)
        for kind in _KINDS:
            urls = [f"{centre}/get{kind}/{signer.hex8}" for centre in root.centres[:MOST_CENTRES]]
            if self._monotonic() >= end:
                found.lists[kind] = ListState("failed", 0, "no time was left in this round")
                continue
            state = self._lists.bring(kind, folder / f"{kind}.oer", signer, urls, now)
            found.lists[kind] = state
            self._count(f"foreign {kind}", state.outcome)
        if not any(state.problem for state in found.lists.values()):
            found.well = now
        return found
