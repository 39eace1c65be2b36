"""How EA and AA follow a roll-over: new TLMs and roots beside the ones that an operator put into trust/.

The operator's anchors (anchors.py) stay where they are. A TLM is followed by the link that the one before it
signed; a root by the newest TLM's ECTL (successorTo), or by a link that both roots signed where it is on that
ECTL. A root that the ECTL no longer has is let go. A folder appears as a whole, with lists that verify, and
the old root's EA and AA stay known beside the new root's.
"""

import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from v2xpki.authorities.etsi.anchors import FROM, SUCCESSORS, Anchor, anchors
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidList, LinkError, V2xPkiError
from v2xpki.trust.links import SignedLink
from v2xpki.trust.lists import DcEntry, ListKind, RcaEntry, SignedList, TlmEntry
from v2xpki.trust.succession import root_successors, tlm_successors

# URL -> octets; raises LinkError
Fetch = Callable[[str], bytes]
# kind, signer, URLs, TAI seconds -> the list from the first that has it, verified; refresh.Lists.first
FetchList = Callable[[ListKind, Certificate, list[str], int], SignedList]


def follow(folder: Path, fetch: Fetch, fetch_list: FetchList, now: int) -> list[str]:
    """One look for successors; what was refused, and why. What cannot be had is no problem: it is asked for
    again the next time, and the lists of who is trusted have their own."""
    problems = []
    for step in (_follow_tlm, _follow_root):
        try:
            step(folder, fetch, fetch_list, now)
        except LinkError:
            continue
        except (V2xPkiError, OSError) as error:
            problems.append(str(error))
    return problems


def _follow_tlm(folder: Path, fetch: Fetch, fetch_list: FetchList, now: int) -> None:
    chain = anchors(folder, "tlm")
    if not chain:
        return
    last = chain[-1]
    ectl = last.list("ectl", now)
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
            its_own = fetch_list("ectl", new, [f"{point}/getectl/{new.hex8}"], now)
            _keep(folder, old, {"tlm.oer": new.octets, "ectl.oer": its_own.octets}, new)


def _follow_root(folder: Path, fetch: Fetch, fetch_list: FetchList, now: int) -> None:
    chain, tlms = anchors(folder, "root"), anchors(folder, "tlm")
    if not chain:
        return
    ectl = tlms[-1].list("ectl", now) if tlms else None
    if tlms and (ectl is None or now >= ectl.next_update):
        return  # who has a TLM follows no root without it
    listed = {e.certificate.hashed_id8: e for e in (ectl.entries if ectl else ()) if isinstance(e, RcaEntry)}
    for anchor in chain[1:] if ectl else ():
        if anchor.certificate.hashed_id8 not in listed:
            _drop(anchor)
            return
    last = chain[-1]
    crl, ctl = last.list("crl", now), last.list("ctl", now)
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
            signed = fetch_list(kind, new, [f"{c}/get{kind}/{new.hex8}" for c in centres], now)
            if new.hashed_id8 in signed.revoked:
                raise InvalidList(f"root {new.hex8} has revoked itself", rule="entry")
            files[f"{kind}.oer"] = signed.octets
        _keep(folder, old, files, new)


def _brought_along(octets: bytes) -> dict[bytes, RcaEntry]:
    """Without a TLM the link itself says who follows: its signer's certificate, which it then vouches for."""
    new = SignedLink.parse(octets).message.signer_certificates
    return {certificate.hashed_id8: RcaEntry(certificate) for certificate in new[:1]}


def _centres(signed: SignedList | None, root: Certificate) -> list[str]:
    entries = signed.entries if signed else ()
    return [e.url.rstrip("/") for e in entries if isinstance(e, DcEntry) and root.hashed_id8 in e.roots]


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
    for name, octets in {**files, FROM: old.hex8.encode()}.items():
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
