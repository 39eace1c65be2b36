"""TLS of the stations' listener, and the client certificates of vehicles on it.

Where the Director is served, a client certificate is asked for and never required: it alone knows its clients
by theirs. One that is shown must be of the Director's own CA, or there is no connection at all.
"""

import asyncio
import hashlib
import ssl

from aiohttp import web

from v2xpki.config import Instance
from v2xpki.web import logs

#: Between two looks for a new generation of the CA of vehicles' client certificates.
LOOK_AGAIN = 30.0


def server_context(instance: Instance, *, vehicles: bool = False) -> ssl.SSLContext:
    """TLS for stations: 1.2 at least. vehicles: a client certificate is asked for, never required; what is
    shown must be a vehicle's (VehicleCas), or there is no connection."""
    tls = instance.tls_files()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    if vehicles:
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


class VehicleCas:
    """The Director's CAs of client certificates, as they appear in its folder; one stays trusted until the
    router starts anew, for the Director itself knows which certificates are in force."""

    def __init__(self, instance: Instance, context: ssl.SSLContext) -> None:
        self._folder, self._context = instance.domain("director").certificates_dir, context
        self._known: set[str] = set()

    def look(self) -> None:
        """Takes what is new."""
        for path in sorted(self._folder.glob("director-ca-*.pem")):
            if path.name not in self._known:
                try:
                    self._context.load_verify_locations(path)
                except (OSError, ssl.SSLError) as error:
                    logs.logger().warning("no CA of vehicles", file=path.name, **logs.describe(error))
                    continue
                self._known.add(path.name)

    async def watch(self) -> None:
        """Looks again and again."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_AGAIN)


def client_digest(request: web.BaseRequest) -> str | None:
    """SHA-256 (hex) of the DER of the client certificate that TLS verified; None without one."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    return hashlib.sha256(certificate).hexdigest() if certificate else None
