"""What commands print: results on stdout (`--json`: exactly one document), everything else on stderr."""

import functools
import json
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from v2xpki.disk import disk_full
from v2xpki.errors import DiskFull

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(function: Command) -> Command:
    """The `--json` flag, as the parameter `as_json`. That a disk is full is a document, too."""

    @functools.wraps(function)
    def told(*given: Any, **options: Any) -> Any:
        try:
            return function(*given, **options)
        except (DiskFull, OSError) as error:
            full = error if isinstance(error, DiskFull) else disk_full(error)
            if full is not None and options.get("as_json"):
                about = {"place": full.place, "message": str(full), "hint": full.hint}
                print_json({"error": "disk-full", **about})
            raise

    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(
        cast(Command, told)
    )


def print_json(document: object) -> None:
    """One JSON document on stdout; octets become lower-case hex."""
    click.echo(json.dumps(_plain(document), indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """Progress and remarks for people: stderr, so that stdout stays a result."""
    click.echo(text, err=True)


def confirm(question: str, *, yes: bool) -> bool:
    """Whether the operator says so; without a terminal and without --yes nobody can, so no."""
    if yes:
        return True
    if not sys.stdin.isatty():
        return False
    return click.confirm(question, err=True)


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    return value
