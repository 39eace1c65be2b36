"""Verdicts on files of an SCMS: what `cert verify` and `data verify` say."""

import pytest

from tests.support.scms_trust import NOW, Own, make, pseudonym
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidChain, InvalidMessage
from v2xpki.secured import sign
from v2xpki.time import MICROSECONDS
from v2xpki.trust.judge import Evidence, judge_certificate, judge_data
from v2xpki.trust.messages import BSM
from v2xpki.trust.regions import from_table
from v2xpki.wire import dot2

HERE = from_table({"countries": [276]})
LATER = NOW + 10_000
BERLIN, PARIS = (525_200_000, 134_050_000), (488_570_000, 23_520_000)


@pytest.fixture(scope="module")
def root() -> Own:
    return make("SCMS_ROOT")


@pytest.fixture(scope="module")
def aca(root) -> Own:
    return make("ACA", root, region=HERE)


@pytest.fixture(scope="module")
def car(aca) -> Own:
    return pseudonym(aca)


def evidence(*owns: Own, place=None) -> Evidence:
    return Evidence([own.certificate for own in owns], place=place)


def bsm(car: Own, payload=b"here I am", psid=BSM, identifier="certificate") -> bytes:
    header = dot2.HeaderInfo(psid=psid, generation_time=LATER * MICROSECONDS)
    return sign(car.key, header, payload=payload, certificate=car.certificate, identifier=identifier)


@pytest.mark.parametrize("kind", ["ACA", "ECA", "RA"])
def test_a_component_is_good_below_its_root(root, kind):
    own = make(kind, root)
    assert judge_certificate(own.certificate, evidence(root, own), LATER) == [
        own.certificate,
        root.certificate,
    ]


def test_a_pseudonym_is_good_below_its_aca(root, aca, car):
    path = judge_certificate(car.certificate, evidence(aca, root), LATER)
    assert path == [car.certificate, aca.certificate, root.certificate]


def test_a_pseudonym_that_has_ended_is_not(root, aca, car):
    with pytest.raises(InvalidChain) as caught:
        judge_certificate(car.certificate, evidence(aca, root), car.certificate.end)
    assert caught.value.rule == "expired"


def test_a_place_outside_the_region_of_its_aca_is_told(root, aca, car):
    judge_certificate(car.certificate, evidence(aca, root, place=BERLIN), LATER)
    with pytest.raises(InvalidChain) as caught:
        judge_certificate(car.certificate, evidence(aca, root, place=PARIS), LATER)
    assert caught.value.rule == "place"


@pytest.mark.parametrize("identifier", ["certificate", "digest"])
def test_a_message_under_a_pseudonym_is_accepted(root, aca, car, identifier):
    path = judge_data(bsm(car, identifier=identifier), evidence(car, aca, root), None, LATER)
    assert path[0] == car.certificate


def test_a_message_beyond_its_pseudonym_is_refused(root, aca, car):
    with pytest.raises(InvalidMessage) as caught:
        judge_data(bsm(car, psid=130), evidence(car, aca, root), None, LATER)
    assert caught.value.rule == "psid"


def test_a_message_under_what_another_signed_in_the_acas_name_is_refused(root, aca):
    forger = pseudonym(Own(make("ACA", root).key, aca.certificate))
    with pytest.raises(InvalidMessage) as caught:
        judge_data(bsm(forger), evidence(forger, aca, root), None, LATER)
    assert caught.value.rule == "certificate"


def test_a_self_made_aca_is_refused(root, aca):
    other = make("SCMS_ROOT")
    own = make("ACA", Own(other.key, root.certificate))
    assert isinstance(own.certificate, Certificate)
    forger = pseudonym(own)
    with pytest.raises(InvalidMessage) as caught:
        judge_data(bsm(forger), evidence(forger, own, root), None, LATER)
    assert caught.value.rule == "certificate"
