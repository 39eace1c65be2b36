"""A sub-CA takes a certificate into use only where it is the one that it asked for, of its own root."""

import pytest

from tests.support.etsi import certify
from tests.unit.ca.forging import first_request
from v2xpki.audit import Event
from v2xpki.authorities.etsi import ca_approval
from v2xpki.authorities.etsi.envelope import OwnKeys
from v2xpki.authorities.etsi.own_generations import GenerationWatch, open_generations
from v2xpki.errors import CeremonyRefused, DecodeError, InvalidChain, KeystoreError
from v2xpki.keystore import KeyLabel, MemoryKey
from v2xpki.store.base import AuditRow
from v2xpki.trust.lists import EaEntry


def test_an_installed_certificate_is_the_present_one_and_audited(life, rekeying):
    old = life.present("aa")
    done = life.install(life.approve(rekeying.octets).certificate.octets)
    assert (done.role, done.generation, done.former, done.fresh) == ("aa", 2, old, True)
    assert life.present("aa") == done.certificate
    assert life.instance.domain("aa").generation == 2
    with life.database("aa") as database, database.read() as tx:
        told = [
            row for row in tx.execute(AuditRow.__table__.select()) if row.event == Event.CERTIFICATE_INSTALLED
        ]
    assert (
        len(told) == 1 and done.certificate.hashed_id8.hex() in told[0].detail and "alice" in told[0].detail
    )


def test_the_same_certificate_again_changes_nothing(life, rekeying):
    octets = life.approve(rekeying.octets).certificate.octets
    life.install(octets)
    assert life.install(octets).fresh is False
    assert life.instance.domain("aa").generation == 2


def test_a_running_service_takes_it_over_and_both_generations_answer(life, rekeying):
    domain, clock = life.instance.domain("aa"), life.house.clock
    keystore = life.house.hall.keystores["aa"]
    with life.database("aa") as database:

        def load():
            return open_generations(keystore, life.instance.domain("aa"), database, clock)

        own = OwnKeys(load(), clock)
        watch = GenerationWatch(own, domain.certificates_dir, load)
        watch.round()
        assert [one.number for one in own.generations] == [1]
        life.install(life.approve(rekeying.octets).certificate.octets)
        assert watch.round() <= 1
        assert [one.number for one in own.generations] == [2, 1]
        assert all(own.in_force(one) for one in own.generations)
        clock.now = own.generations[1].certificate.end
        assert not own.in_force(own.generations[1]) and own.newest().number == 2


def test_the_operator_may_go_back_to_an_older_generation(life, rekeying):
    from v2xpki.config import DomainSection, Instance, Settings

    life.install(life.approve(rekeying.octets).certificate.octets)
    pinned = Instance(life.directory, Settings(lab=True, domains={"aa": DomainSection(generation=1)}))
    assert pinned.domain("aa").generation == 1
    with life.database("aa") as database:
        keystore = life.house.hall.keystores["aa"]
        found = open_generations(keystore, pinned.domain("aa"), database, life.house.clock)
    assert [one.number for one in found] == [1, 2]


# --- attacks ---------------------------------------------------------------------------------------------


def forged(life, rekeying, issuer=None, key=None, **change):
    """A certificate for the AA's request that somebody signed."""
    review = life.review(rekeying.octets)
    signer = key or life.house.hall.keystores["root"].issuing_key(KeyLabel("root", "sign"))
    return certify(review.tbs._replace(**change), signer, issuer or life.house.root).octets


def test_a_certificate_of_somebody_elses_key_is_not_installed(life):
    octets = first_request(life.house.clock, name="somebody else")
    theirs = life.approve(octets, urls=ca_approval.Urls("https://x.example/aa")).certificate
    with pytest.raises(CeremonyRefused, match="no key that was asked for"):
        life.install(theirs.octets)


def test_a_certificate_of_another_root_is_not_installed(life, rekeying):
    from v2xpki.crypto import Curve

    key = MemoryKey(Curve.BRAINPOOL_P384R1)
    tbs = life.house.root.record.to_be_signed
    other = certify(
        tbs._replace(
            verify_key_indicator=tbs.verify_key_indicator._replace(value=key.public_key.to_verification_key())
        ),
        key,
    )
    with pytest.raises(InvalidChain, match="not issued by root"):
        life.install(forged(life, rekeying, other, key))


def test_a_certificate_that_the_root_did_not_sign_is_not_installed(life, rekeying):
    from v2xpki.crypto import Curve

    with pytest.raises(InvalidChain):
        life.install(forged(life, rekeying, key=MemoryKey(Curve.BRAINPOOL_P384R1)))


@pytest.mark.parametrize("field", ["id", "app_permissions", "cert_issue_permissions", "encryption_key"])
def test_a_certificate_that_says_something_else_than_was_asked_for_is_not_installed(life, rekeying, field):
    ea = life.present("ea").record.to_be_signed
    with pytest.raises(CeremonyRefused, match="not what was asked for"):
        life.install(forged(life, rekeying, **{field: getattr(ea, field)}))


def test_a_certificate_that_is_not_in_force_or_revoked_is_not_installed(life, rekeying):
    octets = life.approve(rekeying.octets).certificate.octets
    from v2xpki.crypto import Certificate

    certificate = Certificate.parse(octets)
    life.revoke(certificate)
    life.fetch_lists()
    with pytest.raises(InvalidChain, match="revoked"):
        life.install(octets)
    life.house.clock.now = certificate.end
    with pytest.raises(InvalidChain):
        life.install(octets)
    assert life.instance.domain("aa").generation == 1


def test_a_second_certificate_of_the_same_key_replaces_nothing(life, rekeying):
    octets = life.approve(rekeying.octets).certificate.octets
    life.install(octets)
    period = life.review(rekeying.octets).tbs.validity_period
    other = forged(life, rekeying, validity_period=period._replace(start=period.start + 1))
    with pytest.raises(CeremonyRefused, match="nothing was replaced"):
        life.install(other)
    assert life.present("aa").octets == octets


def test_a_certificate_whose_keys_are_gone_is_not_installed(life, rekeying):
    octets = life.approve(rekeying.octets).certificate.octets
    keystore = life.house.hall.keystores["aa"]
    del keystore._keys[KeyLabel("aa", "encrypt", 2)]
    with pytest.raises(KeystoreError, match="aa-encrypt-2"):
        life.install(octets)
    assert life.instance.domain("aa").generation == 1


def test_octets_that_are_no_certificate_are_refused(life, rekeying):
    for octets in (b"", b"\x80", rekeying.octets):
        with pytest.raises(DecodeError):
            life.install(octets)
    assert life.listed(EaEntry)
