"""Rules of certificates: TS 103 097 clauses 6 and 7.2, what IEEE 1609.2 asks of all, the policy's limits.

See lint.py for running them. What SSPs and certIssuePermissions hold is in lint_permissions.py.
"""

from collections.abc import Mapping

from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import CryptoError, DecodeError, EncodeError, PermissionDenied
from v2xpki.time import iso_from_time32
from v2xpki.trust import regions, validity
from v2xpki.trust.lint_engine import LintKind, Subject, explicit, rule
from v2xpki.trust.permissions import APP, Grants, ssp_inside
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID, MDM_PSID, PKI_PSIDS, SCR_PSID, is_operators_own
from v2xpki.wire import dot2

_COMPRESSED = frozenset(("compressed-y-0", "compressed-y-1"))
_CURVES_384 = frozenset(("ecdsaNistP384", "ecdsaBrainpoolP384r1"))
_SERVED = frozenset(("ecdsaNistP256", "ecdsaBrainpoolP256r1", *_CURVES_384))

# appPermissions to the letter (TS 103 097 7.2)
_HELD: Mapping[str, Mapping[int, bytes]] = {
    "RCA": {CRL_PSID: b"\x01", CTL_PSID: b"\x01\x38"},
    "TLM": {CTL_PSID: b"\x01\xc8"},
    "EA": {SCR_PSID: b"\x01\x0e"},
    "AA": {SCR_PSID: b"\x01\x32"},
}
_EC_SSP = dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\xc0")

_ISSUED: tuple[LintKind, ...] = ("EA", "AA", "EC", "AT", "MA")
_SELF: tuple[LintKind, ...] = ("RCA", "TLM")


# --- every certificate ---------------------------------------------------------------------


@rule("e_craca_id_zero", "TS 103 097 6", "cracaId is 000000")
def _craca(s: Subject) -> str | None:
    return None if s.tbs.craca_id == b"\0\0\0" else f"cracaId {s.tbs.craca_id.hex()}"


@rule("e_crl_series_zero", "TS 103 097 6", "crlSeries is 0")
def _series(s: Subject) -> str | None:
    return None if s.tbs.crl_series == 0 else f"crlSeries {s.tbs.crl_series}"


@rule("e_no_cert_request_permissions", "TS 103 097 6", "certRequestPermissions is absent")
def _request_permissions(s: Subject) -> str | None:
    return None if s.tbs.cert_request_permissions is None else "certRequestPermissions is present"


@rule("e_no_rollover", "TS 103 097 6", "canRequestRollover is absent")
def _rollover(s: Subject) -> str | None:
    return None if s.tbs.can_request_rollover is None else "canRequestRollover is present"


@rule(
    "e_verify_key_compressed", "IEEE 1609.2 6.4.2", "the verification key's point is compressed", varies=True
)
def _verify_key(s: Subject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    form = key.value.kind if isinstance(key, dot2.PublicVerificationKey) else key.kind
    return None if form in _COMPRESSED else f"the point is {form}"


@rule(
    "e_verify_key_algorithm",
    "TS 103 097 6",
    "the verification key is on a P-256, P-384 or brainpool curve",
    varies=True,
)
def _algorithm(s: Subject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    return None if not isinstance(key, dot2.PublicVerificationKey) or key.kind in _SERVED else key.kind


@rule(
    "e_encryption_key_compressed",
    "IEEE 1609.2 6.4.2",
    "the encryption key's point is compressed",
    varies=True,
)
def _encryption_point(s: Subject) -> str | None:
    key = s.tbs.encryption_key
    if key is None or key.public_key.value.kind in _COMPRESSED:
        return None
    return f"the point is {key.public_key.value.kind}"


@rule(
    "e_encryption_key_algorithm",
    "TS 103 097 6",
    "the encryption key is for AES-128-CCM and ECIES on a P-256 curve",
    varies=True,
)
def _encryption_algorithm(s: Subject) -> str | None:
    key = s.tbs.encryption_key
    if key is None or (key.supported_symm_alg == "aes128Ccm" and key.public_key.kind != "ecencSm2"):
        return None
    return f"{key.supported_symm_alg} with {key.public_key.kind}"


@rule("e_psid_once", "IEEE 1609.2 6.4.8", "appPermissions names a PSID once")
def _psid_once(s: Subject) -> str | None:
    held = s.tbs.app_permissions
    if held is None or len({entry.psid for entry in held}) == len(held):
        return None
    return "a PSID is named twice"


@rule("e_app_permissions", "TS 103 097 7.2", "appPermissions is there and names something")
def _app_permissions(s: Subject) -> str | None:
    return None if s.tbs.app_permissions else "no appPermissions"


@rule(
    "e_validity_not_empty",
    "IEEE 1609.2 6.4.14",
    "the validity period has a length and ends within Time32",
    varies=True,
)
def _validity(s: Subject) -> str | None:
    period = s.tbs.validity_period
    if period.duration.value > 0 and validity.end(period) < 1 << 32:
        return None
    return f"from {period.start} for {period.duration.value} {period.duration.kind}"


@rule("e_region_sound", "IEEE 1609.2 6.4.17", "region holds a place, in a sensible number of parts")
def _region_sound(s: Subject) -> str | None:
    try:
        regions.check_region(s.tbs.region)
    except PermissionDenied as error:
        return str(error)
    return None


@rule(
    "e_validity_limit",
    "EU certificate policy 7.2",
    "valid no longer than its type may be",
    effective="2018-06-01",
    varies=True,
)
def _limit(s: Subject) -> str | None:
    seconds, limit = validity.duration_seconds(s.tbs.validity_period.duration), s.limits.get(s.kind)
    return (
        None if limit is None or seconds <= limit else f"valid for {seconds} s; {s.kind}: at most {limit} s"
    )


# --- under its issuer ----------------------------------------------------------------------


@rule(
    "e_validity_inside_issuer",
    "IEEE 1609.2 5.1.2.4",
    "validity is inside the issuer's",
    kinds=_ISSUED,
    varies=True,
)
def _validity_inside(s: Subject) -> str | None:
    issuer, period = s.issuer, s.tbs.validity_period
    if issuer is None or validity.inside(period, issuer.start, issuer.end):
        return None
    return (
        f"{iso_from_time32(period.start)} to {iso_from_time32(validity.end(period))} is not inside "
        f"{iso_from_time32(issuer.start)} to {iso_from_time32(issuer.end)}"
    )


@rule("e_region_inside_issuer", "IEEE 1609.2 5.1.2.4", "region is inside the issuer's", kinds=_ISSUED)
def _region_inside(s: Subject) -> str | None:
    # absent: inherited
    if s.issuer is None or s.tbs.region is None:
        return None
    inside = regions.region_contains(s.outer, s.tbs.region)
    return None if inside else "not proven to be inside the issuer's region"


@rule(
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


rule("e_rca_name", "TS 103 097 7.2.3", "a root has a name", kinds=("RCA",))(_has_name)
rule("e_tlm_name", "TS 103 097 7.2.6", "a TLM has a name", kinds=("TLM",))(_has_name)
rule("e_ec_name", "TS 103 097 7.2.2", "an enrolment credential has a name", kinds=("EC",))(_has_name)
rule("e_ea_id", "TS 103 097 7.2.4", "an EA has a name or no id", kinds=("EA",))(_has_name_or_none)
rule("e_aa_id", "TS 103 097 7.2.4", "an AA has a name or no id", kinds=("AA",))(_has_name_or_none)


@rule("e_at_no_id", "TS 103 097 7.2.1", "an authorization ticket has no id", kinds=("AT",))
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


@rule(
    "e_ec_app_permissions",
    "TS 103 097 7.2.2",
    "an EC holds 623 SSP 01C0, and beside it ITS-AIDs of the operator's own alone, without SSP",
    kinds=("EC",),
)
def _credential_permissions(s: Subject) -> str | None:
    held = {entry.psid: entry.ssp for entry in s.tbs.app_permissions or ()}
    if held.get(SCR_PSID) != _EC_SSP:
        return "holds not 623 with SSP 01c0"
    others = sorted(
        psid for psid, ssp in held.items() if psid != SCR_PSID and (ssp or not is_operators_own(psid))
    )
    return f"holds psid {', '.join(map(str, others))}" if others else None


for _kind, _clause in (("RCA", "7.2.3"), ("TLM", "7.2.6"), ("EA", "7.2.4"), ("AA", "7.2.4")):
    rule(
        f"e_{_kind.lower()}_app_permissions",
        f"TS 103 097 {_clause}",
        f"an {_kind}'s appPermissions are exactly its own",
        kinds=(_kind,),  # type: ignore[arg-type]
    )(_exact_permissions)


@rule("e_at_services_only", "TS 103 097 7.2.1", "a ticket holds services, not 622, 623 or 624", kinds=("AT",))
def _services_only(s: Subject) -> str | None:
    for entry in s.tbs.app_permissions or ():
        if entry.psid in PKI_PSIDS:
            return f"holds psid {entry.psid}"
    return None


@rule("e_ca_issue_permissions", "TS 103 097 7.2", "a CA has certIssuePermissions", kinds=("RCA", "EA", "AA"))
def _issues(s: Subject) -> str | None:
    return None if s.tbs.cert_issue_permissions else "no certIssuePermissions"


@rule(
    "e_no_issue_permissions",
    "TS 103 097 7.2",
    "only a CA has certIssuePermissions",
    kinds=("TLM", "EC", "AT", "MA"),
)
def _issues_not(s: Subject) -> str | None:
    return None if s.tbs.cert_issue_permissions is None else "certIssuePermissions is present"


def _app_ranges(s: Subject) -> dict[int, list[dot2.SspRange | None]]:
    """What the app groups name explicitly."""
    found: dict[int, list[dot2.SspRange | None]] = {}
    for group in s.tbs.cert_issue_permissions or ():
        if group.ee_type & APP:
            for psid, limits in explicit(group).items():
                found.setdefault(psid, []).extend(limits)
    return found


@rule(
    "e_ea_issues_ec",
    "TS 103 097 7.2.4",
    "an EA may issue ECs (623 SSP 01C0, and ITS-AIDs of the operator's own) and nothing else",
    kinds=("EA",),
)
def _issues_ec(s: Subject) -> str | None:
    named = _app_ranges(s)
    if others := sorted(psid for psid in named if psid != SCR_PSID and not is_operators_own(psid)):
        return f"may issue psid {', '.join(map(str, others))}"
    if any(ssp_inside(_EC_SSP, limit) for limit in named.get(SCR_PSID, ())):
        return None
    return "may not issue psid 623 with SSP 01c0"


@rule(
    "e_aa_issues_services", "TS 103 097 7.2.4", "an AA may issue services, not 622, 623 or 624", kinds=("AA",)
)
def _issues_services(s: Subject) -> str | None:
    named = set(_app_ranges(s))
    if PKI_PSIDS & named:
        return f"may issue psid {', '.join(map(str, sorted(PKI_PSIDS & named)))}"
    return None if named else "may issue no service"


@rule(
    "e_ca_encryption_key",
    "TS 103 097 7.2.4",
    "an EA or AA has an encryption key",
    kinds=("EA", "AA"),
    varies=True,
)
def _encrypts(s: Subject) -> str | None:
    return None if s.tbs.encryption_key is not None else "no encryptionKey"


@rule(
    "e_tlm_no_encryption_key", "TS 103 097 7.2.6", "a TLM has no encryption key", kinds=("TLM",), varies=True
)
def _encrypts_not(s: Subject) -> str | None:
    return None if s.tbs.encryption_key is None else "encryptionKey is present"


@rule(
    "w_ca_encryption_key_p256", "interoperation in the field", "stations expect it on NIST P-256",
    kinds=("EA", "AA"), varies=True)  # fmt: skip
def _encrypts_p256(s: Subject) -> str | None:
    key = s.tbs.encryption_key
    return None if key is None or key.public_key.kind == "eciesNistP256" else f"on {key.public_key.kind}"


@rule(
    "w_at_start_on_hour", "privacy of tickets", "a ticket starts on a full hour", kinds=("AT",), varies=True
)
def _on_hour(s: Subject) -> str | None:
    start = s.tbs.validity_period.start
    past = start - validity.floor_hour(start)
    return f"{past} s past the hour helps to tell who asked" if past else None


# --- what only a signed certificate has ----------------------------------------------------


@rule("e_version", "IEEE 1609.2 6.4.3", "version is 3", signed=True)
def _version(s: Subject) -> str | None:
    return None if s.record is None or s.record.version == 3 else f"version {s.record.version}"


@rule("e_explicit", "TS 103 097 6", "explicit: with a verification key and a signature", signed=True)
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


@rule("e_issuer_self", "TS 103 097 7.2", "a root and a TLM sign themselves", kinds=_SELF, signed=True)
def _issuer_self(s: Subject) -> str | None:
    return None if s.record is None or s.record.issuer.kind == "self" else f"issuer is {s.record.issuer.kind}"


@rule("e_issuer_digest", "TS 103 097 7.2", "the issuer is named by digest", kinds=_ISSUED, signed=True)
def _issuer_digest(s: Subject) -> str | None:
    if s.record is None or s.record.issuer.kind in ("sha256AndDigest", "sha384AndDigest"):
        return None
    return f"issuer is {s.record.issuer.kind}"


@rule("e_issuer_is_it", "IEEE 1609.2 6.4.7", "the digest is the issuer's", kinds=_ISSUED, signed=True)
def _issuer_matches(s: Subject) -> str | None:
    if s.record is None or s.issuer is None or s.record.issuer.value == s.issuer.hashed_id8:
        return None
    value = s.record.issuer.value
    named = value.hex() if isinstance(value, bytes) else str(value)
    return f"issuer {named}, not {s.issuer.hashed_id8.hex()}"


@rule(
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


@rule("e_self_signature_curve", "IEEE 1609.2 5.3.1", "signed by its own key", kinds=_SELF, signed=True)
def _self_curve(s: Subject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    if s.record is None or s.record.signature is None or not isinstance(key, dot2.PublicVerificationKey):
        return None
    signature = s.record.signature.kind
    return None if signature == f"{key.kind}Signature" else f"{signature} by a key {key.kind}"


@rule("e_r_x_only", "IEEE 1609.2 6.4.2", "r of the signature is x-only", signed=True)
def _x_only(s: Subject) -> str | None:
    if s.record is None or s.record.signature is None:
        return None
    value = s.record.signature.value
    if isinstance(value, dot2.EcsigP256Signature) or value.r_sig.kind == "x-only":
        return None
    return f"r is {value.r_sig.kind}"


@rule("e_coer", "IEEE 1609.2 5.2.2; ITU-T X.696", "the octets are the one canonical encoding", signed=True)
def _coer(_: Subject) -> str | None:
    return None  # lint_octets finds it: without it there is no record to look at


@rule("e_key_on_curve", "IEEE 1609.2 6.3.23", "the keys are points of their curves", signed=True)
def _on_curve(s: Subject) -> str | None:
    key = s.tbs.verify_key_indicator.value
    try:
        if isinstance(key, dot2.PublicVerificationKey) and key.kind in _SERVED:
            PublicKey.of_verification_key(key)
        if s.tbs.encryption_key is not None and _encryption_algorithm(s) is None:
            PublicKey.of_encryption_key(s.tbs.encryption_key)
    except CryptoError as error:
        return str(error)
    return None


@rule("e_signature_range", "IEEE 1609.2 6.3.29", "r and s are between 1 and the order less one", signed=True)
def _range(s: Subject) -> str | None:
    signature = None if s.record is None else s.record.signature
    curve = None if signature is None else _SIGNED_ON.get(signature.kind)
    if signature is None or curve is None or isinstance(signature.value, dot2.EcsigP256Signature):
        return None
    r = signature.value.r_sig.value
    named = {"s": signature.value.s_sig} | ({"r": r} if isinstance(r, bytes) else {})
    for name, octets in named.items():
        if not 0 < int.from_bytes(octets, "big") < curve.order:
            return f"{name} is out of range"
    return None


_SIGNED_ON: Mapping[str, Curve] = {curve.signature_kind: curve for curve in Curve}


@rule("e_signature", "IEEE 1609.2 5.3.1", "the issuer's key signed it: H(H(tbs) || H(issuer))", signed=True)
def _signature(s: Subject) -> str | None:
    record = s.record
    if record is None or record.signature is None or record.type != "explicit":
        return None
    if record.issuer.kind != "self" and (s.issuer is None or record.issuer.value != s.issuer.hashed_id8):
        return None  # nobody to ask, or another rule's finding
    try:
        Certificate.of(record).verify_signature(None if record.issuer.kind == "self" else s.issuer)
    except (CryptoError, DecodeError, EncodeError) as error:
        return str(error)
    return None


@rule(
    "e_issuer_is_ca",
    "IEEE 1609.2 5.1.2.4",
    "the issuer's certificate has certIssuePermissions",
    kinds=_ISSUED,
)
def _issuer_is_ca(s: Subject) -> str | None:
    if s.issuer is None or s.issuer.record.to_be_signed.cert_issue_permissions:
        return None
    return f"{s.issuer.hex8} may issue nothing"


@rule(
    "e_issuer_kind",
    "TS 103 097 7.2",
    "an EA and AA are issued by a root, an EC by an EA, a ticket by an AA",
    kinds=("EA", "AA", "EC", "AT"),
)
def _issuer_kind(s: Subject) -> str | None:
    if s.issuer is None:
        return None
    wanted = {"EC": SCR_PSID, "AT": SCR_PSID}.get(s.kind, CRL_PSID)
    ssp = s.issuer.app_permissions.get(wanted)
    bits = ssp.value[1] if ssp is not None and len(ssp.value) > 1 else 0
    fits = {"EC": bits & 0x04, "AT": bits & 0x10}.get(s.kind, ssp is not None)
    return None if fits else f"{s.issuer.hex8} is of another kind"


@rule("e_assurance_reserved", "IEEE 1609.2 6.3.37", "the reserved bits of assuranceLevel are 0")
def _assurance(s: Subject) -> str | None:
    level = s.tbs.assurance_level
    return None if level is None or not level[0] & 0x1C else f"assuranceLevel {level.hex()}"


@rule("w_no_extensions", "TS 103 097 6", "no flags and no extensions, which receivers here do not know")
def _extensions(s: Subject) -> str | None:
    names = ("flags", "app_extensions", "cert_issue_extensions", "cert_request_extension")
    found = [name for name, value in zip(names, s.tbs[12:], strict=True) if value is not None]
    return f"{', '.join(found)} present" if found else None


@rule(
    "w_name_readable", "TS 103 097 7.2", "a name is printable ASCII, so that all show it alike", varies=True
)
def _readable(s: Subject) -> str | None:
    name = s.tbs.id.value if s.tbs.id.kind == "name" else None
    if not isinstance(name, str) or (name.isascii() and name.isprintable()):
        return None
    return f"name {name!r}"


rule("e_ma_name", "TS 103 097 7.2.5", "a misbehaviour authority has a name", kinds=("MA",))(_has_name)


@rule("e_ma_app_permissions", "TS 103 097 7.2.5", "a misbehaviour authority holds MDM (1622)", kinds=("MA",))
def _holds_mdm(s: Subject) -> str | None:
    held = {entry.psid for entry in s.tbs.app_permissions or ()}
    return None if MDM_PSID in held else "does not hold psid 1622"


@rule(
    "e_ma_encryption_key", "TS 103 097 7.2.5", "a misbehaviour authority has an encryption key",
    kinds=("MA",), varies=True,
)  # fmt: skip
def _ma_encrypts(s: Subject) -> str | None:
    return _encrypts(s)
