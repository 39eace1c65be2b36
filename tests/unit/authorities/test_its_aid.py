"""An ITS-AID of the operator's own in enrolment credentials, where root, EA and station all name it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.etsi import CAM, EC_PERMISSIONS, Pki, TestStation, permission
from v2xpki.errors import ConfigError
from v2xpki.trust.chain import verify_chain
from v2xpki.trust.lint import lint_certificate
from v2xpki.trust.profiles import Profiles
from v2xpki.wire import dot2, etsi

ITS_AID = 270_549_119
OWN = dot2.PsidSsp(psid=ITS_AID)
NAMED = {"credential_its_aids": [ITS_AID]}


@pytest.fixture
def granting(make_pki: Callable[..., Pki]) -> Pki:
    return make_pki(profiles=Profiles.load({"rca": NAMED, "ea": NAMED, "station": {"vehicle": NAMED}}))


def ask(station: TestStation, *beside: dot2.PsidSsp) -> Any:
    wanted = etsi.CertificateSubjectAttributes(app_permissions=(*EC_PERMISSIONS, *beside))
    return station.send_enrolment(station.enrolment(attributes=wanted))


def test_a_vehicle_that_asks_gets_it_and_the_chain_holds(granting: Pki) -> None:
    ec = ask(granting.station("car-1"), OWN).ok().certificate
    assert ec.app_permissions.keys() == {623, ITS_AID} and ec.app_permissions[ITS_AID] is None
    verify_chain([ec, granting.ea_certificate], granting.root, granting.clock.time32())
    for certificate, kind, issuer in (
        (ec, "EC", granting.ea_certificate), (granting.ea_certificate, "EA", granting.root),
        (granting.root, "RCA", None),
    ):  # fmt: skip
        assert not [f for f in lint_certificate(certificate, kind, issuer) if f.rule.severity == "error"]


def test_who_does_not_ask_holds_623_alone(granting: Pki) -> None:
    assert granting.station("car-1").enrol().certificate.app_permissions.keys() == {623}


def test_it_is_kept_by_re_enrolment_that_asks_for_it(granting: Pki) -> None:
    car = granting.station("car-1")
    first = ask(car, OWN).ok()
    wanted = etsi.CertificateSubjectAttributes(app_permissions=(*EC_PERMISSIONS, OWN))
    second = car.send_enrolment(car.enrolment(by=first, attributes=wanted)).ok()
    assert ITS_AID in second.certificate.app_permissions


@pytest.mark.parametrize(
    "beside", [(CAM,), (OWN, CAM), (OWN, OWN), (permission(ITS_AID, b"\x01"),), (dot2.PsidSsp(psid=999),)]
)
def test_nothing_else_is_granted_with_it(granting: Pki, beside: tuple[dot2.PsidSsp, ...]) -> None:
    assert ask(granting.station("car-1"), *beside).code == "deniedpermissions"


def test_a_station_of_another_kind_does_not_get_it(granting: Pki) -> None:
    assert ask(granting.station("unit-1", profile="rsu"), OWN).code == "deniedpermissions"


def test_an_ea_whose_certificate_does_not_say_so_does_not_grant_it(make_pki: Callable[..., Pki]) -> None:
    pki = make_pki(profiles=Profiles.load({"station": {"vehicle": NAMED}}))
    assert ask(pki.station("car-1"), OWN).code == "deniedpermissions"


@pytest.mark.parametrize("given", [[623], [624], ["x"], [True], [0], 5])
def test_what_has_a_meaning_of_its_own_is_not_an_operators_to_grant(given: Any) -> None:
    with pytest.raises(ConfigError, match="credential_its_aids"):
        Profiles.load({"ea": {"credential_its_aids": given}})
    with pytest.raises(ConfigError):
        Profiles.load({"aa": {"credential_its_aids": [ITS_AID]}})
