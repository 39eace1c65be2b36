"""Campaigns: whom they reach, and that they can be stopped."""

import pytest

from tests.support.ota_director import Car, Depot
from v2xpki.errors import DecodeError
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.plan import Blinding, Cohort
from v2xpki.store.auditing import examine
from v2xpki.trust.ota.fields import Relation


@pytest.fixture
def depot(tmp_path, fixed_clock):
    return Depot(tmp_path, fixed_clock)


def poll(depot, car, vehicle):
    """Report, and what is offered then."""
    depot.director.take_manifest(depot.director.who(vehicle.certificate), car.manifest(depot.clock))
    found = depot.director.vehicle(car.vin)["offers"]
    return [one["path"] for one in found if one["state"] == "offered"]


def joined(depot, number=1, **more):
    car = Car(number, **more)
    return car, car.join(depot)


def test_a_draft_offers_nothing(depot):
    car, vehicle = joined(depot)
    depot.campaign(depot.release("brake", 2), start=False)
    assert poll(depot, car, vehicle) == []


def test_a_campaign_that_pauses_offers_nothing_new_and_takes_nothing_back(depot):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    (first, one), (second, other) = joined(depot, 1), joined(depot, 2)
    assert poll(depot, first, one) == [release.path]
    depot.director.pause_campaign(campaign, "look at it", "op")
    assert poll(depot, first, one) == [release.path]
    assert poll(depot, second, other) == []
    depot.director.start_campaign(campaign, "op")
    assert poll(depot, second, other) == [release.path]


def test_a_campaign_that_is_halted_takes_back_what_is_not_installed(depot):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    (first, one), (second, other) = joined(depot, 1), joined(depot, 2)
    poll(depot, first, one)
    poll(depot, second, other)
    first.installed[first.primary] = release
    poll(depot, first, one)
    halted = depot.director.halt_campaign(campaign, "brakes fail", "op")
    assert halted["counts"] == {"offered": 0, "installed": 1, "failed": 0, "recalled": 1}
    vehicle = depot.director.who(other.certificate)
    depot.director.metadata(vehicle, "timestamp.json")  # at its next poll, without a manifest
    assert depot.director.metadata(vehicle, "2.targets.json").find(release.path.encode()) == -1
    with pytest.raises(DirectorRefusal):
        depot.director.start_campaign(campaign, "op")


def test_a_vehicle_that_installed_it_after_the_halt_is_counted_so(depot):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    car, vehicle = joined(depot)
    poll(depot, car, vehicle)
    depot.director.halt_campaign(campaign, "stop", "op")
    car.installed[car.primary] = release
    poll(depot, car, vehicle)
    assert depot.director.campaign(campaign)["counts"]["installed"] == 1


def test_a_cohort_is_by_model_and_vin(depot):
    release = depot.release("brake", 2)
    cohort = {"models": ["model-x"], "vins": [Car(1).vin, Car(2).vin]}
    depot.campaign(release, cohort=cohort)
    inside, other_vin, other_model = joined(depot, 1), joined(depot, 3), joined(depot, 2, model="model-y")
    assert poll(depot, *inside) == [release.path]
    assert poll(depot, *other_vin) == []
    assert poll(depot, *other_model) == []


def test_a_share_grows_by_vehicles_and_loses_none(depot):
    blinding = Blinding(depot.database)
    vins = [f"WVWZZZ1KZAW{number:06}" for number in range(2000)]
    sizes, before = [], set()
    for percentage in (1, 10, 50, 100):
        cohort = Cohort(percentage=percentage)
        inside = {vin for vin in vins if cohort.includes(b"c" * 16, vin, "m", blinding)}
        assert before <= inside
        sizes.append(len(inside))
        before = inside
    assert sizes[3] == 2000
    assert abs(sizes[1] - 200) < 80
    assert abs(sizes[2] - 1000) < 150
    other = {vin for vin in vins if Cohort(percentage=10).includes(b"d" * 16, vin, "m", blinding)}
    assert len(other & before) < 2000  # another campaign tries it on others


def test_a_campaign_is_widened_and_never_narrowed(depot):
    campaign = depot.campaign(depot.release("brake", 2), cohort={"percentage": 5})
    assert depot.director.start_campaign(campaign, "op", 50)["cohort"] == {"percentage": 50}
    with pytest.raises(DirectorRefusal) as caught:
        depot.director.start_campaign(campaign, "op", 49)
    assert caught.value.reason is DirectorReason.STATE


def test_a_target_that_is_not_known_or_withdrawn_cannot_be_directed_to(depot):
    gone = depot.release("brake", 3, gone=True)
    for path in (gone.path, "ecu-a/brake/9/image.bin"):
        with pytest.raises(DirectorRefusal) as caught:
            depot.director.create_campaign(name="c", targets=[path], cohort={"percentage": 1}, operator="op")
        assert caught.value.reason is DirectorReason.UNKNOWN


@pytest.mark.parametrize(
    "cohort",
    [{}, {"models": []}, {"percentage": 0}, {"percentage": 101}, {"vins": ["x"]}, {"all": True}, None],
)
def test_a_cohort_that_names_nobody_or_nonsense_is_refused(depot, cohort):
    release = depot.release("brake", 2)
    with pytest.raises(DecodeError, match="cohort"):
        depot.director.create_campaign(name="c", targets=[release.path], cohort=cohort, operator="op")


def test_two_campaigns_have_not_one_name(depot):
    release = depot.release("brake", 2)
    depot.campaign(release)
    with pytest.raises(DirectorRefusal) as caught:
        depot.campaign(release)
    assert caught.value.reason is DirectorReason.CONFLICT


def test_an_unknown_campaign_is_unknown(depot):
    for name in ("nothing", "00" * 16):
        with pytest.raises(DirectorRefusal) as caught:
            depot.director.campaign(name)
        assert caught.value.reason is DirectorReason.UNKNOWN


def test_each_step_is_in_the_audit_record_with_who_and_why(depot):
    campaign = depot.campaign(depot.release("brake", 2))
    depot.director.halt_campaign(campaign, "brakes fail", "anna")
    with depot.database.read() as tx:
        from sqlalchemy import text

        rows = tx.execute(text("SELECT event, detail FROM audit_entry WHERE event LIKE 'campaign%'")).all()
    assert [row[0] for row in rows] == ["campaign.created", "campaign.moved", "campaign.moved"]
    assert '"operator":"anna"' in rows[2][1]
    assert '"reason":"brakes fail"' in rows[2][1]
    assert examine(depot.database).findings == ()


def test_a_release_that_is_withheld_is_shown_with_the_reason(depot):
    car, vehicle = joined(depot)
    depot.campaign(depot.release("brake", 2, requires=[Relation("engine", 7)]))
    assert poll(depot, car, vehicle) == []
    assert depot.director.vehicle(car.vin)["withheld"] == {
        car.primary: "ecu-a/brake/2.0/image.bin requires engine from 7"
    }


def test_halting_at_the_moment_of_an_offer_wins(depot, monkeypatch):
    """The plan is read, the campaign halted, and only then the offer would be recorded."""
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    car, vehicle = joined(depot)
    directing = depot.director._directing
    view, halted = directing._view, []

    def late(one):
        found = view(one)
        if not halted:
            halted.append(depot.director.halt_campaign(campaign, "now", "op"))
        return found

    monkeypatch.setattr(directing, "_view", late)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert depot.director.vehicle(car.vin)["offers"] == []
    assert release.path.encode() not in depot.director.metadata(vehicle, "1.targets.json")
