"""The Director's way to the Image repository: metadata by GET, as any client has it, within limits."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

from v2xpki.errors import LinkError
from v2xpki.links.http import UnixPool

_CHUNK = 65536


class MetadataSource:
    """A repository's metadata. base_url: what the files' names come after. socket: the path of a unix socket
    that answers for it. timeout: seconds of a whole call; limit: octets of the largest file."""

    def __init__(
        self,
        base_url: str,
        *,
        socket: str | None = None,
        timeout: float = 10.0,
        limit: int = 64 << 20,
        ca_file: Path | None = None,
    ) -> None:
        self._base, self._timeout, self._limit = base_url.rstrip("/"), timeout, limit
        parts = urlsplit(self._base)
        self._pool: HTTPConnectionPool
        if socket is not None:
            self._pool = UnixPool(socket, 1)
        else:
            manager = urllib3.PoolManager(retries=False, ca_certs=None if ca_file is None else str(ca_file))
            self._pool = manager.connection_from_url(self._base)
        self._path = parts.path

    def fetch(self, name: str) -> bytes | None:
        """A file by its name; None where there is none. Raises LinkError for whatever else happens."""
        end = time.monotonic() + self._timeout
        try:
            answer = self._pool.urlopen(
                "GET",
                f"{self._path}/{name}",
                timeout=self._timeout,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            try:
                if answer.status == 404:
                    return None
                if answer.status != 200:
                    raise LinkError(f"{name}: HTTP {answer.status}")
                octets = bytearray()
                while part := answer.read1(_CHUNK):
                    octets += part
                    if len(octets) > self._limit or time.monotonic() > end:
                        raise LinkError(f"{name} is too long or comes too slowly")
                return bytes(octets)
            finally:
                answer.close()  # what is left of a body that was not read ends with the connection
        except (HTTPError, OSError, ValueError) as error:
            raise LinkError(f"{name}: {type(error).__name__}") from error

    def close(self) -> None:
        self._pool.close()
