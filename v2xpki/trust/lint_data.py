"""The linter for signed messages and lists; certificates inside are linted with it.

Unlike verification it needs no trust and no clock, and goes on after the first finding.
"""

from collections.abc import Iterator

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidList, InvalidMessage, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.time import iso_from_time32, time32_from_iso
from v2xpki.trust.lint import Finding, Rule, Severity, lint_certificate
from v2xpki.trust.lists import ECTL_WARNING, AaEntry, DcEntry, EaEntry, RcaEntry, SignedList, TlmEntry
from v2xpki.trust.messages import CAM, DENM, check_form
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID, SCR_PSID, Kind

_SINCE = "2017-10-01"


def _rule(name: str, clause: str, description: str) -> Rule:
    severity: Severity = "error" if name.startswith("e_") else "warning"
    return Rule(
        name, severity, clause, _SINCE, (), description, True, lambda _: None, time32_from_iso(_SINCE)
    )  # fmt: skip


DATA_RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        _rule("e_data_signed", "TS 103 097 5.2", "the message is signed data"),
        _rule(
            "e_data_profile", "TS 103 097 7.1", "header, signer and payload are as the message's profile says"
        ),
        _rule("e_data_hash", "IEEE 1609.2 5.3.1", "hashId goes with the curve of the signature"),
        _rule("e_data_certificate", "TS 103 097 5.2", "the signer's certificate is one that can be read"),
        _rule("e_pki_header", "TS 102 941 6.2", "psid 623 and generationTime, nothing else"),
        _rule("e_list_header", "TS 102 941 6.3", "the psid of the list and generationTime, nothing else"),
        _rule("e_list_signer", "TS 102 941 6.3", "signer certificate; a CRL may have a digest"),
        _rule("e_list_readable", "TS 102 941 6.3", "the payload is a CTL, ECTL or CRL"),
        _rule("e_list_schedule", "TS 102 941 6.3", "nextUpdate is after thisUpdate or generationTime"),
        _rule("e_list_entries", "TS 102 941 6.3", "only the entries that the list may have, each once"),
        _rule("e_full_list_adds", "TS 102 941 6.3.1", "a full list only adds"),
        _rule("e_ctl_own_dc", "TS 102 941 6.3.1", "a DC entry holds the RCA's own digest"),
        _rule("e_ectl_own_tlm", "TS 102 941 6.3.1", "an ECTL holds the TLM that signs it"),
        _rule("w_ectl_sequence", "TS 102 941 6.3.1", "the TLM is re-keyed before the ECTL's sequence ends"),
    )
}

_CURVES_384 = ("ecdsaNistP384Signature", "ecdsaBrainpoolP384r1Signature")
_ENTRY_KINDS: dict[type, Kind] = {RcaEntry: "RCA", TlmEntry: "TLM", EaEntry: "EA", AaEntry: "AA"}


def lint_data(octets: bytes) -> list[Finding]:
    """What is wrong with a signed message or list; [] for nothing. Raises DecodeError for what is neither."""
    try:
        message = SignedMessage.parse(octets)
    except UnexpectedContent as error:
        return [_found("e_data_signed", str(error))]
    return [*_message(message), *(_list(octets) if message.header.psid in (CRL_PSID, CTL_PSID) else ())]


def _found(name: str, detail: str) -> Finding:
    return Finding(DATA_RULES[name], detail)


def _message(message: SignedMessage) -> Iterator[Finding]:
    psid, header = message.header.psid, message.header
    present = sorted(field for field, value in header._asdict().items() if value is not None)
    if psid in (CRL_PSID, CTL_PSID, SCR_PSID):
        if present != ["generation_time", "psid"]:
            yield _found(
                "e_pki_header" if psid == SCR_PSID else "e_list_header", f"holds {', '.join(present)}"
            )
    else:
        try:
            check_form(message)
        except InvalidMessage as error:
            yield _found("e_data_profile", str(error))
    wanted = "sha384" if message.signed.signature.kind in _CURVES_384 else "sha256"
    if message.hash_name != wanted:
        yield _found("e_data_hash", f"{message.hash_name} with {message.signed.signature.kind}")
    try:
        certificates = message.signer_certificates
    except (CryptoError, DecodeError) as error:
        yield _found("e_data_certificate", str(error))
        return
    for certificate in certificates:
        kind: Kind | None = "AT" if psid in (CAM, DENM) else None
        yield from _certificate(certificate, kind)


def _certificate(certificate: Certificate, kind: Kind | None) -> Iterator[Finding]:
    for finding in lint_certificate(certificate, kind):
        yield Finding(finding.rule, f"{certificate.hex8}: {finding.detail}")


def _list(octets: bytes) -> Iterator[Finding]:
    try:
        signed = SignedList.parse(octets)
    except (UnexpectedContent, InvalidList, DecodeError, CryptoError) as error:
        yield _found("e_list_readable", str(error))
        return
    form = signed.message.signer.kind
    if form != "certificate" and not (signed.kind == "crl" and form == "digest"):
        yield _found("e_list_signer", f"signer {form}")
    since = signed.this_update
    if signed.next_update <= since:
        yield _found(
            "e_list_schedule", f"{iso_from_time32(signed.next_update)} is not after {iso_from_time32(since)}"
        )
    if signed.message.header.psid != (CRL_PSID if signed.kind == "crl" else CTL_PSID):
        yield _found("e_list_header", f"psid {signed.message.header.psid} on a {signed.kind.upper()}")
    yield from _entries(signed)
    for entry in signed.entries:
        if not isinstance(entry, DcEntry):
            yield from _certificate(entry.certificate, _ENTRY_KINDS[type(entry)])


def _entries(signed: SignedList) -> Iterator[Finding]:
    allowed = {"ctl": (EaEntry, AaEntry, DcEntry), "ectl": (RcaEntry, TlmEntry, DcEntry), "crl": ()}[
        signed.kind
    ]
    for entry in signed.entries:
        if not isinstance(entry, allowed):
            yield _found("e_list_entries", f"a {signed.kind.upper()} with {type(entry).__name__}")
    if signed.repeats:
        yield _found("e_list_entries", "an entry twice")
    if signed.kind == "crl" or not signed.is_full:
        return
    if signed.deletes:
        yield _found("e_full_list_adds", "it deletes")
    own = signed.signer_id8
    if signed.kind == "ctl" and not any(isinstance(e, DcEntry) and own in e.roots for e in signed.entries):
        yield _found("e_ctl_own_dc", f"none names {(own or b'').hex().upper()}")
    if signed.kind == "ectl" and not any(
        isinstance(e, TlmEntry) and e.certificate.hashed_id8 == own for e in signed.entries
    ):
        yield _found("e_ectl_own_tlm", f"none is {(own or b'').hex().upper()}")
    if signed.kind == "ectl" and (signed.sequence or 0) >= ECTL_WARNING:
        yield _found("w_ectl_sequence", f"sequence {signed.sequence} of 255")
