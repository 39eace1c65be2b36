"""Domains, the whole of v2xpki.toml, and an instance: the folder that it lies in."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from v2xpki.config.ota import OtaPolicy
from v2xpki.config.policies import (
    AaPolicy,
    AcaSettings,
    ButterflyPolicy,
    EaPolicy,
    EcaPolicy,
    JobsPolicy,
    Limits,
    ListPolicy,
    ScmsPolicy,
    ServePolicy,
    TlsConfig,
)
from v2xpki.config.tables import check_not_negative, check_url, split_listener, strict_table
from v2xpki.errors import ConfigError

FILE_NAME = "v2xpki.toml"
#: The file's name while `init` is at work: an instance exists only once all of it is there.
UNFINISHED = FILE_NAME + ".unfinished"
FORMAT = 1
ENV_INSTANCE, ENV_ROLE = "V2XPKI_INSTANCE", "V2XPKI_ROLE"

#: What an instance may be made of, alone, joined as in "etsi+ota", or all of it.
PARTS = ("etsi", "scms", "ota")
PROFILES = (*PARTS, "all")
#: The profile of an instance that holds one signer's keys for offline roles, and nothing else.
SIGNER_PROFILE = "signer"
ETSI_DOMAINS = ("root", "tlm", "ea", "aa", "dc")
SCMS_DOMAINS = (
    "scmsroot", "elector1", "elector2", "elector3", "eca", "ra", "aca", "la1", "la2", "ma", "sdc",
)  # fmt: skip
#: Two, for a stolen Director must not have a key of the Image repository.
OTA_DOMAINS = ("image", "director")
SIGNER_DOMAINS = ("signer",)
DOMAINS = (*ETSI_DOMAINS, *SCMS_DOMAINS, *OTA_DOMAINS, *SIGNER_DOMAINS)
#: Domains whose keys are used in ceremonies alone; `serve` never opens their tokens.
OFFLINE_DOMAINS = ("root", "tlm", "scmsroot", "elector1", "elector2", "elector3", "signer")
#: Domains that hold no key.
KEYLESS_DOMAINS = ("dc", "sdc")
EMBEDDED_KEYSTORE = "softhsm2"


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
        check_not_negative(self, "generation")
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
    ota: OtaPolicy = field(default_factory=OtaPolicy)
    jobs: JobsPolicy = field(default_factory=JobsPolicy)
    lists: ListPolicy = field(default_factory=ListPolicy)
    serve: ServePolicy = field(default_factory=ServePolicy)
    limits: Limits = field(default_factory=Limits)
    tls: TlsConfig = field(default_factory=TlsConfig)

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ConfigError(f"format {self.format} is not {FORMAT}", hint="another version made it")
        parts_of(self.profile)
        check_url(self.base_url, "base_url")
        for name in self.domains:
            if name not in DOMAINS:
                raise ConfigError(f"[domains.{name}] is no trust domain", hint=f"one of {', '.join(DOMAINS)}")
        for name, section in self.domains.items():
            if section.listen and name not in SCMS_DOMAINS:
                # what comes over a role's unix socket is believed to come from this house
                raise ConfigError(
                    f"[domains.{name}] listen: only components of an SCMS, which speak TLS, may",
                    hint="[serve] has the listeners of all others",
                )
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
        parts = parts_of(self.profile)
        return ["ea"] * (parts.etsi and self.butterfly.enabled) + ["ra"] * parts.scms

    @classmethod
    def parse(cls, text: str) -> "Settings":
        """Settings of the text of a v2xpki.toml. Raises ConfigError that names the key."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{FILE_NAME}: {error}") from None
        return strict_table(cls, table)


@dataclass(frozen=True, slots=True)
class Parts:
    """What an instance is made of."""

    etsi: bool = False
    scms: bool = False
    ota: bool = False

    def domains(self, *, own_tlm: bool) -> tuple[str, ...]:
        """Their trust domains. own_tlm: the TLM is not another operator's."""
        etsi = tuple(name for name in ETSI_DOMAINS if name != "tlm" or own_tlm)
        return (
            *(etsi if self.etsi else ()),
            *(SCMS_DOMAINS if self.scms else ()),
            *(OTA_DOMAINS if self.ota else ()),
        )


def parts_of(profile: str) -> Parts:
    """What a profile is made of; a signer's is made of none. Raises ConfigError."""
    if profile == SIGNER_PROFILE:
        return Parts()
    parts = PARTS if profile == "all" else tuple(profile.split("+"))
    if len(set(parts)) != len(parts) or not set(parts) <= set(PARTS):
        raise ConfigError(
            f"profile {profile!r} is not one of {', '.join(PARTS)} or all",
            hint='nor some of them joined, as "etsi+ota"',
        )
    return Parts(**dict.fromkeys(parts, True))


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
    def parts(self) -> Parts:
        return parts_of(self.profile)

    @property
    def has_etsi(self) -> bool:
        return self.parts.etsi

    @property
    def has_scms(self) -> bool:
        return self.parts.scms

    @property
    def has_ota(self) -> bool:
        return self.parts.ota

    @property
    def domain_names(self) -> tuple[str, ...]:
        if self.profile == SIGNER_PROFILE:
            return SIGNER_DOMAINS
        return self.parts.domains(own_tlm=self.settings.own_tlm)

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

    @property
    def provenance_path(self) -> Path | None:
        """The OEM's policy of provenance, or None where no release is taken."""
        return self.path(self.settings.ota.provenance) if self.settings.ota.provenance else None

    @property
    def images_dir(self) -> Path:
        """Where images lie as they are handed out: <hardware id>/<name>/<version>/<SHA-256>.<file>."""
        return self.path(self.settings.ota.storage or "image/targets")

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
