"""What a ceremony file may say. One YAML file is the whole input of a ceremony.

    kind: self-signed   a root's, trust list manager's or elector's key and certificate
    kind: request       an EA's or AA's two keys, in its own token, and its signed certificate request;
                        with `rekey` signed under its present certificate as well
    kind: sub-ca        the root certifies what a request asks for
    kind: ectl          the trust list manager's lists, one or a run of them signed ahead
    kind: ctl | crl     the root's lists, likewise
    kind: tlm-link | rca-link   an old trust list manager or root vouches for its successor
    and those of an SCMS: authorities/scms/ceremony_file.py

Strict like v2xpki.toml: unknown, missing and doubled keys are refused by name, and so is a ${...} that
nobody filled in. `instance` is relative to the file, all other paths to the instance; none may leave it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import yaml

from v2xpki.authorities.ceremony_parts import CertificateSpec, KeySpec
from v2xpki.authorities.scms.ceremony_file import ELECTORS, SCMS_KINDS, ScmsSpec, input_paths, outputs
from v2xpki.config import Seconds, check_url, seconds, strict_table
from v2xpki.errors import CeremonyRefused, ConfigError, InvalidList
from v2xpki.trust.runs import RunSchedule

_HEX8 = re.compile(r"[0-9A-Fa-f]{16}")


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """One entry of a trust list. Which fields it needs depends on `entry`."""

    entry: str
    certificate: Path | None = None
    certificates: tuple[Path, ...] = ()
    #: Roots of a distribution centre by HashedId8 in hex, where their certificates are not at hand.
    roots: tuple[str, ...] = ()
    url: str | None = None
    access_point: str | None = None
    its_access_point: str | None = None
    aa_access_point: str | None = None
    #: The root or TLM that this one takes over from.
    successor_to: Path | None = None

    #: entry -> fields it must have, fields it may have
    FIELDS: ClassVar[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
        "rca": (frozenset({"certificate"}), frozenset({"successor_to"})),
        "tlm": (frozenset({"certificate", "access_point"}), frozenset({"successor_to"})),
        "ea": (frozenset({"certificate", "aa_access_point"}), frozenset({"its_access_point"})),
        "aa": (frozenset({"certificate", "access_point"}), frozenset()),
        "dc": (frozenset({"url"}), frozenset({"certificates", "roots"})),
    }

    def __post_init__(self) -> None:
        if self.entry not in self.FIELDS:
            raise ConfigError(f"entry {self.entry!r} is not one of {', '.join(self.FIELDS)}")
        must, may = self.FIELDS[self.entry]
        given = {field.name for field in fields(self) if getattr(self, field.name)} - {"entry"}
        for name in sorted(must - given):
            raise ConfigError(f"{name} is missing in entry {self.entry}")
        for name in sorted(given - must - may):
            raise ConfigError(f"{name} has no place in entry {self.entry}")
        if self.entry == "dc" and not (self.certificates or self.roots):
            raise ConfigError("certificates is missing in entry dc")
        for root in self.roots:
            if not _HEX8.fullmatch(root):
                raise ConfigError(f"{root!r} is no HashedId8 of 16 hex digits")
        for name in ("url", "access_point", "its_access_point", "aa_access_point"):
            if getattr(self, name):
                check_url(getattr(self, name), name)


@dataclass(frozen=True, slots=True)
class SelfSigned:
    title: str
    kind: str
    instance: Path
    domain: str
    key: KeySpec
    certificate: CertificateSpec
    output: Path


@dataclass(frozen=True, slots=True)
class RekeySpec:
    """The present key and certificate, under which a request for the next one is signed."""

    key: str
    certificate: Path


@dataclass(frozen=True, slots=True)
class Request:
    title: str
    kind: str
    instance: Path
    domain: str
    sign: KeySpec
    encrypt: KeySpec
    certificate: CertificateSpec
    output: Path
    rekey: RekeySpec | None = None


@dataclass(frozen=True, slots=True)
class SubCa:
    title: str
    kind: str
    instance: Path
    domain: str
    key: str
    issuer: Path
    request: Path
    certificate: CertificateSpec
    output: Path


@dataclass(frozen=True, slots=True)
class TrustList:
    title: str
    kind: str
    instance: Path
    domain: str
    key: str
    signer: Path
    #: Of the first list; it must be the next one.
    sequence: int
    #: After the list's own time.
    next_update: Seconds
    entries: tuple[EntrySpec, ...]
    #: A folder; the files are named by kind and number.
    output: Path
    #: ISO 8601: the first list's time, where it is signed ahead; else now.
    this_update: str = ""
    #: Lists in the run, and how long before a list's end the next one begins.
    count: int = 1
    overlap: Seconds = seconds(0)


@dataclass(frozen=True, slots=True)
class RevocationList:
    title: str
    kind: str
    instance: Path
    domain: str
    key: str
    signer: Path
    next_update: Seconds
    #: Certificates of this root's EAs and AAs, or its own, besides those that it has revoked before.
    revoked: tuple[Path, ...]
    output: Path
    #: Why they are; kept in the audit record.
    reason: str = ""
    this_update: str = ""
    count: int = 1
    overlap: Seconds = seconds(0)


@dataclass(frozen=True, slots=True)
class Link:
    title: str
    kind: str
    instance: Path
    domain: str
    #: The old generation's key and certificate: it vouches.
    key: str
    signer: Path
    #: The new generation's certificate; of a root also its key, which signs the link once more.
    successor: Path
    output: Path
    successor_key: str | None = None

    def __post_init__(self) -> None:
        if (self.successor_key is None) != (self.kind == "tlm-link"):
            raise ConfigError("an rca-link is signed with successor_key too, a tlm-link is not")


Spec = SelfSigned | Request | SubCa | TrustList | RevocationList | Link | ScmsSpec

# kind -> its dataclass, the domains that may hold it
_KINDS: Mapping[str, tuple[type[Spec], frozenset[str]]] = {
    "self-signed": (SelfSigned, frozenset({"root", "tlm", "scmsroot", *ELECTORS})),
    "request": (Request, frozenset({"ea", "aa"})),
    "sub-ca": (SubCa, frozenset({"root"})),
    "ectl": (TrustList, frozenset({"tlm"})),
    "ctl": (TrustList, frozenset({"root"})),
    "crl": (RevocationList, frozenset({"root"})),
    "tlm-link": (Link, frozenset({"tlm"})),
    "rca-link": (Link, frozenset({"root"})),
    **SCMS_KINDS,
}
_ENTRIES = {"ectl": frozenset({"rca", "tlm", "dc"}), "ctl": frozenset({"ea", "aa", "dc"})}


@dataclass(frozen=True, slots=True)
class CeremonyFile:
    """A parsed file. `digest` is SHA-256 of its octets: what was reviewed is what runs."""

    path: Path
    digest: bytes
    spec: Spec

    @classmethod
    def read(cls, path: Path) -> "CeremonyFile":
        """Raises ConfigError for what is no ceremony, CeremonyRefused for one that must not be."""
        octets = path.read_bytes()
        try:
            text = octets.decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is not UTF-8") from None
        try:
            return cls(path.absolute(), hashlib.sha256(octets).digest(), parse(text))
        except (ConfigError, CeremonyRefused) as error:
            raise type(error)(f"{path}: {error}", hint=error.hint) from None

    @property
    def instance_dir(self) -> Path:
        return (self.path.parent / self.spec.instance).resolve()


def parse(text: str) -> Spec:
    """The ceremony of a YAML text. Raises ConfigError, CeremonyRefused."""
    _refuse_placeholders(text)
    try:
        table = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader that also refuses doubled keys
    except yaml.YAMLError as error:
        raise ConfigError(f"no YAML: {error}") from None
    if not isinstance(table, dict) or not all(isinstance(key, str) for key in table):
        raise ConfigError("a ceremony file is one table")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ConfigError(f"kind is {kind!r}", hint=f"one of {', '.join(_KINDS)}")
    cls, domains = _KINDS[kind]
    spec = strict_table(cls, table)
    if spec.domain not in domains:
        # TS 102 941 6.3: only the RCA signs CTL and CRL, only the TLM the ECTL.
        wanted = " or ".join(sorted(domains))
        raise CeremonyRefused(f"a {kind} ceremony is of domain {wanted}, not {spec.domain}")
    if isinstance(spec, TrustList):
        for entry in spec.entries:
            if entry.entry not in _ENTRIES[kind]:
                raise CeremonyRefused(f"an {entry.entry} entry has no place in a {kind.upper()}")
    if isinstance(spec, TrustList | RevocationList):
        if spec.output.suffix:
            raise ConfigError(
                f"output {spec.output} is no folder",
                hint="a run of lists makes several files; name their folder",
            )
        try:
            RunSchedule(0, spec.next_update, spec.overlap, spec.count)
        except InvalidList as error:
            raise CeremonyRefused(str(error)) from None
    for path in _paths(spec):
        if path.is_absolute() or ".." in path.parts:
            raise CeremonyRefused(f"{path} is outside the instance")
    return spec


def _paths(spec: Spec) -> list[Path]:
    if isinstance(spec, ScmsSpec):
        return [*outputs(spec), *input_paths(spec)]
    paths = [spec.output]
    if isinstance(spec, SubCa):
        paths += [spec.issuer, spec.request]
    elif isinstance(spec, Request):
        paths += [spec.rekey.certificate] if spec.rekey is not None else []
    elif isinstance(spec, TrustList | RevocationList):
        paths.append(spec.signer)
    elif isinstance(spec, Link):
        paths += [spec.signer, spec.successor]
    if isinstance(spec, TrustList):
        for entry in spec.entries:
            paths += [path for path in (entry.certificate, entry.successor_to) if path]
            paths += entry.certificates
    elif isinstance(spec, RevocationList):
        paths += spec.revoked
    return paths


def _refuse_placeholders(text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if "${" in line and not line.lstrip().startswith("#"):
            raise ConfigError(
                f"line {number} is not filled in: {line.strip()}",
                hint="`v2xpki init` does it for its own files",
            )


class _Loader(yaml.SafeLoader):
    """YAML lets a later key replace an earlier one: a reviewer may read the first, the second would run."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ConfigError(f"{key} stands twice, line {node.start_mark.line + 1} and after")
        return super().construct_mapping(node, deep)


# A time is a text here, and read in one place; YAML's own would make it local or UTC as it likes.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
