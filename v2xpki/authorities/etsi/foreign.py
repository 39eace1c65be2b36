"""The EAs and AAs of other PKIs: what the ECTL in a trust folder vouches for, and what their roots say.

    trust/tlm.oer, ectl.oer                    the TLM, pinned, and its ECTL
    trust/foreign/<HEX8>/ctl.oer, crl.oer      lists of another root on it; foreign_refresh.py brings them

An authority of another PKI counts as long as its root is on the ECTL, that root's CTL names it and its CRL
does not, and none of the three is past its nextUpdate: what is not renewed ends by itself, unlike the own
root's lists, whose operator hears an alarm. All is bounded, for others decide what is in those lists.
"""

import os
import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, InvalidChain, InvalidList, V2xPkiError
from v2xpki.time import Clock
from v2xpki.trust.chain import verify_chain
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry, ListKind, RcaEntry, SignedList

FOLDER = "foreign"
ANY = "any"
#: Other roots that are followed, those that are named in the settings first.
MOST_ROOTS = 32
#: EAs and AAs of one root; each is verified when its list changes.
MOST_AUTHORITIES = 128
_HEX8 = re.compile(r"[0-9A-F]{16}")

Stamp = tuple[int, int, int] | None


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


@dataclass(frozen=True)
class ForeignRoot:
    """A root on the ECTL that is not the own one. centres: URLs of where its lists are."""

    certificate: Certificate
    centres: tuple[str, ...]

    def folder(self, trust: Path) -> Path:
        return trust / FOLDER / self.certificate.hex8


def vouched(
    ectl: SignedList, own: bytes, wanted: Collection[str], now: int
) -> tuple[tuple[ForeignRoot, ...], tuple[str, ...]]:
    """The roots of a verified ECTL that the settings want, and why others of those are left out.

    own: HashedId8 of the own root. wanted: HashedId8 in hex, or "any". now: TAI seconds.
    """
    named = {text.upper() for text in wanted if text != ANY}
    listed: dict[bytes, Certificate] = {}
    twice: set[bytes] = {own}
    for entry in ectl.entries:
        if isinstance(entry, RcaEntry):
            id8 = entry.certificate.hashed_id8
            twice |= {id8} & listed.keys()
            listed[id8] = entry.certificate
    found: list[ForeignRoot] = []
    problems: list[str] = []
    for id8, root in sorted(listed.items(), key=lambda item: item[1].hex8 not in named):
        if id8 in twice or not (ANY in wanted or root.hex8 in named):
            continue
        try:
            root.verify_signature(None)
        except CryptoError as error:
            problems.append(f"root {root.hex8}: {error}")
            continue
        centres = [e.url.rstrip("/") for e in ectl.entries if isinstance(e, DcEntry) and id8 in e.roots]
        if not root.start <= now < root.end:
            problems.append(f"root {root.hex8} is not in force")
        elif len(found) == MOST_ROOTS:
            problems.append(f"root {root.hex8}: more than {MOST_ROOTS} other roots on the ECTL")
        else:
            found.append(ForeignRoot(root, tuple(centres)))
    missing = named - {root.hex8 for root in listed.values()}
    problems += [f"root {name} of foreign_roots is not on the ECTL" for name in sorted(missing)]
    return tuple(found), tuple(problems)


def read_ectl(trust: Path, now: int) -> SignedList:
    """The ECTL of a trust folder, verified under its TLM; of any age. Raises OSError, V2xPkiError."""
    tlm = Certificate.parse((trust / "tlm.oer").read_bytes())
    found = SignedList.parse((trust / "ectl.oer").read_bytes())
    if found.kind != "ectl" or not found.is_full:
        raise InvalidList(f"ectl.oer is a {found.kind}", rule="kind")
    found.verify(tlm, now, expired=True)
    return found


def check_size(ctl: SignedList) -> None:
    """Raise InvalidList for a CTL of more authorities than are taken from another root."""
    count = sum(1 for entry in ctl.entries if isinstance(entry, AaEntry | EaEntry))
    if count > MOST_AUTHORITIES:
        raise InvalidList(f"a CTL of {count} authorities, above {MOST_AUTHORITIES}", rule="size")


@dataclass
class _Root:
    """What is known of one root's authorities."""

    stamps: tuple[Stamp, ...] = ()
    aas: Mapping[bytes, Peer] = field(default_factory=dict)
    eas: Mapping[bytes, Peer] = field(default_factory=dict)
    ctl: SignedList | None = None
    crl: SignedList | None = None
    problem: str = "not read yet"

    def check_age(self, ctl: SignedList, crl: SignedList) -> None:
        """Raise InvalidList for lists older than those in force; a CRL that lets go of nothing may be."""
        if self.ctl is not None and ctl.this_update < self.ctl.this_update:
            raise InvalidList("a CTL older than the one in force", rule="rollback")
        if self.crl is None or crl.this_update >= self.crl.this_update:
            return
        if not crl.revoked >= self.crl.revoked:
            raise InvalidList("a CRL older than the one in force", rule="rollback")


@dataclass(frozen=True)
class _View:
    """What counts at one time; replaced as a whole."""

    aas: Mapping[bytes, Peer] = field(default_factory=dict)
    eas: Mapping[bytes, Peer] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class ForeignPeers:
    """The authorities of other PKIs in a trust folder, read again when a file changes.

    wanted: whose roots, as `vouched`. A file that does not verify changes nothing, and `problems` says why.
    A revocation, and a root that left the ECTL, count from the look after their list's arrival on.
    """

    def __init__(self, folder: Path, clock: Clock, wanted: Collection[str]) -> None:
        self._folder, self._clock, self._wanted = folder, clock, wanted
        self._lock = threading.Lock()
        self._stamps: tuple[Stamp, ...] = ()
        self._ectl: SignedList | None = None
        self._ectl_problem = ""
        self._roots: dict[bytes, tuple[ForeignRoot, _Root]] = {}
        self._left_out: tuple[str, ...] = ()
        self._view = _View()

    @property
    def problems(self) -> tuple[str, ...]:
        return self._view.problems

    def aa(self, hashed_id8: bytes) -> Peer | None:
        return self._in_force(self._view.aas.get(hashed_id8))

    def ea(self, hashed_id8: bytes) -> Peer | None:
        return self._in_force(self._view.eas.get(hashed_id8))

    def _in_force(self, peer: Peer | None) -> Peer | None:
        if peer is None or peer.until is None or self._clock.time32() >= peer.until:
            return None
        return peer

    def look(self, own: bytes) -> None:
        """Look at the files; own: HashedId8 of the own root. Who comes while another thread looks goes on
        with what there was."""
        if not self._wanted or not self._lock.acquire(blocking=False):
            return
        try:
            now = self._clock.time32()
            changed = self._look_at_ectl(own, now)
            for root, known in self._roots.values():
                changed |= self._look_at_root(root, known, now)
            if changed:
                self._view = self._merged()
        finally:
            self._lock.release()

    def _look_at_ectl(self, own: bytes, now: int) -> bool:
        stamps = (stamp(self._folder / "tlm.oer"), stamp(self._folder / "ectl.oer"))
        if stamps == self._stamps:
            return False
        try:
            ectl = read_ectl(self._folder, now)
            before = self._ectl
            if before is not None and before.signer_id8 == ectl.signer_id8 and _is_older(ectl, before):
                raise InvalidList("an ECTL older than the one in force", rule="rollback")
        except OSError as error:
            # The file may be fine: read again at the next question. Gone, it changes nothing.
            self._ectl_problem = f"ECTL: {error}"
            return True
        except V2xPkiError as error:
            self._stamps, self._ectl_problem = stamps, f"ECTL: {error}"
            return True
        self._stamps, self._ectl, self._ectl_problem = stamps, ectl, ""
        roots, self._left_out = vouched(ectl, own, self._wanted, now)
        kept = {root.certificate.digest: known for root, known in self._roots.values()}
        self._roots = {
            root.certificate.hashed_id8: (root, kept.get(root.certificate.digest, _Root())) for root in roots
        }
        return True

    def _look_at_root(self, root: ForeignRoot, known: _Root, now: int) -> bool:
        folder = root.folder(self._folder)
        paths = folder / "ctl.oer", folder / "crl.oer"
        stamps = tuple(map(stamp, paths))
        if stamps == known.stamps:
            return False
        try:
            ctl = _verified(paths[0], "ctl", root.certificate, now)
            crl = _verified(paths[1], "crl", root.certificate, now)
            known.check_age(ctl, crl)
            known.aas, known.eas = _authorities(root.certificate, ctl, crl)
            known.ctl, known.crl = ctl, crl
        except OSError:
            known.problem = f"root {root.certificate.hex8}: its CTL and CRL are not both there yet"
            return True
        except V2xPkiError as error:
            known.problem = f"root {root.certificate.hex8}: {error}"
        else:
            known.problem = ""
        known.stamps = stamps
        return True

    def _merged(self) -> _View:
        until = 0 if self._ectl is None else self._ectl.next_update
        aas: dict[bytes, Peer] = {}
        eas: dict[bytes, Peer] = {}
        problems = [self._ectl_problem] if self._ectl_problem else []
        problems += self._left_out
        for _, known in self._roots.values():
            for target, found in ((aas, known.aas), (eas, known.eas)):
                for id8, peer in found.items():
                    target.setdefault(id8, replace(peer, until=min(peer.until or 0, until)))
            problems += [known.problem] if known.problem else []
        return _View(aas, eas, tuple(problems))


def _is_older(found: SignedList, before: SignedList) -> bool:
    assert found.sequence is not None and before.sequence is not None
    return found.sequence < before.sequence


def _verified(path: Path, kind: ListKind, root: Certificate, now: int) -> SignedList:
    found = SignedList.parse(path.read_bytes())
    if found.kind != kind or not found.is_full:
        raise InvalidList(f"{path.name} is a {found.kind}", rule="kind")
    found.verify(root, now, expired=True)  # its age is asked when it is used
    return found


def _authorities(
    root: Certificate, ctl: SignedList, crl: SignedList
) -> tuple[dict[bytes, Peer], dict[bytes, Peer]]:
    check_size(ctl)
    until, aas, eas = min(ctl.next_update, crl.next_update), {}, {}
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


def stamp(path: Path) -> Stamp:
    """What tells whether a file was replaced; None where it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116  # a third of Path.stat's cost
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def folders(trust: Path) -> list[Path]:
    """The folders of other roots that are there."""
    try:
        return [path for path in (trust / FOLDER).iterdir() if _HEX8.fullmatch(path.name)]
    except FileNotFoundError:
        return []
