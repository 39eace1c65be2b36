"""How EA and AA are opened in their workers, each from its own domain, and what is checked of them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from v2xpki.authorities.etsi.authorization import AuthorizationAuthority
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.envelope import OwnKeys
from v2xpki.authorities.etsi.followed import FollowedPeers
from v2xpki.authorities.etsi.foreign_refresh import ForeignRefresh
from v2xpki.authorities.etsi.opening import (
    open_authorization_authority,
    open_butterfly_supply,
    open_enrolment_authority,
    open_own_keys,
)
from v2xpki.authorities.etsi.own_generations import GenerationWatch, open_generations
from v2xpki.authorities.etsi.refresh import TrustRefresh
from v2xpki.authorities.rounds import last_round
from v2xpki.config import DomainConfig
from v2xpki.errors import OutOfService
from v2xpki.jobs import open_queue
from v2xpki.keystore import Keystore, TokenConfig, open_token
from v2xpki.links.http import HttpEaLink
from v2xpki.links.lists import HttpListSource
from v2xpki.links.unix import SocketEaLink
from v2xpki.store import Database
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web import metrics
from v2xpki.web.base import Opened
from v2xpki.web.checks import MISSED_ROUNDS, answers, lists_refreshed, open_database, ping, token_works
from v2xpki.web.health import Check, Finding
from v2xpki.web.process import RoleSettings
from v2xpki.web.working import LAST_JOB, job_failed

DAY = 86400
_LONGEST_CHUNK = 512 * 1024  # octets: a hundred answers of an AA
#: Seconds for one call, and octets of one list, of another PKI's distribution centre.
_FOREIGN_TIMEOUT, _FOREIGN_LIST = 5.0, 1 << 20


def open_ea(settings: RoleSettings, clock: Clock | None = None) -> Opened[EnrolmentAuthority]:
    """The enrolment authority of this instance."""
    clock, instance = clock or SystemClock(), settings.instance
    domain = instance.domain("ea")
    database = open_database(instance, "ea", clock)
    keystore = open_token(TokenConfig.of_domain(domain))
    observer = metrics.Answers("ea")
    own = open_own_keys(keystore, domain, database, clock)
    authority = open_enrolment_authority(instance, keystore, database, clock, observer=observer, own=own)
    policy = instance.settings.butterfly
    link = _outward(settings, float(policy.aa_timeout), max_answer=_LONGEST_CHUNK)
    supply = open_butterfly_supply(instance, keystore, database, link, clock, observer=observer, own=own)
    closes = [authority.close]
    if supply is not None:
        # In every worker process: what one leaves undone the others find.
        pool = open_queue(supply, instance.settings.jobs, domain, threads=policy.threads, failed=job_failed)
        pool.start()
        closes = [lambda: pool.close(LAST_JOB), supply.close, authority.close]
    return Opened(
        authority,
        _checks(domain, own, keystore, database, clock, settings),
        upkeep=authority.purge,
        close=lambda: [close() for close in closes],
        tasks=_tasks(settings, own, keystore, database, clock),
    )


def open_aa(settings: RoleSettings, clock: Clock | None = None) -> Opened[AuthorizationAuthority]:
    """The authorization authority; it asks EAs of this house over their sockets, others at their URLs."""
    clock, instance = clock or SystemClock(), settings.instance
    domain = instance.domain("aa")
    link = _outward(settings, float(instance.settings.aa.ea_timeout))
    database = open_database(instance, "aa", clock)
    keystore = open_token(TokenConfig.of_domain(domain))
    own = open_own_keys(keystore, domain, database, clock)
    authority = open_authorization_authority(
        instance, keystore, database, link, clock, observer=metrics.Answers("aa"), own=own
    )
    return Opened(
        authority,
        _checks(domain, own, keystore, database, clock, settings),
        upkeep=authority.purge,
        close=authority.close,
        tasks=_tasks(settings, own, keystore, database, clock),
    )


def _tasks(
    settings: RoleSettings, own: OwnKeys, keystore: Keystore, database: Database, clock: Clock
) -> Mapping[str, Callable[[], float]]:
    """Lists are kept fresh, and what is installed is taken over."""

    def domain() -> DomainConfig:
        return settings.instance.domain(settings.role)  # says anew which generation is the present one

    watch = GenerationWatch(
        own, domain().certificates_dir, lambda: open_generations(keystore, domain(), database, clock)
    )
    return {"refresh": trust_refresh(settings, domain(), clock).round, "generations": watch.round}


def trust_refresh(settings: RoleSettings, domain: DomainConfig, clock: Clock) -> TrustRefresh:
    """What keeps the domain's trust folder fresh; the distribution centre of this house is asked over its
    socket, others at their URLs."""
    ca_file = settings.instance.tls_files().ca
    source = HttpListSource(routes=settings.dc_routes, ca_file=ca_file if ca_file.exists() else None)
    interval = int(settings.instance.settings.lists.refresh)

    def count(name: str, outcome: str) -> None:
        metrics.trust_refreshes.labels(settings.role, name, outcome).inc()

    foreign = ForeignRefresh(
        domain.trust_dir,
        HttpListSource(
            timeout=_FOREIGN_TIMEOUT,
            limit=_FOREIGN_LIST,
            routes=settings.dc_routes,
            ca_file=ca_file if ca_file.exists() else None,
        ),
        clock,
        foreign_roots(settings),
        interval=interval,
        count=count,
    )
    return TrustRefresh(domain.trust_dir, source, clock, interval=interval, count=count, foreign=foreign)


def foreign_roots(settings: RoleSettings) -> tuple[str, ...]:
    """The roots of other PKIs that this role's settings want."""
    policy = settings.instance.settings
    return {"ea": policy.ea.foreign_roots, "aa": policy.aa.foreign_roots}.get(settings.role, ())


def _outward(settings: RoleSettings, timeout: float, *, max_answer: int = 65536) -> SocketEaLink:
    ca_file = settings.instance.tls_files().ca
    elsewhere = HttpEaLink(
        timeout=timeout, ca_file=ca_file if ca_file.exists() else None, max_answer=max_answer
    )
    return SocketEaLink(settings.ea_routes, elsewhere, timeout=timeout, max_answer=max_answer)


def _checks(
    domain: DomainConfig,
    own: OwnKeys,
    keystore: Keystore,
    database: Database,
    clock: Clock,
    settings: RoleSettings,
) -> Mapping[str, Check]:
    interval = int(settings.instance.settings.lists.refresh)
    peers = FollowedPeers(domain.trust_dir, clock, foreign_roots=foreign_roots(settings))
    checks = {
        "token": lambda: token_works(keystore, domain.name, own.generations[0].number),
        "database": lambda: answers(lambda: ping(database)),
        "certificate": lambda: certificates_in_force(own, clock),
        "trust": lambda: lists_accepted(peers),
        "refresh": lambda: lists_refreshed(domain.trust_dir, clock, interval),
    }
    if foreign_roots(settings):
        checks["foreign"] = lambda: foreign_followed(peers, domain.trust_dir, clock, interval)
    return checks


def certificates_in_force(own: OwnKeys, clock: Clock) -> Finding:
    """Whether the authority has a certificate to issue under; a warning in its last month, and where the root
    has revoked one of its generations."""
    now, present = clock.time32(), own.generations[0].certificate
    # of the present one alone: that an older one comes to its end is no alarm
    left = float(present.end - now)
    values = [("v2xpki_certificate_seconds_left", {"certificate": present.hex8}, left)]
    revoked = [one.certificate.hex8 for one in own.generations if own.is_revoked(one)]
    told = [f"{hex8} is revoked by the root" for hex8 in revoked]
    try:
        newest = own.newest().certificate
    except OutOfService as error:
        return Finding("; ".join([*told, f"nothing is issued: {error}"]), ok=False, values=values)
    told.append(f"{newest.hex8} until {iso_from_time32(newest.end)}")
    told += [
        f"requests to {one.certificate.hex8} are answered until {iso_from_time32(one.certificate.end)}"
        for one in own.generations
        if one.certificate != newest and own.in_force(one)
    ]
    return Finding("; ".join(told), warning=bool(revoked) or newest.end - now < 30 * DAY, values=values)


def lists_accepted(peers: FollowedPeers) -> Finding:
    """Whether the lists in the trust folder verify; else the authority knows no other."""
    peers.ea(bytes(8))  # has it look at the files
    return Finding(peers.problem or "CTL and CRL accepted", ok=peers.problem is None)


def foreign_followed(peers: FollowedPeers, folder: Path, clock: Clock, interval: int) -> Finding:
    """Whether the lists of other PKIs' roots come, verify and are in force; a warning where not. Never more:
    what is wrong with another PKI is no fault of this one."""
    peers.ea(bytes(8))  # has it look at the files
    now, found = clock.time32(), last_round(folder).foreign
    problems, values = list(peers.foreign_problems), []
    for name, state in found.items():
        age = now - (state.well or state.since)
        values.append(("v2xpki_foreign_refresh_age_seconds", {"root": name}, float(age)))
        for kind, entry in state.lists.items():
            if entry.next_update:
                labels = {"root": name, "list": kind}
                left = float(entry.next_update - now)
                values.append(("v2xpki_foreign_list_seconds_left", labels, left))
                if left <= 0:
                    problems.append(
                        f"{kind} of {name} out of date since {iso_from_time32(entry.next_update)}"
                    )
        if age > MISSED_ROUNDS * interval:
            said = "; ".join(
                f"{kind}: {entry.problem}" for kind, entry in state.lists.items() if entry.problem
            )
            problems.append(f"root {name} not refreshed for {age} s{f' ({said})' if said else ''}")
    text = "; ".join(problems) or f"{len(found)} roots followed"
    return Finding(text, warning=bool(problems), values=values)
