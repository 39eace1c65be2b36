"""What a ceremony file of an SCMS may say, beside `self-signed` for its root and its electors.

    kind: component-requests   a component's keys, in its own token, and its signed requests
    kind: components           the root certifies what requests ask for
    kind: ctl-signature        an elector's word for a CTL, which the file spells out
    kind: la-key               a linkage authority makes the key that it shares with the ACA, encrypted to it
    kind: la-keys              the ACA takes such keys
    kind: scms-aca-implicit    the ACA makes its key for implicit certificates, which no token holds

A `ctl-signature` names all that the CTL says: each elector reviews and builds it for itself, and it comes out
the same octets for all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from v2xpki.authorities.ceremony_parts import CertificateSpec, KeySpec
from v2xpki.errors import ConfigError

ELECTORS = ("elector1", "elector2", "elector3")
_LA_ID = re.compile(r"[0-9A-Fa-f]{4}")
_SERIES = re.compile(r"[0-9A-Fa-f]{16}")


@dataclass(frozen=True, slots=True)
class WantedSpec:
    """One certificate that a component asks for, and its keys."""

    sign: KeySpec
    certificate: CertificateSpec
    output: Path
    encrypt: KeySpec | None = None


@dataclass(frozen=True, slots=True)
class ComponentRequests:
    title: str
    kind: str
    instance: Path
    domain: str
    requests: tuple[WantedSpec, ...]
    #: Label of the key that wraps the secrets of its database, where it keeps some; with it a linkage
    #: authority gets the first key that seals its chains.
    wrap: str = ""

    @property
    def keys(self) -> list[KeySpec]:
        pairs = [(wanted.sign, wanted.encrypt) for wanted in self.requests]
        return [key for pair in pairs for key in pair if key is not None]


@dataclass(frozen=True, slots=True)
class GrantSpec:
    """One certificate that the root gives. la_id: of an LA, 4 hex digits. psids: those an MA looks at."""

    request: Path
    certificate: CertificateSpec
    output: Path
    la_id: str = ""
    psids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if (self.certificate.profile == "LA") != bool(_LA_ID.fullmatch(self.la_id)):
            raise ConfigError("la_id, 4 hex digits, belongs to an LA's certificate and to no other")


@dataclass(frozen=True, slots=True)
class Components:
    title: str
    kind: str
    instance: Path
    domain: str
    key: str
    issuer: Path
    certificates: tuple[GrantSpec, ...]


@dataclass(frozen=True, slots=True)
class CtlVote:
    title: str
    kind: str
    instance: Path
    domain: str
    key: str
    signer: Path
    #: ctlSeriesId, 16 hex digits.
    series: str
    sequence: int
    #: effectiveDate, ISO 8601.
    effective: str
    #: Signatures that the next list needs.
    quorum: int
    electors: tuple[Path, ...]
    roots: tuple[Path, ...]
    output: Path
    #: The present list; none before the first of a series.
    before: Path | None = None

    def __post_init__(self) -> None:
        if not _SERIES.fullmatch(self.series):
            raise ConfigError(f"series {self.series!r} is not 16 hex digits")
        if (self.before is None) != (self.sequence == 0):
            raise ConfigError(
                "before, the present list, is named for each but the first, whose sequence is 0"
            )


@dataclass(frozen=True, slots=True)
class LaKey:
    title: str
    kind: str
    instance: Path
    domain: str
    #: Label of the key that wraps it here.
    wrap: str
    #: Its own certificate, which has the la id, and the ACA's, to which it is encrypted.
    certificate: Path
    aca: Path
    output: Path
    #: ISO 8601: used from this hour on, when the ACA has it; by default at once.
    since: str = ""


@dataclass(frozen=True, slots=True)
class TakenKey:
    """A key that a linkage authority made. certificate: the authority's; digest: SHA-256 of the file, as the
    transcript of its ceremony has it; may be left out where nobody but the two could put the file there."""

    file: Path
    certificate: Path
    digest: str = ""


@dataclass(frozen=True, slots=True)
class LaKeys:
    title: str
    kind: str
    instance: Path
    domain: str
    #: Label of the decryption key, and of the key that wraps them.
    key: str
    wrap: str
    certificate: Path
    keys: tuple[TakenKey, ...]


@dataclass(frozen=True, slots=True)
class AcaImplicit:
    """An operator's express decision (docs/adr/0011)."""

    title: str
    kind: str
    instance: Path
    domain: str
    #: Label of the key that wraps it in the ACA's database.
    wrap: str
    certificate: CertificateSpec
    output: Path

    def __post_init__(self) -> None:
        if self.certificate.profile != "ACA_IMPLICIT":
            raise ConfigError("a key for implicit certificates asks for the profile ACA_IMPLICIT")


ScmsSpec = ComponentRequests | Components | CtlVote | LaKey | LaKeys | AcaImplicit

#: kind -> its dataclass, the domains that may hold it
SCMS_KINDS: Mapping[str, tuple[type[ScmsSpec], frozenset[str]]] = {
    "component-requests": (ComponentRequests, frozenset({"eca", "ra", "aca", "la1", "la2", "ma"})),
    "components": (Components, frozenset({"scmsroot"})),
    "ctl-signature": (CtlVote, frozenset(ELECTORS)),
    "la-key": (LaKey, frozenset({"la1", "la2"})),
    "la-keys": (LaKeys, frozenset({"aca"})),
    "scms-aca-implicit": (AcaImplicit, frozenset({"aca"})),
}


def outputs(spec: ScmsSpec) -> list[Path]:
    """The files that a ceremony makes."""
    if isinstance(spec, ComponentRequests):
        return [wanted.output for wanted in spec.requests]
    if isinstance(spec, Components):
        return [grant.output for grant in spec.certificates]
    return [] if isinstance(spec, LaKeys) else [spec.output]


def input_paths(spec: ScmsSpec) -> list[Path]:
    """The files that a ceremony reads."""
    if isinstance(spec, Components):
        return [spec.issuer, *(grant.request for grant in spec.certificates)]
    if isinstance(spec, CtlVote):
        return [spec.signer, *spec.electors, *spec.roots, *([spec.before] if spec.before else [])]
    if isinstance(spec, LaKey):
        return [spec.certificate, spec.aca]
    if isinstance(spec, LaKeys):
        return [spec.certificate, *(path for taken in spec.keys for path in (taken.file, taken.certificate))]
    return []
