"""The strict reading of tables (TOML, YAML), and the small checks that settings share."""

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NewType, TypeVar, get_args, get_origin
from urllib.parse import urlsplit

from v2xpki.errors import ConfigError

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


def check_roots(roots: tuple[str, ...]) -> None:
    for text in roots:
        if text != "any" and not re.fullmatch(r"[0-9A-Fa-f]{16}", text):
            raise ConfigError(f'foreign_roots: {text!r} is neither a HashedId8 of 16 hex digits nor "any"')


def check_positive(section: object, *names: str) -> None:
    for name in names:
        if getattr(section, name) < 1:
            raise ConfigError(f"{name} is {getattr(section, name)}, not at least 1")


def check_not_negative(section: object, *names: str) -> None:
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
