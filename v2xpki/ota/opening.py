"""A repository put together from its instance, in the process that has its token.

The keystore, the database and the clock are the caller's: it has their health to watch, and their end.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from v2xpki.config import Instance
from v2xpki.issuance import recover
from v2xpki.keystore import Keystore, TokenConfig, open_token
from v2xpki.ota.kinds import IMAGE, KINDS
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.publishing import Follower
from v2xpki.ota.releases import ReleaseFollower
from v2xpki.ota.repository import Repository
from v2xpki.store import Database, require_current
from v2xpki.time import Clock, SystemClock


def open_repository(
    instance: Instance,
    name: str,
    keystore: Keystore | None,
    database: Database,
    clock: Clock,
    *,
    follower: Follower | None = None,
) -> Repository:
    """The repository "image" or "director". What dead processes left open is voided first; without a keystore
    it can be read and no more. The Image repository's follower is its releases', unless another is given.

    Raises StoreError, KeystoreError, IssuanceError (a key on another curve).
    """
    kind = KINDS[name]
    keys = None
    if keystore is not None:
        recover(database)
        keys = OnlineKeys(keystore, kind)
    if follower is None and kind is IMAGE:
        follower = ReleaseFollower()
    return Repository(database, kind, keys, instance.settings.ota, clock, follower=follower)


@contextmanager
def repository_at_work(
    instance: Instance,
    name: str,
    *,
    token: bool = True,
    clock: Clock | None = None,
    follower: Follower | None = None,
) -> Iterator[Repository]:
    """The same with the domain's own database and, unless it is only to be read, its token: for an operator's
    command. Raises ConfigError, KeystoreError, StoreError."""
    domain, clock = instance.domain(name), clock or SystemClock()
    with Database.open(domain.database_url, clock=clock, must_exist=True) as database:
        require_current(database, name)
        keystore = open_token(TokenConfig.of_domain(domain)) if token else None
        try:
            yield open_repository(instance, name, keystore, database, clock, follower=follower)
        finally:
            if keystore is not None:
                keystore.close()
