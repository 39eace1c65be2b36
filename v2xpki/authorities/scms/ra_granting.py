"""What of a device's wish is granted: the certificates' template, and the periods that it gets them for.

pseudonym        id linkageData, butterfly keys       many a period
identification   id none or a name, butterfly keys    one a period
application      id none or a name, no butterfly      one, of the device's own key

What is asked for is granted as it is, or refused. What is left open is filled in: the region by what binds
the enrolment certificate; a validity of start 0 and duration 0 by all that can be served. Periods beyond the
end of the enrolment certificate, or max_preload, are not: the validity asked for is the most that may come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.ra_reasons import RaReason, refusal
from v2xpki.authorities.scms.ra_trust import Proven
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Caterpillar, Certificate, Curve, PublicKey
from v2xpki.errors import CryptoError, PermissionDenied
from v2xpki.store.ra import APPLICATION, IDENTIFICATION, PSEUDONYM
from v2xpki.trust import validity
from v2xpki.trust.permissions import Grants
from v2xpki.trust.regions import Region, check_region, region_contains
from v2xpki.trust.scms_kinds import CertificateKind
from v2xpki.wire import dot2, scms

BACKDATE = 3600  # seconds, where no start is asked for: a device's clock may be behind
_FORMS = ("explicit", "verificationKey"), ("implicit", "reconstructionValue")
_NO_ID = dot2.CertificateId(kind="none", value=None)
_LINKAGE = dot2.CertificateId("linkageData", dot2.LinkageData(0, bytes(9)))
_APPLICATION_KEYS = (Curve.NIST_P256, Curve.BRAINPOOL_P256R1)


class Grant(NamedTuple):
    """kind: of store.ra. tbs: the template; its validity that of the first period, its key the caterpillar or
    the key itself. size: certificates a period. end: of the last certificate, Time32."""

    kind: str
    tbs: dot2.ToBeSignedCertificate
    params: scms.AdditionalParams | None
    size: int
    first: int
    last: int
    end: int


@dataclass(frozen=True)
class Granting:
    """An RA's side of it."""

    ra: Certificate
    policy: ScmsPolicy
    kinds: Mapping[str, CertificateKind]
    periods: Periods

    def grant(self, asked: scms.EeRaCertRequest, by: Proven, now: int) -> Grant:
        """Raises RefusedRequest; now: Time32."""
        tbs, params = asked.tbs_cert, asked.additional_params
        name = self._kind_of(asked)
        kind = self.kinds[name]
        if not kind.enabled:
            raise refusal(RaReason.NOT_OFFERED, f"{name} certificates")
        self._check_form(tbs)
        period, first, last, end = (
            self._single(tbs.validity_period, kind, by, now)
            if name == APPLICATION
            else self._span(tbs.validity_period, by, now)
        )
        count = 1 if name == APPLICATION else kind.certificates or self.policy.certificates
        key = _key(tbs, params, name, first, count)
        made = dot2.ToBeSignedCertificate(
            id=_LINKAGE if name == PSEUDONYM else _identity(tbs.id, by.certificate),
            craca_id=bytes(3),
            crl_series=0,
            validity_period=period,
            region=self._region(tbs.region, by),
            app_permissions=self._permissions(tbs, kind, by.certificate),
            encryption_key=_encryption_key(tbs, name),
            verify_key_indicator=key.to_indicator(implicit=asked.type == "implicit"),
        )
        return Grant(name, made, params, count, first, last, end)

    def _kind_of(self, asked: scms.EeRaCertRequest) -> str:
        tbs, params = asked.tbs_cert, asked.additional_params
        form = asked.type, tbs.verify_key_indicator.kind
        if form != ("explicit", "verificationKey") and not self.policy.implicit:
            raise refusal(RaReason.NOT_OFFERED, f"type {form[0]}, {form[1]}")
        if form not in _FORMS:
            raise refusal(RaReason.WRONG_FORM, f"type {form[0]}, {form[1]}")
        butterfly = params is not None and params.kind != "encryptionKey"
        if params is not None and butterfly and params.kind not in self.policy.butterfly:
            raise refusal(RaReason.NOT_OFFERED, f"additionalParams {params.kind}")
        if isinstance(tbs.id.value, dot2.LinkageData):
            if not butterfly:
                raise refusal(RaReason.WRONG_FORM, "linkageData without butterfly keys")
            return PSEUDONYM
        return IDENTIFICATION if butterfly else APPLICATION

    @staticmethod
    def _check_form(tbs: dot2.ToBeSignedCertificate) -> None:
        if tbs.craca_id != bytes(3) or tbs.crl_series != 0:
            raise refusal(RaReason.WRONG_FORM, "cracaId and crlSeries are the ACA's to set")
        linkage = tbs.id.value
        if isinstance(linkage, dot2.LinkageData) and (
            linkage.linkage_value != bytes(9) or linkage.group_linkage_value is not None
        ):
            raise refusal(RaReason.WRONG_FORM, "the linkage value is the ACA's to set")
        for field in _UNEXPECTED:
            if getattr(tbs, field) is not None:
                raise refusal(RaReason.WRONG_FORM, field)

    # --- when ----------------------------------------------------------------------------------

    def _span(
        self, wanted: dot2.ValidityPeriod, by: Proven, now: int
    ) -> tuple[dot2.ValidityPeriod, int, int, int]:
        """The periods that the validity asked for touches, from now on."""
        periods = self.periods
        last = min(
            periods.at(now + self.policy.max_preload),
            periods.last_ending_by(by.certificate.end),
        )
        first = periods.at(now)
        if not _is_open(wanted):
            end = validity.end(wanted)
            if end <= now or validity.duration_seconds(wanted.duration) < 1:
                raise refusal(RaReason.NO_VALIDITY, "it is over")
            first, last = max(first, periods.at(wanted.start)), min(last, periods.at(end - 1))
        if first > last or periods.end(first) <= now:
            raise refusal(
                RaReason.NO_VALIDITY, "no period of it ends with the enrolment certificate, or is near enough"
            )
        return periods.validity_of(first), first, last, periods.end(last)

    def _single(
        self, wanted: dot2.ValidityPeriod, kind: CertificateKind, by: Proven, now: int
    ) -> tuple[dot2.ValidityPeriod, int, int, int]:
        """The validity of one certificate; its period is the one that it starts in."""
        ec = by.certificate
        if _is_open(wanted):
            start = max(validity.floor_hour(now - BACKDATE), ec.start, self.ra.start)
            wanted = validity.period(start, min(kind.validity, ec.end - start))
        length, end = validity.duration_seconds(wanted.duration), validity.end(wanted)
        if length < 1 or end <= now:
            raise refusal(RaReason.NO_VALIDITY, "it is over")
        if length > kind.validity:
            raise refusal(RaReason.NO_VALIDITY, f"{length} s; at most {kind.validity}")
        if not validity.inside(wanted, ec.start, ec.end):
            raise refusal(RaReason.NO_VALIDITY, "not inside the enrolment certificate's")
        if wanted.start > now + self.policy.max_preload:
            raise refusal(RaReason.NO_VALIDITY, "too far ahead")
        i = self.periods.at(wanted.start)
        return wanted, i, i, end

    # --- what for, and where -------------------------------------------------------------------

    def _permissions(
        self, tbs: dot2.ToBeSignedCertificate, kind: CertificateKind, ec: Certificate
    ) -> tuple[dot2.PsidSsp, ...]:
        wanted = tbs.app_permissions or ()
        if not wanted or len({entry.psid for entry in wanted}) != len(wanted):
            raise refusal(RaReason.DENIED_PERMISSIONS, "none, or a PSID twice")
        limits = (
            ("enrolment certificate", Grants(ec.record.to_be_signed.cert_request_permissions)),
            ("RA", Grants(self.ra.record.to_be_signed.cert_request_permissions)),
            (f"policy for {kind.name} certificates", kind.grants),
        )
        for whose, grants in limits:
            try:
                grants.check_requested(wanted)
            except PermissionDenied as error:
                raise refusal(RaReason.DENIED_PERMISSIONS, f"{whose}: {error}") from error
        return wanted

    def _region(self, asked: Region, by: Proven) -> Region:
        own = self.ra.record.to_be_signed.region
        region = asked or by.region or own
        if region is None:
            return None
        try:
            check_region(region)
        except PermissionDenied as error:
            raise refusal(RaReason.DENIED_REGION, str(error)) from error
        for whose, outer in (("enrolment certificate", by.region), ("RA", own)):
            if not region_contains(outer, region):
                raise refusal(RaReason.DENIED_REGION, f"not proven to be inside the {whose}'s")
        return region


#: Fields of a ToBeSignedCertificate that these certificates have not. encryption_key is looked at apart.
_UNEXPECTED = (
    "assurance_level", "cert_issue_permissions", "cert_request_permissions", "can_request_rollover", "flags",
    "app_extensions", "cert_issue_extensions", "cert_request_extension",
)  # fmt: skip


def _is_open(period: dot2.ValidityPeriod) -> bool:
    return period.start == 0 and period.duration.value == 0


def _identity(asked: dot2.CertificateId, ec: Certificate) -> dot2.CertificateId:
    """No name, or the one that the ECA gave the device."""
    if asked.kind == "none" or asked == dot2.CertificateId("name", ""):
        return _NO_ID
    if asked.kind == "name" and ec.name and asked.value == ec.name:
        return asked
    raise refusal(RaReason.WRONG_FORM, f"id {asked.kind}")


def _key(
    tbs: dot2.ToBeSignedCertificate,
    params: scms.AdditionalParams | None,
    kind: str,
    first: int,
    count: int,
) -> PublicKey:
    """The caterpillar, or the application's key, proven."""
    value: Any = tbs.verify_key_indicator.value
    try:
        key = PublicKey.of_indicator(value)
        if kind != APPLICATION:
            assert params is not None
            # expanded once here: what cannot be must not come to light in a job
            Caterpillar.of(key, params).cocoons(first, range(count))
        elif params is not None:
            response: Any = params.value
            if PublicKey.of_encryption_key(response).curve is not Curve.NIST_P256:
                raise refusal(RaReason.BAD_KEYS, "encryptionKey is not on nistP256")
    except CryptoError as error:
        raise refusal(RaReason.BAD_KEYS, str(error)) from error
    if key.curve not in _APPLICATION_KEYS:
        raise refusal(RaReason.BAD_KEYS, f"a key on {key.curve.text}")
    return key


def _encryption_key(tbs: dot2.ToBeSignedCertificate, kind: str) -> dot2.PublicEncryptionKey | None:
    """The certificate's own one, which is for applications alone."""
    if tbs.encryption_key is None:
        return None
    if kind != APPLICATION:
        raise refusal(RaReason.WRONG_FORM, "encryptionKey beside a butterfly key")
    try:
        key = PublicKey.of_encryption_key(tbs.encryption_key)
    except CryptoError as error:
        raise refusal(RaReason.BAD_KEYS, str(error)) from error
    if key.curve is not Curve.NIST_P256:
        raise refusal(RaReason.BAD_KEYS, "encryptionKey is not on nistP256")
    return key.to_encryption_key()
