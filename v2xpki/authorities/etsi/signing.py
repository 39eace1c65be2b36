"""What the root and the trust list manager have in common: a key that is used in ceremonies alone.

Everything goes prepare, record, sign, complete; both commits reach the disk, for nobody waits here.
"""

from v2xpki.authorities.domain import OpenDomain
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused
from v2xpki.issuance import Issuer, ListIssuer, tx_complete, tx_save
from v2xpki.keystore import KeyLabel
from v2xpki.time import MICROSECONDS
from v2xpki.wire import dot2, etsi


class CeremonialAuthority:
    """One generation of an authority's key, in its open domain."""

    kind = ""

    def __init__(self, domain: OpenDomain, label: KeyLabel, certificate: Certificate | None) -> None:
        if certificate is not None and certificate.verification_key != domain.keystore.public_key(label):
            raise CeremonyRefused(f"certificate {certificate.hex8} is not of the key {label}")
        self.domain, self.label, self.certificate = domain, label, certificate

    def certify_self(self, name: str | None, period: dot2.ValidityPeriod | None) -> Certificate:
        """The authority's own certificate; from then on it signs under it."""
        tbs = self.domain.profiles.profile(self.kind).build_tbs(
            verification_key=self.domain.keystore.public_key(self.label),
            now=self.domain.clock.time32(),
            name=name,
            validity_period=period,
        )
        self.certificate = self._certify(tbs, self.kind)
        return self.certificate

    def _certify(self, tbs: dot2.ToBeSignedCertificate, kind: str) -> Certificate:
        database = self.domain.database
        issuer = Issuer.open(self.domain.keystore, self.label, self.certificate, database, self.domain.clock)
        prepared = issuer.prepare(tbs, kind)
        with database.write(durable=True) as tx:
            tx_save(tx, prepared.record)
        certificate = issuer.issue(prepared.token)
        with database.write(durable=True) as tx:
            tx_complete(tx, prepared.record, certificate)
        return certificate

    def _sign_list(self, data: etsi.EtsiTs102941Data, psid: int, this_update: int) -> bytes:
        if self.certificate is None:
            raise CeremonyRefused(f"{self.label} has no certificate yet: it signs no lists")
        database = self.domain.database
        issuer = ListIssuer.open(
            self.domain.keystore, self.label, self.certificate, database, self.domain.clock
        )
        prepared = issuer.prepare(data, psid, generation_time=this_update * MICROSECONDS)
        with database.write(durable=True) as tx:
            tx_save(tx, prepared.record)
        signed = issuer.issue(prepared.token)
        with database.write(durable=True) as tx:
            tx_complete(tx, prepared.record, signed)
        return signed
