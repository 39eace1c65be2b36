"""A Director put together from its instance, in the process that has its token."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from v2xpki.config import Instance
from v2xpki.keystore import Keystore, TokenConfig, open_token
from v2xpki.ota.director import Director, open_director
from v2xpki.ota.kinds import DIRECTOR
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.opening import open_repository
from v2xpki.ota.registering import Credentials
from v2xpki.ota.repository import Repository
from v2xpki.ota.vehicle_ca_files import vehicle_ca_in_use
from v2xpki.store import Database, require_current
from v2xpki.time import Clock, SystemClock


class DirectorAtWork(NamedTuple):
    """Both halves: the root that its signers change, and what it directs."""

    repository: Repository
    director: Director


def direct(
    instance: Instance,
    keystore: Keystore,
    database: Database,
    clock: Clock,
    generations: Mapping[str, int],
    credentials: Credentials | None,
) -> Director:
    """A Director that signs with these generations of its roles' keys, and with its CA's in use. Raises
    ConfigError, KeystoreError."""
    number, ca = vehicle_ca_in_use(instance.domain("director").certificates_dir, clock)
    return open_director(
        keystore=keystore,
        database=database,
        clock=clock,
        policy=instance.settings.ota,
        ca=ca,
        credentials=credentials,
        generations={**generations, "ca": number},
    )


def present_generations(repository: Repository, keys: OnlineKeys) -> dict[str, int]:
    """Role -> generation of the key that the newest root names; none before the first root."""
    root = repository.state().root
    if root is None:
        return {}
    return {role: keys.signing_label(role, root.roles[role].keyids).generation for role in DIRECTOR.online}


@contextmanager
def director_at_work(instance: Instance, clock: Clock | None = None) -> Iterator[DirectorAtWork]:
    """With the domain's own token and database, for an operator's command: it registers vehicles for the OEM,
    not by credentials. Raises ConfigError, KeystoreError, StoreError."""
    domain, clock = instance.domain("director"), clock or SystemClock()
    with Database.open(domain.database_url, clock=clock, must_exist=True) as database:
        require_current(database, "director")
        with open_token(TokenConfig.of_domain(domain)) as keystore:
            repository = open_repository(instance, "director", keystore, database, clock)
            present = present_generations(repository, OnlineKeys(keystore, DIRECTOR))
            director = direct(instance, keystore, database, clock, present, None)
            yield DirectorAtWork(repository, director)
