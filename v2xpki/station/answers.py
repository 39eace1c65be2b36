"""Answers of an EA or AA, held against every rule a strict station has (TS 102 941 6.2.3.2.2, 6.2.3.3.2)."""

import hmac
from hashlib import sha256

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import (
    CryptoError,
    DecodeError,
    InvalidChain,
    NotRecipient,
    SecuredError,
    UnexpectedContent,
)
from v2xpki.secured import SignedMessage, decrypt_psk
from v2xpki.station.errors import BadAnswer, RequestRefused
from v2xpki.station.requests import EC_PERMISSIONS, SCR, Sent
from v2xpki.time import MICROSECONDS
from v2xpki.trust import regions
from v2xpki.trust.chain import TrustStore
from v2xpki.wire import dot2, etsi

CLOCKS_APART = 600 * MICROSECONDS  # how far the authority's clock may be from ours


def enrolment_answer(
    octets: bytes, sent: Sent, ea: Certificate, trust: TrustStore, time64: int
) -> Certificate:
    """The new enrolment credential. Raises BadAnswer, RequestRefused."""
    content = _opened(octets, sent, ea, time64)
    if not isinstance(content, etsi.InnerEcResponse):
        raise BadAnswer("the content is no enrolmentResponse", rule="content")
    certificate = _certificate(content.request_hash, content.response_code, content.certificate, sent, ea)
    _check_common(certificate, sent, ea)
    record = certificate.record.to_be_signed
    asked = sent.asked.app_permissions or EC_PERMISSIONS
    if certificate.app_permissions != {entry.psid: entry.ssp for entry in asked}:
        raise BadAnswer("the EC does not hold what was asked for (623 with SSP 01C0), alone", rule="profile")
    if (
        record.id.kind not in ("name", "none")
        or record.cert_issue_permissions
        or record.cert_request_permissions
    ):
        raise BadAnswer("the certificate is not of an EC's profile", rule="profile")
    try:
        trust.verify(certificate, time64 // MICROSECONDS)
    except InvalidChain as error:
        raise BadAnswer(f"the EC does not verify: {error}", rule="chain") from error
    return certificate


def authorization_answer(
    octets: bytes, sent: Sent, aa: Certificate, trust: TrustStore, time64: int
) -> Certificate:
    """The new authorization ticket. Raises BadAnswer, RequestRefused."""
    content = _opened(octets, sent, aa, time64)
    if not isinstance(content, etsi.InnerAtResponse):
        raise BadAnswer("the content is no authorizationResponse", rule="content")
    certificate = _certificate(content.request_hash, content.response_code, content.certificate, sent, aa)
    _check_common(certificate, sent, aa)
    asked = {entry.psid for entry in sent.asked.app_permissions or ()}
    extra = set(certificate.app_permissions) - asked
    if extra:
        raise BadAnswer(
            f"the ticket holds psid {sorted(extra)}, which were not asked for", rule="permissions"
        )
    wanted = sent.asked.region
    if wanted is not None and not regions.region_contains(wanted, certificate.record.to_be_signed.region):
        raise BadAnswer("the ticket's region is larger than the one asked for", rule="region")
    try:
        # a preloaded ticket is not in force yet: verify it as of its own start
        trust.verify_ticket(certificate, max(time64 // MICROSECONDS, certificate.start))
    except InvalidChain as error:
        raise BadAnswer(f"the ticket does not verify: {error}", rule="chain") from error
    return certificate


def _opened(octets: bytes, sent: Sent, authority: Certificate, time64: int) -> object:
    """The content of the answer, from its two envelopes."""
    try:
        outer = wire.decode(dot2.Ieee1609Dot2Data, octets)
        plain = decrypt_psk(outer, sent.key)
        encrypted = outer.content.value
        assert isinstance(encrypted, dot2.EncryptedData)
        if encrypted.ciphertext.value.nonce == sent.nonce:
            raise BadAnswer("the request's nonce again, under the same key", rule="nonce")
        message = SignedMessage.parse(plain)
        check_signed(message, authority, time64)
        data = wire.decode(etsi.EtsiTs102941Data, message.payload)
    except NotRecipient as error:
        raise BadAnswer(f"not for this request: {error}", rule="psk") from error
    except UnexpectedContent as error:
        raise BadAnswer(str(error), rule="content") from error
    except DecodeError as error:
        raise BadAnswer(f"does not decode: {error}", rule="content") from error
    except (CryptoError, SecuredError) as error:
        raise BadAnswer(f"does not open: {error}", rule="decrypt") from error
    return data.content.value


def check_signed(message: SignedMessage, authority: Certificate, time64: int) -> None:
    """Raises BadAnswer for a message that is not the authority's, of now."""
    if message.signer_digest != authority.hashed_id8:
        raise BadAnswer(f"the signer is not {authority.hex8} by digest", rule="signer")
    header = message.header
    generated = header.generation_time
    if generated is None or header != dot2.HeaderInfo(psid=SCR, generation_time=generated):
        raise BadAnswer("the header is not psid 623 and generationTime alone", rule="header")
    if abs(generated - time64) > CLOCKS_APART:
        ahead = (generated - time64) / MICROSECONDS
        raise BadAnswer(
            f"generated {ahead:+.0f} s from now: one of the two clocks is wrong", rule="generation-time"
        )
    try:
        message.verify(authority.verification_key, authority)
    except CryptoError as error:
        raise BadAnswer(f"not signed by {authority.hex8}: {error}", rule="signature") from error


def _certificate(
    request_hash: bytes, code: str, record: dot2.Certificate | None, sent: Sent, authority: Certificate
) -> Certificate:
    if not hmac.compare_digest(request_hash, sha256(sent.octets).digest()[:16]):
        raise BadAnswer("requestHash is of another request", rule="request-hash")
    if (code == "ok") != (record is not None):
        raise BadAnswer(f"{code} {'with' if record else 'without'} a certificate", rule="certificate-iff-ok")
    if record is None:
        raise RequestRefused(code, authority.name or authority.hex8)
    try:
        return Certificate.of(record)
    except (CryptoError, DecodeError) as error:
        raise BadAnswer(f"the certificate is none: {error}", rule="profile") from error


def _check_common(certificate: Certificate, sent: Sent, issuer: Certificate) -> None:
    """What holds of an EC and of a ticket alike."""
    tbs = certificate.record.to_be_signed
    try:
        keys = certificate.verification_key, certificate.encryption_key
    except CryptoError as error:
        raise BadAnswer(f"the certificate's key: {error}", rule="key") from error
    if keys != (sent.verification_key, sent.encryption_key):
        raise BadAnswer("the certificate is of another key than the one sent", rule="key")
    if certificate.issuer_id8 != issuer.hashed_id8:
        raise BadAnswer(f"the certificate is not issued by {issuer.hex8}", rule="chain")
    if tbs.craca_id != bytes(3) or tbs.crl_series != 0 or tbs.can_request_rollover:
        raise BadAnswer("cracaId, crlSeries or canRequestRollover is not the profile's", rule="profile")
    asked = sent.asked.validity_period
    if asked is not None and certificate.start < asked.start:
        raise BadAnswer("the certificate's validity starts before the one asked for", rule="validity")
