"""Images and their statements of provenance, as the router hands them out: files of a folder, by range.

They are named by their content (TUF 6.2, consistent snapshots), so that what has such a name never changes,
and no role is asked. Nothing of a path is believed: it has exactly the form of a target's, no part of it may
be a link, and the file must be there.
"""

import os
import re
import stat
from pathlib import Path

from aiohttp import web

from v2xpki.trust.ota.names import PART, SHA256

PREFIX = "/ota/image/targets/"
_NAME = re.compile(
    rf"{PART.pattern}/{PART.pattern}/{PART.pattern}/{SHA256.pattern}\.{PART.pattern}(\.intoto\.json)?"
)
_FOREVER = "public, max-age=31536000, immutable"


class ImageFiles:
    """The folder. plain: also without TLS."""

    def __init__(self, folder: Path, *, plain: bool = False) -> None:
        self._folder, self.plain = folder, plain

    def find(self, target: str) -> Path | None:
        """The file of a request's target; None where there is none. Percent-encoding is not undone: no name
        needs it."""
        name = target.removeprefix(PREFIX)
        if not _NAME.fullmatch(name):
            return None
        path = self._folder
        *folders, file = name.split("/")
        try:
            for part in folders:
                path /= part
                if not stat.S_ISDIR(os.lstat(path).st_mode):
                    return None
            path /= file
            return path if stat.S_ISREG(os.lstat(path).st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            return None

    @staticmethod
    def response(path: Path, server: str) -> web.FileResponse:
        """The answer to a GET or HEAD, whole or of a range, in flat memory (RFC 9110 14)."""
        kind = "application/json" if path.name.endswith(".intoto.json") else "application/octet-stream"
        headers = {"server": server, "content-type": kind, "cache-control": _FOREVER}
        return web.FileResponse(path, headers=headers)
