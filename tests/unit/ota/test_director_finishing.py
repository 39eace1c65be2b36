"""A campaign that has reached all of its vehicles ends by itself, and no other does."""

import pytest
from sqlalchemy import event

from tests.support.ota_director import Car, Depot
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.store.auditing import examine
from v2xpki.time import iso_from_time32


@pytest.fixture
def depot(tmp_path, fixed_clock):
    return Depot(tmp_path, fixed_clock)


@pytest.fixture
def fleet(depot):
    return [Member(depot, number) for number in range(3)]


class Member:
    """A registered car that has reported what it left the factory with."""

    def __init__(self, depot, number, **more):
        self.depot, self.car = depot, Car(number, **more)
        self.digest = self.car.join(depot).certificate
        self.report()

    def report(self):
        vehicle = self.depot.director.who(self.digest)
        self.depot.director.take_manifest(vehicle, self.car.manifest(self.depot.clock))

    def install(self, release):
        self.report()  # it is offered
        self.car.installed[self.car.primary] = release
        self.report()


def state(depot, campaign):
    depot.director.finish_campaigns()
    return depot.director.campaign(campaign)["state"]


def test_it_is_finished_once_the_last_vehicle_has_reported_the_target(depot, fleet):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    for member in fleet:
        assert state(depot, campaign) == "running"
        member.install(release)
    depot.clock.advance(7)
    assert state(depot, campaign) == "finished"
    shown = depot.director.campaign(campaign)
    assert shown["ended"] == iso_from_time32(depot.clock.time32())
    assert shown["counts"] == {"offered": 0, "installed": 3, "failed": 0, "recalled": 0}


def test_the_end_is_final_and_audited(depot, fleet):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    for member in fleet:
        member.install(release)
    assert depot.director.finish_campaigns() == 1
    assert depot.director.finish_campaigns() == 0
    for move in (
        lambda: depot.director.start_campaign(campaign, "op"),
        lambda: depot.director.pause_campaign(campaign, "no", "op"),
        lambda: depot.director.halt_campaign(campaign, "no", "op"),
    ):
        with pytest.raises(DirectorRefusal) as caught:
            move()
        assert caught.value.reason is DirectorReason.STATE
    late = Member(depot, 9)
    late.report()
    assert depot.director.vehicle(late.car.vin)["offers"] == []
    with depot.database.read() as tx:
        from sqlalchemy import text

        query = text("SELECT detail FROM audit_entry WHERE event = 'campaign.moved'")
        *_, last = tx.execute(query).scalars()
    assert '"operator":"director"' in last and '"state":"finished"' in last
    assert examine(depot.database).findings == ()


def test_a_share_of_the_fleet_is_not_the_end_of_it(depot, fleet):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release, cohort={"percentage": 99})
    for member in fleet:
        member.install(release)
    assert state(depot, campaign) == "running"
    depot.director.start_campaign(campaign, "op", 100)
    assert state(depot, campaign) == "finished"


def test_a_campaign_that_pauses_is_finished_when_it_goes_on(depot, fleet):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    for member in fleet:
        member.install(release)
    depot.director.pause_campaign(campaign, "wait", "op")
    assert state(depot, campaign) == "paused"
    depot.director.start_campaign(campaign, "op")
    assert state(depot, campaign) == "finished"


def test_a_blocked_vehicle_is_not_waited_for_and_is_offered_nothing_afterwards(depot, fleet):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    *others, lost = fleet
    lost.report()
    for member in others:
        member.install(release)
    assert state(depot, campaign) == "running"
    depot.director.block(lost.car.vin, "stolen", "op")
    assert state(depot, campaign) == "finished"
    assert depot.director.campaign(campaign)["counts"]["recalled"] == 1
    depot.director.unblock(lost.car.vin, "found", "op")
    vehicle = depot.director.who(lost.digest)
    depot.director.metadata(vehicle, "timestamp.json")
    version = depot.director.who(lost.digest).issued
    assert b'"targets":{}' in depot.director.metadata(vehicle, f"{version}.targets.json")


def test_vehicles_outside_of_the_cohort_and_ecus_of_other_hardware_are_not_waited_for(depot, fleet):
    release = depot.release("brake", 2)
    Member(depot, 10, hardware=("ecu-b",))
    Member(depot, 11, model="model-y")
    campaign = depot.campaign(release, cohort={"models": ["model-x"]})
    for member in fleet:
        member.install(release)
    assert state(depot, campaign) == "finished"


def test_a_named_vin_is_waited_for_until_it_is_registered_and_done(depot, fleet):
    release = depot.release("brake", 2)
    vins = [fleet[0].car.vin, Car(20).vin]
    campaign = depot.campaign(release, cohort={"vins": vins})
    fleet[0].install(release)
    assert state(depot, campaign) == "running"
    late = Member(depot, 20)
    assert state(depot, campaign) == "running"
    late.install(release)
    assert state(depot, campaign) == "finished"


def test_a_named_vin_that_was_retired_to_register_anew_is_waited_for(depot, fleet):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release, cohort={"vins": [member.car.vin for member in fleet[:2]]})
    fleet[0].install(release)
    depot.director.retire(fleet[1].car.vin, "a stranger's", "op")
    assert state(depot, campaign) == "running"
    anew = Member(depot, 1)
    assert state(depot, campaign) == "running"
    anew.install(release)
    assert state(depot, campaign) == "finished"


def test_a_campaign_that_concerns_nobody_yet_waits(depot, fleet):
    release = depot.release("lamp", 2, "ecu-z")
    campaign = depot.campaign(release)
    assert state(depot, campaign) == "running"
    first = Member(depot, 30, hardware=("ecu-z",))
    assert state(depot, campaign) == "running"
    first.install(release)
    assert state(depot, campaign) == "finished"


def test_an_ecu_with_something_newer_is_done_and_one_with_a_steppingstone_is_not(depot, fleet):
    older, newer, newest = (depot.release("brake", counter) for counter in (2, 3, 4))
    campaign = depot.campaign(older, newer)
    first, second, third = fleet
    first.install(newer)
    second.install(newest)
    third.install(older)
    assert state(depot, campaign) == "running"
    third.install(newer)
    assert state(depot, campaign) == "finished"


def test_a_release_that_goes_back_is_waited_for_where_it_may_go_back(depot, fleet):
    back = depot.release("brake", 2, rollback_from=5)
    for member, counter in zip(fleet, (5, 6, 2), strict=True):
        member.install(depot.release("brake", counter) if counter != 2 else back)
    campaign = depot.campaign(back)
    assert state(depot, campaign) == "running"  # the first may go back, and has not
    fleet[0].install(back)
    assert state(depot, campaign) == "finished"


def test_a_replaced_ecu_is_waited_for_again(depot, fleet):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    for member in fleet[:2]:
        member.install(release)
    assert state(depot, campaign) == "running"  # and remembers the third
    old, new = fleet[0].car, Car(40)
    depot.director.replace_ecu(old.primary, new.entries[0].document(), "op")
    fleet[2].install(release)
    assert state(depot, campaign) == "running"


def test_a_look_while_a_vehicle_is_missing_reads_one_row_of_it_and_writes_nothing(depot, fleet, monkeypatch):
    depot.campaign(depot.release("brake", 2))
    depot.director.finish_campaigns()
    statements = []
    event.listen(
        depot.database._engine, "before_cursor_execute", lambda *found: statements.append(found[2].lower())
    )
    monkeypatch.setattr(depot.database, "write", lambda **how: pytest.fail("a look writes"))
    depot.director.finish_campaigns()
    [look] = [one for one in statements if "from ecu" in one]
    assert "ecu.id = " in look


def test_halted_at_the_same_moment_it_stays_halted(depot, fleet, monkeypatch):
    release = depot.release("brake", 2)
    campaign = depot.campaign(release)
    for member in fleet:
        member.install(release)
    finish = depot.director._campaigns.finish

    def late(identifier):
        depot.director.halt_campaign(campaign, "now", "op")
        return finish(identifier)

    monkeypatch.setattr(depot.director._campaigns, "finish", late)
    assert state(depot, campaign) == "halted"


def test_many_vins_are_asked_about_in_pieces(depot, fleet, monkeypatch):
    monkeypatch.setattr("v2xpki.ota.finishing._AT_ONCE", 2)
    release = depot.release("brake", 2)
    campaign = depot.campaign(release, cohort={"vins": [member.car.vin for member in fleet]})
    for member in reversed(fleet):
        assert state(depot, campaign) == "running"
        member.install(release)
    assert state(depot, campaign) == "finished"
