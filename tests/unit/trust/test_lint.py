"""The linter (checklist P1): each rule has an example that passes and one that fails."""

from collections.abc import Callable

import pytest

from tests.unit.trust.pki import NOW, Identity, Pki, services, sign_tbs
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore.memory import MemoryKey
from v2xpki.trust import regions
from v2xpki.trust.lint import KINDS, RULES, detect_kind, errors, lint_certificate, lint_octets, lint_tbs
from v2xpki.trust.lint_tickets import TICKETS_RULES, lint_tickets
from v2xpki.trust.profiles import profile
from v2xpki.wire import dot2


def ids(findings) -> set[str]:
    return {finding.rule.id for finding in findings}


def members(pki: Pki) -> dict:
    found = {"RCA": pki.root, "TLM": pki.tlm, "EA": pki.ea, "AA": pki.aa, "EC": pki.ec, "AT": pki.at}
    return found | {"MA": misbehaviour_authority(pki)}


def misbehaviour_authority(pki: Pki) -> Identity:
    """An MA's certificate by hand: no profile issues one."""
    key = MemoryKey(Curve.NIST_P256)
    tbs = pki.ec.certificate.record.to_be_signed._replace(
        id=NAME, app_permissions=services(p1622="01"),
        encryption_key=pki.aa.certificate.record.to_be_signed.encryption_key,
    )  # fmt: skip
    return Identity(sign_tbs(tbs, pki.root), key)


def issuer_of(pki: Pki, kind: str):
    return {"EA": pki.root, "AA": pki.root, "EC": pki.ea, "AT": pki.aa, "MA": pki.root}.get(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_p1_what_the_profiles_make_passes_every_rule(pki, kind):
    issuer = issuer_of(pki, kind)
    above = issuer.certificate if issuer else None
    certificate = members(pki)[kind].certificate
    assert lint_tbs(certificate.record.to_be_signed, kind, above) == []
    assert lint_certificate(certificate, kind, above) == []
    assert lint_certificate(certificate) == []
    assert detect_kind(certificate.record) == kind


UNCOMPRESSED = dot2.EccP256CurvePoint(
    kind="uncompressedP256", value=dot2.EccP256CurvePointUncompressedP256(x=bytes(32), y=bytes(32))
)
CAM_GROUP = dot2.PsidGroupPermissions(
    subject_permissions=dot2.SubjectPermissions(kind="explicit", value=(dot2.PsidSspRange(psid=36),))
)
APP_PERMISSIONS = "app_permissions"


def granting(*entries: dot2.PsidSspRange, **fields) -> dict:
    """certIssuePermissions of one group."""
    subject = dot2.SubjectPermissions(kind="explicit", value=entries)
    return {"cert_issue_permissions": (dot2.PsidGroupPermissions(subject_permissions=subject, **fields),)}


def ssp_range(psid: int, value: str, mask: str) -> dot2.PsidSspRange:
    limit = dot2.BitmapSspRange(ssp_value=bytes.fromhex(value), ssp_bitmask=bytes.fromhex(mask))
    return dot2.PsidSspRange(psid=psid, ssp_range=dot2.SspRange(kind="bitmapSspRange", value=limit))


CAM_RANGE = ssp_range(36, "01ffff", "ff0000")
OPAQUE = (dot2.PsidSsp(psid=36, ssp=dot2.ServiceSpecificPermissions(kind="opaque", value=b"\1\0\0")),)
EVERYTHING = (dot2.PsidGroupPermissions(subject_permissions=dot2.SubjectPermissions(kind="all", value=None)),)
EC_GROUP = profile("EA").cert_issue_permissions[0]
NAME = dot2.CertificateId(kind="name", value="X")
BINARY = dot2.CertificateId(kind="binaryId", value=b"X")
NO_ID = dot2.CertificateId(kind="none", value=None)


def lasting(kind: str, value: int, start: int = NOW - 5) -> dict:
    return {
        "validity_period": dot2.ValidityPeriod(start=start, duration=dot2.Duration(kind=kind, value=value))
    }


def encryption(kind: str = "eciesNistP256", point=None, symmetric: str = "aes128Ccm") -> dict:
    point = point or dot2.EccP256CurvePoint(kind="compressed-y-0", value=bytes(32))
    return {
        "encryption_key": dot2.PublicEncryptionKey(
            supported_symm_alg=symmetric, public_key=dot2.BasePublicEncryptionKey(kind=kind, value=point)
        )
    }


def verify_key(kind: str, point) -> dict:
    return {
        "verify_key_indicator": dot2.VerificationKeyIndicator(
            kind="verificationKey", value=dot2.PublicVerificationKey(kind=kind, value=point)
        )
    }


# rule -> (kind, how to spoil the tbs)
SPOILT_TBS: dict[str, tuple[str, dict]] = {
    "e_craca_id_zero": ("AT", {"craca_id": b"\0\0\1"}),
    "e_crl_series_zero": ("EC", {"crl_series": 1}),
    "e_no_cert_request_permissions": ("EC", {"cert_request_permissions": (CAM_GROUP,)}),
    "e_no_rollover": ("EC", {"can_request_rollover": True}),
    "e_verify_key_compressed": ("AT", verify_key("ecdsaNistP256", UNCOMPRESSED)),
    "e_verify_key_algorithm": ("AT", verify_key("ecsigSm2", UNCOMPRESSED)),
    "e_encryption_key_compressed": ("AT", encryption(point=UNCOMPRESSED)),
    "e_encryption_key_algorithm": ("AT", encryption(symmetric="sm4Ccm")),
    "e_psid_once": ("AT", {"app_permissions": services(p36="010000") * 2}),
    "e_app_permissions": ("AT", {"app_permissions": None}),
    "e_validity_not_empty": ("AT", lasting("hours", 0)),
    "e_region_sound": ("AT", {"region": dot2.GeographicRegion(kind="identifiedRegion", value=())}),
    "e_validity_limit": ("AT", lasting("hours", 169)),
    "e_validity_inside_issuer": ("AT", lasting("hours", 1, start=NOW - 10_000)),
    "e_permissions_inside_issuer": ("AT", {"app_permissions": services(p36="020000")}),
    "e_rca_name": ("RCA", {"id": NO_ID}),
    "e_tlm_name": ("TLM", {"id": BINARY}),
    "e_ea_id": ("EA", {"id": BINARY}),
    "e_aa_id": ("AA", {"id": BINARY}),
    "e_ec_name": ("EC", {"id": NO_ID}),
    "e_at_no_id": ("AT", {"id": NAME}),
    "e_rca_app_permissions": ("RCA", {"app_permissions": services(p622="01", p624="01f8")}),
    "e_tlm_app_permissions": ("TLM", {"app_permissions": services(p624="01c8", p36="01")}),
    "e_ea_app_permissions": ("EA", {"app_permissions": services(p623="0132")}),
    "e_aa_app_permissions": ("AA", {"app_permissions": services(p623="010e")}),
    "e_ec_app_permissions": ("EC", {"app_permissions": services(p623="0180")}),
    "e_at_services_only": ("AT", {"app_permissions": services(p36="010000", p623="01c0")}),
    "e_ca_issue_permissions": ("EA", {"cert_issue_permissions": None}),
    "e_no_issue_permissions": ("AT", {"cert_issue_permissions": (CAM_GROUP,)}),
    "e_ea_issues_ec": ("EA", {"cert_issue_permissions": (EC_GROUP, CAM_GROUP)}),
    "e_aa_issues_services": ("AA", {"cert_issue_permissions": (EC_GROUP, CAM_GROUP)}),
    "e_ca_encryption_key": ("AA", {"encryption_key": None}),
    "e_tlm_no_encryption_key": ("TLM", encryption()),
    "w_ca_encryption_key_p256": ("AA", encryption("eciesBrainpoolP256r1")),
    "w_at_start_on_hour": ("AT", lasting("hours", 1, start=NOW + 1)),
    "e_assurance_reserved": ("AT", {"assurance_level": b"\x1f"}),
    "w_no_extensions": ("AT", {"flags": 0}),
    "w_name_readable": ("EC", {"id": dot2.CertificateId(kind="name", value="caf\u00e9")}),
    "e_ma_name": ("MA", {"id": NO_ID}),
    "e_ma_app_permissions": ("MA", {"app_permissions": services(p36="010000")}),
    "e_ma_encryption_key": ("MA", {"encryption_key": None}),
    "e_ssp_form": ("AT", {"app_permissions": OPAQUE}),
    "w_ssp_version": ("AT", {"app_permissions": services(p36="030000")}),
    "e_ssp_length": ("AT", {"app_permissions": services(p37="010000")}),
    "e_ssp_reserved": ("AT", {"app_permissions": services(p36="010001")}),
    "w_at_permitted_psids": ("AT", {"app_permissions": services(p4711="01")}),
    "e_issue_group_names": ("AA", granting()),
    "w_issue_all": ("AA", {"cert_issue_permissions": EVERYTHING}),
    "e_issue_chain_length": ("AA", granting(CAM_RANGE, min_chain_length=0)),
    "e_issue_ee_type": ("AA", granting(CAM_RANGE, ee_type=0x20)),
    "e_issue_range_form": ("AA", granting(ssp_range(36, "01ffff", "ff00"))),
    "e_issue_range_once": ("AA", granting(CAM_RANGE, CAM_RANGE)),
    "w_issue_range_ones": ("AA", granting(ssp_range(36, "010000", "ff0000"))),
    "e_issue_range_length": ("AA", granting(ssp_range(36, "01ff", "ff00"))),
    "e_rca_issues_cas": ("RCA", granting(CAM_RANGE)),
    "e_rca_keeps_lists": ("RCA", granting(ssp_range(624, "01ff", "ff00"))),
}


@pytest.mark.parametrize("name", SPOILT_TBS)
def test_p1_a_rule_finds_what_breaks_it(pki, name):
    kind, change = SPOILT_TBS[name]
    issuer = issuer_of(pki, kind)
    good = members(pki)[kind].certificate.record.to_be_signed
    above = issuer.certificate if issuer else None
    assert name not in ids(lint_tbs(good, kind, above))
    findings = lint_tbs(good._replace(**change), kind, above)
    assert name in ids(findings)
    assert all(finding.rule.clause in str(finding) for finding in findings)


def test_p1_an_ea_that_cannot_issue_ecs_is_found(pki):
    tbs = pki.ea.certificate.record.to_be_signed
    enrol_only = EC_GROUP._replace(ee_type=0x40)
    assert "e_ea_issues_ec" in ids(lint_tbs(tbs._replace(cert_issue_permissions=(enrol_only,)), "EA"))
    # what it may confirm is no business of this rule
    capped = tbs._replace(cert_issue_permissions=(EC_GROUP, CAM_GROUP._replace(ee_type=0x40)))
    assert lint_tbs(capped, "EA", pki.root.certificate) != []  # an enrol group is capped by the root's ranges
    assert "e_ea_issues_ec" not in ids(lint_tbs(capped, "EA"))


def test_p1_an_aa_without_services_is_found(pki):
    tbs = pki.aa.certificate.record.to_be_signed
    empty = CAM_GROUP._replace(ee_type=0x40)
    assert "e_aa_issues_services" in ids(lint_tbs(tbs._replace(cert_issue_permissions=(empty,)), "AA"))


def test_p1_a_region_outside_the_issuers_is_found():
    pki = Pki(region=regions.from_text("countries:276"))
    tbs = pki.at.certificate.record.to_be_signed._replace(region=regions.from_text("countries:250"))
    # the AA has no region of its own: its issuer's binds it, which chain verification sees
    assert "e_region_inside_issuer" not in ids(lint_tbs(tbs, "AT", pki.aa.certificate))
    bound = pki.make("AA", pki.root, region=regions.from_text("countries:276"))
    assert "e_region_inside_issuer" in ids(lint_tbs(tbs, "AT", bound.certificate))
    assert lint_tbs(tbs._replace(region=regions.from_text("countries:276")), "AT", bound.certificate) == []


R_POINT = dot2.EccP256CurvePoint(kind="compressed-y-0", value=b"\1" * 32)


def issued_by(kind: str, value: object) -> Callable[[dot2.Certificate], dot2.Certificate]:
    return lambda record: record._replace(issuer=dot2.IssuerIdentifier(kind=kind, value=value))


def other_hash(record: dot2.Certificate) -> dot2.Certificate:
    return issued_by("sha384AndDigest", record.issuer.value)(record)


def other_curve(record: dot2.Certificate) -> dot2.Certificate:
    return record._replace(signature=record.signature._replace(kind="ecdsaNistP384Signature"))


def whole_r(record: dot2.Certificate) -> dot2.Certificate:
    value = record.signature.value._replace(r_sig=R_POINT)
    return record._replace(signature=record.signature._replace(value=value))


SPOILT_RECORD: dict[str, tuple[str, Callable[[dot2.Certificate], dot2.Certificate]]] = {
    "e_version": ("AT", lambda record: record._replace(version=2)),
    "e_explicit": ("AT", lambda record: record._replace(type="implicit", signature=None)),
    "e_issuer_self": ("RCA", issued_by("sha384AndDigest", bytes(8))),
    "e_issuer_digest": ("AT", issued_by("self", "sha256")),
    "e_issuer_is_it": ("AT", issued_by("sha256AndDigest", bytes(8))),
    "e_issuer_hash": ("AT", other_hash),
    "e_self_signature_curve": ("TLM", other_curve),
    "e_r_x_only": ("AT", whole_r),
}


def spoilt_tbs(**fields) -> Callable[[dot2.Certificate], dot2.Certificate]:
    return lambda record: record._replace(to_be_signed=record.to_be_signed._replace(**fields))


def no_s(record: dot2.Certificate) -> dot2.Certificate:
    value = record.signature.value._replace(s_sig=bytes(32))
    return record._replace(signature=record.signature._replace(value=value))


OFF_CURVE = dot2.EccP256CurvePoint(kind="compressed-y-0", value=b"\xff" * 32)
SPOILT_RECORD |= {
    "e_key_on_curve": ("AT", spoilt_tbs(**verify_key("ecdsaNistP256", OFF_CURVE))),
    "e_signature_range": ("AT", no_s),
    "e_signature": ("AT", spoilt_tbs(crl_series=1)),
}


@pytest.mark.parametrize("name", SPOILT_RECORD)
def test_p1_a_rule_of_signed_certificates_finds_what_breaks_it(pki, name):
    kind, spoil = SPOILT_RECORD[name]
    issuer = issuer_of(pki, kind)
    above = issuer.certificate if issuer else None
    good = members(pki)[kind].certificate.record
    assert name not in ids(lint_certificate(good, kind, above))
    assert name in ids(lint_certificate(spoil(good), kind, above))


def test_octets_that_are_not_the_canonical_encoding_are_found(pki):
    octets = pki.at.certificate.octets
    assert lint_octets(octets, issuer=pki.aa.certificate) == []
    assert ids(lint_octets(octets + b"\0")) == {"e_coer"}


def test_a_certificate_issued_by_one_that_may_not_is_found(pki):
    below = sign_tbs(pki.at.certificate.record.to_be_signed, pki.at)
    found = ids(lint_certificate(below, "AT", pki.at.certificate))
    assert {"e_issuer_is_ca", "e_issuer_kind"} <= found
    # an EA is a CA, but not that of tickets
    by_ea = sign_tbs(pki.at.certificate.record.to_be_signed, pki.ea)
    found = ids(lint_certificate(by_ea, "AT", pki.ea.certificate))
    assert "e_issuer_kind" in found and "e_issuer_is_ca" not in found


def test_every_rule_has_its_examples():
    elsewhere = {"e_region_inside_issuer", "e_coer", "e_issuer_is_ca", "e_issuer_kind"}
    assert set(RULES) == set(SPOILT_TBS) | set(SPOILT_RECORD) | elsewhere


def test_tickets_together_are_held_to_the_parallel_limit_and_to_keys_of_their_own(pki):
    tickets = [pki.ticket().certificate for _ in range(3)]
    assert lint_tickets(tickets) == [] == lint_tickets([]) == lint_tickets(tickets, parallel=3)
    assert ids(lint_tickets(tickets, parallel=2)) == {"e_parallel_tickets"}
    assert ids(lint_tickets([*tickets, tickets[0]])) == {"w_ticket_twice"}
    again = tickets[0].record.to_be_signed._replace(app_permissions=services(p36="010000"))
    assert ids(lint_tickets([tickets[0], sign_tbs(again, pki.aa)])) == {"e_ticket_keys"}
    # one after the other is not in parallel
    later = pki.ticket(change=lasting("hours", 1, start=tickets[0].end)).certificate
    assert lint_tickets([tickets[0], later], parallel=1) == []
    assert set(TICKETS_RULES) == {"e_parallel_tickets", "e_ticket_keys", "w_ticket_twice"}


def test_a_region_that_a_certificate_inherits_binds_what_is_below():
    pki = Pki(region=regions.from_text("countries:276"))
    french = pki.ticket(change={"region": regions.from_text("countries:250")}).certificate
    assert "e_region_inside_issuer" not in ids(lint_certificate(french, "AT", pki.aa.certificate))
    above = [pki.root.certificate]
    assert "e_region_inside_issuer" in ids(lint_certificate(french, "AT", pki.aa.certificate, above=above))


def test_a_shape_that_was_sound_once_is_still_held_to_what_varies(pki):
    aa, tbs = pki.aa.certificate, pki.at.certificate.record.to_be_signed
    assert lint_tbs(tbs, "AT", aa) == []
    assert ids(lint_tbs(tbs._replace(**lasting("hours", 169)), "AT", aa)) >= {"e_validity_limit"}
    assert ids(lint_tbs(tbs._replace(**verify_key("ecdsaNistP256", UNCOMPRESSED)), "AT", aa)) == {
        "e_verify_key_compressed"
    }
    assert ids(lint_tbs(tbs, "AT", aa, permitted={37})) == {"w_at_permitted_psids"}
    assert "e_permissions_inside_issuer" in ids(lint_tbs(tbs, "AT", pki.ea.certificate))


def test_a_shape_is_not_taken_for_sound_before_a_rule_counts(pki):
    old = lasting("hours", 1, start=100_000_000)
    spoilt = pki.at.certificate.record.to_be_signed._replace(app_permissions=services(p36="010002"))
    assert lint_tbs(spoilt._replace(**old), "AT") == []
    assert ids(lint_tbs(spoilt, "AT")) == {"e_ssp_reserved"}


def test_rules_can_be_asked_as_of_another_time_or_all(pki):
    tbs = pki.at.certificate.record.to_be_signed._replace(**lasting("hours", 169, start=400_000_000))
    late, early = RULES["e_validity_limit"].since, RULES["e_validity_limit"].since - 1
    assert "e_validity_limit" not in ids(lint_tbs(tbs, "AT", at=early))
    assert "e_validity_limit" in ids(lint_tbs(tbs, "AT", at=late))
    assert "e_validity_limit" in ids(lint_tbs(tbs, "AT", every=True))


def test_rules_say_where_they_come_from():
    for rule in RULES.values():
        assert rule.topic == "certificate"
        assert rule.clause and rule.description and rule.effective and rule.kinds
        assert rule.severity == ("warning" if rule.id.startswith("w_") else "error")


def test_a_rule_does_not_count_before_its_effective_date(pki):
    tbs = pki.at.certificate.record.to_be_signed._replace(**lasting("hours", 169, start=400_000_000))
    assert tbs.validity_period.start < RULES["e_validity_limit"].since
    assert "e_validity_limit" not in ids(lint_tbs(tbs, "AT"))


def test_an_operators_limits_replace_the_policys(pki):
    tbs = pki.at.certificate.record.to_be_signed
    assert ids(lint_tbs(tbs, "AT", limits={"AT": 3600})) == {"e_validity_limit"}


def test_only_errors_are_errors(pki):
    tbs = pki.at.certificate.record.to_be_signed._replace(**lasting("hours", 169, start=NOW + 1))
    findings = lint_tbs(tbs, "AT")
    assert ids(findings) == {"e_validity_limit", "w_at_start_on_hour"}
    assert ids(errors(findings)) == {"e_validity_limit"}


def test_a_ticket_on_each_curve_passes(pki):
    for curve in Curve:
        key = MemoryKey(curve)
        tbs = pki.tbs("AT", pki.aa, key, app_permissions=services(p36="010000"))
        assert lint_certificate(sign_tbs(tbs, pki.aa), "AT", pki.aa.certificate) == []


@pytest.mark.parametrize("name", ["eu_l2_tlm", "eu_l0_ea", "eu_l0_aa"])
def test_p1_certificates_from_the_field_pass(shared_vectors, name):
    import json

    octets = json.loads((shared_vectors / "real_world.json").read_text())["certificates"][name]
    certificate = Certificate.parse(bytes.fromhex(octets))
    assert detect_kind(certificate.record) == name.split("_")[-1].upper()
    assert lint_certificate(certificate) == []


def test_the_kind_of_a_spoilt_certificate_is_still_guessed(pki):
    def kind_of(identity, **change):
        record = identity.certificate.record
        return detect_kind(record._replace(to_be_signed=record.to_be_signed._replace(**change)))

    assert kind_of(pki.ea, app_permissions=services(p36="01")) == "EA"
    assert kind_of(pki.aa, app_permissions=services(p36="01")) == "AA"
    assert kind_of(pki.ea, cert_issue_permissions=None) == "EA"
    assert kind_of(pki.aa, cert_issue_permissions=None) == "AA"
    assert kind_of(pki.root, app_permissions=None) == "RCA"
    assert kind_of(pki.at, app_permissions=None) == "AT"
    assert kind_of(pki.ec, app_permissions=services(p623="")) == "EC"
