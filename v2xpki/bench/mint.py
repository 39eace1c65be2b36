"""Tickets in any number for the codec's and the verifier's benchmarks: an AA's, but of a key in memory."""

from v2xpki import wire
from v2xpki.bench.laboratory import CAM_AND_DENM
from v2xpki.crypto import Certificate, Curve, PublicKey, signature_record, signing_digest
from v2xpki.keystore.memory import MemoryKey
from v2xpki.time import Clock
from v2xpki.trust.profiles import profile
from v2xpki.wire import dot2


class Mint:
    """Tickets of 140 to 160 octets on the curve, under an AA's certificate whose key was replaced."""

    def __init__(self, aa: Certificate, curve: Curve, clock: Clock) -> None:
        self._key, self._curve, self._clock = MemoryKey.generate(curve), curve, clock
        indicator = dot2.VerificationKeyIndicator(
            kind="verificationKey", value=self._key.public_key.to_verification_key()
        )
        tbs = aa.record.to_be_signed._replace(verify_key_indicator=indicator)
        self.issuer = Certificate.of(aa.record._replace(to_be_signed=tbs))

    def records(self, count: int) -> list[dot2.CertificateBase]:
        """Signed tickets, each with a key of its own."""
        now = self._clock.time32()
        return [self._sign(MemoryKey.generate(self._curve).public_key, now) for _ in range(count)]

    def tickets(self, count: int) -> list[bytes]:
        """The octets of as many tickets."""
        return [wire.encode(record) for record in self.records(count)]

    def _sign(self, key: PublicKey, now: int) -> dot2.CertificateBase:
        tbs = profile("AT").build_tbs(
            verification_key=key, now=now, issuer=self.issuer, app_permissions=CAM_AND_DENM
        )
        digest = signing_digest("sha256", wire.encode(tbs), self.issuer.octets)
        return dot2.CertificateBase(
            version=3,
            type="explicit",
            issuer=dot2.IssuerIdentifier(kind="sha256AndDigest", value=self.issuer.hashed_id8),
            to_be_signed=tbs,
            signature=signature_record(self._curve, self._key.sign(digest)),
        )
