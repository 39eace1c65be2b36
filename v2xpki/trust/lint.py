"""The linter: what a certificate must look like, rule by rule, each with its clause.

`lint_tbs` looks at what is about to be signed, `lint_certificate` at a signed one too. A rule counts
for certificates that start at or after its effective date. Ids start with e_ (error) or w_ (warning).

    findings = lint_tbs(tbs, "AT", aa_certificate)
    if errors(findings): ...
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from v2xpki.crypto import Certificate
from v2xpki.errors import PermissionDenied
from v2xpki.time import iso_from_time32, time32_from_iso
from v2xpki.trust import regions, validity
from v2xpki.trust.permissions import APP, Grants, ssp_inside
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID, KINDS, SCR_PSID, Kind
from v2xpki.wire import dot2

Severity = Literal["error", "warning"]
_PKI_PSIDS = frozenset((CRL_PSID, SCR_PSID, CTL_PSID))
_COMPRESSED = frozenset(("compressed-y-0", "compressed-y-1"))
_CURVES_384 = frozenset(("ecdsaNistP384", "ecdsaBrainpoolP384r1"))
_SERVED = frozenset(("ecdsaNistP256", "ecdsaBrainpoolP256r1", *_CURVES_384))

# Longest validity in seconds (EU certificate policy R1.1); an operator's policy may pass others.
LIMITS: Mapping[Kind, int] = {
    "RCA": 8 * validity.YEAR,
    "TLM": 4 * validity.YEAR,
    "EA": 5 * validity.YEAR,
    "AA": 5 * validity.YEAR,
    "EC": 3 * validity.YEAR,
    "AT": 7 * 24 * 3600,
}

# appPermissions to the letter (TS 103 097 7.2); None: services
_HELD: Mapping[Kind, Mapping[int, bytes]] = {
    "RCA": {CRL_PSID: b"\x01", CTL_PSID: b"\x01\x38"},
    "TLM": {CTL_PSID: b"\x01\xc8"},
    "EA": {SCR_PSID: b"\x01\x0e"},
    "AA": {SCR_PSID: b"\x01\x32"},
    "EC": {SCR_PSID: b"\x01\xc0"},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """id: stable name. clause: where it stands. effective: ISO date since when. kinds: what it is for."""

    id: str
    severity: Severity
    clause: str
    effective: str
    kinds: tuple[Kind, ...]
    description: str
    signed: bool  # looks at what only the finished certificate has
    test: "Callable[[Subject], str | None]" = field(repr=False)
    since: int = 0  # `effective` as Time32


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken, and how."""

    rule: Rule
    detail: str

    def __str__(self) -> str:
        return f"{self.rule.id} ({self.rule.clause}): {self.detail}"


class Subject:
    """What rules look at; `record` is None before the signature, `issuer` where it is not known."""

    __slots__ = ("issuer", "kind", "limits", "record", "tbs")

    def __init__(
        self,
        tbs: dot2.ToBeSignedCertificate,
        kind: Kind,
        issuer: Certificate | None,
        record: dot2.Certificate | None,
        limits: Mapping[Kind, int],
    ) -> None:
        self.tbs, self.kind, self.issuer = tbs, kind, issuer
        self.record, self.limits = record, limits


RULES: dict[str, Rule] = {}
_Test = Callable[[Subject], str | None]


def _rule(
    name: str,
    clause: str,
    description: str,
    *,
    kinds: tuple[Kind, ...] = KINDS,
    effective: str = "2017-10-01",  # TS 103 097 V1.3.1, the first on IEEE 1609.2
    signed: bool = False,
) -> Callable[[_Test], _Test]:
    def register(test: _Test) -> _Test:
        severity: Severity = "error" if name.startswith("e_") else "warning"
        RULES[name] = Rule(
            name, severity, clause, effective, kinds, description, signed, test, time32_from_iso(effective)
        )
        return test

    return register


def lint_tbs(
    tbs: dot2.ToBeSignedCertificate,
    kind: Kind,
    issuer: Certificate | None = None,
    *,
    limits: Mapping[Kind, int] = LIMITS,
) -> list[Finding]:
    """What is wrong with a certificate about to be signed; [] for nothing. issuer: None if self-signed."""
    return _run(_tbs_rules[kind], Subject(tbs, kind, issuer, None, limits))


def lint_certificate(
    certificate: Certificate | dot2.Certificate,
    kind: Kind | None = None,
    issuer: Certificate | None = None,
    *,
    limits: Mapping[Kind, int] = LIMITS,
) -> list[Finding]:
    """What is wrong with a signed certificate; without a kind, as the kind it seems to be.

    A record is looked at in the forms it came in; a Certificate is always in canonical form. What concerns
    the issuer is left out where it is not given. No signature is checked here.
    """
    record = certificate.record if isinstance(certificate, Certificate) else certificate
    subject = Subject(record.to_be_signed, kind or detect_kind(record), issuer, record, limits)
    return _run(_all_rules[subject.kind], subject)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are errors."""
    return [finding for finding in findings if finding.rule.severity == "error"]


def detect_kind(record: dot2.Certificate) -> Kind:
    """The type that a certificate seems to be, by its issuer and permissions; at worst a ticket."""
    tbs = record.to_be_signed
    held = {entry.psid: entry.ssp for entry in tbs.app_permissions or ()}
    if record.issuer.kind == "self":
        return "RCA" if tbs.cert_issue_permissions or CRL_PSID in held or CTL_PSID not in held else "TLM"
    scr = held.get(SCR_PSID)
    bits = scr.value[1] if scr is not None and len(scr.value) > 1 else 0
    if tbs.cert_issue_permissions:
        named = {psid for group in tbs.cert_issue_permissions for psid in _explicit(group)}
        return "AA" if bits & 0x30 or (not bits & 0x0C and named - {SCR_PSID}) else "EA"
    if SCR_PSID in held:
        return "EA" if bits & 0x0C else "AA" if bits & 0x30 else "EC"
    return "AT"


def _run(rules: list[Rule], subject: Subject) -> list[Finding]:
    start = subject.tbs.validity_period.start
    findings = []
    for rule in rules:
        detail = rule.test(subject)
        if detail is not None and start >= rule.since:
            findings.append(Finding(rule, detail))
    return findings


def _explicit(group: dot2.PsidGroupPermissions) -> dict[int, list[dot2.SspRange | None]]:
    found: dict[int, list[dot2.SspRange | None]] = {}
    if isinstance(group.subject_permissions.value, tuple):
        for entry in group.subject_permissions.value:
            found.setdefault(entry.psid, []).append(entry.ssp_range)
    return found


# --- every certificate ---------------------------------------------------------------------


@_rule("e_craca_id_zero", "TS 103 097 6", "cracaId is 000000")
def _craca(s: Subject) -> str | None:
    return None if s.tbs.craca_id == b"\0\0\0" else f"cracaId {s.tbs.craca_id.hex()}"


@_rule("e_crl_series_zero", "TS 103 097 6", "crlSeries is 0")
def _series(s: Subject) -> str | None:
    return None if s.tbs.crl_series == 0 else f"crlSeries {s.tbs.crl_series}"


@_rule("e_no_cert_request_permissions", "TS 103 097 6", "certRequestPermissions is absent")
def _request_permissions(s: Subject) -> str | None:
    return None if s.tbs.cert_request_permissions is None else "certRequestPermissions is present"


@_rule("e_no_rollover", "TS 103 097 6", "canRequestRollover is absent")
def _rollover(s: Subject) -> str | None:
    return None if s.tbs.can_request_rollover is None else "canRequestRollover is present"


@_rule("e_verify_key_compressed", "IEEE 1609.2 6.4.2", "the verification key's point is compressed")
def _verify_key(s: Subject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    form = key.value.kind if isinstance(key, dot2.PublicVerificationKey) else key.kind
    return None if form in _COMPRESSED else f"the point is {form}"


@_rule(
    "e_verify_key_algorithm", "TS 103 097 6", "the verification key is on a P-256, P-384 or brainpool curve"
)
def _algorithm(s: Subject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    return None if not isinstance(key, dot2.PublicVerificationKey) or key.kind in _SERVED else key.kind


@_rule("e_encryption_key_compressed", "IEEE 1609.2 6.4.2", "the encryption key's point is compressed")
def _encryption_point(s: Subject) -> str | None:
    key = s.tbs.encryption_key
    if key is None or key.public_key.value.kind in _COMPRESSED:
        return None
    return f"the point is {key.public_key.value.kind}"


@_rule(
    "e_encryption_key_algorithm",
    "TS 103 097 6",
    "the encryption key is for AES-128-CCM and ECIES on a P-256 curve",
)
def _encryption_algorithm(s: Subject) -> str | None:
    key = s.tbs.encryption_key
    if key is None or (key.supported_symm_alg == "aes128Ccm" and key.public_key.kind != "ecencSm2"):
        return None
    return f"{key.supported_symm_alg} with {key.public_key.kind}"


@_rule("e_psid_once", "IEEE 1609.2 6.4.8", "appPermissions names a PSID once")
def _psid_once(s: Subject) -> str | None:
    held = s.tbs.app_permissions
    if held is None or len({entry.psid for entry in held}) == len(held):
        return None
    return "a PSID is named twice"


@_rule("e_app_permissions", "TS 103 097 7.2", "appPermissions is there and names something")
def _app_permissions(s: Subject) -> str | None:
    return None if s.tbs.app_permissions else "no appPermissions"


@_rule(
    "e_validity_not_empty", "IEEE 1609.2 6.4.14", "the validity period has a length and ends within Time32"
)
def _validity(s: Subject) -> str | None:
    period = s.tbs.validity_period
    if period.duration.value > 0 and validity.end(period) < 1 << 32:
        return None
    return f"from {period.start} for {period.duration.value} {period.duration.kind}"


@_rule("e_region_sound", "IEEE 1609.2 6.4.17", "region holds a place, in a sensible number of parts")
def _region_sound(s: Subject) -> str | None:
    try:
        regions.check_region(s.tbs.region)
    except PermissionDenied as error:
        return str(error)
    return None


@_rule(
    "e_validity_limit",
    "EU certificate policy 7.2",
    "valid no longer than its type may be",
    effective="2018-06-01",
)
def _limit(s: Subject) -> str | None:
    seconds, limit = validity.duration_seconds(s.tbs.validity_period.duration), s.limits[s.kind]
    return None if seconds <= limit else f"valid for {seconds} s; {s.kind}: at most {limit} s"


# --- under its issuer ----------------------------------------------------------------------

_ISSUED: tuple[Kind, ...] = ("EA", "AA", "EC", "AT")
_SELF: tuple[Kind, ...] = ("RCA", "TLM")


@_rule("e_validity_inside_issuer", "IEEE 1609.2 5.1.2.4", "validity is inside the issuer's", kinds=_ISSUED)
def _validity_inside(s: Subject) -> str | None:
    issuer, period = s.issuer, s.tbs.validity_period
    if issuer is None or validity.inside(period, issuer.start, issuer.end):
        return None
    return (
        f"{iso_from_time32(period.start)} to {iso_from_time32(validity.end(period))} is not inside "
        f"{iso_from_time32(issuer.start)} to {iso_from_time32(issuer.end)}"
    )


@_rule("e_region_inside_issuer", "IEEE 1609.2 5.1.2.4", "region is inside the issuer's", kinds=_ISSUED)
def _region_inside(s: Subject) -> str | None:
    # absent: inherited
    if s.issuer is None or s.tbs.region is None:
        return None
    outer = s.issuer.record.to_be_signed.region
    return (
        None
        if regions.region_contains(outer, s.tbs.region)
        else "not proven to be inside the issuer's region"
    )


@_rule(
    "e_permissions_inside_issuer", "IEEE 1609.2 5.1.2.4", "permissions are inside the issuer's", kinds=_ISSUED
)
def _permissions_inside(s: Subject) -> str | None:
    if s.issuer is None:
        return None
    grants = Grants.of(s.issuer)
    try:
        if s.tbs.app_permissions:
            grants.check_app_permissions(s.tbs.app_permissions)
        if s.tbs.cert_issue_permissions:
            grants.check_issue_permissions(s.tbs.cert_issue_permissions)
    except PermissionDenied as error:
        return str(error)
    return None


# --- each type -----------------------------------------------------------------------------


def _has_name(s: Subject) -> str | None:
    return None if s.tbs.id.kind == "name" and s.tbs.id.value else f"id is {s.tbs.id.kind}"


def _has_name_or_none(s: Subject) -> str | None:
    return None if s.tbs.id.kind in ("name", "none") else f"id is {s.tbs.id.kind}"


_rule("e_rca_name", "TS 103 097 7.2.3", "a root has a name", kinds=("RCA",))(_has_name)
_rule("e_tlm_name", "TS 103 097 7.2.6", "a TLM has a name", kinds=("TLM",))(_has_name)
_rule("e_ec_name", "TS 103 097 7.2.2", "an enrolment credential has a name", kinds=("EC",))(_has_name)
_rule("e_ea_id", "TS 103 097 7.2.4", "an EA has a name or no id", kinds=("EA",))(_has_name_or_none)
_rule("e_aa_id", "TS 103 097 7.2.4", "an AA has a name or no id", kinds=("AA",))(_has_name_or_none)


@_rule("e_at_no_id", "TS 103 097 7.2.1", "an authorization ticket has no id", kinds=("AT",))
def _at_id(s: Subject) -> str | None:
    return None if s.tbs.id.kind == "none" else f"id is {s.tbs.id.kind}"


def _exact_permissions(s: Subject) -> str | None:
    held = {
        e.psid: e.ssp.value if e.ssp and e.ssp.kind == "bitmapSsp" else b""
        for e in s.tbs.app_permissions or ()
    }
    if held == _HELD[s.kind]:
        return None
    told = ", ".join(f"{psid} {ssp.hex() or '-'}" for psid, ssp in held.items()) or "nothing"
    return f"holds {told}; {s.kind}: {', '.join(f'{p} {v.hex()}' for p, v in _HELD[s.kind].items())}"


for _kind, _clause in (("RCA", "7.2.3"), ("TLM", "7.2.6"), ("EA", "7.2.4"), ("AA", "7.2.4"), ("EC", "7.2.2")):
    _rule(
        f"e_{_kind.lower()}_app_permissions",
        f"TS 103 097 {_clause}",
        f"an {_kind}'s appPermissions are exactly its own",
        kinds=(_kind,),  # type: ignore[arg-type]
    )(_exact_permissions)


@_rule(
    "e_at_services_only", "TS 103 097 7.2.1", "a ticket holds services, not 622, 623 or 624", kinds=("AT",)
)
def _services_only(s: Subject) -> str | None:
    for entry in s.tbs.app_permissions or ():
        if entry.psid in _PKI_PSIDS:
            return f"holds psid {entry.psid}"
    return None


@_rule("e_ca_issue_permissions", "TS 103 097 7.2", "a CA has certIssuePermissions", kinds=("RCA", "EA", "AA"))
def _issues(s: Subject) -> str | None:
    return None if s.tbs.cert_issue_permissions else "no certIssuePermissions"


@_rule(
    "e_no_issue_permissions",
    "TS 103 097 7.2",
    "only a CA has certIssuePermissions",
    kinds=("TLM", "EC", "AT"),
)
def _issues_not(s: Subject) -> str | None:
    return None if s.tbs.cert_issue_permissions is None else "certIssuePermissions is present"


def _app_ranges(s: Subject) -> dict[int, list[dot2.SspRange | None]]:
    """What the app groups name explicitly."""
    found: dict[int, list[dot2.SspRange | None]] = {}
    for group in s.tbs.cert_issue_permissions or ():
        if group.ee_type & APP:
            for psid, limits in _explicit(group).items():
                found.setdefault(psid, []).extend(limits)
    return found


_EC_SSP = dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=_HELD["EC"][SCR_PSID])


@_rule(
    "e_ea_issues_ec", "TS 103 097 7.2.4", "an EA may issue ECs (623 SSP 01C0) and nothing else", kinds=("EA",)
)
def _issues_ec(s: Subject) -> str | None:
    named = _app_ranges(s)
    if others := sorted(set(named) - {SCR_PSID}):
        return f"may issue psid {', '.join(map(str, others))}"
    if any(ssp_inside(_EC_SSP, limit) for limit in named.get(SCR_PSID, ())):
        return None
    return "may not issue psid 623 with SSP 01c0"


@_rule(
    "e_aa_issues_services", "TS 103 097 7.2.4", "an AA may issue services, not 622, 623 or 624", kinds=("AA",)
)
def _issues_services(s: Subject) -> str | None:
    named = set(_app_ranges(s))
    if _PKI_PSIDS & named:
        return f"may issue psid {', '.join(map(str, sorted(_PKI_PSIDS & named)))}"
    return None if named else "may issue no service"


@_rule("e_ca_encryption_key", "TS 103 097 7.2.4", "an EA or AA has an encryption key", kinds=("EA", "AA"))
def _encrypts(s: Subject) -> str | None:
    return None if s.tbs.encryption_key is not None else "no encryptionKey"


@_rule("e_tlm_no_encryption_key", "TS 103 097 7.2.6", "a TLM has no encryption key", kinds=("TLM",))
def _encrypts_not(s: Subject) -> str | None:
    return None if s.tbs.encryption_key is None else "encryptionKey is present"


@_rule(
    "w_ca_encryption_key_p256", "interoperation in the field", "stations expect it on NIST P-256",
    kinds=("EA", "AA"),
)  # fmt: skip
def _encrypts_p256(s: Subject) -> str | None:
    key = s.tbs.encryption_key
    return None if key is None or key.public_key.kind == "eciesNistP256" else f"on {key.public_key.kind}"


@_rule("w_at_start_on_hour", "privacy of tickets", "a ticket starts on a full hour", kinds=("AT",))
def _on_hour(s: Subject) -> str | None:
    start = s.tbs.validity_period.start
    past = start - validity.floor_hour(start)
    return f"{past} s past the hour helps to tell who asked" if past else None


# --- what only a signed certificate has ----------------------------------------------------


@_rule("e_version", "IEEE 1609.2 6.4.3", "version is 3", signed=True)
def _version(s: Subject) -> str | None:
    return None if s.record is None or s.record.version == 3 else f"version {s.record.version}"


@_rule("e_explicit", "TS 103 097 6", "explicit: with a verification key and a signature", signed=True)
def _type(s: Subject) -> str | None:
    record = s.record
    if record is None:
        return None
    if (
        record.type == "explicit"
        and record.signature
        and s.tbs.verify_key_indicator.kind == "verificationKey"
    ):
        return None
    return f"{record.type}, {s.tbs.verify_key_indicator.kind}, {'a' if record.signature else 'no'} signature"


@_rule("e_issuer_self", "TS 103 097 7.2", "a root and a TLM sign themselves", kinds=_SELF, signed=True)
def _issuer_self(s: Subject) -> str | None:
    return None if s.record is None or s.record.issuer.kind == "self" else f"issuer is {s.record.issuer.kind}"


@_rule("e_issuer_digest", "TS 103 097 7.2", "the issuer is named by digest", kinds=_ISSUED, signed=True)
def _issuer_digest(s: Subject) -> str | None:
    if s.record is None or s.record.issuer.kind in ("sha256AndDigest", "sha384AndDigest"):
        return None
    return f"issuer is {s.record.issuer.kind}"


@_rule("e_issuer_is_it", "IEEE 1609.2 6.4.7", "the digest is the issuer's", kinds=_ISSUED, signed=True)
def _issuer_matches(s: Subject) -> str | None:
    if s.record is None or s.issuer is None or s.record.issuer.value == s.issuer.hashed_id8:
        return None
    value = s.record.issuer.value
    named = value.hex() if isinstance(value, bytes) else str(value)
    return f"issuer {named}, not {s.issuer.hashed_id8.hex()}"


@_rule(
    "e_issuer_hash",
    "IEEE 1609.2 5.3.1",
    "the issuer's hash goes with the curve of the signature",
    signed=True,
)
def _issuer_hash(s: Subject) -> str | None:
    if s.record is None or s.record.signature is None:
        return None
    issuer, curve = s.record.issuer, s.record.signature.kind.removesuffix("Signature")
    name = str(issuer.value) if issuer.kind == "self" else issuer.kind.removesuffix("AndDigest")
    wanted = "sha384" if curve in _CURVES_384 else "sha256"
    return None if name == wanted else f"{name} with {curve}"


@_rule("e_self_signature_curve", "IEEE 1609.2 5.3.1", "signed by its own key", kinds=_SELF, signed=True)
def _self_curve(s: Subject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    if s.record is None or s.record.signature is None or not isinstance(key, dot2.PublicVerificationKey):
        return None
    signature = s.record.signature.kind
    return None if signature == f"{key.kind}Signature" else f"{signature} by a key {key.kind}"


@_rule("e_r_x_only", "IEEE 1609.2 6.4.2", "r of the signature is x-only", signed=True)
def _x_only(s: Subject) -> str | None:
    if s.record is None or s.record.signature is None:
        return None
    value = s.record.signature.value
    if isinstance(value, dot2.EcsigP256Signature) or value.r_sig.kind == "x-only":
        return None
    return f"r is {value.r_sig.kind}"


_all_rules: dict[Kind, list[Rule]] = {k: [r for r in RULES.values() if k in r.kinds] for k in KINDS}
_tbs_rules: dict[Kind, list[Rule]] = {k: [r for r in _all_rules[k] if not r.signed] for k in KINDS}
