"""An RA with an ECA beside it, and devices that ask, all in one process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.scms_enrolment import NOW, P256, EcaLab, Notes, component_tbs, signed
from v2xpki import wire
from v2xpki.authorities.scms.ra import RegistrationAuthority
from v2xpki.authorities.scms.ra_reasons import RaReason, RefusedRequest
from v2xpki.authorities.scms.ra_requests import OwnCertificate
from v2xpki.authorities.scms.ra_trust import KnownEcas
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Certificate, PrivateCaterpillar, PublicKey
from v2xpki.errors import LinkError
from v2xpki.keystore import KeyLabel, Keystore, MemoryKey, MemoryKeystore
from v2xpki.secured import SignedMessage, encrypt, scms_header, sign, sign_request, unsecured
from v2xpki.station.scms.enrolment import Enrolled, EnrolmentWish, accept, ask
from v2xpki.store import Database, upgrade
from v2xpki.store.base import table_of
from v2xpki.store.ra import PACKED, RaBatch, RaRequest
from v2xpki.time import FixedClock
from v2xpki.trust.scms_devices import EE_PERMISSIONS, request_permissions
from v2xpki.wire import dot2, scms

SIGNING, SEALING = KeyLabel("ra", "sign"), KeyLabel("ra", "encrypt")
BSM = (dot2.PsidSsp(32, None),)
WSA = (dot2.PsidSsp(135, None),)
OPEN = dot2.ValidityPeriod(0, dot2.Duration("hours", 0))
LINKAGE = dot2.CertificateId("linkageData", dot2.LinkageData(0, bytes(9)))
NONE = dot2.CertificateId("none", None)
EVERYTHING = dot2.SspRange("all", None)
RA_GROUPS = request_permissions([dot2.PsidSspRange(psid, EVERYTHING) for psid in (32, 36, 37, 130, 131, 135)])
DEVICE_RANGES = tuple(dot2.PsidSspRange(psid, EVERYTHING) for psid in (32, 130, 135))


class Info:
    """What a distribution would know."""

    def __init__(self) -> None:
        self.status = scms.CertificateManagementInfoStatus(
            crl=(scms.CrlInfoStatus(b"CRACA678", 1, NOW - 60),),
            ctl=(scms.CtlInfoStatus(b"SERIES78", 3, NOW - 120),),
            ca_ccf=NOW - 180,
            ma=(),
        )

    def info_status(self) -> scms.CertificateManagementInfoStatus:
        return self.status


@dataclass
class EcaDoor:
    """An EcaLink; `down` is a switch. answer: instead of the ECA's own."""

    eca: EcaLab
    down: bool = False
    answer: bytes = b""

    def succeed(self, request: bytes) -> bytes:
        if self.down:
            raise LinkError("the ECA is not there")
        return self.answer or self.eca.eca.succeed(request)


@dataclass
class RaLab:
    """An RA at work. ca_key: of an ECA that gives whatever is asked of `enrolled`; eca: a real one."""

    eca: EcaLab
    ca_key: MemoryKey
    ca: Certificate
    certificate: Certificate
    database: Database
    clock: FixedClock
    notes: Notes
    info: Info
    revoked: set[bytes]
    door: EcaDoor
    open: Callable[..., RegistrationAuthority]
    ra: RegistrationAuthority

    @classmethod
    def make(
        cls,
        directory: Path,
        *,
        url: str | None = None,
        keystore: Keystore | None = None,
        policy: ScmsPolicy | None = None,
        ra_fields: dict[str, Any] | None = None,
        ca_fields: dict[str, Any] | None = None,
        **options: Any,
    ) -> "RaLab":
        eca = EcaLab.make(f"sqlite:///{directory}/eca.db", eca_fields={"region": None})
        keystore = keystore or MemoryKeystore("test")
        keys = [keystore.generate(label, P256) for label in (SIGNING, SEALING)]
        groups = {"cert_issue_permissions": eca.certificate.record.to_be_signed.cert_issue_permissions}
        ca_key = MemoryKey.generate(P256)
        period = dot2.ValidityPeriod(NOW - 500, dot2.Duration("years", 10))
        fields = {"validity_period": period, **groups, **(ca_fields or {})}
        ca = signed(component_tbs("eca", ca_key.public_key, **fields), eca.root_key, eca.root)
        tbs = component_tbs(
            "ra",
            keys[0],
            encryption_key=keys[1].to_encryption_key(),
            cert_request_permissions=RA_GROUPS,
            validity_period=period,
        )._replace(**(ra_fields or {}))
        own = signed(tbs, eca.root_key, eca.root)
        clock = eca.clock
        database = Database.open(url or f"sqlite:///{directory}/ra.db", clock=clock)
        upgrade(database, "ra")
        notes, info, revoked, door = Notes(), Info(), set[bytes](), EcaDoor(eca)

        def open_ra(database: Database = database) -> RegistrationAuthority:
            assert keystore is not None
            chains = [[ca], [eca.certificate, eca.root]]
            return RegistrationAuthority(
                own=[OwnCertificate(own, keystore.agreer(SEALING))],
                responder=keystore.scms_responder(SIGNING, own),
                database=database,
                clock=clock,
                ecas=KnownEcas.of(chains, [eca.root], NOW, lambda c: c.hashed_id8 in revoked),
                eca=door,
                info=info,
                policy=policy,
                observer=notes,
                **options,
            )

        return cls(eca, ca_key, ca, own, database, clock, notes, info, revoked, door, open_ra, open_ra())

    def close(self) -> None:
        self.ra.close()
        self.eca.eca.close()
        self.database.close()
        self.eca.database.close()

    def stranger(self) -> tuple[MemoryKey, Certificate]:
        """An ECA of the same root that this RA does not go by."""
        key = MemoryKey.generate(P256)
        groups = self.ca.record.to_be_signed.cert_issue_permissions
        tbs = component_tbs("eca", key.public_key, cert_issue_permissions=groups)
        return key, signed(tbs, self.eca.root_key, self.eca.root)

    def enrol(self, name: str = "OBU-1") -> "Vehicle":
        """A device with a certificate of the real ECA."""
        identity, _ = self.eca.device(name)
        pending = ask(identity, EnrolmentWish(), self.clock.now)
        return Vehicle(
            self, accept(pending, self.eca.eca.enrol(pending.request), [self.eca.root], self.clock.now)
        )

    def vehicle(self, *, ca: tuple[MemoryKey, Certificate] | None = None, **fields: Any) -> "Vehicle":
        """A device with an enrolment certificate as it is told."""
        ca_key, issuer = ca or (self.ca_key, self.ca)
        key = MemoryKey.generate(P256)
        tbs = dot2.ToBeSignedCertificate(
            id=NONE,
            craca_id=issuer.hashed_id3,
            crl_series=4,
            validity_period=dot2.ValidityPeriod(NOW - 100, dot2.Duration("years", 3)),
            app_permissions=EE_PERMISSIONS,
            cert_request_permissions=request_permissions(DEVICE_RANGES),
            verify_key_indicator=_verifying(key.public_key),
        )._replace(**fields)
        return Vehicle(self, Enrolled(key, signed(tbs, ca_key, issuer), (issuer,)))


@dataclass
class Vehicle:
    """A device that asks. caterpillar: what it asks with, one for all its requests."""

    lab: RaLab
    enrolled: Enrolled
    caterpillar: PrivateCaterpillar = field(default_factory=lambda: PrivateCaterpillar.generate("unified"))

    @property
    def certificate(self) -> Certificate:
        return self.enrolled.certificate

    def fresh(self, variant: Any = "unified") -> "Vehicle":
        """The same device with other keys."""
        return replace(self, caterpillar=PrivateCaterpillar.generate(variant))

    def wish(self, *, kind: str = "pseudonym", **tbs: Any) -> scms.EeRaCertRequest:
        """What it asks for; fields of the ToBeSignedCertificate may be others."""
        caterpillar = self.caterpillar.public()
        key = PublicKey.from_sec1(P256, caterpillar.signing)
        made = dot2.ToBeSignedCertificate(
            id=LINKAGE if kind == "pseudonym" else NONE,
            craca_id=bytes(3),
            crl_series=0,
            validity_period=OPEN,
            app_permissions=WSA if kind == "application" else BSM,
            verify_key_indicator=_verifying(key),
        )._replace(**tbs)
        return scms.EeRaCertRequest(
            version=2,
            generation_time=self.lab.clock.now,
            type="explicit",
            tbs_cert=made,
            additional_params=None if kind == "application" else self.params(),
        )

    def params(self) -> scms.AdditionalParams:
        public = self.caterpillar.public()
        signing = scms.ButterflyExpansion("aes128", public.signing_expansion)
        if public.encryption is None or public.encryption_expansion is None:
            return scms.AdditionalParams(public.variant, signing)
        key = PublicKey.from_sec1(P256, public.encryption).to_encryption_key()
        expansion = scms.ButterflyExpansion("aes128", public.encryption_expansion)
        return scms.AdditionalParams("original", scms.ButterflyParamsOriginal(signing, key, expansion))

    def signed(
        self, asked: scms.EeRaCertRequest, *, identifier: Any = "certificate", key: MemoryKey | None = None
    ) -> bytes:
        """The SPDU that the RA finds inside."""
        inner = scms.EeRaInterfacePdu("eeRaCertRequest", asked)
        pdu = scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", inner))
        if key is None:
            return sign_request(self.enrolled.key, pdu, certificate=self.certificate, identifier=identifier)
        # as by someone who has the certificate and not its key
        forged = sign_request(key, pdu, identifier="self")
        content = wire.decode(dot2.Ieee1609Dot2Data, forged).content.value
        assert isinstance(content, bytes)
        record, _ = wire.decode_certificate_request(content)
        record = record._replace(signer=dot2.SignerIdentifier("certificate", (self.certificate.record,)))
        data = dot2.Ieee1609Dot2Content("signedCertificateRequest", wire.encode(record))
        return wire.encode(dot2.Ieee1609Dot2Data(3, data))

    def request(self, asked: scms.EeRaCertRequest | None = None, **options: Any) -> bytes:
        """The encrypted request."""
        return self.sealed(self.signed(asked or self.wish(), **options))

    def sealed(self, octets: bytes) -> bytes:
        return encrypt(octets, [self.lab.certificate]).octets

    def download(self, filename: str, *, identifier: Any = "certificate", header: Any = None) -> bytes:
        """The encrypted request for a file."""
        message = sign(
            self.enrolled.key,
            header or scms_header(),
            payload=download_pdu(filename, self.lab.clock.now),
            certificate=self.certificate,
            identifier=identifier,
        )
        return self.sealed(message)


def download_pdu(filename: str, now: int) -> bytes:
    inner = scms.EeRaInterfacePdu("eeRaDownloadRequest", scms.EeRaDownloadRequest(now, filename))
    return wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", inner)))


def plain_download(filename: str, now: int) -> bytes:
    return unsecured(download_pdu(filename, now))


def acknowledged(lab: RaLab, answer: bytes) -> scms.RaEeCertAck:
    """The RaEeCertAck of an answer, verified."""
    message = SignedMessage.parse(answer)
    message.verify(lab.certificate.verification_key, lab.certificate)
    assert message.signer_certificates == (lab.certificate,) and message.header == dot2.HeaderInfo(psid=35)
    ack = wire.decode(scms.ScmsPdu, message.payload).content.value.value  # type: ignore[union-attr]
    assert isinstance(ack, scms.RaEeCertAck)
    return ack


def information(octets: bytes) -> scms.RaEeCertInfo:
    """The RaEeCertInfo of a .info file."""
    content: Any = wire.decode(dot2.Ieee1609Dot2Data, octets).content
    assert content.kind == "unsecuredData"
    info = wire.decode(scms.ScmsPdu, content.value).content.value.value  # type: ignore[union-attr]
    assert isinstance(info, scms.RaEeCertInfo)
    return info


def refused(reason: RaReason, call: Callable[..., Any], *arguments: Any) -> None:
    """That a call is refused, for this reason."""
    with pytest.raises(RefusedRequest) as caught:
        call(*arguments)
    assert caught.value.reason is reason, f"{caught.value.reason.name}: {caught.value}"


def rows(lab: RaLab, model: Any) -> list[Any]:
    """All rows of a table."""
    with lab.database.read() as tx:
        return list(tx.execute(sa.select(table_of(model))))


def pack(lab: RaLab, request: bytes, archive: bytes = b"a ZIP") -> list[int]:
    """As the line does in the end: each batch of a request has its file. The periods."""
    batch, of = table_of(RaBatch), table_of(RaRequest)
    with lab.database.write(durable=False) as tx:
        (id_,) = tx.execute(
            sa.select(of.c.id).where(of.c.request_hash == sha256(request).digest()[-8:])
        ).one()
        tx.execute(sa.update(batch).where(batch.c.request == id_).values(state=PACKED, archive=archive))
        found = tx.execute(sa.select(batch.c.period).where(batch.c.request == id_).order_by(batch.c.period))
        return list(found.scalars())


def stem(request: bytes) -> str:
    """What the files of a request are named by."""
    return sha256(request).digest()[-8:].hex().upper()


def ranges(*psids: int) -> Sequence[dot2.PsidSspRange]:
    return [dot2.PsidSspRange(psid, EVERYTHING) for psid in psids]


def _verifying(key: PublicKey) -> dot2.VerificationKeyIndicator:
    return dot2.VerificationKeyIndicator("verificationKey", key.to_verification_key())
