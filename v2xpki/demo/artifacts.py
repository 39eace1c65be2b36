"""DIR/artifacts: the certificates, lists, requests, answers and messages of a demo, as octets in files.

    certificates/*.oer   tlm, root, ea, aa; credentials and tickets of the stations; the forger's own
    lists/*.oer          ectl, ctl, crl as the stations fetched them
    wire/*               each request to EA and AA (ECA and RA) and its answer, as sent; files and what asked
                         for them
    messages/*.oer       signed messages; messages.pcap has them for Wireshark

No private key is among them; the stations have theirs in DIR/stations.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from v2xpki.crypto import Certificate
from v2xpki.station import Reply
from v2xpki.station.http import ZIP, HttpWithHeaders
from v2xpki.station.scms.requests import AUTHORIZATION

_NONE: Mapping[str, str] = MappingProxyType({})


class Artifacts:
    """Writes them; each file once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.named: dict[str, Path] = {}
        self._certificates: dict[bytes, Path] = {}

    def write(self, folder: str, name: str, octets: bytes) -> Path:
        path = self.directory / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(octets)
        return path

    def certificate(self, name: str, certificate: Certificate) -> Path:
        """The file of a certificate, written under `name` unless it is there already."""
        path = self._certificates.get(certificate.digest)
        if path is None:
            path = self.write("certificates", f"{name}.oer", certificate.octets)
            self._certificates[certificate.digest] = self.named[name] = path
        return path

    def trust_list(self, name: str, octets: bytes) -> Path:
        self.named[name] = self.write("lists", f"{name}.oer", octets)
        return self.named[name]


class RecordedHttp:
    """A station's way to the PKI that keeps what it posts and what comes back, and the files that it is given
    for a signed request."""

    def __init__(self, inside: HttpWithHeaders, artifacts: Artifacts, station: str) -> None:
        self._inside, self._artifacts, self._station = inside, artifacts, station
        self._kept = 0

    def get(self, url: str, headers: Mapping[str, str] = _NONE) -> Reply:
        reply = self._inside.get(url, headers)
        asked = headers.get(AUTHORIZATION)
        if asked is not None and 200 <= reply.status < 300:
            self._keep(url, base64.b64decode(asked), reply)
        return reply

    def post(self, url: str, body: bytes, content_type: str) -> Reply:
        reply = self._inside.post(url, body, content_type)
        self._keep(url, body, reply)
        return reply

    def _keep(self, url: str, request: bytes, reply: Reply) -> None:
        self._kept += 1
        name = f"{self._station}-{self._kept:02}-{url.rpartition('/')[2]}"
        self._artifacts.write("wire", f"{name}-request.oer", request)
        kind = "zip" if reply.content_type == ZIP else "oer"
        self._artifacts.write("wire", f"{name}-answer.{kind}", reply.body)
