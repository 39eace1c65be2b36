"""What a vehicle is handed out when the process that makes its metadata dies at any step: the three documents
from before or the three new ones, and a number that was given away is never given again. On SQLite and
PostgreSQL."""

import os
import signal

import pytest

from tests.support.databases import new_url, postgres_server  # noqa: F401
from tests.support.dying import die, dying_after
from tests.support.ota_director import Car, Depot
from tests.support.ota_versions import require_each_version_once, whole_view
from v2xpki.issuance import recover
from v2xpki.keystore import MemoryKey
from v2xpki.ota import directing, vehicle_metadata
from v2xpki.store.auditing import examine


@pytest.fixture
def depot(new_url, fixed_clock):  # noqa: F811
    made = Depot(new_url(), fixed_clock)
    yield made
    made.database.close()


def prepared_to_die(depot, point):
    """A Director in a process that dies at a point."""
    if point == "after the first of three signatures":
        MemoryKey.sign = dying_after(MemoryKey.sign)
    director = depot.open()
    metadata = director._metadata
    if point == "before the record is committed":
        directing.tx_save = dying_after(directing.tx_save, within=True)
    elif point == "after the record":
        metadata.sign = die
    elif point == "after they are made":
        metadata._issuer.issue_each = dying_after(metadata._issuer.issue_each)
    elif point == "before what was signed is committed":
        vehicle_metadata._replace = dying_after(vehicle_metadata._replace, within=True)
    return director


@pytest.mark.parametrize(
    "point",
    [
        "before the record is committed",
        "after the record",
        "after the first of three signatures",
        "after they are made",
        "before what was signed is committed",
        "after it is handed out",
    ],
)
def test_a_death_leaves_the_old_or_the_new_and_the_next_answer_goes_on(depot, point):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    release = depot.release("brake", 2)
    depot.campaign(release)
    old = depot.director._metadata.documents(vehicle)
    child = os.fork()
    if child == 0:
        try:
            prepared_to_die(depot, point).metadata(depot.director._inventory.again(vehicle), "timestamp.json")
            die()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = depot.director._metadata.documents(vehicle)
    assert left.version == (2 if point == "after it is handed out" else 1)
    if left.version == 1:
        assert left.signatures == old.signatures
    given = depot.director._inventory.again(vehicle).version
    assert given == (1 if point == "before the record is committed" else 2)
    begun = given == 2 and left.version == 1
    assert recover(depot.database).void == begun
    # whoever answers next makes it, under a number that nothing was signed for
    assert whole_view(depot.director, vehicle, car.vin)["version"] == (3 if begun else 2)
    assert list(whole_view(depot.director, vehicle, car.vin)["targets"]) == [release.path]
    assert [one["state"] for one in depot.director.vehicle(car.vin)["offers"]] == ["offered"]
    require_each_version_once(depot.database)
    assert examine(depot.database).intact
