"""Clients that are not ours follow the Director's view of one vehicle through a change of its keys."""

import json

import pytest
from tuf.api.metadata import Metadata

from tests.support.ota_clients import FollowedNot, Ngclient, Server, TufJs, forge
from tests.support.ota_director import Car, Depot
from tests.support.ota_repository import Scene
from v2xpki.ota.changes import RootChange
from v2xpki.ota.director import label_of
from v2xpki.ota.director_opening import present_generations
from v2xpki.ota.kinds import DIRECTOR
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.vehicle_metadata import ROLES
from v2xpki.time import FixedClock, SystemClock


class View:
    """What one vehicle is served: the root that all share, and its own metadata."""

    def __init__(self, depot, certificate):
        self.depot, self.certificate = depot, certificate

    @property
    def vehicle(self):
        return self.depot.director.who(self.certificate)

    def read(self, name):
        return self.depot.director.root(name) or self.depot.director.metadata(self.vehicle, name)


@pytest.fixture
def directed(tmp_path):
    """A Director with a root by two people, and a car that has reported once."""
    clock = FixedClock(SystemClock().time32())  # the clients go by the machine's
    depot, car = Depot(tmp_path, clock), Car()
    scene = Scene(tmp_path, DIRECTOR, keystore=depot.keystore, now=clock.now)
    scene.begin()
    view = View(depot, car.join(depot).certificate)
    depot.director.take_manifest(view.vehicle, car.manifest(clock))
    yield scene, depot, view
    scene.database.close()
    depot.database.close()


def trusted(client, role):
    return json.loads((client.metadata / f"{role}.json").read_bytes())


@pytest.mark.parametrize("kind", [Ngclient, TufJs])
def test_a_client_follows_a_vehicles_view_through_a_change_of_the_directors_keys(
    directed, kind, request, tmp_path
):
    scene, depot, view = directed
    if kind is TufJs:
        TufJs.process = request.getfixturevalue("node")
    server = Server(view)
    with server.at_work() as url:
        client = kind(tmp_path / "client", url, view.read("1.root.json"))
        client.follow()
        assert [client.version(role) for role in ("root", *ROLES)] == [1, 1, 1, 1]
        stolen = {role: depot.keystore.issuing_key(label_of(role)) for role in ROLES}

        scene.agree(scene.repository.request_root(RootChange(rotate=ROLES), by="op"))
        generations = present_generations(scene.repository, OnlineKeys(depot.keystore, DIRECTOR))
        assert generations == dict.fromkeys(ROLES, 2)
        depot.director = depot.open(generations=generations)
        release = depot.release("brake", 2)
        depot.campaign(release)

        # what the old keys sign is refused, for each role by itself, from the outermost on
        for role in reversed(ROLES):
            view.read("timestamp.json")  # signed anew by now
            name = "timestamp.json" if role == "timestamp" else f"{view.vehicle.version}.{role}.json"
            ours = Metadata.from_bytes(view.read(name)).signed
            server.instead = {name: forge(ours, stolen[role])}
            with pytest.raises(FollowedNot, match=r"(?i)signed|threshold|signature"):
                client.follow()
            assert client.version("root") == 2

        server.instead.clear()
        client.follow()
        assert [client.version(role) for role in ROLES] == [2, 2, 2]
        found = trusted(client, "targets")["signed"]
        assert list(found["targets"]) == [release.path]
