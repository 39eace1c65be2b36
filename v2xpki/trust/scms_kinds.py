"""What an RA lets devices ask for, by kind of certificate: data in trust/data/scms_kinds.toml.

An operator's file overrides single keys of a kind:

    [pseudonym]
    parallel = 1
    permissions = [{ psid = 32 }]
    [application]
    enabled = false

Nothing is guessed: an unknown key, or a value of another type, is a ConfigError that names it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from v2xpki.errors import ConfigError, PermissionDenied
from v2xpki.trust import validity
from v2xpki.trust.permissions import Grants
from v2xpki.trust.profiles import duration_of, psid_range
from v2xpki.trust.scms_devices import ranges_of, read_override, request_permissions
from v2xpki.wire import dot2

KINDS: Final = ("pseudonym", "identification", "application")
_KEYS = frozenset({"enabled", "certificates", "parallel", "validity", "permissions"})


@dataclass(frozen=True)
class CertificateKind:
    """certificates: for one period; 0: as many as the policy says. validity: the longest, in seconds; 0: that
    of the period. parallel: requests of one device for the same time."""

    name: str
    enabled: bool
    certificates: int
    parallel: int
    validity: int
    permissions: tuple[dot2.PsidSspRange, ...]

    @property
    def grants(self) -> Grants:
        """What such certificates may hold."""
        return Grants(request_permissions(self.permissions))


def load_kinds(override: Path | Mapping[str, Any] | None = None) -> Mapping[str, CertificateKind]:
    """The shipped kinds with an operator's file (or its content) merged in. Raises ConfigError."""
    if isinstance(override, Path):
        override = _parse(read_override(override), str(override))
    shipped = _parse(
        (resources.files("v2xpki.trust") / "data" / "scms_kinds.toml").read_bytes(), "scms_kinds.toml"
    )
    given = dict(override or {})
    if unknown := sorted(set(given) - set(KINDS)):
        raise ConfigError(f"no kind of certificate {', '.join(unknown)}", hint=f"known: {', '.join(KINDS)}")
    made = {}
    for name in KINDS:
        changes = given.get(name, {})
        if not isinstance(changes, Mapping):
            raise ConfigError(f"kind {name}: expected a table [{name}]")
        made[name] = _kind(name, shipped[name] | dict(changes))
    return made


@cache
def shipped_kinds() -> Mapping[str, CertificateKind]:
    """The kinds as shipped."""
    return load_kinds()


def _parse(octets: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(octets.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: {error}") from error


def _kind(name: str, table: dict[str, Any]) -> CertificateKind:
    if unknown := sorted(set(table) - _KEYS):
        raise ConfigError(f"kind {name}: unknown key {', '.join(unknown)}")
    enabled = table.get("enabled", True)
    if not isinstance(enabled, bool):
        raise ConfigError(f"kind {name}: enabled = {enabled!r}: expected true or false")
    for key, least in (("certificates", 0), ("parallel", 1)):
        value = table.get(key, least)
        if type(value) is not int or not least <= value <= 256:
            raise ConfigError(f"kind {name}: {key} = {value!r} is no number from {least} to 256")
    try:
        ranges = ranges_of(request_permissions([psid_range(dict(entry)) for entry in table["permissions"]]))
        longest = (
            validity.duration_seconds(duration_of(dict(table["validity"]))) if "validity" in table else 0
        )
    except (PermissionDenied, TypeError, ValueError) as error:
        raise ConfigError(f"kind {name}: {error}") from error
    return CertificateKind(
        name=name,
        enabled=enabled,
        certificates=table.get("certificates", 0),
        parallel=table.get("parallel", 1),
        validity=longest,
        permissions=ranges,
    )
