"""`v2xpki bench`: what this machine does, and what the cryptography alone would cost on it."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from v2xpki.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from v2xpki.bench import Result


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", default=10.0, show_default=True, help="Of work, for each benchmark.")
@json_option
def command(names: tuple[str, ...], seconds: float, as_json: bool) -> None:
    """Run benchmarks (all, or those named) on a fresh instance in a temporary folder."""
    from v2xpki import bench

    known = bench.names()
    for name in names:
        if name not in known:
            raise click.BadParameter(f"no benchmark {name!r}; there are {', '.join(known)}")
    with tempfile.TemporaryDirectory(prefix="v2xpki-bench-") as folder:
        results = bench.run_all(list(names) or known, seconds, Path(folder), progress=note)
    if as_json:
        print_json([result.document() for result in results])
    else:
        _print_table(results)


def _print_table(results: "list[Result]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("benchmark", "rate", "floor", "efficiency", "parts of the floor")
    for result in results:
        parts = ", ".join(f"{p['count']:g} {name} {p['us']:.0f} us" for name, p in result.detail.items())
        table.add_row(
            result.name,
            "skipped" if result.value is None else f"{result.value:,.0f} {result.unit}",
            "" if result.floor is None else f"{result.floor:.0f} us",
            "" if result.efficiency is None else f"{result.efficiency:.2f}",
            parts,
        )
    Console().print(table)
    for result in results:
        if result.skipped is not None:
            click.echo(f"{result.name}: {result.skipped}")
