"""The desks of an instance, put together from its settings and a repository at work in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from v2xpki.config import Instance
from v2xpki.errors import ConfigError
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.director_opening import director_at_work
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.ota.known_targets import KnownTargets
from v2xpki.ota.opening import repository_at_work
from v2xpki.ota.releases import Releases
from v2xpki.ota.repository import Repository
from v2xpki.ota.repository_desk import RepositoryDesk
from v2xpki.ota.uploads import Uploads
from v2xpki.store import Database, require_current
from v2xpki.time import Clock, SystemClock
from v2xpki.trust.ota.provenance import Policy


def uploads_of(instance: Instance, clock: Clock) -> Uploads:
    """Where images come in: DIR/image/uploads. The admin process writes, the Image repository takes."""
    return Uploads(instance.path("image/uploads"), limit=instance.settings.ota.image_octets, clock=clock)


def provenance_policy(instance: Instance) -> Policy | None:
    """`[ota] provenance`; None where the instance has none, and so takes no release. Paths of keys are
    relative to the file. Raises ConfigError."""
    path = instance.provenance_path
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"ota.provenance: {path} cannot be read: {error}") from None
    return Policy.parse(text, lambda name: (path.parent / name).read_bytes())


def image_desk(instance: Instance, repository: Repository, clock: Clock) -> ImageDesk:
    """repository: opened with a ReleaseFollower, so that releases follow their targets. Raises
    ConfigError."""
    releases = Releases(
        repository.database, uploads_of(instance, clock), instance.images_dir, repository,
        instance.settings.ota, provenance_policy(instance),
    )  # fmt: skip
    return ImageDesk(repository, releases)


def tell_director(
    instance: Instance, path: str, reason: str, operator: str, clock: Clock | None = None
) -> list[dict[str, Any]]:
    """A `Tell` where the Director's database is in reach: its token is not needed. Raises ConfigError,
    StoreError."""
    url = instance.domain("director").database_url
    clock = clock or SystemClock()
    with Database.open(url, clock=clock, must_exist=True) as database:
        require_current(database, "director")
        return KnownTargets(database, clock).withdraw(path, reason, operator)


@contextmanager
def at_work(
    instance: Instance, desk: type, clock: Clock | None = None, *, token: bool = True
) -> Iterator[RepositoryDesk]:
    """A desk with its domain's own token and database, for an operator's command. The Image repository's can
    be read without its token, beside that of another domain: a process has one. Raises ConfigError,
    KeystoreError, StoreError."""
    clock = clock or SystemClock()
    if desk is DirectorDesk:
        with director_at_work(instance, clock) as found:
            yield DirectorDesk(found.repository, found.director)
        return
    with repository_at_work(instance, "image", clock=clock, token=token) as repository:
        yield image_desk(instance, repository, clock)
