"""Several processes of one Director, on SQLite and PostgreSQL: each database holds them apart.

Threads stand for processes here: each call has a connection of its own. tests/load/test_ota_at_once.py has
real ones.
"""

import pytest
import sqlalchemy as sa

from tests.support.at_once import at_once
from tests.support.databases import new_url, postgres_server  # noqa: F401
from tests.support.ota_director import Car, Depot
from tests.support.ota_versions import require_each_version_once, whole_view
from tests.support.releases import ENGINEER, Shop
from v2xpki.config.ota import OtaPolicy
from v2xpki.errors import RecordFailed
from v2xpki.ota.desk import Reason
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.new_release import NewRelease
from v2xpki.ota.vehicle_ca import VehicleCa
from v2xpki.store.auditing import examine
from v2xpki.store.director import Ecu, Vehicle
from v2xpki.time import HOUR

ROUNDS = 3


@pytest.fixture
def depot(new_url, fixed_clock):  # noqa: F811
    made = Depot(new_url(), fixed_clock, policy=OtaPolicy())
    yield made
    require_each_version_once(made.database)
    assert examine(made.database).intact
    made.database.close()


def report(depot, vehicle, manifest):
    """A manifest, in another process; overtaken by others all the time is an answer, too."""
    try:
        return depot.open().take_manifest(depot.director._inventory.again(vehicle), manifest).version
    except RecordFailed:
        return None


def test_of_many_that_answer_one_vehicle_at_once_each_version_is_signed_once(depot):
    car = Car(hardware=("ecu-a", "ecu-b"))
    vehicle = car.join(depot)
    for number in range(ROUNDS):
        depot.campaign(depot.release("brake", number + 2), name=f"c{number}")
        depot.clock.advance(20 * HOUR)  # what it has grows old besides
        manifest = car.manifest(depot.clock)
        outcomes = at_once(
            lambda m=manifest: report(depot, vehicle, m),
            lambda m=manifest: report(depot, vehicle, m),
            lambda: depot.open().metadata(depot.director._inventory.again(vehicle), "timestamp.json"),
            lambda: depot.open().metadata(depot.director._inventory.again(vehicle), "timestamp.json"),
        )
        # one of the two is the manifest, the other a replay of it
        assert outcomes[:2].count(DirectorReason.REPLAYED) == 1
        assert whole_view(depot.director, vehicle, car.vin)


def test_vehicles_that_are_answered_at_once_do_not_wait_for_each_other_in_vain(depot):
    cars = [Car(number, hardware=("ecu-a", "ecu-b")) for number in range(4)]
    vehicles = [car.join(depot) for car in cars]
    for number in range(ROUNDS):
        made = [depot.release(f"{kind}-{number}", 2, kind) for kind in ("ecu-a", "ecu-b")]
        depot.campaign(*made, name=f"c{number}")
        manifests = [car.manifest(depot.clock) for car in cars]
        at_once(*(lambda v=v, m=m: report(depot, v, m) for v, m in zip(vehicles, manifests, strict=True)))
        # all offers are taken back while the vehicles report
        manifests = [car.manifest(depot.clock) for car in cars]
        at_once(
            lambda n=number: depot.open().halt_campaign(f"c{n}", "stop", "op"),
            *(lambda v=v, m=m: report(depot, v, m) for v, m in zip(vehicles, manifests, strict=True)),
        )
        for vehicle, car in zip(vehicles, cars, strict=True):
            assert whole_view(depot.director, vehicle, car.vin)["targets"] == {}


def test_one_vehicle_that_registers_twice_at_once_is_registered_once(depot):
    for number in range(ROUNDS):
        car = Car(number, hardware=("ecu-a", "ecu-b", "ecu-c"))
        made = at_once(*[lambda c=car: c.register(depot)] * 3)
        assert sorted(one.renewed for one in made) == [False, True, True]
        assert len({one.vehicle for one in made}) == 1


def test_two_vehicles_that_name_the_same_ecus_at_once_one_is_refused(depot):
    for number in range(ROUNDS):
        cars = [Car(2 * number + at, hardware=("ecu-a", "ecu-b", "ecu-c")) for at in (0, 1)]
        names = list(cars[0].ecus)
        cars[1].ecus = {name: cars[0].ecus[name] for name in reversed(names)}
        cars[1].signers = {name: cars[1].signers.popitem()[1] for name in reversed(names)}
        cars[1].primary = names[0]
        outcomes = at_once(*(lambda c=car: c.register(depot).vin for car in cars))
        assert outcomes.count(DirectorReason.CONFLICT) == 1


def test_an_ecu_is_replaced_once(depot):
    for number in range(ROUNDS):
        car = Car(10 * number)
        car.join(depot)
        entries = [Car(10 * number + at).entries[0].document() for at in (1, 2, 3)]
        outcomes = at_once(
            *(lambda e=entry, c=car: depot.open().replace_ecu(c.primary, e, "op") for entry in entries)
        )
        assert outcomes.count(DirectorReason.UNKNOWN) == 2  # it is in use no more
        assert sum(one["replacedBy"] is None for one in depot.director.vehicle(car.vin)["ecus"]) == 1


def meanwhile(depot, monkeypatch, does):
    """Have something done between the record of metadata and its signature, once."""
    issuer = depot.director._metadata._issuer
    issue = issuer.issue_each

    def overtaken(tokens):
        monkeypatch.setattr(issuer, "issue_each", issue)
        does()
        return issue(tokens)

    monkeypatch.setattr(issuer, "issue_each", overtaken)


def test_metadata_being_signed_when_an_ecu_is_replaced_names_the_old_one_in_no_later_answer(
    depot, monkeypatch
):
    car, spare = Car(1, hardware=("ecu-a", "ecu-b")), Car(2, hardware=("ecu-z", "ecu-b"))
    vehicle, release = car.join(depot), depot.release("brake", 2, "ecu-b")
    depot.campaign(release)
    old, entry = list(car.ecus)[1], spare.entries[1].document()
    meanwhile(depot, monkeypatch, lambda: depot.open().replace_ecu(old, entry, "op"))
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert whole_view(depot.director, vehicle, car.vin)["targets"] == {}  # the new ECU has reported nothing
    signed = depot.signatures()
    whole_view(depot.director, vehicle, car.vin)
    assert depot.signatures() == signed


@pytest.mark.parametrize("asks", ["renews", "registers", "registers first"])
def test_a_certificate_being_signed_for_a_primary_when_it_is_replaced_is_nobodys(depot, monkeypatch, asks):
    car, spare = Car(1), Car(2)
    made = []
    issue = VehicleCa.issue

    def overtaken(self, prepared):
        monkeypatch.setattr(VehicleCa, "issue", issue)
        depot.open().replace_ecu(car.primary, spare.entries[0].document(), "op")
        made.append(issue(self, prepared))
        return made[0]

    vehicle = None if asks == "registers first" else car.join(depot)
    monkeypatch.setattr(VehicleCa, "issue", overtaken)
    with pytest.raises(DirectorRefusal) as caught:
        if asks == "renews":
            depot.director.renew_certificate(vehicle, car.csr())
        else:
            car.register(depot)
    assert caught.value.reason is DirectorReason.CONFLICT
    [(_, certified)] = made
    assert depot.director.who(certified.digest) is None
    car.ecus, car.signers, car.primary = spare.ecus, spare.signers, spare.primary
    assert car.join(depot).vin == car.vin


def test_a_halt_stands_whoever_starts_or_pauses_at_that_moment(depot):
    release = depot.release("brake", 2)
    for number in range(ROUNDS):
        name = f"c{number}"
        depot.campaign(release, name=name, cohort={"percentage": 10})
        at_once(
            lambda n=name: depot.open().start_campaign(n, "op", 50),
            lambda n=name: depot.open().halt_campaign(n, "stop", "op")["state"],
            lambda n=name: depot.open().pause_campaign(n, "wait", "op"),
        )
        assert depot.director.campaign(name)["state"] == "halted"


def test_counters_and_times_beyond_32_bits_are_kept(depot):
    car = Car()
    vehicle = car.join(depot)
    for car.counter in (2**31, 2**40):
        with depot.database.write(durable=False) as tx:  # as after that many reports
            for table in (Vehicle, Ecu):
                tx.execute(sa.update(table).values(counter=car.counter))
        taken = depot.director.take_manifest(
            depot.director._inventory.again(vehicle), car.manifest(depot.clock)
        )
        assert taken.version == 1
    assert depot.director._inventory.again(vehicle).counter == 2**40 + 1


def test_of_two_releases_with_one_counter_at_once_one_is_taken(new_url, tmp_path):  # noqa: F811
    shop = Shop(tmp_path, url=new_url())
    for number in range(ROUNDS):
        bodies = [shop.body(number + 1, version=f"{number}.{at}") for at in range(3)]
        calls = [
            lambda b=body: shop.opened().add(ENGINEER, NewRelease.parse(b))[0]
            for body in bodies
        ]  # fmt: skip
        assert at_once(*calls).count(Reason.FIELD) == 2
    assert len(shop.files()) == 2 * ROUNDS  # images and their provenance
    shop.database.close()
