"""Two generations of an EA or AA side by side, on the wire."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.butterfly import POLICY, Flock, work
from tests.support.etsi import EU, P256, Pki, TestStation, certify, read_answer
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.authorities.etsi.peers import Peer, newest_like
from v2xpki.crypto import Certificate
from v2xpki.errors import OutOfService
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel
from v2xpki.secured import SignedMessage
from v2xpki.web.problems import verdict


@pytest.fixture
def pki(make_pki: Callable[..., Pki]) -> Pki:
    made = make_pki(butterfly=POLICY)
    made.clock.advance(60)
    return made


def next_generation(pki: Pki, domain: str, *, listed: bool = True) -> Certificate:
    """The domain's second generation: installed, and on the CTL."""
    keys, database = (pki.ea_keys, pki.ea_database) if domain == "ea" else (pki.aa_keys, pki.aa_database)
    present = pki.ea_certificate if domain == "ea" else pki.aa_certificate
    label, sealing = KeyLabel(domain, "sign", 2), KeyLabel(domain, "encrypt", 2)
    tbs = pki.profiles.profile(domain.upper()).build_tbs(
        now=pki.clock.now,
        issuer=pki.root,
        verification_key=keys.generate(label, P256),
        encryption_key=keys.generate(sealing, P256),
        name=domain,
        region=EU,
    )
    period = tbs.validity_period._replace(start=present.start + 1)
    certificate = certify(tbs._replace(validity_period=period), pki.root_key, pki.root)
    issuer = Issuer(keys.issuing_key(label), certificate, database, pki.clock)
    made = Generation(certificate, keys.agreer(sealing), keys.responder(label, certificate), issuer, 2)
    own: OwnKeys = (pki.ea if domain == "ea" else pki.aa)._own  # type: ignore[attr-defined]
    own.replace([made, *own.generations])
    if listed:
        table: Any = pki.peers.eas if domain == "ea" else pki.peers.aas
        table[certificate.hashed_id8] = Peer(certificate, table[present.hashed_id8].url)
    return certificate


def ticket_of(car: TestStation, ec: Any, aa: Certificate) -> Certificate:
    sent = car.authorization(ec, to=aa)
    answer = read_answer(car.pki.aa.authorize(sent.body), sent, aa, car.pki.clock)
    ticket = answer.ok().certificate
    assert ticket.issuer_id8 == aa.hashed_id8
    return ticket


def test_a_ticket_comes_from_the_generation_that_was_asked_and_the_ea_knows_both(pki: Pki) -> None:
    car = pki.station()
    ec, old, new = car.enrol(), pki.aa_certificate, next_generation(pki, "aa")
    ticket_of(car, ec, old)
    ticket_of(car, ec, new)


def test_an_installed_aa_that_is_not_listed_yet_goes_on_under_the_old_certificate(pki: Pki) -> None:
    car = pki.station()
    ec = car.enrol()
    new = next_generation(pki, "aa", listed=False)
    ticket_of(car, ec, pki.aa_certificate)
    sent = car.authorization(ec, to=new)
    # nobody can know of it; the EA does not either
    assert read_answer(pki.aa.authorize(sent.body), sent, new, pki.clock).code == "invalidaa"


def test_the_aa_asks_the_newest_generation_of_the_ea_that_the_station_names(pki: Pki) -> None:
    car = pki.station()
    ec, new = car.enrol(), next_generation(pki, "ea")
    asked: list[bytes] = []
    answered = pki.ea.validate

    def noted(body: bytes) -> bytes:
        asked.append(pki.ea._own.open(body).own.certificate.hashed_id8)
        return answered(body)

    pki.link.ea = type("Noting", (), {"validate": staticmethod(noted)})()  # type: ignore[assignment]
    ticket_of(car, ec, pki.aa_certificate)  # the station's request names, and is encrypted to, the older one
    assert asked == [new.hashed_id8]


def test_an_ea_at_another_url_or_of_another_name_is_not_a_newer_generation(pki: Pki) -> None:
    peers: Any = pki.peers.eas
    old = peers[pki.ea_certificate.hashed_id8]
    new = Peer(next_generation(pki, "ea", listed=False), old.url)
    now = pki.clock.now
    assert newest_like(old, [old, new], now) == new
    for wrong in (replace(new, url="http://elsewhere"), replace(new, revoked=True)):
        assert newest_like(old, [old, wrong], now) == old
    tbs = new.certificate.record.to_be_signed
    renamed = certify(tbs._replace(id=tbs.id._replace(value="ea two")), pki.root_key, pki.root)
    assert newest_like(old, [Peer(renamed, old.url)], now) == old
    assert newest_like(old, [old, new], new.certificate.end) == old


def test_butterfly_requests_are_signed_by_the_newest_generation_that_the_ctl_names(pki: Pki) -> None:
    ec = pki.station().enrol()
    flock = Flock(pki, ec)
    new = next_generation(pki, "ea", listed=False)
    signers: list[bytes | None] = []
    sign = Generation.sign

    def noted(own: Generation, *arguments: Any) -> bytes:
        octets = sign(own, *arguments)
        signers.append(SignedMessage.parse(octets).signer_digest)
        return octets

    flock.request()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Generation, "sign", noted)
        work(pki)
    assert pki.ea_certificate.hashed_id8 in signers and new.hashed_id8 not in signers


def test_a_revoked_authority_answers_nothing_not_even_what_it_answered_before(pki: Pki) -> None:
    car = pki.station()
    sent = car.enrolment()
    car.send_enrolment(sent).ok()
    pki.ea._own._revoked = lambda certificate: certificate == pki.ea_certificate
    for body in (sent.body, car.enrolment().body):
        with pytest.raises(OutOfService, match="revoked") as caught:
            pki.ea.enrol(body)
    told = verdict(caught.value)
    assert (told.status, told.fault) == (503, False) and told.retry_after


def test_a_generation_whose_signing_key_was_destroyed_still_says_imnottherecipient(pki: Pki) -> None:
    car, old = pki.station(), pki.ea_certificate
    new = next_generation(pki, "ea")
    own = pki.ea._own
    own.replace(
        [replace(g, responder=None, issuer=None) if g.certificate == old else g for g in own.generations]
    )
    sent = car.enrolment()
    assert read_answer(pki.ea.enrol(sent.body), sent, new, pki.clock).code == "imnottherecipient"
