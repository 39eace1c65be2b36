"""Vehicles that are expected to register, as an operator hands them over: a CSV file, or JSON a line.

    vin,model,credential,ecus
    WVWZZZ1KZAW000001,city,0123456789ABCDEF,
    WVWZZZ1KZAW000002,city,,gw-2 brake-2

    {"vin": "WVWZZZ1KZAW000001", "model": "city", "credential": "0123456789ABCDEF"}
    {"vin": "WVWZZZ1KZAW000002", "model": "city", "ecus": ["gw-2", "brake-2"]}

`credential` is the HashedId8 of the enrolment credential that will sign the registration, `ecus` the ids of
all ECUs that it will name; each may be missing, and is then not asked for.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, Self

from v2xpki.errors import DecodeError
from v2xpki.trust.ota.canonical import read_object, text_of
from v2xpki.trust.ota.fields import MOST_ECUS
from v2xpki.trust.ota.names import PART, VIN

COLUMNS = ("vin", "model", "credential", "ecus")
#: Vehicles of one list.
MOST_VEHICLES = 100_000
HASHED_ID8 = re.compile(r"[0-9A-Fa-f]{16}")
_LONGEST_LINE = 64 * 1024
_MOST_TOLD = 10


class Expectation(NamedTuple):
    """A vehicle that is to register. credential: HashedId8; ecus: sorted; None: any."""

    vin: str
    model: str
    credential: bytes | None
    ecus: tuple[str, ...] | None

    @classmethod
    def parse(cls, value: Any, what: str) -> Self:
        """Of {"vin", "model", "credential"?, "ecus"?}. Raises DecodeError that names the field."""
        if not isinstance(value, dict) or not {"vin", "model"} <= value.keys() <= set(COLUMNS):
            raise DecodeError(f"{what} has not vin and model, or others than {', '.join(COLUMNS)}")
        credential = text_of(value, "credential", HASHED_ID8, what) if "credential" in value else None
        return cls(
            text_of(value, "vin", VIN, what),
            text_of(value, "model", PART, what),
            None if credential is None else bytes.fromhex(credential),
            _ecus(value["ecus"], f"{what}.ecus") if "ecus" in value else None,
        )

    def document(self) -> dict[str, Any]:
        return {
            "vin": self.vin,
            "model": self.model,
            **({} if self.credential is None else {"credential": self.credential.hex()}),
            **({} if self.ecus is None else {"ecus": list(self.ecus)}),
        }


def parse_expectations(value: Any, what: str) -> list[Expectation]:
    """A list of them, each VIN once. Raises DecodeError."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_VEHICLES:
        raise DecodeError(f"{what} is no list of 1 to {MOST_VEHICLES} vehicles")
    found = [Expectation.parse(one, f"{what}[{number}]") for number, one in enumerate(value)]
    if len({one.vin for one in found}) != len(found):
        raise DecodeError(f"{what}: a vin twice")
    return found


def read_expectations(octets: bytes, what: str) -> list[Expectation]:
    """Of a file, all or none of it. Raises DecodeError that names the lines, which count from 1."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DecodeError(f"{what} is not UTF-8") from None
    found: list[Expectation] = []
    bad: list[str] = []
    lines: dict[str, int] = {}
    for line, read in _json_lines(text) if text.lstrip().startswith("{") else _csv_lines(text, what):
        try:
            one = Expectation.parse(read(), f"line {line}")
        except DecodeError as error:
            bad.append(str(error))
            continue
        if one.vin in lines:
            bad.append(f"line {line}.vin stands in line {lines[one.vin]} too")
        lines.setdefault(one.vin, line)
        found.append(one)
    if bad:
        more = f"\nand {len(bad) - _MOST_TOLD} more" if len(bad) > _MOST_TOLD else ""
        raise DecodeError(f"{what}: " + "\n".join(bad[:_MOST_TOLD]) + more)
    if not 0 < len(found) <= MOST_VEHICLES:
        raise DecodeError(f"{what} has {len(found)} vehicles, not 1 to {MOST_VEHICLES}")
    return found


def _json_lines(text: str) -> Iterator[tuple[int, Callable[[], Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, partial(read_object, line.encode(), f"line {number}", limit=_LONGEST_LINE)


def _csv_lines(text: str, what: str) -> Iterator[tuple[int, Callable[[], Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if not {"vin", "model"} <= set(names) <= set(COLUMNS) or len(set(names)) != len(names):
            raise DecodeError(f"{what} line 1 is no header of vin, model and, if need be, credential, ecus")
        reader.fieldnames = names
        for row in reader:
            yield reader.line_num, partial(_of_columns, row, f"line {reader.line_num}")
    except csv.Error as error:
        raise DecodeError(f"{what} line {reader.line_num + 1}: {error}") from None


def _of_columns(row: Mapping[str | None, Any], what: str) -> dict[str, Any]:
    if None in row or None in row.values():
        raise DecodeError(f"{what} has not as many fields as the header")
    given = {str(name): value.strip() for name, value in row.items() if value.strip()}
    return {**given, "ecus": given["ecus"].split()} if "ecus" in given else given


def _ecus(value: Any, what: str) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not 0 < len(value) <= MOST_ECUS
        or not all(isinstance(one, str) and PART.fullmatch(one) for one in value)
        or len(set(value)) != len(value)
    ):
        raise DecodeError(f"{what} is no list of 1 to {MOST_ECUS} ECU ids, each once")
    return tuple(sorted(value))
