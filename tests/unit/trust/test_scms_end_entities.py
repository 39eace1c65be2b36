"""Whose certificates a device of an SCMS believes: down from the roots that it trusts, and no others."""

import pytest

from tests.support.scms_trust import NOW, Own, make, pseudonym
from v2xpki.errors import InvalidChain, Revoked
from v2xpki.trust.regions import from_table
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.wire import dot2

HERE, THERE = from_table({"countries": [276]}), from_table({"countries": [840]})
LATER = NOW + 10_000


@pytest.fixture(scope="module")
def root() -> Own:
    return make("SCMS_ROOT")


@pytest.fixture(scope="module")
def aca(root) -> Own:
    return make("ACA", root, region=HERE)


@pytest.fixture
def chains(root, aca) -> ScmsChains:
    return ScmsChains([root.certificate], [aca.certificate])


def refused(chains, certificate, rule, at=LATER):
    for _ in range(2):  # and what was refused is not remembered as good
        with pytest.raises(InvalidChain) as caught:
            chains.end_entity(certificate, at)
        assert caught.value.rule == rule


def test_a_pseudonym_of_a_known_aca_is_good_and_has_its_key(chains, aca):
    own = pseudonym(aca)
    for _ in range(2):
        assert chains.end_entity(own.certificate, LATER) == own.key.public_key
    assert chains.region_of(own.certificate) == HERE
    assert chains.path(aca.certificate, LATER)[-1] == chains.roots[0]


def test_it_is_judged_at_its_time_each_time_anew(chains, aca):
    own = pseudonym(aca).certificate
    chains.end_entity(own, LATER)
    refused(chains, own, "expired", own.end)
    refused(chains, own, "expired", own.start - 1)
    refused(chains, own, "expired", aca.certificate.end)


def test_what_another_signed_in_the_acas_name_is_refused(chains, aca):
    forger = make("ACA", make("SCMS_ROOT"))
    refused(chains, pseudonym(Own(forger.key, aca.certificate)).certificate, "signature")
    refused(chains, pseudonym(forger).certificate, "chain")


def test_a_cas_chain_counts_and_not_its_being_there(root, aca):
    other = make("SCMS_ROOT")
    stranger = make("ACA", other)
    chains = ScmsChains([root.certificate], [stranger.certificate, other.certificate, aca.certificate])
    refused(chains, pseudonym(stranger).certificate, "anchor")


@pytest.mark.parametrize("kind", ["ECA", "RA", "LA", "SCMS_ROOT"])
def test_only_an_aca_issues_to_end_entities(root, kind):
    issuer = root if kind == "SCMS_ROOT" else make(kind, root)
    chains = ScmsChains([root.certificate], [issuer.certificate])
    refused(chains, pseudonym(issuer).certificate, "type")


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"app_permissions": (dot2.PsidSsp(99, None),)}, "app-permissions"),
        ({"app_permissions": None}, "app-permissions"),
        ({"region": THERE}, "region"),
        ({"validity_period": dot2.ValidityPeriod(NOW, dot2.Duration("years", 50))}, "validity-inside"),
    ],
)
def test_rights_beyond_the_acas_are_refused(chains, aca, fields, rule):
    refused(chains, pseudonym(aca, **fields).certificate, rule)


def test_an_end_entity_is_no_ca(chains, aca):
    groups = aca.certificate.record.to_be_signed.cert_issue_permissions
    refused(chains, pseudonym(aca, cert_issue_permissions=groups).certificate, "type")
    own = pseudonym(aca)
    chains = ScmsChains(chains.roots, [aca.certificate, own.certificate])
    refused(chains, pseudonym(own).certificate, "type")


def test_a_component_is_of_the_role_that_it_names(root, chains, aca):
    ra = make("RA", root).certificate
    chains.component(ra, "ra", LATER)
    with pytest.raises(InvalidChain, match="is ra, not aca"):
        chains.component(ra, "aca", LATER)
    period = aca.certificate.record.to_be_signed.validity_period
    below = make("RA", aca, validity_period=period).certificate  # made by an ACA, which must not
    with pytest.raises(InvalidChain, match="issued by a certificate of role aca"):
        chains.component(below, "ra", LATER)


def test_what_is_revoked_is_refused_at_once_wherever_in_the_chain(root, aca):
    gone = set()

    class Crl:
        def check(self, certificate):
            if certificate in gone:
                raise Revoked("on the CRL", rule="hash")

    chains, own = ScmsChains([root.certificate], [aca.certificate], Crl()), pseudonym(aca).certificate
    for one in (own, aca.certificate):
        chains.end_entity(own, LATER)
        gone.add(one)
        refused(chains, own, "revoked")
        gone.clear()
