"""COER of the V2X structures, to and from typed records; strict by construction.

    certificate = wire.decode(dot2.Certificate, octets)     # DecodeError says where and why
    octets = wire.encode(certificate)                       # EncodeError names field and rule

    certificate, tbs = wire.decode_certificate(octets)      # tbs: octets of its toBeSigned, to be hashed
    message, tbs = wire.decode_signed(octets)               # tbs: octets of tbsData; None if not signed

    organisation = wire.decode_as("OperatingOrganizationId", octets)    # types that are no records,
    octets = wire.encode_as("SequenceOfPsidSsp", permissions)           # by their ASN.1 name

Records are in `dot2` (IEEE 1609.2 and its CRL), `etsi` (TS 103 097, TS 102 941) and `scms` (IEEE
1609.2.1); they, and the functions behind this module, are generated from asn1/ (docs/adr/0003).

What decodes encodes to the same octets again, so nothing needs a second look before it is hashed.
Refused are: octets left over or missing, lengths, counts and integers in longer form than needed,
DEFAULT values that are written out, unused bits that are set, booleans other than 00 and ff, empty or
foreign extension bitmaps, unknown alternatives, enumerations and extensions, values out of their
range or size, text that is not of its character set.

Limits of this codec beyond the standards: Ieee1609Dot2Data contains itself at most MAX_NESTING deep;
INTEGERs without bounds (PSIDs, chain lengths) are at most 63 bits and a sign; a length is at most
four octets. A list is begun only if the octets left can hold it.

Measured (one core, Python 3.11, AT of 151 octets with three PSIDs, CA certificate of 242): decode
5.5 and 8.9 us, encode 4.1 and 5.9 us; asn1tools takes 45-70 and 35 us for the AT. Import: 30 ms.
"""

from typing import Any, TypeVar

from v2xpki.errors import EncodeError
from v2xpki.wire import _codec_dot2, _codec_etsi, _codec_scms, _shapes, dot2, scms
from v2xpki.wire._runtime import (
    DECODE_FAULTS,
    ENCODE_FAULTS,
    MAX_NESTING,
    BitString,
    fail_decode,
    fail_encode,
    new,
)

__all__ = [
    "MAX_NESTING",
    "BitString",
    "decode",
    "decode_as",
    "decode_certificate",
    "decode_certificate_request",
    "decode_signed",
    "encode",
    "encode_as",
]

T = TypeVar("T")

_DECODE: dict[Any, Any] = {**_codec_dot2.DECODE, **_codec_scms.DECODE, **_codec_etsi.DECODE}
_ENCODE: dict[Any, Any] = {**_codec_dot2.ENCODE, **_codec_scms.ENCODE, **_codec_etsi.ENCODE}
_NAMED: dict[str, Any] = {**_codec_dot2.NAMED, **_codec_scms.NAMED, **_codec_etsi.NAMED}
_CODECS = frozenset((_codec_dot2.__name__, _codec_scms.__name__, _codec_etsi.__name__))


def decode(kind: type[T], octets: bytes) -> T:
    """The record of class `kind` that the octets are the canonical COER of. Raises DecodeError."""
    if kind is dot2.Ieee1609Dot2Data:
        found = _shapes.encrypted(octets)
        if found is not None:
            return found  # type: ignore[return-value]  # kind says so
    decoder = _DECODE[kind]
    try:
        record, end = decoder(octets, 0)
        if end == len(octets):
            return record  # type: ignore[no-any-return]
    except DECODE_FAULTS:
        pass
    return fail_decode(kind.__name__, decoder, octets, _CODECS)


def encode(record: tuple[Any, ...]) -> bytes:
    """The canonical COER of a record. Raises EncodeError."""
    encoder = _ENCODE.get(type(record))
    if encoder is None:
        raise EncodeError(f"{type(record).__name__} is not a class of records")
    try:
        return encoder(record)  # type: ignore[no-any-return]
    except ENCODE_FAULTS as fault:
        fail_encode(type(record).__name__, fault, _CODECS)


def decode_as(name: str, octets: bytes) -> Any:
    """The value of any type of asn1/, by its ASN.1 name. Raises DecodeError, KeyError."""
    decoder, _ = _NAMED[name]
    try:
        value, end = decoder(octets, 0)
        if end == len(octets):
            return value
    except DECODE_FAULTS:
        pass
    return fail_decode(name, decoder, octets, _CODECS)


def encode_as(name: str, value: Any) -> bytes:
    """The canonical COER of any type of asn1/, by its ASN.1 name. Raises EncodeError, KeyError."""
    _, encoder = _NAMED[name]
    try:
        return encoder(value)  # type: ignore[no-any-return]
    except ENCODE_FAULTS as fault:
        fail_encode(name, fault, _CODECS)


def decode_certificate(octets: bytes) -> tuple[dot2.CertificateBase, bytes]:
    """A certificate, and the octets of its toBeSigned, ready to be hashed. Raises DecodeError."""
    try:
        kind = _codec_dot2._CERTIFICATE_TYPE[octets[2]]
        issuer, start = _codec_dot2.decode_issuer_identifier(octets, 3)
        to_be_signed, end = _codec_dot2.decode_to_be_signed_certificate(octets, start)
        signature, stop = _codec_dot2.decode_signature(octets, end) if octets[0] else (None, end)
        if stop == len(octets) and octets[0] in (0x00, 0x80) and octets[1] == 3:
            return new(dot2.CertificateBase, (3, kind, issuer, to_be_signed, signature)), octets[start:end]
    except DECODE_FAULTS:
        pass
    return fail_decode("CertificateBase", _codec_dot2.decode_certificate_base, octets, _CODECS)


def decode_signed(octets: bytes) -> tuple[dot2.Ieee1609Dot2Data, bytes | None]:
    """Ieee1609Dot2Data, and the octets of its tbsData if it is signed, else None. Raises DecodeError."""
    if octets[:2] != b"\x03\x81":  # version 3, signedData
        return decode(dot2.Ieee1609Dot2Data, octets), None
    found = _shapes.signed(octets)
    if found is not None:
        return found
    try:
        hash_id = _codec_dot2._HASH_ALGORITHM[octets[2]]
        tbs_data, end = _codec_dot2.decode_to_be_signed_data(octets, 3, 1)
        signer, start = _codec_dot2.decode_signer_identifier(octets, end)
        signature, stop = _codec_dot2.decode_signature(octets, start)
        if stop == len(octets):
            signed = new(dot2.SignedData, (hash_id, tbs_data, signer, signature))
            content = new(dot2.Ieee1609Dot2Content, ("signedData", signed))
            return new(dot2.Ieee1609Dot2Data, (3, content)), octets[3:end]
    except DECODE_FAULTS:
        pass
    return fail_decode("Ieee1609Dot2Data", _codec_dot2.decode_ieee1609_dot2_data, octets, _CODECS)


def decode_certificate_request(octets: bytes) -> tuple[scms.SignedCertificateRequest, bytes]:
    """A SignedCertificateRequest, and the octets of its tbsRequest, to be hashed. Raises DecodeError."""
    record = decode(scms.SignedCertificateRequest, octets)
    # canonical, so it is just as long as it encodes to
    tail = len(encode(record.signer)) + len(encode(record.signature))
    return record, octets[1 : len(octets) - tail]
