"""`v2xpki audit`: is the record of what was done intact?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from v2xpki.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from v2xpki.store import Database


@click.group()
def command() -> None:
    """Check the audit records of an instance, and note where they end."""


@command.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--domain", "domains", multiple=True, help="Only this trust domain (repeatable).")
@click.option(
    "--checkpoints",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that `audit checkpoint` wrote; without it a chain made anew goes unnoticed.",
)
@json_option
@click.pass_context
def verify(
    ctx: click.Context, directory: Path, domains: tuple[str, ...], checkpoints: Path | None, as_json: bool
) -> None:
    """Read each domain's record from the start. Exit code 1 when one of them is not intact."""
    from v2xpki.audit import Checkpoint
    from v2xpki.store.auditing import examine

    lines = checkpoints.read_text().splitlines() if checkpoints else []
    points = [Checkpoint.from_json(line) for line in lines if line.strip()]
    reports = []
    for name, database in _databases(directory, domains):
        with database:
            report = examine(database, points)
        reports.append((name, report))
        state = "intact" if report.intact else "NOT INTACT"
        note(f"{name:5} {state}: {report.entries} entries, {report.records} issuance records")
        for finding in report.findings:
            note(f"      {finding.rule}: {finding.message}")
    intact = all(report.intact for _, report in reports)
    if as_json:
        print_json(
            {
                "intact": intact,
                "domains": [
                    {
                        "domain": name,
                        "intact": report.intact,
                        "entries": report.entries,
                        "records": report.records,
                        "head": report.head._asdict() if report.head else None,
                        "findings": [vars(finding) for finding in report.findings],
                    }
                    for name, report in reports
                ],
            }
        )
    ctx.exit(0 if intact else 1)


@command.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--domain", "domains", multiple=True, help="Only this trust domain (repeatable).")
def checkpoint(directory: Path, file: Path, domains: tuple[str, ...]) -> None:
    """Append to FILE where each domain's record ends now. Keep FILE on another machine.

    Refuses to note the end of a record that is not intact.
    """
    from v2xpki.store import auditing

    for name, database in _databases(directory, domains):
        with database:
            auditing.require_intact(database)
            point = auditing.checkpoint(database)
        with file.open("a") as out:
            out.write(point.to_json() + "\n")
        note(f"{name:5} entry {point.sequence}")


def _databases(directory: Path, domains: tuple[str, ...]) -> "Iterator[tuple[str, Database]]":
    from v2xpki.config import Instance
    from v2xpki.store import Database

    instance = Instance.load(directory)
    for name in domains or instance.domain_names:
        yield name, Database.open(instance.domain(name).database_url, must_exist=True)
