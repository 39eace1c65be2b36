"""Enrolment certificates of an SCMS: rules for one about to be signed, and who may have issued it.

    lint_enrolment(tbs, "EC", eca)                              what an ECA's issuer asks before it signs
    eca = verify_eca(chain, roots, at)                          what a device asks of the chain in a response
    verify_enrolment(certificate, eca, at)                      and of its certificate

The rules of TS 103 097 are other ones: there cracaId is zero, and nothing but CAs are asked of.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidChain, PermissionDenied
from v2xpki.time import iso_from_time32
from v2xpki.trust import regions, validity
from v2xpki.trust.lint_engine import Finding, Rule, rule_of, run
from v2xpki.trust.permissions import Grants, check_request_permissions
from v2xpki.trust.scms_devices import EE_PERMISSIONS, ranges_of
from v2xpki.trust.scms_end_entities import LONGEST_CHAIN, check_now, check_signature
from v2xpki.trust.scms_profiles import role_of
from v2xpki.wire import dot2

ENROLMENT_RULES: dict[str, Rule] = {}
_FOREVER = 1 << 62
_KEYS = ("ecdsaNistP256", "ecdsaBrainpoolP256r1")
_COMPRESSED = ("compressed-y-0", "compressed-y-1")


class _Subject(NamedTuple):
    """What rules look at; region: the one that binds the issuer, its own or an inherited one."""

    tbs: dot2.ToBeSignedCertificate
    issuer: Certificate | None
    region: dot2.GeographicRegion | None


def lint_enrolment(
    tbs: dot2.ToBeSignedCertificate, kind: str, issuer: Certificate | None = None
) -> Sequence[Finding]:
    """What is wrong with an enrolment certificate about to be signed; [] for nothing. A Linter: the kind is
    not asked."""
    region = None if issuer is None else issuer.record.to_be_signed.region
    return run(ENROLMENT_RULES.values(), _Subject(tbs, issuer, region), _FOREVER)


def verify_eca(
    chain: Sequence[Certificate], roots: Sequence[Certificate], at: int
) -> dot2.GeographicRegion | None:
    """Raise InvalidChain unless the chain leads from an ECA, its first, to one of the roots; the region that
    binds the ECA, None for everywhere. The root may stand at its end or not. at: Time32."""
    links = list(chain)
    if links and links[-1] in roots:
        links.pop()
    if not links or len(links) > LONGEST_CHAIN:
        raise InvalidChain(f"a chain of {len(links)} certificates below its root", rule="chain")
    above = next((root for root in roots if root.hashed_id8 == links[-1].issuer_id8), None)
    if above is None:
        raise InvalidChain(f"{links[-1].hex8} is of no root that is trusted", rule="anchor")
    check_signature(above, None)
    check_now(above, at)
    region = above.record.to_be_signed.region
    for link in reversed(links):
        region = _check_ca(link, above, region, at)
        above = link
    role = role_of(above)
    if role is None or role.kind != "eca":
        raise InvalidChain(f"{above.hex8} is no ECA", rule="type")
    return region


def verify_enrolment(
    certificate: Certificate, eca: Certificate, at: int, region: dot2.GeographicRegion | None = None
) -> None:
    """Raise InvalidChain unless an ECA that `verify_eca` has found good issued this enrolment certificate,
    and it is one. region: that which binds the ECA. It need not be in force yet."""
    if certificate.is_implicit:
        raise InvalidChain(f"{certificate.hex8} is implicit", rule="type")
    findings = run(ENROLMENT_RULES.values(), _Subject(certificate.record.to_be_signed, eca, region), _FOREVER)
    if findings:
        raise InvalidChain(f"{certificate.hex8}: {findings[0]}", rule="profile")
    check_signature(certificate, eca)
    if at >= certificate.end:
        raise InvalidChain(
            f"{certificate.hex8} expired at {iso_from_time32(certificate.end)}", rule="expired"
        )


def _check_ca(
    subject: Certificate, issuer: Certificate, outer: dot2.GeographicRegion | None, at: int
) -> dot2.GeographicRegion | None:
    tbs = subject.record.to_be_signed
    if subject.is_implicit or subject.is_self_signed or tbs.cert_issue_permissions is None:
        raise InvalidChain(f"{subject.hex8} is no CA below {issuer.hex8}", rule="type")
    check_signature(subject, issuer)
    check_now(subject, at)
    if subject.start < issuer.start or subject.end > issuer.end:
        raise InvalidChain(f"{subject.hex8}: validity beyond its issuer's", rule="validity-inside")
    grants = Grants.of(issuer)
    try:
        grants.check_issue_permissions(tbs.cert_issue_permissions)
        grants.check_app_permissions(tbs.app_permissions or ())
    except PermissionDenied as error:
        raise InvalidChain(f"{subject.hex8}: {error}", rule=error.rule) from error
    if tbs.region is None:
        return outer
    if not regions.region_contains(outer, tbs.region):
        raise InvalidChain(f"{subject.hex8}: region is not proven to be inside its issuer's", rule="region")
    return tbs.region


# --- the rules -----------------------------------------------------------------------------


_Test = Callable[[_Subject], str | None]


def _rule(name: str, clause: str, description: str) -> Callable[[_Test], _Test]:
    return rule_of(ENROLMENT_RULES, "certificate", name, clause, description)


@_rule("e_enrolment_id", "IEEE 1609.2.1 7.4", "an enrolment certificate has a name, or no id")
def _id(s: _Subject) -> str | None:
    return None if s.tbs.id.kind in ("name", "none") else f"id is {s.tbs.id.kind}"


@_rule("e_enrolment_craca", "IEEE 1609.2 5.1.3", "an enrolment certificate names its CRACA and a CRL series")
def _craca(s: _Subject) -> str | None:
    if s.tbs.craca_id != bytes(3) and s.tbs.crl_series:
        return None
    return f"cracaId {s.tbs.craca_id.hex()}, crlSeries {s.tbs.crl_series}"


@_rule("e_enrolment_key", "IEEE 1609.2.1 7.4", "an enrolment key is a compressed point of a 256-bit curve")
def _key(s: _Subject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    if not isinstance(key, dot2.PublicVerificationKey):
        return s.tbs.verify_key_indicator.kind
    return None if key.kind in _KEYS and key.value.kind in _COMPRESSED else f"{key.kind} {key.value.kind}"


@_rule(
    "e_enrolment_role", "IEEE 1609.2.1 7.1", "an enrolment certificate holds psid 35 with the SSP ee alone"
)
def _role(s: _Subject) -> str | None:
    if s.tbs.app_permissions != EE_PERMISSIONS:
        return "appPermissions are others"
    if s.issuer is not None:
        try:
            Grants.of(s.issuer).check_app_permissions(EE_PERMISSIONS, "enrol")
        except PermissionDenied as error:
            return str(error)
    return None


@_rule(
    "e_enrolment_requests",
    "IEEE 1609.2 6.4.8",
    "certRequestPermissions name PSIDs, for own certificates, inside the issuer's",
)
def _requests(s: _Subject) -> str | None:
    groups = s.tbs.cert_request_permissions
    try:
        ranges_of(groups or ())
        if s.issuer is not None:
            check_request_permissions(s.issuer, groups)
    except PermissionDenied as error:
        return str(error)
    return None


@_rule("e_enrolment_plain", "IEEE 1609.2.1 7.4", "an enrolment certificate holds nothing else")
def _plain(s: _Subject) -> str | None:
    more = [name for name in EXTRA_FIELDS if getattr(s.tbs, name) is not None]
    return ", ".join(more) if more else None


#: Fields of a ToBeSignedCertificate that an enrolment certificate and a request for one have not.
EXTRA_FIELDS = (
    "assurance_level", "cert_issue_permissions", "can_request_rollover", "encryption_key", "flags",
    "app_extensions", "cert_issue_extensions", "cert_request_extension",
)  # fmt: skip


@_rule("e_enrolment_validity", "IEEE 1609.2 5.1.2.4", "validity has a length and is inside the issuer's")
def _validity(s: _Subject) -> str | None:
    period = s.tbs.validity_period
    if validity.duration_seconds(period.duration) < 1 or validity.end(period) >= 1 << 32:
        return f"from {period.start} for {period.duration.value} {period.duration.kind}"
    inside = s.issuer is None or validity.inside(period, s.issuer.start, s.issuer.end)
    return None if inside else "not inside the issuer's"


@_rule("e_enrolment_region", "IEEE 1609.2 5.1.2.4", "region is sound and inside the issuer's")
def _region(s: _Subject) -> str | None:
    if s.tbs.region is None:
        return None
    try:
        regions.check_region(s.tbs.region)
    except PermissionDenied as error:
        return str(error)
    inside = regions.region_contains(s.region, s.tbs.region)
    return None if inside else "not proven to be inside the issuer's region"
