"""Where only expected vehicles register: a credential registers what the list has for it, no more."""

import json

import pytest
import sqlalchemy as sa

from tests.support.ota_director import Car, Depot
from tests.support.ota_registering import AID, Eas, message
from v2xpki.audit import Event
from v2xpki.config.ota import OtaPolicy
from v2xpki.errors import ConfigError, DecodeError
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.store.auditing import require_intact
from v2xpki.store.base import AuditRow, table_of


@pytest.fixture
def eas(fixed_clock):
    return Eas(fixed_clock.time32())


@pytest.fixture
def depot(tmp_path, fixed_clock, eas):
    policy = OtaPolicy(its_aid=AID, registration="expected")
    depot = Depot(tmp_path, fixed_clock, policy=policy, credentials=eas)
    yield depot
    require_intact(depot.database)
    depot.database.close()


@pytest.fixture
def holder(eas, fixed_clock):
    return eas.credential(fixed_clock.time32())


def expect(depot, car, **more):
    return depot.director.expect([{"vin": car.vin, "model": car.model, **more}], "max")


def registers(depot, car, holder):
    return depot.director.register(message(depot, car, holder))


def refused(depot, car, holder):
    with pytest.raises(DirectorRefusal) as caught:
        registers(depot, car, holder)
    return caught.value


def id8(holder):
    return holder[1].hashed_id8.hex().upper()


def entries(depot, event):
    table = table_of(AuditRow).c
    with depot.database.read() as tx:
        found = tx.execute(sa.select(table.detail).where(table.event == event).order_by(table.sequence))
        return [json.loads(one) for one in found.scalars()]


def used(depot):
    return {one["vin"]: one["registered"] for one in depot.director.expected()}


# --- who registers --------------------------------------------------------------------------------------


def test_a_vehicle_that_is_not_on_the_list_does_not_register(depot, holder):
    assert refused(depot, Car(1), holder).reason is DirectorReason.NOT_EXPECTED
    expect(depot, Car(2))
    assert "vehicleId is not on the list" in str(refused(depot, Car(1), holder))
    assert depot.director.vehicles() == []


def test_a_credential_that_is_not_the_expected_one_does_not_register_somebody_elses_vin(depot, eas, holder):
    car, thief = Car(), eas.credential(depot.clock.time32())
    expect(depot, car, credential=id8(holder))
    assert str(refused(depot, Car(), thief)) == "the credential is not the expected one"
    assert depot.director.vehicles() == []
    assert not registers(depot, car, holder).renewed


def test_other_ecus_or_another_model_than_the_expected_ones_do_not_register(depot, holder):
    car = Car(1, ("gw", "brake"))
    expect(depot, car, ecus=sorted(car.ecus, reverse=True))
    fewer, more = Car(1, ("gw",)), Car(1, ("gw", "brake", "radio"))
    for other in (fewer, more):
        assert str(refused(depot, other, holder)) == "ecus are not the expected ones"
    renamed = Car(1, ("gw", "brake"), model="model-y")
    assert str(refused(depot, renamed, holder)) == "model is not the expected one"
    assert not registers(depot, car, holder).renewed


def test_without_credential_and_ecus_on_the_list_any_credential_registers_the_vin_once(depot, eas, holder):
    expect(depot, Car())
    registers(depot, Car(), eas.credential(depot.clock.time32()))
    assert refused(depot, Car(), holder).reason is DirectorReason.CONFLICT


def test_a_refused_registration_is_audited_once_and_its_challenge_is_used(depot, holder):
    octets = message(depot, Car(), holder)
    for reason in (DirectorReason.NOT_EXPECTED, DirectorReason.REPLAYED):
        with pytest.raises(DirectorRefusal) as caught:
            depot.director.register(octets)
        assert caught.value.reason is reason
    (entry,) = entries(depot, Event.REGISTRATION_REFUSED)
    assert entry["reason"] == "vehicleId is not on the list of expected vehicles"
    # who tries again is known again, and is not told of anywhere else
    refused(depot, Car(2), holder)
    assert {one["credential"] for one in entries(depot, Event.REGISTRATION_REFUSED)} == {entry["credential"]}
    assert id8(holder).lower() not in entry["credential"] and holder[1].digest.hex() != entry["credential"]


def test_an_operator_registers_a_vehicle_whether_it_is_expected_or_not(depot):
    car = Car()
    assert not car.register(depot).renewed
    expect(depot, car)
    assert used(depot) == {car.vin: True}


def test_where_registration_is_open_the_list_is_not_asked(tmp_path, fixed_clock, eas, holder):
    depot = Depot(tmp_path, fixed_clock, policy=OtaPolicy(its_aid=AID), credentials=eas)
    assert expect(depot, Car(), credential="00" * 8)["registration"] == "open"
    assert not registers(depot, Car(), holder).renewed
    assert not registers(depot, Car(2), eas.credential(fixed_clock.time32())).renewed
    depot.database.close()


def test_a_vehicle_that_has_registered_gets_further_certificates_whatever_becomes_of_the_list(depot, holder):
    car = Car()
    expect(depot, car, credential=id8(holder))
    registers(depot, car, holder)
    depot.director.remove_expected(car.vin, "max")
    assert registers(depot, car, holder).renewed


# --- an entry's life ------------------------------------------------------------------------------------


def test_an_entry_is_used_up_by_a_registration_and_free_again_once_the_vehicle_is_retired(depot, eas, holder):
    car, second = Car(), eas.credential(depot.clock.time32())
    expect(depot, car)
    assert used(depot) == {car.vin: False}
    registers(depot, car, holder)
    assert used(depot) == {car.vin: True}
    assert refused(depot, Car(), second).reason is DirectorReason.CONFLICT
    depot.director.retire(car.vin, "sold", "max")
    assert used(depot) == {car.vin: False}
    registers(depot, Car(), second)
    assert used(depot) == {car.vin: True}


def test_whoever_registered_anothers_vin_is_kept_out_once_it_is_retired_and_the_owner_expected(
    depot, eas, holder
):
    owner, thief = Car(), eas.credential(depot.clock.time32())
    expect(depot, owner)
    registers(depot, Car(), thief)
    expect(depot, owner, credential=id8(holder))
    depot.director.retire(owner.vin, "a stranger's", "max")
    assert refused(depot, Car(), thief).reason is DirectorReason.NOT_EXPECTED
    assert registers(depot, owner, holder).vin == owner.vin


def test_an_entry_of_the_same_vin_is_replaced_and_one_that_is_removed_counts_no_more(depot, holder):
    car = Car()
    assert expect(depot, car, ecus=["other"]) == {"added": 1, "replaced": 0, "registration": "expected"}
    assert expect(depot, car) == {"added": 0, "replaced": 1, "registration": "expected"}
    (entry,) = depot.director.expected()
    assert (entry["model"], entry["credential"], entry["ecus"], entry["addedBy"]) == (
        car.model, "any", None, "max",
    )  # fmt: skip
    depot.director.remove_expected(car.vin, "max")
    assert refused(depot, car, holder).reason is DirectorReason.NOT_EXPECTED
    with pytest.raises(DirectorRefusal, match=f"no vehicle {car.vin} is expected; .*vehicle expected"):
        depot.director.remove_expected(car.vin, "max")
    assert [one["count"] for one in entries(depot, Event.VEHICLES_EXPECTED)] == [1, 1]
    assert entries(depot, Event.VEHICLE_UNEXPECTED) == [{"operator": "max"}]


def test_the_list_is_had_a_few_at_a_time_and_none_is_left_out(depot):
    cars = [Car(number) for number in range(5)]
    depot.director.expect([{"vin": car.vin, "model": car.model} for car in cars], "max")
    first = depot.director.expected(limit=3)
    rest = depot.director.expected(limit=3, after=first[-1]["vin"])
    assert [one["vin"] for one in (*first, *rest)] == [car.vin for car in cars]


def test_what_is_kept_of_an_expected_credential_is_a_salted_digest_alone(depot, holder):
    expect(depot, Car(), credential=id8(holder))
    with depot.database.read() as tx:
        stored = tx.execute(sa.text("SELECT credential FROM expected_vehicle")).scalar_one()
    assert len(stored) == 32
    depot.database.close()
    files = b"".join(one.read_bytes() for one in depot.database._dialect.path.parent.glob("director.db*")
                     if one.is_file())  # fmt: skip
    for trace in (holder[1].hashed_id8, id8(holder).encode(), id8(holder).lower().encode()):
        assert trace not in files
    assert depot.director.expected()[0]["credential"] == "one"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"vin": "WVWZZZ1KZAW00000I"}, r"vehicles\[1\].vin"),
        ({"model": "../x"}, r"vehicles\[1\].model"),
        ({"credential": "12"}, r"vehicles\[1\].credential"),
        ({"credential": None}, r"vehicles\[1\].credential"),
        ({"ecus": []}, r"vehicles\[1\].ecus"),
        ({"ecus": ["a", "a"]}, r"vehicles\[1\].ecus"),
        ({"colour": "red"}, r"vehicles\[1\] has not vin"),
        ({"vin": Car(1).vin}, "a vin twice"),
    ],
)
def test_a_list_with_a_bad_entry_is_refused_as_a_whole_with_the_field(depot, change, says):
    good = {"vin": Car(1).vin, "model": "m"}
    with pytest.raises(DecodeError, match=says):
        depot.director.expect([good, {"vin": Car(2).vin, "model": "m"} | change], "max")
    assert depot.director.expected() == []


def test_another_way_to_register_than_the_two_is_refused_in_the_settings():
    assert OtaPolicy().registration == "open"
    with pytest.raises(ConfigError, match="registration is 'closed'") as caught:
        OtaPolicy(registration="closed")
    assert '"expected"' in caught.value.hint
