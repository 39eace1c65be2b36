"""COER of the V2X structures, to and from typed records.

    certificate = wire.decode(dot2.Certificate, octets)
    octets = wire.encode(certificate)
"""

from typing import TypeVar

from v2xpki.wire._runtime import BitString

__all__ = ["BitString", "decode", "encode"]

T = TypeVar("T")


def decode(kind: type[T], octets: bytes) -> T:
    """The record that the octets are the canonical COER of. Raises DecodeError."""
    raise NotImplementedError


def encode(record: object) -> bytes:
    """The canonical COER of a record. Raises EncodeError."""
    raise NotImplementedError
