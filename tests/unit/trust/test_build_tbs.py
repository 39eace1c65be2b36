"""What the profiles build: the table of TS 103 097 7.2 in certificates (checklist P1, P2)."""

import pytest

from tests.unit.trust.pki import CAM_DENM, NOW, Pki, services
from v2xpki import wire
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import ConfigError, PermissionDenied
from v2xpki.keystore.memory import MemoryKey
from v2xpki.time import iso_from_time32
from v2xpki.trust import permissions, regions, validity
from v2xpki.trust.profiles import Profiles, profile
from v2xpki.wire import dot2

KEY = MemoryKey(Curve.NIST_P256).public_key


def test_p1_common_fields(pki):
    for identity in (pki.root, pki.tlm, pki.ea, pki.aa, pki.ec, pki.at):
        tbs = identity.certificate.record.to_be_signed
        assert (tbs.craca_id, tbs.crl_series) == (bytes(3), 0)
        assert tbs.cert_request_permissions is None and tbs.can_request_rollover is None


def test_p1_ids(pki):
    assert pki.root.certificate.name == "Root"
    assert pki.ec.certificate.name == "station"
    assert pki.at.certificate.record.to_be_signed.id == dot2.CertificateId(kind="none", value=None)


def test_p2_certificates_re_encode_to_the_same_octets(pki):
    for identity in (pki.root, pki.tlm, pki.ea, pki.aa, pki.ec, pki.at):
        octets = identity.certificate.octets
        assert wire.encode(wire.decode(dot2.Certificate, octets)) == octets
        assert Certificate.parse(octets).hashed_id8 == identity.certificate.hashed_id8


def test_p3_what_is_built_is_inside_its_issuer(pki):
    for subject, issuer in ((pki.ea, pki.root), (pki.aa, pki.root), (pki.ec, pki.ea), (pki.at, pki.aa)):
        permissions.check_certificate(issuer.certificate, subject.certificate.record.to_be_signed)


def test_ca_certificates_start_an_hour_before_on_the_hour_so_that_floored_tickets_stay_inside():
    for second in (0, 1, 3599):
        pki = Pki(now=NOW + second)
        assert iso_from_time32(pki.aa.certificate.start).endswith(":00:00Z")
        assert pki.aa.certificate.start <= validity.floor_hour(pki.now) - 3600
        assert pki.root.certificate.start <= pki.aa.certificate.start


def test_validity_is_cut_to_the_issuers(pki):
    late = Pki(now=pki.root.certificate.end - 3 * 3600 - 7).now
    tbs = profile("EA").build_tbs(
        verification_key=KEY, encryption_key=KEY, now=late, issuer=pki.root.certificate, name="late"
    )
    assert validity.end(tbs.validity_period) <= pki.root.certificate.end
    assert validity.duration_seconds(tbs.validity_period.duration) >= 3 * 3600


def test_an_issuer_that_has_ended_issues_nothing(pki):
    for late in (0, 3600, 86400):
        with pytest.raises(PermissionDenied) as denied:
            profile("EC").build_tbs(
                verification_key=KEY, now=pki.ea.certificate.end + late, issuer=pki.ea.certificate, name="x"
            )
        assert denied.value.rule == "validity-inside"


def test_a_confirmed_validity_is_taken_to_the_letter_or_refused(pki):
    exact = dot2.ValidityPeriod(start=NOW - 5, duration=dot2.Duration(kind="hours", value=3))
    build = profile("AT").build_tbs
    tbs = build(
        verification_key=KEY,
        now=NOW,
        issuer=pki.aa.certificate,
        validity_period=exact,
        app_permissions=CAM_DENM,
    )
    assert tbs.validity_period == exact
    with pytest.raises(PermissionDenied) as denied:
        build(
            verification_key=KEY, now=NOW, issuer=pki.aa.certificate, app_permissions=CAM_DENM,
            validity_period=exact._replace(start=0),
        )  # fmt: skip
    assert denied.value.rule == "validity-inside"


def test_a_region_beyond_the_issuers_is_refused():
    bound = Pki(region=regions.from_text("countries:65535"))
    tbs = profile("EA").build_tbs(
        verification_key=KEY, encryption_key=KEY, now=NOW, issuer=bound.root.certificate,
        region=regions.from_text("countries:276"),
    )  # fmt: skip
    assert regions.describe(tbs.region) == {"countries": [276]}
    with pytest.raises(PermissionDenied) as denied:
        profile("EA").build_tbs(
            verification_key=KEY, encryption_key=KEY, now=NOW, issuer=bound.root.certificate,
            region=regions.from_text("countries:840"),
        )  # fmt: skip
    assert denied.value.rule == "region"


def test_a_call_that_the_profile_does_not_allow_is_refused(pki):
    root = pki.root.certificate
    for kind, options in (
        ("RCA", {"issuer": root, "name": "x"}),
        ("EA", {"name": "x", "encryption_key": KEY}),
        ("EA", {"issuer": root, "name": "x"}),
        ("TLM", {"name": "x", "encryption_key": KEY}),
        ("RCA", {}),
        ("AT", {"issuer": pki.aa.certificate, "name": "x"}),
    ):
        with pytest.raises(ConfigError, match=kind):
            profile(kind).build_tbs(verification_key=KEY, now=NOW, **options)


def test_an_ea_with_an_enrol_group_caps_what_it_may_confirm(pki):
    limited = Profiles.load(
        {
            "ea": {
                "cert_issue_permissions": [
                    {"ranges": [{"psid": 623, "value": "01c0", "mask": "ff3f"}]},
                    {"ee_type": ["enrol"], "ranges": [{"psid": 36, "value": "01ffff", "mask": "ff0000"}]},
                ]
            }
        }
    ).profile("EA")
    tbs = limited.build_tbs(
        verification_key=KEY, encryption_key=KEY, now=NOW, issuer=pki.root.certificate, name="EA"
    )
    permissions.check_issue_permissions(pki.root.certificate, tbs.cert_issue_permissions)
    ea = Certificate.of(pki.ea.certificate.record._replace(to_be_signed=tbs))
    permissions.check_confirmed_permissions(ea, services(p36="010203"))
    with pytest.raises(PermissionDenied, match="psid 37"):
        permissions.check_confirmed_permissions(ea, services(p37="01000000"))
    # an EA without such a group has no cap from its certificate
    permissions.check_confirmed_permissions(pki.ea.certificate, services(p37="01000000"))
