"""Kinds of devices in an SCMS: data in trust/data/scms_devices.toml.

An operator's file overrides single keys and adds kinds:

    [obe]
    validity = { years = 3 }
    [truck]
    base = "obe"
    permissions = [{ psid = 32 }, { psid = 36, value = "01ffff", mask = "ff0000" }]

Nothing is guessed: an unknown key, or a value of another type, is a ConfigError that names it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError, CryptoError, PermissionDenied
from v2xpki.trust import regions, validity
from v2xpki.trust.permissions import APP, range_inside
from v2xpki.trust.profiles import duration_of, psid_range
from v2xpki.wire import dot2

SECURITY_MGMT = 35
#: appPermissions of an enrolment certificate: psid 35, the SSP COER of SecurityMgmtSsp ee, version 2.
EE_PERMISSIONS: Final = (
    dot2.PsidSsp(SECURITY_MGMT, dot2.ServiceSpecificPermissions("opaque", bytes.fromhex("8c0002"))),
)
_SHIPPED = ("obe", "rsu")
_CURVES = (Curve.NIST_P256, Curve.BRAINPOOL_P256R1)
_KEYS = frozenset({"named", "validity", "curves", "permissions", "region"})

Ranges = Sequence[dot2.PsidSspRange]


def request_permissions(ranges: Ranges) -> tuple[dot2.PsidGroupPermissions, ...]:
    """certRequestPermissions of an end entity: it asks for certificates of its own (chain length 0, app)."""
    return (
        dot2.PsidGroupPermissions(
            subject_permissions=dot2.SubjectPermissions("explicit", tuple(ranges)),
            min_chain_length=0,
            chain_length_range=0,
            ee_type=APP,
        ),
    )


def ranges_of(groups: Sequence[dot2.PsidGroupPermissions]) -> tuple[dot2.PsidSspRange, ...]:
    """The ranges of an end entity's certRequestPermissions. Raises PermissionDenied for groups of another
    form than `request_permissions` makes: one group, each PSID named, once."""
    if len(groups) != 1:
        raise PermissionDenied(
            f"certRequestPermissions: {len(groups)} groups, not one", rule="issue-permissions"
        )
    ranges = groups[0].subject_permissions.value
    if not isinstance(ranges, tuple) or not ranges or tuple(groups) != request_permissions(ranges):
        raise PermissionDenied(
            "certRequestPermissions: an end entity names PSIDs, with chain length 0+0 and eeType app",
            rule="issue-permissions",
        )
    if len({entry.psid for entry in ranges}) != len(ranges):
        raise PermissionDenied("certRequestPermissions: a PSID twice", rule="issue-permissions")
    return ranges


def is_covered(entry: dot2.PsidSspRange, ranges: Ranges) -> bool:
    """Whether one of the ranges allows all that the entry does."""
    return any(entry.psid == one.psid and range_inside(entry.ssp_range, one.ssp_range) for one in ranges)


@dataclass(frozen=True)
class DeviceProfile:
    """What devices of one kind may be enrolled for. validity: the longest, in seconds.

    named: the certificate may carry the canonical id. region: for devices registered without one.
    """

    name: str
    named: bool
    validity: int
    curves: tuple[Curve, ...]
    permissions: tuple[dot2.PsidSspRange, ...]
    region: dot2.GeographicRegion | None = None


@dataclass(frozen=True)
class DeviceProfiles:
    """All kinds of devices that an ECA knows."""

    kinds: Mapping[str, DeviceProfile]

    @classmethod
    def load(cls, override: Path | Mapping[str, Any] | None = None) -> "DeviceProfiles":
        """The shipped kinds with an operator's file (or its content) merged in. Raises ConfigError."""
        if isinstance(override, Path):
            override = _parse(read_override(override), str(override))
        shipped_ones = _parse(
            (resources.files("v2xpki.trust") / "data" / "scms_devices.toml").read_bytes(), "scms_devices.toml"
        )
        found, given = {}, dict(override or {})
        for name in (*_SHIPPED, *(other for other in given if other not in _SHIPPED)):
            changes = given.get(name, {})
            if not isinstance(changes, Mapping):
                raise ConfigError(f"device kind {name}: expected a table [{name}]")
            changes = dict(changes)
            base = changes.pop("base", name if name in _SHIPPED else None)
            if base not in _SHIPPED:
                raise ConfigError(f"{name}: base is {base!r}", hint=f"base = one of {', '.join(_SHIPPED)}")
            found[name] = _profile(name, shipped_ones[base] | changes)
        return cls(found)

    def kind(self, name: str) -> DeviceProfile:
        """The profile of a kind. Raises ConfigError for an unknown one."""
        found = self.kinds.get(name)
        if found is None:
            raise ConfigError(f"no device kind {name!r}", hint=f"known: {', '.join(self.kinds)}")
        return found


@cache
def shipped_devices() -> DeviceProfiles:
    """The kinds as shipped."""
    return DeviceProfiles.load()


def read_override(path: Path) -> bytes:
    """An operator's file. Raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="[scms] of v2xpki.toml names it") from None


def _parse(octets: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(octets.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: {error}") from error


def _profile(name: str, table: dict[str, Any]) -> DeviceProfile:
    if unknown := sorted(set(table) - _KEYS):
        raise ConfigError(
            f"device kind {name}: unknown key {', '.join(unknown)}", hint=f"known: {', '.join(sorted(_KEYS))}"
        )
    for key, kind in (("named", bool), ("validity", dict), ("curves", list), ("permissions", list)):
        if not isinstance(table[key], kind):
            raise ConfigError(f"device kind {name}: {key} = {table[key]!r}: expected {kind.__name__}")
    try:
        ranges = ranges_of(request_permissions([psid_range(dict(entry)) for entry in table["permissions"]]))
        curves = tuple(Curve.from_text(str(text)) for text in table["curves"])
    except (PermissionDenied, CryptoError, TypeError, ValueError) as error:
        raise ConfigError(f"device kind {name}: {error}") from error
    if not curves or not set(curves) <= set(_CURVES):
        raise ConfigError(
            f"device kind {name}: curves {', '.join(curve.text for curve in curves) or 'none'}",
            hint=f"of {', '.join(curve.text for curve in _CURVES)}",
        )
    return DeviceProfile(
        name=name,
        named=table["named"],
        validity=validity.duration_seconds(duration_of(dict(table["validity"]))),
        curves=curves,
        permissions=ranges,
        region=regions.from_table(table["region"]) if table.get("region") else None,
    )
