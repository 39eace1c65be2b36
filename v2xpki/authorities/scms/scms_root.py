"""The root CA of an SCMS: certifies itself, and the components. Ceremonies only."""

from typing import Any

import sqlalchemy as sa

from v2xpki.authorities.etsi.signing import CeremonialAuthority
from v2xpki.authorities.scms.component_request import ComponentRequest
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused
from v2xpki.issuance.records import ISSUED
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.trust.scms_profiles import ScmsKind, scms_profile
from v2xpki.wire import dot2

#: What a root certifies for others, and what belongs to a certificate of its kind alone.
COMPONENTS: tuple[ScmsKind, ...] = ("ECA", "RA", "ACA", "ACA_IMPLICIT", "LA", "MA", "CRLG", "DCM")


class ScmsCeremonialAuthority(CeremonialAuthority):
    """Signs itself after a profile of an SCMS."""

    def certify_self(self, name: str | None, period: dot2.ValidityPeriod | None) -> Certificate:
        """See CeremonialAuthority; a name it must have."""
        if not name:
            raise CeremonyRefused(f"a {self.kind} certificate has a name")
        tbs = scms_profile(self.kind).build_tbs(
            verification_key=self.domain.keystore.public_key(self.label),
            now=self.domain.clock.time32(),
            name=name,
        )
        if period is not None:
            tbs = tbs._replace(validity_period=period)
        self.certificate = self._certify(tbs, self.kind)
        return self.certificate


class ScmsRoot(ScmsCeremonialAuthority):
    """Its HashedId3 is the cracaId of what it certifies: its CRL signer speaks for it."""

    kind = "SCMS_ROOT"

    def certify(
        self,
        request: ComponentRequest,
        kind: str,
        name: str,
        period: dot2.ValidityPeriod | None = None,
        **ssp: Any,
    ) -> Certificate:
        """The certificate of a component, for the keys of its request and nothing else of it.

        ssp: as ScmsProfile.build_tbs. A request that was granted before gets the same certificate, and
        nothing is signed. Raises CeremonyRefused for another name than the request's, a kind that is no
        component, or a key that has a certificate of another kind; LintFailed; ConfigError.
        """
        if self.certificate is None:
            raise CeremonyRefused(f"{self.label} has no certificate yet: it certifies nobody")
        if kind not in COMPONENTS:
            raise CeremonyRefused(f"a root certifies {', '.join(COMPONENTS)}, not {kind}")
        if request.name != name:
            raise CeremonyRefused(f"the request is of {request.name!r}, not of {name!r}")
        for other, granted in self._granted(request):
            if other == kind:
                return granted
            raise CeremonyRefused(f"the key has a certificate of kind {other}: {granted.hex8}")
        tbs = scms_profile(kind).build_tbs(
            verification_key=request.verification_key,
            encryption_key=request.encryption_key,
            now=self.domain.clock.time32(),
            name=name,
            issuer=self.certificate,
            craca_id=self.certificate.hashed_id3,
            **ssp,
        )
        return self._certify(tbs if period is None else tbs._replace(validity_period=period), kind)

    def _granted(self, request: ComponentRequest) -> list[tuple[str, Certificate]]:
        """Certificates in force that were made for the request's key."""
        t, now = table_of(IssuanceRecord).c, self.domain.clock.time32()
        query = sa.select(t.kind, t.signed).where(t.state == ISSUED, t.kind.in_(COMPONENTS))
        with self.domain.database.read() as tx:
            made = [(row.kind, Certificate.parse(bytes(row.signed))) for row in tx.execute(query)]
        return [
            (kind, certificate)
            for kind, certificate in made
            if certificate.verification_key == request.verification_key and now < certificate.end
        ]
