"""What `init` is asked for: which parts, with which curves and databases, and the settings that follow."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from v2xpki.authorities.etsi.foreign_tlm import ForeignTlm
from v2xpki.authorities.scms import bootstrap as scms
from v2xpki.config import (
    FORMAT,
    KEYLESS_DOMAINS,
    OTA_DOMAINS,
    SCMS_DOMAINS,
    Instance,
    Parts,
    Settings,
    parts_of,
)
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError, UnsupportedAlgorithm
from v2xpki.time import Clock

DEFAULT_CURVES: Mapping[str, str] = {
    "tlm": "brainpoolP384r1",
    "root": "brainpoolP384r1",
    "ea": "nistP256",
    "aa": "nistP256",
}
_SCMS_CURVE = Curve.NIST_P256.text  # butterfly keys are on no other, nor are the recorded deployments
_METADATA_CURVES = (Curve.NIST_P256, Curve.NIST_P384)  # TUF has no scheme for others
FOLDERS = ("tls", "run", "log", "ceremonies")
PROFILES_FILE = "profiles.toml"
_ALIASES = {"rca": "root"}

# ceremony -> those that must be done before it; one domain's run one after the other
ETSI_CEREMONIES: Mapping[str, tuple[str, ...]] = {
    "tlm": (),
    "root": (),
    "ea-request": (),
    "aa-request": (),
    "ea": ("root", "ea-request"),
    "aa": ("aa-request", "ea"),
    "ectl": ("tlm", "root"),
    "ctl": ("aa",),
    "crl": ("ctl",),
}


class Part(Protocol):
    """What another room of the house makes of an instance: the domains that deliver firmware."""

    @property
    def preload(self) -> str:
        """The module that its processes have from the start."""
        ...

    @property
    def folders(self) -> tuple[str, ...]:
        """What it makes in DIR beside its domains."""
        ...

    @property
    def operators(self) -> tuple[str, ...]:
        """Who gets a client certificate of the laboratory's beside the operator."""
        ...

    def settings_lines(self) -> list[str]:
        """Its section of v2xpki.toml."""
        ...

    def make(self, instance: Instance, clock: Clock, progress: Callable[[str], None]) -> None:
        """Its tokens, databases and keys. The folders of its domains are there, and so is all that the
        others make."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What `init` is asked for."""

    directory: Path
    base_url: str = "http://127.0.0.1:8080"
    profile: str = "etsi"
    lab: bool = False
    curves: Mapping[str, str] = field(default_factory=dict)
    #: Databases of domains that have theirs elsewhere than in DIR: domain -> URL without a password.
    databases: Mapping[str, str] = field(default_factory=dict)
    operator: str = "operator"
    #: The TLM whose ECTL the new root will be on, where it is another operator's; None: one of its own.
    foreign_tlm: ForeignTlm | None = None
    #: What makes the part of it that delivers firmware, where the profile has one.
    ota: Part | None = None
    #: An ITS-AID that enrolment credentials of vehicles may hold beside 623; 0: none.
    its_aid: int = 0

    def __post_init__(self) -> None:
        if self.parts.ota != (self.ota is not None):
            raise ConfigError(f"profile {self.profile!r} and what is to be made for firmware differ")
        if self.foreign_tlm is not None and not self.parts.etsi:
            raise ConfigError(f"profile {self.profile!r} has no root that a TLM could trust")
        for role, name in self.curves.items():
            if role not in self.roles:
                raise ConfigError(f"no role {role!r} has a curve", hint=f"one of {', '.join(self.roles)}")
            try:
                curve = Curve.from_text(name)
            except UnsupportedAlgorithm as error:
                raise ConfigError(f"{role}: {error}") from None
            if role in SCMS_DOMAINS and curve is not Curve.NIST_P256:
                raise ConfigError(f"{role}: all keys of an SCMS are on {_SCMS_CURVE}, not {name}")
            if role in OTA_DOMAINS and curve not in _METADATA_CURVES:
                raise ConfigError(f"{role}: firmware metadata is signed on P-256 or P-384, not {name}")
        for name in self.databases:
            if name not in self.domains:
                raise ConfigError(
                    f"no domain {name!r} has a database", hint=f"one of {', '.join(self.domains)}"
                )
        self.settings()  # refuses a bad URL before anything is made

    @property
    def domains(self) -> tuple[str, ...]:
        return self.parts.domains(own_tlm=self.foreign_tlm is None)

    @property
    def folders(self) -> tuple[str, ...]:
        return (*FOLDERS, *(self.ota.folders if self.ota else ()))

    @property
    def parts(self) -> Parts:
        return parts_of(self.profile)

    @property
    def roles(self) -> tuple[str, ...]:
        """The domains that get keys."""
        ordered = (*DEFAULT_CURVES, *SCMS_DOMAINS, *OTA_DOMAINS)
        return tuple(role for role in ordered if role in self.domains and role not in KEYLESS_DOMAINS)

    @property
    def all_curves(self) -> dict[str, str]:
        usual = {**dict.fromkeys((*SCMS_DOMAINS, *OTA_DOMAINS), _SCMS_CURVE), **DEFAULT_CURVES}
        return {role: self.curves.get(role, usual[role]) for role in self.roles}

    @property
    def ceremonies(self) -> dict[str, tuple[str, ...]]:
        """Those to be held, and what each waits for."""
        without = () if self.foreign_tlm is None else ("tlm", "ectl")
        etsi = {name: before for name, before in ETSI_CEREMONIES.items() if name not in without}
        return {**(etsi if self.parts.etsi else {}), **(scms.CEREMONIES if self.parts.scms else {})}

    def settings_text(self) -> str:
        """The v2xpki.toml."""
        lines = [
            "# docs/operators-guide.md names every key; one that is not here has its default.",
            f"format = {FORMAT}",
            f"profile = {json.dumps(self.profile)}",
            "# What the signed lists tell stations; changing it here alone changes no list.",
            f"base_url = {json.dumps(self.base_url)}",
            "# true: the root's and the TLM's tokens stay within reach. For laboratories only.",
            f"lab = {json.dumps(self.lab)}",
        ]
        if self.foreign_tlm is not None:
            lines += [
                "# Another operator's TLM signs the ECTL: trust/tlm.oer of ea and aa.",
                "own_tlm = false",
            ]
        if self.profiles_text:
            lines += ["# What differs from the shipped profiles.", f"profiles = {json.dumps(PROFILES_FILE)}"]
        for role in (*self.all_curves, *(name for name in self.databases if name not in self.all_curves)):
            lines += ["", f"[domains.{role}]"]
            if role in self.all_curves:
                lines.append(f"curve = {json.dumps(self.all_curves[role])}")
            if role in self.databases:
                lines.append(f"database_url = {json.dumps(self.databases[role])}")
        if self.parts.scms:
            lines += scms.settings_lines()
        if self.ota is not None:
            lines += ["", *self.ota.settings_lines()]
        return "\n".join(lines) + "\n"

    @property
    def profiles_text(self) -> str:
        """The profiles.toml; empty where the shipped profiles hold."""
        if not (self.parts.etsi and self.its_aid):
            return ""
        lines = [
            "# Vehicles sign their registrations for firmware under this ITS-AID, with their enrolment",
            "# credentials: the root lets its EAs grant it, the EA grants it, to vehicles that ask for it.",
        ]
        for table in ("rca", "ea", "station.vehicle"):
            lines += [f"[{table}]", f"credential_its_aids = [{self.its_aid}]"]
        return "\n".join(lines) + "\n"

    def settings(self) -> Settings:
        return Settings.parse(self.settings_text())


def parse_curves(pairs: Sequence[str]) -> dict[str, str]:
    """ROLE=NAME of the command line. Raises ConfigError."""
    curves: dict[str, str] = {}
    for pair in pairs:
        role, equals, name = pair.partition("=")
        role = _ALIASES.get(role.lower(), role.lower())
        if not equals or role in curves:
            raise ConfigError(f"{pair!r} is no ROLE=NAME, or names a role twice")
        curves[role] = name
    return curves


def parse_databases(pairs: Sequence[str]) -> dict[str, str]:
    """DOMAIN=URL of the command line. Raises ConfigError, for a URL with a password too: it would be seen
    in the list of processes, and lie in v2xpki.toml."""
    databases: dict[str, str] = {}
    for pair in pairs:
        name, equals, url = pair.partition("=")
        name = _ALIASES.get(name.lower(), name.lower())
        if not equals or name in databases:
            raise ConfigError("--database is DOMAIN=URL, once a domain")
        if urlsplit(url).password is not None or "password" in parse_qs(urlsplit(url).query):
            raise ConfigError(
                f"the URL of {name}'s database holds a password",
                hint="name a password file in it: postgresql://ea@host/ea?passfile=/run/secrets/ea",
            )
        databases[name] = url
    return databases
