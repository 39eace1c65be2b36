"""Where the components of an SCMS find each other, and the documents of the distribution centre for them."""

import http.client
from collections.abc import Mapping, Sequence
from ssl import SSLContext

from v2xpki.authorities.rounds import Fetched
from v2xpki.config import Instance
from v2xpki.errors import LinkError
from v2xpki.links.mutual_tls import client_context, tls_connector
from v2xpki.web.health import Finding
from v2xpki.web.process import SCMS_ROLES, internal_identity, socket_path

_LIST_LIMIT = 16 << 20  # octets of a composite CRL: some hundred thousand entries


def addresses(instance: Instance) -> dict[str, str]:
    """Of each component: where `[domains.NAME] url` says, else its unix socket."""
    return {name: instance.domain(name).url or f"unix:{socket_path(instance, name)}" for name in SCMS_ROLES}


class CentreSource:
    """The distribution centre's documents, for a component. A `DocumentSource`. context: as the component."""

    def __init__(self, address: str, context: SSLContext, timeout: float) -> None:
        self._connect, self._timeout = tls_connector(address, "sdc", context), timeout

    def get(self, path: str, etag: str = "") -> Fetched:
        """Raises LinkError."""
        connection = http.client.HTTPConnection("sdc")
        try:
            connection.sock = self._connect(self._timeout)
            connection.request("GET", path, headers={"If-None-Match": etag} if etag else {})
            answer = connection.getresponse()
            octets = answer.read(_LIST_LIMIT + 1)
        except (OSError, http.client.HTTPException) as error:
            raise LinkError(f"sdc {path}: {type(error).__name__}") from error
        finally:
            connection.close()
        if answer.status == 304 and etag:
            return Fetched(None, etag)
        if answer.status != 200 or len(octets) > _LIST_LIMIT:
            raise LinkError(f"sdc {path}: HTTP {answer.status}, {len(octets)} octets")
        return Fetched(octets, answer.headers.get("ETag", ""))


def reachable(
    places: Mapping[str, str], names: Sequence[str], context: SSLContext, timeout: float
) -> Finding:
    """Whether each of them answers, as itself; a warning where one does not: what needs it waits."""
    away = []
    for name in names:
        try:
            tls_connector(places[name], name, context)(timeout).close()
        except OSError as error:
            away.append(f"{name}: {error.strerror or type(error).__name__}")
    return Finding("; ".join(away) or f"{', '.join(names)} answer", warning=bool(away))


def context_of(instance: Instance, name: str) -> SSLContext:
    """TLS of a component, the router or the admin process to others. Raises ConfigError."""
    return client_context(internal_identity(instance, name))
