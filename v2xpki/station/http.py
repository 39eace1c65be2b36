"""HTTP of a station: bounded in time and size, no redirects, no proxies, TLS against a given CA."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

import urllib3

from v2xpki.errors import ConfigError
from v2xpki.station.errors import Unreachable

REQUEST, RESPONSE = "application/x-its-request", "application/x-its-response"
CTL, CRL, OCTETS = "application/x-its-ctl", "application/x-its-crl", "application/octet-stream"
ZIP = "application/zip"
_CHUNK = 65536
_NONE: Mapping[str, str] = MappingProxyType({})


class Reply(NamedTuple):
    """Status, content type in lower case, body; headers by their names in lower case."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = _NONE


class Http(Protocol):
    """How a station reaches a URL. Raises Unreachable; any status comes back as a Reply."""

    def get(self, url: str) -> Reply: ...

    def post(self, url: str, body: bytes, content_type: str) -> Reply: ...


class HttpWithHeaders(Http, Protocol):
    """Http whose GET may carry headers, and tells those of the answer."""

    def get(self, url: str, headers: Mapping[str, str] = _NONE) -> Reply: ...


class Streamed:
    """An answer that is read as it comes: its status, its headers by their names in lower case."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self._response, self._url = response, url
        self.status: int = response.status
        self.headers = _headers(response)

    def chunks(self) -> Iterator[bytes]:
        """What there is of the body, as soon as there is any. Raises Unreachable for one that is cut off, or
        that nothing comes of for the time of a read."""
        try:
            while chunk := self._response.read1(_CHUNK, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise Unreachable(f"{self._url}: {type(error).__name__}: {error}") from error


class Urllib3Http:
    """Http over urllib3, connections kept alive.

    connect, total: seconds. limit: octets of the largest body that is read. tls_ca: PEM file of the CA for
    https; the system's by default. Names are checked, always. client: PEM file of a client certificate, its
    chain and its key.
    """

    def __init__(
        self,
        *,
        tls_ca: Path | None = None,
        client: Path | None = None,
        connect: float = 5.0,
        total: float = 30.0,
        limit: int = 4 << 20,
    ) -> None:
        if tls_ca is not None and not tls_ca.is_file():
            raise ConfigError(f"TLS CA {tls_ca}: no such file")
        if client is not None and not client.is_file():
            raise ConfigError(f"client certificate {client}: no such file")
        self._total, self._limit = total, limit
        self._pool = urllib3.PoolManager(
            num_pools=8,
            maxsize=4,
            timeout=urllib3.Timeout(connect=connect, read=total),
            retries=False,
            cert_reqs="CERT_REQUIRED",
            ca_certs=None if tls_ca is None else str(tls_ca),
            cert_file=None if client is None else str(client),
        )

    def get(self, url: str, headers: Mapping[str, str] = _NONE) -> Reply:
        return self._call("GET", url, None, headers)

    def post(self, url: str, body: bytes, content_type: str) -> Reply:
        return self._call("POST", url, body, {"Content-Type": content_type})

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str] = _NONE) -> Iterator[Streamed]:
        """GET whose body the caller reads, and bounds in length and time. Raises Unreachable."""
        response = self._ask("GET", url, None, headers)
        try:
            yield Streamed(response, url)
        finally:
            response.close()

    def close(self) -> None:
        self._pool.clear()

    def _ask(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        if not url.startswith(("http://", "https://")):
            raise Unreachable(f"{url}: not an http or https URL")
        try:
            pool = self._pool.connection_from_url(url)
            while True:
                opened = pool.num_connections
                try:
                    return self._pool.request(
                        method, url, body=body, headers=headers, redirect=False, preload_content=False
                    )
                except urllib3.exceptions.ProtocolError:
                    # A kept connection that the server closed just then, before it answered: what a station
                    # asks bears being asked again. Each try uses up a kept one.
                    if pool.num_connections != opened:
                        raise
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise Unreachable(f"{method} {url}: {type(error).__name__}: {error}") from error

    def _call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        end = time.monotonic() + self._total
        response = self._ask(method, url, body, headers)
        try:
            content = self._read(response, url, end)
            response.release_conn()
        except BaseException as error:
            response.close()
            if not isinstance(error, urllib3.exceptions.HTTPError | ValueError):
                raise
            raise Unreachable(f"{method} {url}: {type(error).__name__}: {error}") from error
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        return Reply(response.status, kind, content, _headers(response))

    def _read(self, response: urllib3.BaseHTTPResponse, url: str, end: float) -> bytes:
        # chunk by chunk: a read timeout alone would let a server drip octets for ever
        content = bytearray()
        while chunk := response.read1(_CHUNK, decode_content=False):
            content += chunk
            if len(content) > self._limit:
                raise Unreachable(f"{url}: an answer of more than {self._limit} octets")
            if time.monotonic() > end:
                raise Unreachable(f"{url}: no complete answer within {self._total:g} s")
        return bytes(content)


def _headers(response: urllib3.BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): text for name, text in response.headers.items()}


def fetch(http: Http, url: str, content_type: str) -> bytes:
    """GET that must be answered 200 with this content type. Raises Unreachable."""
    return check(http.get(url), url, content_type)


def check(reply: Reply, url: str, content_type: str) -> bytes:
    """The body of a reply that must be 200 with this content type. Raises Unreachable."""
    if reply.status != 200:
        raise Unreachable(f"{url}: HTTP {reply.status}", status=reply.status)
    if reply.content_type != content_type:
        raise Unreachable(
            f"{url}: Content-Type {reply.content_type or 'missing'} where {content_type} belongs",
            status=reply.status,
        )
    return reply.body
