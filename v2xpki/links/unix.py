"""The AA's way to an EA of the same house: kept connections on the EA's unix socket."""

import socket
from collections.abc import Callable, Mapping
from typing import Protocol

from v2xpki.errors import LinkError
from v2xpki.links.kept import KeptConnections

REQUEST_TYPE = "application/x-its-request"
RESPONSE_TYPE = "application/x-its-response"


class Elsewhere(Protocol):
    """An EaLink and AaLink for all other URLs."""

    def validate(self, url: str, body: bytes) -> bytes: ...
    def certify(self, url: str, body: bytes) -> bytes: ...


class SocketEaLink:
    """Posts validation requests to EAs whose URLs begin with one of `sockets`; the others go `elsewhere`.

    sockets: beginning of an access point URL -> path of a unix socket; the URL's path stays. timeout: of
    a whole call, in seconds; shorter than the worker's own. For all threads of a process.
    """

    def __init__(
        self, sockets: Mapping[str, str], elsewhere: "Elsewhere", *, timeout: float, max_answer: int = 65536
    ) -> None:
        kept = {path: KeptConnections(unix_connector(path), timeout) for path in sockets.values()}
        longest_first = sorted(sockets.items(), key=lambda item: -len(item[0]))
        self._sockets = [(beginning, kept[path]) for beginning, path in longest_first]
        self._elsewhere, self._max = elsewhere, max_answer

    def validate(self, url: str, body: bytes) -> bytes:
        """The answer's octets. Raises LinkError for whatever else happens."""
        for beginning, kept in self._sockets:
            if url.startswith(beginning):
                return self._ask(kept, url, body)
        return self._elsewhere.validate(url, body)

    def certify(self, url: str, body: bytes) -> bytes:
        """The same for an EA's requests to an AA: an `AaLink`. The AA is idempotent too."""
        for beginning, kept in self._sockets:
            if url.startswith(beginning):
                return self._ask(kept, url, body)
        return self._elsewhere.certify(url, body)

    def close(self) -> None:
        """Closes what is idle."""
        for _, kept in self._sockets:
            kept.close()

    def _ask(self, kept: KeptConnections, url: str, body: bytes) -> bytes:
        target = "/" + url.partition("://")[2].partition("/")[2]
        status, kind, octets = kept.post(target, body, REQUEST_TYPE, self._max, named=url)
        if status != 200 or kind != RESPONSE_TYPE:
            raise LinkError(f"{url}: HTTP {status}, type {kind[:60]!r}")
        return octets


def unix_connector(path: str) -> Callable[[float], socket.socket]:
    """What connects to a unix socket within so many seconds."""

    def connect(timeout: float) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.settimeout(timeout)
            link.connect(path)
        except BaseException:
            link.close()
            raise
        return link

    return connect
