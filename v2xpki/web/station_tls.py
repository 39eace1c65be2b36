"""TLS of the stations' listener, and the client certificates of vehicles on it.

Where the Director is served, a client certificate is asked for and never required: it alone knows its clients
by theirs. One that is shown must be of the Director's own CA, or there is no connection at all.
"""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

from v2xpki.config import Instance
from v2xpki.web import logs

#: Seconds between two looks at the CAs of vehicles' client certificates.
LOOK_AGAIN = 30.0


def server_context(instance: Instance) -> ssl.SSLContext:
    """TLS for stations: 1.2 at least."""
    tls = instance.tls_files()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    return context


class VehicleListener:
    """The stations' listener where the Director is served: opened anew whenever the Director's folder has
    other CAs of client certificates. OpenSSL takes no CA away from a context that has it, and its tickets
    would let in again whom it let in once. Connections that are there stay, as does who waits for one.

    serve: listens on a socket with TLS.
    """

    def __init__(
        self,
        instance: Instance,
        sock: socket.socket,
        serve: Callable[[socket.socket, ssl.SSLContext], Awaitable[asyncio.Server]],
    ) -> None:
        self._instance, self._sock, self._serve = instance, sock, serve
        self._folder = instance.domain("director").certificates_dir
        self._cas: Mapping[str, bytes] = {}
        self._server: asyncio.Server | None = None

    async def look(self) -> None:
        """Listen, if not yet, and go by the CAs that are there now."""
        cas = _read(self._folder)
        if self._server is not None and cas == self._cas:
            return
        former, self._server = self._server, await self._serve(self._sock.dup(), self._context(cas))
        self._cas = cas
        if former is not None:
            former.close()

    async def watch(self) -> None:
        """Looks again and again."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            try:
                await self.look()
            except (OSError, ssl.SSLError) as error:
                logs.logger().warning("CAs of vehicles not taken over", **logs.describe(error))

    def close(self) -> None:
        """Take no further connections."""
        if self._server is not None:
            self._server.close()
        self._sock.close()

    def _context(self, cas: Mapping[str, bytes]) -> ssl.SSLContext:
        """A client certificate is asked for, never required; what is shown must be of one of the CAs."""
        context = server_context(self._instance)
        context.verify_mode = ssl.CERT_OPTIONAL
        for name, pem in cas.items():
            try:
                context.load_verify_locations(cadata=pem.decode("ascii"))
            except (ValueError, ssl.SSLError) as error:
                logs.logger().warning("no CA of vehicles", file=name, **logs.describe(error))
        return context


def _read(folder: Path) -> dict[str, bytes]:
    """By the file's name."""
    found = {}
    for path in sorted(folder.glob("director-ca-*.pem")):
        try:
            found[path.name] = path.read_bytes()
        except OSError as error:
            logs.logger().warning("no CA of vehicles", file=path.name, **logs.describe(error))
    return found


def client_digest(request: web.BaseRequest) -> str | None:
    """SHA-256 (hex) of the DER of the client certificate that TLS verified; None without one."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    return hashlib.sha256(certificate).hexdigest() if certificate else None
