"""Vehicles that ask at once share their transactions, and nothing that one of them does harms another."""

import json

import pytest

from tests.support.databases import new_url, postgres_server  # noqa: F401
from tests.support.ota_director import Car, Depot
from tests.support.ota_versions import require_each_version_once
from v2xpki.errors import DecodeError, RecordFailed, TokenLost
from v2xpki.issuance.token_signer import TokenSigner
from v2xpki.ota import directing, vehicle_metadata
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.vehicle_metadata import Overtaken
from v2xpki.store.auditing import examine


@pytest.fixture
def depot(new_url, fixed_clock):  # noqa: F811
    made = Depot(new_url(), fixed_clock)
    yield made
    require_each_version_once(made.database)
    assert examine(made.database).intact
    made.database.close()


@pytest.fixture
def fleet(depot):
    """Five vehicles that are to get a release."""
    cars = [Car(number) for number in range(1, 6)]
    vehicles = [car.join(depot) for car in cars]
    depot.campaign(depot.release("brake", 11))
    return cars, vehicles


def manifests(depot, fleet):
    cars, vehicles = fleet
    return [(vehicle, car.manifest(depot.clock)) for car, vehicle in zip(cars, vehicles, strict=True)]


def require_directed(depot, car, vehicle, version=1):
    documents = depot.director._metadata.documents(vehicle)
    signed = json.loads(documents.of("targets"))["signed"]
    assert (signed["custom"], signed["version"]) == ({"vehicleId": car.vin}, version)
    assert len(signed["targets"]) == 1
    assert [one["state"] for one in depot.director.vehicle(car.vin)["offers"]] == ["offered"]


def test_each_gets_its_own_metadata_in_two_transactions(depot, fleet, monkeypatch):
    begun = []
    write = depot.database.write
    monkeypatch.setattr(
        depot.database, "write", lambda *, durable: (begun.append(durable), write(durable=durable))[1]
    )
    taken = depot.director.take_manifests(manifests(depot, fleet))
    assert begun == [True, False]
    assert [(one.version, one.changed) for one in taken] == [(1, True)] * 5
    for car, vehicle in zip(*fleet, strict=True):
        require_directed(depot, car, vehicle)


def test_what_is_refused_is_refused_alone(depot, fleet):
    cars, vehicles = fleet
    sent = manifests(depot, fleet)
    depot.director.take_manifest(*sent[1])
    depot.director.block(cars[3].vin, "theft", "op")
    sent[2] = vehicles[2], b"{"
    taken = depot.director.take_manifests(sent)
    assert [one.version for one in (taken[0], taken[4])] == [1, 1]
    assert isinstance(taken[1], DirectorRefusal)
    assert taken[1].reason is DirectorReason.REPLAYED
    assert isinstance(taken[2], DecodeError)
    assert isinstance(taken[3], DirectorRefusal)
    assert taken[3].reason is DirectorReason.FORBIDDEN
    for number in (0, 1, 4):
        require_directed(depot, cars[number], vehicles[number])


def test_one_that_sends_two_manifests_at_once_has_both_taken_in_their_turn_or_the_older_refused(depot, fleet):
    cars, vehicles = fleet
    first, second = cars[0].manifest(depot.clock), cars[0].manifest(depot.clock)
    taken = depot.director.take_manifests([(vehicles[0], first), (vehicles[0], second)])
    assert [(one.version, one.changed) for one in taken] == [(1, True), (1, False)]
    require_directed(depot, cars[0], vehicles[0])


def test_what_moves_under_one_is_looked_at_again_for_that_one(depot, fleet, monkeypatch):
    cars, vehicles = fleet
    look, moved = directing.Directing._look, []

    def moving(self, ask, fault):
        step = look(self, ask, fault)
        if ask.vehicle.id == vehicles[2].id and not moved:
            moved.append(ask)
            depot.open().take_manifest(vehicles[2], newer[0])
        return step

    newer = [cars[2].manifest(depot.clock)]
    sent = manifests(depot, fleet)
    monkeypatch.setattr(directing.Directing, "_look", moving)
    taken = depot.director.take_manifests(sent)
    assert [(one.version, one.changed) for one in taken] == [
        (1, True), (1, True), (1, False), (1, True), (1, True),
    ]  # fmt: skip
    for car, vehicle in zip(*fleet, strict=True):
        require_directed(depot, car, vehicle)


def test_a_token_that_is_lost_is_asked_twice_and_nothing_is_handed_out(depot, fleet, monkeypatch):
    asked = []

    def lost(signer, payload):
        asked.append(payload)
        raise TokenLost("the token is away")

    monkeypatch.setattr(TokenSigner, "made", lost)
    taken = depot.director.take_manifests(manifests(depot, fleet))
    assert len(asked) == 2
    assert all(isinstance(one, TokenLost) for one in taken)
    monkeypatch.undo()
    for car, vehicle in zip(*fleet, strict=True):
        assert depot.director._metadata.documents(vehicle) is None
        depot.director.take_manifest(depot.director._inventory.again(vehicle), car.manifest(depot.clock))
        require_directed(depot, car, vehicle, version=2)


def test_one_that_is_overtaken_while_it_is_signed_does_not_keep_the_others_back(depot, fleet, monkeypatch):
    _, vehicles = fleet
    replace = vehicle_metadata._replace

    def overtaken(tx, vehicle, coming):
        if vehicle == vehicles[1].id:
            raise Overtaken
        replace(tx, vehicle, coming)

    monkeypatch.setattr(vehicle_metadata, "_replace", overtaken)
    taken = depot.director.take_manifests(manifests(depot, fleet))
    assert [one.version for one in taken] == [1, 0, 1, 1, 1]
    states = [depot.director._metadata.documents(one) is not None for one in vehicles]
    assert states == [True, False, True, True, True]


def test_one_that_keeps_moving_is_given_up_alone(depot, fleet, monkeypatch):
    _, vehicles = fleet
    record = directing.Directing._tx_record

    def moving(self, tx, step):
        if step.vehicle.id == vehicles[4].id:
            raise directing._Moved
        record(self, tx, step)

    monkeypatch.setattr(directing.Directing, "_tx_record", moving)
    taken = depot.director.take_manifests(manifests(depot, fleet))
    assert [one.version for one in taken[:4]] == [1] * 4
    assert isinstance(taken[4], RecordFailed)


def test_a_database_that_is_busy_is_not_tried_for_each(depot, fleet, monkeypatch):
    tried = []

    def busy(*, durable):
        tried.append(durable)
        raise RecordFailed("the database is busy")

    sent = manifests(depot, fleet)
    monkeypatch.setattr(depot.database, "write", busy)
    taken = depot.director.take_manifests(sent)
    assert tried == [True]
    assert all(isinstance(one, RecordFailed) for one in taken)
    monkeypatch.undo()


def test_one_that_is_retired_while_it_is_signed_is_refused(depot, fleet, monkeypatch):
    cars, _ = fleet
    issuer = depot.director._metadata._issuer
    issue = issuer.issue_each

    def meanwhile(tokens):
        depot.director.retire(cars[1].vin, "scrapped", "op")
        return issue(tokens)

    monkeypatch.setattr(issuer, "issue_each", meanwhile)
    taken = depot.director.take_manifests(manifests(depot, fleet))
    assert [isinstance(one, DirectorRefusal) for one in taken] == [False, True, False, False, False]
