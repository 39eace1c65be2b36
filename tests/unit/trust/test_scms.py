"""Certificates of an SCMS's components: as recorded deployments have them, and held to their rules."""

import json
from pathlib import Path

import pytest

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import ConfigError, PermissionDenied
from v2xpki.keystore import MemoryKey
from v2xpki.trust.permissions import Grants
from v2xpki.trust.scms_lint import lint_scms_tbs
from v2xpki.trust.scms_profiles import COMPONENTS, role_of, scms_profile, scms_profiles
from v2xpki.wire import dot2, scms

NOW = 720_000_123
EXTRA = {"LA": {"la_id": 7}, "MA": {"relevant_psids": (32,)}}


@pytest.fixture(scope="module")
def key() -> MemoryKey:
    return MemoryKey.generate(Curve.NIST_P256)


@pytest.fixture(scope="module")
def root(key: MemoryKey) -> Certificate:
    tbs = scms_profile("SCMS_ROOT").build_tbs(verification_key=key.public_key, now=NOW, name="root")
    return Certificate.of(unsigned(tbs, dot2.IssuerIdentifier("self", "sha256")))


def unsigned(tbs: dot2.ToBeSignedCertificate, issuer: dot2.IssuerIdentifier) -> dot2.CertificateBase:
    r = dot2.EccP256CurvePoint("x-only", b"\1" * 32)
    signature = dot2.Signature("ecdsaNistP256Signature", dot2.EcdsaP256Signature(r, b"\1" * 32))
    return dot2.CertificateBase(3, "explicit", issuer, tbs, signature)


def component(kind: str, key: MemoryKey, root: Certificate | None) -> dot2.ToBeSignedCertificate:
    encryption = key.public_key if scms_profile(kind).encryption_key else None
    issuer = None if scms_profile(kind).self_signed else root
    return scms_profile(kind).build_tbs(
        verification_key=key.public_key, now=NOW, name=kind.lower(), issuer=issuer, encryption_key=encryption,
        craca_id=root.hashed_id3 if root else bytes(3), **EXTRA.get(kind, {}),
    )  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in COMPONENTS if kind != "SCMS_ROOT"])
def test_a_component_holds_its_role_and_breaks_no_rule(kind: str, key: MemoryKey, root: Certificate):
    tbs = component(kind, key, root)
    above, other = (None, root) if scms_profile(kind).self_signed else (root, None)
    assert lint_scms_tbs(tbs, kind, above) == []
    assert "e_scms_issuer" in rules(tbs, kind, other)
    made = Certificate.of(unsigned(tbs, dot2.IssuerIdentifier("sha256AndDigest", root.hashed_id8)))
    assert wire.decode(dot2.Certificate, made.octets) == made.record
    role = role_of(made)
    assert role is not None and role.kind == scms_profile(kind).role and role.value.version == 2
    others = [
        other for other in COMPONENTS if scms_profile(other).role not in (scms_profile(kind).role, "root")
    ]
    assert all("e_scms_role" in rules(tbs, other, root) for other in others)


def rules(tbs: dot2.ToBeSignedCertificate, kind: str, issuer: Certificate | None) -> list[str]:
    return [finding.rule.id for finding in lint_scms_tbs(tbs, kind, issuer)]


def test_the_root_breaks_no_rule(root: Certificate):
    assert rules(root.record.to_be_signed, "SCMS_ROOT", None) == []


def test_the_recorded_components_have_the_same_shape(shared_vectors: Path, key, root):
    session = json.loads((shared_vectors / "scms_butterfly_end_to_end.json").read_text())
    for name, kind in (("pca_certificate", "ACA"), ("ra_certificate", "RA")):
        recorded = Certificate.parse(bytes.fromhex(session[name])).record.to_be_signed
        ours = component(kind, key, root)
        assert recorded.id.kind == ours.id.kind == "name"
        assert [entry.psid for entry in recorded.app_permissions] == [35]
        # the alternative of the role; what follows grew a version between the editions
        assert recorded.app_permissions[0].ssp.value[:1] == ours.app_permissions[0].ssp.value[:1]
        assert recorded.encryption_key is not None and ours.encryption_key is not None


def test_calls_that_make_no_component_are_refused(key: MemoryKey, root: Certificate):
    profile = scms_profile("ACA")
    common = {"verification_key": key.public_key, "now": NOW, "name": "x"}
    with pytest.raises(ConfigError, match="issuer"):
        profile.build_tbs(**common, encryption_key=key.public_key)
    with pytest.raises(ConfigError, match="encryptionKey"):
        profile.build_tbs(**common, issuer=root)
    with pytest.raises(ConfigError, match="SSP"):
        scms_profile("LA").build_tbs(**common, issuer=root, encryption_key=key.public_key)
    with pytest.raises(PermissionDenied):
        profile.build_tbs(**{**common, "now": root.end + 1}, issuer=root, encryption_key=key.public_key)
    with pytest.raises(ConfigError, match="no SCMS profile"):
        scms_profile("PCA")
    assert set(scms_profiles()) == set(COMPONENTS)


def test_an_elector_does_nothing_but_sign(key: MemoryKey, root: Certificate):
    tbs = component("ELECTOR", key, root)
    issues = scms_profile("SCMS_ROOT").cert_issue_permissions
    assert "e_scms_elector" in rules(tbs._replace(cert_issue_permissions=issues), "ELECTOR", None)


def test_what_an_ra_may_ask_for_is_in_its_certificate(key: MemoryKey, root: Certificate):
    grants = Grants(component("RA", key, root).cert_request_permissions)
    grants.check_requested([dot2.PsidSsp(32, None)])
    with pytest.raises(PermissionDenied, match="psid 99"):
        grants.check_requested([dot2.PsidSsp(99, None)])
    with pytest.raises(PermissionDenied):
        Grants(component("ACA", key, root).cert_request_permissions).check_requested([dot2.PsidSsp(32, None)])


def pseudonym(key: MemoryKey) -> dot2.ToBeSignedCertificate:
    return dot2.ToBeSignedCertificate(
        id=dot2.CertificateId("linkageData", dot2.LinkageData(1, b"\2" * 9)),
        craca_id=b"abc",
        crl_series=1,
        validity_period=dot2.ValidityPeriod(NOW, dot2.Duration("hours", 169)),
        app_permissions=(dot2.PsidSsp(32, None),),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            "verificationKey", key.public_key.to_verification_key()
        ),
    )


ROLE = dot2.PsidSsp(35, dot2.ServiceSpecificPermissions("opaque", wire.encode(
    scms.SecurityMgmtSsp("aca", scms.AcaSsp(2)))))  # fmt: skip
BROKEN = {
    "e_scms_id": {"id": dot2.CertificateId("name", "me")},
    "e_scms_craca": {"craca_id": bytes(3)},
    "e_scms_role": {"app_permissions": (ROLE,)},
    "e_scms_app_permissions": {"app_permissions": ()},
    "e_scms_end": {"flags": 0x80},
    "e_scms_validity": {"validity_period": dot2.ValidityPeriod(NOW, dot2.Duration("years", 30))},
    "e_scms_verify_key": {
        "verify_key_indicator": dot2.VerificationKeyIndicator(
            "reconstructionValue", dot2.EccP256CurvePoint("x-only", bytes(32))
        )
    },
    "e_scms_permissions": {"app_permissions": (dot2.PsidSsp(99, None),)},
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_pseudonym_that_breaks_a_rule_is_told(rule: str, key: MemoryKey, root: Certificate):
    tbs = component("ACA", key, root)
    aca = Certificate.of(unsigned(tbs, dot2.IssuerIdentifier("sha256AndDigest", root.hashed_id8)))
    sound = pseudonym(key)
    assert rules(sound, "PSEUDONYM", aca) == []
    assert rule in rules(sound._replace(**BROKEN[rule]), "PSEUDONYM", aca)
    assert "e_scms_kind" in rules(sound, "AT", aca)
