"""Requests of sub-CAs that came in over the operators' interface, and the certificates to be fetched.

    DIR/ca-requests/<id>.request      as it came; id: CaRequest.id
    DIR/ca-requests/<id>.oer          its certificate, once it is granted

Files alone: the process that takes them holds no key and no database. What is here is not believed: the
root's operator reviews it, and a certificate is handed out only to its own request.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.ceremony import write_new
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, V2xPkiError

#: Requests that may wait; whoever may send them could fill the disk otherwise.
MOST_WAITING = 200
#: Octets of a request; one has some 600.
LONGEST = 16 * 1024
_ID = re.compile(r"[0-9a-f]{32}")


class InboxFull(V2xPkiError):
    """Too many requests wait for their review."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A request, and its certificate if there is one."""

    request: CaRequest
    file: Path
    certificate: Certificate | None


class Inbox:
    """The folder of an instance."""

    def __init__(self, instance: Instance) -> None:
        self.folder = instance.directory / "ca-requests"

    def put(self, octets: bytes) -> Entry:
        """Keep a request; the same one twice is one. Raises what CaRequest.parse raises, InboxFull."""
        request = CaRequest.parse(octets)
        found = self.get(request.id)
        if found is not None:
            return found
        if sum(1 for entry in self.all() if entry.certificate is None) >= MOST_WAITING:
            raise InboxFull(f"{MOST_WAITING} requests wait for their review")
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"{request.id}.request"
        with contextlib.suppress(CeremonyRefused):  # the same request came twice at once
            write_new(path, octets)
        return Entry(request, path, None)

    def get(self, identifier: str) -> Entry | None:
        """The request of an id; None for one that is not here, or not whole."""
        if not _ID.fullmatch(identifier):
            return None
        path = self.folder / f"{identifier}.request"
        try:
            request = CaRequest.parse(path.read_bytes())
        except (OSError, V2xPkiError):
            return None
        if request.id != identifier:
            return None
        return Entry(request, path, self._certificate(request))

    def all(self) -> Iterator[Entry]:
        """Everything that is here, by id."""
        for path in sorted(self.folder.glob("*.request")):
            found = self.get(path.stem)
            if found is not None:
                yield found

    def give(self, request: CaRequest, certificate: Certificate) -> bool:
        """Have the certificate fetched by whoever sent the request; False where it did not come in here."""
        if self.get(request.id) is None:
            return False
        path = self.folder / f"{request.id}.oer"
        if not path.exists():
            write_new(path, certificate.octets)
        return True

    def _certificate(self, request: CaRequest) -> Certificate | None:
        try:
            certificate = Certificate.parse((self.folder / f"{request.id}.oer").read_bytes())
        except (OSError, V2xPkiError):
            return None
        return certificate if certificate.verification_key == request.verification_key else None
