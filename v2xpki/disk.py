"""A full disk by its name: what an OSError of the system says of it, with the file and what to do.

    with room_for(path):
        path.write_bytes(octets)
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from v2xpki.errors import DiskFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_HINT = "free some room on its file system, or have a larger quota; then do it again"


def disk_full(error: OSError, path: Path | None = None) -> DiskFull | None:
    """What an error of the system is, where it is that there is no room. path: of what was written, where the
    error does not say."""
    if error.errno not in _FULL:
        return None
    place = path or error.filename
    return DiskFull(f"no room for {place or 'a file'}: {error.strerror}", place=str(place or ""), hint=_HINT)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """What is written inside goes to `path`. Raises DiskFull where its file system, or a quota on it, is
    full."""
    try:
        yield
    except OSError as error:
        full = disk_full(error, path)
        if full is None:
            raise
        raise full from error
