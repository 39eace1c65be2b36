"""The router: one small process in front of the role workers.

    python -m v2xpki.web.router        (environment: V2XPKI_INSTANCE, V2XPKI_LISTENERS, V2XPKI_ROLES ...)

It takes whole requests from stations on the http and https listeners, within limits of size and time,
and hands them to the role of the path's first part over the role's unix socket. What it hands on is the
method, the path and the few headers that a role reads: no client address, no request id, nothing that
could tie an AA's request to an EA's. It keeps no access log.

Stations' side: aiohttp's low-level server (its parser is llhttp). Workers' side: a pool of plain
connections that speak the one form of HTTP/1.1 the workers answer with; as prototypes 73-230 us of CPU a
request, against 180-453 with aiohttp's client in that place.

Where the Director is served, vehicles may show a client certificate on the https listener: the Director is
told its digest in a header that is never taken from outside. Images are files that the router hands out.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from v2xpki._collecting import collect_seldom
from v2xpki.config import Instance
from v2xpki.links.mutual_tls import client_context
from v2xpki.web import images, logs
from v2xpki.web.bounded import SERVER, BoundedServer, Rate, connection_limit
from v2xpki.web.metrics import router_refused, unexpected_errors
from v2xpki.web.problem_document import PROBLEM_TYPE, problem_document
from v2xpki.web.process import (
    CLIENT_HEADER,
    ENV_LISTENERS,
    ENV_ROLES,
    ENV_WORKERS,
    OTA_BODY,
    OTA_PATHS,
    PREFIXES,
    SCMS_ROLES,
    V3_PATHS,
    V3_QUERIES,
    die_with_parent,
    internal_identity,
    socket_path,
)
from v2xpki.web.ranges import Unsatisfiable
from v2xpki.web.station_tls import VehicleListener, client_digest, server_context
from v2xpki.web.upstream import Away, Crowded, Upstream

#: Headers that a role reads, and those of its answer that a station gets; all others end here.
FORWARDED = ("content-type", "accept", "if-none-match")
#: Those of devices of an SCMS beside: who asks for a file, and for what of it.
FORWARDED_V3 = (*FORWARDED, "ieee-1609.2.1-authorization", "range", "if-range")
_OF_GET_ALONE = ("range", "if-range")
RETURNED = frozenset(
    {
        "content-type",
        "etag",
        "cache-control",
        "retry-after",
        "x-request-id",
        "allow",
        "last-modified",
        "accept-ranges",
        "content-range",
        "www-authenticate",
    }
)
TEXT_TYPE = "text/plain; charset=utf-8"
#: What vehicles send and ask for; nothing of it is heard in clear.
_VEHICLES = "/ota/v1"
_OVER_TLS = "This is not served in clear: ask the https listener for it."
_NO_IMAGE = "There is no image of this name; the targets metadata has the names of those that are there."
METHODS = frozenset({"GET", "HEAD", "POST"})
RETRY_AFTER = {"Retry-After": "2"}
#: Requests that wait for a connection to a role before further ones are turned away.
WAITING_PER_WORKER = 256
HEALTH_SECONDS = 3.0


class Route(NamedTuple):
    """Whom a request is for, its target as that is to see it, and the headers that it reads."""

    upstream: Upstream
    target: str
    headers: Sequence[str]
    #: The role knows its clients by their certificates, and takes bodies that are larger.
    is_director: bool = False


class Router:
    """Maps requests of stations to roles. v3: below /v3/, path -> role; ota: below /ota/ likewise; images:
    what is below /ota/image/targets/."""

    def __init__(
        self, prefixes: Mapping[str, str], upstreams: Mapping[str, Upstream], *, body_limit: int,
        read_timeout: float, rate: Rate | None = None, lab: bool = False, v3: Mapping[str, str] | None = None,
        ota: Mapping[str, str] | None = None, files: images.ImageFiles | None = None,
    ) -> None:  # fmt: skip
        v3, ota = v3 or {}, ota or {}
        self._ota = {path: role for path, role in ota.items() if role in upstreams}
        self._files = files
        self._v3 = {path: upstreams[role] for path, role in v3.items() if role in upstreams}
        self._roles = {prefix: upstreams[role] for prefix, role in prefixes.items() if role in upstreams}
        self._upstreams = upstreams
        self._body_limit, self._read_timeout = body_limit, read_timeout
        self._rate = rate or Rate(0)
        self._lab = lab
        self._off = sorted({*prefixes.values(), *v3.values(), *ota.values()} - set(upstreams))

    def _route(self, target: str) -> Route | None:
        path = target.partition("?")[0]
        first, _, rest = path[1:].partition("/")
        if first == "v3":
            name = rest.removesuffix("/")
            upstream = self._v3.get(name)
            # a query goes no further than where it is read
            target = target if name in V3_QUERIES else path
            return None if upstream is None else Route(upstream, target, FORWARDED_V3)
        upstream = self._roles.get(first)
        if upstream is not None:
            return Route(upstream, target, FORWARDED)
        role = self._ota.get(rest.partition("/")[0]) if first == "ota" else None
        if role is None or path.startswith(images.PREFIX):
            return None
        return Route(self._upstreams[role], path, FORWARDED, role == "director")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request to one answer."""
        try:
            return await self._handle(request)
        except Exception as error:
            identifier = logs.request_id()
            unexpected_errors.labels("router").inc()
            logs.logger().error("unexpected error", request=identifier, **logs.describe(error))
            return self._refuse(request, 500, "internal error", identifier=identifier)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        method, target = request.method, request.raw_path
        if method not in METHODS:
            return self._refuse(request, 405, "method not allowed", {"Allow": "GET, HEAD, POST"})
        if target == "/healthz":
            return await self._health("/healthz")
        if target == "/readyz":
            return await self._health("/readyz")
        route = self._route(target)
        if target.startswith(_VEHICLES) and not request.secure:
            # a registration names the vehicle, its credential and its ECUs; who asks is known by TLS alone
            return self._refuse(request, 403, "not in clear", detail=_OVER_TLS, rule="https")
        if route is None and self._files is not None and target.startswith(images.PREFIX):
            return self._image(request, self._files)
        if route is None or not _printable(target):
            return self._refuse(request, 404, "not found", rule="path")
        if self._is_crowded_by(request):
            return self._refuse(request, 429, "too many requests", RETRY_AFTER)
        body = await self._body(request, OTA_BODY if route.is_director else self._body_limit)
        if isinstance(body, web.Response):
            return body
        client = client_digest(request) if route.is_director else None
        octets = forwarded(method, route.target, request, body, route.headers, client)
        try:
            answer = await route.upstream.ask(octets)
        except Crowded:
            return self._refuse(request, 503, "overloaded", RETRY_AFTER, keep=True)
        except Away:
            return self._refuse(request, 503, "temporarily unavailable", RETRY_AFTER, keep=True)
        except TimeoutError:
            return self._refuse(request, 504, "no answer in time", RETRY_AFTER, keep=True)
        headers = {name: value for name, value in answer.headers.items() if name in RETURNED}
        headers["server"] = SERVER
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def _is_crowded_by(self, request: web.BaseRequest) -> bool:
        return self._rate.limit > 0 and self._rate.exceeded(
            request.remote or "", asyncio.get_running_loop().time()
        )

    def _image(self, request: web.BaseRequest, files: images.ImageFiles) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return self._refuse(request, 405, "method not allowed", {"Allow": "GET, HEAD"})
        if not (request.secure or files.plain):
            return self._refuse(request, 403, "not in clear", detail=_OVER_TLS, rule="https")
        if self._is_crowded_by(request):
            return self._refuse(request, 429, "too many requests", RETRY_AFTER)
        if files.is_crowded:
            return self._refuse(request, 503, "overloaded", RETRY_AFTER)
        path = files.find(request.raw_path)
        if path is None:
            return self._refuse(request, 404, "not found", detail=_NO_IMAGE, rule="path")
        try:
            return files.response(request, path, SERVER)
        except Unsatisfiable as error:
            headers = {"Content-Range": error.content_range, "Accept-Ranges": "bytes"}
            return self._refuse(
                request, 416, "range not satisfiable", headers, keep=True, detail=str(error), rule="range"
            )
        except images.Unmet:
            return self._refuse(request, 412, "precondition failed", keep=True, rule="precondition")

    async def _body(self, request: web.BaseRequest, limit: int) -> bytes | web.Response:
        length = request.content_length
        if length is not None and length > limit:
            return self._too_large(request, limit)
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
                    if size > limit:
                        return self._too_large(request, limit)
                    parts.append(part)
        except TimeoutError:
            return self._refuse(request, 408, "the request took too long")
        except (web.RequestPayloadError, ConnectionError):
            return self._refuse(request, 400, "the body is not readable")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self, request: web.BaseRequest, limit: int) -> web.Response:
        told = f"the body is larger than {limit} octets"
        return self._refuse(request, 413, "too large", detail=told, rule="size")

    @staticmethod
    def _refuse(
        request: web.BaseRequest, status: int, reason: str, headers: Mapping[str, str] | None = None,
        *, keep: bool = False, detail: str = "", rule: str = "", identifier: str | None = None,
    ) -> web.Response:  # fmt: skip
        """A line for stations; below /ota/ a problem (RFC 9457), whose title the reason is."""
        router_refused.labels(reason).inc()
        if f"{request.raw_path.partition('?')[0]}/".startswith("/ota/"):
            kind = PROBLEM_TYPE
            body = problem_document(status, reason, detail=detail, rule=rule, identifier=identifier)
        else:
            kind, body = TEXT_TYPE, f"{detail or reason}\n".encode()
        known = {"server": SERVER, "content-type": kind, "cache-control": "no-store"}
        if identifier is not None:
            known["X-Request-Id"] = identifier
        response = web.Response(status=status, body=body, headers={**known, **(headers or {})})
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
            document["lab"] = True  # the offline domains' keys are within this machine's reach
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


def forwarded(
    method: str, target: str, request: web.BaseRequest, body: bytes, names: Sequence[str] = FORWARDED,
    client: str | None = None,
) -> bytes:  # fmt: skip
    """The request in the one form that workers read quickly. A HEAD is asked as a GET, of the whole."""
    headers = request.headers
    lines = [f"{'POST' if method == 'POST' else 'GET'} {target} HTTP/1.1\r\nHost: localhost\r\n"]
    for name in names:
        value = headers.get(name)
        if value is not None and (method == "GET" or name not in _OF_GET_ALONE):
            lines.append(f"{name}: {value}\r\n")
    if client is not None:
        lines.append(f"{CLIENT_HEADER}: {client}\r\n")
    lines.append(f"content-length: {len(body)}\r\n\r\n")
    return "".join(lines).encode("latin-1", "replace") + body


async def run(instance: Instance, listeners: Mapping[str, int], roles: list[str], workers: int) -> None:
    """Serves until SIGTERM or SIGINT; then lets running requests end.

    `listeners` maps "http" and "https" to file descriptors of listening sockets.
    """
    settings = instance.settings
    serve, limits = settings.serve, settings.limits
    internal = client_context(internal_identity(instance, "router")) if set(roles) & set(SCMS_ROLES) else None
    upstreams = {
        role: Upstream(
            role,
            socket_path(instance, role),
            size=serve.threads * workers,
            waiting=WAITING_PER_WORKER * workers,
            timeout=serve.worker_timeout,
            tls=internal if role in SCMS_ROLES else None,
        )
        for role in roles
    }
    connections, downloads = connection_limit()
    router = Router(
        PREFIXES if instance.has_etsi else {},
        upstreams,
        v3=V3_PATHS if instance.has_scms else {},
        ota=OTA_PATHS if instance.has_ota else {},
        files=_image_files(instance, roles, downloads),
        body_limit=limits.body_octets,
        read_timeout=limits.read_timeout,
        rate=Rate(limits.requests_per_minute),
        lab=instance.lab,
    )
    server = BoundedServer(
        router.handle,
        limit=connections,
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
    started: list[asyncio.Server | VehicleListener] = []
    watching: list[asyncio.Task[None]] = []

    async def listen(sock: socket.socket, context: ssl.SSLContext | None) -> asyncio.Server:
        options: dict[str, Any] = {"ssl_handshake_timeout": float(limits.read_timeout)} if context else {}
        return await loop.create_server(server, sock=sock, ssl=context, backlog=512, **options)

    for name, descriptor in listeners.items():
        sock = socket.socket(fileno=descriptor)
        if name == "https" and "director" in roles:
            vehicles = VehicleListener(instance, sock, listen)
            await vehicles.look()
            watching.append(asyncio.create_task(vehicles.watch()))
            started.append(vehicles)
        else:
            started.append(await listen(sock, server_context(instance) if name == "https" else None))
    await stop.wait()
    for task in watching:
        task.cancel()
    for listening in started:
        listening.close()
    await server.shutdown(timeout=float(serve.graceful_timeout))


def _image_files(instance: Instance, roles: Sequence[str], most: int) -> images.ImageFiles | None:
    if "image" not in roles:
        return None
    return images.ImageFiles(instance.images_dir, plain=instance.settings.ota.plain_downloads, most=most)


def _silent() -> logging.Logger:
    for name in ("v2xpki.router.http", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return logging.getLogger("v2xpki.router.http")


def main() -> None:
    collect_seldom()
    die_with_parent(signal.SIGTERM)
    instance = Instance.from_environment()
    logs.configure("router", instance.settings.serve.log_level)
    listeners: dict[str, int] = json.loads(os.environ[ENV_LISTENERS])
    roles = os.environ[ENV_ROLES].split(",")
    asyncio.run(run(instance, listeners, roles, int(os.environ.get(ENV_WORKERS) or 1)))


if __name__ == "__main__":
    main()
