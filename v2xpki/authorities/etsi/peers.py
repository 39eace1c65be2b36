"""Whom a root's lists in a trust folder name: read again when they change.

trust/root.oer  the root certificate, put there by the ceremony: the anchor
trust/ctl.oer   the root's CTL: EAs, AAs and their access points
trust/crl.oer   the root's CRL

An EA or AA goes by followed.FollowedPeers, which has the roots that succeed it, and other PKIs', besides.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from v2xpki.authorities.etsi.anchors import Stamp, read_list, stamp
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidChain, InvalidList, V2xPkiError
from v2xpki.time import Clock
from v2xpki.trust.chain import verify_chain
from v2xpki.trust.lists import AaEntry, EaEntry, SignedList

_FILES = ("root.oer", "ctl.oer", "crl.oer")


@dataclass(frozen=True)
class Peer:
    """Another authority. `url` is an EA's access point for AAs; an AA's for stations."""

    certificate: Certificate
    url: str
    revoked: bool = False
    #: Of another PKI: TAI seconds from when on it counts no more unless its lists are renewed; else None.
    until: int | None = None

    @property
    def is_foreign(self) -> bool:
        return self.until is not None


class Peers(Protocol):
    """The authorities of the own PKI, and those of others that are believed (Peer.is_foreign)."""

    def aa(self, hashed_id8: bytes) -> Peer | None:
        """The AA of this digest, whether in force or not; None where no list names it."""
        ...

    def ea(self, hashed_id8: bytes) -> Peer | None:
        """The EA of this digest, likewise."""
        ...

    def all_aas(self) -> Iterable[Peer]:
        """Every AA that a list names."""
        ...

    def all_eas(self) -> Iterable[Peer]:
        """Every EA that a list names."""
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
    no newer one. Nobody of another PKI is taken for one of this, whatever its name is."""
    name, url = peer.certificate.name, peer.url
    later = [
        other
        for other in peers
        if other.url == url
        and not other.is_foreign
        and other.certificate.name == name
        and not other.revoked
        and peer.certificate.start < other.certificate.start <= now < other.certificate.end
    ]
    return max(later, key=lambda other: other.certificate.start, default=peer)


def authorities(
    root: Certificate, ctl: SignedList, crl: SignedList, *, until: int | None = None
) -> tuple[dict[bytes, Peer], dict[bytes, Peer]]:
    """The AAs and the EAs, by HashedId8, that a root's CTL names and the root has certified; also those that
    its CRL revokes. Both lists are verified. until: as Peer's."""
    aas: dict[bytes, Peer] = {}
    eas: dict[bytes, Peer] = {}
    for entry in ctl.entries:
        if not isinstance(entry, AaEntry | EaEntry):
            continue
        certificate = entry.certificate
        try:
            # at its own start: whether it is in force now is asked when it is used
            verify_chain([certificate], root, max(certificate.start, root.start))
        except InvalidChain:
            continue
        revoked = certificate.hashed_id8 in crl.revoked or root.hashed_id8 in crl.revoked
        if isinstance(entry, AaEntry):
            aas[certificate.hashed_id8] = Peer(certificate, entry.access_point, revoked, until)
        else:
            eas[certificate.hashed_id8] = Peer(certificate, entry.aa_access_point, revoked, until)
    return aas, eas


class TrustFolder:
    """Peers of one root, from the files of its folder.

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
        self._stamps: tuple[Stamp, ...] = ()
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
        stamps = tuple(map(stamp, self._paths))
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
        # A list past its nextUpdate is an alarm for the operator, not a reason to stop all stations.
        ctl, crl = read_list(ctl_path, "ctl", root, now), read_list(crl_path, "crl", root, now)
        since = root.hashed_id8, ctl.this_update, crl.this_update
        if since[0] == self._since[0] and (since[1] < self._since[1] or since[2] < self._since[2]):
            raise InvalidList("a list older than the one in force", rule="rollback")
        aas, eas = authorities(root, ctl, crl)
        self._since = since
        return FixedPeers(aas, eas, {root.hashed_id8: crl.revoked})
