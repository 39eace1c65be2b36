"""Generations of the CA of vehicles' client certificates: made, followed, retired."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import text

from tests.support.ota_director import Car, Depot, digest_of
from v2xpki.cli import main
from v2xpki.config import Instance
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError
from v2xpki.keystore import KeyLabel, MemoryKeystore
from v2xpki.ota import vehicle_ca_files
from v2xpki.ota.director_opening import direct
from v2xpki.ota.vehicle_ca_files import SETTLED, Rotated, rotate_vehicle_ca, vehicle_ca_in_use
from v2xpki.store.auditing import require_intact
from v2xpki.time import FixedClock
from v2xpki.web.open_director import DirectorService


class Place:
    """An instance whose Director is a Depot's: memory keystore and SQLite."""

    def __init__(self, folder: Path) -> None:
        (folder / "v2xpki.toml").write_text('format = 1\nprofile = "ota"\n')
        self.instance, self.clock = Instance.load(folder), FixedClock(720_000_123)
        domain = self.instance.domain("director")
        self.folder = domain.certificates_dir
        self.folder.mkdir(parents=True)
        self.depot = Depot(domain.directory, self.clock)
        (self.folder / "director-ca-1.pem").write_bytes(self.depot.ca)

    def rotate(self, *, retire: bool = False) -> Rotated:
        depot = self.depot
        return rotate_vehicle_ca(
            self.folder, depot.keystore, depot.database, self.clock, by="ann", retire=retire
        )

    def serve(self) -> DirectorService:
        """What the Director's process has, before its first root."""
        depot = self.depot
        shared: Any = SimpleNamespace(
            instance=self.instance,
            keystore=depot.keystore,
            clock=self.clock,
            repository=SimpleNamespace(state=lambda: SimpleNamespace(root=None)),
        )

        def build(generations: Any) -> Any:
            return direct(self.instance, depot.keystore, depot.database, self.clock, generations, None)

        return DirectorService(shared, build)

    def certified(self, service: DirectorService, car: Car) -> tuple[str, bytes]:
        """A vehicle's chain, and the CA that has signed it (PEM)."""
        self.depot.director = service.director
        chain = car.register(self.depot).certificate
        own, ca = x509.load_pem_x509_certificates(chain.encode())
        own.verify_directly_issued_by(ca)
        return chain, ca.public_bytes(Encoding.PEM)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    require_intact(made.depot.database)
    made.depot.database.close()


def test_a_served_director_signs_with_the_next_generation_once_the_router_has_surely_seen_it(place):
    service = place.serve()
    first, made = place.depot.ca, place.rotate()
    assert (made.label.text, made.file.name) == ("director-ca-sign-2", "director-ca-2.pem")
    service.follow_keys()
    assert place.certified(service, Car(1))[1] == first
    place.clock.advance(SETTLED)
    service.follow_keys()
    assert place.certified(service, Car(2))[1] == made.file.read_bytes() != first


def test_a_certificate_of_the_former_generation_stays_in_force(place):
    service, car = place.serve(), Car(1)
    chain, _ = place.certified(service, car)
    place.rotate()
    place.clock.advance(SETTLED)
    service.follow_keys()
    vehicle = service.director.who(digest_of(chain))
    assert vehicle is not None
    renewed = service.director.renew_certificate(vehicle, car.csr())
    assert renewed.encode().endswith((place.folder / "director-ca-2.pem").read_bytes())


def test_the_folder_has_both_generations_unless_the_former_is_retired(place):
    place.rotate()
    assert list(vehicle_ca_files.vehicle_ca_files(place.folder)) == [1, 2]
    made = place.rotate(retire=True)
    assert [path.name for path in made.retired] == ["director-ca-1.pem", "director-ca-2.pem"]
    assert list(vehicle_ca_files.vehicle_ca_files(place.folder)) == [3]
    assert vehicle_ca_in_use(place.folder, place.clock) == (3, made.file.read_bytes())


def test_a_rotation_is_in_the_audit_record(place):
    place.rotate(retire=True)
    with place.depot.database.read() as tx:
        rows = tx.execute(text("SELECT event, detail FROM audit_entry WHERE event LIKE 'key.%'")).all()
        query = text("SELECT count(*) FROM issuance_record WHERE kind = 'VEHICLE_CA'")
        made = tx.execute(query).scalar_one()
    told = [(event, json.loads(detail)) for event, detail in rows]
    assert [(event, detail["label"]) for event, detail in told] == [
        ("key.generated", "director-ca-sign-2"), ("key.retired", "director-ca-sign-1"),
    ]  # fmt: skip
    assert told[1][1]["operator"] == "ann"
    assert made == 2


def test_a_key_that_a_dead_process_left_without_a_certificate_is_never_used(place):
    place.depot.keystore.generate(KeyLabel("director-ca", "sign", 2), Curve.NIST_P256)
    assert place.rotate().label.generation == 3


def test_a_folder_without_a_ca_or_with_a_damaged_one_is_told(place):
    (place.folder / "director-ca-2.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"director-ca-2\.pem is no certificate"):
        vehicle_ca_in_use(place.folder, place.clock)
    for path in place.folder.iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match=r"director-ca-1\.pem"):
        vehicle_ca_in_use(place.folder, place.clock)


def test_the_command_does_nothing_without_yes(place, monkeypatch, capsys):
    monkeypatch.setattr(MemoryKeystore, "close", lambda self: None)
    monkeypatch.setattr(vehicle_ca_files, "open_token", lambda config: place.depot.keystore)
    asked = ["ota", "vehicle-ca", "rotate", "--instance", str(place.instance.directory), "--json"]
    for line, code, files in ((asked, 1, 1), ([*asked, "--yes"], 0, 2)):
        with pytest.raises(SystemExit) as left:
            main(line)
        assert (left.value.code, len(list(place.folder.iterdir()))) == (code, files)
    assert json.loads(capsys.readouterr().out)["key"] == "director-ca-sign-2"
