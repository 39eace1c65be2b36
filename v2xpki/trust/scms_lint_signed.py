"""The linter for what an SCMS has signed: certificates as they are found in files and messages, and CTLs.

    findings = lint_scms_certificate(record, issuer)

Without the issuer the rules that compare the two are left out. scms_lint.py has those of the contents.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, InvalidCtl
from v2xpki.trust.lint_engine import Finding, Rule, rule_of, run
from v2xpki.trust.scms_ctl import ScmsCtl, check_elector, check_root
from v2xpki.trust.scms_detect import detect_scms_kind
from v2xpki.trust.scms_enrolment import lint_enrolment
from v2xpki.trust.scms_lint import lint_scms_tbs
from v2xpki.wire import dot2

SIGNED_RULES: dict[str, Rule] = {}
SCMS_CTL_RULES: dict[str, Rule] = {}
_FOREVER = 1 << 62


class _Signed(NamedTuple):
    record: dot2.Certificate
    issuer: Certificate | None


def lint_scms_certificate(record: dot2.Certificate, issuer: Certificate | None = None) -> list[Finding]:
    """What is wrong with a certificate of an SCMS; [] for nothing."""
    tbs, kind = record.to_be_signed, detect_scms_kind(record) or "no certificate of an SCMS"
    alone = record.issuer.kind == "self"
    if kind == "ENROLMENT":
        found = list(lint_enrolment(tbs, kind, issuer))
    else:
        found = [
            finding
            for finding in lint_scms_tbs(tbs, kind, issuer)
            if issuer is not None or alone or finding.rule.id != "e_scms_issuer"
        ]
    return found + list(run(SIGNED_RULES.values(), _Signed(record, issuer), _FOREVER))


def lint_scms_ctl(octets: bytes) -> Sequence[Finding]:
    """What is wrong with a CTL and the certificates in it; what cannot be read has that finding alone."""
    try:
        ctl = ScmsCtl.parse(octets)
    except (DecodeError, InvalidCtl, CryptoError) as error:
        return [Finding(SCMS_CTL_RULES["e_scms_ctl_readable"], str(error))]
    found = list(run(SCMS_CTL_RULES.values(), ctl, _FOREVER))
    for certificate in ctl.certificates:
        found += [
            Finding(one.rule, f"{certificate.hex8}: {one.detail}")
            for one in lint_scms_certificate(certificate.record)
        ]
    return found


# --- certificates ------------------------------------------------------------------------------------------


_Test = Callable[[_Signed], str | None]


def _rule(name: str, clause: str, description: str) -> Callable[[_Test], _Test]:
    return rule_of(SIGNED_RULES, "certificate", name, clause, description)


@_rule("e_scms_form", "IEEE 1609.2 6.4.3", "the octets are the canonical form: keys compressed, rSig x-only")
def _form(s: _Signed) -> str | None:
    try:
        same = Certificate.of(s.record).octets == wire.encode(s.record)
    except CryptoError as error:
        return str(error)
    return None if same else "another form"


@_rule("e_scms_signature", "IEEE 1609.2 5.3.1", "it names its issuer, whose key verifies its signature")
def _signature(s: _Signed) -> str | None:
    alone = s.record.issuer.kind == "self"
    if s.record.type == "implicit" or (s.issuer is None and not alone):
        return None
    if alone and s.issuer is not None:
        return "self-signed"
    try:
        certificate = Certificate.of(s.record)
        if s.issuer is not None and certificate.issuer_id8 != s.issuer.hashed_id8:
            return f"issued by {(certificate.issuer_id8 or b'').hex().upper()}, not {s.issuer.hex8}"
        certificate.verify_signature(s.issuer)
    except CryptoError as error:
        return str(error)
    return None


# --- CTLs --------------------------------------------------------------------------------------------------


_CtlTest = Callable[[ScmsCtl], str | None]


def _ctl_rule(name: str, clause: str, description: str) -> Callable[[_CtlTest], _CtlTest]:
    return rule_of(SCMS_CTL_RULES, "list", name, clause, description)


@_ctl_rule("e_scms_ctl_readable", "IEEE 1609.2.1", "a MultiSignedCtl with a FullIeeeTbsCtl")
def _readable(_: ScmsCtl) -> str | None:
    return None


@_ctl_rule("e_scms_ctl_quorum", "IEEE 1609.2.1", "the next list's quorum can be met by its electors")
def _quorum(ctl: ScmsCtl) -> str | None:
    if ctl.quorum is None or 1 <= ctl.quorum <= len(ctl.electors):
        return None
    return f"{ctl.quorum} of {len(ctl.electors)}"


@_ctl_rule("w_scms_ctl_majority", "use in the field", "the quorum is more than half of the electors")
def _majority(ctl: ScmsCtl) -> str | None:
    if ctl.quorum is None or 2 * ctl.quorum > len(ctl.electors):
        return None
    return f"{ctl.quorum} of {len(ctl.electors)}: two lists of one number can be signed"


@_ctl_rule("e_scms_ctl_names_once", "IEEE 1609.2.1", "each hash once, and none both held and removed")
def _once(ctl: ScmsCtl) -> str | None:
    names = [*ctl.electors, *ctl.roots, *ctl.record.elector_remove, *ctl.record.root_ca_remove]
    twice = len(names) - len(set(names))
    return f"{twice} more than once" if twice else None


@_ctl_rule("w_scms_ctl_complete", "use in the field", "the certificates that it names come with it")
def _complete(ctl: ScmsCtl) -> str | None:
    missing = len({*ctl.electors, *ctl.roots}) - len(ctl.certificates)
    return f"{missing} do not" if missing > 0 else None


@_ctl_rule("e_scms_ctl_roles", "IEEE 1609.2.1 7.1", "its certificates are electors' and roots', self-signed")
def _roles(ctl: ScmsCtl) -> str | None:
    for certificate in ctl.certificates:
        try:
            (check_elector if ctl.names_elector(certificate) else check_root)(certificate)
        except InvalidChain as error:
            return str(error)
    return None


@_ctl_rule("w_scms_ctl_signatures", "IEEE 1609.2.1", "each signature verifies under an elector that it names")
def _signatures(ctl: ScmsCtl) -> str | None:
    electors = [one for one in ctl.certificates if ctl.names_elector(one)]
    good = len(ctl.signers(electors, max(ctl.effective, 1)))
    bad = len(ctl.signatures) - good
    return f"{bad} of {len(ctl.signatures)} do not, or are of an elector of the list before" if bad else None
