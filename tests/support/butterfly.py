"""Stations that ask for butterfly tickets by octets; each request can be made wrong in one place.

flock = Flock(pki, car, ec)
info = flock.request()                  answered: RaEeCertInfo
pki.work()                              the EA's jobs, until nothing is due
tickets = flock.tickets(period)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.support.etsi import CAM, DENM, Credential, Pki, hours
from v2xpki import wire
from v2xpki.authorities.periods import Periods
from v2xpki.config import ButterflyPolicy
from v2xpki.crypto import Certificate, PrivateCaterpillar, PublicKey
from v2xpki.jobs import InlinePool
from v2xpki.secured import SignedMessage, encrypt, etsi_header, sign
from v2xpki.station.butterfly import Supply, Ticket, butterfly_request, open_archive
from v2xpki.trust.chain import TrustStore
from v2xpki.wire import dot2, etsi, scms

POLICY = ButterflyPolicy(mix_wait=0, mix_vehicles=1, certificates=4)  # type: ignore[arg-type]
PERIODS = Periods(POLICY.epoch, POLICY.period, POLICY.overlap)
YEAR = 8760


def work(pki: Pki) -> int:
    """Do the EA's jobs until nothing is due; errors are raised."""

    def failed(job: Any, error: Exception) -> None:
        raise error

    pool, done = InlinePool(pki.supply, failed=failed), 0
    while count := pool.run_once():
        done += count
    return done


def unchanged(value: Any) -> Any:
    return value


@dataclass
class Flock:
    """One station's butterfly tickets."""

    pki: Pki
    ec: Credential
    variant: str = "unified"
    caterpillar: PrivateCaterpillar = field(init=False)
    request_hash: bytes = b""

    def __post_init__(self) -> None:
        self.caterpillar = PrivateCaterpillar.generate(self.variant)

    def octets(
        self,
        *,
        change: Callable[[scms.EeRaCertRequest], Any] = unchanged,
        change_tbs: Callable[[dot2.ToBeSignedCertificate], dot2.ToBeSignedCertificate] = unchanged,
        by: Credential | None = None,
        signer: Any = None,
        header: dot2.HeaderInfo | None = None,
        kind: str = "butterflyAuthorizationRequest",
        identifier: str = "digest",
        spoil: Callable[[bytes], bytes] = unchanged,
        ea: Certificate | None = None,
        age: int = 0,
    ) -> bytes:
        by, now = by or self.ec, self.pki.clock.now - age
        public = self.caterpillar.public()
        params: Any = scms.ButterflyExpansion(kind="aes128", value=public.signing_expansion)
        if self.variant == "original":
            params = scms.ButterflyParamsOriginal(
                signing_expansion=params,
                encryption_key=PublicKey.from_sec1(by.key.curve, public.encryption).to_encryption_key(),
                encryption_expansion=scms.ButterflyExpansion(
                    kind="aes128", value=public.encryption_expansion
                ),
            )
        tbs = dot2.ToBeSignedCertificate(
            id=dot2.CertificateId(kind="none", value=None),
            craca_id=bytes(3),
            crl_series=0,
            validity_period=hours(self.pki.clock.now, YEAR),
            app_permissions=(CAM, DENM),
            verify_key_indicator=dot2.VerificationKeyIndicator(
                kind="verificationKey",
                value=PublicKey.from_sec1(self.caterpillar_curve, public.signing).to_verification_key(),
            ),
        )
        value = change(
            scms.EeRaCertRequest(
                version=2,
                generation_time=now,
                type="explicit",
                tbs_cert=change_tbs(tbs),
                additional_params=scms.AdditionalParams(kind=self.variant, value=params),
            )
        )
        return self._sealed(
            kind, value, by, signer, header or etsi_header(623, now * 10**6), identifier, spoil, ea
        )

    @property
    def caterpillar_curve(self) -> Any:
        from v2xpki.crypto import Curve

        return Curve.NIST_P256

    def _sealed(
        self,
        kind: str,
        value: Any,
        by: Credential,
        signer: Any,
        header: Any,
        identifier: str,
        spoil: Any,
        ea: Any,
    ) -> bytes:
        content = etsi.EtsiTs102941DataContent(kind=kind, value=value)
        plain = sign(
            signer or by.key,
            header,
            payload=wire.encode(etsi.EtsiTs102941Data(version=1, content=content)),
            certificate=by.certificate if identifier != "self" else None,
            identifier=identifier,
        )
        return encrypt(spoil(plain), [ea or self.pki.ea_certificate]).octets

    def send(self, octets: bytes) -> scms.RaEeCertInfo:
        self.request_hash = sha256(octets).digest()[-8:]
        return self.read(self.pki.ea.enrol(octets))

    def request(self, **options: Any) -> scms.RaEeCertInfo:
        return self.send(self.octets(**options))

    def read(self, answer: bytes) -> scms.RaEeCertInfo:
        message = SignedMessage.parse(answer)
        assert message.signer_digest == self.pki.ea_certificate.hashed_id8
        assert message.header._replace(generation_time=None) == dot2.HeaderInfo(psid=623)
        message.verify(self.pki.ea_certificate.verification_key, self.pki.ea_certificate)
        content = wire.decode(etsi.EtsiTs102941Data, message.payload).content
        assert content.kind == "butterflyAuthorizationResponse"
        return content.value

    @property
    def name(self) -> str:
        return self.request_hash.hex().upper()

    def asking_for(
        self, filename: str, *, by: Credential | None = None, age: int = 0, kind: str = "", value: Any = None,
        spoil: Callable[[bytes], bytes] = unchanged,
    ) -> bytes:  # fmt: skip
        now = self.pki.clock.now - age
        value = value or scms.EeRaDownloadRequest(generation_time=now, filename=filename)
        header = etsi_header(623, now * 10**6)
        kind = kind or "butterflyAtDownloadRequest"
        return self._sealed(kind, value, by or self.ec, None, header, "digest", spoil, None)

    def archive(self, period: int, **options: Any) -> bytes:
        found = self.pki.ea.download(self.asking_for(f"{self.name}-{period:X}.zip", **options))
        assert found.is_archive
        return found.octets

    @property
    def supply(self) -> Supply:
        return Supply(self.request_hash, self.caterpillar, (CAM, DENM), None, 0, 0)

    def tickets(self, period: int, archive: bytes | None = None) -> list[Ticket]:
        pki = self.pki
        trust = TrustStore([pki.root])
        trust.add(pki.aa_certificate, pki.clock.now)
        octets = self.archive(period) if archive is None else archive
        return open_archive(octets, self.supply, period, [pki.aa_certificate], trust, pki.clock.time64())


__all__ = ["PERIODS", "POLICY", "Flock", "butterfly_request", "work"]
