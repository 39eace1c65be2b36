"""What an enrolment certificate says: the request, held against the device, its kind, the ECA, the clock."""

from typing import NamedTuple

from v2xpki.authorities.scms.devices import KnownDevice
from v2xpki.authorities.scms.eca_reasons import EcaReason
from v2xpki.authorities.scms.eca_requests import Wish, refuse
from v2xpki.crypto import Certificate
from v2xpki.errors import PermissionDenied
from v2xpki.trust import validity
from v2xpki.trust.regions import Region, check_region, region_contains
from v2xpki.trust.scms_devices import (
    EE_PERMISSIONS,
    DeviceProfile,
    is_covered,
    ranges_of,
    request_permissions,
)
from v2xpki.trust.scms_enrolment import EXTRA_FIELDS
from v2xpki.wire import dot2

BACKDATE = 3600  # seconds, where no start is asked for: a device's clock may be behind
_NO_ID = dot2.CertificateId(kind="none", value=None)


class Terms(NamedTuple):
    """What the ECA's side adds. region: that which binds the ECA. max_age: seconds, beside the profile's."""

    eca: Certificate
    region: Region
    craca_id: bytes
    crl_series: int
    max_age: int


def contents_of(
    wish: Wish,
    device: KnownDevice,
    profile: DeviceProfile,
    terms: Terms,
    now: int,
    present: Certificate | None = None,
) -> dot2.ToBeSignedCertificate:
    """The certificate to be signed. What the request leaves open is the device's, the profile's, the present
    certificate's. Raises RefusedEnrolmentRequest for what it asks beyond: nothing is cut down in silence."""
    asked = wish.asked.tbs_cert
    if wish.key.curve not in profile.curves:
        raise refuse(EcaReason.BAD_KEY, f"a key on {wish.key.curve.text}")
    if device.canonical_id is not None and wish.key == device.key:
        raise refuse(EcaReason.BAD_KEY, "the canonical key, which is for nothing but enrolment")
    if asked.craca_id != bytes(3) or asked.crl_series:
        raise refuse(EcaReason.BAD_CRACA, f"cracaId {asked.craca_id.hex()}, crlSeries {asked.crl_series}")
    for field in EXTRA_FIELDS:
        if getattr(asked, field) is not None:
            raise refuse(EcaReason.UNEXPECTED_FIELD, field)
    if asked.app_permissions is not None and asked.app_permissions != EE_PERMISSIONS:
        raise refuse(EcaReason.DENIED_PERMISSIONS, "appPermissions are psid 35 with the SSP ee, or absent")
    return dot2.ToBeSignedCertificate(
        id=_identity(asked, device, profile),
        craca_id=terms.craca_id,
        crl_series=terms.crl_series,
        validity_period=_period(asked.validity_period, profile, terms, now),
        region=_region(asked.region, device, profile, terms, present),
        app_permissions=EE_PERMISSIONS,
        cert_request_permissions=_requests(asked, profile, present),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey", value=wish.key.to_verification_key()
        ),
    )


def _identity(
    asked: dot2.ToBeSignedCertificate, device: KnownDevice, profile: DeviceProfile
) -> dot2.CertificateId:
    kind, value = asked.id.kind, asked.id.value
    if kind == "none":
        return _NO_ID
    # an empty name is how recorded deployments say nothing; the RA need not learn the canonical id
    if kind == "name" and (not value or (profile.named and value == device.canonical_id)):
        return asked.id
    raise refuse(EcaReason.BAD_ID, f"{kind} for a device of kind {profile.name}")


def _period(
    asked: dot2.ValidityPeriod, profile: DeviceProfile, terms: Terms, now: int
) -> dot2.ValidityPeriod:
    longest, eca = min(profile.validity, terms.max_age), terms.eca
    if asked.start == 0 and asked.duration.value == 0:  # not said
        start = max(validity.floor_hour(now - BACKDATE), eca.start)
        end = min(start + longest, eca.end)
        if end <= now:
            raise refuse(EcaReason.NO_VALIDITY, "nothing of the ECA's own is left")
        return validity.period(start, end - start)
    length = validity.duration_seconds(asked.duration)
    if length < 1 or validity.end(asked) <= now:
        raise refuse(EcaReason.NO_VALIDITY, "it is over")
    if length > longest:
        raise refuse(EcaReason.NO_VALIDITY, f"{length} s; at most {longest}")
    if not validity.inside(asked, eca.start, eca.end):
        raise refuse(EcaReason.NO_VALIDITY, "not inside the ECA's own")
    return asked


def _region(
    asked: Region, device: KnownDevice, profile: DeviceProfile, terms: Terms, present: Certificate | None
) -> Region:
    bound = device.region if device.region_octets is not None else profile.region
    held = None if present is None else present.record.to_be_signed.region
    region = asked
    if region is None:
        region = held if held is not None and region_contains(bound, held) else bound
    if region is None:
        return None
    try:
        check_region(region)
    except PermissionDenied as error:
        raise refuse(EcaReason.DENIED_REGION, str(error)) from error
    for whose, outer in (("device", bound), ("present certificate", held), ("ECA", terms.region)):
        if not region_contains(outer, region):
            raise refuse(EcaReason.DENIED_REGION, f"not proven to be inside the {whose}'s")
    return region


def _requests(
    asked: dot2.ToBeSignedCertificate, profile: DeviceProfile, present: Certificate | None
) -> tuple[dot2.PsidGroupPermissions, ...]:
    limits = [("profile", profile.permissions)]
    if present is not None:
        limits.append(
            ("present certificate", ranges_of(present.record.to_be_signed.cert_request_permissions or ()))
        )
    if asked.cert_request_permissions is None:
        granted = [entry for entry in limits[-1][1] if all(is_covered(entry, ranges) for _, ranges in limits)]
        if not granted:
            raise refuse(EcaReason.DENIED_PERMISSIONS, "no PSID is left")
        return request_permissions(granted)
    try:
        wanted = ranges_of(asked.cert_request_permissions)
    except PermissionDenied as error:
        raise refuse(EcaReason.DENIED_PERMISSIONS, str(error)) from error
    for whose, ranges in limits:
        for entry in wanted:
            if not is_covered(entry, ranges):
                raise refuse(
                    EcaReason.DENIED_PERMISSIONS,
                    f"certRequestPermissions psid {entry.psid} is beyond the {whose}'s",
                )
    return asked.cert_request_permissions
