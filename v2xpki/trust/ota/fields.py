"""Uptane's custom fields of targets: what the Image repository says of an image, and the Director of whom it
is for.

    Image     {"name", "version", "hardwareIds": [one], "releaseCounter", "rxswin": [...]?,
               "requires": [...]?, "conflicts": [...]?, "rollbackFrom": n?, "provenance": {"sha256"}}
    Director  {"ecuIdentifiers": {ECU id: {"hardwareId"}}, "releaseCounter", "rollbackFrom": n?}

A requirement or conflict is {"name", "min": n?, "max": n?}: a release of that name, by its counter, on any
ECU of the vehicle. `rollbackFrom`: the release may follow a counter that is higher, up to this one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from v2xpki.errors import DecodeError
from v2xpki.trust.ota.canonical import text_of, whole_of
from v2xpki.trust.ota.names import PART, SHA256

RXSWIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]{0,63}")
MOST_RELATIONS, MOST_ECUS = 32, 128
_TARGET, _RELATION = "custom", "custom.requires"


@dataclass(frozen=True, slots=True)
class Relation:
    """Releases of a name whose counter lies from `least` to `most`."""

    name: str
    least: int = 0
    most: int | None = None

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Raises DecodeError."""
        table = _table(value, {"name", "min", "max"}, _RELATION)
        least = whole_of(table, "min", _RELATION) if "min" in table else 0
        most = whole_of(table, "max", _RELATION, least=least) if "max" in table else None
        return cls(text_of(table, "name", PART, _RELATION), least, most)

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **({"min": self.least} if self.least else {}),
            **({} if self.most is None else {"max": self.most}),
        }

    def holds(self, name: str, counter: int) -> bool:
        """Whether it is about a release."""
        return name == self.name and self.least <= counter and (self.most is None or counter <= self.most)


@dataclass(frozen=True, slots=True)
class ImageFields:
    """What the Image repository says of a target."""

    name: str
    version: str
    hardware_id: str
    release_counter: int
    provenance: str  # SHA-256 (hex) of its DSSE envelope
    rxswin: tuple[str, ...] = ()
    requires: tuple[Relation, ...] = ()
    conflicts: tuple[Relation, ...] = ()
    rollback_from: int | None = None

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Raises DecodeError that names the field."""
        table = _table(
            value,
            {
                *("name", "version", "hardwareIds", "releaseCounter", "provenance"),
                *("rxswin", "requires", "conflicts", "rollbackFrom"),
            },
            _TARGET,
        )
        hardware = _list(table, "hardwareIds", 1)
        if len(hardware) != 1 or not isinstance(hardware[0], str) or not PART.fullmatch(hardware[0]):
            raise DecodeError("custom.hardwareIds is not one hardware id")
        rxswin = _list(table, "rxswin", MOST_RELATIONS)
        if not all(isinstance(one, str) and RXSWIN.fullmatch(one) for one in rxswin):
            raise DecodeError(f"custom.rxswin is no list of {RXSWIN.pattern}")
        counter = whole_of(table, "releaseCounter", _TARGET)
        rollback = None
        if "rollbackFrom" in table:
            rollback = whole_of(table, "rollbackFrom", _TARGET, least=counter + 1)
        return cls(
            name=text_of(table, "name", PART, _TARGET),
            version=text_of(table, "version", PART, _TARGET),
            hardware_id=hardware[0],
            release_counter=counter,
            provenance=text_of(
                _table(table.get("provenance"), {"sha256"}, "custom.provenance"),
                "sha256",
                SHA256,
                "provenance",
            ),
            rxswin=tuple(rxswin),
            requires=tuple(map(Relation.parse, _list(table, "requires", MOST_RELATIONS))),
            conflicts=tuple(map(Relation.parse, _list(table, "conflicts", MOST_RELATIONS))),
            rollback_from=rollback,
        )

    def document(self) -> dict[str, Any]:
        """The custom field."""
        return {
            "name": self.name,
            "version": self.version,
            "hardwareIds": [self.hardware_id],
            "releaseCounter": self.release_counter,
            "provenance": {"sha256": self.provenance},
            **({"rxswin": list(self.rxswin)} if self.rxswin else {}),
            **({"requires": [one.document() for one in self.requires]} if self.requires else {}),
            **({"conflicts": [one.document() for one in self.conflicts]} if self.conflicts else {}),
            **({} if self.rollback_from is None else {"rollbackFrom": self.rollback_from}),
        }


@dataclass(frozen=True, slots=True)
class DirectorFields:
    """What the Director says of a target: for which ECUs. ecus: ECU id -> hardware id."""

    ecus: Mapping[str, str]
    release_counter: int
    rollback_from: int | None = field(default=None)

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Raises DecodeError."""
        table = _table(value, {"ecuIdentifiers", "releaseCounter", "rollbackFrom"}, _TARGET)
        listed = table.get("ecuIdentifiers")
        if not isinstance(listed, dict) or not 0 < len(listed) <= MOST_ECUS:
            raise DecodeError(f"custom.ecuIdentifiers names not 1 to {MOST_ECUS} ECUs")
        ecus = {}
        for ecu, about in listed.items():
            if not PART.fullmatch(ecu):
                raise DecodeError("custom.ecuIdentifiers holds no ECU id")
            told = _table(about, {"hardwareId"}, "custom.ecuIdentifiers")
            ecus[ecu] = text_of(told, "hardwareId", PART, "custom.ecuIdentifiers")
        counter = whole_of(table, "releaseCounter", _TARGET)
        rollback = None
        if "rollbackFrom" in table:
            rollback = whole_of(table, "rollbackFrom", _TARGET, least=counter + 1)
        return cls(ecus, counter, rollback)

    def document(self) -> dict[str, Any]:
        """The custom field."""
        return {
            "ecuIdentifiers": {ecu: {"hardwareId": kind} for ecu, kind in self.ecus.items()},
            "releaseCounter": self.release_counter,
            **({} if self.rollback_from is None else {"rollbackFrom": self.rollback_from}),
        }


def may_follow(counter: int, rollback_from: int | None, installed: int | None) -> bool:
    """Whether a release of `counter` may be installed over one of `installed` (None: nothing is known)."""
    if installed is None or counter >= installed:
        return True
    return rollback_from is not None and installed <= rollback_from


def _table(value: Any, known: set[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{what} is no object")
    if unknown := value.keys() - known:
        raise DecodeError(f"{what} has the unknown field {min(unknown)}")
    return value


def _list(table: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = table.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise DecodeError(f"custom.{name} is no list of at most {most}")
    return value
