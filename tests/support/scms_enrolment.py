"""A root and an ECA of an SCMS, and devices that enrol, all in one process."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from v2xpki import wire
from v2xpki.authorities.scms.devices import DeviceRegister, KnownDevice, NewDevice
from v2xpki.authorities.scms.eca import EnrolmentCa
from v2xpki.config import EcaPolicy
from v2xpki.crypto import Certificate, Curve, PublicKey, signature_record, signing_digest
from v2xpki.errors import KeyRefused
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel, Keystore, MemoryKey, MemoryKeystore
from v2xpki.station.scms.enrolment import DeviceIdentity
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock
from v2xpki.trust.regions import from_table
from v2xpki.trust.scms_enrolment import lint_enrolment
from v2xpki.wire import dot2, scms

NOW = 707_356_805
LABEL = KeyLabel("eca", "sign")
P256 = Curve.NIST_P256
HOME = from_table({"countries": [410, 840]})
COUNTRY = from_table({"countries": [410]})
_SSPS = {"root": scms.RootCaSsp(2), "eca": scms.EcaSsp(2), "ra": scms.RaSsp(2)}
_ALL = dot2.SubjectPermissions("all", None)
ROOT_GROUPS = (dot2.PsidGroupPermissions(_ALL, 1, -1, 0xC0),)
ECA_GROUPS = (dot2.PsidGroupPermissions(_ALL, 1, 0, 0x40),)


def component_tbs(role: str, key: PublicKey, **fields: Any) -> dot2.ToBeSignedCertificate:
    """The shape of the recorded certificates of components."""
    ssp = wire.encode(scms.SecurityMgmtSsp(role, _SSPS[role]))  # type: ignore[arg-type]
    return dot2.ToBeSignedCertificate(
        id=dot2.CertificateId("name", f"{role}.example"),
        craca_id=b"STX",
        crl_series=2,
        validity_period=dot2.ValidityPeriod(NOW - 1000, dot2.Duration("years", 20)),
        app_permissions=(dot2.PsidSsp(35, dot2.ServiceSpecificPermissions("opaque", ssp)),),
        verify_key_indicator=dot2.VerificationKeyIndicator("verificationKey", key.to_verification_key()),
    )._replace(**fields)


def signed(
    tbs: dot2.ToBeSignedCertificate, signer: MemoryKey, issuer: Certificate | None = None
) -> Certificate:
    """The explicit certificate; issuer None: signed by itself."""
    name: Any = (
        dot2.IssuerIdentifier("self", "sha256")
        if issuer is None
        else dot2.IssuerIdentifier("sha256AndDigest", issuer.hashed_id8)
    )
    raw = signer.sign(signing_digest("sha256", wire.encode(tbs), issuer.octets if issuer else b""))
    return Certificate.of(
        dot2.CertificateBase(3, "explicit", name, tbs, signature_record(signer.public_key.curve, raw))
    )


@dataclass
class Notes:
    """An observer that counts."""

    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def answered(self, flow: str, outcome: str, why: str) -> None:
        self.seen[flow, outcome] += 1


@dataclass
class EcaLab:
    """An ECA at work."""

    root_key: MemoryKey
    root: Certificate
    certificate: Certificate
    keystore: Keystore
    database: Database
    clock: FixedClock
    notes: Notes
    register: DeviceRegister
    eca: EnrolmentCa

    @classmethod
    def make(
        cls,
        url: str,
        *,
        keystore: Keystore | None = None,
        policy: EcaPolicy | None = None,
        root_key: MemoryKey | None = None,
        eca_fields: dict[str, Any] | None = None,
        **options: Any,
    ) -> "EcaLab":
        clock = FixedClock(NOW)
        if keystore is None:
            keystore = MemoryKeystore("test")
        try:
            key = keystore.generate(LABEL, P256)
        except KeyRefused:  # of an earlier test
            key = keystore.public_key(LABEL)
        root_key = root_key or MemoryKey.generate(P256)
        root = signed(
            component_tbs("root", root_key.public_key, cert_issue_permissions=ROOT_GROUPS), root_key
        )
        fields = {"cert_issue_permissions": ECA_GROUPS, "region": HOME} | (eca_fields or {})
        period = dot2.ValidityPeriod(NOW - 500, dot2.Duration("years", 10))
        own = signed(component_tbs("eca", key, validity_period=period, **fields), root_key, root)
        database = Database.open(url, clock=clock)
        upgrade(database, "eca")
        notes = Notes()
        eca = cls.authority(keystore, own, root, database, clock, policy=policy, observer=notes, **options)
        register = DeviceRegister(database)
        return cls(root_key, root, own, keystore, database, clock, notes, register, eca)

    @staticmethod
    def authority(
        keystore: Keystore,
        own: Certificate,
        root: Certificate,
        database: Database,
        clock: FixedClock,
        **options: Any,
    ) -> EnrolmentCa:
        return EnrolmentCa(
            issuer=Issuer.open(keystore, LABEL, own, database, clock, linter=lint_enrolment),
            responder=keystore.scms_responder(LABEL, own),
            chain=[own, root],
            database=database,
            clock=clock,
            **options,
        )

    def device(
        self, canonical_id: str = "OBU-1", profile: str = "obe", region: Any = None
    ) -> tuple[DeviceIdentity, KnownDevice]:
        """A registered device, on both sides."""
        key = MemoryKey.generate(P256)
        known = self.register.register(NewDevice(canonical_id, key.public_key, profile, region))
        return DeviceIdentity(canonical_id, key), known
