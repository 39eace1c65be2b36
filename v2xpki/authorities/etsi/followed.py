"""Everybody whom an EA or AA believes: the own root's authorities, its successors', and other PKIs'."""

import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from v2xpki.authorities.etsi.anchors import SUCCESSORS, Anchor, Stamp, anchors, stamp
from v2xpki.authorities.etsi.foreign import ForeignPeers
from v2xpki.authorities.etsi.peers import Peer, Peers, TrustFolder
from v2xpki.crypto import Certificate
from v2xpki.errors import V2xPkiError
from v2xpki.time import Clock


class FollowedPeers:
    """The peers of a trust folder: of its root and of every root that succeeds it (following.py), without a
    setting; of other roots on the newest TLM's ECTL, those that foreign_roots wants (as foreign.vouched).

    Own roots come first: nobody of another PKI stands in for one of theirs. interval, monotonic: as
    TrustFolder's.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        interval: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
        foreign_roots: Collection[str] = (),
    ) -> None:
        self._folder, self._clock = folder, clock
        self._interval, self._monotonic = interval, monotonic
        self._own = {folder: self._open(folder)}
        self._foreign = ForeignPeers(folder, clock, foreign_roots)
        self._roots: list[Anchor] = []
        self._tlm: Anchor | None = None
        self._look_at = float("-inf")
        self._stamps: tuple[Stamp, ...] = ()
        self._lock = threading.Lock()

    @property
    def problem(self) -> str | None:
        """What keeps own lists from being taken over, the first root's first."""
        self._look()
        return next((one.problem for one in self._own.values() if one.problem is not None), None)

    @property
    def foreign_problems(self) -> tuple[str, ...]:
        """What is wrong with the lists of other PKIs' roots."""
        return self._foreign.problems

    def aa(self, hashed_id8: bytes) -> Peer | None:
        """As Peers.aa."""
        return next((peer for one in self._all() if (peer := one.aa(hashed_id8)) is not None), None)

    def ea(self, hashed_id8: bytes) -> Peer | None:
        """As Peers.ea."""
        return next((peer for one in self._all() if (peer := one.ea(hashed_id8)) is not None), None)

    def all_aas(self) -> Iterable[Peer]:
        """As Peers.all_aas."""
        return [peer for one in self._all() for peer in one.all_aas()]

    def all_eas(self) -> Iterable[Peer]:
        """As Peers.all_eas."""
        return [peer for one in self._all() for peer in one.all_eas()]

    def is_revoked(self, certificate: Certificate) -> bool:
        """As Peers.is_revoked."""
        return any(one.is_revoked(certificate) for one in self._all())

    def _all(self) -> list[Peers]:
        self._look()
        return [*self._own.values(), self._foreign]

    def _open(self, folder: Path) -> TrustFolder:
        return TrustFolder(folder, self._clock, interval=self._interval, monotonic=self._monotonic)

    def _look(self) -> None:
        now = self._monotonic()
        if now < self._look_at:
            return
        names = (SUCCESSORS, "root.oer", "tlm.oer")
        stamps = tuple(stamp(self._folder / name) for name in names)
        if stamps != self._stamps:
            with self._lock:
                self._find_anchors(stamps)
        if self._roots:  # without them nobody could tell whose the others are
            self._foreign.look(self._tlm, [root.certificate.hashed_id8 for root in self._roots])
        self._look_at = now + self._interval

    def _find_anchors(self, stamps: tuple[Stamp, ...]) -> None:
        try:
            roots, tlms = anchors(self._folder, "root"), anchors(self._folder, "tlm")
        except V2xPkiError:
            pass  # who was an anchor before is one still; the check of the lists tells
        except OSError:
            return  # the files may be fine: read again at the next question
        else:
            folders = dict.fromkeys([self._folder, *(root.folder for root in roots)])
            self._own = {path: self._own.get(path) or self._open(path) for path in folders}
            self._roots, self._tlm = roots, tlms[-1] if tlms else self._tlm
        self._stamps = stamps
