"""The sections of v2xpki.toml that say how services work, with their defaults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from v2xpki.config.tables import (
    Seconds,
    check_not_negative,
    check_positive,
    check_roots,
    check_url,
    is_postgresql,
    seconds,
    split_listener,
)
from v2xpki.errors import ConfigError


@dataclass(frozen=True, slots=True)
class EaPolicy:
    """`[ea]`: how the enrolment authority works. What stations get is in the profiles."""

    #: How far a request's generationTime may be from the EA's clock, either way.
    generation_time_window: Seconds = seconds("10 minutes")
    #: How long an answer is kept for the same request sent again; then its row is purged.
    retry_window: Seconds = seconds("1 day")
    #: The profile of a station that is registered without one.
    default_profile: str = "vehicle"
    #: Requests of one station within a day, validations and enrolments apart; 0 = no limit.
    validations_per_day: int = 2000
    enrolments_per_day: int = 50
    #: Roots of other PKIs, by HashedId8 (hex), whose AAs may ask about this EA's stations; "any": all on the
    #: ECTL. Without it nobody's.
    foreign_roots: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_roots(self.foreign_roots)
        check_positive(self, "generation_time_window", "retry_window")
        check_not_negative(self, "validations_per_day", "enrolments_per_day")
        # A repeat that outlives its remembered answer would otherwise be a new request.
        if self.retry_window < 2 * self.generation_time_window:
            raise ConfigError(
                f"retry_window ({self.retry_window} s) is shorter than twice "
                f"generation_time_window ({self.generation_time_window} s): "
                "a repeated request would get a second certificate"
            )


@dataclass(frozen=True, slots=True)
class AaPolicy:
    """`[aa]`: how the authorization authority works."""

    generation_time_window: Seconds = seconds("10 minutes")
    retry_window: Seconds = seconds("1 day")
    #: The time for one validation by the EA; shorter than the worker's own.
    ea_timeout: Seconds = seconds("5 seconds")
    require_proof_of_possession: bool = False
    #: Where an EA is asked, by HashedId8 (hex); an EA without a line is asked at its CTL entry's URL.
    ea_urls: Mapping[str, str] = field(default_factory=dict)
    #: Roots of other PKIs, as for the EA, whose EAs' word counts.
    foreign_roots: tuple[str, ...] = ()
    #: The station profile that bounds what is certified on their word: permissions, validity, preload.
    foreign_profile: str = "vehicle"
    #: Requests of a worker process that may wait for EAs of other PKIs at a time; fewer than serve.threads.
    foreign_calls: int = 4

    def __post_init__(self) -> None:
        check_roots(self.foreign_roots)
        check_positive(self, "foreign_calls")
        check_positive(self, "generation_time_window", "retry_window", "ea_timeout")
        if self.retry_window < 2 * self.generation_time_window:
            raise ConfigError(
                f"retry_window ({self.retry_window} s) is shorter than twice "
                f"generation_time_window ({self.generation_time_window} s): "
                "a repeated request would get a second ticket"
            )
        for url in self.ea_urls.values():
            check_url(url, "ea_urls")


@dataclass(frozen=True, slots=True)
class EcaPolicy:
    """`[eca]`: how the enrolment CA of an SCMS works. What devices get is in the device profiles."""

    #: How far a request's generationTime may be from the ECA's clock, either way.
    generation_time_window: Seconds = seconds("10 minutes")
    #: How long an answer is kept for the same request sent again; then its row is purged.
    retry_window: Seconds = seconds("1 day")
    #: The longest validity of an enrolment certificate, whatever the device's profile says (eca-maxAge).
    max_age: Seconds = seconds("10 years")
    #: Requests of one device within a day, successors among them (eca-maxReqs); 0 = no limit.
    max_requests: int = 10
    #: The CRL series of enrolment certificates.
    crl_series: int = 4
    #: Give certificates to devices that nobody registered, by the proof of their new key alone.
    allow_unregistered: bool = False
    #: What such devices may have.
    unregistered_profile: str = "obe"

    def __post_init__(self) -> None:
        check_positive(self, "generation_time_window", "retry_window", "max_age")
        check_not_negative(self, "max_requests")
        if not 1 <= self.crl_series <= 65535:
            raise ConfigError(f"crl_series ({self.crl_series}) is not within 1 to 65535")
        if self.retry_window < 2 * self.generation_time_window:
            raise ConfigError(
                f"retry_window ({self.retry_window} s) is shorter than twice "
                f"generation_time_window ({self.generation_time_window} s): "
                "a repeated request would get a second certificate"
            )


@dataclass(frozen=True, slots=True)
class ButterflyPolicy:
    """`[butterfly]`: tickets by butterfly key expansion (TS 102 941 6.2.3.5), the EA in the RA's place."""

    enabled: bool = True
    #: Where period 0 starts: TAI seconds since 2004; 2020-01-06T00:00:00Z.
    epoch: int = 505_353_605
    #: A period and what its tickets hold beyond it, to change them in peace. Together no longer than a ticket
    #: may be valid: one week.
    period: Seconds = seconds("167 hours")
    overlap: Seconds = seconds("1 hour")
    #: Tickets of one vehicle for one period, all valid at once.
    certificates: int = 20
    #: How far ahead of now periods are supplied.
    preload: Seconds = seconds("3 weeks")
    #: The AA that certifies, by HashedId8 (hex); without it the newest in force on the root's CTL.
    aa: str = ""
    #: Where an AA takes the EA's requests, by HashedId8; without a line at its access point + "/butterfly".
    aa_urls: Mapping[str, str] = field(default_factory=dict)
    aa_timeout: Seconds = seconds("20 seconds")
    #: Requests of one station within a day; 0 = no limit.
    requests_per_day: int = 5
    #: The AA sees the tickets of at least so many vehicles mixed together, unless one has waited this long.
    mix_vehicles: int = 10
    mix_wait: Seconds = seconds("1 minute")
    #: Vehicles' periods in one job, and requests in one message to the AA.
    batches: int = 50
    messages: int = 50
    #: Threads that work on jobs, in each of the EA's worker processes.
    threads: int = 1

    def __post_init__(self) -> None:
        check_positive(self, "epoch", "period", "certificates", "preload", "aa_timeout", "mix_vehicles")
        check_positive(self, "batches", "messages", "threads")
        check_not_negative(self, "overlap", "requests_per_day", "mix_wait")
        if self.overlap >= self.period:
            raise ConfigError(f"overlap ({self.overlap} s) is not shorter than period ({self.period} s)")
        if self.messages > 100 or self.certificates > 255:
            raise ConfigError("messages is at most 100, certificates at most 255")
        for text in (self.aa, *self.aa_urls) if self.aa else self.aa_urls:
            if not re.fullmatch(r"[0-9A-Fa-f]{16}", text):
                raise ConfigError(f"{text!r} is not a HashedId8 of 16 hex digits")
        for url in self.aa_urls.values():
            check_url(url, "aa_urls")


@dataclass(frozen=True, slots=True)
class ScmsPolicy:
    """`[scms]`: what all components of an SCMS go by (IEEE 1609.2.1 4.3), and how its RA works."""

    #: Where i-period 0 starts: TAI seconds since 2004; 2015-01-06T09:00:00Z, as CAMP's deployments have it.
    epoch: int = 347_619_603
    #: An i-period, and what its certificates hold beyond it.
    period: Seconds = seconds("1 week")
    overlap: Seconds = seconds("1 hour")
    #: Pseudonym certificates of one vehicle for one period (j = 0 ...), all valid at once.
    certificates: int = 20
    #: How far ahead of now periods are supplied, and the most that a request gets (ra-maxPreloadTime).
    preload: Seconds = seconds("3 weeks")
    max_preload: Seconds = seconds("3 years")
    #: The variants that the RA takes (ra-butterflyType).
    butterfly: tuple[str, ...] = ("original", "unified", "compactUnified")
    #: Whether the RA takes requests for implicit certificates; see `[aca] implicit_key` for its ACA.
    implicit: bool = False
    #: How far a request's generationTime may be from the RA's clock, either way.
    generation_time_window: Seconds = seconds("10 minutes")
    #: How long an answer is kept for the same request sent again (ra-maxAge of a request); then it is purged.
    retry_window: Seconds = seconds("1 day")
    #: Certificate requests of one device within a day (ra-maxReqs); 0 = no limit.
    requests_per_day: int = 5
    #: How old a download request may be (download-maxAge).
    download_max_age: Seconds = seconds("10 minutes")
    #: Give files to whoever knows their names, without a signature. What is in them is encrypted to their
    #: devices.
    plain_downloads: bool = False
    #: The ACA sees the certificates of at least so many vehicles mixed together, unless one waited this long.
    mix_vehicles: int = 10
    mix_wait: Seconds = seconds("1 minute")
    #: Vehicles' periods in one job.
    batches: int = 50
    #: Threads that work on jobs, in each of the RA's worker processes.
    threads: int = 1
    #: Time for one call to another component.
    timeout: Seconds = seconds("20 seconds")
    #: Signatures that a first CTL needs, of the electors whose certificates lie in a domain's trust folder;
    #: each CTL says how many the next one needs.
    ctl_quorum: int = 2
    #: Tell devices by HTTP status why they are refused; false: 500 alone, the coarse errors of IEEE 1609.2.1.
    fine_errors: bool = True
    #: Overrides of the shipped kinds of devices (ECA) and of certificates (RA): TOML files, relative to DIR.
    devices: Path | None = None
    kinds: Path | None = None

    def __post_init__(self) -> None:
        check_positive(
            self, "epoch", "period", "certificates", "preload", "max_preload", "mix_vehicles", "batches"
        )
        check_positive(
            self, "generation_time_window", "retry_window", "download_max_age", "threads", "timeout"
        )
        check_positive(self, "ctl_quorum")
        check_not_negative(self, "overlap", "requests_per_day", "mix_wait")
        if self.overlap >= self.period:
            raise ConfigError(f"overlap ({self.overlap} s) is not shorter than period ({self.period} s)")
        if self.certificates > 256:
            raise ConfigError(f"certificates is {self.certificates}; j has 8 bits in a CRL")
        for name in self.butterfly:
            if name not in ("original", "unified", "compactUnified"):
                raise ConfigError(f"butterfly: {name!r} is not original, unified or compactUnified")
        if self.retry_window < 2 * self.generation_time_window:
            raise ConfigError(
                f"retry_window ({self.retry_window} s) is shorter than twice "
                f"generation_time_window ({self.generation_time_window} s): "
                "a repeated request would be a new one"
            )


IMPLICIT_KEYS = ("never", "unwrapped")


@dataclass(frozen=True, slots=True)
class AcaSettings:
    """`[aca]`: what an operator allows the ACA of an SCMS."""

    #: The key for implicit certificates, which no token can make: never: there is none; unwrapped: one that
    #: lies wrapped in the ACA's database, and as a number in the memory of its processes (docs/adr/0011).
    implicit_key: str = "never"

    def __post_init__(self) -> None:
        if self.implicit_key not in IMPLICIT_KEYS:
            raise ConfigError(f"implicit_key {self.implicit_key!r} is not one of {', '.join(IMPLICIT_KEYS)}")


JOB_BACKENDS = ("inline", "procrastinate")


@dataclass(frozen=True, slots=True)
class JobsPolicy:
    """`[jobs]`: who shares out what is done outside of requests. Threads are counted where the work is."""

    #: inline: threads of each worker process find it in their domain's database. procrastinate: a queue on
    #: PostgreSQL, for services on several hosts.
    backend: str = "inline"
    #: procrastinate's PostgreSQL database; without it each domain's own, in a schema beside the domain's.
    url: str = ""

    def __post_init__(self) -> None:
        if self.backend not in JOB_BACKENDS:
            raise ConfigError(f"backend {self.backend!r} is not one of {', '.join(JOB_BACKENDS)}")
        if self.url and self.backend == "inline":
            raise ConfigError('url is read with backend = "procrastinate" alone')
        if self.url and not is_postgresql(self.url):
            raise ConfigError("url leads to no PostgreSQL database", hint="postgresql://HOST/DATABASE")

    def url_for(self, domain: str, database_url: str) -> str:
        """Where the queue of a domain is. Raises ConfigError where that is no PostgreSQL database."""
        url = self.url or database_url
        if not is_postgresql(url):
            raise ConfigError(
                f'[jobs] backend = "procrastinate" needs PostgreSQL, and the database of {domain} is SQLite',
                hint=f"set database_url in [domains.{domain}] or url in [jobs] to a postgresql:// URL, "
                'or leave backend = "inline"',
            )
        return url


@dataclass(frozen=True, slots=True)
class ListPolicy:
    """`[lists]`: how long a signed list holds, and how many are signed ahead in one ceremony."""

    ectl_validity: Seconds = seconds("90 days")
    ctl_validity: Seconds = seconds("30 days")
    crl_validity: Seconds = seconds("30 days")
    #: How long before its predecessor's end a list begins: the time stations have to fetch it.
    overlap: Seconds = seconds("7 days")
    #: Lists in one run, unless --count says otherwise. A laboratory signs one at a time.
    run_length: int = 8
    #: The alarm: this long before the end of the last list that is signed.
    warn_before: Seconds = seconds("60 days")
    #: How often EA and AA ask the distribution centre for the lists that they go by.
    refresh: Seconds = seconds("1 minute")

    def __post_init__(self) -> None:
        check_positive(
            self, "ectl_validity", "ctl_validity", "crl_validity", "run_length", "warn_before", "refresh"
        )
        check_not_negative(self, "overlap")
        if self.run_length > 100:
            raise ConfigError(f"run_length is {self.run_length}, above 100")
        for kind in ("ectl", "ctl", "crl"):
            if self.overlap >= self.validity(kind):
                raise ConfigError(
                    f"overlap ({self.overlap} s) is not shorter than {kind}_validity "
                    f"({self.validity(kind)} s): each list would begin no later than the one before it"
                )
            if self.warn_before >= self.coverage(kind):
                raise ConfigError(
                    f"warn_before ({self.warn_before} s) is not shorter than the {self.coverage(kind)} s "
                    f"that {self.run_length} lists of {kind}_validity cover: the alarm would never be off"
                )

    def validity(self, kind: str) -> int:
        """Seconds that a list of a kind (ectl, ctl, crl) holds."""
        return int({"ectl": self.ectl_validity, "ctl": self.ctl_validity, "crl": self.crl_validity}[kind])

    def coverage(self, kind: str) -> int:
        """Seconds from the beginning of a run to the end of its last list."""
        return (self.run_length - 1) * (self.validity(kind) - self.overlap) + self.validity(kind)

    def alarm(self, kind: str, *, lab: bool) -> int:
        """Seconds before the end of the last signed list at which the alarm goes. A laboratory, which signs
        one list at a time with its tokens at hand, hears of it in the list's last third."""
        return min(int(self.warn_before), self.validity(kind) // 3) if lab else int(self.warn_before)


@dataclass(frozen=True, slots=True)
class ServePolicy:
    """`[serve]`: listeners and workers."""

    http: str = "127.0.0.1:8080"
    https: str = "127.0.0.1:8443"
    admin: str = "127.0.0.1:8444"
    #: Worker processes and threads of each role.
    workers: int = 1
    threads: int = 8
    #: A worker that is silent this long is replaced; longer than aa.ea_timeout.
    worker_timeout: Seconds = seconds("30 seconds")
    keepalive: Seconds = seconds("15 seconds")
    graceful_timeout: Seconds = seconds("10 seconds")
    log_level: str = "info"

    def __post_init__(self) -> None:
        for name in ("http", "https", "admin"):
            split_listener(getattr(self, name), name)
        check_positive(self, "workers", "threads", "worker_timeout", "keepalive", "graceful_timeout")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise ConfigError(f"log_level {self.log_level!r} is not debug, info, warning or error")


@dataclass(frozen=True, slots=True)
class Limits:
    """`[limits]`: what a request may cost."""

    body_octets: int = 65536
    admin_body_octets: int = 8 * 1024 * 1024
    header_octets: int = 16384
    #: Requests of one client address within a minute, held in memory alone; 0 = no limit.
    requests_per_minute: int = 0
    #: The time a client has to send its request.
    read_timeout: Seconds = seconds("10 seconds")

    def __post_init__(self) -> None:
        check_positive(self, "body_octets", "admin_body_octets", "header_octets", "read_timeout")
        check_not_negative(self, "requests_per_minute")


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """`[tls]`: the files of the https and admin listeners, relative to DIR."""

    certificate: Path = Path("tls/server.pem")
    key: Path = Path("tls/server.key")
    #: What outbound calls of the services and of the station trust.
    ca: Path = Path("tls/ca.pem")
    #: Whose client certificates the admin listener accepts.
    client_ca: Path = Path("tls/ca.pem")
    #: What the components of an SCMS trust of each other; each has its DIR/<domain>/internal.pem and .key.
    internal_ca: Path = Path("tls/internal-ca.pem")
