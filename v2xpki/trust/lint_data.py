"""The linter for signed messages and lists; certificates inside are linted with it.

Unlike verification it needs no trust and no clock, and goes on after the first finding. A rule counts for
what was generated since its effective date; `at` judges as if generated at another time, `every` by all.
"""

from collections.abc import Iterator

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidList, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS
from v2xpki.trust.links import is_link
from v2xpki.trust.lint import lint_certificate
from v2xpki.trust.lint_engine import Finding, LintKind
from v2xpki.trust.lint_lists import LIST_RULES, lint_list
from v2xpki.trust.lint_messages import EARLIEST, MESSAGE_RULES, MessageSubject, lint_message
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry, RcaEntry, SignedList, TlmEntry
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID, PKI_PSIDS
from v2xpki.trust.scms_crl_lint import lint_scms_crl
from v2xpki.trust.scms_detect import is_scms
from v2xpki.trust.scms_lint_signed import lint_scms_certificate
from v2xpki.trust.scms_profiles import CRL as SCMS_CRL_PSID
from v2xpki.trust.scms_profiles import SECURITY_MGMT

DATA_RULES = {**MESSAGE_RULES, **LIST_RULES}
_ENTRY_KINDS: dict[type, LintKind] = {RcaEntry: "RCA", TlmEntry: "TLM", EaEntry: "EA", AaEntry: "AA"}
_FOREVER = 1 << 62


def lint_data(
    octets: bytes, *, previous: SignedList | None = None, at: int | None = None, every: bool = False
) -> list[Finding]:
    """What is wrong with a signed message or list; [] for nothing.

    What cannot be read, or is not signed, has that finding alone. previous: the full list before this one.
    """
    try:
        message = SignedMessage.parse(octets)
    except UnexpectedContent as error:
        return [Finding(MESSAGE_RULES["e_data_signed"], str(error))]
    except DecodeError as error:
        return [Finding(MESSAGE_RULES["e_data_coer"], str(error))]
    generated = (message.header.generation_time or 0) // MICROSECONDS
    # a time that makes no sense must not make the rules go away
    senseless = generated < EARLIEST // MICROSECONDS
    if message.header.psid == SCMS_CRL_PSID:
        return list(lint_scms_crl(octets))
    moment = _FOREVER if every else at if at is not None else _FOREVER if senseless else generated
    return [
        *(one for one in lint_message(message, moment) if _holds(one, message)),
        *_signer(message, at, every),
        *_list(octets, message, previous, moment, at, every),
    ]


def _holds(finding: Finding, message: SignedMessage) -> bool:
    """The PDUs of an SCMS have their time inside (IEEE 1609.2.1), not in the header."""
    return finding.rule.id != "e_data_generation_time" or message.header.psid != SECURITY_MGMT


def _signer(message: SignedMessage, at: int | None, every: bool) -> Iterator[Finding]:
    kind: LintKind | None = None if message.header.psid in PKI_PSIDS else "AT"
    for certificate in MessageSubject.of(message).certificates:
        yield from _certificate(certificate, kind, None, at, every)


def _certificate(
    certificate: Certificate, kind: LintKind | None, issuer: Certificate | None, at: int | None, every: bool
) -> Iterator[Finding]:
    found = (
        lint_scms_certificate(certificate.record, issuer)
        if is_scms(certificate)
        else lint_certificate(certificate, kind, issuer, at=at, every=every)
    )
    for finding in found:
        yield Finding(finding.rule, f"{certificate.hex8}: {finding.detail}")


def _list(
    octets: bytes,
    message: SignedMessage,
    previous: SignedList | None,
    moment: int,
    at: int | None,
    every: bool,
) -> Iterator[Finding]:
    if message.header.psid not in (CRL_PSID, CTL_PSID) or is_link(octets):
        return
    try:
        signed = SignedList.parse(octets)
    except (UnexpectedContent, InvalidList, DecodeError, CryptoError) as error:
        yield Finding(LIST_RULES["e_list_readable"], str(error))
        return
    yield from lint_list(signed, previous, moment)
    signer = next(iter(MessageSubject.of(message).certificates), None)
    for entry in signed.entries:
        if isinstance(entry, DcEntry):
            continue
        own = signer is not None and entry.certificate.issuer_id8 == signer.hashed_id8
        yield from _certificate(
            entry.certificate, _ENTRY_KINDS[type(entry)], signer if own else None, at, every
        )
