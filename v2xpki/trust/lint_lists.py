"""Rules of CTL, ECTL and CRL (TS 102 941 6.3), alone and against the full list before."""

from collections.abc import Callable
from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError
from v2xpki.time import iso_from_time32
from v2xpki.trust.lint_engine import Finding, Rule, rule_of, run
from v2xpki.trust.lists import (
    ECTL_WARNING,
    LAST_SEQUENCE,
    AaEntry,
    DcEntry,
    EaEntry,
    RcaEntry,
    SignedList,
    TlmEntry,
    parse_entry,
)
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID
from v2xpki.wire import etsi

_LONGEST = 190 * 24 * 3600  # seconds; the EU's ECTL of 2025 holds for 120 days
_ALLOWED: dict[str, tuple[type, ...]] = {
    "ctl": (EaEntry, AaEntry, DcEntry),
    "ectl": (RcaEntry, TlmEntry, DcEntry),
    "crl": (),
}
# SSP bits of psid 624 (TS 102 941 B.2)
_BITS: dict[type, int] = {TlmEntry: 0x80, RcaEntry: 0x40, EaEntry: 0x20, AaEntry: 0x10, DcEntry: 0x08}


class ListSubject(NamedTuple):
    """What rules of lists look at. signer: the certificate inside. previous: the full list before."""

    signed: SignedList
    signer: Certificate | None
    previous: SignedList | None

    @property
    def kind(self) -> str:
        return self.signed.kind

    @property
    def commands(self) -> tuple[etsi.CtlCommand, ...]:
        body = self.signed.body
        return tuple(body.ctl_commands) if isinstance(body, etsi.CtlFormat) else ()

    @property
    def deleted(self) -> list[bytes | str]:
        """HashedId8 or URL of what a trust list takes away."""
        return [command.value.value for command in self.commands if isinstance(command.value, etsi.CtlDelete)]


LIST_RULES: dict[str, Rule] = {}
_Test = Callable[[ListSubject], str | None]


def _rule(name: str, clause: str, description: str) -> Callable[[_Test], _Test]:
    return rule_of(LIST_RULES, "list", name, clause, description)


def lint_list(signed: SignedList, previous: SignedList | None, moment: int) -> list[Finding]:
    """What is wrong with a list; the certificates in it are for the caller.

    previous: the full list that was in force before this one: the last full list, or for a delta the one
    it changes.
    """
    try:
        certificates = signed.message.signer_certificates
    except (CryptoError, DecodeError):
        certificates = ()
    subject = ListSubject(signed, certificates[0] if certificates else None, previous)
    return run(LIST_RULES.values(), subject, moment)


def _entry_key(entry: object) -> bytes | str:
    return entry.url if isinstance(entry, DcEntry) else entry.certificate.hashed_id8  # type: ignore[attr-defined]


def _text(key: bytes | str) -> str:
    return key.hex().upper() if isinstance(key, bytes) else key


@_rule(
    "e_list_readable", "TS 102 941 6.3", "the payload is a CTL, ECTL or CRL, its entries have http(s) URLs"
)
def _readable(_: ListSubject) -> str | None:
    return None  # found by lint_data: without it there is no list to look at


@_rule("e_list_header", "TS 102 941 6.3", "the psid of the list and generationTime, nothing else")
def _header(s: ListSubject) -> str | None:
    header = s.signed.message.header
    present = {name for name, value in header._asdict().items() if value is not None}
    if present != {"psid", "generation_time"}:
        return f"holds {', '.join(sorted(present))}"
    wanted = CRL_PSID if s.kind == "crl" else CTL_PSID
    return None if header.psid == wanted else f"psid {header.psid} on a {s.kind.upper()}"


@_rule("e_list_signer", "TS 102 941 6.3", "signer certificate, one; a CRL may have a digest")
def _signer(s: ListSubject) -> str | None:
    form = s.signed.message.signer.kind
    return None if form == "certificate" or (s.kind == "crl" and form == "digest") else f"signer {form}"


@_rule("e_list_signer_kind", "TS 102 941 6.3", "an ECTL is signed by a TLM, a CTL or CRL by a root")
def _signer_kind(s: ListSubject) -> str | None:
    if s.signer is None:
        return None
    is_root = bool(s.signer.record.to_be_signed.cert_issue_permissions)
    if s.signer.is_self_signed and is_root != (s.kind == "ectl"):
        return None
    return f"{s.signer.hex8} is no {'TLM' if s.kind == 'ectl' else 'root'}"


@_rule("e_list_signer_ssp", "TS 102 941 B.2", "the signer's SSP allows the list and each kind of entry in it")
def _signer_ssp(s: ListSubject) -> str | None:
    if s.signer is None:
        return None
    ssp = s.signer.app_permissions.get(CRL_PSID if s.kind == "crl" else CTL_PSID)
    if ssp is None or not ssp.value or ssp.value[0] != 1:
        return "the psid of the list is not held with an SSP of version 1"
    bits = ssp.value[1] if len(ssp.value) > 1 else 0
    for entry in s.signed.entries:
        if not bits & _BITS[type(entry)]:
            return f"SSP {ssp.value.hex()} does not allow {type(entry).__name__}"
    return None


@_rule("e_list_generated", "TS 102 941 6.3", "generated while its signer is valid")
def _generated(s: ListSubject) -> str | None:
    second = s.signed.generation_time
    if s.signer is None or s.signer.start <= second < s.signer.end:
        return None
    return f"{iso_from_time32(second)} is outside the validity of {s.signer.hex8}"


@_rule("e_list_schedule", "TS 102 941 6.3", "nextUpdate is after thisUpdate or generationTime")
def _schedule(s: ListSubject) -> str | None:
    since, until = s.signed.this_update, s.signed.next_update
    return None if until > since else f"{iso_from_time32(until)} is not after {iso_from_time32(since)}"


@_rule("w_list_period", "EU certificate policy 4.9", "holds for half a year at most")
def _period(s: ListSubject) -> str | None:
    length = s.signed.next_update - s.signed.this_update
    return f"holds for {length // 86400} days" if length > _LONGEST else None


@_rule("w_list_outlives_signer", "TS 102 941 6.3", "nextUpdate is within its signer's validity")
def _outlives(s: ListSubject) -> str | None:
    if s.signer is None or s.signed.next_update <= s.signer.end:
        return None
    return f"{iso_from_time32(s.signed.next_update)} is after {iso_from_time32(s.signer.end)}"


@_rule("e_list_entries", "TS 102 941 6.3", "only the entries that the list may have")
def _entries(s: ListSubject) -> str | None:
    for entry in s.signed.entries:
        if not isinstance(entry, _ALLOWED[s.kind]):
            return f"a {s.kind.upper()} with {type(entry).__name__}"
    return None


@_rule("e_list_entry_once", "TS 102 941 6.3", "each entry once")
def _once(s: ListSubject) -> str | None:
    return "an entry twice" if s.signed.repeats else None


@_rule("w_list_entry_expired", "TS 102 941 6.3", "no certificate in the list has expired")
def _expired(s: ListSubject) -> str | None:
    for entry in s.signed.entries:
        if not isinstance(entry, DcEntry) and entry.certificate.end <= s.signed.this_update:
            return f"{entry.certificate.hex8} expired at {iso_from_time32(entry.certificate.end)}"
    return None


@_rule("e_full_list_adds", "TS 102 941 6.3.1", "a full list only adds")
def _adds(s: ListSubject) -> str | None:
    return "it deletes" if s.signed.is_full and s.signed.deletes else None


@_rule("e_delta_order", "TS 102 941 6.3.1", "a delta deletes once, and before it adds the same anew")
def _delta_order(s: ListSubject) -> str | None:
    seen: set[bytes | str] = set()
    for command in s.commands if not s.signed.is_full else ():
        if isinstance(command.value, etsi.CtlDelete):
            key = command.value.value
            if key in seen:
                return f"{_text(key)} is deleted after it was added or deleted"
        else:
            key = _entry_key(parse_entry(command.value))
        seen.add(key)
    return None


@_rule("e_delta_delete", "TS 102 941 6.3.1", "a delta deletes a certificate by HashedId8 or a DC by URL")
def _delta_delete(s: ListSubject) -> str | None:
    for command in s.commands:
        if isinstance(command.value, etsi.CtlDelete) and (command.value.kind not in ("cert", "dc")):
            return f"delete {command.value.kind}"
    empty = any(not key for key in s.deleted)
    return "delete of nothing" if empty else None


@_rule("e_ctl_own_dc", "TS 102 941 6.3.1", "a DC entry of a full CTL holds the RCA's own digest")
def _own_dc(s: ListSubject) -> str | None:
    if s.kind != "ctl" or not s.signed.is_full:
        return None
    own = s.signed.signer_id8
    if any(isinstance(entry, DcEntry) and own in entry.roots for entry in s.signed.entries):
        return None
    return f"none names {_text(own or b'')}"


@_rule("e_ctl_entry_issuer", "TS 102 941 6.3.1", "the EAs and AAs of a CTL were issued by its root")
def _entry_issuer(s: ListSubject) -> str | None:
    if s.kind != "ctl":
        return None
    for entry in s.signed.entries:
        if isinstance(entry, EaEntry | AaEntry) and entry.certificate.issuer_id8 != s.signed.signer_id8:
            return (
                f"{entry.certificate.hex8} was issued by {_text(entry.certificate.issuer_id8 or b'itself')}"
            )
    return None


@_rule("w_ea_its_access_point", "TS 102 941 6.3.1", "an EA has an access point for stations")
def _its_access_point(s: ListSubject) -> str | None:
    for entry in s.signed.entries:
        if isinstance(entry, EaEntry) and entry.its_access_point is None:
            return f"{entry.certificate.hex8} has none"
    return None


@_rule("e_ectl_own_tlm", "TS 102 941 6.3.1", "a full ECTL holds the TLM that signs it")
def _own_tlm(s: ListSubject) -> str | None:
    if s.kind != "ectl" or not s.signed.is_full:
        return None
    own = s.signed.signer_id8
    if any(isinstance(e, TlmEntry) and e.certificate.hashed_id8 == own for e in s.signed.entries):
        return None
    return f"none is {_text(own or b'')}"


@_rule("w_ectl_root_dc", "TS 102 941 6.3.1", "a DC entry of a full ECTL names each root")
def _root_dc(s: ListSubject) -> str | None:
    if s.kind != "ectl" or not s.signed.is_full:
        return None
    served = {root for entry in s.signed.entries if isinstance(entry, DcEntry) for root in entry.roots}
    roots = [entry.certificate for entry in s.signed.entries if isinstance(entry, RcaEntry)]
    lost = [root.hex8 for root in roots if root.hashed_id8 not in served]
    return f"no DC for {', '.join(lost)}" if lost else None


@_rule("w_ectl_sequence", "TS 102 941 6.3.1", "the TLM is re-keyed before the ECTL's sequence ends")
def _sequence(s: ListSubject) -> str | None:
    late = s.kind == "ectl" and s.signed.is_full and (s.signed.sequence or 0) >= ECTL_WARNING
    return f"sequence {s.signed.sequence} of {LAST_SEQUENCE}" if late else None


# --- against the full list before -----------------------------------------------------------


def _comparable(s: ListSubject) -> SignedList | None:
    previous = s.previous
    if previous is None or previous.kind != s.kind or previous.signer_id8 != s.signed.signer_id8:
        return None  # of another signer: a new TLM starts anew
    return previous


@_rule("e_list_newer", "TS 102 941 6.3", "not older than the list before")
def _newer(s: ListSubject) -> str | None:
    previous = _comparable(s)
    if previous is None or s.signed.this_update >= previous.this_update:
        return None
    return f"of {iso_from_time32(s.signed.this_update)}, before {iso_from_time32(previous.this_update)}"


@_rule("e_sequence_next", "TS 102 941 6.3.1", "one more than the list before; a CTL goes from 255 to 0")
def _next(s: ListSubject) -> str | None:
    previous = _comparable(s)
    if previous is None or previous.sequence is None or s.signed.sequence is None:
        return None
    wanted = previous.sequence + 1
    if s.kind == "ctl":
        wanted %= LAST_SEQUENCE + 1
    return None if s.signed.sequence == wanted else f"sequence {s.signed.sequence} after {previous.sequence}"


@_rule(
    "e_delta_fits", "TS 102 941 6.3.1", "a delta deletes what the full list before has, adds what it has not"
)
def _fits(s: ListSubject) -> str | None:
    previous = _comparable(s)
    if previous is None or s.signed.is_full or not previous.is_full:
        return None
    there = {_entry_key(entry) for entry in previous.entries}
    if gone := [key for key in s.deleted if key not in there]:
        return f"deletes {', '.join(map(_text, gone))}, which was not there"
    deleted = set(s.deleted)
    known = [key for key in map(_entry_key, s.signed.entries) if key in there and key not in deleted]
    return f"adds {', '.join(map(_text, known))}, which was there" if known else None


@_rule(
    "e_crl_keeps",
    "TS 102 941 6.3.2",
    "revocation is permanent: entries of the list before stay until they expire",
)
def _keeps(s: ListSubject) -> str | None:
    previous = _comparable(s)
    if previous is None or s.kind != "crl" or s.signed.revoked >= previous.revoked:
        return None
    gone = ", ".join(sorted(_text(id8) for id8 in previous.revoked - s.signed.revoked))
    return f"{gone} gone: has it expired?"
