"""What the Director hands out to a vehicle: signed when it is new or grows old, and never else."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata, Root
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from tests.support.databases import new_url, postgres_server  # noqa: F401
from tests.support.ota_director import Car, Depot
from v2xpki.crypto import Curve
from v2xpki.errors import KeystoreError, TokenLost
from v2xpki.issuance.token_signer import TokenSigner
from v2xpki.keystore import MemoryKeystore
from v2xpki.keystore.simulator import FaultyKeystore
from v2xpki.ota.director import ROLES, label_of
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.store.auditing import require_intact
from v2xpki.time import HOUR, FixedClock, SystemClock, unix_from_time32
from v2xpki.trust.ota.fields import DirectorFields


@pytest.fixture
def depot(tmp_path, fixed_clock):
    return Depot(tmp_path, fixed_clock)


def signed(depot, vehicle):
    """The vehicle's three documents, as it fetches them."""
    timestamp = json.loads(depot.director.metadata(vehicle, "timestamp.json"))["signed"]
    number = timestamp["meta"]["snapshot.json"]["version"]
    snapshot = json.loads(depot.director.metadata(vehicle, f"{number}.snapshot.json"))["signed"]
    number = snapshot["meta"]["targets.json"]["version"]
    return (
        json.loads(depot.director.metadata(vehicle, f"{number}.targets.json"))["signed"],
        snapshot,
        timestamp,
    )


def root_of(depot, keys=None):
    """A root over the Director's keys, as its operators' signers would make it."""
    root = Root(
        expires=datetime.fromtimestamp(unix_from_time32(depot.clock.time32()), UTC) + timedelta(days=365)
    )
    for role in ROLES:
        root.add_key(TokenSigner(depot.keystore.issuing_key(label_of(role))).public_key, role)
    return root


def test_a_vehicle_that_needs_nothing_gets_empty_targets_with_its_own_id(depot):
    car = Car()
    vehicle = car.join(depot)
    assert depot.director.take_manifest(vehicle, car.manifest(depot.clock)) == (1, True)
    targets, snapshot, timestamp = signed(depot, vehicle)
    assert targets["targets"] == {}
    assert targets["custom"] == {"vehicleId": car.vin}
    assert {one["version"] for one in (targets, snapshot, timestamp)} == {1}


def test_the_library_verifies_each_document_under_the_roles_key(depot):
    car = Car()
    vehicle = car.join(depot)
    depot.campaign(depot.release("brake", 2))
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    root = root_of(depot)
    for role, name in (
        ("timestamp", "timestamp.json"),
        ("snapshot", "1.snapshot.json"),
        ("targets", "1.targets.json"),
    ):
        metadata = Metadata.from_bytes(depot.director.metadata(vehicle, name))
        root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)


def test_an_image_is_directed_to_the_ecu_by_its_id(depot):
    car = Car(hardware=("ecu-a", "ecu-b"))
    vehicle = car.join(depot)
    release = depot.release("brake", 2, "ecu-b")
    depot.campaign(release)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    found = signed(depot, vehicle)[0]["targets"]
    assert list(found) == [release.path]
    assert found[release.path]["hashes"] == {"sha256": release.sha256}
    assert found[release.path]["length"] == release.length
    fields = DirectorFields.parse(found[release.path]["custom"])
    assert fields.ecus == {list(car.ecus)[1]: "ecu-b"}
    assert fields.release_counter == 2


def test_what_is_unchanged_and_fresh_is_never_signed_again(depot):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    first = depot.director.metadata(vehicle, "timestamp.json")
    for _ in range(5):
        depot.clock.advance(HOUR)
        vehicle = depot.director.who(vehicle.certificate)
        assert depot.director.take_manifest(vehicle, car.manifest(depot.clock)) == (1, False)
        assert depot.director.metadata(vehicle, "timestamp.json") == first
    assert depot.signatures() == 1


def test_reading_what_is_current_costs_one_query(depot, monkeypatch):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    asked = []
    row = depot.database.row
    monkeypatch.setattr(depot.database, "row", lambda *a, **k: asked.append(1) or row(*a, **k))
    monkeypatch.setattr(depot.database, "read", lambda: pytest.fail("a second query"))
    monkeypatch.setattr(depot.database, "write", lambda **_: pytest.fail("a write"))
    depot.director.metadata(vehicle, "timestamp.json")
    assert len(asked) == 1


def test_what_grows_old_is_signed_anew_with_the_next_version(depot):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    before = signed(depot, vehicle)[2]
    depot.clock.advance(18 * HOUR)  # of a day, six hours are left
    after = signed(depot, depot.director.who(vehicle.certificate))
    assert [one["version"] for one in after] == [2, 2, 2]
    assert after[2]["expires"] > before["expires"]
    assert after[0]["custom"] == {"vehicleId": car.vin}


def test_old_versions_and_other_names_are_not_there(depot):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    for name in (
        "2.targets.json",
        "0.targets.json",
        "1.timestamp.json",
        "1.root.json",
        "targets.json",
        "../x",
    ):
        assert depot.director.metadata(vehicle, name) is None


def test_a_campaign_that_starts_is_seen_at_the_next_poll_without_a_manifest(depot):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    release = depot.release("brake", 2)
    depot.campaign(release)
    assert list(signed(depot, depot.director.who(vehicle.certificate))[0]["targets"]) == [release.path]


def test_a_plan_that_asks_nothing_new_of_a_vehicle_signs_nothing(depot):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    depot.campaign(depot.release("brake", 2, "ecu-z"))
    assert signed(depot, depot.director.who(vehicle.certificate))[0]["version"] == 1
    assert depot.signatures() == 1


def test_a_version_is_never_given_twice_even_if_its_signature_failed(depot, monkeypatch):
    car = Car()
    vehicle = car.join(depot)
    lost = depot.director._metadata._issuer

    def fail(tokens):
        for token in tokens:
            token.burn()
        return [TokenLost("gone") for _ in tokens]

    with monkeypatch.context() as patch:
        patch.setattr(lost, "issue_each", fail)
        with pytest.raises(KeystoreError):
            depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    vehicle = depot.director.who(vehicle.certificate)
    assert vehicle.version == 1
    assert depot.director.take_manifest(vehicle, car.manifest(depot.clock)) == (2, True)
    assert signed(depot, vehicle)[0]["version"] == 2


@pytest.fixture
def token(depot, monkeypatch):
    """Away while `token.away` is an error."""

    class Token:
        away = None

    issuer = depot.director._metadata._issuer
    issue = issuer.issue_each

    def issue_each(tokens):
        if Token.away is None:
            return issue(tokens)
        for one in tokens:
            one.burn()
        return [Token.away for _ in tokens]

    monkeypatch.setattr(issuer, "issue_each", issue_each)
    return Token


def polled(depot, vehicle):
    """The version that a poll is answered with."""
    found = depot.director.metadata(depot.director.who(vehicle.certificate), "timestamp.json")
    return json.loads(found)["signed"]["version"]


def grown_old(depot, car):
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    depot.clock.advance(18 * HOUR)  # of a day, six hours are left
    return vehicle


@pytest.mark.parametrize("error", [TokenLost("gone"), KeystoreError("of another kind")])
def test_while_the_token_is_away_what_grows_old_is_handed_out_until_it_expires(depot, token, error):
    vehicle = grown_old(depot, Car())
    token.away = error
    assert polled(depot, vehicle) == 1
    depot.clock.advance(6 * HOUR - 1)
    assert polled(depot, vehicle) == 1
    depot.clock.advance(1)
    with pytest.raises(KeystoreError):
        polled(depot, vehicle)
    token.away = None
    assert polled(depot, vehicle) > 1
    require_intact(depot.database)


def test_while_the_token_is_away_polls_try_it_once_in_ten_seconds_and_no_oftener(depot, token):
    vehicles = [grown_old(depot, Car(1))]
    vehicles += [Car(2).join(depot)]
    token.away = TokenLost("gone")
    before = depot.signatures()
    with pytest.raises(TokenLost):  # it has nothing yet; and it tells the others
        polled(depot, vehicles[1])
    assert depot.signatures() == before + 1
    for seconds, tried in ((0, 1), (9, 1), (1, 2), (0, 2), (9, 2)):
        depot.clock.advance(seconds)
        assert polled(depot, vehicles[0]) == 1
        assert depot.signatures() == before + tried
    token.away = None
    depot.clock.advance(1)
    assert polled(depot, vehicles[0]) > 1


def test_while_the_token_is_away_what_the_plan_or_the_keys_have_overtaken_is_not_handed_out(depot, token):
    vehicle = grown_old(depot, Car())
    token.away = TokenLost("gone")
    assert polled(depot, vehicle) == 1
    depot.campaign(depot.release("brake", 2))
    with pytest.raises(TokenLost):
        polled(depot, vehicle)
    token.away = None
    assert polled(depot, vehicle) > 1
    depot.keystore.generate(label_of("timestamp", 2), Curve.NIST_P256)
    depot.director = depot.open(generations={"timestamp": 2})
    depot.director._metadata._issuer.issue_each = lambda tokens: [TokenLost("gone") for _ in tokens]
    with pytest.raises(TokenLost):
        polled(depot, vehicle)


def test_while_the_token_is_away_what_names_a_replaced_ecu_is_not_handed_out(depot, token):
    car, spare = Car(1, hardware=("ecu-a", "ecu-b")), Car(2, hardware=("ecu-a", "ecu-b"))
    release = depot.release("brake", 2, "ecu-b")
    depot.campaign(release)
    vehicle = grown_old(depot, car)
    token.away = TokenLost("gone")
    assert polled(depot, vehicle) == 1
    depot.director.replace_ecu(list(car.ecus)[1], spare.entries[1].document(), "op")
    with pytest.raises(TokenLost):
        polled(depot, vehicle)


@pytest.fixture(params=["before", "after"])
def faulty(request, new_url, fixed_clock):  # noqa: F811
    """A Director whose token is there until `keystore.switch.armed`; then it fails before a signature, or
    loses it."""
    keystore = FaultyKeystore(MemoryKeystore("test"), when=request.param)
    keystore.switch.armed = False
    made = Depot(new_url(), fixed_clock, keystore=keystore)
    yield made
    require_intact(made.database)
    made.database.close()


def given_away(depot, vehicle):
    """The last number that was given to a vehicle's metadata."""
    return depot.director.who(vehicle.certificate).version


def test_a_token_that_stays_away_costs_one_version_however_long_a_vehicle_tries(faulty):
    car = Car()
    vehicle = car.join(faulty)
    faulty.keystore.switch.armed = True
    for _ in range(5):
        now = faulty.director.who(vehicle.certificate)
        with pytest.raises(TokenLost):
            faulty.director.take_manifest(now, car.manifest(faulty.clock))
        with pytest.raises(TokenLost):
            polled(faulty, vehicle)
        faulty.clock.advance(20)
    assert (given_away(faulty, vehicle), faulty.signatures()) == (1, 1)
    faulty.keystore.switch.armed = False
    now = faulty.director.who(vehicle.certificate)
    # the number that was perhaps signed is not given again
    assert faulty.director.take_manifest(now, car.manifest(faulty.clock)) == (2, True)
    assert (polled(faulty, vehicle), faulty.signatures()) == (2, 2)


def test_while_the_token_is_away_what_a_manifest_reports_is_taken_down(faulty):
    car, release = Car(), faulty.release("brake", 2)
    vehicle = car.join(faulty)
    faulty.campaign(release)
    faulty.director.take_manifest(vehicle, car.manifest(faulty.clock))
    faulty.keystore.switch.armed = True
    sent = []
    for path in ("before it is known to be away", "after"):
        car.attacks = {car.primary: path}
        faulty.clock.advance(18 * HOUR)
        sent.append(car.manifest(faulty.clock))
        with pytest.raises(TokenLost):
            faulty.director.take_manifest(faulty.director.who(vehicle.certificate), sent[-1])
        told = faulty.director.vehicle(car.vin)
        assert told["ecus"][0]["attack"] == path == told["offers"][0]["detail"]
        assert told["manifests"][-1]["counter"] == car.counter
    for octets in sent[1:]:  # it was counted, and is not taken again
        with pytest.raises(DirectorRefusal) as caught:
            faulty.director.take_manifest(faulty.director.who(vehicle.certificate), octets)
        assert caught.value.reason is DirectorReason.REPLAYED
    assert given_away(faulty, vehicle) == 2
    faulty.keystore.switch.armed = False
    assert faulty.director.take_manifest(
        faulty.director.who(vehicle.certificate), car.manifest(faulty.clock)
    ) == (3, False)


def test_while_the_token_is_away_it_is_tried_once_for_all_that_ask_together(faulty):
    cars = [Car(number) for number in range(1, 6)]
    vehicles = [car.join(faulty) for car in cars]
    faulty.keystore.switch.armed = True

    def all_try():
        sent = [
            (faulty.director.who(one.certificate), car.manifest(faulty.clock))
            for car, one in zip(cars, vehicles, strict=True)
        ]
        before = faulty.keystore.switch.uses
        taken = faulty.director.take_manifests(sent)
        assert all(isinstance(one, TokenLost) for one in taken)
        return faulty.keystore.switch.uses - before

    assert [all_try() for _ in range(3)] == [2, 1, 1]
    assert [given_away(faulty, one) for one in vehicles] == [1] * 5


def test_while_the_token_is_away_who_needs_no_signature_is_answered_without_it(faulty):
    old, new = Car(1), Car(2)
    vehicle, newcomer = old.join(faulty), new.join(faulty)
    faulty.director.take_manifest(vehicle, old.manifest(faulty.clock))
    faulty.keystore.switch.armed = True
    with pytest.raises(TokenLost):
        faulty.director.take_manifest(newcomer, new.manifest(faulty.clock))
    before = faulty.keystore.switch.uses
    now = faulty.director.who(vehicle.certificate)
    assert faulty.director.take_manifest(now, old.manifest(faulty.clock)) == (1, False)
    assert faulty.keystore.switch.uses == before


def test_a_vehicle_never_gets_anothers_metadata(depot):
    cars = [Car(number) for number in (1, 2)]
    for car in cars:
        vehicle = car.join(depot)
        depot.director.take_manifest(vehicle, car.manifest(depot.clock))
        assert signed(depot, vehicle)[0]["custom"] == {"vehicleId": car.vin}


class Wire(FetcherInterface):
    """One vehicle's view over a client's fetcher."""

    def __init__(self, depot, vehicle, root):
        self.depot, self.vehicle, self.root = depot, vehicle, root

    def _fetch(self, url):
        name = url.rpartition("/")[2]
        found = self.root if name == "1.root.json" else self.depot.director.metadata(self.vehicle, name)
        if found is None:
            raise DownloadHTTPError("not there", 404)
        yield found


def test_pythons_tuf_client_follows_one_vehicles_view(tmp_path):
    clock = FixedClock(SystemClock().time32())  # the client goes by the machine's clock
    depot = Depot(tmp_path, clock)
    car = Car()
    vehicle = car.join(depot)
    release = depot.release("brake", 2)
    depot.campaign(release)
    depot.director.take_manifest(vehicle, car.manifest(clock))
    from securesystemslib.signer import CryptoSigner

    root, signer = root_of(depot), CryptoSigner.generate_ecdsa()
    root.add_key(signer.public_key, "root")
    metadata = Metadata(root)
    metadata.sign(signer)
    octets = metadata.to_bytes()
    (tmp_path / "client").mkdir()
    for version in (1, 2):
        updater = Updater(
            str(tmp_path / "client"), "http://d/metadata/", fetcher=Wire(depot, vehicle, octets),
            bootstrap=octets, config=UpdaterConfig(prefix_targets_with_hash=True),
        )  # fmt: skip
        updater.refresh()
        info = updater.get_targetinfo(release.path)
        assert (info is None) == (version == 2)
        car.installed[car.primary] = release
        vehicle = depot.director.who(vehicle.certificate)
        depot.director.take_manifest(vehicle, car.manifest(clock))


def test_after_a_change_of_keys_what_the_keys_before_signed_is_handed_out_no_more(depot):
    car = Car()
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert signed(depot, vehicle)[0]["version"] == 1
    depot.keystore.generate(label_of("timestamp", 2), Curve.NIST_P256)
    depot.director = depot.open(generations={"timestamp": 2})
    found = Metadata.from_bytes(depot.director.metadata(vehicle, "timestamp.json"))
    assert found.signed.version == 2
    assert list(found.signatures) == [
        TokenSigner(depot.keystore.issuing_key(label_of("timestamp", 2))).public_key.keyid
    ]
    before = depot.signatures()
    signed(depot, vehicle)
    assert depot.signatures() == before


def test_metadata_that_was_overtaken_while_it_was_signed_is_never_handed_out(depot, monkeypatch):
    car = Car()
    vehicle = car.join(depot)
    other, slow = depot.open(), depot.director._metadata._issuer
    issue = slow.issue_each

    def overtaken(token):
        monkeypatch.setattr(slow, "issue_each", issue)
        other.take_manifest(vehicle_now(), car.manifest(depot.clock))
        return issue(token)

    def vehicle_now():
        return depot.director._inventory.again(vehicle)

    monkeypatch.setattr(slow, "issue_each", overtaken)
    taken = depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert taken.version == 2
    assert signed(depot, vehicle)[0]["version"] == 2
    require_intact(depot.database)
