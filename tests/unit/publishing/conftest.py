"""An instance whose ceremonies are held in this process, and its distribution centre."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.databases import new_url, postgres_server
from tests.unit.ceremony.conftest import Hall, hall
from v2xpki.authorities.etsi import ceremony, publishing
from v2xpki.authorities.etsi.ceremony_process import Held, held
from v2xpki.authorities.etsi.distribution import Distribution, Publisher, import_publications, published_tlm
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.keystore import MemoryKeystore
from v2xpki.store import Database, upgrade
from v2xpki.store.dc import DcStore
from v2xpki.time import FixedClock
from v2xpki.trust import SignedList

__all__ = ["hall", "new_url", "postgres_server"]


@dataclass
class House:
    """A hall with a distribution centre; `publish` is what commands call."""

    hall: Hall

    @property
    def instance(self):
        return self.hall.instance

    @property
    def clock(self):
        return self.hall.clock

    def hold(self, file: Path, operator: str) -> Held:
        return held(
            ceremony.run(
                file, operator=operator, confirm=lambda _: True, clock=self.clock, opener=self.hall.open
            )
        )

    def publish(self, kind: str, **options) -> publishing.Published:
        return publishing.publish_list(
            self.instance, kind, operator="alice", clock=self.clock, holder=self.hold, **options
        )

    def publish_root(self, **options) -> publishing.Published:
        return publishing.publish_root_lists(
            self.instance, operator="alice", clock=self.clock, holder=self.hold, **options
        )

    def certificate(self, path: str) -> Certificate:
        return Certificate.parse((self.hall.directory / path).read_bytes())

    @property
    def root(self) -> Certificate:
        return self.certificate("root/certificates/root-1.oer")

    @property
    def tlm(self) -> Certificate:
        return self.certificate("tlm/certificates/tlm-1.oer")

    def store(self) -> DcStore:
        return DcStore(self.hall.database("dc"))

    def distribution(self) -> Distribution:
        return Distribution(self.store(), self.clock)

    def tick(self, seconds: int = 0) -> float:
        """Time goes by, and a service looks for what is due."""
        self.clock.advance(seconds)
        return Publisher(self.store(), self.clock).round()

    def ctl(self) -> SignedList:
        return SignedList.parse(self.distribution().ctl(self.root.hashed_id8).octets)

    def delta_ctl(self, sequence: int) -> SignedList:
        return SignedList.parse(self.distribution().delta_ctl(self.root.hashed_id8, sequence).octets)

    def crl(self) -> SignedList:
        return SignedList.parse(self.distribution().crl(self.root.hashed_id8).octets)

    def ectl(self) -> SignedList:
        return SignedList.parse(self.distribution().ectl(self.tlm.hashed_id8).octets)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house that is made once; every test has a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryKeystore, "close", lambda self: None)
        folder = tmp_path_factory.mktemp("house")
        (folder / "v2xpki.toml").write_text("lab = true\n")
        return make_house(Hall(Instance.load(folder), FixedClock(707_356_805)))


@pytest.fixture
def house(template: House, hall: Hall) -> House:
    return copy_house(template, hall)


def copy_house(template: House, hall: Hall) -> House:
    """Another one of its own, in a hall where nothing was done yet."""
    assert hall.clock.now == template.clock.now
    shutil.copytree(template.hall.directory, hall.directory, dirs_exist_ok=True)
    for name, keystore in template.hall.keystores.items():
        hall.keystores[name] = copied = MemoryKeystore("test")
        copied._keys.update(keystore._keys)
    return House(hall)


def make_house(hall: Hall) -> House:
    """With all authorities, their first lists and a distribution centre that hands them out."""
    hall.run_all()
    made = House(hall)
    domain = hall.instance.domain("dc")
    domain.directory.mkdir()
    with Database.open(domain.database_url, clock=hall.clock) as database:
        upgrade(database, "dc")
        import_publications(database, hall.clock, [published_tlm(made.tlm.octets)])
    folders = [hall.directory / name / "lists" for name in ("root", "tlm")]
    publishing.import_lists(hall.instance, folders, hall.clock)
    return made


@pytest.fixture
def dc_database(new_url: Callable[[], str], fixed_clock) -> Iterator[Database]:
    with Database.open(new_url(), clock=fixed_clock) as database:
        upgrade(database, "dc")
        yield database
