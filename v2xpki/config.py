"""An instance: a folder with a `v2xpki.toml` and one folder a trust domain.

    DIR/v2xpki.toml
    DIR/<domain>/       0700: softhsm2.conf tokens/ pin <domain>.db certificates/ trust/
    DIR/tls/            ca.pem server.pem server.key operator.pem operator.key
    DIR/run/ DIR/log/ DIR/ceremonies/

The file is strict: a key that nothing reads is an error that names it, since a misspelt limit that is
silently ignored is a limit that is not there. Durations are whole seconds, or text such as
"10 minutes", "7 days", "3 years" (a year is 31556952 s, IEEE 1609.2 6.4.15). Paths are relative to
DIR. No section holds a secret: a PIN is in a file of mode 0600, or in an environment variable.
"""

import dataclasses
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NewType, TypeVar, get_args, get_origin
from urllib.parse import urlsplit

from v2xpki.errors import ConfigError

FILE_NAME = "v2xpki.toml"
#: The file's name while `init` is at work: an instance exists only once all of it is there.
UNFINISHED = FILE_NAME + ".unfinished"
FORMAT = 1
ENV_INSTANCE, ENV_ROLE = "V2XPKI_INSTANCE", "V2XPKI_ROLE"

PROFILES = ("etsi", "scms", "all")
ETSI_DOMAINS = ("root", "tlm", "ea", "aa", "dc")
SCMS_DOMAINS = (
    "scmsroot", "elector1", "elector2", "elector3", "eca", "ra", "aca", "la1", "la2", "ma", "sdc",
)  # fmt: skip
DOMAINS = (*ETSI_DOMAINS, *SCMS_DOMAINS, "ota")
#: Domains whose keys are used in ceremonies alone; `serve` never opens their tokens.
OFFLINE_DOMAINS = ("root", "tlm", "scmsroot", "elector1", "elector2", "elector3")
#: Domains that hold no key.
KEYLESS_DOMAINS = ("dc", "sdc")
EMBEDDED_KEYSTORE = "softhsm2"

Seconds = NewType("Seconds", int)
T = TypeVar("T")

_UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
    "year": 31556952,
}
_WANTED = {str: "a text", int: "a whole number", bool: "true or false"}
_DURATION = re.compile(r"\s*(\d+)\s*([a-z]+?)s?\s*")


def seconds(value: int | str) -> Seconds:
    """Seconds of 600, "10 minutes" or "3 years". Raises ConfigError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Seconds(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _UNITS:
        raise ConfigError(f"{value!r} is no duration", hint='whole seconds, or text such as "10 minutes"')
    return Seconds(int(match[1]) * _UNITS[match[2]])


# --- policy sections -----------------------------------------------------------------------------


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
        _check_roots(self.foreign_roots)
        _positive(self, "generation_time_window", "retry_window")
        _not_negative(self, "validations_per_day", "enrolments_per_day")
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
        _check_roots(self.foreign_roots)
        _positive(self, "foreign_calls")
        _positive(self, "generation_time_window", "retry_window", "ea_timeout")
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
        _positive(self, "generation_time_window", "retry_window", "max_age")
        _not_negative(self, "max_requests")
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
        _positive(self, "epoch", "period", "certificates", "preload", "aa_timeout", "mix_vehicles")
        _positive(self, "batches", "messages", "threads")
        _not_negative(self, "overlap", "requests_per_day", "mix_wait")
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
        _positive(
            self, "epoch", "period", "certificates", "preload", "max_preload", "mix_vehicles", "batches"
        )
        _positive(self, "generation_time_window", "retry_window", "download_max_age", "threads", "timeout")
        _positive(self, "ctl_quorum")
        _not_negative(self, "overlap", "requests_per_day", "mix_wait")
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
        _positive(
            self, "ectl_validity", "ctl_validity", "crl_validity", "run_length", "warn_before", "refresh"
        )
        _not_negative(self, "overlap")
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
        _positive(self, "workers", "threads", "worker_timeout", "keepalive", "graceful_timeout")
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
        _positive(self, "body_octets", "admin_body_octets", "header_octets", "read_timeout")
        _not_negative(self, "requests_per_minute")


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


# --- domains ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DomainSection:
    """`[domains.NAME]`: where a trust domain has its token and database, if not in DIR/NAME."""

    #: A vendor profile: a name in hsm/profiles, or a path.
    keystore: str = EMBEDDED_KEYSTORE
    token_label: str = ""
    pin_file: Path | None = None
    pin_env: str | None = None
    softhsm2_conf: Path | None = None
    database_url: str = ""
    #: The signing key's curve, as `init` made it.
    curve: str = ""
    #: Which generation of its keys signs now; 0: the newest whose certificate is installed.
    generation: int = 0
    #: Of a component of an SCMS: HOST:PORT where it listens beside its unix socket, for those on other hosts.
    listen: str = ""
    #: Where the others find it, https://HOST:PORT; without it at its unix socket.
    url: str = ""

    def __post_init__(self) -> None:
        _not_negative(self, "generation")
        if self.listen:
            split_listener(self.listen, "listen")
        if self.url:
            check_url(self.url, "url")
            if not self.url.startswith("https://"):
                raise ConfigError(
                    f"url {self.url!r}: components of an SCMS speak to each other by https alone"
                )
        if self.pin_file is not None and self.pin_env is not None:
            raise ConfigError("pin_file and pin_env exclude each other")


@dataclass(frozen=True, slots=True)
class DomainConfig:
    """One trust domain with all its paths made absolute."""

    name: str
    directory: Path
    database_url: str
    keystore_profile: str
    token_label: str
    pin_file: Path | None
    pin_env: str | None
    #: None for another vendor's token, which has its configuration elsewhere.
    softhsm2_conf: Path | None
    token_dir: Path
    curve: str
    generation: int
    #: HOST:PORT where it listens beside its socket, and where the others find it; empty for none.
    listen: str = ""
    url: str = ""

    @property
    def certificates_dir(self) -> Path:
        return self.directory / "certificates"

    @property
    def certificate_path(self) -> Path:
        """The certificate of the present generation."""
        return self.certificates_dir / f"{self.name}-{self.generation}.oer"

    @property
    def trust_dir(self) -> Path:
        """tlm.oer, ectl.oer, root.oer, ctl.oer, crl.oer as this domain last accepted them."""
        return self.directory / "trust"

    @property
    def internal_certificate(self) -> Path:
        """With which it speaks to the other components of an SCMS, both ways; its CN is the domain's name."""
        return self.directory / "internal.pem"

    @property
    def internal_key(self) -> Path:
        return self.directory / "internal.key"

    @property
    def has_keys(self) -> bool:
        return self.name not in KEYLESS_DOMAINS

    def environment(self) -> dict[str, str]:
        """What a process of this domain needs in its environment; of no other domain anything."""
        if not self.has_keys or self.softhsm2_conf is None:
            return {}
        return {"SOFTHSM2_CONF": str(self.softhsm2_conf)}


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of v2xpki.toml."""

    format: int = FORMAT
    profile: str = "etsi"
    base_url: str = "http://127.0.0.1:8080"
    #: false: another operator's TLM signs the ECTL that this PKI's root is on; there is no domain tlm here.
    own_tlm: bool = True
    #: The offline domains' tokens stay with the services' (a laboratory); status and /readyz say so.
    lab: bool = False
    #: Overrides of the shipped certificate and station profiles: a TOML file, relative to DIR.
    profiles: Path | None = None
    domains: Mapping[str, DomainSection] = field(default_factory=dict)
    ea: EaPolicy = field(default_factory=EaPolicy)
    aa: AaPolicy = field(default_factory=AaPolicy)
    eca: EcaPolicy = field(default_factory=EcaPolicy)
    butterfly: ButterflyPolicy = field(default_factory=ButterflyPolicy)
    scms: ScmsPolicy = field(default_factory=ScmsPolicy)
    aca: AcaSettings = field(default_factory=AcaSettings)
    jobs: JobsPolicy = field(default_factory=JobsPolicy)
    lists: ListPolicy = field(default_factory=ListPolicy)
    serve: ServePolicy = field(default_factory=ServePolicy)
    limits: Limits = field(default_factory=Limits)
    tls: TlsConfig = field(default_factory=TlsConfig)

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ConfigError(f"format {self.format} is not {FORMAT}", hint="another version made it")
        if self.profile not in PROFILES:
            raise ConfigError(f"profile {self.profile!r} is not one of {', '.join(PROFILES)}")
        check_url(self.base_url, "base_url")
        for name in self.domains:
            if name not in DOMAINS:
                raise ConfigError(f"[domains.{name}] is no trust domain", hint=f"one of {', '.join(DOMAINS)}")
        if not self.own_tlm and "tlm" in self.domains:
            raise ConfigError("[domains.tlm] has no place where own_tlm is false")
        if self.aa.ea_timeout >= self.serve.worker_timeout:
            raise ConfigError(
                f"aa.ea_timeout ({self.aa.ea_timeout} s) is not shorter than serve.worker_timeout "
                f"({self.serve.worker_timeout} s): a slow EA would end the AA's workers"
            )
        if self.aa.foreign_roots and self.aa.foreign_calls >= self.serve.threads:
            raise ConfigError(
                f"aa.foreign_calls ({self.aa.foreign_calls}) is not below serve.threads "
                f"({self.serve.threads}): an EA of another PKI that is dead would stop this AA"
            )

        if self.jobs.backend == "procrastinate":
            for name in self._domains_with_jobs():
                self.jobs.url_for(name, self.domains.get(name, DomainSection()).database_url)

    def _domains_with_jobs(self) -> list[str]:
        ea = self.profile in ("etsi", "all") and self.butterfly.enabled
        return ["ea"] * ea + ["ra"] * (self.profile in ("scms", "all"))

    @classmethod
    def parse(cls, text: str) -> "Settings":
        """Settings of the text of a v2xpki.toml. Raises ConfigError that names the key."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{FILE_NAME}: {error}") from None
        return strict_table(cls, table)


class Instance:
    """An instance folder and its settings. Holds no secret and opens nothing."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.directory = directory
        self.settings = settings

    @classmethod
    def load(cls, directory: Path | str, *, unfinished: bool = False) -> "Instance":
        """The instance in a folder; `unfinished` is for init's own processes. Raises ConfigError."""
        path = Path(directory).absolute()
        name = UNFINISHED if unfinished else FILE_NAME
        try:
            text = (path / name).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            if (path / UNFINISHED).exists():
                raise ConfigError(
                    f"the init of {path} did not finish", hint=f"`v2xpki init {directory}` starts it again"
                ) from None
            raise ConfigError(
                f"{path} holds no {FILE_NAME}", hint=f"`v2xpki init {directory}` creates an instance"
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path / FILE_NAME} is not UTF-8") from None
        try:
            return cls(path, Settings.parse(text))
        except ConfigError as error:
            raise ConfigError(f"{path / FILE_NAME}: {error}", hint=error.hint) from None

    @classmethod
    def from_environment(cls) -> "Instance":
        """The instance that the supervisor named for this process."""
        directory = os.environ.get(ENV_INSTANCE)
        if not directory:
            raise ConfigError(f"{ENV_INSTANCE} is not set")
        return cls.load(directory)

    @property
    def base_url(self) -> str:
        return self.settings.base_url.rstrip("/")

    @property
    def lab(self) -> bool:
        return self.settings.lab

    @property
    def profile(self) -> str:
        return self.settings.profile

    @property
    def has_etsi(self) -> bool:
        return self.profile in ("etsi", "all")

    @property
    def has_scms(self) -> bool:
        return self.profile in ("scms", "all")

    @property
    def domain_names(self) -> tuple[str, ...]:
        etsi = tuple(n for n in ETSI_DOMAINS if n != "tlm" or self.settings.own_tlm)
        return (*(etsi if self.has_etsi else ()), *(SCMS_DOMAINS if self.has_scms else ()))

    @property
    def list_kinds(self) -> tuple[str, ...]:
        """The kinds of list of ETSI's that this instance has signed and hands out."""
        if not self.has_etsi:
            return ()
        return ("ctl", "crl", "ectl") if self.settings.own_tlm else ("ctl", "crl")

    @property
    def run_dir(self) -> Path:
        return self.directory / "run"

    @property
    def log_dir(self) -> Path:
        return self.directory / "log"

    @property
    def ceremonies_dir(self) -> Path:
        return self.directory / "ceremonies"

    def path(self, relative: Path | str) -> Path:
        """A path of the settings: relative ones start at DIR."""
        return self.directory / relative

    @property
    def profiles_path(self) -> Path | None:
        """The operator's own profiles, or None where the shipped ones hold."""
        return self.path(self.settings.profiles) if self.settings.profiles else None

    @property
    def devices_path(self) -> Path | None:
        """The operator's own kinds of devices in an SCMS, or None likewise."""
        return self.path(self.settings.scms.devices) if self.settings.scms.devices else None

    @property
    def kinds_path(self) -> Path | None:
        """The operator's own kinds of certificates in an SCMS, or None likewise."""
        return self.path(self.settings.scms.kinds) if self.settings.scms.kinds else None

    def tls_files(self) -> TlsConfig:
        """The TLS section with absolute paths."""
        tls = self.settings.tls
        return TlsConfig(
            certificate=self.path(tls.certificate),
            key=self.path(tls.key),
            ca=self.path(tls.ca),
            client_ca=self.path(tls.client_ca),
            internal_ca=self.path(tls.internal_ca),
        )

    def domain(self, name: str) -> DomainConfig:
        """One trust domain. Raises ConfigError for a name that this instance has not."""
        if name not in self.domain_names:
            known = ", ".join(self.domain_names)
            raise ConfigError(f"this instance has no domain {name!r}", hint=f"it has {known}")
        section = self.settings.domains.get(name, DomainSection())
        directory = self.directory / name
        pin_file = None if section.pin_env else self.path(section.pin_file or directory / "pin")
        conf = section.softhsm2_conf
        if conf is None and section.keystore == EMBEDDED_KEYSTORE:
            conf = directory / "softhsm2.conf"
        return DomainConfig(
            name=name,
            directory=directory,
            database_url=section.database_url or f"sqlite:///{directory / f'{name}.db'}",
            keystore_profile=section.keystore,
            token_label=section.token_label or f"v2xpki-{name}",
            pin_file=pin_file,
            pin_env=section.pin_env,
            softhsm2_conf=self.path(conf) if conf else None,
            token_dir=directory / "tokens",
            curve=section.curve,
            generation=section.generation or _present_generation(directory / "certificates", name),
            listen=section.listen,
            url=section.url,
        )


def installed_generations(certificates_dir: Path, name: str) -> list[int]:
    """The generations of a domain whose certificates are there, in order."""
    pattern = re.compile(rf"{re.escape(name)}-([1-9]\d{{0,8}})\.oer")
    try:
        names = [path.name for path in certificates_dir.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(match[1]) for match in map(pattern.fullmatch, names) if match)


def _present_generation(certificates_dir: Path, name: str) -> int:
    """A sub-CA signs with the newest that is installed; what signs in ceremonies is named by an operator."""
    if name in OFFLINE_DOMAINS:
        return 1
    return max(installed_generations(certificates_dir, name), default=1)


# --- small checks ------------------------------------------------------------------------------------


def split_listener(text: str, name: str = "listener") -> tuple[str, int]:
    """Host and port of "127.0.0.1:8080" or "[::1]:8080"; port 0 asks the system for one."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{name} {text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def check_url(url: str, name: str) -> None:
    """Raises ConfigError for what is no plain http(s) URL: it ends up in signed lists."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"{name} {url!r} is no http or https URL without query and fragment")
    # CtlCommand's Url is an IA5String (TS 102 941 A.2.7).
    if not url.isascii() or any(character <= " " for character in url):
        raise ConfigError(f"{name} {url!r} is not printable ASCII")


def is_postgresql(url: str) -> bool:
    """Whether a database URL is PostgreSQL's, with or without its driver's name."""
    return urlsplit(url).scheme.partition("+")[0] in ("postgresql", "postgres")


def _check_roots(roots: tuple[str, ...]) -> None:
    for text in roots:
        if text != "any" and not re.fullmatch(r"[0-9A-Fa-f]{16}", text):
            raise ConfigError(f'foreign_roots: {text!r} is neither a HashedId8 of 16 hex digits nor "any"')


def _positive(section: object, *names: str) -> None:
    for name in names:
        if getattr(section, name) < 1:
            raise ConfigError(f"{name} is {getattr(section, name)}, not at least 1")


def _not_negative(section: object, *names: str) -> None:
    for name in names:
        if getattr(section, name) < 0:
            raise ConfigError(f"{name} is {getattr(section, name)}, below 0")


# --- strict tables -------------------------------------------------------------------------------------


def strict_table(cls: type[T], table: Mapping[str, Any], where: str = "") -> T:
    """A dataclass of a parsed table (TOML, YAML): unknown keys, missing ones and wrong types refused by name.

    Understands str, int, bool, Path, Seconds, X | None, Mapping[str, X], tuple[X, ...] and dataclasses.
    Raises ConfigError.
    """
    hints = typing.get_type_hints(cls)
    known = dataclasses.fields(cls)  # type: ignore[arg-type]
    names = {entry.name for entry in known}
    for key in table:
        if key not in names:
            raise ConfigError(f"unknown key {where}{key}", hint=f"known here: {', '.join(sorted(names))}")
    for entry in known:
        bare = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        if bare and entry.name not in table:
            raise ConfigError(f"{where}{entry.name} is missing")
    values = {key: _value(hints[key], value, f"{where}{key}") for key, value in table.items()}
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}", hint=error.hint) from None


def _value(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(member for member in get_args(kind) if member is not type(None))
    if kind is Seconds:
        try:
            return seconds(value)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}", hint=error.hint) from None
    if get_origin(kind) is Mapping:
        _expect(isinstance(value, dict), where, "a table", value)
        return {key: _value(get_args(kind)[1], entry, f"{where}.{key}") for key, entry in value.items()}
    if get_origin(kind) is tuple:
        _expect(isinstance(value, list), where, "a list", value)
        return tuple(_value(get_args(kind)[0], entry, f"{where}[{n}]") for n, entry in enumerate(value))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        _expect(isinstance(value, dict), where, "a table", value)
        section: type[Any] = kind
        return strict_table(section, value, f"{where}.")
    if kind is Path:
        _expect(isinstance(value, str) and bool(value), where, "a path", value)
        return Path(value)
    # bool is an int to Python, but not to an operator.
    _expect(type(value) is kind, where, _WANTED[kind], value)
    return value


def _expect(holds: bool, where: str, wanted: str, value: object) -> None:
    if not holds:
        raise ConfigError(f"{where} is {value!r}, not {wanted}")
