"""The AA's way to an EA over HTTP, and that of the EA's jobs to an AA.

Keep-alive, bounded in time and size, unix sockets by configuration.

The link adds nothing that could tie two services' logs together: no request id, no user agent.
"""

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError, ProtocolError, TimeoutError

from v2xpki.errors import LinkError

REQUEST_TYPE = "application/x-its-request"
RESPONSE_TYPE = "application/x-its-response"
_HEADERS = {
    "Content-Type": REQUEST_TYPE,
    "Accept": RESPONSE_TYPE,
    "User-Agent": urllib3.util.SKIP_HEADER,
    "Accept-Encoding": urllib3.util.SKIP_HEADER,
}


class HttpEaLink:
    """An `EaLink`: posts a validation request to an EA and hands back the octets of its answer.

    `timeout` bounds the whole call, in seconds; choose it shorter than the worker's own. `routes` maps
    the beginning of an access point URL to another place: to a unix socket ("unix:/run/ea.sock", the
    path of the URL stays) or to another base URL. `ca_file` holds the CAs for https. `pool` is the
    count of connections kept open to each EA.
    """

    def __init__(
        self,
        *,
        timeout: float = 8.0,
        routes: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        max_answer: int = 64 * 1024,
        pool: int = 32,
    ) -> None:
        self._timeout, self._max, self._size = timeout, max_answer, pool
        # the longest beginning wins
        self._routes = sorted((routes or {}).items(), key=lambda item: -len(item[0]))
        self._manager = urllib3.PoolManager(
            num_pools=16,
            maxsize=pool,
            block=False,
            retries=False,
            ca_certs=None if ca_file is None else str(ca_file),
        )
        self._sockets: dict[str, HTTPConnectionPool] = {}

    def validate(self, url: str, body: bytes) -> bytes:
        """The answer to a validation request; `LinkError` for whatever else happens."""
        target = self._route(url)
        end = time.monotonic() + self._timeout
        try:
            try:
                return self._post(target, url, body, end)
            except ProtocolError:
                # A kept connection that the other side closed meanwhile. The EA is idempotent: once more.
                return self._post(target, url, body, end)
        except TimeoutError as error:
            raise LinkError(f"{url}: no answer within {self._timeout:g} s") from error
        except (HTTPError, OSError, ValueError) as error:
            raise LinkError(f"{url}: {type(error).__name__}") from error

    def certify(self, url: str, body: bytes) -> bytes:
        """The same for an EA's requests to an AA: an `AaLink`."""
        return self.validate(url, body)

    def close(self) -> None:
        self._manager.clear()
        for pool in self._sockets.values():
            pool.close()

    def _route(self, url: str) -> str:
        for beginning, target in self._routes:
            if url.startswith(beginning):
                return target if target.startswith("unix:") else target + url[len(beginning) :]
        return url

    def _post(self, target: str, url: str, body: bytes, end: float) -> bytes:
        left = end - time.monotonic()
        if left <= 0:
            raise LinkError(f"{url}: no answer within {self._timeout:g} s")
        options: dict[str, Any] = {
            "body": body,
            "headers": _HEADERS,
            "timeout": left,
            "redirect": False,
            "retries": False,
            "preload_content": False,
        }
        if target.startswith("unix:"):
            path = urlsplit(url).path or "/"
            answer = self._socket_pool(target[5:]).urlopen("POST", path, **options)
        elif target.startswith(("http://", "https://")):
            answer = self._manager.urlopen("POST", target, **options)
        else:
            raise LinkError(f"{url}: not an http, https or unix address")
        try:
            return self._read(answer, url, end)
        finally:
            answer.release_conn()

    def _read(self, answer: Any, url: str, end: float) -> bytes:
        kind = (answer.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if answer.status != 200 or kind != RESPONSE_TYPE:
            # What is left unread would be taken for the next answer's beginning.
            answer.close()
            raise LinkError(f"{url}: HTTP {answer.status}, type {kind[:60]!r}")
        octets = bytearray()
        while part := answer.read1(16 * 1024):
            octets += part
            if len(octets) > self._max or time.monotonic() > end:
                answer.close()
                raise LinkError(f"{url}: the answer is too long or too slow")
        return bytes(octets)

    def _socket_pool(self, path: str) -> HTTPConnectionPool:
        pool = self._sockets.get(path)
        if pool is None:
            pool = self._sockets.setdefault(path, UnixPool(path, self._size))
        return pool


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, **options: Any) -> None:
        super().__init__("localhost", **options)
        self._path = path

    def _new_conn(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if isinstance(self.timeout, int | float):
            link.settimeout(self.timeout)
        try:
            link.connect(self._path)
        except OSError:
            link.close()
            raise
        return link


class UnixPool(HTTPConnectionPool):
    """Connections to one unix socket."""

    def __init__(self, path: str, size: int) -> None:
        super().__init__("localhost", maxsize=size, block=False)
        self._path = path

    def _new_conn(self) -> _UnixConnection:
        self.num_connections += 1
        return _UnixConnection(self._path, timeout=self.timeout.connect_timeout)
