"""A request that has its signatures and cannot go out alone says what it waits for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ota_repository import PATH, Scene, Supplier, TestSigner
from v2xpki.ota.changes import DelegationChange, RootChange
from v2xpki.ota.kinds import DIRECTOR
from v2xpki.ota.repository import Awaited
from v2xpki.ota.rows import Request

SUPPLIED = "hw-s/radar/1/radar.img"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    made.begin(targets_threshold=2)
    made.later(1)
    yield made
    made.database.close()


@pytest.fixture
def supplier() -> Supplier:
    return Supplier.new("sue")


def delegation(scene: Scene, supplier: Supplier) -> list[Request]:
    """The requests for the targets that delegate, and for the supplier's first ones."""
    change = DelegationChange("supplier", (supplier.public_key,), 1, ("hw-s/*/*/*",))
    return scene.repository.request_delegation(change, by="op")


def hand_in(scene: Scene, supplier: Supplier, request: Request) -> tuple[Awaited, ...]:
    signature = supplier.sign(scene.repository.request_file(request.id))
    return scene.repository.submit(signature, by="op").awaited


def test_a_suppliers_first_targets_wait_for_the_delegation_and_what_that_misses(
    scene: Scene, supplier: Supplier
) -> None:
    targets, own = delegation(scene, supplier)
    assert scene.repository.awaited(own.id) == ()  # not before its own signatures are there
    expected = (Awaited("targets", targets, {"root 1": 2}),)
    assert hand_in(scene, supplier, own) == expected == scene.repository.awaited(own.id)
    scene.agree([targets], scene.ann)
    assert scene.repository.awaited(own.id) == (Awaited("targets", targets, {"root 1": 1}),)
    assert scene.repository.awaited(targets.id) == ()  # bob's signature is what it misses
    scene.agree([targets], scene.bob)
    assert scene.repository.awaited(own.id) == ()
    assert scene.repository.state().number("supplier") == 1


def test_a_delegation_waits_for_the_suppliers_first_targets(scene: Scene, supplier: Supplier) -> None:
    targets, own = delegation(scene, supplier)
    scene.agree([targets])
    assert scene.repository.awaited(targets.id) == (Awaited("supplier", own, {"targets 2": 1}),)
    assert hand_in(scene, supplier, own) == ()
    assert scene.repository.state().number("targets") == 2


def test_a_delegation_whose_other_half_was_dropped_waits_for_what_nobody_is_asked_for(
    scene: Scene, supplier: Supplier
) -> None:
    targets, own = delegation(scene, supplier)
    scene.repository.drop(own.id, "a mistake", by="op")
    scene.agree([targets])
    assert scene.repository.awaited(targets.id) == (Awaited("supplier", None, {}),)


def test_a_suppliers_other_keys_wait_for_the_delegation_to_them(scene: Scene, supplier: Supplier) -> None:
    targets, own = delegation(scene, supplier)
    scene.agree([targets])
    hand_in(scene, supplier, own)
    other = Supplier.new("new")
    targets, own = delegation(scene, other)
    assert hand_in(scene, other, own) == (Awaited("targets", targets, {"root 1": 2}),)


def test_a_root_with_other_targets_keys_and_the_targets_by_them_wait_for_each_other(scene: Scene) -> None:
    carol = TestSigner("carol")
    change = RootChange(
        add=(("targets", carol.targets.public_key),),
        remove=tuple(("targets", one.targets.public_key.keyid) for one in (scene.ann, scene.bob)),
        thresholds={"targets": 1},
    )
    root, targets = scene.repository.request_root(change, by="op")
    scene.agree([targets], carol)
    assert scene.repository.awaited(targets.id) == (Awaited("root", root, {"root 1": 2, "root 2": 2}),)
    scene.repository.drop(targets.id, "once more", by="op")
    scene.agree([root])
    assert scene.repository.awaited(root.id) == (Awaited("targets", None, {}),)


def test_the_directors_root_waits_for_nothing_else(tmp_path: Path) -> None:
    scene = Scene(tmp_path, DIRECTOR)
    scene.begin()
    (root,) = scene.repository.request_root(RootChange(), by="op")
    scene.agree([root])
    assert scene.repository.awaited(root.id) == ()
    assert scene.repository.request(root.id)[0].state == "published"
    scene.database.close()


def test_which_request_will_let_a_supplier_name_a_path_is_known(scene: Scene, supplier: Supplier) -> None:
    targets, own = delegation(scene, supplier)
    assert scene.repository.delegation_asked("supplier", SUPPLIED) == targets
    assert scene.repository.delegation_asked("supplier", PATH) is None
    assert scene.repository.delegation_asked("somebody", SUPPLIED) is None
    scene.agree([targets])
    hand_in(scene, supplier, own)
    assert scene.repository.delegation_asked("supplier", SUPPLIED) is None
