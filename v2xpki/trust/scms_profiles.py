"""What the certificates of an SCMS's components look like: data in trust/data/scms.toml.

    tbs = scms_profile("ACA").build_tbs(verification_key=key, now=now, issuer=root, name="aca", ...)

A component holds psid 35 with the SSP of its role (IEEE 1609.2.1), a root may issue, an ACA and an ECA issue
to end entities, an RA may ask. All keys are on P-256.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, cast, get_args

from v2xpki import wire
from v2xpki.crypto import Certificate, PublicKey
from v2xpki.errors import ConfigError, PermissionDenied
from v2xpki.trust import validity
from v2xpki.wire import dot2, scms

ScmsKind = Literal["SCMS_ROOT", "ELECTOR", "ECA", "RA", "ACA", "ACA_IMPLICIT", "LA", "MA", "CRLG", "DCM"]
EndEntityKind = Literal["PSEUDONYM", "IDENTIFICATION", "APPLICATION", "ENROLMENT"]
COMPONENTS: tuple[ScmsKind, ...] = get_args(ScmsKind)
END_ENTITIES: tuple[EndEntityKind, ...] = get_args(EndEntityKind)
SECURITY_MGMT, CRL = 35, 256  # PSIDs of components alone
USES_CUBK = 0x80  # flags of a ToBeSignedCertificate
BACKDATE = 3600
_EE_BITS = {"app": 0x80, "enrol": 0x40}
_SSPS: Mapping[str, type] = {
    "root": scms.RootCaSsp, "eca": scms.EcaSsp, "ra": scms.RaSsp, "aca": scms.AcaSsp, "la": scms.LaSsp,
    "ma": scms.MaSsp, "crl": scms.CrlSignerSsp, "dcm": scms.DcmSsp, "dc": scms.DcSsp, "pg": scms.PgSsp,
    "ica": scms.IcaSsp, "elector": scms.ElectorSsp, "lop": scms.LopSsp, "ee": scms.EeSsp,
}  # fmt: skip


@dataclass(frozen=True)
class ScmsProfile:
    """One kind of component. `validity` is the usual length, the issuer's end cuts it."""

    kind: ScmsKind
    role: str
    self_signed: bool
    encryption_key: bool
    uses_cubk: bool
    crl_series: int
    validity: dot2.Duration
    cert_issue_permissions: tuple[dot2.PsidGroupPermissions, ...] | None
    cert_request_permissions: tuple[dot2.PsidGroupPermissions, ...] | None

    def build_tbs(
        self,
        *,
        verification_key: PublicKey,
        now: int,
        name: str,
        issuer: Certificate | None = None,
        encryption_key: PublicKey | None = None,
        craca_id: bytes = bytes(3),
        region: dot2.GeographicRegion | None = None,
        **ssp: Any,
    ) -> dot2.ToBeSignedCertificate:
        """The ToBeSignedCertificate, from an hour before `now` (Time32).

        ssp: what the role's SSP has beside its version: la_id of an LA (0 to 65535), relevant_psids of an MA.
        craca_id: HashedId3 of who signs the CRL that may name it. Raises ConfigError for a call that the
        profile does not allow, PermissionDenied where nothing is left of the issuer's validity.
        """
        if (issuer is None) != self.self_signed:
            raise ConfigError(f"{self.kind}: issuer is {'missing' if issuer is None else 'too much'}")
        if (encryption_key is None) == self.encryption_key:
            raise ConfigError(
                f"{self.kind}: encryptionKey is {'missing' if self.encryption_key else 'absent'}"
            )
        try:
            value = scms.SecurityMgmtSsp(cast(Any, self.role), _SSPS[self.role](version=2, **ssp))
        except TypeError as error:
            raise ConfigError(f"{self.kind}: the SSP of {self.role}: {error}") from error
        period = dot2.ValidityPeriod(validity.floor_hour(now - BACKDATE), self.validity)
        if issuer is not None:
            period = validity.cut(period, issuer.start, issuer.end)
        if validity.end(period) <= now:
            raise PermissionDenied("nothing of the issuer's validity is left", rule="validity-inside")
        permissions = [
            dot2.PsidSsp(SECURITY_MGMT, dot2.ServiceSpecificPermissions("opaque", wire.encode(value)))
        ]
        if self.role == "crl":
            permissions.append(dot2.PsidSsp(CRL, None))
        return dot2.ToBeSignedCertificate(
            id=dot2.CertificateId("name", name),
            craca_id=craca_id,
            crl_series=self.crl_series,
            validity_period=period,
            region=region,
            app_permissions=tuple(permissions),
            cert_issue_permissions=self.cert_issue_permissions,
            cert_request_permissions=self.cert_request_permissions,
            encryption_key=None if encryption_key is None else encryption_key.to_encryption_key(),
            flags=USES_CUBK if self.uses_cubk else None,
            verify_key_indicator=dot2.VerificationKeyIndicator(
                "verificationKey", verification_key.to_verification_key()
            ),
        )


@cache
def scms_profiles() -> Mapping[ScmsKind, ScmsProfile]:
    """The shipped ones."""
    text = (resources.files("v2xpki.trust") / "data" / "scms.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    services = tuple(table.pop("services")["psids"])
    if set(table) != set(COMPONENTS):
        raise ConfigError(f"scms.toml: kinds {', '.join(sorted(table))}")
    return {kind: _profile(kind, table[kind], services) for kind in COMPONENTS}


def scms_profile(kind: str) -> ScmsProfile:
    """A component's profile. Raises ConfigError for an unknown kind."""
    found = scms_profiles().get(cast(ScmsKind, kind))
    if found is None:
        raise ConfigError(f"no SCMS profile {kind!r}", hint=f"known: {', '.join(COMPONENTS)}")
    return found


def issues_implicit(aca: Certificate) -> bool:
    """Whether an ACA's certificate is of its key for implicit ones: nothing is encrypted to that."""
    return aca.record.to_be_signed.encryption_key is None


def role_of(certificate: Certificate) -> scms.SecurityMgmtSsp | None:
    """The role that a certificate's psid 35 names; None where it holds none that can be read."""
    ssp = certificate.app_permissions.get(SECURITY_MGMT)
    return None if ssp is None else role_of_ssp(ssp)


def role_of_ssp(ssp: dot2.ServiceSpecificPermissions) -> scms.SecurityMgmtSsp | None:
    """As role_of, of the SSP itself."""
    from v2xpki.errors import DecodeError

    if ssp.kind != "opaque" or not isinstance(ssp.value, bytes):
        return None
    try:
        return wire.decode(scms.SecurityMgmtSsp, ssp.value)
    except DecodeError:
        return None


def _profile(kind: ScmsKind, table: dict[str, Any], services: tuple[int, ...]) -> ScmsProfile:
    ((unit, count),) = table.pop("validity").items()
    made = ScmsProfile(
        kind=kind,
        role=table.pop("role"),
        self_signed=table.pop("issuer", "digest") == "self",
        encryption_key=table.pop("encryption_key", False),
        uses_cubk=table.pop("uses_cubk", False),
        crl_series=table.pop("crl_series", 2),
        validity=dot2.Duration(unit, count),
        cert_issue_permissions=_groups(table.pop("cert_issue_permissions", ()), services),
        cert_request_permissions=_groups(table.pop("cert_request_permissions", ()), services),
    )
    if table or made.role not in _SSPS:
        raise ConfigError(f"scms.toml [{kind}]: {', '.join(sorted(table)) or made.role} is not known")
    return made


def _groups(tables: Any, services: tuple[int, ...]) -> tuple[dot2.PsidGroupPermissions, ...] | None:
    made = []
    for table in tables:
        everything = dot2.SspRange("all", None)
        ranges = tuple(dot2.PsidSspRange(psid, everything) for psid in services)
        subject = (
            dot2.SubjectPermissions("all", None)
            if table.get("all")
            else dot2.SubjectPermissions("explicit", ranges)
        )
        bits = sum(_EE_BITS[name] for name in table.get("ee_type", ["app"]))
        made.append(
            dot2.PsidGroupPermissions(
                subject_permissions=subject,
                min_chain_length=table.get("min_chain_length", 1),
                chain_length_range=table.get("chain_length_range", 0),
                ee_type=bits,
            )
        )
    return tuple(made) or None
