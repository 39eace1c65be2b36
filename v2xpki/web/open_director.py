"""How the Director is opened in its workers, and what is checked of it."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from v2xpki.authorities.etsi.followed import FollowedPeers
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidChain
from v2xpki.links.metadata import MetadataSource
from v2xpki.ota.director import Director
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.director_opening import direct, present_generations
from v2xpki.ota.kinds import DIRECTOR
from v2xpki.ota.known_targets import LOOK_EVERY
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.pinned import PinnedRoot
from v2xpki.ota.vehicle_ca_files import vehicle_ca_in_use
from v2xpki.time import Clock
from v2xpki.trust.chain import verify_credential
from v2xpki.web.base import Opened
from v2xpki.web.checks import answers, lists_refreshed, ping
from v2xpki.web.health import Check, Finding
from v2xpki.web.open_ca import lists_accepted, trust_refresh
from v2xpki.web.open_image import RepositoryService, build_repository, keys_sign, metadata_in_force
from v2xpki.web.process import RoleSettings

#: Seconds between two looks at keys, at campaigns.
EVERY = 15.0
_REST = 20  # times as long as a look at the campaigns took
_LOOK_AGAIN = 0.1  # seconds after which changed lists count


class DirectorService:
    """The Director at work in this process, and its repository's shared part: the root. build: a Director
    that signs with these generations of its keys."""

    def __init__(self, shared: RepositoryService, build: Callable[[Mapping[str, int]], Director]) -> None:
        self.shared, self._build = shared, build
        self._keys = OnlineKeys(shared.keystore, DIRECTOR)
        self._generations = self._present()
        self.director = build(self._generations)

    @property
    def instance(self) -> Instance:
        return self.shared.instance

    @property
    def desk(self) -> DirectorDesk:
        """Where operators ask it."""
        return DirectorDesk(self.shared.repository, self.director)

    def follow_keys(self) -> float:
        """Signs with the keys that the newest root names, and with the vehicle CA in use; the
        seconds to the next look."""
        present = self._present()
        if present != self._generations:
            self.director, self._generations = self._build(present), present
        return EVERY

    def finish_campaigns(self) -> float:
        """Ends the campaigns that are done; the seconds to the next look, more after a long one."""
        began = time.monotonic()
        self.director.finish_campaigns()
        return max(EVERY, _REST * (time.monotonic() - began))

    def purge(self) -> int:
        """As Director.purge."""
        return self.director.purge()

    def _present(self) -> dict[str, int]:
        roles = present_generations(self.shared.repository, self._keys)
        folder = self.instance.domain("director").certificates_dir
        return {**roles, "ca": vehicle_ca_in_use(folder, self.shared.clock)[0]}


class FolderCredentials:
    """Which enrolment credentials count: those of EAs that the lists in a trust folder name, unrevoked."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.peers = FollowedPeers(folder, clock, interval=_LOOK_AGAIN)

    def verify_credential(self, certificate: Certificate, at: int) -> None:
        """Raises InvalidChain. at: TAI seconds."""
        issuer = certificate.issuer_id8
        peer = self.peers.ea(issuer) if issuer is not None else None
        if peer is None:
            raise InvalidChain("no list names the EA of the credential", rule="chain")
        if peer.revoked or self.peers.is_revoked(peer.certificate):
            raise InvalidChain(f"EA {peer.certificate.hex8} is revoked", rule="revoked")
        verify_credential(certificate, peer.certificate, at)


class Following:
    """Has the Director know the Image repository's targets, by metadata that it verified itself."""

    def __init__(self, service: DirectorService, source: MetadataSource, pinned: PinnedRoot) -> None:
        self._service, self._source, self._pinned = service, source, pinned
        self._problem = "not asked for yet"

    def round(self) -> float:
        """One look; the seconds to the next one."""
        try:
            root = self._pinned.root(self._source.fetch)
            if root is not None:
                self._service.director.refresh_targets(self._source.fetch, root)
            self._problem = "" if root is not None else "the Image repository has no root yet"
        except Exception as error:
            self._problem = f"{type(error).__name__}: {error}"
            raise
        return LOOK_EVERY

    def finding(self) -> Finding:
        """What the last look came to. A warning at most: vehicles get what was known before."""
        return Finding(self._problem or "followed", warning=bool(self._problem))


def open_director(settings: RoleSettings, clock: Clock | None = None) -> Opened[DirectorService]:
    """The Director of this instance: it follows the Image repository and the lists that say whose enrolment
    credentials count."""
    instance = settings.instance
    shared = build_repository(RepositoryService, instance, "director", clock)
    domain, clock = instance.domain("director"), shared.clock
    credentials = FolderCredentials(domain.trust_dir, clock) if instance.settings.ota.its_aid else None

    def build(generations: Mapping[str, int]) -> Director:
        return direct(instance, shared.keystore, shared.database, clock, generations, credentials)

    service = DirectorService(shared, build)
    ca_file = instance.tls_files().ca
    source = MetadataSource(
        f"{instance.base_url}/ota/image/metadata",
        socket=settings.dc_routes.get(f"{instance.base_url}/ota/image"),
        ca_file=ca_file if ca_file.exists() else None,
    )
    following = Following(service, source, PinnedRoot(domain.trust_dir))
    checks: dict[str, Check] = {
        "token": lambda: keys_sign(shared.keystore),
        "database": lambda: answers(lambda: ping(shared.database)),
        "metadata": lambda: metadata_in_force(shared.repository, clock),
        "targets": following.finding,
    }
    tasks: dict[str, Callable[[], float]] = {
        "tend": shared.tend,
        "keys": service.follow_keys,
        "targets": following.round,
        "campaigns": service.finish_campaigns,
    }
    if credentials is not None:
        peers, interval = credentials.peers, int(instance.settings.lists.refresh)
        checks["trust"] = lambda: lists_accepted(peers)
        checks["refresh"] = lambda: lists_refreshed(domain.trust_dir, clock, interval)
        tasks["refresh"] = trust_refresh(settings, domain, clock).round

    def close() -> None:
        source.close()
        shared.close()

    return Opened(service, checks, upkeep=service.purge, close=close, tasks=tasks)
