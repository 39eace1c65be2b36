"""COER of the V2X structures, to and from typed records.

    certificate = wire.decode(dot2.Certificate, octets)
    octets = wire.encode(certificate)
"""

from typing import Any, TypeVar

from v2xpki.wire import _codec_dot2, _codec_etsi, _codec_scms
from v2xpki.wire import _runtime as _rt
from v2xpki.wire._runtime import MAX_NESTING, BitString

__all__ = ["MAX_NESTING", "BitString", "decode", "encode"]

T = TypeVar("T")

_DECODE: dict[type, Any] = {**_codec_dot2.DECODE, **_codec_scms.DECODE, **_codec_etsi.DECODE}
_ENCODE: dict[type, Any] = {**_codec_dot2.ENCODE, **_codec_scms.ENCODE, **_codec_etsi.ENCODE}
_CODECS = frozenset((_codec_dot2.__name__, _codec_scms.__name__, _codec_etsi.__name__))


def decode(kind: type[T], octets: bytes) -> T:
    """The record that the octets are the canonical COER of. Raises DecodeError."""
    decoder = _DECODE[kind]
    try:
        record, end = decoder(octets, 0)
        if end == len(octets):
            return record  # type: ignore[no-any-return]
    except _rt.DECODE_FAULTS:
        pass
    return _rt.fail_decode(kind.__name__, decoder, octets, _CODECS)


def encode(record: tuple[Any, ...]) -> bytes:
    """The canonical COER of a record. Raises EncodeError."""
    try:
        return _ENCODE[type(record)](record)  # type: ignore[no-any-return]
    except _rt.ENCODE_FAULTS as fault:
        _rt.fail_encode(type(record).__name__, fault, _CODECS)
