"""How EA and AA are opened in their workers, each from its own domain, and what is checked of them."""

from collections.abc import Mapping

import sqlalchemy as sa

from v2xpki.authorities.etsi.authorization import AuthorizationAuthority
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.opening import open_authorization_authority, open_enrolment_authority
from v2xpki.authorities.etsi.peers import TrustFolder
from v2xpki.config import DomainConfig
from v2xpki.crypto import Certificate
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


def open_ea(settings: RoleSettings, clock: Clock | None = None) -> Opened[EnrolmentAuthority]:
    """The enrolment authority of this instance."""
    clock, instance = clock or SystemClock(), settings.instance
    domain = instance.domain("ea")
    database = open_database(instance, "ea", clock)
    keystore = open_token(TokenConfig.of_domain(domain))
    authority = open_enrolment_authority(instance, keystore, database, clock, observer=metrics.Answers("ea"))
    checks = _checks(domain, keystore, database, clock)
    return Opened(authority, checks, upkeep=authority.purge, close=authority.close)


def open_aa(settings: RoleSettings, clock: Clock | None = None) -> Opened[AuthorizationAuthority]:
    """The authorization authority; it asks EAs of this house over their sockets, others at their URLs."""
    clock, instance = clock or SystemClock(), settings.instance
    domain = instance.domain("aa")
    timeout = float(instance.settings.aa.ea_timeout)
    ca_file = instance.tls_files().ca
    outward = HttpEaLink(timeout=timeout, ca_file=ca_file if ca_file.exists() else None)
    link = SocketEaLink(settings.ea_routes, outward, timeout=timeout)
    database = open_database(instance, "aa", clock)
    keystore = open_token(TokenConfig.of_domain(domain))
    authority = open_authorization_authority(
        instance, keystore, database, link, clock, observer=metrics.Answers("aa")
    )
    checks = _checks(domain, keystore, database, clock)
    return Opened(authority, checks, upkeep=authority.purge, close=authority.close)


def _checks(
    domain: DomainConfig, keystore: Keystore, database: Database, clock: Clock
) -> Mapping[str, Check]:
    certificate = Certificate.parse(domain.certificate_path.read_bytes())
    peers = TrustFolder(domain.trust_dir, clock)
    return {
        "token": lambda: token_works(keystore, domain.name, domain.generation),
        "database": lambda: answers(lambda: _ping(database)),
        "certificate": lambda: certificate_in_force(certificate, clock),
        "trust": lambda: lists_accepted(peers),
    }


def token_works(keystore: Keystore, name: str, generation: int) -> Finding:
    """Both keys are used once, and what they gave is checked with their public keys."""
    keystore.self_test(KeyLabel(name, "sign", generation))
    keystore.self_test(KeyLabel(name, "encrypt", generation))
    where = "in a token" if keystore.opened_for is None else f"in memory, opened for {keystore.opened_for}"
    return Finding(f"signs and agrees ({where})")


def certificate_in_force(certificate: Certificate, clock: Clock) -> Finding:
    """Whether the authority's own certificate is valid now; a warning in its last month."""
    now = clock.time32()
    left = certificate.end - now
    values = [("v2xpki_certificate_seconds_left", {"certificate": certificate.hex8}, float(left))]
    text = f"{certificate.hex8} until {iso_from_time32(certificate.end)}"
    in_force = certificate.start <= now < certificate.end
    return Finding(text, ok=in_force, warning=in_force and left < 30 * DAY, values=values)


def lists_accepted(peers: TrustFolder) -> Finding:
    """Whether the lists in the trust folder verify; else the authority knows no other."""
    peers.ea(bytes(8))  # has it look at the files
    return Finding(peers.problem or "CTL and CRL accepted", ok=peers.problem is None)


def _ping(database: Database) -> None:
    with database.read() as tx:
        tx.row(_ONE)
