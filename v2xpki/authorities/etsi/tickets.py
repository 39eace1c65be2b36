"""What an EA confirms for a ticket: permissions, validity, region, assurance (TS 102 941 6.2.3.3, 6.2.3.4).

A wish that is within all limits is confirmed exactly as it came; one that is not is refused, but for
lengths of time, which are cut. The limits are the station's profile, its enrolment credential, the AA's
certificate and a cap in the EA's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from v2xpki.authorities.etsi.reasons import RefusedValidation, ValidationReason
from v2xpki.crypto import Certificate
from v2xpki.errors import PermissionDenied
from v2xpki.time import HOUR
from v2xpki.trust import validity
from v2xpki.trust.permissions import check_app_permissions, check_confirmed_permissions
from v2xpki.trust.profiles import StationProfile
from v2xpki.trust.regions import Region, check_region, region_contains
from v2xpki.wire import dot2, etsi

_DENIED = ValidationReason.DENIED_PERMISSIONS
_LEVEL, _CONFIDENCE = 0xE0, 0x03  # of SubjectAssurance (IEEE 1609.2 6.4.27)
# The EA always says a level (TS 102 941 6.2.3.4.2), if only the lowest.
_NO_ASSURANCE = b"\x00"


@dataclass(frozen=True)
class Limits:
    """Everything that bounds a ticket of one station under one AA."""

    station: StationProfile
    ec: Certificate
    aa: Certificate
    ea: Certificate
    home: Region  # the region that the station is registered with

    def permissions(self, wanted: tuple[dot2.PsidSsp, ...] | None) -> tuple[dot2.PsidSsp, ...]:
        """The permissions, if all are within the profile, the AA's certificate and the EA's cap."""
        if not wanted:
            raise RefusedValidation(_DENIED, "no appPermissions asked for")
        if len({entry.psid for entry in wanted}) != len(wanted):
            raise RefusedValidation(_DENIED, "a psid twice")
        try:
            self.station.check_app_permissions(wanted)
            check_app_permissions(self.aa, wanted)
            check_confirmed_permissions(self.ea, wanted)
        except PermissionDenied as error:
            raise RefusedValidation(_DENIED, str(error)) from error
        return wanted

    def period(
        self, wanted: dot2.ValidityPeriod | None, now: int, chosen: int | None = None
    ) -> tuple[dot2.ValidityPeriod, int | None]:
        """The validity, and the start if it is the EA's choice: a whole hour (None: the station's own).

        `chosen` is that start as it was at an earlier answer to the same request.
        """
        longest = self.station.ticket_validity_max
        floor = validity.floor_hour(now)
        if wanted is None:
            start = chosen = max(floor, self.aa.start) if chosen is None else chosen
            end = start + self.station.ticket_validity
        else:
            start, end = wanted.start, validity.end(wanted)
            if chosen is not None:
                start = chosen
            elif start < floor - HOUR or start < self.aa.start:
                # a ticket for the past could sign what was never sent
                start = chosen = max(floor, self.aa.start)
            if start > now + self.station.preload:
                raise RefusedValidation(_DENIED, "the ticket would start too far ahead")
        end = min(end, start + longest, self.ec.end, self.aa.end)
        if end <= start or end <= now:
            raise RefusedValidation(_DENIED, "no validity is left within the station's and the AA's")
        if wanted is not None and (start, end) == (wanted.start, validity.end(wanted)):
            return wanted, None
        seconds = end - start
        return validity.period(start, seconds - seconds % HOUR if seconds >= HOUR else seconds), chosen

    def region(self, wanted: Region) -> Region:
        """The region asked for, or the narrowest that binds the station anyway."""
        bound = self.ec.record.to_be_signed.region
        if bound is None and self.station.region_bound:
            bound = self.home
        region = wanted if wanted is not None else bound
        if region is None:
            return None
        try:
            check_region(region)
        except PermissionDenied as error:
            raise RefusedValidation(_DENIED, str(error)) from error
        for outer in (bound, self.aa.record.to_be_signed.region, self.ea.record.to_be_signed.region):
            if not region_contains(outer, region):
                raise RefusedValidation(_DENIED, "the region is not inside the station's or the AA's")
        return region

    def assurance(self, wanted: bytes | None) -> bytes:
        """The level asked for if it is not above the station's; else what the station has."""
        level = self.station.assurance_level or _NO_ASSURANCE
        if wanted is None:
            return level
        if is_above(wanted, level):
            raise RefusedValidation(_DENIED, "a higher assurance level than the station has")
        return wanted


def confirm(
    limits: Limits, wanted: etsi.CertificateSubjectAttributes, now: int, chosen: int | None = None
) -> tuple[etsi.CertificateSubjectAttributes, int | None]:
    """The attributes that an AA may certify, and the start that the EA chose (`Limits.period`).

    Raises RefusedValidation. certIssuePermissions are refused, not dropped: who asks for them is wrong
    about what a ticket is.
    """
    if wanted.cert_issue_permissions is not None or (wanted.id is not None and wanted.id.kind != "none"):
        raise RefusedValidation(_DENIED, "a ticket has no id and issues nothing")
    permissions = limits.permissions(wanted.app_permissions)
    period, chosen = limits.period(wanted.validity_period, now, chosen)
    return etsi.CertificateSubjectAttributes(
        validity_period=period,
        region=limits.region(wanted.region),
        assurance_level=limits.assurance(wanted.assurance_level),
        app_permissions=permissions,
    ), chosen


def is_above(assurance: bytes, level: bytes) -> bool:
    """Whether an assurance says more than a level, in either of its halves (IEEE 1609.2 6.4.27)."""
    return assurance[0] & _LEVEL > level[0] & _LEVEL or assurance[0] & _CONFIDENCE > level[0] & _CONFIDENCE


def check_foreign(
    profile: StationProfile,
    permissions: Iterable[dot2.PsidSsp],
    period: dot2.ValidityPeriod,
    assurance: bytes | None,
    now: int,
    backdate: int,
) -> None:
    """Raise PermissionDenied where an EA of another PKI wants more certified than a station of `profile` has.

    The AA's own limits, whatever an EA confirms that is not of its house: backdate is how many seconds before
    now (TAI seconds) a ticket may start, for an answer that is asked for again.
    """
    wanted = tuple(permissions)
    if len({entry.psid for entry in wanted}) != len(wanted):
        raise PermissionDenied("a psid twice", rule="app-permissions")
    profile.check_app_permissions(wanted)
    length, most = validity.end(period) - period.start, profile.ticket_validity_max
    if length > most:
        raise PermissionDenied(f"a validity of {length} s, above {most} s", rule="validity")
    if period.start > now + profile.preload:
        raise PermissionDenied(f"a start more than {profile.preload} s ahead", rule="preload")
    if period.start < validity.floor_hour(now) - backdate:
        raise PermissionDenied(f"a start more than {backdate} s ago", rule="validity")
    if assurance and is_above(assurance, profile.assurance_level or _NO_ASSURANCE):
        raise PermissionDenied("a higher assurance level than its stations have here", rule="assurance")


def hours_of(period: dot2.ValidityPeriod) -> tuple[int, int]:
    """The whole hours that a period touches: what the EA counts by, and all that it keeps of a ticket."""
    start, end = validity.floor_hour(period.start), validity.end(period)
    return start, validity.floor_hour(end + HOUR - 1)


def most_at_once(windows: Iterable[tuple[int, int, int]]) -> int:
    """The highest number of tickets valid in the same hour; windows are (start, end, count)."""
    steps: dict[int, int] = {}
    for start, end, count in windows:
        steps[start] = steps.get(start, 0) + count
        steps[end] = steps.get(end, 0) - count
    most = level = 0
    for moment in sorted(steps):
        level += steps[moment]
        most = max(most, level)
    return most
