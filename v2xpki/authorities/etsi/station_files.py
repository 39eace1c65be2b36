"""Stations as an operator hands them over: one by options, many by a CSV file.

    id,hex_id,key,curve,profile,region
    truck-17,,truck-17.pem,,vehicle,
    ,a1b2c3,0251…,nistP256,rsu,"circle:48.1,11.5,500"

The first line names the columns; `key` and one of `id`, `hex_id` are needed, the others may be missing
or empty. A key is a PEM file's path, relative to the CSV file, or a SEC1 point in hex with its curve. A
line that breaks a rule is named with the rule, all such lines at once, and then nothing is registered.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from v2xpki.authorities.etsi.stations import NewStation
from v2xpki.crypto import Curve, PublicKey
from v2xpki.errors import ConfigError, CryptoError, V2xPkiError
from v2xpki.trust.regions import from_text

COLUMNS = ("id", "hex_id", "key", "curve", "profile", "region")
MAX_ID = 255  # octets; an EC's name takes no more (IEEE 1609.2 6.4.9, Hostname)


class KnownProfiles(Protocol):
    """Which profiles there are."""

    def station(self, name: str) -> object:
        """Raises ConfigError for an unknown one."""
        ...


class RuleBroken(V2xPkiError):
    """One line of a file; `rule` is a short stable name."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is wrong with a line; lines count from 1, the header's."""

    line: int
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class StationFile:
    """A CSV file: stations that could be registered, and lines that could not. Either is complete."""

    stations: tuple[NewStation, ...]
    bad: tuple[BadLine, ...]
    digest: bytes


def canonical_id(text: str | None, hex_text: str | None) -> bytes:
    """Octets of an id given as text or as hex; exactly one of them. Raises RuleBroken."""
    if bool(text) == bool(hex_text):
        raise RuleBroken("id", "an id is given as text or as hex, and not as both")
    try:
        octets = text.encode() if text else bytes.fromhex(hex_text or "")
    except ValueError:
        raise RuleBroken("id", f"{hex_text!r} is no hex") from None
    if not 1 <= len(octets) <= MAX_ID:
        raise RuleBroken("id", f"an id has 1 to {MAX_ID} octets, not {len(octets)}")
    return octets


def read_key(path: Path) -> PublicKey:
    """The public key of a PEM file. Raises RuleBroken."""
    try:
        return PublicKey.from_pem(path.read_bytes())
    except OSError as error:
        raise RuleBroken("key", f"{path}: {error.strerror}") from None
    except CryptoError as error:
        raise RuleBroken("key", f"{path}: {error}") from None


def make_station(
    profiles: KnownProfiles, octets: bytes, key: PublicKey, profile: str, region: str | None
) -> NewStation:
    """A station whose profile and region exist. Raises RuleBroken."""
    if key.curve.size != 32:
        # TS 103 097 7.2.2: an EC's key, which this one may become, is on a 256-bit curve.
        raise RuleBroken("key", f"a station's key is on a 256-bit curve, not on {key.curve.text}")
    try:
        profiles.station(profile)
    except ConfigError as error:
        raise RuleBroken("profile", f"{error} ({error.hint})") from None
    try:
        place = from_text(region) if region else None
    except ConfigError as error:
        raise RuleBroken("region", str(error)) from None
    return NewStation(octets, key, profile, place)


def read_station_file(
    path: Path, profiles: KnownProfiles, default_profile: str, registered: Iterable[bytes]
) -> StationFile:
    """Parse and check a whole file; `registered` are the ids that are taken. Raises ConfigError for a file
    that is no CSV with these columns."""
    octets = path.read_bytes()
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    _check_header(path, reader.fieldnames or ())
    taken = dict.fromkeys(registered, 0)
    stations: list[NewStation] = []
    bad: list[BadLine] = []
    try:
        for row in reader:
            line = reader.line_num
            try:
                station = _station(path, row, profiles, default_profile)
                _refuse_taken(taken.get(station.canonical_id))
            except RuleBroken as error:
                bad.append(BadLine(line, error.rule, str(error)))
                continue
            taken[station.canonical_id] = line
            stations.append(station)
    except csv.Error as error:
        raise ConfigError(f"{path} line {reader.line_num + 1}: {error}") from None
    return StationFile(tuple(stations), tuple(bad), hashlib.sha256(octets).digest())


def _refuse_taken(line: int | None) -> None:
    if line is not None:
        where = f"stands in line {line} too" if line else "is registered already"
        raise RuleBroken("unique", f"its id {where}")


def _check_header(path: Path, names: Iterable[str]) -> None:
    names = [name.strip() for name in names]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or len(set(names)) != len(names) or "key" not in names or not {"id", "hex_id"} & set(names):
        raise ConfigError(
            f"{path} line 1: {', '.join(names) or 'nothing'} is no header",
            hint=f"columns: {', '.join(COLUMNS)}",
        )


def _station(
    path: Path,
    row: Mapping[str | None, str | list[str] | None],
    profiles: KnownProfiles,
    default_profile: str,
) -> NewStation:
    if None in row or None in row.values():
        raise RuleBroken("columns", "it has not as many fields as the header")
    field = {str(name).strip(): str(value).strip() for name, value in row.items()}
    octets = canonical_id(field.get("id"), field.get("hex_id"))
    key = _key(path.parent, field["key"], field.get("curve", ""))
    return make_station(profiles, octets, key, field.get("profile") or default_profile, field.get("region"))


def _key(folder: Path, text: str, curve: str) -> PublicKey:
    if not text:
        raise RuleBroken("key", "it has no key")
    if not curve:
        return read_key(folder / text)
    try:
        return PublicKey.from_sec1(Curve.from_text(curve), bytes.fromhex(text))
    except CryptoError as error:
        raise RuleBroken("key", str(error)) from None
    except ValueError:
        known = ", ".join(known.text for known in Curve)
        raise RuleBroken("key", f"a point in hex on one of {known}, or a PEM file and no curve") from None
