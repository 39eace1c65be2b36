"""A root, its EA and AA, and their operators, in one process: memory keys, files and databases real."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ceremony.conftest import Hall
from tests.unit.publishing.conftest import House, copy_house, template
from v2xpki.authorities.etsi import ca_approval, ca_revocation, subca
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.ca_review import Review
from v2xpki.config import FILE_NAME, Instance
from v2xpki.crypto import Certificate
from v2xpki.keystore import KeyLabel, MemoryKeystore
from v2xpki.store import Database
from v2xpki.time import FixedClock
from v2xpki.trust.lists import AaEntry

__all__ = ["template"]


@dataclass
class Life:
    """What operators do with the CAs of a house."""

    house: House

    @property
    def directory(self) -> Path:
        return self.house.hall.directory

    @property
    def instance(self) -> Any:
        return self.house.instance

    def keys(self, domain: Any) -> dict[KeyLabel, Any]:
        return {info.label: info.public_key for info in self.house.hall.keystores[domain.name].keys()}

    def ask(self, role: str = "aa", **options: Any) -> subca.Asked:
        return subca.ask(
            self.instance, role, operator="alice", clock=self.house.clock, holder=self.house.hold,
            keys=self.keys, **options,
        )  # fmt: skip

    def review(self, octets: bytes) -> Review:
        return ca_approval.review(self.instance, octets, clock=self.house.clock)

    def problems(self, octets: bytes) -> list[str]:
        return [problem.rule for problem in self.review(octets).problems]

    def approve(self, octets: bytes, **options: Any) -> ca_approval.Approved:
        return ca_approval.approve(
            self.instance, octets, operator="bob", clock=self.house.clock, holder=self.house.hold, **options
        )

    def install(self, octets: bytes) -> subca.Installed:
        return subca.install(self.instance, octets, operator="alice", clock=self.house.clock, keys=self.keys)

    def revoke(self, certificate: Certificate, **options: Any) -> ca_revocation.Revoked:
        return ca_revocation.revoke(
            self.instance, certificate, operator="bob", clock=self.house.clock, holder=self.house.hold,
            **options,
        )  # fmt: skip

    def rekey(self, role: str = "aa") -> Certificate:
        """The whole way: the certificate of the next generation, installed."""
        asked = self.ask(role, rekey=True)
        done = self.approve(asked.request.octets)
        return self.install(done.certificate.octets).certificate

    def present(self, role: str = "aa") -> Certificate:
        return Certificate.parse(self.instance.domain(role).certificate_path.read_bytes())

    def database(self, name: str) -> Database:
        return self.house.hall.database(name)

    def listed(self, kind: type = AaEntry) -> set[Certificate]:
        """What stations read of."""
        return {entry.certificate for entry in self.house.ctl().entries if isinstance(entry, kind)}

    def signing_key(self, role: str, generation: int = 1) -> Any:
        return self.house.hall.keystores[role].issuing_key(KeyLabel(role, "sign", generation))

    def fetch_lists(self) -> None:
        """EA and AA have fetched what is handed out."""
        for role in ("ea", "aa"):
            trust = self.instance.domain(role).trust_dir
            (trust / "ctl.oer").write_bytes(self.house.ctl().octets)
            (trust / "crl.oer").write_bytes(self.house.crl().octets)


@pytest.fixture
def house(template: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(MemoryKeystore, "close", lambda self: None)
    return house_in(template, tmp_path / "pki")


def house_in(template: House, folder: Path) -> House:
    """A copy of a house in a folder that is not there yet."""
    folder.mkdir()
    shutil.copy(template.hall.directory / FILE_NAME, folder)
    return copy_house(template, Hall(Instance.load(folder), FixedClock(template.clock.now)))


@pytest.fixture
def life(house: House) -> Life:
    return bring_to_life(house)


def bring_to_life(house: House) -> Life:
    """With the certificates and lists in place that EA and AA go by."""
    made = Life(house)
    for role in ("ea", "aa"):
        domain = house.instance.domain(role)
        shutil.copy(house.hall.directory / f"root/issued/{role}-1.oer", domain.certificate_path)
        domain.trust_dir.mkdir()
        (domain.trust_dir / "root.oer").write_bytes(house.root.octets)
    made.fetch_lists()
    return made


@pytest.fixture
def rekeying(life: Life) -> CaRequest:
    """The AA's request to be re-keyed."""
    return life.ask(rekey=True).request
