"""How EA and AA are opened in their workers, each from its own domain, and what is checked of them."""

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from v2xpki.authorities.etsi.authorization import AuthorizationAuthority
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.following import FollowedPeers
from v2xpki.authorities.etsi.opening import (
    open_authorization_authority,
    open_butterfly_supply,
    open_enrolment_authority,
)
from v2xpki.authorities.etsi.refresh import SUCCESSOR, TrustRefresh, last_round
from v2xpki.authorities.queue import Job
from v2xpki.config import DomainConfig
from v2xpki.crypto import Certificate
from v2xpki.jobs import InlinePool
from v2xpki.keystore import KeyLabel, Keystore, TokenConfig, open_token
from v2xpki.links.http import HttpEaLink
from v2xpki.links.lists import HttpListSource
from v2xpki.links.unix import SocketEaLink
from v2xpki.store import Database, Statement
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web import logs, metrics
from v2xpki.web.base import Opened
from v2xpki.web.health import Check, Finding
from v2xpki.web.open_dc import answers, open_database
from v2xpki.web.process import RoleSettings

DAY = 86400
#: Rounds in a row that may fail before it is told.
MISSED_ROUNDS = 10
_LAST_JOB = 2.0  # seconds that an ending process gives its job; another process does it again
_LONGEST_CHUNK = 512 * 1024  # octets: a hundred answers of an AA
_ONE = Statement(sa.select(sa.literal_column("1", sa.Integer())))


def open_ea(settings: RoleSettings, clock: Clock | None = None) -> Opened[EnrolmentAuthority]:
    """The enrolment authority of this instance."""
    clock, instance = clock or SystemClock(), settings.instance
    domain = instance.domain("ea")
    database = open_database(instance, "ea", clock)
    keystore = open_token(TokenConfig.of_domain(domain))
    observer = metrics.Answers("ea")
    authority = open_enrolment_authority(instance, keystore, database, clock, observer=observer)
    policy = instance.settings.butterfly
    link = _outward(settings, float(policy.aa_timeout), max_answer=_LONGEST_CHUNK)
    supply = open_butterfly_supply(instance, keystore, database, link, clock, observer=observer)
    closes = [authority.close]
    if supply is not None:
        # In every worker process: what one leaves undone the others find.
        pool = InlinePool(supply, threads=policy.threads, failed=_job_failed)
        pool.start()
        closes = [lambda: pool.close(_LAST_JOB), supply.close, authority.close]
    return Opened(
        authority,
        _checks(domain, keystore, database, clock, settings),
        upkeep=authority.purge,
        close=lambda: [close() for close in closes],
        tasks={"refresh": trust_refresh(settings, domain, clock).round},
    )


def open_aa(settings: RoleSettings, clock: Clock | None = None) -> Opened[AuthorizationAuthority]:
    """The authorization authority; it asks EAs of this house over their sockets, others at their URLs."""
    clock, instance = clock or SystemClock(), settings.instance
    domain = instance.domain("aa")
    link = _outward(settings, float(instance.settings.aa.ea_timeout))
    database = open_database(instance, "aa", clock)
    keystore = open_token(TokenConfig.of_domain(domain))
    authority = open_authorization_authority(
        instance, keystore, database, link, clock, observer=metrics.Answers("aa")
    )
    return Opened(
        authority,
        _checks(domain, keystore, database, clock, settings),
        upkeep=authority.purge,
        close=authority.close,
        tasks={"refresh": trust_refresh(settings, domain, clock).round},
    )


def trust_refresh(settings: RoleSettings, domain: DomainConfig, clock: Clock) -> TrustRefresh:
    """What keeps the domain's trust folder fresh; the distribution centre of this house is asked over its
    socket, others at their URLs."""
    ca_file = settings.instance.tls_files().ca
    source = HttpListSource(routes=settings.dc_routes, ca_file=ca_file if ca_file.exists() else None)
    return TrustRefresh(
        domain.trust_dir,
        source,
        clock,
        interval=int(settings.instance.settings.lists.refresh),
        count=lambda name, outcome: metrics.trust_refreshes.labels(settings.role, name, outcome).inc(),
    )


def _outward(settings: RoleSettings, timeout: float, *, max_answer: int = 65536) -> SocketEaLink:
    ca_file = settings.instance.tls_files().ca
    elsewhere = HttpEaLink(
        timeout=timeout, ca_file=ca_file if ca_file.exists() else None, max_answer=max_answer
    )
    return SocketEaLink(settings.ea_routes, elsewhere, timeout=timeout, max_answer=max_answer)


def _job_failed(job: Job | None, error: Exception) -> None:
    # Tried again; the job's name is the EA's own and says nothing of stations.
    kind = "what is due" if job is None else job.kind
    logs.logger().warning("job failed", job=kind, **logs.describe(error))


def _checks(
    domain: DomainConfig, keystore: Keystore, database: Database, clock: Clock, settings: RoleSettings
) -> Mapping[str, Check]:
    interval = int(settings.instance.settings.lists.refresh)
    certificate = Certificate.parse(domain.certificate_path.read_bytes())
    peers = FollowedPeers(domain.trust_dir, clock)
    return {
        "token": lambda: token_works(keystore, domain.name, domain.generation),
        "database": lambda: answers(lambda: _ping(database)),
        "certificate": lambda: certificate_in_force(certificate, clock),
        "trust": lambda: lists_accepted(peers),
        "refresh": lambda: lists_refreshed(domain.trust_dir, clock, interval),
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


def lists_accepted(peers: FollowedPeers) -> Finding:
    """Whether the lists in the trust folder verify; else the authority knows no other."""
    peers.ea(bytes(8))  # has it look at the files
    return Finding(peers.problem or "CTL and CRL accepted", ok=peers.problem is None)


def lists_refreshed(folder: Path, clock: Clock, interval: int) -> Finding:
    """Whether the lists are being asked for, and are in force; a warning where not: the authority goes on
    with what it has."""
    now, found = clock.time32(), last_round(folder)
    values: list[tuple[str, Mapping[str, str], float]] = [
        ("v2xpki_trust_list_seconds_left", {"list": name}, float(state.next_update - now))
        for name, state in found.lists.items()
        if name != SUCCESSOR
    ]
    if not found.at:
        return Finding("not asked for yet")
    values.append(("v2xpki_trust_refresh_age_seconds", {}, float(now - found.well)))
    failed = [f"{name}: {state.problem}" for name, state in found.lists.items() if state.problem]
    over = [
        f"{name} out of date since {iso_from_time32(state.next_update)}"
        for name, state in found.lists.items()
        if name != SUCCESSOR and state.next_update <= now
    ]
    if now - found.well > MISSED_ROUNDS * interval and not failed:
        failed = [f"nobody has asked for them since {iso_from_time32(found.well)}"]
    warning = bool(over) or now - found.well > MISSED_ROUNDS * interval
    return Finding("; ".join([*over, *failed]) or "asked for, in force", warning=warning, values=values)


def _ping(database: Database) -> None:
    with database.read() as tx:
        tx.row(_ONE)
