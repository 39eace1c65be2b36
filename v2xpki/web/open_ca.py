"""How EA and AA are opened in their workers: each its own database, token and certificates, no other's."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from v2xpki.authorities.etsi.authorization import AuthorizationAuthority
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.authorities.etsi.peers import TrustFolder
from v2xpki.config import DomainConfig, Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, KeyNotFound
from v2xpki.issuance import Issuer, recover
from v2xpki.keystore import KeyLabel, Keystore, TokenConfig, open_token
from v2xpki.links.http import HttpEaLink
from v2xpki.links.unix import SocketEaLink
from v2xpki.store import Database, Statement
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web import metrics
from v2xpki.web.base import Opened
from v2xpki.web.health import Check, Finding
from v2xpki.web.open_dc import answers, open_database
from v2xpki.web.process import RoleSettings

DAY = 86400
_ONE = Statement(sa.select(sa.literal_column("1", sa.Integer())))


@dataclass(frozen=True)
class _House:
    """What an EA and an AA have alike."""

    domain: DomainConfig
    database: Database
    keystore: Keystore
    own: OwnKeys
    issuer: Issuer
    peers: TrustFolder
    checks: Mapping[str, Check]


def open_ea(settings: RoleSettings, clock: Clock | None = None) -> Opened[EnrolmentAuthority]:
    """The enrolment authority of this instance."""
    clock = clock or SystemClock()
    house = _open_house(settings.instance, "ea", clock)
    authority = EnrolmentAuthority(
        own=house.own,
        issuer=house.issuer,
        database=house.database,
        peers=house.peers,
        clock=clock,
        policy=settings.instance.settings.ea,
        observer=metrics.Answers("ea"),
    )
    return Opened(authority, house.checks, authority.purge)


def open_aa(settings: RoleSettings, clock: Clock | None = None) -> Opened[AuthorizationAuthority]:
    """The authorization authority; it asks EAs of this house over their sockets, others at their URLs."""
    clock = clock or SystemClock()
    instance = settings.instance
    house = _open_house(instance, "aa", clock)
    policy = instance.settings.aa
    ca_file = instance.tls_files().ca
    outward = HttpEaLink(timeout=float(policy.ea_timeout), ca_file=ca_file if ca_file.exists() else None)
    authority = AuthorizationAuthority(
        own=house.own,
        issuer=house.issuer,
        database=house.database,
        peers=house.peers,
        link=SocketEaLink(settings.ea_routes, outward, timeout=float(policy.ea_timeout)),
        clock=clock,
        policy=policy,
        observer=metrics.Answers("aa"),
    )
    return Opened(authority, house.checks, authority.purge)


def _open_house(instance: Instance, name: str, clock: Clock) -> _House:
    domain = instance.domain(name)
    certificate = _certificate(domain, domain.generation)
    database = open_database(instance, name, clock)
    keystore = open_token(
        TokenConfig(
            profile=domain.keystore_profile,
            token_label=domain.token_label,
            pin_file=domain.pin_file,
            pin_env=domain.pin_env,
            softhsm2_conf=domain.softhsm2_conf,
            token_dir=domain.token_dir,
        )
    )
    sign = KeyLabel(name, "sign", domain.generation)
    issuer = Issuer.open(keystore, sign, certificate, database, clock)
    # What a dead worker left open is voided or finished before anything new is signed.
    recover(database, issuer=certificate)
    peers = TrustFolder(domain.trust_dir, clock)
    checks: dict[str, Check] = {
        "token": lambda: token_works(keystore, name, domain.generation),
        "database": lambda: answers(lambda: _ping(database)),
        "certificate": lambda: certificate_in_force(certificate, clock),
        "trust": lambda: lists_accepted(peers),
    }
    return _House(domain, database, keystore, _own_keys(domain, keystore, certificate), issuer, peers, checks)


def _certificate(domain: DomainConfig, generation: int) -> Certificate:
    path = domain.certificates_dir / f"{domain.name}-{generation}.oer"
    try:
        return Certificate.parse(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            f"{path} is missing", hint="`v2xpki init`, or `ca install`, puts it there"
        ) from None


def _own_keys(domain: DomainConfig, keystore: Keystore, certificate: Certificate) -> OwnKeys:
    current, retired = domain.generation, []
    for generation in range(1, current):
        # An older generation answers "not the recipient" while its key and certificate are still there.
        try:
            older = _certificate(domain, generation)
            retired.append(Generation(older, keystore.agreer(KeyLabel(domain.name, "encrypt", generation))))
        except (ConfigError, KeyNotFound):
            continue
    return OwnKeys(
        Generation(certificate, keystore.agreer(KeyLabel(domain.name, "encrypt", current))),
        keystore.responder(KeyLabel(domain.name, "sign", current), certificate),
        retired,
    )


def token_works(keystore: Keystore, name: str, generation: int) -> Finding:
    """Both keys are used once, and what they gave is checked with their public keys."""
    keystore.self_test(KeyLabel(name, "sign", generation))
    keystore.self_test(KeyLabel(name, "encrypt", generation))
    where = "in a token" if keystore.opened_for is None else f"in memory, opened for {keystore.opened_for}"
    return Finding(f"signs and agrees ({where})")


def certificate_in_force(certificate: Certificate, clock: Clock) -> Finding:
    """Whether the authority's own certificate is valid now; a warning in its last month."""
    left = certificate.end - clock.time32()
    values = [("v2xpki_certificate_seconds_left", {"certificate": certificate.hex8}, float(left))]
    text = f"{certificate.hex8} until {iso_from_time32(certificate.end)}"
    in_force = certificate.start <= clock.time32() < certificate.end
    return Finding(text, ok=in_force, warning=in_force and left < 30 * DAY, values=values)


def lists_accepted(peers: TrustFolder) -> Finding:
    """Whether the lists in the trust folder verify; else the authority knows no other."""
    peers.ea(bytes(8))  # has it look at the files
    return Finding(peers.problem or "CTL and CRL accepted", ok=peers.problem is None)


def _ping(database: Database) -> None:
    with database.read() as tx:
        tx.row(_ONE)
