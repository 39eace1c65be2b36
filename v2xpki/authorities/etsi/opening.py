"""An EA or AA put together from its domain's configuration, in the process that serves it.

    own = open_own_keys(keystore, domain, database, clock)
    ea = open_enrolment_authority(instance, keystore, database, clock, own=own, observer=observer)

The keystore, the database and the clock are the caller's: it has their health to watch, and their end.
"""

from v2xpki.authorities.etsi.authorization import AuthorizationAuthority, EaLink
from v2xpki.authorities.etsi.butterfly_aa import ButterflyIssuing
from v2xpki.authorities.etsi.butterfly_ra import ButterflyRegistration
from v2xpki.authorities.etsi.butterfly_supply import AaLink, ButterflySupply
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.envelope import OwnKeys
from v2xpki.authorities.etsi.followed import FollowedPeers
from v2xpki.authorities.etsi.observer import Observer
from v2xpki.authorities.etsi.own_generations import open_generations
from v2xpki.config import DomainConfig, Instance
from v2xpki.issuance import recover
from v2xpki.keystore import Keystore
from v2xpki.store import Database
from v2xpki.time import Clock
from v2xpki.trust.profiles import Profiles

#: Seconds after which changed lists count at the latest: nothing beside what their way here takes.
LOOK_AGAIN = 0.1


def open_own_keys(keystore: Keystore, domain: DomainConfig, database: Database, clock: Clock) -> OwnKeys:
    """The generations of an EA or AA, which goes out of service by the CRL in its trust folder. Errors as
    open_generations."""
    peers = FollowedPeers(domain.trust_dir, clock, interval=LOOK_AGAIN)
    return OwnKeys(open_generations(keystore, domain, database, clock), clock, peers.is_revoked)


def open_enrolment_authority(
    instance: Instance,
    keystore: Keystore,
    database: Database,
    clock: Clock,
    *,
    observer: Observer | None = None,
    profiles: Profiles | None = None,
    own: OwnKeys | None = None,
) -> EnrolmentAuthority:
    """The instance's EA. own: its generations, where the caller watches them. profiles: by default the
    instance's. What dead processes left open
    is voided first. Errors as open_own_keys."""
    domain, settings = instance.domain("ea"), instance.settings
    own = own or open_own_keys(keystore, domain, database, clock)
    recover(database)
    peers = FollowedPeers(
        domain.trust_dir, clock, interval=LOOK_AGAIN, foreign_roots=settings.ea.foreign_roots
    )
    butterfly = None
    if settings.butterfly.enabled:
        butterfly = ButterflyRegistration(
            own=own,
            database=database,
            peers=peers,
            clock=clock,
            policy=settings.butterfly,
            ea_policy=settings.ea,
            profiles=profiles or Profiles.load(instance.profiles_path),
            observer=observer,
        )
    return EnrolmentAuthority(
        own=own,
        database=database,
        peers=peers,
        clock=clock,
        policy=settings.ea,
        profiles=profiles or Profiles.load(instance.profiles_path),
        observer=observer,
        butterfly=butterfly,
    )


def open_butterfly_supply(
    instance: Instance,
    keystore: Keystore,
    database: Database,
    link: AaLink,
    clock: Clock,
    *,
    observer: Observer | None = None,
    profiles: Profiles | None = None,
    own: OwnKeys | None = None,
) -> ButterflySupply | None:
    """The work that the instance's EA has with butterfly requests, for a queue of `v2xpki.jobs`; None
    where they are switched off. Otherwise as open_enrolment_authority."""
    settings, domain = instance.settings, instance.domain("ea")
    if not settings.butterfly.enabled:
        return None
    return ButterflySupply(
        own=own or open_own_keys(keystore, domain, database, clock),
        database=database,
        peers=FollowedPeers(domain.trust_dir, clock, interval=LOOK_AGAIN),
        link=link,
        clock=clock,
        policy=settings.butterfly,
        ea_policy=settings.ea,
        profiles=profiles or Profiles.load(instance.profiles_path),
        observer=observer,
    )


def open_authorization_authority(
    instance: Instance,
    keystore: Keystore,
    database: Database,
    link: EaLink,
    clock: Clock,
    *,
    observer: Observer | None = None,
    profiles: Profiles | None = None,
    own: OwnKeys | None = None,
) -> AuthorizationAuthority:
    """The instance's AA, which asks EAs over `link`; otherwise as open_enrolment_authority."""
    domain, settings = instance.domain("aa"), instance.settings
    own = own or open_own_keys(keystore, domain, database, clock)
    recover(database)
    peers = FollowedPeers(
        domain.trust_dir, clock, interval=LOOK_AGAIN, foreign_roots=settings.aa.foreign_roots
    )
    butterfly = None
    if settings.butterfly.enabled:
        butterfly = ButterflyIssuing(
            own=own,
            database=database,
            peers=peers,
            clock=clock,
            policy=settings.aa,
            profiles=profiles or Profiles.load(instance.profiles_path),
            observer=observer,
        )
    return AuthorizationAuthority(
        own=own,
        database=database,
        peers=peers,
        link=link,
        clock=clock,
        policy=settings.aa,
        profiles=profiles or Profiles.load(instance.profiles_path),
        observer=observer,
        butterfly=butterfly,
    )
