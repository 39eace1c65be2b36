"""An EA or AA put together from its domain's configuration, in the process that serves it.

    own, label = open_own_keys(keystore, domain)
    ea = open_enrolment_authority(instance, keystore, database, clock, observer)

The keystore, the database and the clock are the caller's: it has their health to watch, and their end.
"""

from v2xpki.authorities.etsi.authorization import AuthorizationAuthority, EaLink
from v2xpki.authorities.etsi.butterfly_aa import ButterflyIssuing
from v2xpki.authorities.etsi.butterfly_ra import ButterflyRegistration
from v2xpki.authorities.etsi.butterfly_supply import AaLink, ButterflySupply
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.authorities.etsi.following import FollowedPeers
from v2xpki.authorities.etsi.observer import Observer
from v2xpki.config import DomainConfig, Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, KeyNotFound
from v2xpki.issuance import Issuer, recover
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.store import Database
from v2xpki.time import Clock
from v2xpki.trust.profiles import Profiles

#: Seconds after which changed lists count at the latest: nothing beside what their way here takes.
LOOK_AGAIN = 0.1


def open_own_keys(keystore: Keystore, domain: DomainConfig) -> tuple[OwnKeys, KeyLabel]:
    """The certificates of an EA or AA with their keys' handles, and the label of its signing key now.

    Earlier generations count as long as their certificate and their encryption key are still there. Raises
    ConfigError without a certificate, KeystoreError without its keys, KeyRefused where they do not fit.
    """
    label = KeyLabel(domain.name, "sign", domain.generation)
    current = _generation(keystore, domain, domain.generation)
    if current is None:
        raise ConfigError(f"no certificate {domain.certificate_path}", hint="`v2xpki init` makes it")
    retired = []
    for number in range(1, domain.generation):
        try:
            older = _generation(keystore, domain, number)
        except KeyNotFound:
            continue
        if older is not None:
            retired.append(older)
    return OwnKeys(current, keystore.responder(label, current.certificate), retired), label


def _generation(keystore: Keystore, domain: DomainConfig, number: int) -> Generation | None:
    path = domain.certificates_dir / f"{domain.name}-{number}.oer"
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        return None
    certificate, agreer = (
        Certificate.parse(octets),
        keystore.agreer(KeyLabel(domain.name, "encrypt", number)),
    )
    if certificate.encryption_key != agreer.public_key:
        raise ConfigError(f"{path} is not of the encryption key {domain.name}-encrypt-{number}")
    return Generation(certificate, agreer)


def open_enrolment_authority(
    instance: Instance,
    keystore: Keystore,
    database: Database,
    clock: Clock,
    *,
    observer: Observer | None = None,
    profiles: Profiles | None = None,
) -> EnrolmentAuthority:
    """The instance's EA. What dead processes left open is voided first. Errors as open_own_keys."""
    domain, settings = instance.domain("ea"), instance.settings
    own, label = open_own_keys(keystore, domain)
    recover(database)
    peers = FollowedPeers(domain.trust_dir, clock, interval=LOOK_AGAIN)
    butterfly = None
    if settings.butterfly.enabled:
        butterfly = ButterflyRegistration(
            own=own,
            database=database,
            peers=peers,
            clock=clock,
            policy=settings.butterfly,
            ea_policy=settings.ea,
            profiles=profiles,
            observer=observer,
        )
    return EnrolmentAuthority(
        own=own,
        issuer=Issuer.open(keystore, label, own.certificate, database, clock),
        database=database,
        peers=peers,
        clock=clock,
        policy=settings.ea,
        profiles=profiles,
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
) -> ButterflySupply | None:
    """The work that the instance's EA has with butterfly requests, for a queue of `v2xpki.jobs`; None
    where they are switched off. Otherwise as open_enrolment_authority."""
    settings, domain = instance.settings, instance.domain("ea")
    if not settings.butterfly.enabled:
        return None
    return ButterflySupply(
        own=open_own_keys(keystore, domain)[0],
        database=database,
        peers=FollowedPeers(domain.trust_dir, clock, interval=LOOK_AGAIN),
        link=link,
        clock=clock,
        policy=settings.butterfly,
        ea_policy=settings.ea,
        profiles=profiles,
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
) -> AuthorizationAuthority:
    """The instance's AA, which asks EAs over `link`; otherwise as open_enrolment_authority."""
    domain, settings = instance.domain("aa"), instance.settings
    own, label = open_own_keys(keystore, domain)
    recover(database)
    issuer = Issuer.open(keystore, label, own.certificate, database, clock)
    peers = FollowedPeers(domain.trust_dir, clock, interval=LOOK_AGAIN)
    butterfly = None
    if settings.butterfly.enabled:
        butterfly = ButterflyIssuing(
            own=own,
            issuer=issuer,
            database=database,
            peers=peers,
            clock=clock,
            policy=settings.aa,
            profiles=profiles,
            observer=observer,
        )
    return AuthorizationAuthority(
        own=own,
        issuer=issuer,
        database=database,
        peers=peers,
        link=link,
        clock=clock,
        policy=settings.aa,
        profiles=profiles,
        observer=observer,
        butterfly=butterfly,
    )
