"""The operators' interface of firmware delivery at another machine: calls of its desks, uploads of images.

    link = DeskLink(url, certificate=..., key=..., ca_file=...)
    link.call(ImageDesk, "releases", {"state": "staged"})
    identifier = link.upload(path, progress=print)

TLS with a client certificate. An upload whose connection breaks goes on where the server has it (tus 1.0).
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from v2xpki.errors import DiskFull, LinkError, Refused
from v2xpki.links.operators import beginning_of, operators_context
from v2xpki.ota.desk import Reason, call_of
from v2xpki.ota.uploads import require_length

_PATH = "/api/v1/ota/"
_JSON, _OFFSET = "application/json", "application/offset+octet-stream"
_TUS = {"Tus-Resumable": "1.0.0"}
_ANSWER_LIMIT = 128 << 20
_FULL = 507
#: Octets of one PATCH: what a server has of it is on its disk when it answers.
PIECE = 64 << 20
_BLOCK = 1 << 18
#: Attempts without one octet of progress before an upload is given up, and seconds before each.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

#: Told of octets that are there, and all of them.
Progress = Callable[[int, int], object]


class DeskLink:
    """url: beginning of the interface, e.g. https://host:8444. patience: seconds for an answer; a server
    reads a large image once before it gives one. Raises ConfigError for files that are no certificate and
    key."""

    def __init__(
        self, url: str, *, certificate: Path, key: Path, ca_file: Path, patience: float = 600.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:  # fmt: skip
        self._url, self._sleep = beginning_of(url), sleep
        context = operators_context(certificate, key, ca_file)
        timeout = urllib3.Timeout(connect=15.0, read=patience)
        self._pool = urllib3.PoolManager(
            ssl_context=context, retries=False, timeout=timeout, blocksize=_BLOCK
        )

    def call(
        self, desk: type, name: str, parameters: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        """What a desk answers. Raises Refused with what the problem says, DiskFull, LinkError."""
        call, given = call_of(desk, name), dict(parameters or {})
        path = call.path.format(**{one: quote(given.pop(one), safe="") for one in call.in_path})
        if given:
            path += "?" + urlencode(given)
        headers, octets = {}, None
        if call.method != "GET":
            headers, octets = {"Content-Type": _JSON}, json.dumps(body or {}).encode()
        status, found, _ = self._ask(call.method, path, octets, headers)
        if status != call.status:
            raise _refused(self._url, status, found)
        return self._json(found)

    def _json(self, octets: bytes) -> Any:
        try:
            return json.loads(octets)
        except ValueError:
            raise LinkError(f"{self._url}: the answer is no JSON") from None

    def upload(
        self, path: Path, *, identifier: str | None = None, progress: Progress | None = None,
        begun: Callable[[str], object] = lambda _: None,
    ) -> str:  # fmt: skip
        """The id of an upload that has all of a file. identifier: of one that was begun before; begun: is
        told the id before anything is sent. Raises Refused, LinkError, DiskFull; the last two with the id in
        the hint where it may still go on."""
        tell = progress or (lambda *_: None)
        with path.open("rb") as file:
            length = file.seek(0, 2)
            if identifier is None:
                identifier = self._create(length)
            (offset, octets), failures = self._known(identifier), 0
            require_length(identifier, octets, path, length)
            begun(identifier)
            while offset < length:
                tell(offset, length)
                before = offset
                try:
                    offset = self._send(identifier, file, offset, length, tell)
                except LinkError as error:
                    offset, failures = self._after(error, identifier, before, failures)
                else:
                    failures = 0
        tell(length, length)
        return identifier

    def _create(self, length: int) -> str:
        headers = _TUS | {"Upload-Length": str(length)}
        status, octets, answered = self._ask("POST", "uploads", b"", headers)
        if status != 201:
            raise _refused(self._url, status, octets)
        return answered.get("Location", "").rpartition("/")[2]

    def uploads(self) -> list[dict[str, Any]]:
        """Those of this operator, as `GET uploads` has them. Raises Refused, LinkError."""
        status, octets, _ = self._ask("GET", "uploads", None, {})
        if status != 200:
            raise _refused(self._url, status, octets)
        found: list[dict[str, Any]] = self._json(octets)
        return found

    def drop_upload(self, identifier: str) -> None:
        """Forget one. Raises Refused, LinkError."""
        status, octets, _ = self._ask("DELETE", f"uploads/{quote(identifier, safe='')}", None, _TUS)
        if status != 204:
            raise _refused(self._url, status, octets)

    def _known(self, identifier: str) -> tuple[int, int]:
        """Octets of an upload that are there, and all of them."""
        status, _, answered = self._ask("HEAD", f"uploads/{quote(identifier, safe='')}", None, _TUS)
        if status == 404:
            raise Refused(Reason.UNKNOWN, f"{self._url} has no upload {identifier} of this operator")
        offset, length = answered.get("Upload-Offset", ""), answered.get("Upload-Length", "")
        if status != 200 or not offset.isdecimal() or not length.isdecimal():
            raise LinkError(f"{self._url}: HTTP {status} for an upload's offset")
        return int(offset), int(length)

    def _send(self, identifier: str, file: BinaryIO, offset: int, length: int, tell: Progress) -> int:
        size = min(PIECE, length - offset)
        file.seek(offset)
        piece = _Piece(file, size, lambda sent: tell(offset + sent, length))
        headers = _TUS | {
            "Upload-Offset": str(offset), "Content-Type": _OFFSET, "Content-Length": str(size),
        }  # fmt: skip
        status, octets, answered = self._ask("PATCH", f"uploads/{identifier}", piece, headers)
        # 409: a connection that broke may still be at work there, and what it took counts
        if status in (409, 502, 503, 504):
            raise LinkError(f"{self._url}: {_told(status, octets)}")
        if status == _FULL:
            raise DiskFull(
                f"{self._url}: {_told(status, octets)}", place=self._url, hint=_goes_on(identifier)
            )
        if status != 204 or not answered.get("Upload-Offset", "").isdecimal():
            raise _refused(self._url, status, octets)
        return int(answered["Upload-Offset"])

    def _after(self, error: LinkError, identifier: str, before: int, failures: int) -> tuple[int, int]:
        """Where an upload goes on after an error, and failures in a row without progress."""
        while failures < len(PAUSES):
            self._sleep(PAUSES[failures])
            failures += 1
            try:
                offset, _ = self._known(identifier)
            except LinkError:
                continue
            return offset, 0 if offset > before else failures
        raise LinkError(str(error), hint=_goes_on(identifier)) from error

    def _ask(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        try:
            answer = self._pool.request(
                method, f"{self._url}{_PATH}{path}", body=body, headers=headers, redirect=False,
                preload_content=False,
            )  # fmt: skip
            octets = answer.read(_ANSWER_LIMIT + 1)
            answer.release_conn()
        except (HTTPError, OSError) as error:
            raise LinkError(f"{self._url}: {error}") from error
        if len(octets) > _ANSWER_LIMIT:
            raise LinkError(f"{self._url}: the answer is longer than {_ANSWER_LIMIT} octets")
        return answer.status, octets, answer.headers


class _Piece:
    """A part of a file as a body, read as it is sent."""

    def __init__(self, file: BinaryIO, size: int, sent: Callable[[int], object]) -> None:
        self._file, self._left, self._size, self._sent = file, size, size, sent

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        block = self._file.read(wanted)
        self._left -= len(block)
        self._sent(self._size - self._left)
        return block


def _goes_on(identifier: str) -> str:
    return f"--upload {identifier} goes on with it"


def _refused(url: str, status: int, octets: bytes) -> Refused | LinkError | DiskFull:
    """What a problem document says (RFC 9457)."""
    document = _problem(octets)
    if status == _FULL:
        return DiskFull(f"{url}: {_told(status, octets)}", place=url)
    if not document or status >= 500:
        return LinkError(f"{url}: {_told(status, octets)}")
    known = {one.value: one for one in Reason}
    title, detail = document["title"], document.get("detail", "")
    told = f"{title}: {detail}" if detail else str(title)
    return Refused(known.get(document.get("rule", ""), Reason.STATE), told)


def _told(status: int, octets: bytes) -> str:
    """A status, and in words what a problem document says beside it."""
    document = _problem(octets)
    return ": ".join(str(one) for one in (f"HTTP {status}", *map(document.get, ("title", "detail"))) if one)


def _problem(octets: bytes) -> dict[str, Any]:
    """A problem document; empty where there is none."""
    try:
        document = json.loads(octets)
    except ValueError:
        return {}
    return document if isinstance(document, dict) and "title" in document else {}
