"""A disk without room."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from v2xpki.ota import uploads

#: What the kernel itself has no room for.
FULL = Path("/dev/full")


class Disk:
    """Where uploads are written to; `room` octets are left, None for as many as one likes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self._write = uploads._write
        monkeypatch.setattr(uploads, "_write", self._take)

    def _take(self, data: Any, block: bytes) -> None:
        if self.room is None or len(block) <= self.room:
            self.room = None if self.room is None else self.room - len(block)
            self._write(data, block)
            return
        self._write(data, block[: self.room])
        self.room = 0
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
