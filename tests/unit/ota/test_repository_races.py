"""Several processes at one repository, on SQLite and PostgreSQL: what is due comes out once."""

import pytest

from tests.support.at_once import at_once
from tests.support.databases import new_url, postgres_server  # noqa: F401
from tests.support.ota_repository import PATH, Scene, entry
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.store.auditing import examine


@pytest.fixture
def scene(new_url):  # noqa: F811
    made = Scene(new_url())
    made.begin(targets_threshold=2)
    yield made
    assert examine(made.database).intact
    made.database.close()


def numbers(scene):
    return {role: one.version for role, one in scene.repository.state().versions.items()}


def test_two_processes_renew_once(scene):
    scene.later(scene.policy.timestamp_validity)
    came_out = at_once(*[scene.another().tend for _ in range(3)])
    assert sorted(came_out) == [0, 0, 1]
    assert numbers(scene)["timestamp"] == 2


def test_two_submitters_at_once_publish_once(scene):
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    calls = [
        lambda one=person: scene.another().submit(one.sign(request)[0], by="op").published
        for person in (scene.ann, scene.bob)
    ]
    assert True in at_once(*calls)
    assert numbers(scene) == {"root": 1, "targets": 2, "snapshot": 2, "timestamp": 2}


def test_of_two_requests_at_once_for_a_role_one_is_open(scene):
    paths = (PATH, "hw-b/gateway/1/gateway.img")
    calls = [
        lambda path=path: scene.another().request_targets("targets", add={path: entry()}, by="op").role
        for path in paths
    ]
    assert set(at_once(*calls)) == {"targets", SigningReason.OPEN_ALREADY}
    assert len(scene.repository.requests()) == 1
