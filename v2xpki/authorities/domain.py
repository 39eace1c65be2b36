"""What a process opens of a trust domain: its token, its database, its profiles."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from v2xpki.config import DomainConfig, Instance
from v2xpki.keystore import Keystore
from v2xpki.store import Database, upgrade
from v2xpki.time import Clock, SystemClock
from v2xpki.trust import Profiles


@dataclass
class OpenDomain:
    """A domain at work in this process. A context manager."""

    config: DomainConfig
    keystore: Keystore
    database: Database
    profiles: Profiles
    clock: Clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.keystore.close()
        self.database.close()


class Opener(Protocol):
    """How a ceremony gets at a domain; `open_domain` unless a test has its own."""

    def __call__(
        self, instance: Instance, name: str, *, clock: Clock | None = None, create: bool = False
    ) -> OpenDomain: ...


def open_domain(
    instance: Instance, name: str, *, clock: Clock | None = None, create: bool = False
) -> OpenDomain:
    """Open a domain's token and database; with `create`, make those that are not there yet.

    A process can open one SoftHSM configuration: a second domain of the same instance is KeyRefused.
    Raises KeystoreError, StoreError, ConfigError.
    """
    # Loaded where a token is opened: who hands out lists, or serves operators, imports this and opens none.
    from v2xpki.keystore import TokenConfig, create_token, open_token

    domain = instance.domain(name)
    clock = clock or SystemClock()
    profiles = Profiles.load(instance.profiles_path)
    domain.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = TokenConfig.of_domain(domain)
    if create and domain.softhsm2_conf is not None and not domain.softhsm2_conf.exists():
        create_token(token)
    keystore = open_token(token)
    try:
        database = Database.open(domain.database_url)
    except BaseException:
        keystore.close()
        raise
    opened = OpenDomain(domain, keystore, database, profiles, clock)
    try:
        if create:
            upgrade(database, name)
    except BaseException:
        opened.close()
        raise
    return opened
