"""Whom an EA or AA believes: what the lists in its trust folder say, read again when they change.

trust/root.oer  the root certificate, put there by the ceremony: the anchor
trust/ctl.oer   the root's CTL: EAs, AAs and their access points
trust/crl.oer   the root's CRL
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidChain, InvalidList, V2xPkiError
from v2xpki.time import Clock
from v2xpki.trust.chain import verify_chain
from v2xpki.trust.lists import AaEntry, EaEntry, SignedList

_FILES = ("root.oer", "ctl.oer", "crl.oer")
_Stamps = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Peer:
    """Another authority in force. `url` is an EA's access point for AAs; an AA's for stations."""

    certificate: Certificate
    url: str
    revoked: bool = False


class Peers(Protocol):
    """The authorities that the root's lists name."""

    def aa(self, hashed_id8: bytes) -> Peer | None:
        """The AA of this digest, whether in force or not; None where no list names it."""
        ...

    def ea(self, hashed_id8: bytes) -> Peer | None:
        """The EA of this digest, likewise."""
        ...

    def all_aas(self) -> Iterable[Peer]:
        """Every AA that the lists name."""
        ...

    def all_eas(self) -> Iterable[Peer]:
        """Every EA that the lists name."""
        ...

    def is_revoked(self, certificate: Certificate) -> bool:
        """Whether its root has revoked a CA's certificate, or itself; also one that no list names."""
        ...


@dataclass(frozen=True)
class FixedPeers:
    """Peers given outright: for tests and benches."""

    aas: Mapping[bytes, Peer] = field(default_factory=dict)
    eas: Mapping[bytes, Peer] = field(default_factory=dict)
    #: Root -> what it has revoked, by HashedId8.
    revoked: Mapping[bytes, frozenset[bytes]] = field(default_factory=dict)

    def aa(self, hashed_id8: bytes) -> Peer | None:
        return self.aas.get(hashed_id8)

    def ea(self, hashed_id8: bytes) -> Peer | None:
        return self.eas.get(hashed_id8)

    def all_aas(self) -> Iterable[Peer]:
        return self.aas.values()

    def all_eas(self) -> Iterable[Peer]:
        return self.eas.values()

    def is_revoked(self, certificate: Certificate) -> bool:
        root = certificate.issuer_id8 or b""
        revoked = self.revoked.get(root, frozenset())
        return certificate.hashed_id8 in revoked or root in revoked


def newest_like(peer: Peer, peers: Iterable[Peer], now: int) -> Peer:
    """The newest generation of an authority that is in force: of its name, at its URL; itself where there is
    no newer one."""
    name, url = peer.certificate.name, peer.url
    later = [
        other
        for other in peers
        if other.url == url
        and other.certificate.name == name
        and not other.revoked
        and peer.certificate.start < other.certificate.start <= now < other.certificate.end
    ]
    return max(later, key=lambda other: other.certificate.start, default=peer)


class TrustFolder:
    """Peers from the files of a trust folder.

    The files are looked at again when the last look is `interval` seconds ago (three stat calls: 4 us, and 20
    amid other work; a ticket asks twice), and read when one changed. Lists that do not verify, are older
    than those in force or are missing are not taken over: the ones before stay in force, and `problem`
    says why. At the start there is nothing before, so that nobody is trusted then. The CRL belongs to it, an
    empty one is issued too (checklist L5): without it all would be unrevoked.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        interval: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = [folder / name for name in _FILES]
        self._clock = clock
        self._interval, self._monotonic = interval, monotonic
        self._look_at = float("-inf")
        self._lock = threading.Lock()
        self._stamps: _Stamps = ()
        self._found = FixedPeers()
        self._since = (b"", 0, 0)  # root, and from when on its CTL and CRL in force hold
        self.problem: str | None = "not read yet"

    def aa(self, hashed_id8: bytes) -> Peer | None:
        return self._fresh().aa(hashed_id8)

    def ea(self, hashed_id8: bytes) -> Peer | None:
        return self._fresh().ea(hashed_id8)

    def all_aas(self) -> Iterable[Peer]:
        return self._fresh().all_aas()

    def all_eas(self) -> Iterable[Peer]:
        return self._fresh().all_eas()

    def is_revoked(self, certificate: Certificate) -> bool:
        return self._fresh().is_revoked(certificate)

    def _fresh(self) -> FixedPeers:
        now = self._monotonic()
        if now < self._look_at:
            return self._found
        stamps = tuple(map(_stamp, self._paths))
        if stamps != self._stamps:
            with self._lock:
                if stamps != self._stamps:
                    try:
                        self._found, self.problem = self._read(), None
                    except FileNotFoundError as error:
                        self.problem = str(error)
                    except OSError as error:
                        self.problem = str(error)
                        return self._found  # the file may be fine: read again at the next question
                    except V2xPkiError as error:
                        self.problem = str(error)
                    self._stamps = stamps
        self._look_at = now + self._interval
        return self._found

    def _read(self) -> FixedPeers:
        now = self._clock.time32()
        root_path, ctl_path, crl_path = self._paths
        root = Certificate.parse(root_path.read_bytes())
        ctl = SignedList.parse(ctl_path.read_bytes())
        if ctl.kind != "ctl":
            raise InvalidList(f"ctl.oer is a {ctl.kind}", rule="kind")
        # A list past its nextUpdate is an alarm for the operator, not a reason to stop all stations.
        ctl.verify(root, now, expired=True)
        crl = SignedList.parse(crl_path.read_bytes())
        if crl.kind != "crl":
            raise InvalidList(f"crl.oer is a {crl.kind}", rule="kind")
        crl.verify(root, now, expired=True)
        revoked = crl.revoked
        since = root.hashed_id8, ctl.this_update, crl.this_update
        if since[0] == self._since[0] and (since[1] < self._since[1] or since[2] < self._since[2]):
            raise InvalidList("a list older than the one in force", rule="rollback")
        aas, eas = {}, {}
        for entry in ctl.entries:
            if not isinstance(entry, AaEntry | EaEntry):
                continue
            certificate = entry.certificate
            try:
                # at its own start: whether it is in force now is asked when it is used
                verify_chain([certificate], root, max(certificate.start, root.start))
            except InvalidChain:
                continue
            barred = certificate.hashed_id8 in revoked or root.hashed_id8 in revoked
            if isinstance(entry, AaEntry):
                aas[certificate.hashed_id8] = Peer(certificate, entry.access_point, barred)
            else:
                eas[certificate.hashed_id8] = Peer(certificate, entry.aa_access_point, barred)
        self._since = since
        return FixedPeers(aas, eas, {root.hashed_id8: revoked})


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # a third of Path.stat's cost
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
