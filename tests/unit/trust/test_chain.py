"""Chains: what leads to the root is accepted, every other certificate is refused with its rule."""

import pytest

from tests.unit.trust.pki import NOW, Identity, Pki, services, sign_tbs
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import DecodeError, InvalidChain
from v2xpki.trust import regions
from v2xpki.trust.chain import TrustStore, build_chain, verify_chain, verify_ticket
from v2xpki.wire import dot2

HOUR = 3600
PARIS, MUNICH = (488_500_000, 23_500_000), (481_400_000, 115_800_000)


def chain(pki: Pki, leaf: Identity, *above: Identity) -> list[Certificate]:
    return [leaf.certificate, *(identity.certificate for identity in above)]


def refuse(rule: str, certificates: list[Certificate], anchor: Certificate, at: int = NOW, **options) -> str:
    with pytest.raises(InvalidChain) as refused:
        verify_chain(certificates, anchor, at, **options)
    assert refused.value.rule == rule, refused.value
    return str(refused.value)


def lasting(hours: int, start: int = NOW - 5) -> dot2.ValidityPeriod:
    return dot2.ValidityPeriod(start=start, duration=dot2.Duration(kind="hours", value=hours))


@pytest.mark.parametrize("curve", [Curve.NIST_P256, Curve.BRAINPOOL_P256R1])
@pytest.mark.parametrize("root_curve", list(Curve))
def test_p3_a_ticket_leads_to_the_root_on_every_curve(root_curve, curve):
    pki = Pki(root_curve=root_curve, curve=curve)
    verify_chain(chain(pki, pki.at, pki.aa), pki.root.certificate, NOW)
    verify_chain(chain(pki, pki.ec, pki.ea, pki.root), pki.root.certificate, NOW)
    verify_chain([pki.root.certificate], pki.root.certificate, NOW)
    verify_chain([], pki.tlm.certificate, NOW)


def test_another_root_is_no_anchor(pki):
    other = Pki().root
    refuse("issuer", chain(pki, pki.at, pki.aa), other.certificate)
    refuse("type", chain(pki, pki.at, pki.aa, pki.root), other.certificate)
    refuse("anchor", chain(pki, pki.at), pki.aa.certificate)


def test_a_missing_issuer_is_found(pki):
    refuse("issuer", chain(pki, pki.at), pki.root.certificate)


def test_a_forged_signature_is_refused(pki):
    forged = Identity(
        sign_tbs(pki.at.certificate.record.to_be_signed, Identity(pki.aa.certificate, pki.at.key)), pki.at.key
    )
    refuse("signature", chain(pki, forged, pki.aa), pki.root.certificate)


def test_a_changed_certificate_is_refused(pki):
    record = pki.at.certificate.record
    more = record.to_be_signed._replace(app_permissions=services(p36="01ffff", p37="01000000"))
    refuse(
        "signature",
        [Certificate.of(record._replace(to_be_signed=more)), pki.aa.certificate],
        pki.root.certificate,
    )


def test_a_root_changed_after_its_signature_is_no_anchor(pki):
    record = pki.root.certificate.record
    changed = Certificate.of(record._replace(to_be_signed=record.to_be_signed._replace(crl_series=1)))
    refuse("signature", [changed], changed)


def test_validity_is_looked_at_along_the_whole_chain(pki):
    certificates = chain(pki, pki.at, pki.aa)
    refuse("not-yet-valid", certificates, pki.root.certificate, pki.root.certificate.start - 1)
    refuse("not-yet-valid", certificates, pki.root.certificate, pki.at.certificate.start - 1)
    refuse("expired", certificates, pki.root.certificate, pki.at.certificate.end)
    verify_chain(certificates, pki.root.certificate, pki.at.certificate.end - 1)
    verify_chain(certificates, pki.root.certificate, pki.at.certificate.start)
    refuse("expired", certificates, pki.root.certificate, pki.root.certificate.end)


def test_a_ticket_that_outlives_its_issuer_is_refused(pki):
    beyond = lasting(168, pki.aa.certificate.end - HOUR)
    outlives = pki.ticket(change={"validity_period": beyond})
    refuse("validity-inside", chain(pki, outlives, pki.aa), pki.root.certificate, pki.aa.certificate.end - 60)
    before = pki.ticket(change={"validity_period": lasting(168, pki.aa.certificate.start - 1)})
    refuse("validity-inside", chain(pki, before, pki.aa), pki.root.certificate)


def test_p3_permissions_beyond_the_issuers_are_refused(pki):
    greedy = pki.ticket(app_permissions=services(p36="010000", p1619="01"))
    told = refuse("app-permissions", chain(pki, greedy, pki.aa), pki.root.certificate)
    assert "1619" in told
    newer = pki.ticket(app_permissions=services(p36="020000"))
    refuse("app-permissions", chain(pki, newer, pki.aa), pki.root.certificate)


def test_p3_an_authority_that_issues_more_than_the_root_grants_is_refused(pki):
    everything = dot2.PsidGroupPermissions(
        subject_permissions=dot2.SubjectPermissions(kind="all", value=None)
    )
    mighty = pki.make("AA", pki.root, change={"cert_issue_permissions": (everything,)})
    refuse("issue-permissions", chain(pki, mighty), pki.root.certificate)


def test_an_end_entity_issues_nothing(pki):
    below = pki.make("AT", pki.at, app_permissions=services(p36="010000"))
    refuse("app-permissions", chain(pki, below, pki.at, pki.aa), pki.root.certificate)
    by_tlm = pki.make("AT", pki.tlm, app_permissions=services(p36="010000"))
    refuse("app-permissions", chain(pki, by_tlm), pki.tlm.certificate)


def test_an_enrolment_credential_straight_below_the_root_is_refused(pki):
    direct = pki.make("EC", pki.root, name="shortcut")
    refuse("app-permissions", chain(pki, direct), pki.root.certificate)


def test_a_revoked_authority_takes_its_tickets_with_it(pki):
    revoked = {pki.aa.certificate.hashed_id8}
    refuse("revoked", chain(pki, pki.at, pki.aa), pki.root.certificate, crl=revoked)
    verify_chain(chain(pki, pki.ec, pki.ea), pki.root.certificate, NOW, crl=revoked)
    refuse("revoked", chain(pki, pki.ec, pki.ea), pki.root.certificate, crl={pki.root.certificate.hashed_id8})


def test_a_region_is_inherited_and_binds():
    pki = Pki(region=regions.from_text("countries:65535"))
    german = pki.ticket(change={"region": regions.from_text("countries:276")})
    verify_chain(chain(pki, german, pki.aa), pki.root.certificate, NOW)
    abroad = pki.ticket(change={"region": regions.from_text("countries:840")})
    # the AA between has no region of its own: the root's binds all the same
    refuse("region", chain(pki, abroad, pki.aa), pki.root.certificate)


def test_a_place_outside_a_region_is_refused():
    pki = Pki(region=regions.from_text("countries:65535"))
    german = pki.ticket(change={"region": regions.from_text("countries:276")})
    verify_chain(chain(pki, german, pki.aa), pki.root.certificate, NOW, place=MUNICH)
    refuse("place", chain(pki, german, pki.aa), pki.root.certificate, place=PARIS)
    refuse("place", chain(pki, pki.at, pki.aa), pki.root.certificate, place=(407_000_000, -740_000_000))


def test_a_self_signed_certificate_inside_a_chain_is_refused(pki):
    refuse("type", chain(pki, pki.tlm), pki.root.certificate)


def test_an_implicit_certificate_is_refused(pki):
    record = pki.at.certificate.record
    point = record.to_be_signed.verify_key_indicator.value.value
    implicit = Certificate.of(
        record._replace(
            type="implicit",
            signature=None,
            to_be_signed=record.to_be_signed._replace(
                verify_key_indicator=dot2.VerificationKeyIndicator(kind="reconstructionValue", value=point)
            ),
        )
    )
    refuse("type", [implicit, pki.aa.certificate], pki.root.certificate)


def test_a_chain_has_an_end(pki):
    refuse("chain", [pki.at.certificate] * 9, pki.root.certificate)


def test_a_path_is_built_from_candidates_in_any_order(pki):
    candidates = [identity.certificate for identity in (pki.ea, pki.root, pki.aa, pki.tlm)]
    path = build_chain(pki.at.certificate, candidates)
    assert path == chain(pki, pki.at, pki.aa, pki.root)
    assert build_chain(pki.at.certificate, candidates[:1] + candidates[2:], pki.root.certificate) == path
    with pytest.raises(InvalidChain) as missing:
        build_chain(pki.at.certificate, candidates[:2])
    assert missing.value.rule == "chain"
    with pytest.raises(InvalidChain) as elsewhere:
        build_chain(pki.at.certificate, candidates, pki.tlm.certificate)
    assert elsewhere.value.rule == "anchor"


def test_verify_ticket_gives_the_typed_certificate(pki):
    ticket = verify_ticket(pki.at.certificate.octets, pki.aa.certificate, NOW)
    assert ticket == pki.at.certificate and ticket.app_permissions.keys() == {36, 37}


def test_verify_ticket_takes_canonical_octets_alone(pki):
    octets = pki.at.certificate.octets
    for wrong in (octets + b"\0", octets[:-1], b"", b"\x81" + octets[1:]):
        with pytest.raises(DecodeError):
            verify_ticket(wrong, pki.aa.certificate, NOW)


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("app-permissions", {"app_permissions": services(p99="01")}),
        ("type", {"app_permissions": services(p623="01c0")}),
        ("type", {"app_permissions": None}),
        ("type", {"id": dot2.CertificateId(kind="name", value="X")}),
        ("validity-inside", {"validity_period": lasting(1, NOW - 10 * HOUR)}),
        ("expired", {"validity_period": lasting(1, NOW - HOUR)}),
        ("not-yet-valid", {"validity_period": lasting(1, NOW + HOUR)}),
    ],
)
def test_verify_ticket_refuses(pki, rule, spoil):
    wrong = pki.ticket(change=spoil).certificate
    with pytest.raises(InvalidChain) as refused:
        verify_ticket(wrong.octets, pki.aa.certificate, NOW)
    assert refused.value.rule == rule


def test_verify_ticket_refuses_a_ticket_of_another_aa(pki):
    other = pki.make("AA", pki.root)
    with pytest.raises(InvalidChain) as refused:
        verify_ticket(pki.at.certificate.octets, other.certificate, NOW)
    assert refused.value.rule == "issuer"


# --- the store -----------------------------------------------------------------------------


def store(pki: Pki, **options) -> TrustStore:
    trust = TrustStore([pki.root.certificate], **options)
    trust.add(pki.aa.certificate, NOW)
    trust.add(pki.ea.certificate, NOW)
    return trust


def test_a_store_verifies_tickets_and_remembers_them(pki):
    trust = store(pki)
    assert trust.verify_ticket(pki.at.certificate.octets, NOW) == pki.at.certificate
    assert trust.ticket(pki.at.certificate.hashed_id8) == pki.at.certificate
    trust.verify(pki.ec.certificate, NOW)
    with pytest.raises(InvalidChain) as late:
        trust.verify_ticket(pki.at.certificate, pki.at.certificate.end)
    assert late.value.rule == "expired"


def test_a_store_knows_no_ticket_that_did_not_verify(pki):
    trust = store(pki)
    forged = sign_tbs(pki.at.certificate.record.to_be_signed, Identity(pki.aa.certificate, pki.at.key))
    with pytest.raises(InvalidChain):
        trust.verify_ticket(forged, NOW)
    assert trust.ticket(forged.hashed_id8) is None


def test_a_store_adds_only_authorities_under_what_it_trusts(pki):
    trust = store(pki)
    with pytest.raises(InvalidChain):
        trust.add(Pki().aa.certificate, NOW)
    with pytest.raises(InvalidChain) as refused:
        trust.add(pki.ec.certificate, NOW)
    assert refused.value.rule == "type"
    with pytest.raises(InvalidChain):
        trust.add(pki.tlm.certificate, NOW)
    trust.add(pki.aa.certificate, NOW)  # again is no mistake


def test_a_new_crl_reaches_authorities_verified_long_ago(pki):
    trust = store(pki)
    trust.verify_ticket(pki.at.certificate, NOW)
    trust.revoked = frozenset({pki.aa.certificate.hashed_id8})
    with pytest.raises(InvalidChain) as refused:
        trust.verify_ticket(pki.at.certificate, NOW)
    assert refused.value.rule == "revoked"
    trust.revoked = frozenset({pki.root.certificate.hashed_id8})
    with pytest.raises(InvalidChain):
        trust.verify_ticket(pki.at.certificate, NOW)


def test_a_stores_memory_of_tickets_is_bounded(pki):
    trust = TrustStore([pki.root.certificate], tickets=2)
    trust.add(pki.aa.certificate, NOW)
    first, second, third = (pki.ticket().certificate for _ in range(3))
    for ticket in (first, second, first, third):
        trust.verify_ticket(ticket, NOW)
    assert trust.ticket(second.hashed_id8) is None  # the one unused for longest
    assert trust.ticket(first.hashed_id8) and trust.ticket(third.hashed_id8)


def test_a_store_that_follows_another_knows_its_tickets_and_verifies_them_anew(pki):
    former, same, other = store(pki), store(pki), store(Pki())
    ticket = former.verify_ticket(pki.at.certificate, NOW)
    for trust in (same, other):
        assert trust.ticket(ticket.hashed_id8) is None
        trust.follow(former)
        assert trust.ticket(ticket.hashed_id8) == ticket
    assert same.verify_ticket(ticket, NOW) == ticket
    with pytest.raises(InvalidChain) as refused:
        other.verify_ticket(ticket, NOW)
    assert refused.value.rule == "chain"
    last = store(pki)
    last.follow(other)  # which verified none: what nobody used is forgotten
    assert last.ticket(ticket.hashed_id8) is None


def test_a_store_inherits_regions():
    pki = Pki(region=regions.from_text("countries:276"))
    trust = store(pki)
    trust.verify_ticket(pki.at.certificate, NOW)
    assert regions.describe(trust.region_of(pki.at.certificate)) == {"countries": [276]}
    with pytest.raises(InvalidChain):
        trust.verify_ticket(
            pki.ticket(change={"region": regions.from_text("countries:250")}).certificate, NOW
        )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"craca_id": b"\1\2\3"}, "profile"),
        ({"crl_series": 1}, "profile"),
        ({"can_request_rollover": True}, "profile"),
        ({"cert_request_permissions": ()}, "profile"),
        ({"app_permissions": services(p36="010000") * 2}, "profile"),
        ({"id": dot2.CertificateId(kind="name", value="x")}, "type"),
        ({"app_permissions": None}, "type"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_a_ticket_beyond_its_profile_is_refused(pki, change, rule):
    ticket = pki.ticket(change=change).certificate
    for verify in (
        lambda: verify_chain([ticket, pki.aa.certificate], pki.root.certificate, NOW),
        lambda: store(pki).verify_ticket(ticket, NOW),
    ):
        with pytest.raises(InvalidChain) as refused:
            verify()
        assert refused.value.rule == rule


def test_a_key_that_is_no_point_of_its_curve_is_refused(pki):
    tbs = pki.at.certificate.record.to_be_signed
    key = tbs.verify_key_indicator.value
    point = key.value._replace(value=b"\xff" * 32)
    indicator = tbs.verify_key_indicator._replace(value=key._replace(value=point))
    ticket = sign_tbs(tbs._replace(verify_key_indicator=indicator), pki.aa)
    with pytest.raises(InvalidChain) as refused:
        verify_chain([ticket, pki.aa.certificate], pki.root.certificate, NOW)
    assert refused.value.rule == "key"
