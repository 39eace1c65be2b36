"""What stations may take of the router: connections, and requests of an address within a minute."""

import asyncio
import resource
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from v2xpki.web.metrics import router_refused

SERVER = "v2xpki"
MOST_CONNECTIONS, SPARE_FILES, MOST_DOWNLOADS = 8192, 512, 2048
_GLANCE = 0.05  # seconds between looks at connections while the server ends


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

    async def shutdown(self, timeout: float | None = None) -> None:
        """End connections that wait for a next request, let running ones end within a time (seconds).

        aiohttp's own waits out the timeout for a connection taken in that very moment: `pre_shutdown` does
        nothing to a handler that has not begun, which then waits for a request that is never read.
        """
        ending = asyncio.ensure_future(super().shutdown(timeout))
        while not ending.done():
            self.pre_shutdown()
            await asyncio.wait((ending,), timeout=_GLANCE)
        await ending


def connection_limit() -> tuple[int, int]:
    """How many stations may be connected, and how many of them may be fetching a file, which is one more that
    is open: as many as files may be open, less what the router needs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + MOST_DOWNLOADS + SPARE_FILES
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    downloads = min(MOST_DOWNLOADS, soft // 4)
    return max(1, soft - SPARE_FILES - downloads), downloads
