"""The way of an EA or AA to the distribution centre: lists by GET, bounded in time and size."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError, TimeoutError

from v2xpki.authorities.rounds import Fetched
from v2xpki.errors import LinkError
from v2xpki.links.http import UnixPool

_TYPES = frozenset({"application/x-its-ctl", "application/x-its-crl", "application/octet-stream"})
_CHUNK = 65536


class HttpListSource:
    """A `ListSource` over HTTP. timeout: seconds for a whole call. limit: octets of the largest list.

    routes: beginning of a URL -> path of a unix socket that answers for it; the URL's path stays. ca_file:
    the CAs for https.
    """

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        limit: int = 4 << 20,
        routes: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._timeout, self._limit = timeout, limit
        self._routes = sorted((routes or {}).items(), key=lambda item: -len(item[0]))
        self._manager = urllib3.PoolManager(
            num_pools=4, maxsize=1, retries=False, ca_certs=None if ca_file is None else str(ca_file)
        )
        self._sockets: dict[str, HTTPConnectionPool] = {}

    def get(self, url: str, etag: str = "") -> Fetched:
        """A list, or that it has not changed since `etag`. Raises LinkError for whatever else happens."""
        end = time.monotonic() + self._timeout
        headers = {"If-None-Match": etag} if etag else {}
        try:
            answer = self._request(url, headers)
        except TimeoutError as error:
            raise LinkError(f"{url}: no answer within {self._timeout:g} s") from error
        except (HTTPError, OSError, ValueError) as error:
            raise LinkError(f"{url}: {type(error).__name__}") from error
        try:
            return self._read(answer, url, end)
        except (HTTPError, OSError) as error:
            answer.close()
            raise LinkError(f"{url}: {type(error).__name__}") from error
        finally:
            answer.release_conn()

    def close(self) -> None:
        self._manager.clear()
        for pool in self._sockets.values():
            pool.close()

    def _request(self, url: str, headers: Mapping[str, str]) -> Any:
        options: dict[str, Any] = {
            "headers": headers,
            "timeout": self._timeout,
            "redirect": False,
            "retries": False,
            "preload_content": False,
        }
        for beginning, path in self._routes:
            if url.startswith(beginning):
                pool = self._sockets.setdefault(path, UnixPool(path, 1))
                return pool.urlopen("GET", urlsplit(url).path or "/", **options)
        if not url.startswith(("http://", "https://")):
            raise LinkError(f"{url}: not an http or https address")
        return self._manager.urlopen("GET", url, **options)

    def _read(self, answer: Any, url: str, end: float) -> Fetched:
        if answer.status == 304:
            return Fetched(None)
        kind = (answer.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if answer.status != 200 or kind not in _TYPES:
            answer.close()
            raise LinkError(f"{url}: HTTP {answer.status}, type {kind[:60]!r}")
        octets = bytearray()
        while part := answer.read1(_CHUNK):
            octets += part
            if len(octets) > self._limit or time.monotonic() > end:
                answer.close()
                raise LinkError(f"{url}: the list is too long or comes too slowly")
        return Fetched(bytes(octets), answer.headers.get("ETag") or "")
