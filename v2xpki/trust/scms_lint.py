"""Rules of an SCMS's certificates (IEEE 1609.2.1), components and end entities; see lint_engine.py.

The rules of TS 103 097 are other ones: there cracaId is zero and linkage data unknown.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.errors import PermissionDenied
from v2xpki.trust import regions, validity
from v2xpki.trust.lint_engine import Finding, Rule, rule_of, run
from v2xpki.trust.permissions import Grants
from v2xpki.trust.scms_profiles import COMPONENTS, CRL, END_ENTITIES, SECURITY_MGMT, role_of_ssp, scms_profile
from v2xpki.wire import dot2

SCMS_RULES: dict[str, Rule] = {}
_COMPRESSED = ("compressed-y-0", "compressed-y-1")
_FOREVER = 1 << 62
_GROUP_IDS = {
    "PSEUDONYM": ("linkageData",),
    "IDENTIFICATION": ("name", "none"),
    "APPLICATION": ("name", "none"),
}


class ScmsSubject(NamedTuple):
    """What is looked at. issuer: None where it signs itself."""

    tbs: dot2.ToBeSignedCertificate
    kind: str
    issuer: Certificate | None


def lint_scms_tbs(
    tbs: dot2.ToBeSignedCertificate, kind: str, issuer: Certificate | None = None
) -> Sequence[Finding]:
    """What is wrong with a certificate about to be signed; [] for nothing."""
    return run(SCMS_RULES.values(), ScmsSubject(tbs, kind, issuer), _FOREVER)


_Test = Callable[[ScmsSubject], str | None]


def _rule(name: str, clause: str, description: str) -> Callable[[_Test], _Test]:
    return rule_of(SCMS_RULES, "certificate", name, clause, description)


@_rule("e_scms_kind", "IEEE 1609.2.1", "the kind is one of an SCMS")
def _kind(s: ScmsSubject) -> str | None:
    return None if s.kind in (*COMPONENTS, *END_ENTITIES) else s.kind


@_rule(
    "e_scms_id", "IEEE 1609.2.1 7.3", "a pseudonym has linkage data, a component a name, others no linkage"
)
def _id(s: ScmsSubject) -> str | None:
    wanted = _GROUP_IDS.get(s.kind, ("name", "none") if s.kind == "ENROLMENT" else ("name",))
    return None if s.tbs.id.kind in wanted else f"id is {s.tbs.id.kind}"


@_rule("e_scms_craca", "IEEE 1609.2 5.1.3", "a pseudonym names its CRACA, and a CRL series")
def _craca(s: ScmsSubject) -> str | None:
    if s.kind != "PSEUDONYM" or (s.tbs.craca_id != bytes(3) and s.tbs.crl_series):
        return None
    return f"cracaId {s.tbs.craca_id.hex()}, crlSeries {s.tbs.crl_series}"


@_rule(
    "e_scms_verify_key",
    "IEEE 1609.2 6.4.2",
    "there is a verification key, or an end entity's reconstruction value, compressed",
)
def _verify_key(s: ScmsSubject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    if isinstance(key, dot2.PublicVerificationKey):
        return None if key.value.kind in _COMPRESSED else f"verificationKey {key.value.kind}"
    if s.kind in END_ENTITIES and s.kind != "ENROLMENT" and key.kind in _COMPRESSED:
        return None
    return f"reconstructionValue {key.kind} of {s.kind}"


@_rule("e_scms_encryption_key", "IEEE 1609.2 6.4.2", "an encryption key is compressed, for AES-128 and P-256")
def _encryption_key(s: ScmsSubject) -> str | None:
    key = s.tbs.encryption_key
    if key is None:
        return None
    base = key.public_key
    sound = (
        key.supported_symm_alg == "aes128Ccm" and base.kind != "ecencSm2" and base.value.kind in _COMPRESSED
    )
    return None if sound else f"{base.kind} {base.value.kind}"


@_rule(
    "e_scms_role",
    "IEEE 1609.2.1 7.1",
    "a component holds psid 35 with the SSP of its role, an end entity no role",
)
def _role(s: ScmsSubject) -> str | None:
    held = {entry.psid: entry.ssp for entry in s.tbs.app_permissions or ()}
    ssp = held.get(SECURITY_MGMT)
    role = None if ssp is None else role_of_ssp(ssp)
    name = None if role is None else role.kind
    if s.kind in COMPONENTS:
        wanted = scms_profile(s.kind).role
        return None if name == wanted else f"role {name} where {wanted} belongs"
    if SECURITY_MGMT in held and (name != "ee" or s.kind != "ENROLMENT"):
        return f"an end entity with the role {name}"
    return "an end entity that signs CRLs" if CRL in held else None


@_rule("e_scms_issuer", "IEEE 1609.2.1 7.1", "a root and an elector sign themselves, nobody else does")
def _issuer(s: ScmsSubject) -> str | None:
    alone = s.kind in COMPONENTS and scms_profile(s.kind).self_signed
    return None if alone == (s.issuer is None) else "self-signed" if s.issuer is None else "issued by another"


@_rule("e_scms_elector", "IEEE 1609.2.1 7.1", "an elector signs CTLs: it neither issues, asks nor decrypts")
def _elector(s: ScmsSubject) -> str | None:
    tbs = s.tbs
    more = (tbs.cert_issue_permissions, tbs.cert_request_permissions, tbs.encryption_key)
    return "it has" if s.kind == "ELECTOR" and any(field is not None for field in more) else None


@_rule("e_scms_app_permissions", "IEEE 1609.2 6.4.8", "appPermissions names something, and each PSID once")
def _app_permissions(s: ScmsSubject) -> str | None:
    held = s.tbs.app_permissions or ()
    return None if held and len({entry.psid for entry in held}) == len(held) else "none, or one twice"


@_rule(
    "e_scms_end",
    "IEEE 1609.2.1 7.3",
    "an end entity neither issues nor asks for others, and has no extensions",
)
def _end(s: ScmsSubject) -> str | None:
    if s.kind not in END_ENTITIES:
        return None
    tbs = s.tbs
    more: tuple[object, ...] = (tbs.cert_issue_permissions, tbs.can_request_rollover, *tbs[12:])
    if s.kind != "ENROLMENT":
        more = (*more, tbs.cert_request_permissions)
    return "it has" if any(field is not None for field in more) else None


@_rule("e_scms_validity", "IEEE 1609.2 5.1.2.4", "validity has a length and is inside the issuer's")
def _validity(s: ScmsSubject) -> str | None:
    period = s.tbs.validity_period
    if validity.duration_seconds(period.duration) < 1 or validity.end(period) >= 1 << 32:
        return f"from {period.start} for {period.duration.value} {period.duration.kind}"
    inside = s.issuer is None or validity.inside(period, s.issuer.start, s.issuer.end)
    return None if inside else "not inside the issuer's"


@_rule("e_scms_region", "IEEE 1609.2 5.1.2.4", "region is sound and inside the issuer's")
def _region(s: ScmsSubject) -> str | None:
    region = s.tbs.region
    try:
        regions.check_region(region)
    except PermissionDenied as error:
        return str(error)
    if region is None or s.issuer is None:
        return None
    inside = regions.region_contains(s.issuer.record.to_be_signed.region, region)
    return None if inside else "not proven to be inside the issuer's region"


@_rule("e_scms_permissions", "IEEE 1609.2 5.1.2.4", "permissions are inside the issuer's")
def _permissions(s: ScmsSubject) -> str | None:
    if s.issuer is None:
        return None
    grants = Grants.of(s.issuer)
    try:
        if s.tbs.app_permissions:
            grants.check_app_permissions(s.tbs.app_permissions, "enrol" if s.kind == "ENROLMENT" else "app")
        if s.tbs.cert_issue_permissions:
            grants.check_issue_permissions(s.tbs.cert_issue_permissions)
    except PermissionDenied as error:
        return str(error)
    return None
