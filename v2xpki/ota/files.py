"""Files of images: written so that they are there whole, or not at all, after any crash."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from v2xpki.errors import StoreError

_BLOCK = 1 << 20


def write_durably(path: Path, octets: bytes) -> None:
    """A file with these octets, in one step."""
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """The names in a folder reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Hex, of what is on the disk; read in blocks, so memory is the same for any size. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def beside(folder: Path, source: Path, sha256: str) -> Iterator[Path]:
    """A second name for a file in a folder, under which nothing is handed out, until it is renamed or the
    block ends: a hard link, or where that cannot be a copy, whose SHA-256 is checked. Raises StoreError."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{secrets.token_hex(8)}"
    try:
        try:
            os.link(source, temporary)
        except OSError:  # another file system, or another user's file
            _copy(source, temporary, sha256)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _copy(source: Path, target: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while block := reader.read(_BLOCK):
            digest.update(block)
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    if digest.hexdigest() != sha256:
        raise StoreError(f"{source.name} changed while it was copied")
