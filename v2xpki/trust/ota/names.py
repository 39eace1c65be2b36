"""How vehicles, ECUs, hardware, releases and their targets are named."""

import re

from v2xpki.errors import DecodeError

#: ISO 3779: 17 characters without I, O, Q.
VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
#: ECUs, hardware ids, release names and versions, models: one part of a path, no leading dot.
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}")
KEYID = re.compile(r"[0-9a-f]{64}")
SHA256 = KEYID


def require(text: str, pattern: re.Pattern[str], what: str) -> str:
    """The text. Raises DecodeError that names the field and the rule."""
    if not pattern.fullmatch(text):
        raise DecodeError(f"{what} {text!r} is not {pattern.pattern}")
    return text


def target_path(hardware_id: str, name: str, version: str, file: str) -> str:
    """<hardware id>/<name>/<version>/<file>: what delegations match by (TUF 4.5, paths), and so suppliers'
    rights by hardware and by name hold in any TUF client. Raises DecodeError."""
    parts = {"hardware id": hardware_id, "name": name, "version": version, "file": file}
    return "/".join(require(text, PART, what) for what, text in parts.items())


def file_of(path: str, sha256: str) -> str:
    """Where a target's image is handed out, below targets/ (consistent snapshots, TUF 6.2)."""
    folder, _, file = path.rpartition("/")
    return f"{folder}/{sha256}.{file}"


def attestation_of(path: str, sha256: str) -> str:
    """Where its statement of provenance is, beside it."""
    return file_of(path, sha256) + ".intoto.json"
