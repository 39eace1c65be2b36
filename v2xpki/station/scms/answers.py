"""Answers of an RA, held against every rule a strict device has (IEEE 1609.2.1 EE-RA).

ack = acknowledged(octets, sent.hash, sent.time, ra, now)     202 of a request, or of a successor's
info = info_of(octets, sent.hash)                             <H8>.info
"""

import hmac
from typing import Any

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, UnexpectedContent
from v2xpki.secured import SignedMessage, scms_header
from v2xpki.station.errors import BadAnswer
from v2xpki.wire import dot2, scms

SKEW = 600  # seconds that the RA's clock may be off


def acknowledged(
    octets: bytes, request_hash: bytes, asked: int, ra: Certificate, now: int
) -> scms.RaEeCertAck:
    """The RaEeCertAck of a request. ra: verified. asked: when it was sent first, now: Time32 both.

    An RA may answer a request that comes again with the ack that it gave before, so long as that is not
    older than the request. Raises BadAnswer (rule: content, signer, header, signature, request-hash,
    generation-time).
    """
    message = _signed(octets, ra)
    ack = _content(message.payload)
    if not isinstance(ack, scms.RaEeCertAck):
        raise BadAnswer("the content is no raEeCertAck", rule="content")
    _check_hash(ack.request_hash, request_hash)
    _check_time(ack.generation_time, asked, now)
    return ack


def info_of(octets: bytes, request_hash: bytes) -> scms.RaEeCertInfo:
    """The RaEeCertInfo of a `.info` file, which is not signed: it tells when to come again, no more.

    Raises BadAnswer (rule: content, request-hash).
    """
    try:
        content = wire.decode(dot2.Ieee1609Dot2Data, octets).content
    except DecodeError as error:
        raise BadAnswer(f"does not decode: {error}", rule="content") from error
    if content.kind != "unsecuredData" or not isinstance(content.value, bytes):
        raise BadAnswer(f"{content.kind} where an unsecured PDU belongs", rule="content")
    info = _content(content.value)
    if not isinstance(info, scms.RaEeCertInfo):
        raise BadAnswer("the content is no raEeCertInfo", rule="content")
    _check_hash(info.request_hash, request_hash)
    return info


def info_status(octets: bytes, ra: Certificate, now: int) -> scms.CertificateManagementInfoStatus:
    """When lists, chain file and RA certificate last changed. Raises BadAnswer as acknowledged."""
    status = _content(_signed(octets, ra).payload)
    if not isinstance(status, scms.CertificateManagementInfoStatus):
        raise BadAnswer("the content is no infoStatus", rule="content")
    if status.ca_ccf > now + SKEW:
        raise BadAnswer("caCcf is in the future", rule="generation-time")
    return status


def _signed(octets: bytes, ra: Certificate) -> SignedMessage:
    """The message, signed by this RA, which shows its certificate."""
    try:
        message = SignedMessage.parse(octets)
        signers = message.signer_certificates
    except (DecodeError, UnexpectedContent, CryptoError) as error:
        raise BadAnswer(f"does not decode: {error}", rule="content") from error
    if signers != (ra,):
        raise BadAnswer(f"the signer is not {ra.hex8} by its certificate", rule="signer")
    if message.header != scms_header():
        raise BadAnswer("the header is not psid 35 alone", rule="header")
    try:
        message.verify(ra.verification_key, ra)
    except CryptoError as error:
        raise BadAnswer(f"not signed by {ra.hex8}: {error}", rule="signature") from error
    return message


def _content(octets: bytes) -> Any:
    try:
        pdu = wire.decode(scms.ScmsPdu, octets)
    except DecodeError as error:
        raise BadAnswer(f"does not decode: {error}", rule="content") from error
    return getattr(pdu.content.value, "value", None)


def _check_hash(got: bytes, wanted: bytes) -> None:
    if not hmac.compare_digest(got, wanted):
        raise BadAnswer("requestHash is of another request", rule="request-hash")


def _check_time(generated: int, asked: int, now: int) -> None:
    if not asked - SKEW <= generated <= now + SKEW:
        raise BadAnswer("generationTime is before the request or in the future", rule="generation-time")
