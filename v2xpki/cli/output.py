"""What commands print: results on stdout (`--json`: exactly one document), everything else on stderr."""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from v2xpki.disk import disk_full
from v2xpki.errors import DiskFull

Command = TypeVar("Command", bound=Callable[..., Any])
#: Told of octets that are there, and of all of them.
Progress = Callable[[int, int], object]
_MOST_SHOWN = 10


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


def print_facts(document: Mapping[str, Any], *, indent: int = 0) -> None:
    """A document for people, a line a member, without those that are empty; long lists are cut short."""
    for name, value in document.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, Mapping):
            click.echo(f"{' ' * indent}{name}:")
            print_facts(value, indent=indent + 2)
        else:
            click.echo(f"{' ' * indent}{name}: {_on_a_line(value)}")


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout, for people; where no terminal limits it, no row is broken. Without rows nothing."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    if table.row_count:
        width = None if sys.stdout.isatty() else 10_000
        Console(width=width, markup=False, highlight=False, emoji=False).print(table)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress | None]:
    """A bar on stderr for what takes long; None where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("octets", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


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


def _on_a_line(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_on_a_line(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        more = [f"and {len(value) - _MOST_SHOWN} more (--json)"] if len(value) > _MOST_SHOWN else []
        return ", ".join([*map(_on_a_line, value[:_MOST_SHOWN]), *more])
    return str(value)


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
