"""Electors, a root and its components, with keys in memory and nothing in between; for tests of trust."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.scms_enrolment import signed
from v2xpki import wire
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore import MemoryKey
from v2xpki.secured import scms_header, sign
from v2xpki.trust.scms_ctl import ScmsCtl, ScmsTrust, ctl_signature
from v2xpki.trust.scms_ctl_plan import CtlPlan, assemble, build_ctl
from v2xpki.trust.scms_profiles import scms_profile
from v2xpki.wire import dot2, scms

NOW = 720_000_123
SERIES = b"series-1"
EXTRA: dict[str, dict[str, Any]] = {"LA": {"la_id": 1}, "MA": {"relevant_psids": (32,)}}


@dataclass(frozen=True)
class Own:
    """A certificate with its key."""

    key: MemoryKey = field(repr=False)
    certificate: Certificate


def make(kind: str, issuer: Own | None = None, *, name: str = "", now: int = NOW, **fields: Any) -> Own:
    """One of a kind: of scms.toml, with fields of its ToBeSignedCertificate changed."""
    key = MemoryKey.generate(Curve.NIST_P256)
    profile = scms_profile(kind)
    tbs = profile.build_tbs(
        verification_key=key.public_key,
        encryption_key=key.public_key if profile.encryption_key else None,
        now=now,
        name=name or kind.lower(),
        issuer=issuer.certificate if issuer else None,
        craca_id=issuer.certificate.hashed_id3 if issuer else bytes(3),
        **EXTRA.get(kind, {}),
    )._replace(**fields)
    return Own(key, signed(tbs, issuer.key if issuer else key, issuer.certificate if issuer else None))


def pseudonym(aca: Own, *, start: int = NOW, **fields: Any) -> Own:
    """A pseudonym certificate."""
    key = MemoryKey.generate(Curve.NIST_P256)
    tbs = dot2.ToBeSignedCertificate(
        id=dot2.CertificateId("linkageData", dot2.LinkageData(1, b"\2" * 9)),
        craca_id=b"abc",
        crl_series=1,
        validity_period=dot2.ValidityPeriod(start, dot2.Duration("hours", 169)),
        app_permissions=(dot2.PsidSsp(32, None),),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            "verificationKey", key.public_key.to_verification_key()
        ),
    )._replace(**fields)
    return Own(key, signed(tbs, aca.key, aca.certificate))


def vote(elector: Own, tbs: bytes, identifier: Any = "digest", **changes: Any) -> bytes:
    """An elector's CtlSignatureSpdu for a list."""
    content = ctl_signature(tbs)._replace(**changes)
    inner = scms.CertManagementPdu("tbsCtlSignature", content)
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("cert", inner))
    return sign(
        elector.key,
        scms_header(),
        payload=wire.encode(pdu),
        certificate=elector.certificate,
        identifier=identifier,
    )


def certificates(owners: Sequence[Own]) -> tuple[Certificate, ...]:
    return tuple(own.certificate for own in owners)


@dataclass
class World:
    """Three electors and a root with its components."""

    electors: list[Own]
    root: Own
    components: dict[str, Own]

    @classmethod
    def make(cls) -> "World":
        root = make("SCMS_ROOT")
        parts = {kind: make(kind, root) for kind in ("ECA", "RA", "ACA", "LA", "MA", "CRLG")}
        return cls([make("ELECTOR", name=f"elector{n}") for n in (1, 2, 3)], root, parts)

    def plan(self, **changes: Any) -> CtlPlan:
        fields: dict[str, Any] = {
            "series": SERIES,
            "sequence": 1,
            "effective": NOW,
            "electors": certificates(self.electors),
            "roots": (self.root.certificate,),
            "quorum": 2,
        }
        return CtlPlan(**fields | changes)

    def ctl(
        self, *, voters: Sequence[Own] | None = None, before: ScmsCtl | None = None, **changes: Any
    ) -> ScmsCtl:
        """A list, signed by these; by default the first two electors."""
        plan = self.plan(**changes)
        tbs = build_ctl(plan, before)
        votes = [vote(own, tbs) for own in (self.electors[:2] if voters is None else voters)]
        return ScmsCtl.parse(assemble(tbs, votes, [*plan.electors, *plan.roots]))

    def trust(self, **options: Any) -> ScmsTrust:
        return ScmsTrust(certificates(self.electors), 2, **options)
