"""A registration that ends: nothing is served under it any more, all of it may be registered anew, and what
was remains as evidence."""

import json

import pytest
import sqlalchemy as sa

from tests.support.ota_director import Car, Depot, digest_of
from v2xpki.audit import Event
from v2xpki.errors import DecodeError
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.evidence import delivery_half, page, vehicle_half, vehicle_report
from v2xpki.store.auditing import require_intact
from v2xpki.store.base import AuditRow, table_of
from v2xpki.time import iso_from_time32


@pytest.fixture
def depot(tmp_path, fixed_clock):
    depot = Depot(tmp_path, fixed_clock)
    yield depot
    require_intact(depot.database)
    depot.database.close()


def retire(depot, car, reason="scrapped"):
    return depot.director.retire(car.vin, reason, "max")


def refusal(call, *arguments):
    with pytest.raises(DirectorRefusal) as caught:
        call(*arguments)
    return caught.value


def version_of(depot, vehicle):
    return json.loads(depot.director.metadata(vehicle, "timestamp.json"))["signed"]["version"]


def offered(depot, car):
    """A vehicle that is offered a release; the release, and the campaign's id."""
    target = depot.release("brake", 1)
    campaign = depot.campaign(target)
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    return target, campaign


# --- what ends ------------------------------------------------------------------------------------------


def test_a_retired_vehicles_certificate_is_nobodys(depot):
    car = Car()
    pem = car.register(depot).certificate
    pending = depot.director.renew_certificate(car.known(depot, pem), car.csr())
    shown = retire(depot, car)
    assert depot.director.who(digest_of(pem)) is None
    assert depot.director.who(digest_of(pending)) is None
    assert (shown["state"], shown["retired"]) == (
        "retired",
        {"at": iso_from_time32(depot.clock.time32()), "by": "max", "reason": "scrapped"},
    )
    assert depot.director.vehicles() == []


def test_nothing_is_signed_for_a_vehicle_that_was_let_in_just_before_it_was_retired(depot):
    car = Car()
    vehicle = car.join(depot)
    retire(depot, car)
    before = depot.signatures()
    for call in (
        lambda: depot.director.take_manifest(vehicle, car.manifest(depot.clock)),
        lambda: depot.director.metadata(vehicle, "timestamp.json"),
    ):
        refused = refusal(call)
        assert refused.reason is DirectorReason.FORBIDDEN and "retired" in str(refused)
    assert depot.signatures() == before


def test_what_is_being_signed_when_a_vehicle_is_retired_is_handed_out_and_offered_to_nobody(
    depot, monkeypatch
):
    car, target = Car(), depot.release("brake", 1)
    depot.campaign(target)
    vehicle = car.join(depot)
    issuer = depot.director._metadata._issuer
    sign = issuer.issue_each

    def retired_meanwhile(token):
        retire(depot, car)
        return sign(token)

    monkeypatch.setattr(type(issuer), "issue_each", lambda _, token: retired_meanwhile(token))
    with pytest.raises(DirectorRefusal, match="the vehicle is retired"):
        depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    shown = depot.director.vehicle(car.vin)
    assert (shown["metadataVersion"], shown["offers"]) == (0, [])


def test_a_running_campaign_skips_a_retired_vehicle_and_takes_back_what_it_had_not_installed(depot):
    car, other = Car(1), Car(2)
    _, campaign = offered(depot, car)
    retire(depot, car)
    vehicle = other.join(depot)
    depot.director.take_manifest(vehicle, other.manifest(depot.clock))
    counts = depot.director.campaign(campaign)["counts"]
    assert counts == {"offered": 1, "installed": 0, "failed": 0, "recalled": 1}
    shown = depot.director.vehicle(car.vin)
    assert ([one["state"] for one in shown["offers"]], shown["withheld"]) == (["recalled"], {})


def test_the_end_of_a_registration_is_in_the_audit_record_by_whom_and_why(depot):
    car = Car()
    vehicle = car.join(depot)
    retire(depot, car, "a stranger's registration")
    with depot.database.read() as tx:
        found = sa.select(table_of(AuditRow).c.detail).where(
            table_of(AuditRow).c.event == Event.VEHICLE_RETIRED
        )
        (detail,) = tx.execute(found).scalars()
    assert json.loads(detail) == {
        "vehicle": vehicle.id.hex(),
        "reason": "a stranger's registration",
        "operator": "max",
    }


# --- what is refused ------------------------------------------------------------------------------------


def test_a_vehicle_is_retired_once_and_the_second_time_is_told_when(depot):
    car = Car()
    car.join(depot)
    retire(depot, car)
    at = iso_from_time32(depot.clock.time32())
    for call in (depot.director.retire, depot.director.block, depot.director.unblock):
        refused = refusal(call, car.vin, "again", "max")
        assert refused.reason is DirectorReason.STATE
        assert f"was retired at {at}" in str(refused) and "vehicle show" in str(refused)


def test_an_unknown_vehicle_and_one_without_a_reason_are_not_retired(depot):
    refused = refusal(depot.director.retire, Car().vin, "scrapped", "max")
    assert refused.reason is DirectorReason.UNKNOWN
    assert f"no vehicle {Car().vin}" in str(refused) and "vehicle list" in str(refused)
    Car().join(depot)
    for reason in ("", " ", None, "x" * 501):
        with pytest.raises(DecodeError, match="reason"):
            depot.director.retire(Car().vin, reason, "max")
    assert depot.director.vehicle(Car().vin)["state"] == "active"


def test_an_ecu_of_a_retired_vehicle_is_replaced_no_more(depot):
    car = Car(1)
    car.join(depot)
    retire(depot, car)
    entry = Car(2).entries[0].document()
    assert refusal(depot.director.replace_ecu, car.primary, entry, "max").reason is DirectorReason.UNKNOWN


# --- what is free ---------------------------------------------------------------------------------------


def test_vin_and_ecus_of_a_retired_vehicle_may_be_registered_anew_by_others(depot):
    stranger, owner = Car(1), Car(1)
    first = stranger.register(depot)
    retire(depot, stranger, "not its own VIN")
    made = owner.register(depot)  # the same VIN and ECU ids, other keys
    assert not made.renewed and made.vehicle != first.vehicle
    assert owner.known(depot, made.certificate).vin == owner.vin
    assert depot.director.who(digest_of(first.certificate)) is None
    depot.director.take_manifest(owner.known(depot, made.certificate), owner.manifest(depot.clock))
    other = Car(2)  # an ECU goes on in another car
    retire(depot, owner)
    other.ecus, other.signers, other.primary = owner.ecus, owner.signers, owner.primary
    assert not other.register(depot).renewed


def test_an_ecu_that_was_replaced_stays_out_for_good(depot):
    car, spare = Car(1), Car(2)
    car.join(depot)
    depot.director.replace_ecu(car.primary, spare.entries[0].document(), "max")
    retire(depot, car)
    again = refusal(Car(1).register, depot)
    assert again.reason is DirectorReason.CONFLICT and "replaced" in str(again)
    assert not spare.register(depot).renewed


def test_a_car_that_registers_anew_gets_higher_versions_than_it_has_seen(depot):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    depot.clock.advance(depot.policy.director_validity)
    seen = version_of(depot, car.known(depot, car.register(depot).certificate))
    assert seen == 2
    retire(depot, car)
    anew = car.join(depot)
    depot.director.take_manifest(anew, car.manifest(depot.clock))
    assert version_of(depot, anew) > seen
    retire(depot, car)
    assert version_of(depot, car.join(depot)) > seen + 1


# --- what remains ---------------------------------------------------------------------------------------


def test_evidence_of_a_retired_vehicle_has_all_that_it_had_and_when_by_whom_and_why_it_was_retired(depot):
    car = Car()
    target, _ = offered(depot, car)
    car.installed[car.primary] = target
    vehicle = car.known(depot, car.register(depot).certificate)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    with depot.database.read() as tx:
        before = vehicle_half(tx, car.vin).document()
    retire(depot, car)
    with depot.database.read() as tx:
        after = vehicle_half(tx, car.vin).document()
        delivered = delivery_half(tx, target.path).document()
    ended = {"at": iso_from_time32(depot.clock.time32()), "by": "max", "reason": "scrapped"}
    for one in before["offers"]:
        one["retired"] = ended["at"]
    assert after == before | {"state": "retired", "retired": ended}
    assert [one["state"] for one in after["offers"]] == ["installed"] and len(after["manifests"]) == 2
    assert delivered["offers"] == after["offers"]


def test_evidence_of_a_vin_keeps_its_registrations_apart(depot):
    stranger, owner = Car(1), Car(1)
    target, _ = offered(depot, stranger)
    retire(depot, stranger, "<not> its own VIN")
    depot.clock.advance(60)
    vehicle = owner.join(depot)
    depot.director.take_manifest(vehicle, owner.manifest(depot.clock))
    with depot.database.read() as tx:
        half = vehicle_half(tx, owner.vin)
        delivered = delivery_half(tx, target.path, vehicles=1)
    assert (half.state, half.retired, len(half.manifests), len(half.offers)) == ("active", None, 1, 1)
    (earlier,) = half.earlier
    assert (earlier.state, len(earlier.manifests), earlier.earlier) == ("retired", 1, ())
    assert earlier.retired.reason == "<not> its own VIN"
    assert [one.keyid for one in earlier.ecus] != [one.keyid for one in half.ecus]
    assert half.paths.count(target.path) == 1
    states = {one.retired: one.state for one in delivered.offers}
    assert states == {earlier.retired.at: "recalled", None: "offered"}
    html = page(vehicle_report(half.document(), [], depot.clock.time32()))
    assert "by max: &lt;not&gt; its own VIN" in html and f"until {earlier.retired.at}" in html
    shown = depot.director.vehicle(owner.vin)
    assert (shown["state"], [one["state"] for one in shown["earlier"]]) == ("active", ["retired"])
