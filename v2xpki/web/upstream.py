"""The router's side of a role's workers: a pool of plain connections on the role's unix socket.

They speak the one form of HTTP/1.1 that the workers answer with. A role of an SCMS speaks TLS alone, both
sides with certificates.
"""

import asyncio
import collections
import contextlib
import ssl
from typing import Any

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

    def __init__(
        self, role: str, path: str, *, size: int, waiting: int, timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        """tls: where the role speaks TLS alone; its certificate must be for the role's name."""
        self.role, self._path, self._size, self._timeout = role, path, size, timeout
        self._tls: dict[str, Any] = {} if tls is None else {"ssl": tls, "server_hostname": role}
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
            _, connection = await asyncio.get_running_loop().create_unix_connection(
                _Connection, self._path, **self._tls
            )
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
