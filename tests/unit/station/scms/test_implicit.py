"""Implicit certificates, from what an operator allows to a message that another vehicle believes."""

from dataclasses import replace

import pytest

from tests.support.scms_pki import POLICY, Pki
from v2xpki.errors import InvalidMessage
from v2xpki.station.errors import BadAnswer, Refusal

ALLOWED = replace(POLICY, implicit=True)


def enrolled(pki, path, profile="obe"):
    device = pki.device(path, profile)
    device.refresh()
    device.enrol()
    return device


@pytest.fixture
def pki(tmp_path):
    made = Pki(tmp_path, ALLOWED)
    yield made
    made.close()


@pytest.mark.parametrize("variant", ["original", "unified", "compactUnified"])
def test_a_message_signed_under_an_implicit_pseudonym_is_believed(pki, tmp_path, variant):
    car, other = enrolled(pki, tmp_path / "car-1"), enrolled(pki, tmp_path / "car-2")
    car.request(variant, implicit=True)
    pki.lab.work()
    found = car.download()
    assert found.bad == () and len(found.certificates) == 2 * ALLOWED.certificates
    assert all(one.is_implicit for one in found.certificates)
    assert {one.issuer_id8 for one in found.certificates} == {pki.lab.implicit.hashed_id8}
    octets = car.sign(b"here I am")
    verified = other.verify(octets)
    assert verified.payload == b"here I am" and verified.ticket in found.certificates
    forged = octets[:-1] + bytes((octets[-1] ^ 1,))
    with pytest.raises(InvalidMessage):
        other.verify(forged)


def test_implicit_and_explicit_certificates_are_made_in_one_mixture(pki, tmp_path):
    one, two = enrolled(pki, tmp_path / "car-1"), enrolled(pki, tmp_path / "car-2")
    one.request(implicit=True)
    two.request()
    pki.lab.work()
    assert all(certificate.is_implicit for certificate in one.download().certificates)
    made = two.download().certificates
    assert made and not any(certificate.is_implicit for certificate in made)
    assert one.verify(two.sign(b"explicit")).payload == b"explicit"
    assert two.verify(one.sign(b"implicit")).payload == b"implicit"


def test_an_identification_certificate_and_a_roadside_units_may_be_implicit_too(pki, tmp_path):
    car, rsu = enrolled(pki, tmp_path / "car-1"), enrolled(pki, tmp_path / "rsu-1", "rsu")
    car.request(kind="identification", implicit=True)
    rsu.request(implicit=True)
    pki.lab.work()
    (own,) = rsu.download().certificates
    assert own.is_implicit
    assert all(one.is_implicit for one in car.download().certificates)
    assert car.verify(rsu.sign(b"red", 130)).payload == b"red"


def test_a_request_keeps_its_type_through_a_restart_of_the_device(pki, tmp_path):
    car = enrolled(pki, tmp_path / "car-1")
    car.request(implicit=True)
    pki.lab.work()
    assert all(one.is_implicit for one in pki.again(car).download().certificates)


def test_an_explicit_request_that_is_answered_implicitly_is_refused_by_the_device(pki, tmp_path, monkeypatch):
    from v2xpki.station.scms import device as module

    car, whole = enrolled(pki, tmp_path / "car-1"), module.certificate_request
    monkeypatch.setattr(
        module, "certificate_request", lambda wish, *rest: whole(wish._replace(implicit=True), *rest)
    )
    car.request()
    pki.lab.work()
    found = car.download()
    assert found.certificates == () and {entry.rule for entry in found.bad} == {"type"}


def test_where_they_are_not_offered_a_request_is_refused(tmp_path):
    pki = Pki(tmp_path)
    car = enrolled(pki, tmp_path / "car-1")
    with pytest.raises((Refusal, BadAnswer)):
        car.request(implicit=True)
    assert pki.lab.batches() == []
    pki.close()


def test_where_the_aca_has_no_key_for_them_nothing_is_made(pki, tmp_path):
    pki.lab.line = pki.lab.new_line(implicit=None)
    car = enrolled(pki, tmp_path / "car-1")
    car.request(implicit=True)
    pki.lab.work()
    assert {row.state for row in pki.lab.batches()} == {"refused"}
    assert car.download().certificates == ()
