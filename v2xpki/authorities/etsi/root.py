"""The root certification authority: certifies EAs and AAs, signs the CTL and the CRL. Ceremonies only."""

from collections.abc import Sequence

from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.signing import CeremonialAuthority
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused
from v2xpki.trust.lists import CrlSchedule, CtlEntry, CtlSchedule, build_crl, build_ctl
from v2xpki.trust.permissions import check_certificate
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID
from v2xpki.wire import dot2


class RootAuthority(CeremonialAuthority):
    """TS 102 941 6.2.1, 6.3.2, 6.3.3."""

    kind = "RCA"

    def certify(
        self, request: CaRequest, kind: str, name: str | None, period: dot2.ValidityPeriod | None
    ) -> Certificate:
        """The certificate of an EA or AA, for the keys of its request and nothing else of it.

        Raises PermissionDenied where the request asks for other permissions or another name, or the
        profile goes beyond the root's own certificate.
        """
        if self.certificate is None:
            raise CeremonyRefused(f"{self.label} has no certificate yet: it certifies nobody")
        profile = self.domain.profiles.profile(kind)
        request.check(profile, name)
        tbs = profile.build_tbs(
            verification_key=request.verification_key,
            encryption_key=request.encryption_key,
            issuer=self.certificate,
            now=self.domain.clock.time32(),
            name=name,
            validity_period=period,
        )
        check_certificate(self.certificate, tbs)
        return self._certify(tbs, kind)

    def sign_ctl(self, schedule: CtlSchedule, entries: Sequence[CtlEntry]) -> bytes:
        """A full CTL. Raises InvalidList."""
        data = build_ctl(self._own(), schedule, entries)
        return self._sign_list(data, CTL_PSID, schedule.this_update)

    def sign_crl(self, schedule: CrlSchedule, revoked: Sequence[Certificate]) -> bytes:
        """A CRL, also an empty one. Raises InvalidList."""
        data = build_crl(self._own(), schedule, revoked)
        return self._sign_list(data, CRL_PSID, schedule.this_update)

    def _own(self) -> Certificate:
        if self.certificate is None:
            raise CeremonyRefused(f"{self.label} has no certificate yet: it signs no lists")
        return self.certificate
