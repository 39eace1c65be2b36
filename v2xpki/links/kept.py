"""POST over connections that are kept: to another process of this package, bounded in time and size.

The other side is this package's own worker, which answers whole requests with a Content-Length, so the client
needs no general HTTP library, which would take several times the CPU (docs/performance.md).
"""

import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from v2xpki.errors import LinkError

_CHUNK = 65536
_HEAD_LIMIT = 16384
_MOST_IDLE = 32


class _Closed(Exception):
    """The other side has closed the connection: nothing of the request was answered."""


class Answer(NamedTuple):
    """kind: the media type, in lower case."""

    status: int
    kind: str
    octets: bytes


class KeptConnections:
    """connect: makes a connection within the seconds that it is told; raises OSError. timeout: seconds of a
    whole call. For all threads of a process.

    A call is made once more where a kept connection turns out to be dead: what is asked must bear it.
    """

    def __init__(self, connect: Callable[[float], socket.socket], timeout: float) -> None:
        self._connect, self._timeout = connect, timeout
        self._idle: deque[socket.socket] = deque()

    def post(self, target: str, body: bytes, media_type: str, limit: int, *, named: str) -> Answer:
        """The answer, of whatever status. limit: of its octets. named: how errors call the other side.

        Raises LinkError where there is none.
        """
        call = _Call(named, limit, time.monotonic() + self._timeout)
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\n"
        octets = f"{head}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body
        try:
            kept = self._kept()
            if kept is not None:
                try:
                    return self._once(kept, call, octets)
                except _Closed:
                    self.close()  # where one is dead, they mostly are
            try:
                return self._once(self._connect(call.left()), call, octets)
            except _Closed:
                raise LinkError(f"{named}: the connection was closed") from None
        except TimeoutError:
            raise LinkError(f"{named}: no answer within {self._timeout:g} s") from None
        except OSError as error:
            raise LinkError(f"{named}: {error.strerror or type(error).__name__}") from None

    def close(self) -> None:
        """Closes what is idle."""
        while (link := self._kept()) is not None:
            link.close()

    def _kept(self) -> socket.socket | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _once(self, link: socket.socket, call: "_Call", octets: bytes) -> Answer:
        try:
            answer, keep = call.exchange(link, octets)
        except BaseException:
            link.close()
            raise
        if keep and len(self._idle) < _MOST_IDLE:
            self._idle.append(link)
        else:
            link.close()
        return answer


class _Call:
    """One request and its answer."""

    def __init__(self, named: str, limit: int, end: float) -> None:
        self._named, self._limit, self._end = named, limit, end

    def left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def exchange(self, link: socket.socket, octets: bytes) -> tuple[Answer, bool]:
        """The answer, and whether the connection may be kept."""
        answer = bytearray(self._begin(link, octets))
        while (stop := answer.find(b"\r\n\r\n")) < 0:
            if len(answer) > min(_HEAD_LIMIT, self._limit):
                raise LinkError(f"{self._named}: the answer is too long")
            answer += self._more(link)
        status, kind, length, keep = _head(bytes(answer[:stop]), self._named)
        if length > self._limit:
            raise LinkError(f"{self._named}: the answer is too long")
        start = stop + 4
        while len(answer) < start + length:
            answer += self._more(link)
        if len(answer) != start + length:
            raise LinkError(f"{self._named}: more than one answer")
        return Answer(status, kind, bytes(answer[start:])), keep

    def _begin(self, link: socket.socket, octets: bytes) -> bytes:
        try:
            # by parts: over TLS the time limit is one of each part
            for start in range(0, len(octets), _CHUNK):
                link.settimeout(self.left())
                link.sendall(octets[start : start + _CHUNK])
            link.settimeout(self.left())
            answer = link.recv(_CHUNK)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            raise _Closed from None
        if not answer:
            raise _Closed
        return answer

    def _more(self, link: socket.socket) -> bytes:
        link.settimeout(self.left())
        octets = link.recv(_CHUNK)
        if not octets:
            raise LinkError(f"{self._named}: the answer ends too early")
        return octets


def _head(octets: bytes, named: str) -> tuple[int, str, int, bool]:
    """Status, media type and length of an answer, and whether the connection stays."""
    lines = octets.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    with contextlib.suppress(ValueError, KeyError):
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        length = int(headers["content-length"])
        if length >= 0:
            return int(lines[0][9:12]), kind, length, headers.get("connection", "").lower() != "close"
    raise LinkError(f"{named}: not an answer with a length")
