"""Whether a certificate is one of an SCMS, and of which kind: by its fields, trusting nothing."""

from v2xpki.crypto import Certificate
from v2xpki.trust.scms_profiles import (
    SECURITY_MGMT,
    EndEntityKind,
    ScmsKind,
    role_of_ssp,
    scms_profiles,
)
from v2xpki.wire import dot2


def detect_scms_kind(record: dot2.Certificate) -> ScmsKind | EndEntityKind | str | None:
    """The kind that a certificate seems to be: one of COMPONENTS or END_ENTITIES, or for a role without a
    profile the role's name; None for a certificate of another PKI.

    ETSI's have no psid 35, no linkage data, and cracaId and crlSeries of zero (TS 103 097 6). An application
    and an identification certificate do not tell themselves apart: an encryption key is taken for the first.
    """
    tbs = record.to_be_signed
    for held in tbs.app_permissions or ():
        if held.psid == SECURITY_MGMT and held.ssp is not None:
            role = role_of_ssp(held.ssp)
            if role is not None:
                return _component(role.kind, record)
    if tbs.id.kind == "linkageData":
        return "PSEUDONYM"
    if any(tbs.craca_id) and tbs.crl_series and record.issuer.kind != "self":
        return "IDENTIFICATION" if tbs.encryption_key is None else "APPLICATION"
    return None


def is_scms(certificate: Certificate) -> bool:
    """Whether the rules of an SCMS hold for it."""
    return detect_scms_kind(certificate.record) is not None


def _component(role: str, record: dot2.Certificate) -> str:
    if role == "ee":
        return "ENROLMENT"
    if role == "aca" and record.to_be_signed.encryption_key is None:
        return "ACA_IMPLICIT"
    return next((kind for kind, profile in scms_profiles().items() if profile.role == role), role.upper())
