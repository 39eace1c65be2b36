"""What EA and AA send each other by the chunk, and what a station downloads.

A chunk is one HTTP body with many messages: before each, its length in 4 octets, big endian; an answer of
length 0 is a refusal, its reason in the AA's log. TS 102 941 has no chunks: a body that starts with an
Ieee1609Dot2Data (03) is one message by itself, and is answered by one.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from v2xpki.errors import DecodeError
from v2xpki.wire import dot2

MOST_MESSAGES = 100
_LENGTH = 4
_MESSAGE = 0x03
_FILE = re.compile(r"([0-9A-Fa-f]{16})(?:-([0-9A-Fa-f]{1,4})\.zip|\.info)")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the ZIP's own: the time of packing is nobody's business
_PREFIXES = ("compressed-y-0", "compressed-y-1")


def pack_chunk(messages: Iterable[bytes]) -> bytes:
    """The body of many messages."""
    return b"".join([len(message).to_bytes(_LENGTH, "big") + message for message in messages])


def is_single(body: bytes) -> bool:
    """Whether a body is one message by itself."""
    return body[:1] == bytes((_MESSAGE,))


def unpack_chunk(body: bytes) -> list[bytes]:
    """The messages of a body. Raises DecodeError."""
    messages, at = [], 0
    while at < len(body):
        start = at + _LENGTH
        at = start + int.from_bytes(body[at:start], "big")
        if start > len(body) or at > len(body):
            raise DecodeError("a message longer than the body", where=("chunk",))
        messages.append(body[start:at])
    if not 1 <= len(messages) <= MOST_MESSAGES:
        raise DecodeError(f"{len(messages)} messages", where=("chunk",))
    return messages


def pack_archive(period: int, answers: Sequence[tuple[int, bytes]]) -> bytes:
    """The ZIP of one vehicle and period: (j, COER of an AcaEeCertResponsePrivateSpdu) each as `<I>_<J>` in
    hex. Stored, not deflated: what is encrypted does not shrink."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_STORED) as archive:
        for j, answer in answers:
            archive.writestr(zipfile.ZipInfo(f"{period:X}_{j:X}", _EPOCH), answer)
    return octets.getvalue()


class FileName(NamedTuple):
    """A file that a station may ask for. period: None for `.info`."""

    request_hash: bytes
    period: int | None

    def __str__(self) -> str:
        stem = self.request_hash.hex().upper()
        return f"{stem}.info" if self.period is None else f"{stem}-{self.period:X}.zip"

    @classmethod
    def parse(cls, text: str) -> "FileName | None":
        """Of `<h>-<i>.zip` or `<h>.info`: h 16 hex digits, i in hex, either case; None for anything else."""
        found = _FILE.fullmatch(text)
        if found is None:
            return None
        return cls(bytes.fromhex(found[1]), None if found[2] is None else int(found[2], 16))


def p256_point(point: bytes) -> dot2.EccP256CurvePoint:
    """The record of a SEC1 compressed point."""
    return dot2.EccP256CurvePoint(kind=_PREFIXES[point[0] - 2], value=point[1:])  # type: ignore[arg-type]
