"""The linter: what a certificate must look like, rule by rule, each with its clause.

`lint_tbs` looks at what is about to be signed, `lint_certificate` at a signed one too. A rule counts
for certificates made since its effective date, that is which start then or later; `at` judges as if made
at another time, `every` by all rules. Ids start with e_ (error) or w_ (warning). docs/lints.md has them all.

    findings = lint_tbs(tbs, "AT", aa_certificate)
    if errors(findings): ...
"""

from collections.abc import Collection, Mapping, Sequence

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import DecodeError
from v2xpki.trust import lint_certificates, lint_permissions
from v2xpki.trust.lint_engine import (
    LIMITS,
    LINT_KINDS,
    RULES,
    Finding,
    LintKind,
    Rule,
    Severity,
    Subject,
    errors,
    explicit,
    run,
)
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID, KINDS, MDM_PSID, SCR_PSID, SERVICES, Kind
from v2xpki.wire import dot2

__all__ = [
    "KINDS", "LIMITS", "LINT_KINDS", "RULES", "Finding", "Kind", "LintKind", "Rule", "Severity",
    "detect_kind", "errors", "lint_certificate", "lint_octets", "lint_tbs",
]  # fmt: skip

_REMEMBERED = 4096
_FOREVER = 1 << 62


def lint_tbs(
    tbs: dot2.ToBeSignedCertificate,
    kind: LintKind,
    issuer: Certificate | None = None,
    *,
    limits: Mapping[str, int] = LIMITS,
    permitted: Collection[int] = SERVICES,
    at: int | None = None,
    every: bool = False,
) -> list[Finding]:
    """What is wrong with a certificate about to be signed; [] for nothing. issuer: None if self-signed.

    limits: longest validity in seconds by kind. permitted: PSIDs that tickets may hold. at: TAI seconds.
    """
    outer = None if issuer is None else issuer.record.to_be_signed.region
    subject = Subject(tbs, kind, issuer, None, limits, permitted, outer)
    # Certificates of one issuer differ in keys, name and validity; the rest, their shape, is mostly the same.
    # A shape without findings is remembered: 2 us here against 9 for all rules.
    shape = (
        kind,
        None if issuer is None else issuer.digest,
        tbs.id.kind,
        not tbs.id.value,
        tbs[1:3],  # cracaId, crlSeries
        tbs[5:11],  # region to canRequestRollover
        tbs[12:],  # flags and extensions
    )
    plain = permitted is SERVICES
    if plain and shape in _sound:
        return run(_varying[kind], subject, _moment(tbs, at, every))
    fixed = run(_shaped[kind], subject, _FOREVER)
    if not fixed and plain:
        if len(_sound) >= _REMEMBERED:
            _sound.clear()
        _sound.add(shape)
    return run(_tbs_rules[kind], subject, _moment(tbs, at, every))


def lint_certificate(
    certificate: Certificate | dot2.Certificate,
    kind: LintKind | None = None,
    issuer: Certificate | None = None,
    *,
    above: Sequence[Certificate] = (),
    limits: Mapping[str, int] = LIMITS,
    permitted: Collection[int] = SERVICES,
    at: int | None = None,
    every: bool = False,
) -> list[Finding]:
    """What is wrong with a signed certificate; without a kind, as the kind it seems to be.

    A record is looked at in the forms it came in; a Certificate is always in canonical form. What concerns
    the issuer, the signature among it, is left out where it is not given and the certificate does not sign
    itself. above: the issuer's own issuers, which may bind it to a region. Else as lint_tbs.
    """
    record = certificate.record if isinstance(certificate, Certificate) else certificate
    outer = None
    for one in () if issuer is None else (issuer, *above):
        outer = outer if outer is not None else one.record.to_be_signed.region
    chosen = kind or detect_kind(record)
    subject = Subject(record.to_be_signed, chosen, issuer, record, limits, permitted, outer)
    return run(_all_rules[chosen], subject, _moment(record.to_be_signed, at, every))


def lint_octets(
    octets: bytes,
    kind: LintKind | None = None,
    issuer: Certificate | None = None,
    *,
    above: Sequence[Certificate] = (),
    at: int | None = None,
    every: bool = False,
) -> list[Finding]:
    """What is wrong with the octets of a certificate; what cannot be read has that finding alone."""
    try:
        record = wire.decode(dot2.Certificate, octets)
    except DecodeError as error:
        return [Finding(RULES["e_coer"], str(error))]
    return lint_certificate(record, kind, issuer, above=above, at=at, every=every)


def detect_kind(record: dot2.Certificate) -> LintKind:
    """The type that a certificate seems to be, by its issuer and permissions; at worst a ticket."""
    tbs = record.to_be_signed
    held = {entry.psid: entry.ssp for entry in tbs.app_permissions or ()}
    if record.issuer.kind == "self":
        return "RCA" if tbs.cert_issue_permissions or CRL_PSID in held or CTL_PSID not in held else "TLM"
    scr = held.get(SCR_PSID)
    bits = scr.value[1] if scr is not None and len(scr.value) > 1 else 0
    if tbs.cert_issue_permissions:
        named = {psid for group in tbs.cert_issue_permissions for psid in explicit(group)}
        return "AA" if bits & 0x30 or (not bits & 0x0C and named - {SCR_PSID}) else "EA"
    if SCR_PSID in held:
        return "EA" if bits & 0x0C else "AA" if bits & 0x30 else "EC"
    return "MA" if MDM_PSID in held and tbs.id.kind == "name" else "AT"


def _moment(tbs: dot2.ToBeSignedCertificate, at: int | None, every: bool) -> int:
    return _FOREVER if every else tbs.validity_period.start if at is None else at


assert lint_certificates and lint_permissions  # which have registered their rules by now
_all_rules: dict[LintKind, list[Rule]] = {k: [r for r in RULES.values() if k in r.kinds] for k in LINT_KINDS}
_tbs_rules = {kind: [rule for rule in rules if not rule.signed] for kind, rules in _all_rules.items()}
_varying = {kind: [rule for rule in rules if rule.varies] for kind, rules in _tbs_rules.items()}
_shaped = {kind: [rule for rule in rules if not rule.varies] for kind, rules in _tbs_rules.items()}
_sound: set[tuple[object, ...]] = set()
