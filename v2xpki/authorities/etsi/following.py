"""How EA and AA follow a roll-over: new TLMs and roots beside the ones that an operator put into trust/.

    DIR/<domain>/trust/successors/<HEX8>/    tlm.oer ectl.oer, or root.oer ctl.oer crl.oer; from: predecessor

The operator's anchors stay where they are. A TLM is followed by the link that the one before it signed; a
root by the newest TLM's ECTL (successorTo), or by a link that both roots signed where it is on that ECTL. A
root that the ECTL no longer has is let go. A folder appears as a whole, with lists that verify, and the old
root's EA and AA stay known beside the new root's.
"""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

from v2xpki.authorities.etsi.peers import Peer, TrustFolder
from v2xpki.crypto import Certificate
from v2xpki.errors import DecodeError, InvalidList, LinkError, V2xPkiError
from v2xpki.time import Clock
from v2xpki.trust.links import SignedLink
from v2xpki.trust.lists import DcEntry, ListKind, RcaEntry, SignedList, TlmEntry
from v2xpki.trust.succession import root_successors, tlm_successors

SUCCESSORS = "successors"
_FROM = "from"

# URL -> octets; raises LinkError
Fetch = Callable[[str], bytes]


class Accept(Protocol):
    """What takes a list over, verified; `refresh.accept`."""

    def __call__(
        self, kind: ListKind, octets: bytes, signer: Certificate, now: int, present: SignedList | None
    ) -> SignedList: ...


class Anchor(NamedTuple):
    """A TLM or root that is trusted, and the folder with its lists."""

    folder: Path
    certificate: Certificate


def anchors(folder: Path, name: str) -> list[Anchor]:
    """The TLMs ("tlm") or roots ("root") of a trust folder, each after the one that it succeeds.

    [] where the operator put none there. Raises DecodeError for a file that is none.
    """
    own = folder / f"{name}.oer"
    if not own.exists():
        return []
    chain = [Anchor(folder, Certificate.parse(own.read_bytes()))]
    following = {}
    for path in sorted((folder / SUCCESSORS).glob(f"*/{name}.oer")):
        with contextlib.suppress(OSError):
            before = (path.parent / _FROM).read_text("ascii").strip()
            following[before] = Anchor(path.parent, Certificate.parse(path.read_bytes()))
    while (found := following.pop(chain[-1].certificate.hex8, None)) is not None:
        chain.append(found)
    return chain


def follow(folder: Path, fetch: Fetch, accept: Accept, now: int) -> list[str]:
    """One look for successors; what was refused, and why. What cannot be had is no problem: it is asked for
    again the next time, and the lists of who is trusted have their own."""
    problems = []
    for step in (_follow_tlm, _follow_root):
        try:
            step(folder, fetch, accept, now)
        except LinkError:
            continue
        except (V2xPkiError, OSError) as error:
            problems.append(str(error))
    return problems


def _follow_tlm(folder: Path, fetch: Fetch, accept: Accept, now: int) -> None:
    chain = anchors(folder, "tlm")
    if not chain:
        return
    last = chain[-1]
    ectl = _list_of(last, "ectl", now)
    points = [
        entry.access_point.rstrip("/")
        for entry in (ectl.entries if ectl else ())
        if isinstance(entry, TlmEntry) and entry.certificate == last.certificate
    ]
    for point in points[:1]:
        found = tlm_successors(
            last.certificate,
            lambda old, point=point: _optional(fetch, f"{point}/gettlmlinkcertificate/{old.hex8}"),  # type: ignore[misc]
            lambda id8, point=point: Certificate.parse(  # type: ignore[misc]
                fetch(f"{point}/gettlmcertificate/{id8.hex().upper()}")
            ),
            now,
            left=[anchor.certificate.hashed_id8 for anchor in chain[:-1]],
        )
        for old, new in pairwise(found):
            octets = fetch(f"{point}/getectl/{new.hex8}")
            accept("ectl", octets, new, now, None)
            _keep(folder, old, {"tlm.oer": new.octets, "ectl.oer": octets}, new)


def _follow_root(folder: Path, fetch: Fetch, accept: Accept, now: int) -> None:
    chain, tlms = anchors(folder, "root"), anchors(folder, "tlm")
    if not chain:
        return
    ectl = _list_of(tlms[-1], "ectl", now) if tlms else None
    if tlms and (ectl is None or now >= ectl.next_update):
        return  # who has a TLM follows no root without it
    listed = {e.certificate.hashed_id8: e for e in (ectl.entries if ectl else ()) if isinstance(e, RcaEntry)}
    for anchor in chain[1:] if ectl else ():
        if anchor.certificate.hashed_id8 not in listed:
            _drop(anchor)
            return
    last = chain[-1]
    crl, ctl = _list_of(last, "crl", now), _list_of(last, "ctl", now)
    if crl is None or ctl is None:
        return
    places = _centres(ectl, last.certificate) + _centres(ctl, last.certificate)

    def link(old: Certificate) -> bytes | None:
        if old != last.certificate or old.hashed_id8 in crl.revoked:
            return None  # a root that has revoked itself vouches for nobody
        urls = [f"{place}/getrcalinkcertificate/{old.hex8}" for place in places]
        return next((octets for url in urls if (octets := _optional(fetch, url)) is not None), None)

    if ectl is None:
        octets = link(last.certificate)
        listed = _brought_along(octets) if octets else {}
    left = [anchor.certificate.hashed_id8 for anchor in chain[:-1]]
    found = root_successors(last.certificate, listed, link, now, left=left)
    for old, new in pairwise(found):
        new.verify_signature(None)
        if not new.start <= now < new.end:
            return  # not yet
        centres = _centres(ectl, new) or places
        files = {"root.oer": new.octets}
        kinds: tuple[ListKind, ...] = ("ctl", "crl")
        for kind in kinds:
            files[f"{kind}.oer"] = octets = _first(fetch, [f"{c}/get{kind}/{new.hex8}" for c in centres])
            accepted = accept(kind, octets, new, now, None)
            if new.hashed_id8 in accepted.revoked:
                raise InvalidList(f"root {new.hex8} has revoked itself", rule="entry")
        _keep(folder, old, files, new)


def _brought_along(octets: bytes) -> dict[bytes, RcaEntry]:
    """Without a TLM the link itself says who follows: its signer's certificate, which it then vouches for."""
    new = SignedLink.parse(octets).message.signer_certificates
    return {certificate.hashed_id8: RcaEntry(certificate) for certificate in new[:1]}


def _list_of(anchor: Anchor, kind: ListKind, now: int) -> SignedList | None:
    """A list of the anchor's folder that the anchor signed; of any age."""
    try:
        found = SignedList.parse((anchor.folder / f"{kind}.oer").read_bytes())
        found.verify(anchor.certificate, now, expired=True)
    except (V2xPkiError, OSError):
        return None
    return found if found.kind == kind and found.is_full else None


def _centres(signed: SignedList | None, root: Certificate) -> list[str]:
    entries = signed.entries if signed else ()
    return [e.url.rstrip("/") for e in entries if isinstance(e, DcEntry) and root.hashed_id8 in e.roots]


def _first(fetch: Fetch, urls: Iterable[str]) -> bytes:
    failed = LinkError("nobody is named who has it")
    for url in urls:
        try:
            return fetch(url)
        except LinkError as error:
            failed = error
    raise failed


def _optional(fetch: Fetch, url: str) -> bytes | None:
    try:
        return fetch(url)
    except LinkError:
        return None


def _keep(folder: Path, old: Certificate, files: dict[str, bytes], new: Certificate) -> None:
    """A successor's folder, whole or not at all."""
    place = folder / SUCCESSORS / new.hex8
    draft = folder / SUCCESSORS / f".{new.hex8}.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    for name, octets in {**files, _FROM: old.hex8.encode()}.items():
        with (draft / name).open("wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
    if place.exists():
        _drop(Anchor(place, new))  # of a predecessor that is no longer an anchor here
    draft.rename(place)


def _drop(anchor: Anchor) -> None:
    """Whoever reads sees the folder or does not: it goes by its name first."""
    gone = anchor.folder.with_name(f".{anchor.folder.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    anchor.folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


class FollowedPeers:
    """The peers of a trust folder and of every root that was followed from there; as `peers.TrustFolder`."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        interval: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._clock = folder, clock
        self._interval, self._monotonic = interval, monotonic
        self._own = TrustFolder(folder, clock, interval=interval, monotonic=monotonic)
        self._others: dict[Path, TrustFolder] = {}
        self._look_at = float("-inf")
        self._stamp = -1
        self._lock = threading.Lock()

    @property
    def problem(self) -> str | None:
        """What keeps lists from being taken over, the own root's first."""
        return next((folder.problem for folder in self._folders() if folder.problem is not None), None)

    def aa(self, hashed_id8: bytes) -> Peer | None:
        """As Peers.aa."""
        return next((peer for f in self._folders() if (peer := f.aa(hashed_id8)) is not None), None)

    def ea(self, hashed_id8: bytes) -> Peer | None:
        """As Peers.ea."""
        return next((peer for f in self._folders() if (peer := f.ea(hashed_id8)) is not None), None)

    def all_aas(self) -> Iterable[Peer]:
        """As Peers.all_aas."""
        return [peer for folder in self._folders() for peer in folder.all_aas()]

    def all_eas(self) -> Iterable[Peer]:
        """As Peers.all_eas."""
        return [peer for folder in self._folders() for peer in folder.all_eas()]

    def is_revoked(self, certificate: Certificate) -> bool:
        """As Peers.is_revoked."""
        return any(folder.is_revoked(certificate) for folder in self._folders())

    def _folders(self) -> Iterator[TrustFolder]:
        yield self._own
        now = self._monotonic()
        if now >= self._look_at:
            self._look_again()
            self._look_at = now + self._interval
        yield from self._others.values()

    def _look_again(self) -> None:
        try:
            stamp = os.stat(self._folder / SUCCESSORS).st_mtime_ns  # noqa: PTH116  # as in peers.py
        except OSError:
            stamp = 0
        if stamp == self._stamp:
            return
        with self._lock:
            try:
                found = [anchor.folder for anchor in anchors(self._folder, "root")[1:]]
            except (DecodeError, OSError):
                found = []
            options = {"interval": self._interval, "monotonic": self._monotonic}
            self._others = {
                path: self._others.get(path) or TrustFolder(path, self._clock, **options)  # type: ignore[arg-type]
                for path in found
            }
            self._stamp = stamp
