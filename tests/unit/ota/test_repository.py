"""The repository engine: publishing at the threshold and not before, whole or not at all."""

import json

import pytest
from tuf.api.metadata import Metadata

from tests.support.ota_repository import PATH, Scene, entry, sign
from v2xpki.audit import Event
from v2xpki.errors import Refused
from v2xpki.ota.changes import DelegationChange, FirstRoles, RootChange
from v2xpki.ota.kinds import DIRECTOR
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.ota.signing_files import SignatureFile
from v2xpki.store.auditing import examine

DAY = 86_400


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    made.begin()
    yield made
    made.database.close()


def numbers(scene):
    return {role: one.version for role, one in scene.repository.state().versions.items()}


def signed(scene, name):
    return json.loads(scene.repository.read(name))["signed"]


def refusal(call, *args, **kwargs):
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    return caught.value.reason


def test_the_first_metadata_comes_out_together_once_all_of_it_is_signed(tmp_path):
    scene = Scene(tmp_path)
    keys = [(one.root.public_key, one.targets.public_key) for one in (scene.ann, scene.bob)]
    first = FirstRoles(tuple(k for k, _ in keys), 2, tuple(k for _, k in keys), 2)
    root, targets = scene.repository.bootstrap(first, by="op")
    answers = [one for person in (scene.ann, scene.bob) for r in (root, targets) for one in person.sign(r)]
    for signature in answers[:-1]:
        assert not scene.repository.submit(signature, by="op").published
        assert numbers(scene) == {}
        assert scene.repository.read("1.root.json") is None
    assert scene.repository.submit(answers[-1], by="op").published
    assert numbers(scene) == dict.fromkeys(("root", "targets", "snapshot", "timestamp"), 1)
    assert refusal(scene.repository.bootstrap, first, by="op") is SigningReason.BEGUN_BEFORE


def test_targets_come_out_at_the_threshold_and_never_before(tmp_path):
    scene = Scene(tmp_path)
    scene.begin(targets_threshold=2)
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    before = numbers(scene)
    taken = scene.repository.submit(scene.ann.sign(request)[0], by="op")
    assert (taken.published, taken.missing, numbers(scene)) == (False, {"root 1": 1}, before)
    assert scene.repository.tend() == 0
    assert scene.repository.submit(scene.bob.sign(request)[0], by="op").published
    assert numbers(scene) == {"root": 1, "targets": 2, "snapshot": 2, "timestamp": 2}
    assert signed(scene, "2.snapshot.json")["meta"] == {"targets.json": {"version": 2}}
    assert signed(scene, "timestamp.json")["meta"] == {"snapshot.json": {"version": 2}}
    assert scene.repository.targets() == {"targets": {PATH: entry()}}


def test_files_of_other_names_are_not_there(scene):
    for name in (
        "root.json", "1.timestamp.json", "01.root.json", "0.root.json", "2.root.json", "snapshot.json",
        "../1.root.json", "1.root.json\n", "1.supplier.json", "1..json", "", "99999999999999999999.root.json",
    ):  # fmt: skip
        assert scene.repository.read(name) is None
    assert Metadata.from_bytes(scene.repository.read("1.root.json")).signed.version == 1


def test_a_signature_is_refused_with_its_reason(scene):
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    good = scene.ann.sign(request)[0]
    submit = scene.repository.submit
    assert refusal(submit, good._replace(request=b"\0" * 32), by="op") is SigningReason.NO_SUCH_REQUEST
    assert refusal(submit, good._replace(repository="director"), by="op") is SigningReason.NO_SUCH_REQUEST
    stranger = sign(scene.ann.root, request)  # of another role
    assert refusal(submit, stranger, by="op") is SigningReason.UNKNOWN_KEY
    other = good._replace(
        signatures=dict.fromkeys([scene.bob.targets.public_key.keyid], *good.signatures.values())
    )
    assert refusal(submit, other, by="op") is SigningReason.BAD_SIGNATURE
    assert scene.repository.request(request.id)[1] == []
    assert submit(good, by="op").published
    late = scene.ann.sign(request)[0]  # ECDSA: another signature of the same key
    assert refusal(submit, late, by="op") is SigningReason.NOT_OPEN


def test_a_signature_whose_answer_was_lost_may_be_handed_in_again(tmp_path):
    scene = Scene(tmp_path)
    scene.begin(targets_threshold=2)
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    first, second = scene.ann.sign(request)[0], scene.bob.sign(request)[0]
    assert not scene.repository.submit(first, by="op").repeated
    again = scene.repository.submit(first, by="op")
    assert (again.repeated, again.published, sum(again.missing.values())) == (True, False, 1)
    assert scene.repository.submit(second, by="op").published
    again = scene.repository.submit(second, by="op")
    assert (again.repeated, again.published) == (True, True)
    assert len(scene.repository.request(request.id)[1]) == 2
    dropped = scene.repository.request_targets("targets", by="op")
    given = scene.ann.sign(dropped)[0]
    scene.repository.submit(given, by="op")
    scene.repository.drop(dropped.id, "a mistake", by="op")
    assert refusal(scene.repository.submit, given, by="op") is SigningReason.NOT_OPEN


def test_a_request_that_is_in_the_way_is_named_with_what_ends_it(scene):
    request = scene.repository.request_targets("targets", by="op")
    with pytest.raises(Refused) as refused:
        scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    said, beginning = str(refused.value), request.id.hex()[:16]
    assert f"request {beginning}, waits for signatures: `v2xpki ota sign request targets`" in said
    assert f"`v2xpki ota sign drop {beginning} --reason ...`" in said


def test_one_key_does_not_count_twice(tmp_path):
    scene = Scene(tmp_path)
    scene.begin(targets_threshold=2)
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    scene.repository.submit(scene.ann.sign(request)[0], by="op")
    again = scene.ann.sign(request)[0]  # ECDSA: another signature of the same key
    assert refusal(scene.repository.submit, again, by="op") is SigningReason.SIGNED_BEFORE
    assert numbers(scene)["targets"] == 1


def test_the_audit_record_says_who_signed_what_and_when(scene):
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    scene.repository.submit(scene.ann.sign(request)[0], by="operator")
    with scene.database.read() as tx:
        from sqlalchemy import select

        from v2xpki.store.base import AuditRow

        rows = tx.execute(select(AuditRow.event, AuditRow.detail).order_by(AuditRow.sequence)).all()
    events = [event for event, _ in rows]
    taken = [json.loads(detail) for event, detail in rows if event == Event.METADATA_SIGNATURE_TAKEN][-1]
    assert taken == {
        "role": "targets",
        "version": 2,
        "digest": request.id.hex(),
        "keyid": scene.ann.targets.public_key.keyid,
        "signer": "ann",
        "operator": "operator",
        "at": "2026-06-01T00:00:00Z",
    }
    # the record of snapshot and timestamp comes before they are signed, and before anything is out
    last = events[events.index(Event.METADATA_SIGNATURE_TAKEN, len(events) - 7) :]
    assert last == [
        Event.METADATA_SIGNATURE_TAKEN,
        Event.SIGNING,
        *[Event.METADATA_PUBLISHED] * 3,
        Event.SIGNED,
    ]
    assert examine(scene.database).intact


def test_only_one_request_is_open_for_a_role_and_a_dropped_one_makes_room(scene):
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    assert refusal(scene.repository.request_targets, "targets", by="op") is SigningReason.OPEN_ALREADY
    scene.repository.drop(request.id, "wrong image", by="op")
    assert refusal(scene.repository.drop, request.id, "again", by="op") is SigningReason.NOT_OPEN
    late = scene.ann.sign(request)[0]
    assert refusal(scene.repository.submit, late, by="op") is SigningReason.NOT_OPEN
    scene.later(1)
    assert scene.repository.request_targets("targets", add={PATH: entry()}, by="op").version == 2


def test_a_request_that_expired_is_neither_signed_nor_published(scene):
    request = scene.repository.request_targets("targets", by="op")
    scene.later(scene.policy.targets_validity)
    late = scene.ann.sign(request)[0]
    assert refusal(scene.repository.submit, late, by="op") is SigningReason.EXPIRED


@pytest.mark.parametrize(
    ("add", "remove"),
    [({"../x": entry()}, []), ({"a/b/c": entry()}, []), ({"a/b/c/.d": entry()}, []), ({}, ["not/there/1/x"])],
)
def test_targets_that_break_a_rule_are_not_asked_for(scene, add, remove):
    reason = refusal(scene.repository.request_targets, "targets", add=add, remove=remove, by="op")
    assert reason is SigningReason.BAD_CHANGE
    assert scene.repository.requests() == []


def test_an_image_at_a_path_is_never_another(scene):
    scene.agree([scene.repository.request_targets("targets", add={PATH: entry()}, by="op")])
    changed = {PATH: entry(b"another")}
    reason = refusal(scene.repository.request_targets, "targets", add=changed, by="op")
    assert reason is SigningReason.BAD_CHANGE
    scene.agree([scene.repository.request_targets("targets", remove=[PATH], by="op")])
    assert scene.repository.targets() == {"targets": {}}


def test_timestamp_and_snapshot_are_renewed_when_it_is_time_and_not_before(scene):
    assert scene.repository.tend() == 0
    scene.later(scene.policy.timestamp_validity - scene.policy.renew_before)
    assert scene.repository.tend() == 0
    scene.later(1)
    assert scene.repository.tend() == 1
    assert numbers(scene) == {"root": 1, "targets": 1, "snapshot": 1, "timestamp": 2}
    scene.later(scene.policy.snapshot_validity)
    assert scene.repository.tend() == 2
    assert numbers(scene) == {"root": 1, "targets": 1, "snapshot": 2, "timestamp": 3}
    assert scene.repository.tend() == 0


def test_roles_tell_their_keys_and_when_offline_ones_are_due(scene):
    states = {one.role: one for one in scene.repository.roles()}
    assert list(states) == ["root", "targets", "snapshot", "timestamp"]
    assert (states["root"].threshold, len(states["root"].keyids), states["root"].due) == (2, 2, False)
    assert states["timestamp"].online
    scene.later(scene.policy.targets_validity - 10 * DAY)
    states = {one.role: one for one in scene.repository.roles()}
    assert states["targets"].due
    assert states["targets"].left == 10 * DAY
    assert not states["root"].due
    assert not states["timestamp"].due  # it is renewed without anyone


class Following:
    def __init__(self):
        self.told, self.fail = [], False

    def requested(self, tx, change):
        self.told.append(("requested", change.role, change.added, change.removed))

    def published(self, tx, change):
        if self.fail:
            raise RuntimeError("the follower's own trouble")
        self.told.append(("published", change.role, change.added, change.removed))

    def dropped(self, tx, change):
        self.told.append(("dropped", change.role, change.added, change.removed))


def test_a_follower_is_told_in_the_transaction_that_does_it(tmp_path):
    follower = Following()
    scene = Scene(tmp_path, follower=follower)
    scene.begin()
    follower.told.clear()
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    scene.repository.drop(request.id, "no", by="op")
    scene.later(1)
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    follower.fail = True
    with pytest.raises(RuntimeError):
        scene.repository.submit(scene.ann.sign(request)[0], by="op")
    assert numbers(scene)["targets"] == 1  # undone with it
    follower.fail = False
    assert scene.repository.tend() == 3  # and done when it can be
    told = ("targets", (PATH,), ())
    assert follower.told == [
        ("requested", *told), ("dropped", *told), ("requested", *told), ("published", *told)
    ]  # fmt: skip
    assert examine(scene.database).intact


def test_the_directors_repository_keeps_a_root_and_names_its_tokens_keys(tmp_path):
    scene = Scene(tmp_path, DIRECTOR)
    scene.begin()
    assert numbers(scene) == {"root": 1}
    labels = {one.label.text for one in scene.keystore.keys()}
    assert labels == {f"director-{role}-sign-1" for role in ("targets", "snapshot", "timestamp")}
    assert scene.repository.keyids("targets") != scene.repository.keyids("snapshot")
    assert refusal(scene.repository.request_targets, "targets", by="op") is SigningReason.NO_SUCH_ROLE
    former = scene.repository.keyids("targets")
    scene.later(1)
    scene.agree(scene.repository.request_root(RootChange(rotate=("targets",)), by="op"))
    assert numbers(scene) == {"root": 2}
    assert not set(former) & set(scene.repository.keyids("targets"))


def test_a_signature_file_and_a_request_file_come_back_as_they_were_written(scene):
    request = scene.repository.request_targets("targets", add={PATH: entry()}, by="op")
    file = scene.repository.request_file(request.id)
    again = type(file).parse(json.dumps(file.document()).encode())
    assert (again.id, again.octets, again.document()) == (request.id, request.payload, file.document())
    signature = scene.ann.sign(request)[0]
    assert SignatureFile.parse(json.dumps(signature.document()).encode()) == signature


def test_delegation_and_root_requests_need_a_beginning(tmp_path):
    scene = Scene(tmp_path)
    assert scene.repository.roles() == []
    assert refusal(scene.repository.request_root, RootChange(), by="op") is SigningReason.NOT_BEGUN
    change = DelegationChange("supplier", (scene.ann.root.public_key,), 1, ("hw-a/*/*/*",))
    assert refusal(scene.repository.request_delegation, change, by="op") is SigningReason.NOT_BEGUN
