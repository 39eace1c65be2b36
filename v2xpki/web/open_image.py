"""How the Image repository is opened in its workers, and what is checked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from v2xpki.config import Instance
from v2xpki.errors import ConfigError
from v2xpki.keystore import KeyLabel, Keystore, TokenConfig, open_token
from v2xpki.ota.desks import image_desk
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.ota.opening import open_repository
from v2xpki.ota.repository import Repository
from v2xpki.store import Database
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web.base import Opened
from v2xpki.web.checks import answers, open_database, ping
from v2xpki.web.health import Finding
from v2xpki.web.process import RoleSettings

S = TypeVar("S", bound="RepositoryService")
#: Seconds between two looks for what is to be signed anew.
EVERY = 30.0


@dataclass(frozen=True)
class RepositoryService:
    """A repository at work in this process, and what it is made of."""

    instance: Instance
    repository: Repository
    keystore: Keystore
    database: Database
    clock: Clock

    def read(self, name: str) -> bytes | None:
        return self.repository.read(name)

    def tend(self) -> float:
        """Signs anew what is due; the seconds to the next look."""
        self.repository.tend()
        return EVERY

    def close(self) -> None:
        self.keystore.close()
        self.database.close()


class ImageService(RepositoryService):
    """The Image repository, and the desk where operators ask it."""

    @property
    def desk(self) -> ImageDesk:
        """By the policy of provenance as it is now. Raises ConfigError for one that cannot be read; what
        vehicles ask is answered all the same."""
        return image_desk(self.instance, self.repository, self.clock)


def open_image(settings: RoleSettings, clock: Clock | None = None) -> Opened[ImageService]:
    """The Image repository of this instance: it keeps snapshot and timestamp fresh."""
    service = build_repository(ImageService, settings.instance, "image", clock)
    checks = {
        "token": lambda: keys_sign(service.keystore),
        "database": lambda: answers(lambda: ping(service.database)),
        "metadata": lambda: metadata_in_force(service.repository, service.clock),
        "images": lambda: images_there(service.instance),
        "releases": lambda: releases_taken(service),
    }
    return Opened(service, checks, close=service.close, tasks={"tend": service.tend})


def build_repository(kind: type[S], instance: Instance, name: str, clock: Clock | None = None) -> S:
    """One of the two repositories. Raises KeystoreError, StoreError, ConfigError, IssuanceError."""
    clock, domain = clock or SystemClock(), instance.domain(name)
    database = open_database(instance, name, clock)
    keystore = open_token(TokenConfig.of_domain(domain))
    repository = open_repository(instance, name, keystore, database, clock)
    return kind(instance, repository, keystore, database, clock)


def keys_sign(keystore: Keystore) -> Finding:
    """The newest generation of each key is used once, and what it gave is checked."""
    newest: dict[str, KeyLabel] = {}
    for one in keystore.keys():
        newest[one.label.authority] = max(one.label, newest.get(one.label.authority, one.label))
    for label in newest.values():
        keystore.self_test(label)
    where = "in a token" if keystore.opened_for is None else f"in memory, opened for {keystore.opened_for}"
    return Finding(f"{', '.join(map(str, newest.values())) or 'no key'} sign ({where})", ok=bool(newest))


def metadata_in_force(repository: Repository, clock: Clock) -> Finding:
    """Whether clients can go by what is published; a warning where signers have to act, and before the first
    root is."""
    now, states = clock.time32(), repository.roles()
    if not states:
        return Finding("no root is published yet: signing requests wait", warning=True)
    values: list[tuple[str, Mapping[str, str], float]] = [
        ("v2xpki_metadata_seconds_left", {"metadata": one.role}, float(one.expires - now))
        for one in states
    ]  # fmt: skip
    over = [one for one in states if one.expires <= now]
    due = [one for one in states if one.due and one.expires > now]
    told = [f"{one.role} {one.version} expired {iso_from_time32(one.expires)}" for one in over]
    told += [f"{one.role} {one.version} until {iso_from_time32(one.expires)}" for one in due]
    text = "; ".join(told) or ", ".join(f"{one.role} {one.version}" for one in states)
    return Finding(text, ok=not over, warning=bool(due), values=values)


def releases_taken(service: ImageService) -> Finding:
    """Whether releases can be taken; a warning where not, for vehicles miss nothing by it."""
    try:
        _ = service.desk
    except ConfigError as error:
        return Finding(str(error), warning=True)
    if service.instance.provenance_path is None:
        return Finding("no policy of provenance ([ota] provenance): no release is taken", warning=True)
    return Finding("taken")


def images_there(instance: Instance) -> Finding:
    """Whether the images' folder can be read."""
    folder = instance.images_dir
    return Finding(f"in {folder}", ok=folder.is_dir())
