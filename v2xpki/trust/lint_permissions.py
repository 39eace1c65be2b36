"""Rules of what permissions say: the SSP octets that are known, and the form of certIssuePermissions.

SSPs: octet 0 is the version, the rest is a bitmap of known length. Reserved bits are those that the EU's
roots fix to 0 for all stations, and what TS 102 941 B.2 leaves of the PKI's own.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from v2xpki.trust.lint_engine import LintKind, Subject, explicit, rule
from v2xpki.trust.permissions import APP, ENROL, ssp_inside
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID, SCR_PSID
from v2xpki.wire import dot2

# where the octets of SSPs are laid down
_SSP = "EN 302 637-2, -3; TS 103 301; TS 102 941 B"
_CAS: tuple[LintKind, ...] = ("RCA", "EA", "AA")


class _Layout(NamedTuple):
    """Octets of an SSP of one version, that of the version included, and its reserved bits."""

    size: int
    reserved: int


# PSID -> version -> layout; no version: no SSP at all
KNOWN: Mapping[int, Mapping[int, _Layout]] = {
    36: {1: _Layout(3, 0x0003)},
    37: {1: _Layout(4, 0), 2: _Layout(5, 0)},
    137: {1: _Layout(2, 0x1F)},
    138: {1: _Layout(2, 0x3F)},
    139: {1: _Layout(6, 0)},
    140: {2: _Layout(4, 0x1F)},
    141: {},
    CRL_PSID: {1: _Layout(1, 0)},
    SCR_PSID: {1: _Layout(2, 0x01)},
    CTL_PSID: {1: _Layout(2, 0x07)},
}


def _known(s: Subject) -> Iterator[tuple[int, dot2.ServiceSpecificPermissions | None]]:
    for entry in s.tbs.app_permissions or ():
        if entry.psid in KNOWN:
            yield entry.psid, entry.ssp


def _layouts(s: Subject) -> Iterator[tuple[int, bytes, _Layout]]:
    """PSID, SSP and layout of what is of a known version."""
    for psid, ssp in _known(s):
        layout = KNOWN[psid].get(ssp.value[0]) if ssp is not None and ssp.value else None
        if ssp is not None and layout is not None:
            yield psid, ssp.value, layout


@rule("e_ssp_form", _SSP, "a known service's SSP is a bitmap, and is there where it has one")
def _form(s: Subject) -> str | None:
    for psid, ssp in _known(s):
        if not KNOWN[psid]:
            if ssp is not None:
                return f"psid {psid} has no SSP, here it is {ssp.value.hex()}"
        elif ssp is None or ssp.kind != "bitmapSsp" or not ssp.value:
            return f"psid {psid}: SSP is {'absent' if ssp is None else ssp.kind}"
    return None


@rule("w_ssp_version", _SSP, "a known service's SSP is of a version that is known here")
def _version(s: Subject) -> str | None:
    for psid, ssp in _known(s):
        if KNOWN[psid] and ssp is not None and ssp.value and ssp.value[0] not in KNOWN[psid]:
            return f"psid {psid}: SSP version {ssp.value[0]}"
    return None


@rule("e_ssp_length", _SSP, "a known service's SSP has the length of its version")
def _length(s: Subject) -> str | None:
    for psid, ssp, layout in _layouts(s):
        if len(ssp) != layout.size:
            return f"psid {psid}: SSP {ssp.hex()} is of {len(ssp)} octets, not {layout.size}"
    return None


@rule("e_ssp_reserved", _SSP, "the reserved bits of a known service's SSP are 0")
def _reserved(s: Subject) -> str | None:
    for psid, ssp, layout in _layouts(s):
        if len(ssp) == layout.size and int.from_bytes(ssp[1:], "big") & layout.reserved:
            return f"psid {psid}: SSP {ssp.hex()}, reserved {layout.reserved:02x}"
    return None


@rule(
    "w_at_permitted_psids",
    "EU certificate policy 7.2",
    "a ticket holds services of the policy",
    kinds=("AT",),
)
def _permitted(s: Subject) -> str | None:
    others = sorted(entry.psid for entry in s.tbs.app_permissions or () if entry.psid not in s.permitted)
    return f"holds psid {', '.join(map(str, others))}" if others else None


# --- certIssuePermissions ------------------------------------------------------------------


def _ranges(s: Subject) -> Iterator[tuple[int, dot2.SspRange | None]]:
    for group in s.tbs.cert_issue_permissions or ():
        for psid, limits in explicit(group).items():
            for limit in limits:
                yield psid, limit


def _bitmaps(s: Subject) -> Iterator[tuple[int, bytes, bytes]]:
    for psid, limit in _ranges(s):
        if limit is not None and isinstance(limit.value, dot2.BitmapSspRange):
            yield psid, limit.value.ssp_value, limit.value.ssp_bitmask


@rule(
    "e_issue_group_names", "IEEE 1609.2 6.4.30", "each group of certIssuePermissions names a PSID", kinds=_CAS
)
def _names(s: Subject) -> str | None:
    groups = s.tbs.cert_issue_permissions or ()
    empty = any(g.subject_permissions.kind == "explicit" and not explicit(g) for g in groups)
    return "a group names nothing" if empty else None


@rule("w_issue_all", "TS 103 097 7.2", "certIssuePermissions name what may be issued", kinds=_CAS)
def _all(s: Subject) -> str | None:
    groups = s.tbs.cert_issue_permissions or ()
    return "a group is for `all`" if any(g.subject_permissions.kind == "all" for g in groups) else None


@rule(
    "e_issue_chain_length",
    "IEEE 1609.2 6.4.30",
    "minChainLength is 1 or more, the range -1 or more",
    kinds=_CAS,
)
def _chain_length(s: Subject) -> str | None:
    for group in s.tbs.cert_issue_permissions or ():
        if group.min_chain_length < 1 or group.chain_length_range < -1:
            return f"minChainLength {group.min_chain_length}, chainLengthRange {group.chain_length_range}"
    return None


@rule("e_issue_ee_type", "IEEE 1609.2 6.4.31", "eeType is app, enrol or both", kinds=_CAS)
def _ee_type(s: Subject) -> str | None:
    for group in s.tbs.cert_issue_permissions or ():
        if not group.ee_type & (APP | ENROL) or group.ee_type & ~(APP | ENROL):
            return f"eeType {group.ee_type:02x}"
    return None


@rule(
    "e_issue_range_form", "IEEE 1609.2 6.4.34", "value and mask of an SSP range are of one length", kinds=_CAS
)
def _range_form(s: Subject) -> str | None:
    for psid, value, mask in _bitmaps(s):
        if len(value) != len(mask) or not value:
            return f"psid {psid}: value {value.hex() or '-'}, mask {mask.hex() or '-'}"
    return None


@rule("e_issue_range_once", "IEEE 1609.2 6.4.30", "a group names a range once", kinds=_CAS)
def _range_once(s: Subject) -> str | None:
    for group in s.tbs.cert_issue_permissions or ():
        for psid, limits in explicit(group).items():
            if len(set(limits)) != len(limits):
                return f"psid {psid}: a range twice"
    return None


@rule(
    "w_issue_range_ones",
    "use in the field",
    "an SSP range's value is ones where the mask leaves the choice",
    kinds=_CAS,
)
def _range_ones(s: Subject) -> str | None:
    for psid, value, mask in _bitmaps(s):
        free = ~int.from_bytes(mask, "big") & ((1 << 8 * len(mask)) - 1)
        if len(value) == len(mask) and int.from_bytes(value, "big") & free != free:
            return f"psid {psid}: value {value.hex()}, mask {mask.hex()}"
    return None


@rule(
    "e_issue_range_length",
    _SSP,
    "a known service's range has the length of its version",
    kinds=_CAS,
)
def _range_length(s: Subject) -> str | None:
    for psid, value, _ in _bitmaps(s):
        layout = KNOWN.get(psid, {}).get(value[0]) if value else None
        if layout is not None and len(value) != layout.size:
            return f"psid {psid}: {value.hex()} is of {len(value)} octets, not {layout.size}"
    return None


_EA_SSP = dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\x0e")
_AA_SSP = dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\x32")


@rule(
    "e_rca_issues_cas", "TS 103 097 7.2.3", "a root may issue EAs (623 SSP 010E) or AAs (623 SSP 0132)",
    kinds=("RCA",),
)  # fmt: skip
def _issues_cas(s: Subject) -> str | None:
    for group in s.tbs.cert_issue_permissions or ():
        for limit in explicit(group).get(SCR_PSID, ()) if group.min_chain_length == 1 else ():
            if group.ee_type & APP and (ssp_inside(_EA_SSP, limit) or ssp_inside(_AA_SSP, limit)):
                return None
    return "may issue neither"


@rule("e_rca_keeps_lists", "TS 102 941 6.3", "who may sign lists is not for a root to say", kinds=("RCA",))
def _keeps_lists(s: Subject) -> str | None:
    named = sorted({psid for psid, _ in _ranges(s)} & {CRL_PSID, CTL_PSID})
    return f"may pass on psid {', '.join(map(str, named))}" if named else None
