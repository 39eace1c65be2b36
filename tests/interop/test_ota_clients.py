"""python-tuf's ngclient and npm's tuf-js follow the Image repository over HTTP, its keys and its signers' in
SoftHSM."""

import hashlib
import json
from contextlib import suppress

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import MetaFile, Snapshot, TargetFile, Targets, Timestamp

from tests.support.ota_clients import FollowedNot, Ngclient, Server, TufJs, forge, node_with_tuf_js
from tests.support.ota_repository import PATH, Supplier, database_of, entry, sign
from v2xpki.config import OtaPolicy
from v2xpki.crypto import Curve
from v2xpki.issuance.metadata import document
from v2xpki.keystore import KeyLabel
from v2xpki.ota.changes import DelegationChange, FirstRoles, RootChange
from v2xpki.ota.kinds import IMAGE
from v2xpki.ota.metadata import moment, payload
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.repository import Repository
from v2xpki.ota.signers import Signer
from v2xpki.ota.software_keys import create_software_key, open_software_key
from v2xpki.store import Database, upgrade
from v2xpki.time import SystemClock

DAY, PASSWORD = 86_400, "correct horse battery staple"
IMAGE_OCTETS, RADAR, RADAR_PATH = b"brakes 1", b"radar 1", "hw-s/radar/1/radar.img"


@pytest.fixture(scope="module")
def tokens(token_store, tmp_path_factory):
    """The Image repository's token, the signers ann and bob with theirs, and the suppliers sue and sam."""
    people = {}
    curves = {"root": Curve.NIST_P256, "targets": Curve.NIST_P384, "director": Curve.NIST_P256}
    for name, uses in {"ann": curves, "bob": curves, "sue": ["targets"], "sam": ["targets"]}.items():
        keystore = token_store.open(f"ota-{name}")
        for use in uses:
            keystore.generate(KeyLabel(f"signer-{use}", "sign"), curves[use])
        database = Database.open(tmp_path_factory.mktemp(name) / "signer.db")
        upgrade(database, "signer")
        people[name] = Signer(name, keystore, database, SystemClock())
    yield token_store.open("ota-image"), people
    for one in people.values():
        one._database.close()


class Scene:
    """A repository on those tokens, published and served."""

    def __init__(self, tokens, path, policy=None):
        self.keystore, self.people = tokens
        self.now = SystemClock().time32()
        self.database, self.clock = database_of(path, now=self.now)
        keys = OnlineKeys(self.keystore, IMAGE)
        self.repository = Repository(self.database, IMAGE, keys, policy or OtaPolicy(), self.clock)
        self.server = Server(self.repository)

    def begin(self):
        keys = [self.people[name].keys() for name in ("ann", "bob")]
        first = FirstRoles(tuple(one["root"] for one in keys), 2, tuple(one["targets"] for one in keys), 1)
        self.agree(self.repository.bootstrap(first, by="op"))
        self.release(PATH, IMAGE_OCTETS)

    def agree(self, requests, *names):
        for request in requests:
            for name in names or ("ann", "bob"):
                file, person = self.repository.request_file(request.id), self.people[name]
                asked = {keyid for one in file.agree for keyid in one.keys}
                if self.repository.request(request.id)[0].state == "open" and asked & person._labels.keys():
                    self.repository.submit(person.sign(file, by=name), by="op")

    def release(self, path, content):
        self.agree([self.repository.request_targets("targets", add={path: entry(content)}, by="op")])
        self.server.add(path, entry(content).sha256, content)

    def delegate(self, *suppliers):
        """To all of them together."""
        keys = tuple(one.keys()["targets"] for one in suppliers)
        change = DelegationChange("supplier", keys, len(keys), ("hw-s/*/*/*",), True)
        targets, own = self.repository.request_delegation(change, by="op")
        self.agree([targets])
        self.supply(own, *suppliers)

    def supply(self, request, *suppliers):
        for one in suppliers:
            file = self.repository.request_file(request.id)
            made = one.sign(file, by=one.name) if isinstance(one, Signer) else one.sign(file)
            self.repository.submit(made, by="op")

    def radar(self):
        """The request for the supplier's image, which is there to download."""
        self.server.add(RADAR_PATH, entry(RADAR).sha256, RADAR)
        return self.repository.request_targets("supplier", add={RADAR_PATH: entry(RADAR)}, by="op")

    def key(self, role):
        """The token's key that signs a role now."""
        label = self.repository._online().signing_label(role, self.repository.keyids(role))
        return self.keystore.issuing_key(label)

    def key_of(self, name, use):
        """A signer's newest key of a use."""
        person = self.people[name]
        return person._keystore.issuing_key(person._labels[person.keys()[use].keyid])

    def forge_above(self, role, octets, version):
        """Targets that an attacker with the stolen online keys names in a snapshot and timestamp."""
        state, far = self.repository.state(), moment(self.now + 5 * DAY)
        meta = {f"{name}.json": MetaFile(state.number(name)) for name in ("targets", *state.delegated)}
        snapshot, timestamp = state.number("snapshot") + 1, state.number("timestamp") + 1
        named = Snapshot(snapshot, expires=far, meta={**meta, f"{role}.json": MetaFile(version)})
        return {
            f"{version}.{role}.json": octets,
            f"{snapshot}.snapshot.json": forge(named, self.key("snapshot")),
            "timestamp.json": forge(
                Timestamp(timestamp, expires=far, snapshot_meta=MetaFile(snapshot)), self.key("timestamp")
            ),
        }


@pytest.fixture
def scene(tokens, tmp_path):
    made = Scene(tokens, tmp_path)
    made.begin()
    yield made
    made.database.close()


@pytest.fixture(params=[Ngclient, TufJs])
def client(request, scene, tmp_path):
    if request.param is TufJs:
        TufJs.process = request.getfixturevalue("node")
    with scene.server.at_work() as url:
        yield request.param(tmp_path / "client", url, scene.repository.read("1.root.json"))


@pytest.fixture
def clients(request, scene, tmp_path):
    """All of them, where one scene does for all."""
    kinds = [Ngclient]
    with suppress(pytest.skip.Exception):  # the tests of `client` say so
        TufJs.process = request.getfixturevalue("node")
        kinds.append(TufJs)
    with scene.server.at_work() as url:
        yield [kind(tmp_path / kind.__name__, url, scene.repository.read("1.root.json")) for kind in kinds]


@pytest.mark.parametrize(("ci", "ends"), [("true", pytest.fail), ("", pytest.skip)])
def test_without_tuf_js_its_tests_fail_in_ci_and_are_skipped_elsewhere(monkeypatch, tmp_path, ci, ends):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends.Exception, match="npm ci"):
        node_with_tuf_js(tmp_path)


def test_a_client_refreshes_and_downloads(scene, client):
    assert client.follow(PATH) == IMAGE_OCTETS
    assert client.follow("hw-a/brakes/2/brakes.img") is None
    scene.release("hw-a/brakes/2/brakes.img", b"brakes 2")
    assert client.follow("hw-a/brakes/2/brakes.img") == b"brakes 2"


def test_an_image_of_other_octets_is_refused(scene, client):
    scene.server.add(PATH, entry(IMAGE_OCTETS).sha256, b"breaks 1")
    with pytest.raises(FollowedNot, match=r"(?i)hash|mismatch"):
        client.follow(PATH)


def test_a_client_follows_through_many_roots(scene, client):
    assert client.follow(PATH) == IMAGE_OCTETS
    scene.agree(scene.repository.request_root(RootChange(rotate=("timestamp", "snapshot")), by="op"))
    own = scene.people["ann"].keys()["root"]
    newcomer = scene.people["ann"].rotate("root")
    change = RootChange(add=(("root", newcomer),), remove=(("root", own.keyid),))
    scene.agree(scene.repository.request_root(change, by="op"))
    scene.agree(scene.repository.request_root(RootChange(thresholds={"root": 1}), by="op"))
    assert scene.repository.root().version == 4
    assert client.follow(PATH) == IMAGE_OCTETS
    assert client.version("root") == 4


class Theft:
    """Of each role, one key: how it is revoked, and what its thief makes afterwards of the version that
    clients look for next."""

    evil = TargetFile(4, {"sha256": hashlib.sha256(b"evil").hexdigest()}, PATH)

    def __init__(self, scene):
        self.scene, self.far = scene, moment(scene.now + DAY)

    def before(self, role):
        if role == "supplier":
            self.scene.delegate(self.scene.people["sue"])

    def root(self):
        stolen, former = self.scene.key_of("ann", "root"), self.scene.people["ann"].keys()["root"]
        newcomer = self.scene.people["ann"].rotate("root")
        self.change(RootChange(add=(("root", newcomer),), remove=(("root", former.keyid),)))
        root = self.scene.repository.root()
        root.version += 1
        # with a key that counts: it is one short of the threshold without the stolen one
        return forge(root, stolen, self.scene.key_of("bob", "root")), root.version

    def timestamp(self):
        stolen = self.scene.key("timestamp")
        self.change(RootChange(rotate=("timestamp",)))
        named = MetaFile(self.number("snapshot"))
        return forge(Timestamp(self.number("timestamp") + 1, expires=self.far, snapshot_meta=named), stolen)

    def snapshot(self):
        stolen = self.scene.key("snapshot")
        self.change(RootChange(rotate=("snapshot",)))
        meta = {"targets.json": MetaFile(self.number("targets"))}
        number = self.number("snapshot")
        return forge(Snapshot(number, expires=self.far, meta=meta), stolen), number

    def targets(self):
        stolen, gone = self.scene.key_of("ann", "targets"), self.scene.people["ann"].keys()["targets"]
        self.change(RootChange(remove=(("targets", gone.keyid),)))
        number = self.number("targets")
        return forge(Targets(number, expires=self.far, targets={PATH: self.evil}), stolen), number

    def supplier(self):
        stolen = self.scene.key_of("sue", "targets")
        self.scene.delegate(self.scene.people["sam"])
        number = self.number("supplier")
        return forge(Targets(number, expires=self.far, targets={}), stolen), number

    def change(self, change):
        self.scene.agree(self.scene.repository.request_root(change, by="op"))

    def number(self, role):
        return self.scene.repository.state().number(role)


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", "supplier"])
def test_a_revoked_key_of_any_role_signs_nothing_a_client_takes(scene, clients, role):
    theft = Theft(scene)
    theft.before(role)
    path = RADAR_PATH if role == "supplier" else PATH
    for client in clients:
        client.follow(path)
    forged = getattr(theft, role)()
    if role == "timestamp":
        scene.server.instead["timestamp.json"] = forged
    else:
        octets, number = forged
        scene.server.instead[f"{number}.{role}.json"] = octets
    for client in clients:
        with pytest.raises(FollowedNot, match=r"(?i)signed|threshold|signature"):
            client.follow(path)
    scene.server.instead.clear()
    for client in clients:
        assert client.follow(PATH) == IMAGE_OCTETS


def test_a_client_recovers_from_a_fast_forward_once_the_stolen_keys_are_replaced(scene, client):
    far = moment(scene.now + 5 * DAY)
    meta = {"targets.json": MetaFile(scene.repository.state().number("targets"))}
    scene.server.instead = {
        "1000000.snapshot.json": forge(Snapshot(1_000_000, expires=far, meta=meta), scene.key("snapshot")),
        "timestamp.json": forge(
            Timestamp(1_000_000, expires=far, snapshot_meta=MetaFile(1_000_000)), scene.key("timestamp")
        ),
    }
    client.follow()
    assert client.version("timestamp") == 1_000_000
    scene.server.instead.clear()
    with pytest.raises(FollowedNot):
        client.follow()  # ours are older than what it has seen
    scene.agree(scene.repository.request_root(RootChange(rotate=("snapshot", "timestamp")), by="op"))
    assert client.follow(PATH) == IMAGE_OCTETS
    assert client.version("snapshot") == scene.repository.state().number("snapshot")


@pytest.fixture
def suppliers(request, tokens, tmp_path):
    """Two suppliers whose keys are of a scheme: in a token each, or in encrypted files."""
    if request.param == "token-p384":
        return [tokens[1][name] for name in ("sue", "sam")]
    made = []
    for name in ("sue", "sam"):
        create_software_key(tmp_path / f"{name}.pem", request.param, PASSWORD, name)
        made.append(Supplier(open_software_key(tmp_path / f"{name}.pem", PASSWORD, name)))
    return made


SCHEMES = ["token-p384", "ed25519", "rsa-pss", "ecdsa-p256"]


@pytest.mark.parametrize("suppliers", SCHEMES, indirect=True)
def test_clients_find_suppliers_images_by_both_signatures_alone_until_the_delegation_ends(
    scene, clients, suppliers
):
    sue, sam = suppliers
    scene.delegate(sue, sam)
    asked = scene.radar()
    scene.supply(asked, sue)
    for client in clients:
        assert client.follow(RADAR_PATH) is None  # half signed is not published
    scene.supply(asked, sam)
    name = f"{asked.version}.supplier.json"
    half = json.loads(scene.repository.read(name))
    del half["signatures"][1]
    scene.server.instead[name] = json.dumps(half).encode()
    for client in clients:
        with pytest.raises(FollowedNot, match=r"(?i)signed|threshold|signature"):
            client.follow(RADAR_PATH)
    scene.server.instead.clear()
    for client in clients:
        assert client.follow(RADAR_PATH) == RADAR
        assert client.follow(PATH) == IMAGE_OCTETS
    scene.agree(scene.repository.request_delegation(DelegationChange("supplier"), by="op"))
    for client in clients:
        assert client.follow(RADAR_PATH) is None


def test_a_client_takes_from_a_supplier_nothing_outside_its_paths(scene, client):
    supplier = CryptoSigner.generate_ed25519()
    change = DelegationChange("supplier", (supplier.public_key,), 1, ("hw-s/*/*/*",))
    targets, own = scene.repository.request_delegation(change, by="op")
    scene.agree([targets])
    scene.repository.submit(sign(supplier, own, "sue"), by="op")
    foreign = "hw-a/brakes/9/brakes.img"
    evil = Targets(
        2,
        expires=moment(scene.now + DAY),
        targets={foreign: TargetFile(4, {"sha256": hashlib.sha256(b"evil").hexdigest()}, foreign)},
    )
    octets = payload(evil)
    signed = document(octets, [(supplier.public_key.keyid, supplier.sign(octets).signature)])
    scene.server.instead = scene.forge_above("supplier", signed, 2)
    assert client.follow(foreign) is None


def test_a_client_refuses_what_has_expired_and_follows_once_it_is_renewed(scene, client):
    client.follow()
    scene.clock.now = scene.now - 2 * DAY  # a repository that has not signed since
    state = scene.repository.state()
    old = Timestamp(
        state.number("timestamp") + 1,
        expires=moment(scene.now - DAY),
        snapshot_meta=MetaFile(state.number("snapshot")),
    )
    scene.server.instead["timestamp.json"] = forge(old, scene.key("timestamp"))
    with pytest.raises(FollowedNot, match=r"(?i)expired"):
        client.follow()
    scene.server.instead.clear()
    scene.clock.now = scene.now + 20 * 3600
    assert scene.repository.tend() == 1
    assert client.follow(PATH) == IMAGE_OCTETS


def test_ngclient_follows_a_hybrid_root_and_its_renewal(tokens, tmp_path):
    scene = Scene(tokens, tmp_path, OtaPolicy(hybrid_root=True))
    create_software_key(tmp_path / "pq.pem", "ml-dsa-65", PASSWORD, "pq")
    quantum = Supplier(open_software_key(tmp_path / "pq.pem", PASSWORD, "pq"))
    keys = scene.people["bob"].keys()
    first = FirstRoles((keys["root"], quantum.public_key), 2, (keys["targets"],))
    requests = scene.repository.bootstrap(first, by="op")
    for number in (1, 2):
        scene.repository.submit(quantum.sign(scene.repository.request_file(requests[0].id)), by="op")
        scene.agree(requests)
        assert scene.repository.root().version == number
        requests = scene.repository.request_root(RootChange(), by="op")
    scene.release(PATH, IMAGE_OCTETS)
    with scene.server.at_work() as url:
        client = Ngclient(tmp_path / "client", url, scene.repository.read("1.root.json"))
        assert client.follow(PATH) == IMAGE_OCTETS
        assert client.version("root") == 2
        # one of the two signatures is not enough
        only = json.loads(scene.repository.read("2.root.json"))
        only["signatures"] = only["signatures"][:1]
        scene.server.instead["2.root.json"] = json.dumps(only).encode()
        fresh = Ngclient(tmp_path / "fresh", url, scene.repository.read("1.root.json"))
        with pytest.raises(FollowedNot, match="signed by 1/2"):
            fresh.follow()
    scene.database.close()
