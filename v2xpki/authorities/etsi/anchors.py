"""Whom a trust folder is anchored in, and the lists that lie beside each of them.

    DIR/<domain>/trust/                    tlm.oer ectl.oer, root.oer ctl.oer crl.oer: the operator's anchors
    DIR/<domain>/trust/successors/HEX8/    the same of a TLM or root that was followed; from: predecessor

Everybody who asks which roots are the own ones, or which TLM is the newest, asks here. following.py makes
the folders of successors.
"""

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidList, V2xPkiError
from v2xpki.trust.lists import ListKind, SignedList

SUCCESSORS = "successors"
#: The file that names an anchor's predecessor, by HashedId8 in hex.
FROM = "from"
_HEX8 = re.compile(r"[0-9A-F]{16}")

Stamp = tuple[int, int, int] | None


class Anchor(NamedTuple):
    """A TLM or root that is trusted, and the folder with its lists."""

    folder: Path
    certificate: Certificate

    def list(self, kind: ListKind, now: int) -> SignedList | None:
        """As present_list, of the anchor's folder."""
        return present_list(self.folder / f"{kind}.oer", kind, self.certificate, now)


def anchors(folder: Path, name: str) -> list[Anchor]:
    """The TLMs ("tlm") or roots ("root") of a trust folder, each after the one that it succeeds.

    [] where the operator put none there. Raises DecodeError for a file that is none, OSError.
    """
    own = folder / f"{name}.oer"
    if not own.exists():
        return []
    chain = [Anchor(folder, Certificate.parse(own.read_bytes()))]
    following = {}
    for path in sorted((folder / SUCCESSORS).glob(f"*/{name}.oer")):
        if not _HEX8.fullmatch(path.parent.name):
            continue  # one that is being made, or was let go
        with contextlib.suppress(OSError):
            before = (path.parent / FROM).read_text("ascii").strip()
            following[before] = Anchor(path.parent, Certificate.parse(path.read_bytes()))
    while (found := following.pop(chain[-1].certificate.hex8, None)) is not None:
        chain.append(found)
    return chain


def read_list(path: Path, kind: ListKind, signer: Certificate, now: int) -> SignedList:
    """The full list of a file, verified under its signer; of any age, which is asked when it is used.

    Raises OSError, and V2xPkiError for what is none of `kind` and `signer`.
    """
    found = SignedList.parse(path.read_bytes())
    if found.kind != kind or not found.is_full:
        raise InvalidList(f"{path.name} is a {found.kind}", rule="kind")
    found.verify(signer, now, expired=True)
    return found


def present_list(path: Path, kind: ListKind, signer: Certificate, now: int) -> SignedList | None:
    """As read_list; None where there is none."""
    try:
        return read_list(path, kind, signer, now)
    except (V2xPkiError, OSError):
        return None


def stamp(path: Path) -> Stamp:
    """What tells whether a file was replaced, or what is in a folder; None where it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116  # a third of Path.stat's cost
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
