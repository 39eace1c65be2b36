"""docs/runbooks.md, followed word for word, with keys in SoftHSM and a vehicle before, during and
after. The vehicle's view is python-tuf's client; the thief has a copy of the token."""

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from types import SimpleNamespace

import pytest
from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, Snapshot, Timestamp
from tuf.ngclient import FetcherInterface, Updater

from tests.support.ota_clients import forge
from tests.support.ota_commands import Apart
from tests.support.ota_director import Car
from v2xpki.config import Instance, OtaPolicy
from v2xpki.crypto import Curve
from v2xpki.demo import ota_thief
from v2xpki.keystore import KeyLabel, TokenConfig, create_token, open_token
from v2xpki.ota.director import label_of
from v2xpki.ota.director_opening import director_at_work
from v2xpki.ota.inventory import Inventory
from v2xpki.ota.kinds import DIRECTOR, IMAGE
from v2xpki.ota.metadata import TargetEntry
from v2xpki.ota.opening import repository_at_work
from v2xpki.ota.repository import Repository
from v2xpki.ota.vehicle_ca import make_ca
from v2xpki.station import Reply
from v2xpki.station.ota.fetching import Fetcher
from v2xpki.station.ota.keys import EcuKey
from v2xpki.station.ota.primary import Primary
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.station.ota.state import EcuSettings, OtaDirectory, OtaSettings
from v2xpki.store import Database, upgrade
from v2xpki.time import SystemClock
from v2xpki.trust.ota.keys import parse_key
from v2xpki.trust.ota.registration import EcuEntry

BOOK = Path(__file__).parents[2] / "docs/runbooks.md"
VIN = "WVWZZZ1KZAW000077"
PATH = "bcm-2/brake/1.1/fw.bin"
FAR_AHEAD = 1000


def steps(title: str) -> list[str]:
    """The commands of a section, in their order."""
    (section,) = re.findall(
        rf"^## {title}\n(.*?)(?=^## |\Z)", BOOK.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return re.findall(r"^ {8}v2xpki (.*)$", section, re.MULTILINE)


# --- in the processes of the tokens


def make_domain(directory: Path, name: str) -> None:
    """As `init` does: a token and a database."""
    domain = Instance.load(directory).domain(name)
    domain.directory.mkdir()
    create_token(TokenConfig.of_domain(domain))
    with Database.open(domain.database_url) as database:
        upgrade(database, name)


class NoReleases:
    """Here a target is listed without the release that it would be."""

    def requested(self, tx: object, change: object) -> None: ...

    def published(self, tx: object, change: object) -> None: ...

    def dropped(self, tx: object, change: object) -> None: ...


def ask_for_a_target(directory: Path) -> None:
    with repository_at_work(Instance.load(directory), "image", follower=NoReleases()) as repository:
        repository.request_targets("targets", add={PATH: TargetEntry(5, "00" * 32, {})}, by="engineer")


def steal(directory: Path, out: Path, number: int) -> None:
    """What the thief signs with the keys that were in the token at first: a snapshot and a timestamp of any
    number, recorded nowhere."""
    domain = Instance.load(directory).domain("image")
    with Database.open(domain.database_url) as database:
        newest = read_only(database).state().versions
    snapshot = Metadata[Snapshot].from_bytes(newest["snapshot"].octets).signed
    timestamp = Metadata[Timestamp].from_bytes(newest["timestamp"].octets).signed
    snapshot.version = timestamp.version = timestamp.snapshot_meta.version = number
    keystore = open_token(TokenConfig.of_domain(domain))
    for role, signed, name in (
        ("snapshot", snapshot, f"{number}.snapshot.json"),
        ("timestamp", timestamp, "timestamp.json"),
    ):
        key = keystore.issuing_key(KeyLabel(f"image-{role}", "sign"))
        (out / name).write_bytes(forge(signed, key))


def begin_directing(directory: Path, car: bytes, out: Path) -> None:
    """As `init` and an operator do: the CA of vehicles, and a vehicle."""
    domain, clock = Instance.load(directory).domain("director"), SystemClock()
    domain.certificates_dir.mkdir()
    with (
        Database.open(domain.database_url, clock=clock) as database,
        open_token(TokenConfig.of_domain(domain)) as keystore,
    ):
        keystore.generate(label_of("ca"), Curve.NIST_P256)
        ca = make_ca(keystore, database, clock)
        (domain.certificates_dir / "director-ca-1.pem").write_bytes(ca)
    csr, entry = json.loads(car)
    with director_at_work(Instance.load(directory)) as at_work:
        at_work.director.register_by_oem(vin=VIN, model="city", ecus=[entry], csr=csr, operator="op")
    direct(directory, out)


def direct(directory: Path, out: Path) -> None:
    """The Director as it is served, by the keys that its newest root names: the vehicle's metadata."""
    with director_at_work(Instance.load(directory)) as (repository, director):
        vehicle = Inventory(repository.database).vehicle(VIN)
        timestamp = director.metadata(vehicle, "timestamp.json")
        number = json.loads(timestamp)["signed"]["meta"]["snapshot.json"]["version"]
        for name in ("timestamp.json", f"{number}.snapshot.json", f"{number}.targets.json"):
            (out / name).write_bytes(director.metadata(vehicle, name))


def steal_director(directory: Path, out: Path, number: int) -> None:
    """The thief sends the vehicle software that nobody has signed."""
    wish = ota_thief.Wish("gateway", "bcm-2", "bcm-2/brake/9/evil.bin", 4, "11" * 32, 9)
    for name, octets in ota_thief.direct(directory, VIN, wish, number, SystemClock().time32()).items():
        (out / name).write_bytes(octets)


# --- the scene


def read_only(database: Database) -> Repository:
    return Repository(database, IMAGE, None, OtaPolicy(), SystemClock())


class Served(FetcherInterface):
    """The Image repository's metadata, and before it whatever lies in the folder of the thief."""

    def __init__(self, directory: Path, thief: Path) -> None:
        self.database = Database.open(Instance.load(directory).domain("image").database_url)
        self._thief = thief

    def _fetch(self, url: str):
        name = url.rpartition("/")[2]
        stolen = self._thief / name
        octets = stolen.read_bytes() if stolen.exists() else read_only(self.database).read(name)
        if octets is None:
            raise DownloadHTTPError("not found", 404)
        yield octets


class Vehicle:
    """A client that keeps what it trusts, as python-tuf does."""

    def __init__(self, folder: Path, served: Served) -> None:
        self._folder, self._served = folder, served
        folder.mkdir()
        (root,) = served.fetch("1.root.json")
        self._updater(root)

    def _updater(self, root: bytes | None = None) -> Updater:
        return Updater(
            str(self._folder), "https://pki.example/metadata", str(self._folder), fetcher=self._served,
            bootstrap=root,
        )  # fmt: skip

    def sees(self, path: str = PATH) -> bool:
        """Whether the target is there for it, after a refresh."""
        updater = self._updater()
        updater.refresh()
        return updater.get_targetinfo(path) is not None

    def version(self, role: str) -> int:
        document = json.loads((self._folder / f"{role}.json").read_bytes())
        return int(document["signed"]["version"])


class Lab:
    """An instance with the Image repository, signed by two of alice, bob and dan."""

    def __init__(self, folder: Path) -> None:
        self.apart, self.folder = Apart(folder), folder
        self.instance, self.thief, out = folder / "pki", folder / "thief", folder / "out"
        for one in (self.instance, self.thief, out):
            one.mkdir()
        (self.instance / "v2xpki.toml").write_text('format = 1\nprofile = "ota"\n')
        self.names = {
            "DIR": self.instance, "OUT": out, "ALICE": folder / "alice", "BOB": folder / "bob",
            "CAROL": folder / "carol",
        }  # fmt: skip
        signers = []
        for name in ("alice", "bob", "dan"):
            (out / f"{name}.json").write_text(self.run(f"ota signer create {folder / name} --name {name}"))
            signers.append(f"--root-signer {out / name}.json --targets-signer {out / name}.json")
        self.apart.call(make_domain, self.instance, "image")
        thresholds = "--root-threshold 2 --targets-threshold 2"
        self.run(f"ota root create --instance $DIR {' '.join(signers)} {thresholds} --out $OUT --yes")
        self.sign("image-root-1", "image-targets-1")
        self.apart.call(ask_for_a_target, self.instance)
        self.run("ota sign request targets --instance $DIR --out $OUT")
        self.sign("image-targets-2")
        self.served = Served(self.instance, self.thief)

    def sign(self, *requests: str, repository: str = "image") -> None:
        files = [self.sign_one(request, who) for request in requests for who in ("ALICE", "BOB")]
        self.run(f"ota sign submit {' '.join(files)} --instance $DIR --repository {repository}")

    def sign_one(self, request: str, who: str) -> str:
        return self.run(f"ota sign sign $OUT/{request}.request.json --signer ${who} --yes").strip()

    def run(self, line: str) -> str:
        """A line as the book has it, with the names filled in; `> FILE` as a shell does it."""
        line, _, file = Template(line).substitute(self.names).partition(" > ")
        told = self.apart.command(*shlex.split(line))
        if file:
            Path(file).write_text(told)
        return told

    def directors_root(self) -> dict[str, object]:
        return json.loads(self.run("ota role show root --instance $DIR --repository director --json"))[
            "signed"
        ]

    def roles(self) -> dict[str, dict[str, object]]:
        found = json.loads(self.run("ota role list --instance $DIR --json"))
        return {one["role"]: one for one in found}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("runbooks"))


def refuses(vehicle: Vehicle) -> bool:
    try:
        vehicle.sees()
    except RepositoryError:
        return True
    return False


# --- the book


def test_a_stolen_timestamp_key_is_replaced_and_vehicles_recover_from_what_it_signed(lab, tmp_path):
    vehicle, late = Vehicle(tmp_path / "one", lab.served), Vehicle(tmp_path / "late", lab.served)
    assert vehicle.sees() and late.sees()
    before = lab.roles()
    lab.apart.call(steal, lab.instance, lab.thief, FAR_AHEAD)
    assert (
        vehicle.sees() and vehicle.version("timestamp") == FAR_AHEAD
    )  # sent ahead; nothing else is to be had

    lab.names["NEXT"] = before["root"]["version"] + 1
    for line in steps("A lost timestamp key"):
        lab.run(line)

    # the thief goes on, between the repository and a vehicle that knows nothing yet
    assert refuses(late)
    for file in lab.thief.iterdir():
        file.unlink()
    after = lab.roles()
    for role in ("snapshot", "timestamp"):
        assert set(before[role]["keyids"]).isdisjoint(after[role]["keyids"])
    assert vehicle.sees() and vehicle.version("timestamp") == after["timestamp"]["version"] < FAR_AHEAD
    assert late.sees()
    lab.apart.call(steal, lab.instance, lab.thief, FAR_AHEAD + 1)
    assert refuses(vehicle)
    for file in lab.thief.iterdir():
        file.unlink()
    assert vehicle.sees()


def test_a_lost_targets_key_is_replaced_while_vehicles_go_on_and_it_counts_no_more(lab, tmp_path):
    vehicle = Vehicle(tmp_path / "one", lab.served)
    assert vehicle.sees()
    before = lab.roles()
    lost = json.loads((lab.names["OUT"] / "bob.json").read_text())["targets"]
    keyid = parse_key(lost, "key").keyid
    assert keyid in before["targets"]["keyids"]
    lab.names |= {
        "LOST": keyid[:12],
        "NEXT": before["root"]["version"] + 1,
        "TARGETS": before["targets"]["version"] + 1,
    }
    for line in steps("A lost targets key"):
        lab.run(line)
        assert vehicle.sees()  # at each step

    after = lab.roles()
    assert keyid not in after["targets"]["keyids"] and len(after["targets"]["keyids"]) == 3
    assert vehicle.version("targets") == after["targets"]["version"] == before["targets"]["version"] + 1
    told = lab.run("ota sign request targets --instance $DIR --out $OUT --yes").split()[0]
    refused = f"ota sign sign {told} --signer $BOB --yes"
    with pytest.raises(AssertionError, match="no key of bob is asked"):
        lab.run(refused)


class Wire:
    """Both repositories as our own vehicle asks them; before the Director's, the thief's."""

    def __init__(self, lab: Lab, directed: Path) -> None:
        director = lab.instance / "director/director.db"
        self._image, self._director = lab.served, Database.open(director)
        self._directed, self._thief = directed, lab.thief

    def find(self, url: str) -> bytes | None:
        name = url.rpartition("/")[2]
        if "/image/" in url:
            return read_only(self._image.database).read(name)
        if name.endswith(".root.json"):
            return Repository(self._director, DIRECTOR, None, OtaPolicy(), SystemClock()).read(name)
        stolen = self._thief / name
        path = stolen if stolen.exists() else self._directed / name
        return path.read_bytes() if path.exists() else None

    @contextmanager
    def stream(self, url: str, headers: object = None) -> Iterator[SimpleNamespace]:
        found = self.find(url)
        yield SimpleNamespace(
            status=404 if found is None else 200, headers={}, chunks=lambda: iter([found or b""])
        )

    def post(self, url: str, body: bytes, content_type: str) -> Reply:
        return Reply(200, content_type, b"{}")


def test_a_stolen_director_installs_nothing_and_is_believed_no_more_once_its_root_is_changed(lab, tmp_path):
    directed = tmp_path / "directed"
    directed.mkdir()
    lab.apart.call(make_domain, lab.instance, "director")
    signers = " ".join(f"--root-signer $OUT/{name}.json" for name in ("alice", "bob", "dan"))
    lab.run(
        f"ota root create --instance $DIR --repository director {signers} --root-threshold 2 --out $OUT --yes"
    )
    lab.sign("director-root-1", repository="director")

    key, wire = EcuKey.generate("ecdsa"), Wire(lab, directed)
    roots = {name: wire.find(f"x/{name}/1.root.json") for name in ("director", "image")}
    ecus = (EcuSettings("gateway", "bcm-2", primary=True),)
    settings = OtaSettings(VIN, "city", "https://oem", "https://oem", ecus, tls_ca="not asked for here")
    folder = OtaDirectory.create(tmp_path / "car", settings, {"gateway": key}, roots, {"gateway": b"factory"})
    entry = EcuEntry("gateway", "bcm-2", True, key.public_key).document()
    lab.apart.call(begin_directing, lab.instance, json.dumps([Car().csr(), entry]).encode(), directed)
    fetcher = Fetcher(wire, "https://oem")

    def update() -> int:
        return Primary(folder, SystemClock(), fetcher, fetcher).update().targets_version

    def refusal() -> Threat:
        with pytest.raises(UpdateRefused) as caught:
            update()
        assert folder.ecu("gateway").image.read_bytes() == b"factory"
        return caught.value.reason

    first = update()
    before = lab.directors_root()
    lab.apart.call(steal_director, lab.instance, lab.thief, FAR_AHEAD)
    assert refusal() is Threat.ARBITRARY_SOFTWARE  # the Image repository has no such image

    lab.names["NEXT"] = before["version"] + 1
    for line in steps("A stolen Director"):
        lab.run(line)
    after = lab.directors_root()
    for role in ("targets", "snapshot", "timestamp"):
        assert set(before["roles"][role]["keyids"]).isdisjoint(after["roles"][role]["keyids"])

    assert refusal() is Threat.UNKNOWN_KEY  # of the thief, who goes on
    for file in lab.thief.iterdir():
        file.unlink()
    assert refusal() is Threat.UNKNOWN_KEY  # of what the Director signed before
    lab.apart.call(direct, lab.instance, directed)  # served again
    assert first < update() < FAR_AHEAD
