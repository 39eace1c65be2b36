"""The Director follows the Image repository as any TUF client, and directs to nothing else."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from tests.support.ota_director import Car, Depot
from v2xpki.errors import InvalidList
from v2xpki.ota.director_reasons import DirectorRefusal
from v2xpki.store.auditing import require_intact
from v2xpki.time import unix_from_time32
from v2xpki.trust.ota.fields import ImageFields

ROLES = ("root", "timestamp", "snapshot", "targets")


class Images:
    """An Image repository in memory, with switches for whoever holds its keys or its wire."""

    def __init__(self, clock):
        self.clock = clock
        self.signers = {role: CryptoSigner.generate_ecdsa() for role in (*ROLES, "supplier", "other")}
        self.files = {}
        self.targets = Targets(expires=self.days(90))
        self.delegated = {}
        self.snapshot, self.timestamp = Snapshot(expires=self.days(7)), Timestamp(expires=self.days(1))
        self.root = Root(expires=self.days(365), consistent_snapshot=True)
        for role in ROLES:
            self.root.add_key(self.signers[role].public_key, role)
        self.sign("root", self.root, "1.root.json")
        self.trusted = self.files["1.root.json"]
        self.publish()

    def days(self, count):
        return datetime.fromtimestamp(unix_from_time32(self.clock.time32()), UTC) + timedelta(days=count)

    def sign(self, role, signed, name, *more):
        metadata = Metadata(signed)
        for signer in (self.signers[role], *more):
            metadata.sign(signer, append=True)
        self.files[name] = metadata.to_bytes()

    def publish(self):
        self.snapshot.meta = {"targets.json": MetaFile(self.targets.version)}
        self.sign("targets", self.targets, f"{self.targets.version}.targets.json")
        for name, signed in self.delegated.items():
            self.snapshot.meta[f"{name}.json"] = MetaFile(signed.version)
            self.sign(name, signed, f"{signed.version}.{name}.json")
        self.sign("snapshot", self.snapshot, f"{self.snapshot.version}.snapshot.json")
        self.timestamp.snapshot_meta = MetaFile(self.snapshot.version)
        self.sign("timestamp", self.timestamp, "timestamp.json")

    def next(self):
        for signed in (self.targets, self.snapshot, self.timestamp, *self.delegated.values()):
            signed.version += 1
        self.publish()

    def delegate(self, name, paths, *, terminating=False):
        key = self.signers[name].public_key
        if self.targets.delegations is None:
            self.targets.delegations = Delegations({}, {})
        self.targets.delegations.keys[key.keyid] = key
        self.targets.delegations.roles[name] = DelegatedRole(name, [key.keyid], 1, terminating, paths)
        self.delegated[name] = Targets(expires=self.days(30))


def add(role, hardware="ecu-a", name="brake", counter=2, length=10):
    path = f"{hardware}/{name}/{counter}.0/image.bin"
    fields = ImageFields(name, f"{counter}.0", hardware, counter, "0" * 64)
    role.targets[path] = TargetFile(
        length, {"sha256": hashlib.sha256(path.encode()).hexdigest()}, path, {"custom": fields.document()}
    )
    return path


@pytest.fixture
def depot(tmp_path, fixed_clock):
    return Depot(tmp_path, fixed_clock)


@pytest.fixture
def images(fixed_clock):
    return Images(fixed_clock)


def follow(depot, images):
    return depot.director.refresh_targets(images.files.get, images.trusted)


def paths(depot):
    return [one["path"] for one in depot.director.known_targets()]


def refused(depot, images):
    before = paths(depot)
    with pytest.raises(InvalidList) as caught:
        follow(depot, images)
    assert paths(depot) == before  # all or nothing
    return caught.value.rule


def test_targets_of_the_top_and_of_suppliers_are_known(depot, images):
    images.delegate("supplier", ["ecu-b/*/*/*"])
    one, other = add(images.targets), add(images.delegated["supplier"], "ecu-b")
    images.next()
    assert follow(depot, images).known == 2
    assert paths(depot) == [one, other]


def test_a_supplier_has_no_targets_outside_of_its_paths(depot, images):
    images.delegate("supplier", ["ecu-b/*/*/*"])
    add(images.delegated["supplier"], "ecu-a")
    images.next()
    follow(depot, images)
    assert paths(depot) == []


def test_of_two_roles_with_a_path_the_one_counts_that_a_client_would_find(depot, images):
    for name in ("supplier", "other"):
        images.delegate(name, ["*/*/*/*"])
    add(images.delegated["supplier"], length=1)
    add(images.delegated["other"], length=2)
    images.next()
    follow(depot, images)
    assert [one["length"] for one in depot.director.known_targets()] == [1]


def test_a_terminating_delegation_ends_the_search(depot, images):
    images.delegate("supplier", ["ecu-a/*/*/*"], terminating=True)
    images.delegate("other", ["*/*/*/*"])
    add(images.delegated["other"], "ecu-a")
    kept = add(images.delegated["other"], "ecu-b")
    images.next()
    follow(depot, images)
    assert paths(depot) == [kept]


def test_what_is_withdrawn_is_directed_no_more(depot, images):
    path = add(images.targets)
    images.next()
    follow(depot, images)
    depot.director.create_campaign(name="c", targets=[path], cohort={"percentage": 100}, operator="op")
    depot.director.start_campaign("c", "op")
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert path.encode() in depot.director.metadata(vehicle, "1.targets.json")
    del images.targets.targets[path]
    images.next()
    assert follow(depot, images).gone == 1
    depot.director.metadata(depot.director.who(vehicle.certificate), "timestamp.json")
    assert path.encode() not in depot.director.metadata(vehicle, "2.targets.json")
    assert depot.director.campaign("c")["counts"]["recalled"] == 1
    with pytest.raises(DirectorRefusal):
        depot.director.create_campaign(name="d", targets=[path], cohort={"percentage": 100}, operator="op")


def test_what_its_engineers_withdraw_is_directed_no_more_before_its_signers_have_signed(depot, images):
    known = add(images.targets)
    images.next()
    follow(depot, images)
    depot.director.create_campaign(name="c", targets=[known], cohort={"percentage": 100}, operator="op")
    offering = depot.director.withdraw_target(known, "a fault", "eve")
    assert [(one["name"], one["state"]) for one in offering] == [("c", "draft")]
    later = add(images.targets, name="x")
    assert depot.director.withdraw_target(later, "a fault", "eve") == []
    images.next()
    assert follow(depot, images).gone == 0
    assert paths(depot) == []
    with pytest.raises(DirectorRefusal, match="is withdrawn: halt this campaign"):
        depot.director.start_campaign("c", "op")
    depot.director.withdraw_target(known, "once more", "eve")
    require_intact(depot.database)


def test_following_what_has_not_changed_begins_no_new_plan(depot, images):
    add(images.targets)
    images.next()
    follow(depot, images)
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    plan = depot.director.who(vehicle.certificate).plan
    images.next()
    follow(depot, images)
    depot.director.metadata(vehicle, "timestamp.json")
    assert depot.director.who(vehicle.certificate).plan == plan


def test_a_target_without_this_houses_fields_is_not_directed_to(depot, images):
    images.targets.targets["ecu-a/x/1/f"] = TargetFile(1, {"sha256": "0" * 64}, "ecu-a/x/1/f")
    images.next()
    assert follow(depot, images) == (2, 0, 0, 1)
    assert paths(depot) == []


def test_metadata_that_another_key_signed_is_refused(depot, images):
    add(images.targets)
    for role in ("timestamp", "snapshot", "targets"):
        own = images.signers[role]
        images.signers[role] = CryptoSigner.generate_ecdsa()
        images.next()
        assert refused(depot, images) == "signature"
        images.signers[role] = own


def test_a_suppliers_metadata_that_another_key_signed_is_refused(depot, images):
    images.delegate("supplier", ["*/*/*/*"])
    images.signers["supplier"] = images.signers["other"]
    images.next()
    assert refused(depot, images) == "signature"


def test_an_older_timestamp_or_snapshot_is_refused(depot, images):
    old = dict(images.files)
    images.next()
    follow(depot, images)
    images.files.update(old)
    assert refused(depot, images) == "rollback"


def test_a_snapshot_with_an_older_role_or_without_one_is_refused(depot, images):
    images.delegate("supplier", ["*/*/*/*"])
    images.next()
    images.next()
    follow(depot, images)
    images.next()
    images.delegated["supplier"].version -= 2
    images.publish()
    assert refused(depot, images) == "rollback"
    del images.delegated["supplier"]
    images.next()
    assert refused(depot, images) == "rollback"


def test_expired_metadata_is_refused(depot, images):
    follow(depot, images)
    depot.clock.advance(2 * 86400)
    assert refused(depot, images) == "expired"


def test_a_mixture_of_versions_is_refused(depot, images):
    images.next()
    images.files["2.targets.json"] = images.files["1.targets.json"]
    assert refused(depot, images) == "version"
    del images.files["2.targets.json"]
    assert refused(depot, images) == "missing"


def test_the_root_is_followed_by_old_and_new_keys_alone(depot, images):
    follow(depot, images)
    old, new = images.signers["root"], CryptoSigner.generate_ecdsa()
    images.root.version = 2
    images.root.revoke_key(old.public_key.keyid, "root")
    images.root.add_key(new.public_key, "root")
    images.signers["root"] = new
    images.sign("root", images.root, "2.root.json")  # without the old key's word
    assert refused(depot, images) == "signature"
    images.sign("root", images.root, "2.root.json", old)
    follow(depot, images)
    images.root.version = 3
    images.sign("root", images.root, "3.root.json")
    follow(depot, images)  # from the newest it has seen, not from the first


def test_versions_put_far_ahead_are_forgotten_with_the_keys_that_did_it(depot, images):
    """A fast-forward attack is over when the root names other keys (TUF 5.3.11)."""
    images.timestamp.version = images.snapshot.version = 1000
    images.publish()
    follow(depot, images)
    images.timestamp.version = images.snapshot.version = 2
    images.publish()
    assert refused(depot, images) == "rollback"
    for role in ("timestamp", "snapshot"):
        images.root.revoke_key(images.signers[role].public_key.keyid, role)
        images.signers[role] = CryptoSigner.generate_ecdsa()
        images.root.add_key(images.signers[role].public_key, role)
    images.root.version = 2
    images.sign("root", images.root, "2.root.json")
    images.publish()
    assert follow(depot, images).version == 2


@pytest.mark.parametrize("octets", [b"", b"{}", b"[]", b"\xff"])
def test_octets_that_are_no_metadata_are_refused(depot, images, octets):
    images.files["timestamp.json"] = octets
    assert refused(depot, images) == "decode"


def test_another_kind_of_metadata_is_refused(depot, images):
    images.files["timestamp.json"] = images.files["1.snapshot.json"]
    assert refused(depot, images) == "kind"


def test_who_was_overtaken_by_another_process_does_not_bring_the_older_back(depot, images):
    add(images.targets)
    images.next()
    before, other = dict(images.files), depot.open()

    def slowly(name):
        """The repository as it was; meanwhile another process follows it to what comes next."""
        if name == "timestamp.json" and not newer:
            newer.append(add(images.targets, counter=3))
            images.next()
            other.refresh_targets(images.files.get, images.trusted)
            return before[name]
        return images.files.get(name)

    newer: list[str] = []
    assert depot.director.refresh_targets(slowly, images.trusted).known == 2
    assert newer[0] in paths(depot)
