"""Files that operators hand to `v2xpki ota`: what is wrong with one is a usage error that names it."""

import json
from pathlib import Path
from typing import Any, NoReturn

import click

_LONGEST = 32 << 20
_MOST_TOLD = 10


def json_of(file: Path, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    """The JSON object, or list, that a file holds. Raises click.UsageError."""
    text = text_of(file)
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        refuse(file, f"line {error.lineno}: no JSON: {error.msg}")
    except (ValueError, RecursionError) as error:
        refuse(file, f"no JSON: {error}")
    if not isinstance(found, kind):
        refuse(file, f"JSON, but no {'object' if kind is dict else 'list'}")
    return found


def vins_of(file: Path) -> list[str]:
    """The VINs of a file, one or more a line. Raises click.UsageError that names the lines."""
    from v2xpki.trust.ota.names import VIN

    lines = enumerate(text_of(file).splitlines(), 1)
    words = [(number, word) for number, line in lines for word in line.split()]
    bad = [
        f"line {number}: {word[:40]!r} is not {VIN.pattern}"
        for number, word in words
        if not VIN.fullmatch(word)
    ]
    if bad:
        more = [f"and {len(bad) - _MOST_TOLD} more"] if len(bad) > _MOST_TOLD else []
        refuse(file, "\n".join([*bad[:_MOST_TOLD], *more]))
    if not words:
        refuse(file, "no VIN, one a line, is in it")
    return [word for _, word in words]


def pem_of(file: Path) -> str:
    """The text of a PEM file. Raises click.UsageError."""
    text = text_of(file)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.isascii():
            refuse(file, f"line {number}: PEM is ASCII alone")
    if "-----BEGIN " not in text:
        refuse(file, "no PEM: no line begins with -----BEGIN")
    return text


def text_of(file: Path) -> str:
    """UTF-8, with or without a byte order mark. Raises click.UsageError."""
    with file.open("rb") as content:
        octets = content.read(_LONGEST + 1)
    if len(octets) > _LONGEST:
        refuse(file, f"longer than {_LONGEST} octets")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        refuse(file, f"line {line}: not UTF-8; save it as UTF-8")


def refuse(file: Path, why: str) -> NoReturn:
    raise click.UsageError(f"{file}: {why}")
