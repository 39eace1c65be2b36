"""The HTTP of IEEE 1609.2.1 (v3) as a device uses it: what is sent where, and what comes back.

A refusal has no PDU: it is an HTTP status, perhaps 500 alone (coarse errors), so that "not there yet" and
"no" may look the same.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from v2xpki.station.errors import Refusal, Unreachable
from v2xpki.station.files import write_whole
from v2xpki.station.http import OCTETS, HttpWithHeaders, Reply
from v2xpki.station.scms.archives import LONGEST_ARCHIVE

ENROLMENT = "/v3/enrollment-certificate"
CERTIFICATES = "/v3/authorization-certificate"
SUCCESSOR = "/v3/successor-enrollment-certificate"
CHAIN_FILE = "/v3/ccf-ctl"
RA_CERTIFICATE = "/v3/ra-certificate"
COMPOSITE_CRL = "/v3/composite-crl-ctl"
INFO_STATUS = "/v3/certificate-management-info-status"
PIECE = 64 << 10  # octets asked for at a time
_SECOND_TRY = 1
_RANGE = re.compile(r"bytes ([0-9]{1,9})-([0-9]{1,9})/([0-9]{1,9})")


class Fresh(NamedTuple):
    """A document and the ETag it came with. octets None: not modified."""

    octets: bytes | None
    etag: str


def post(http: HttpWithHeaders, url: str, octets: bytes) -> bytes:
    """What a request is answered with. Raises Refusal for a status that says no, Unreachable."""
    return _body(http.post(url, octets, OCTETS), url)


def document(http: HttpWithHeaders, url: str, etag: str = "") -> Fresh:
    """A document that everybody may have; etag: of the one that is here. Raises Refusal, Unreachable."""
    reply = http.get(url, {"If-None-Match": etag} if etag else {})
    if reply.status == 304 and etag:
        return Fresh(None, etag)
    return Fresh(_body(reply, url), reply.headers.get("etag", ""))


class Downloads:
    """Files for one device, piece by piece: what was cut off goes on where it ended. folder: for what is not
    whole yet, `<name>.part`: the ETag in the first line, then the octets."""

    def __init__(self, http: HttpWithHeaders, folder: Path) -> None:
        self._http, self._folder = http, folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def fetch(self, url: str, name: str, asking: Callable[[], Mapping[str, str]]) -> bytes:
        """A file. asking: headers that ask for it, made anew each time. Raises Refusal, Unreachable."""
        etag, have = self._read(name)
        tries = 0
        while True:
            wanted = {"Range": f"bytes={len(have)}-{len(have) + PIECE - 1}"}
            if have:
                wanted["If-Range"] = etag
            reply = self._http.get(url, {**asking(), **wanted})
            if reply.status == 416 and have and tries < _SECOND_TRY:
                have, tries = b"", tries + 1  # another file than the one that was begun
                continue
            if reply.status != 206:
                octets = _body(reply, url)
                break
            start, total = _content_range(reply, url)
            given = reply.headers.get("etag", "")
            if start != len(have) or (have and given != etag) or not reply.body:
                raise Unreachable(f"{url}: another range than asked for", status=206)
            etag, have = given, have + reply.body
            if len(have) >= total:
                octets = have
                break
            if etag.startswith('"'):  # a strong one: the same octets the next time
                write_whole(self._part(name), etag.encode() + b"\n" + have, 0o600)
        self._part(name).unlink(missing_ok=True)
        if len(octets) > LONGEST_ARCHIVE:
            raise Unreachable(f"{url}: a file of more than {LONGEST_ARCHIVE} octets")
        return octets

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}.part"

    def _read(self, name: str) -> tuple[str, bytes]:
        try:
            etag, _, have = self._part(name).read_bytes().partition(b"\n")
            return etag.decode(), have
        except (OSError, UnicodeDecodeError):
            return "", b""


def _body(reply: Reply, url: str) -> bytes:
    if 200 <= reply.status < 300 and reply.status != 206:
        return reply.body
    if reply.status >= 400:
        raise Refusal(f"{url}: HTTP {reply.status}", status=reply.status)
    raise Unreachable(f"{url}: HTTP {reply.status}", status=reply.status)


def _content_range(reply: Reply, url: str) -> tuple[int, int]:
    """Where a piece starts, and how long the whole is."""
    text = reply.headers.get("content-range", "")
    found = _RANGE.fullmatch(text)
    start, end, total = map(int, found.groups()) if found else (0, 0, 0)
    if end - start + 1 != len(reply.body) or not end < total <= LONGEST_ARCHIVE:
        raise Unreachable(f"{url}: Content-Range {text!r}", status=206)
    return start, total
