"""Files of a station's directory: replaced whole, and secret ones for their owner alone."""

import os
import tempfile
from pathlib import Path

from v2xpki.disk import room_for
from v2xpki.station.errors import BadState

_NEW = ".new-"


def write_whole(path: Path, octets: bytes, mode: int) -> None:
    """Write a file so that a crash at any instant leaves the old one or the new one. Raises DiskFull."""
    with room_for(path):
        _write_whole(path, octets, mode)


def _write_whole(path: Path, octets: bytes, mode: int) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_NEW)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk before anything that relies on them is written."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_secret(path: Path) -> bytes | None:
    """A secret file's octets; None where there is none. Raises BadState where others may read it."""
    try:
        if path.stat().st_mode & 0o077:
            raise BadState(f"{path} can be read by others", hint=f"chmod 600 {path}")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadState(f"{path}: {error.strerror}") from error


def clear_unfinished(folder: Path) -> None:
    """Remove what writes that were cut off have left."""
    for path in folder.glob(f"{_NEW}*"):
        path.unlink(missing_ok=True)
