"""What is left when the process that publishes dies at any step: the old or the new, nothing between. On
SQLite and PostgreSQL."""

import json
import os
import signal

import pytest

from tests.support.databases import new_url, postgres_server  # noqa: F401
from tests.support.dying import die, dying_after
from tests.support.ota_repository import PATH, Scene, entry
from v2xpki.issuance import recover
from v2xpki.keystore import MemoryKey
from v2xpki.ota import publishing
from v2xpki.store.auditing import examine

OLD = {"root": 1, "targets": 1, "snapshot": 1, "timestamp": 1}
NEW = {"root": 1, "targets": 2, "snapshot": 2, "timestamp": 2}


@pytest.fixture
def scene(new_url):  # noqa: F811
    made = Scene(new_url())
    made.begin()
    yield made
    made.database.close()


def prepared_to_die(scene, point):
    """The repository in a process that dies at a point."""
    if point == "after the first of two signatures":
        MemoryKey.sign = dying_after(MemoryKey.sign)
    repository = scene.another()
    publisher = repository._publisher
    if point == "after the signature is taken":
        publisher.publish_ready = die
    elif point == "before the record is committed":
        publishing.tx_save = dying_after(publishing.tx_save, within=True)
    elif point == "after the record":
        publisher._sign = die
    elif point == "after they are made":
        publisher._sign = dying_after(publisher._sign)
    elif point == "before the publication is committed":
        publishing.tx_complete = dying_after(publishing.tx_complete, within=True)
    return repository


@pytest.mark.parametrize(
    "point",
    [
        "after the signature is taken",
        "before the record is committed",
        "after the record",
        "after the first of two signatures",
        "after they are made",
        "before the publication is committed",
        "after the publication",
    ],
)
def test_a_death_leaves_the_old_or_the_new_and_the_next_start_goes_on(scene, point):
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    signature = scene.ann.sign(request)[0]
    child = os.fork()
    if child == 0:
        try:
            prepared_to_die(scene, point).submit(signature, by="op")
            die()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    after = scene.repository.state()
    numbers = {role: one.version for role, one in after.versions.items()}
    assert numbers == (NEW if point == "after the publication" else OLD)
    assert not after.check(after.root, with_targets=True)
    assert json.loads(scene.repository.read("timestamp.json"))["signed"]["version"] == numbers["timestamp"]
    # a start: what was left open is void, the signature that was taken publishes, no one need sign again
    begun = point not in ("after the signature is taken", "before the record is committed")
    assert recover(scene.database).void == (begun and point != "after the publication")
    assert scene.repository.tend() == (0 if numbers == NEW else 3)
    assert {role: one.version for role, one in scene.repository.state().versions.items()} == NEW
    assert examine(scene.database).intact


def test_a_token_that_fails_publishes_nothing_and_leaves_nothing_open(scene, monkeypatch):
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")

    def fail(token):
        raise RuntimeError("the token is gone")

    with monkeypatch.context() as patch:
        patch.setattr(scene.repository._publisher, "_sign", fail)
        with pytest.raises(RuntimeError):
            scene.repository.submit(scene.ann.sign(request)[0], by="op")
    assert {role: one.version for role, one in scene.repository.state().versions.items()} == OLD
    assert recover(scene.database).void == 0
    assert scene.repository.tend() == 3
    assert examine(scene.database).intact


def test_a_reader_in_the_middle_of_a_publication_sees_the_old_as_a_whole(scene, monkeypatch):
    publisher, seen = scene.repository._publisher, []
    insert = publisher._insert

    def watched(tx, before, after, new, requests):
        insert(tx, before, after, new, requests)
        seen.append({name: scene.another().read(name) for name in ("timestamp.json", "2.targets.json")})

    monkeypatch.setattr(publisher, "_insert", watched)
    scene.agree([scene.repository.request_targets("targets", add={PATH: entry()}, by="op")])
    assert json.loads(seen[0]["timestamp.json"])["signed"]["version"] == 1
    assert seen[0]["2.targets.json"] is None
    assert scene.repository.read("2.targets.json")
