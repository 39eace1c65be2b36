"""An RA's part around a real ACA, for the tests of devices: what it packs, made directly."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from v2xpki import wire
from v2xpki.bench.scms_laboratory import BUTTERFLY, CUBK, PLVS, ScmsLaboratory
from v2xpki.crypto import Caterpillar, Curve, PublicKey
from v2xpki.keystore import MemoryKey, MemoryKeystore
from v2xpki.secured import SignedMessage
from v2xpki.station.scms.enrolment import Enrolled
from v2xpki.station.scms.requests import CertificateWish
from v2xpki.time import FixedClock
from v2xpki.trust.periods import Periods
from v2xpki.trust.scms_devices import EE_PERMISSIONS
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.wire import dot2, scms

NOW = 721_500_123  # in period 26A: a name with a letter
P256 = Curve.NIST_P256
PERIODS = Periods(347_619_603, 604_800, 3600)
PERIOD = PERIODS.at(NOW)
BSM = (dot2.PsidSsp(32, None),)
WISH = CertificateWish("pseudonym", BSM, dot2.ValidityPeriod(0, dot2.Duration("hours", 0)))


class Lab(ScmsLaboratory):
    """An ACA, root and RA in memory, that make the files of a device."""

    def __init__(self, directory: Path, clock: FixedClock | None = None) -> None:
        super().__init__(directory, MemoryKeystore("test"), clock or FixedClock(NOW))
        self.chains = ScmsChains([self.root], [self.aca_certificate, self.ra])

    def asked(
        self, caterpillar: Caterpillar, i: int, js: Sequence[int], wish: CertificateWish = WISH
    ) -> list[bytes]:
        """The RaAcaCertRequests of a device's period."""
        made = []
        for cocoon in caterpillar.cocoons(i, js):
            cubk = caterpillar.variant == "compactUnified"
            key = PublicKey.from_sec1(P256, cocoon.signing)
            request = self.request(key, plvs=PLVS, cubk=cubk, i=i)
            encryption = None if cubk else PublicKey.from_sec1(P256, cocoon.encryption).to_encryption_key()
            pseudonym = wish.kind == "pseudonym"
            tbs = request.tbs_cert._replace(
                app_permissions=wish.permissions,
                region=wish.region,
                validity_period=PERIODS.validity_of(i, self.aca_certificate.start),
            )
            if not pseudonym:
                tbs = tbs._replace(id=dot2.CertificateId("none", None))
            request = request._replace(
                tbs_cert=tbs,
                cert_enc_key=encryption,
                flags=BUTTERFLY | (CUBK if cubk else 0),
                linkage_info=request.linkage_info if pseudonym else None,
            )
            made.append(self.signed(request))
        return made

    def responses(
        self, caterpillar: Caterpillar, i: int, js: Sequence[int], wish: CertificateWish = WISH
    ) -> dict[int, bytes]:
        """The entries of a period's file, by j, as the ACA made them."""
        answers = self.aca.certify(self.asked(caterpillar, i, js, wish))
        return {j: entry_of(answer) for j, answer in zip(js, answers, strict=True)}

    def archive(self, caterpillar: Caterpillar, i: int, js: Sequence[int], **options: Any) -> bytes:
        """The file of a period."""
        return zipped(
            {f"{i:X}_{j:X}": one for j, one in self.responses(caterpillar, i, js, **options).items()}
        )

    def own_entry(self, signing: bytes, encryption: bytes | None, tbs: Mapping[str, Any]) -> bytes:
        """The entry of an application certificate, of the device's own key."""
        request = self.request(PublicKey.from_sec1(P256, signing))
        key = None if encryption is None else PublicKey.from_sec1(P256, encryption).to_encryption_key()
        made = request.tbs_cert._replace(id=dot2.CertificateId("none", None), **tbs)
        request = request._replace(flags=0, linkage_info=None, tbs_cert=made, cert_enc_key=key)
        return entry_of(self.aca.certify([self.signed(request)])[0])

    def enrolled(self, end_hours: int = 24 * 365) -> Enrolled:
        """An enrolment certificate, signed by the root in the ECA's place: these tests verify none of it."""
        key = MemoryKey.generate(P256)
        tbs = dot2.ToBeSignedCertificate(
            id=dot2.CertificateId("none", None),
            craca_id=self.root.hashed_id3,
            crl_series=4,
            validity_period=dot2.ValidityPeriod(NOW - 100, dot2.Duration("hours", end_hours)),
            app_permissions=EE_PERMISSIONS,
            verify_key_indicator=dot2.VerificationKeyIndicator(
                "verificationKey", key.public_key.to_verification_key()
            ),
        )
        return Enrolled(key, self.certify(tbs, self.root), (self.root,))


def entry_of(answer: Any) -> bytes:
    """The response for the device in an AcaRaCertResponse."""
    assert isinstance(answer, bytes), answer
    pdu = wire.decode(scms.ScmsPdu, SignedMessage.parse(answer).payload)
    response: Any = pdu.content.value
    return wire.encode(response.value.aca_response.value)


def zipped(entries: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP of these entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, octets in entries.items():
            archive.writestr(name, octets)
    return file.getvalue()
