"""Images and their statements of provenance, as the router hands them out: files of a folder, by range.

They are named by their content (TUF 6.2, consistent snapshots), so that what has such a name never changes,
and no role is asked. Nothing of a path is believed: it has exactly the form of a target's, no part of it may
be a link, and the file must be there.
"""

import asyncio
import os
import re
import stat
from pathlib import Path

from aiohttp import ETag, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from v2xpki.trust.ota.names import PART, SHA256
from v2xpki.web.bounded import MOST_DOWNLOADS
from v2xpki.web.ranges import asked_span

PREFIX = "/ota/image/targets/"
_NAME = re.compile(
    rf"{PART.pattern}/{PART.pattern}/{PART.pattern}/{SHA256.pattern}\.{PART.pattern}(\.intoto\.json)?"
)
#: Seconds that any download may take, and octets a second beyond: 2 GB in 36 hours.
GRACE, LEAST_RATE = 60.0, 16384.0
_FOREVER = "public, max-age=31536000, immutable"
# decided here, before aiohttp sees a request: it has other rules, and would look for files beside the one
_DECIDED = (hdrs.RANGE, hdrs.IF_RANGE, hdrs.IF_MATCH, hdrs.IF_UNMODIFIED_SINCE, hdrs.ACCEPT_ENCODING)
_ANY = "*"


class Unmet(Exception):
    """A condition of the request is not met: HTTP 412 (RFC 9110 13.1.1, 13.1.4)."""


class ImageFiles:
    """The folder. plain: also without TLS; most: downloads at a time."""

    def __init__(self, folder: Path, *, plain: bool = False, most: int = MOST_DOWNLOADS) -> None:
        self._folder, self.plain, self._most = folder, plain, most
        self.downloads = 0

    @property
    def is_crowded(self) -> bool:
        """Whether one more has to wait."""
        return self.downloads >= self._most

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

    def response(self, request: web.BaseRequest, path: Path, server: str) -> web.FileResponse:
        """The answer to a GET or HEAD, whole or of a range, in flat memory (RFC 9110 14). Raises
        Unsatisfiable, Unmet."""
        kind = "application/json" if path.name.endswith(".intoto.json") else "application/octet-stream"
        headers = {"server": server, "content-type": kind, "cache-control": _FOREVER}
        return _Download(self, path, headers, _simplified(request, path.stat()))


def _simplified(request: web.BaseRequest, found: os.stat_result) -> web.BaseRequest:
    """The request with what aiohttp is to decide: whether it has changed, and at most one range of it."""
    etag = f"{found.st_mtime_ns:x}-{found.st_size:x}"  # as aiohttp makes it
    if not _is_met(request, etag, found.st_mtime):
        raise Unmet
    headers = request.headers.copy()
    for name in _DECIDED:
        headers.popall(name, None)
    known = {one.value for one in request.if_none_match or ()}
    if request.method == "GET" and not known & {etag, _ANY}:
        asked, condition = request.headers.get(hdrs.RANGE), request.headers.get(hdrs.IF_RANGE)
        span = asked_span(asked, condition, etag, found.st_size)
        if span is not None:
            headers[hdrs.RANGE] = f"bytes={span.start}-{span.end - 1}"
    return request.clone(headers=headers)


def _is_met(request: web.BaseRequest, etag: str, modified: float) -> bool:
    named, since = request.if_match, request.if_unmodified_since
    if named is not None:
        return any(one == ETag(etag) or one.value == _ANY for one in named)
    return since is None or modified < since.timestamp() + 1


class _Download(web.FileResponse):
    """Counted, and ended where its reader takes hardly anything: it holds a file and a connection. asked:
    what is answered in place of the request itself."""

    def __init__(
        self, files: ImageFiles, path: Path, headers: dict[str, str], asked: web.BaseRequest
    ) -> None:
        super().__init__(path, headers=headers)
        self._files, self._asked = files, asked
        self._seconds = GRACE + path.stat().st_size / LEAST_RATE

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        self._files.downloads += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await super().prepare(self._asked)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the reader is too slow") from None
        finally:
            self._files.downloads -= 1
