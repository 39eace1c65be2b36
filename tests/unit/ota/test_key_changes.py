"""Rotation and revocation of every role, delegations, the hybrid root: a client can follow each step, and
what the old keys sign counts no more."""

import json

import pytest
from securesystemslib.signer import CryptoSigner

from tests.support.ota_repository import PATH, Scene, Supplier, entry, sign
from v2xpki.config import OtaPolicy
from v2xpki.errors import KeyNotFound, Refused
from v2xpki.keystore import MemoryKeystore
from v2xpki.ota.changes import DelegationChange, FirstRoles, RootChange
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.ota.signing_files import differences
from v2xpki.store.auditing import examine
from v2xpki.trust.ota.canonical import as_json

SUPPLIED = "hw-s/radar/1/radar.img"


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    made.begin()
    made.later(1)
    yield made
    assert examine(made.database).intact
    made.database.close()


@pytest.fixture
def supplier(scene):
    """A supplier with one image, who may sign for hw-s alone."""
    key = CryptoSigner.generate_ed25519()
    change = DelegationChange("supplier", (key.public_key,), 1, ("hw-s/*/*/*",))
    targets, own = scene.repository.request_delegation(change, by="op")
    scene.agree([targets])
    assert scene.repository.state().number("supplier") == 0  # nothing goes out before its own targets
    assert scene.repository.state().number("targets") == 1
    scene.repository.submit(sign(key, own, "sue"), by="op")
    add = {SUPPLIED: entry(b"radar")}
    scene.repository.submit(
        sign(key, scene.repository.request_targets("supplier", add=add, by="op")), by="op"
    )
    return key


def versions(scene):
    return {role: one.version for role, one in scene.repository.state().versions.items()}


def refused(call, *args, **kwargs):
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    return caught.value.reason


def key_of(role, scene):
    return json.loads(scene.repository.state().versions[role].octets)["signatures"][0]["keyid"]


def test_a_new_root_needs_the_old_keys_and_its_own(scene):
    eve = CryptoSigner.generate_ed25519()
    change = RootChange(add=(("root", eve.public_key),), remove=(("root", scene.bob.root.public_key.keyid),))
    (request,) = scene.repository.request_root(change, by="op")
    scene.repository.submit(scene.ann.sign(request)[0], by="op")
    taken = scene.repository.submit(sign(eve, request, "eve"), by="op")
    assert (taken.published, taken.missing) == (False, {"root 1": 1})  # enough for the new, not for the old
    assert scene.repository.submit(scene.bob.sign(request)[0], by="op").published
    assert scene.repository.root().version == 2
    # bob's key is off: it is not asked any more
    scene.later(1)
    (request,) = scene.repository.request_root(RootChange(), by="op")
    assert (
        refused(scene.repository.submit, sign(scene.bob.root, request), by="op") is SigningReason.UNKNOWN_KEY
    )


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_an_online_key_is_replaced_by_the_tokens_next_one_with_the_root_that_names_it(scene, role):
    former = key_of(role, scene)
    (request,) = scene.repository.request_root(RootChange(rotate=(role,)), by="op")
    assert key_of(role, scene) == former  # until the root is out
    scene.agree([request])
    assert key_of(role, scene) == scene.repository.keyids(role)[0] != former
    assert f"image-{role}-sign-2" in {one.label.text for one in scene.keystore.keys()}
    assert versions(scene) == {"root": 2, "targets": 1, "snapshot": 2, "timestamp": 2}
    scene.later(scene.policy.timestamp_validity)
    assert scene.repository.tend() == 1
    assert key_of("timestamp", scene) == scene.repository.keyids("timestamp")[0]


def test_a_key_that_lay_unused_in_the_token_is_never_the_next_one(scene):
    (request,) = scene.repository.request_root(RootChange(rotate=("timestamp",)), by="op")
    unused = json.loads(as_json(request.payload))["roles"]["timestamp"]["keyids"]
    scene.repository.drop(request.id, "no", by="op")
    scene.later(1)
    scene.agree(scene.repository.request_root(RootChange(rotate=("timestamp",)), by="op"))
    assert scene.repository.keyids("timestamp")[0] not in unused
    # a rotation that is refused makes no key
    before = len(scene.keystore.keys())
    scene.repository.request_root(RootChange(), by="op")
    ask = scene.repository.request_root
    assert refused(ask, RootChange(rotate=("timestamp",)), by="op") is SigningReason.OPEN_ALREADY
    assert len(scene.keystore.keys()) == before


def test_a_repository_that_was_open_before_a_rotation_finds_the_new_key(scene):
    serving = scene.another()
    scene.agree(scene.repository.request_root(RootChange(rotate=("timestamp",)), by="op"))
    scene.later(scene.policy.timestamp_validity)
    assert serving.tend() == 1


def test_a_token_without_the_named_key_publishes_nothing_and_keeps_the_signatures(scene):
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    other = scene.another(MemoryKeystore("test"))
    with pytest.raises(KeyNotFound, match="snapshot"):
        other.submit(scene.ann.sign(request)[0], by="op")
    assert versions(scene)["targets"] == 1
    assert scene.repository.tend() == 3
    assert versions(scene)["targets"] == 2


def test_taking_the_targets_key_off_signs_the_targets_anew_in_the_same_publication(scene):
    scene.agree([scene.repository.request_targets("targets", add={PATH: entry()}, by="op")], scene.ann)
    change = RootChange(remove=(("targets", scene.ann.targets.public_key.keyid),))
    root, targets = scene.repository.request_root(change, by="op")
    scene.agree([root])
    assert versions(scene)["root"] == 1  # with the new root alone no client could go on
    scene.agree([targets], scene.bob)
    assert versions(scene) == {"root": 2, "targets": 3, "snapshot": 3, "timestamp": 3}
    assert scene.repository.targets() == {"targets": {PATH: entry()}}
    request = scene.repository.request_targets("targets", remove=[PATH], by="op")
    late = sign(scene.ann.targets, request)
    assert refused(scene.repository.submit, late, by="op") is SigningReason.UNKNOWN_KEY


def test_dropping_a_root_drops_the_targets_that_were_drafted_for_it(scene):
    key = key_of("targets", scene)
    root, targets = scene.repository.request_root(RootChange(remove=(("targets", key),)), by="op")
    scene.repository.drop(root.id, "no", by="op")
    assert scene.repository.requests() == []
    assert scene.repository.request(targets.id)[0].state == "dropped"


def test_a_request_under_keys_that_count_no_more_is_dropped_when_they_go(scene):
    # ann's targets are published; a request waits that bob's key may still sign
    scene.agree([scene.repository.request_targets("targets", add={PATH: entry()}, by="op")], scene.ann)
    (root,) = scene.repository.request_root(
        RootChange(remove=(("targets", scene.bob.targets.public_key.keyid),)), by="op"
    )
    waiting = scene.repository.request_targets("targets", remove=[PATH], by="op")
    scene.agree([root])
    assert scene.repository.root().version == 2
    assert scene.repository.request(waiting.id)[0].state == "dropped"
    assert (
        refused(scene.repository.submit, sign(scene.bob.targets, waiting), by="op") is SigningReason.NOT_OPEN
    )


def test_a_supplier_signs_what_is_delegated_and_nothing_else(scene, supplier):
    assert scene.repository.targets()["supplier"] == {SUPPLIED: entry(b"radar")}
    assert scene.repository.covering(SUPPLIED) == ("supplier", "targets")
    assert scene.repository.covering(PATH) == ("targets",)
    ask = scene.repository.request_targets
    assert refused(ask, "supplier", add={PATH: entry()}, by="op") is SigningReason.BAD_CHANGE
    assert refused(ask, "targets", add={SUPPLIED: entry()}, by="op") is SigningReason.BAD_CHANGE
    request = ask("supplier", add={"hw-s/radar/2/radar.img": entry()}, by="op")
    assert (
        refused(scene.repository.submit, sign(scene.ann.targets, request), by="op")
        is SigningReason.UNKNOWN_KEY
    )


def test_a_suppliers_key_is_revoked_with_its_targets_signed_anew(scene, supplier):
    fresh = CryptoSigner.generate_ecdsa()
    change = DelegationChange("supplier", (fresh.public_key,), 1, ("hw-s/*/*/*",))
    targets, own = scene.repository.request_delegation(change, by="op")
    assert refused(scene.repository.submit, sign(supplier, own), by="op") is SigningReason.UNKNOWN_KEY
    scene.repository.submit(sign(fresh, own), by="op")
    assert versions(scene)["supplier"] == 2
    scene.agree([targets])
    assert versions(scene)["supplier"] == 3
    assert key_of("supplier", scene) == fresh.public_key.keyid
    assert scene.repository.targets()["supplier"] == {SUPPLIED: entry(b"radar")}


def test_a_delegation_that_ends_takes_its_targets_away_and_stays_in_the_snapshot(scene, supplier):
    scene.agree(scene.repository.request_delegation(DelegationChange("supplier"), by="op"))
    assert scene.repository.targets() == {"targets": {}}
    number = versions(scene)["snapshot"]
    meta = json.loads(scene.repository.read(f"{number}.snapshot.json"))["signed"]["meta"]
    assert meta["supplier.json"] == {"version": 2}  # TUF 5.5.5: what was named stays named
    # one who comes back begins with nothing, and with a version that was never used
    change = DelegationChange("supplier", (supplier.public_key,), 1, ("hw-s/*/*/*",))
    _, own = scene.repository.request_delegation(change, by="op")
    assert (own.version, json.loads(own.payload)["targets"]) == (3, {})


@pytest.mark.parametrize(
    "change",
    [
        {"paths": ()},
        {"paths": ("*",)},
        {"paths": ("hw-a/*",)},
        {"paths": ("../*/*/*",)},
        {"paths": ("hw-[ab]/*/*/*",)},
        {"paths": ("hw-a/*/*/x.img",)},
        {"threshold": 2},
        {"threshold": 0},
        {"role": "targets"},
        {"role": "root"},
        {"role": "1.root"},
        {"role": "Supplier"},
    ],
)
def test_a_delegation_that_breaks_a_rule_is_not_asked_for(scene, change):
    whole = DelegationChange("supplier", (CryptoSigner.generate_ed25519().public_key,), 1, ("hw-a/*/*/*",))
    assert refused(scene.repository.request_delegation, whole._replace(**change), by="op") in (
        SigningReason.BAD_CHANGE,
        SigningReason.NO_SUCH_ROLE,
    )
    assert scene.repository.requests() == []


def test_a_root_that_breaks_a_rule_is_not_asked_for(scene):
    ann, stranger = scene.ann.root.public_key, CryptoSigner.generate_ed25519().public_key
    for change in (
        RootChange(thresholds={"root": 3}),
        RootChange(thresholds={"root": 0}),
        RootChange(remove=(("root", ann.keyid),)),  # one key left for threshold 2
        RootChange(remove=(("root", stranger.keyid),)),
        RootChange(add=(("targets", ann),)),  # a key of two roles
        RootChange(add=(("timestamp", stranger),)),  # not a key of the token
        RootChange(remove=(("snapshot", scene.repository.keyids("snapshot")[0]),)),
        RootChange(add=(("root", Supplier.new("x", "ml-dsa-65").public_key),)),
    ):
        assert refused(scene.repository.request_root, change, by="op") is SigningReason.BAD_CHANGE
    for change in (RootChange(rotate=("targets",)), RootChange(thresholds={"supplier": 1})):
        assert refused(scene.repository.request_root, change, by="op") is SigningReason.NO_SUCH_ROLE
    assert scene.repository.requests() == []


def test_a_signer_sees_what_a_request_changes(scene, supplier):
    request = scene.repository.request_targets("targets", add={PATH: entry(b"x", releaseCounter=4)}, by="op")
    file = scene.repository.request_file(request.id)
    head, line = differences(file.former, file.signed)
    assert head.startswith("targets version 2 -> 3, expires 2026-")
    assert line.startswith(f"+ {PATH} (1 octets, SHA-256 2d711642")
    assert line.endswith(') {"releaseCounter": 4}')
    scene.repository.drop(request.id, "no", by="op")
    scene.later(1)
    change = RootChange(rotate=("snapshot",), thresholds={"targets": 2})
    root, *_ = scene.repository.request_root(change, by="op")
    file = scene.repository.request_file(root.id)
    told = "\n".join(differences(file.former, file.signed))
    assert "~ targets: threshold 1 -> 2 of 2" in told
    assert "- snapshot: key " in told
    assert "+ snapshot: key " in told
    assert "root: key" not in told


def test_a_hybrid_root_has_exactly_its_two_keys_and_needs_both(tmp_path):
    scene = Scene(tmp_path, policy=OtaPolicy(hybrid_root=True))
    classic, quantum = CryptoSigner.generate_ecdsa(), Supplier.new("pq", "ml-dsa-65")
    targets = (scene.ann.targets.public_key,)
    whole = FirstRoles((classic.public_key, quantum.public_key), 2, targets)
    for first in (
        whole._replace(root_threshold=1),
        whole._replace(root_keys=(classic.public_key,), root_threshold=1),
        whole._replace(root_keys=(classic.public_key, CryptoSigner.generate_ecdsa().public_key)),
        whole._replace(root_keys=(CryptoSigner.generate_ed25519().public_key, quantum.public_key)),
        whole._replace(root_keys=(*whole.root_keys, CryptoSigner.generate_ecdsa().public_key)),
    ):
        assert refused(scene.repository.bootstrap, first, by="op") is SigningReason.BAD_CHANGE
    root, own = scene.repository.bootstrap(whole, by="op")
    scene.agree([own], scene.ann)
    taken = scene.repository.submit(sign(classic, root), by="op")
    assert (taken.published, taken.missing) == (False, {"root 1": 1})
    assert scene.repository.submit(quantum.sign(scene.repository.request_file(root.id)), by="op").published
    change = RootChange(remove=(("root", quantum.public_key.keyid),), thresholds={"root": 1})
    assert refused(scene.repository.request_root, change, by="op") is SigningReason.BAD_CHANGE
