"""Which manifests the Director takes, and what it keeps of them."""

import json

import pytest

from tests.support.ota_director import Car, Depot
from v2xpki.errors import DecodeError
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.manifests import MOST_AHEAD, MOST_FIRST
from v2xpki.store.auditing import examine
from v2xpki.time import iso_from_time32


@pytest.fixture
def depot(tmp_path, fixed_clock):
    return Depot(tmp_path, fixed_clock)


@pytest.fixture
def car():
    return Car(hardware=("ecu-a", "ecu-b"))


@pytest.fixture
def vehicle(depot, car):
    return car.join(depot)


def refused(depot, vehicle, octets):
    with pytest.raises(DirectorRefusal) as caught:
        depot.director.take_manifest(vehicle, octets)
    known = depot.director.vehicle(vehicle.vin)
    assert known["manifests"] == []  # nothing of it is kept
    assert known["metadataVersion"] == 0
    return caught.value.reason


def test_a_manifest_of_another_vehicle_is_refused(depot, car, vehicle):
    octets = car.manifest(depot.clock, manifest={"vehicleId": "WVWZZZ1KZAW999999"})
    assert refused(depot, vehicle, octets) is DirectorReason.FORBIDDEN


def test_a_manifest_without_a_registered_ecu_is_refused(depot, car, vehicle):
    gone = list(car.ecus)[1]
    del car.ecus[gone]
    assert refused(depot, vehicle, car.manifest(depot.clock)) is DirectorReason.CONFLICT


def test_a_manifest_with_an_ecu_that_nobody_registered_is_refused(depot, car, vehicle):
    other = Car(2)
    for table in ("ecus", "signers", "installed"):
        getattr(car, table).update(getattr(other, table))
    assert refused(depot, vehicle, car.manifest(depot.clock)) is DirectorReason.CONFLICT


def test_a_manifest_signed_by_another_key_than_the_primarys_is_refused(depot, car, vehicle):
    car.signers[car.primary] = car.signers[list(car.ecus)[1]]
    assert refused(depot, vehicle, car.manifest(depot.clock)) is DirectorReason.NOT_AUTHENTIC


def test_a_report_that_the_primary_signed_in_a_secondarys_place_is_refused(depot, car, vehicle):
    car.signers[list(car.ecus)[1]] = car.signers[car.primary]
    assert refused(depot, vehicle, car.manifest(depot.clock)) is DirectorReason.NOT_AUTHENTIC


def test_a_secondary_that_names_itself_the_primary_is_refused(depot, car, vehicle):
    car.primary = list(car.ecus)[1]
    assert refused(depot, vehicle, car.manifest(depot.clock)) is DirectorReason.CONFLICT


@pytest.mark.parametrize("seconds", [-601, 601])
def test_a_manifest_of_another_time_is_refused(depot, car, vehicle, seconds):
    time = iso_from_time32(depot.clock.time32() + seconds)
    for part in ("manifest", list(car.ecus)[1]):
        octets = car.manifest(depot.clock, **{part: {"time": time}})
        assert refused(depot, vehicle, octets) is DirectorReason.OUT_OF_TIME


def test_octets_that_are_no_manifest_are_refused(depot, vehicle):
    with pytest.raises(DecodeError):
        depot.director.take_manifest(vehicle, b"{}")


def test_a_replayed_manifest_is_refused(depot, car, vehicle):
    octets = car.manifest(depot.clock)
    depot.director.take_manifest(vehicle, octets)
    for seen in (vehicle, depot.director.who(vehicle.certificate)):  # as it was, and as it is
        with pytest.raises(DirectorRefusal) as caught:
            depot.director.take_manifest(seen, octets)
        assert caught.value.reason is DirectorReason.REPLAYED


def test_an_ecus_old_report_in_a_new_manifest_is_refused(depot, car, vehicle):
    ecu = list(car.ecus)[1]
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    with pytest.raises(DirectorRefusal) as caught:
        depot.director.take_manifest(
            depot.director.who(vehicle.certificate), car.manifest(depot.clock, **{ecu: {"counter": 1}})
        )
    assert caught.value.reason is DirectorReason.REPLAYED


@pytest.mark.parametrize("part", ["manifest", "the Secondary"])
def test_a_counter_that_leaps_ahead_is_refused_and_locks_nobody_out(depot, car, vehicle, part):
    part = part if part == "manifest" else list(car.ecus)[1]
    for counter in (MOST_FIRST + 1, 1 << 53):
        octets = car.manifest(depot.clock, **{part: {"counter": counter}})
        assert refused(depot, vehicle, octets) is DirectorReason.CONFLICT
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    vehicle = depot.director.who(vehicle.certificate)
    for counter in (vehicle.counter + MOST_AHEAD + 1, MOST_FIRST, 1 << 53):
        with pytest.raises(DirectorRefusal) as caught:
            depot.director.take_manifest(vehicle, car.manifest(depot.clock, **{part: {"counter": counter}}))
        assert caught.value.reason is DirectorReason.CONFLICT
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))


def test_a_car_that_registers_anew_goes_on_counting_wherever_it_stands(depot, car, vehicle):
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    depot.director.retire(car.vin, "sold", "op")
    car.counter = MOST_FIRST - 1
    vehicle = car.join(depot)
    for _ in range(2):
        depot.director.take_manifest(vehicle, car.manifest(depot.clock))
        vehicle = depot.director.who(vehicle.certificate)
    assert vehicle.counter == MOST_FIRST + 1


def test_a_spare_part_begins_where_it_counted_in_another_car(depot, car, vehicle):
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    old, spare = list(car.ecus)[1], Car(2, hardware=("ecu-a", "ecu-b"))
    part = list(spare.ecus)[1]
    depot.director.replace_ecu(old, spare.entries[1].document(), "op")
    for table in ("ecus", "signers", "installed"):
        getattr(car, table)[part] = getattr(spare, table)[part]
    del car.ecus[old]
    for counter in (1 << 40, (1 << 40) + 1):
        vehicle = depot.director.who(vehicle.certificate)
        depot.director.take_manifest(vehicle, car.manifest(depot.clock, **{part: {"counter": counter}}))


def test_a_vehicle_that_was_unheard_for_ten_years_is_taken(depot, car, vehicle):
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    car.counter += 10 * 365 * 86400 // 20
    depot.director.take_manifest(depot.director.who(vehicle.certificate), car.manifest(depot.clock))


def test_a_manifest_is_kept_when_its_content_is_new(depot, car, vehicle):
    for _ in range(3):
        depot.director.take_manifest(vehicle, car.manifest(depot.clock))
        vehicle = depot.director.who(vehicle.certificate)
    car.attacks[car.primary] = "the image's hash is wrong"
    last = car.manifest(depot.clock)
    depot.director.take_manifest(vehicle, last)
    known = depot.director.vehicle(car.vin)
    assert [(one["counter"], one["attacks"]) for one in known["manifests"]] == [(1, 0), (4, 1)]
    assert known["manifests"][1]["manifest"] == json.loads(last)
    assert known["ecus"][0]["attack"] == "the image's hash is wrong"
    assert examine(depot.database).findings == ()


def test_an_offer_becomes_installed_when_the_ecu_reports_the_image(depot, car, vehicle):
    release = depot.release("brake", 2, "ecu-b")
    campaign = depot.campaign(release)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert depot.director.campaign(campaign)["counts"]["offered"] == 1
    car.installed[list(car.ecus)[1]] = release
    taken = depot.director.take_manifest(depot.director.who(vehicle.certificate), car.manifest(depot.clock))
    assert taken.changed  # its targets are empty now
    assert depot.director.campaign(campaign)["counts"] == {
        "offered": 0, "installed": 1, "failed": 0, "recalled": 0,
    }  # fmt: skip


def test_an_offer_that_an_attack_kept_out_failed_and_may_still_be_installed(depot, car, vehicle):
    release = depot.release("brake", 2, "ecu-b")
    campaign = depot.campaign(release)
    ecu = list(car.ecus)[1]
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    car.attacks[ecu] = "wrong hash"
    vehicle = depot.director.who(vehicle.certificate)
    assert not depot.director.take_manifest(vehicle, car.manifest(depot.clock)).changed
    (offer,) = depot.director.vehicle(car.vin)["offers"]
    assert (offer["state"], offer["detail"]) == ("failed", "wrong hash")
    del car.attacks[ecu]
    car.installed[ecu] = release
    depot.director.take_manifest(depot.director.who(vehicle.certificate), car.manifest(depot.clock))
    assert depot.director.campaign(campaign)["counts"]["installed"] == 1


def test_an_image_of_the_right_path_and_another_hash_is_not_installed(depot, car, vehicle):
    release = depot.release("brake", 2, "ecu-b")
    campaign = depot.campaign(release)
    car.installed[list(car.ecus)[1]] = release._replace(sha256="1" * 64)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert depot.director.campaign(campaign)["counts"]["offered"] == 1
