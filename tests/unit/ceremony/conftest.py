"""A whole instance's ceremonies in one process: memory keys instead of tokens, files and databases real."""

import string
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from v2xpki._resources import data_dir
from v2xpki.authorities.domain import OpenDomain
from v2xpki.authorities.etsi import ceremony
from v2xpki.config import Instance
from v2xpki.keystore import MemoryKeystore
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock
from v2xpki.trust import Profiles

CURVES = {"tlm": "brainpoolP384r1", "root": "brainpoolP384r1", "ea": "nistP256", "aa": "nistP256"}
SHIPPED = ("tlm", "root", "ea-request", "aa-request", "ea", "aa", "ectl", "ctl", "crl")


@dataclass
class Hall:
    """Where ceremonies are held. `run` is the whole of what a test needs."""

    instance: Instance
    clock: FixedClock
    keystores: dict[str, MemoryKeystore] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        return self.instance.directory

    def text(self, name: str) -> str:
        """A shipped file, filled in as init does."""
        domain = name.removesuffix("-request")
        return string.Template((data_dir("hsm") / "ceremonies" / f"{name}.yaml").read_text()).safe_substitute(
            instance="..",
            base_url="http://127.0.0.1:8080",
            curve=CURVES.get(domain, ""),
            name=f"{domain} of a test",
            validity="7776000",
            overlap="0",
            count="1",
        )

    def run(self, name: str, *changes: tuple[str, str], yes: bool = True) -> ceremony.Outcome:
        """Run a shipped file, with pieces of its text changed."""
        text = self.text(name)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = self.directory / "ceremonies" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return self.run_file(file, yes=yes)

    def run_file(self, file: Path, *, yes: bool = True) -> ceremony.Outcome:
        def confirm(plan):
            self.shown = list(plan)
            return yes

        return ceremony.run(file, operator="alice", confirm=confirm, clock=self.clock, opener=self.open)

    def run_all(self, *names: str) -> None:
        for name in names or SHIPPED:
            self.run(name)

    def open(self, instance, name, *, clock=None, create=False) -> OpenDomain:
        domain = instance.domain(name)
        domain.directory.mkdir(exist_ok=True)
        keystore = self.keystores.setdefault(name, MemoryKeystore("test"))
        database = Database.open(domain.database_url, clock=self.clock)
        if create:
            upgrade(database, name)
        return OpenDomain(domain, keystore, database, Profiles.load(), self.clock)

    def database(self, name: str) -> Database:
        return Database.open(self.instance.domain(name).database_url, clock=self.clock)


@pytest.fixture
def hall(tmp_path: Path, fixed_clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Hall:
    (tmp_path / "v2xpki.toml").write_text("lab = true\n")
    # A memory keystore drops its keys when it is closed; here they outlive one ceremony.
    monkeypatch.setattr(MemoryKeystore, "close", lambda self: None)
    return Hall(Instance.load(tmp_path), fixed_clock)
