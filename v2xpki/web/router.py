"""The router: one small process in front of the role workers.

    python -m v2xpki.web.router        (environment: V2XPKI_INSTANCE, V2XPKI_LISTENERS, V2XPKI_ROLES ...)

It takes whole requests from stations on the http and https listeners, within limits of size and time,
and hands them to the role of the path's first part over the role's unix socket. What it hands on is the
method, the path and the few headers that a role reads: no client address, no request id, nothing that
could tie an AA's request to an EA's. It keeps no access log.

Stations' side: aiohttp's low-level server (its parser is llhttp). Workers' side: a pool of plain
connections that speak the one form of HTTP/1.1 the workers answer with; as prototypes 73-230 us of CPU a
request, against 180-453 with aiohttp's client in that place.
"""

import asyncio
import collections
import contextlib
import json
import logging
import os
import resource
import signal
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from v2xpki.config import Instance
from v2xpki.web import logs
from v2xpki.web.metrics import router_refused, unexpected_errors
from v2xpki.web.process import (
    ENV_LISTENERS,
    ENV_ROLES,
    ENV_WORKERS,
    PREFIXES,
    die_with_parent,
    socket_path,
)

SERVER = "v2xpki"
#: Headers that a role reads, and those of its answer that a station gets; all others end here.
FORWARDED = ("content-type", "accept", "if-none-match")
RETURNED = frozenset(
    {"content-type", "etag", "cache-control", "retry-after", "x-request-id", "allow", "last-modified"}
)
METHODS = frozenset({"GET", "HEAD", "POST"})
RETRY_AFTER = {"Retry-After": "2"}
#: Requests that wait for a connection to a role before further ones are turned away.
WAITING_PER_WORKER = 256
HEALTH_SECONDS = 3.0
MOST_CONNECTIONS, SPARE_FILES = 8192, 512
HEAD_END = b"\r\n\r\n"


class Away(Exception):
    """The role cannot be reached, or gave up in the middle."""


class Crowded(Exception):
    """Too many requests wait for the role already."""


class Answer:
    """A worker's answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0][9:12])
        self.body = body
        self.headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()


class _Connection(asyncio.Protocol):
    """A kept connection to a worker: one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._head = b""
        self._end = -1
        self._done: asyncio.Future[Answer] | None = None
        self.transport: asyncio.Transport | None = None
        self.fresh = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def ask(self, octets: bytes) -> asyncio.Future[Answer]:
        assert self.transport is not None
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(octets)
        return self._done

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        if self._end < 0:
            end = buffer.find(HEAD_END)
            if end < 0:
                if len(buffer) > 65536:
                    self.fail()
                return
            self._head = buffer[:end]
            length = content_length(self._head)
            if length is None:
                self.fail()
                return
            self._end = end + 4 + length
        if len(buffer) < self._end:
            return
        done, self._done = self._done, None
        body, rest = buffer[len(self._head) + 4 : self._end], buffer[self._end :]
        self._buffer, self._end, self.fresh = b"", -1, False
        if rest or done is None or b"connection: close" in self._head.lower():
            assert self.transport is not None
            self.transport.close()
        if done is not None and not done.done():
            try:
                done.set_result(Answer(self._head, body))
            except ValueError:
                done.set_exception(Away())

    def fail(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._done is not None and not self._done.done():
            self._done.set_exception(Away())


def content_length(head: bytes) -> int | None:
    """Of a response's head; None where there is none or no number."""
    lower = head.lower()
    if b"\r\ntransfer-encoding:" in lower:
        return None
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        return 0 if lower[9:12] in (b"204", b"304") else None
    value = lower[start + 17 :].partition(b"\r\n")[0].strip()
    return int(value) if value.isdigit() else None


class Upstream:
    """A role's workers behind their unix socket: `size` connections, and a bounded queue for them."""

    def __init__(self, role: str, path: str, *, size: int, waiting: int, timeout: float) -> None:
        self.role, self._path, self._size, self._timeout = role, path, size, timeout
        self._waiting_limit = waiting
        self._idle: collections.deque[_Connection] = collections.deque()
        self._waiters: collections.deque[asyncio.Future[None]] = collections.deque()
        self._used = 0

    async def ask(self, octets: bytes) -> Answer:
        """The answer to a whole request. Raises Away, Crowded, TimeoutError."""
        async with asyncio.timeout(self._timeout):
            await self._enter()
            try:
                connection = await self._connection()
                kept = not connection.fresh
                try:
                    return await self._ask_on(connection, octets)
                except Away:
                    if not kept:
                        raise
                # The worker closed a kept connection just then (it was replaced, or told to stop). All
                # requests are idempotent here (E13), so once more on a new one.
                return await self._ask_on(await self._connect(), octets)
            finally:
                self._leave()

    async def _ask_on(self, connection: _Connection, octets: bytes) -> Answer:
        try:
            answer = await connection.ask(octets)
        except BaseException:
            connection.fail()
            raise
        if connection.usable:
            self._idle.append(connection)
        return answer

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return await self._connect()

    async def _connect(self) -> _Connection:
        try:
            _, connection = await asyncio.get_running_loop().create_unix_connection(_Connection, self._path)
        except OSError as error:
            raise Away from error
        return connection

    async def _enter(self) -> None:
        if self._used < self._size:
            self._used += 1
            return
        if len(self._waiters) >= self._waiting_limit:
            raise Crowded
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
            if waiter.done() and not waiter.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)  # hands its place on
                return
        self._used -= 1


@dataclass
class Rate:
    """Requests of one client address within a minute, in memory alone."""

    limit: int
    _minute: int = -1
    _counts: dict[str, int] = field(default_factory=dict)

    def exceeded(self, address: str, now: float) -> bool:
        if not self.limit:
            return False
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        count = self._counts[address] = self._counts.get(address, 0) + 1
        return count > self.limit


class _Handler(RequestHandler):
    """aiohttp's, which tells who sends nonsense what it read and who it is."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        router_refused.labels("not http").inc()
        response = web.Response(status=status, text="not a request\n", headers={"server": SERVER})
        response.force_close()
        return response


class BoundedServer(web.Server):
    """Turns connections away beyond a number, before they cost more than that."""

    def __init__(self, *args: Any, limit: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limit = limit

    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > self._limit:
            router_refused.labels("connections").inc()
            transport.abort()


def connection_limit() -> int:
    """How many stations may be connected: as many as files may be open, less what the router needs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + SPARE_FILES
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, soft - SPARE_FILES)


class Router:
    """Maps requests of stations to roles."""

    def __init__(
        self, prefixes: Mapping[str, str], upstreams: Mapping[str, Upstream], *, body_limit: int,
        read_timeout: float, rate: Rate | None = None, lab: bool = False,
    ) -> None:  # fmt: skip
        self._roles = {prefix: upstreams[role] for prefix, role in prefixes.items() if role in upstreams}
        self._upstreams = upstreams
        self._body_limit, self._read_timeout = body_limit, read_timeout
        self._rate = rate or Rate(0)
        self._lab = lab
        self._off = sorted(set(prefixes.values()) - set(upstreams))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request to one answer."""
        try:
            return await self._handle(request)
        except Exception as error:
            identifier = logs.request_id()
            unexpected_errors.labels("router").inc()
            logs.logger().error("unexpected error", request=identifier, **logs.describe(error))
            response = self._refuse(request, 500, "internal error")
            response.headers["X-Request-Id"] = identifier
            return response

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        method, target = request.method, request.raw_path
        if method not in METHODS:
            return self._refuse(request, 405, "method not allowed", {"Allow": "GET, HEAD, POST"})
        if target == "/healthz":
            return await self._health("/healthz")
        if target == "/readyz":
            return await self._health("/readyz")
        upstream = self._roles.get(target[1:].partition("/")[0].partition("?")[0])
        if upstream is None or not _printable(target):
            return self._refuse(request, 404, "not found")
        if self._rate.limit and self._rate.exceeded(request.remote or "", asyncio.get_running_loop().time()):
            return self._refuse(request, 429, "too many requests", RETRY_AFTER)
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        try:
            answer = await upstream.ask(forwarded(method, target, request, body))
        except Crowded:
            return self._refuse(request, 503, "overloaded", RETRY_AFTER, keep=True)
        except Away:
            return self._refuse(request, 503, "temporarily unavailable", RETRY_AFTER, keep=True)
        except TimeoutError:
            return self._refuse(request, 504, "no answer in time", RETRY_AFTER, keep=True)
        headers = {name: value for name, value in answer.headers.items() if name in RETURNED}
        headers["server"] = SERVER
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _body(self, request: web.BaseRequest) -> bytes | web.Response:
        length = request.content_length
        if length is not None and length > self._body_limit:
            return self._refuse(request, 413, f"the body is larger than {self._body_limit} octets")
        if not request.body_exists:
            return b""
        if request.headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
            # the client waits for this before it sends the body (RFC 9110 10.1.1)
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._read_timeout):
                while part := await request.content.readany():
                    size += len(part)
                    if size > self._body_limit:
                        return self._refuse(
                            request, 413, f"the body is larger than {self._body_limit} octets"
                        )
                    parts.append(part)
        except TimeoutError:
            return self._refuse(request, 408, "the request took too long")
        except (web.RequestPayloadError, ConnectionError):
            return self._refuse(request, 400, "the body is not readable")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @staticmethod
    def _refuse(
        request: web.BaseRequest, status: int, reason: str, headers: Mapping[str, str] | None = None,
        *, keep: bool = False,
    ) -> web.Response:  # fmt: skip
        router_refused.labels(reason if status != 413 else "too large").inc()
        response = web.Response(
            status=status, text=reason + "\n", headers={"server": SERVER, **(headers or {})}
        )
        if not keep:
            # What is left of the request is not read: the connection ends with the answer.
            response.force_close()
        return response

    async def _health(self, path: str) -> web.Response:
        """Every role's own answer; what is off on purpose is said and does no harm."""
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        roles = list(self._upstreams)
        states = await asyncio.gather(*[self._state(self._upstreams[role], request) for role in roles])
        well = all(state == "ok" for state in states)
        word = "ready" if path == "/readyz" else "alive"
        document: dict[str, Any] = {word: well, "roles": dict(zip(roles, states, strict=True))}
        document["roles"] |= dict.fromkeys(self._off, "off")
        if self._lab:
            document["lab"] = True  # the root's and the TLM's keys are within this machine's reach
        return web.json_response(
            document, status=200 if well else 503, headers={"server": SERVER, "cache-control": "no-store"}
        )

    @staticmethod
    async def _state(upstream: Upstream, request: bytes) -> str:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                answer = await upstream.ask(request)
        except (Away, Crowded, TimeoutError):
            return "away"
        return "ok" if answer.status == 200 else "not ready"


def _printable(target: str) -> bool:
    return target.isascii() and target.isprintable() and " " not in target


def forwarded(method: str, target: str, request: web.BaseRequest, body: bytes) -> bytes:
    """The request in the one form that workers read quickly. A HEAD is asked as a GET."""
    headers = request.headers
    lines = [f"{'POST' if method == 'POST' else 'GET'} {target} HTTP/1.1\r\nHost: localhost\r\n"]
    for name in FORWARDED:
        value = headers.get(name)
        if value is not None:
            lines.append(f"{name}: {value}\r\n")
    lines.append(f"content-length: {len(body)}\r\n\r\n")
    return "".join(lines).encode("latin-1", "replace") + body


def server_context(instance: Instance) -> ssl.SSLContext:
    """TLS for stations: 1.2 at least, no client certificate."""
    tls = instance.tls_files()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    return context


async def run(instance: Instance, listeners: Mapping[str, int], roles: list[str], workers: int) -> None:
    """Serves until SIGTERM or SIGINT; then lets running requests end.

    `listeners` maps "http" and "https" to file descriptors of listening sockets.
    """
    settings = instance.settings
    serve, limits = settings.serve, settings.limits
    upstreams = {
        role: Upstream(
            role,
            socket_path(instance, role),
            size=serve.threads * workers,
            waiting=WAITING_PER_WORKER * workers,
            timeout=serve.worker_timeout,
        )
        for role in roles
    }
    router = Router(
        PREFIXES,
        upstreams,
        body_limit=limits.body_octets,
        read_timeout=limits.read_timeout,
        rate=Rate(limits.requests_per_minute),
        lab=instance.lab,
    )
    server = BoundedServer(
        router.handle,
        limit=connection_limit(),
        access_log=None,
        # its lines name client addresses, and anyone can cause them
        logger=_silent(),
        keepalive_timeout=float(serve.keepalive),
        lingering_time=2.0,
        auto_decompress=False,
        max_line_size=4094,
        max_field_size=min(limits.header_octets, 8190),
        max_headers=64,
    )
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    started: list[asyncio.Server] = []
    for name, descriptor in listeners.items():
        sock = socket.socket(fileno=descriptor)
        context = server_context(instance) if name == "https" else None
        options: dict[str, Any] = {"ssl_handshake_timeout": float(limits.read_timeout)} if context else {}
        started.append(await loop.create_server(server, sock=sock, ssl=context, backlog=512, **options))
    await stop.wait()
    for listening in started:
        listening.close()
    server.pre_shutdown()  # ends connections that wait for a next request, which `shutdown` would wait out
    await server.shutdown(timeout=float(serve.graceful_timeout))


def _silent() -> logging.Logger:
    for name in ("v2xpki.router.http", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return logging.getLogger("v2xpki.router.http")


def main() -> None:
    die_with_parent(signal.SIGTERM)
    instance = Instance.from_environment()
    logs.configure("router", instance.settings.serve.log_level)
    listeners: dict[str, int] = json.loads(os.environ[ENV_LISTENERS])
    roles = os.environ[ENV_ROLES].split(",")
    asyncio.run(run(instance, listeners, roles, int(os.environ.get(ENV_WORKERS) or 1)))


if __name__ == "__main__":
    main()
