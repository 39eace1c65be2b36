"""A small PKI in memory: a root, TLM, EA, AA, credentials and tickets, made by the shipped profiles."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from v2xpki import secured, wire
from v2xpki.crypto import Certificate, Curve, signature_record, signing_digest
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import etsi_header
from v2xpki.trust.lists import (
    AaEntry,
    CrlSchedule,
    CtlSchedule,
    DcEntry,
    EaEntry,
    EctlSchedule,
    RcaEntry,
    TlmEntry,
    build_crl,
    build_ctl,
    build_ectl,
)
from v2xpki.trust.profiles import bitmap_ssp, profile
from v2xpki.wire import dot2, etsi

NOW = 707_356_805  # 2026-06-01T00:00:00Z
BASE = "http://127.0.0.1:8080"


@dataclass
class Identity:
    """A certificate with its private key."""

    certificate: Certificate
    key: MemoryKey


def sign_tbs(
    tbs: dot2.ToBeSignedCertificate, issuer: Identity | None, key: MemoryKey | None = None, **change: object
) -> Certificate:
    """A certificate of `tbs`; issuer None: by `key` itself. `change` replaces fields after the signature."""
    signer = issuer.key if issuer else key
    assert signer is not None
    curve = signer.curve
    if issuer is None:
        named = dot2.IssuerIdentifier(kind="self", value=curve.hash)
        signer_octets = b""
    else:
        named = dot2.IssuerIdentifier(kind=f"{curve.hash}AndDigest", value=issuer.certificate.hashed_id8)
        signer_octets = issuer.certificate.octets
    raw = signer.sign(signing_digest(curve.hash, wire.encode(tbs), signer_octets))
    record = dot2.Certificate(
        version=3, type="explicit", issuer=named, to_be_signed=tbs, signature=signature_record(curve, raw)
    )
    return Certificate.of(record._replace(**change))


def services(**held: str) -> tuple[dot2.PsidSsp, ...]:
    """services(p36="010000") -> appPermissions."""
    return tuple(
        dot2.PsidSsp(psid=int(name[1:]), ssp=bitmap_ssp(bytes.fromhex(ssp))) for name, ssp in held.items()
    )


CAM_DENM = services(p36="010000", p37="01000000")


def changed(tbs: dot2.ToBeSignedCertificate, **fields: object) -> dot2.ToBeSignedCertificate:
    return tbs._replace(**fields)


@dataclass
class Pki:
    """Everything signed by memory keys; `make` issues more of it, wrong ones too."""

    now: int = NOW
    root_curve: Curve = Curve.BRAINPOOL_P384R1
    curve: Curve = Curve.NIST_P256
    region: dot2.GeographicRegion | None = None
    known: dict[str, Identity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = self.make("RCA", None, name="Root", region=self.region)
        self.tlm = self.make("TLM", None, name="TLM")
        self.ea = self.make("EA", self.root, name="EA")
        self.aa = self.make("AA", self.root, name="AA")
        self.ec = self.make("EC", self.ea, name="station")
        self.at = self.make("AT", self.aa, app_permissions=CAM_DENM)

    def tbs(
        self, kind: str, issuer: Identity | None, key: MemoryKey, **options: object
    ) -> dot2.ToBeSignedCertificate:
        if profile(kind).encryption_key == "required":
            options.setdefault("encryption_key", MemoryKey(Curve.NIST_P256).public_key)
        return profile(kind).build_tbs(
            verification_key=key.public_key,
            now=self.now,
            issuer=issuer.certificate if issuer else None,
            **options,
        )

    def make(
        self,
        kind: str,
        issuer: Identity | None,
        *,
        change: dict | None = None,
        record: dict | None = None,
        **options,
    ) -> Identity:
        """A signed certificate; `change` spoils the tbs before, `record` the certificate after signing."""
        key = MemoryKey(self.root_curve if issuer is None else self.curve)
        tbs = self.tbs(kind, issuer, key, **options)._replace(**(change or {}))
        return Identity(sign_tbs(tbs, issuer, key, **(record or {})), key)

    def ticket(self, **options) -> Identity:
        options.setdefault("app_permissions", CAM_DENM)
        return self.make("AT", options.pop("issuer", self.aa), **options)

    def message(
        self, signer: Identity, psid: int = 36, *, time64: int | None = None, payload: bytes = b"\2\2cam",
        identifier: str = "certificate", **header,
    ) -> bytes:  # fmt: skip
        stamp = self.now * 1_000_000 if time64 is None else time64
        return secured.sign(
            signer.key, etsi_header(psid, stamp)._replace(**header), payload=payload,
            certificate=None if identifier == "self" else signer.certificate, identifier=identifier,
        )  # fmt: skip

    def signed_list(
        self,
        data: etsi.EtsiTs102941Data,
        signer: Identity,
        psid: int,
        *,
        identifier: str = "certificate",
        **header,
    ) -> bytes:
        return secured.sign(
            signer.key, etsi_header(psid, self.now * 1_000_000)._replace(**header), payload=wire.encode(data),
            certificate=signer.certificate, identifier=identifier,
        )  # fmt: skip

    def ctl(
        self, entries: Sequence | None = None, schedule: CtlSchedule | None = None
    ) -> etsi.EtsiTs102941Data:
        return build_ctl(
            self.root.certificate,
            schedule or CtlSchedule(self.now, self.now + 90 * 86400, 0),
            self.ctl_entries() if entries is None else entries,
        )

    def ctl_entries(self) -> list:
        return [
            EaEntry(self.ea.certificate, f"{BASE}/ea/validation", f"{BASE}/ea"),
            AaEntry(self.aa.certificate, f"{BASE}/aa"),
            DcEntry(f"{BASE}/dc", (self.root.certificate.hashed_id8,)),
        ]

    def ectl(
        self, entries: Sequence | None = None, schedule: EctlSchedule | None = None
    ) -> etsi.EtsiTs102941Data:
        return build_ectl(
            self.tlm.certificate,
            schedule or EctlSchedule(self.now, self.now + 90 * 86400, 0),
            self.ectl_entries() if entries is None else entries,
        )

    def ectl_entries(self) -> list:
        return [
            RcaEntry(self.root.certificate),
            TlmEntry(self.tlm.certificate, f"{BASE}/cpoc"),
            DcEntry(f"{BASE}/dc", (self.root.certificate.hashed_id8,)),
        ]

    def crl(self, revoked: Sequence[Certificate] = ()) -> etsi.EtsiTs102941Data:
        return build_crl(self.root.certificate, CrlSchedule(self.now, self.now + 90 * 86400), revoked)
