"""The EAs and AAs of other PKIs: what the ECTL in a trust folder vouches for, and what their roots say.

    trust/foreign/<HEX8>/ctl.oer, crl.oer    lists of another root on the ECTL; foreign_refresh.py brings them

The ECTL is that of the newest TLM that was followed. The own roots, and those on the ECTL that succeed them,
are none of these: they are for following.py, whatever the settings want.

An authority of another PKI counts as long as its root is on the ECTL, that root's CTL names it and its CRL
does not, and none of the three is past its nextUpdate: what is not renewed ends by itself, unlike the own
roots' lists, whose operator hears an alarm. All is bounded, for others decide what is in those lists.
"""

import re
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from v2xpki.authorities.etsi.anchors import Anchor, Stamp, read_list, stamp
from v2xpki.authorities.etsi.peers import Peer, authorities
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, InvalidList, V2xPkiError
from v2xpki.time import Clock
from v2xpki.trust.lists import AaEntry, CtlEntry, DcEntry, EaEntry, EctlEntry, RcaEntry, SignedList

FOLDER = "foreign"
ANY = "any"
#: Other roots that are followed, those that are named in the settings first.
MOST_ROOTS = 32
#: EAs and AAs of one root; each is verified when its list changes.
MOST_AUTHORITIES = 128
_HEX8 = re.compile(r"[0-9A-F]{16}")


@dataclass(frozen=True)
class ForeignRoot:
    """A root on the ECTL that is no own one. centres: URLs of where its lists are."""

    certificate: Certificate
    centres: tuple[str, ...]

    def folder(self, trust: Path) -> Path:
        return trust / FOLDER / self.certificate.hex8


def vouched(
    ectl: SignedList, own: Collection[bytes], wanted: Collection[str], now: int
) -> tuple[tuple[ForeignRoot, ...], tuple[str, ...]]:
    """The roots of a verified ECTL that the settings want, and why others of those are left out.

    own: HashedId8 of the own roots. wanted: HashedId8 in hex, or "any". now: TAI seconds.
    """
    named = {text.upper() for text in wanted if text != ANY}
    listed: dict[bytes, Certificate] = {}
    twice = _with_successors(own, ectl.entries)
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


def _with_successors(own: Collection[bytes], entries: Sequence[EctlEntry | CtlEntry]) -> set[bytes]:
    """The own roots and all on the ECTL that succeed them, followed by now or not: none is taken for another
    PKI's in between."""
    heirs = {
        entry.certificate.hashed_id8: entry.successor_to.hashed_id8
        for entry in entries
        if isinstance(entry, RcaEntry) and entry.successor_to is not None
    }
    known = set(own)
    while more := {new for new, old in heirs.items() if old in known} - known:
        known |= more
    return known


def read_ectl(tlm: Anchor, now: int) -> SignedList:
    """A TLM's ECTL, of any age. Raises OSError, V2xPkiError."""
    return read_list(tlm.folder / "ectl.oer", "ectl", tlm.certificate, now)


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
        self._read: object = None
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

    def all_aas(self) -> Iterable[Peer]:
        return [peer for peer in self._view.aas.values() if self._in_force(peer)]

    def all_eas(self) -> Iterable[Peer]:
        return [peer for peer in self._view.eas.values() if self._in_force(peer)]

    def is_revoked(self, certificate: Certificate) -> bool:
        root = certificate.issuer_id8 or b""
        _, known = self._roots.get(root, (None, None))
        if known is None or known.crl is None:
            return False
        return not known.crl.revoked.isdisjoint((certificate.hashed_id8, root))

    def _in_force(self, peer: Peer | None) -> Peer | None:
        if peer is None or peer.until is None or self._clock.time32() >= peer.until:
            return None
        return peer

    def look(self, tlm: Anchor | None, own: Collection[bytes]) -> None:
        """Look at the files. tlm: the newest; own: HashedId8 of the own roots. Who comes while another thread
        looks goes on with what there was."""
        if not self._wanted or not self._lock.acquire(blocking=False):
            return
        try:
            now = self._clock.time32()
            changed = self._look_at_ectl(tlm, own, now)
            for root, known in self._roots.values():
                changed |= self._look_at_root(root, known, now)
            if changed:
                self._view = self._merged()
        finally:
            self._lock.release()

    def _look_at_ectl(self, tlm: Anchor | None, own: Collection[bytes], now: int) -> bool:
        seen = None if tlm is None else (tlm, frozenset(own), stamp(tlm.folder / "ectl.oer"))
        if seen is not None and seen == self._read:
            return False
        try:
            if tlm is None:
                raise InvalidList("there is no TLM's certificate", rule="anchor")
            ectl = read_ectl(tlm, now)
            before = self._ectl
            if before is not None and before.signer_id8 == ectl.signer_id8 and _is_older(ectl, before):
                raise InvalidList("an ECTL older than the one in force", rule="rollback")
        except OSError as error:
            # The file may be fine: read again at the next question. Gone, it changes nothing.
            self._ectl_problem = f"ECTL: {error}"
            return True
        except V2xPkiError as error:
            self._read, self._ectl_problem = seen, f"ECTL: {error}"
            return True
        self._read, self._ectl, self._ectl_problem = seen, ectl, ""
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
            ctl = read_list(paths[0], "ctl", root.certificate, now)
            crl = read_list(paths[1], "crl", root.certificate, now)
            check_size(ctl)
            known.check_age(ctl, crl)
            until = min(ctl.next_update, crl.next_update)
            known.aas, known.eas = authorities(root.certificate, ctl, crl, until=until)
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


def folders(trust: Path) -> list[Path]:
    """The folders of other roots that are there."""
    try:
        return [path for path in (trust / FOLDER).iterdir() if _HEX8.fullmatch(path.name)]
    except FileNotFoundError:
        return []
