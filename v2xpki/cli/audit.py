"""`v2xpki audit`: what was done, and is the record of it intact?"""

import heapq
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from v2xpki.audit import Event
from v2xpki.cli.output import json_option, note, print_json, print_rows
from v2xpki.time import iso_from_time32

if TYPE_CHECKING:
    from collections.abc import Iterator

    from v2xpki.audit import AuditEntry
    from v2xpki.store import Database

_COLUMNS = ("sequence", "time", "domain", "event", "detail")
_MOST = 1_000_000  # entries that are read into memory


@click.group()
def command() -> None:
    """Show and check the audit records of an instance, and note where they end."""


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


@command.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--domain", "domains", multiple=True, help="Only this trust domain (repeatable).")
@click.option(
    "--event",
    type=click.Choice([event.value for event in Event]),
    metavar="EVENT",
    help="Only entries of this event, such as registration.refused.",
)
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=100, show_default=True, help="At most so many entries."
)
@json_option
def show(directory: Path, domains: tuple[str, ...], event: str | None, limit: int, as_json: bool) -> None:
    """What was done, newest first; what is of one hour by domain. Changes nothing and opens no token.

    Times are whole hours (UTC). Whether the record is intact is for `audit verify` to say.
    """
    from v2xpki.store import auditing

    records = []
    for name, database in _databases(directory, tuple(dict.fromkeys(domains))):
        with database:
            found = auditing.newest(database, limit + 1, Event(event) if event else None)
        records.append([(name, entry) for entry in found])
    # Merged, not sorted: a domain's own entries stay in their order though its clock was set back.
    merged = heapq.merge(*records, key=lambda one: -one[1].time)
    rows = [_shown(name, entry) for name, entry in islice(merged, limit)]
    more = sum(map(len, records)) > limit
    if as_json:
        entries = [dict(zip(_COLUMNS, [*row[:-1], _read(row[-1])], strict=True)) for row in rows]
        print_json({"entries": entries, "more": more})
        return
    print_rows(_COLUMNS, ([_printable(str(cell)) for cell in row] for row in rows))
    if more:
        note(f"there are more than these {limit}: --limit, --domain and --event say which are shown")
    if not rows:
        note("no such entry" if event else "no entry")


def _shown(domain: str, entry: "AuditEntry") -> tuple[int, str, str, str, str]:
    return entry.sequence, iso_from_time32(entry.time), domain, entry.event, entry.detail


def _read(detail: str) -> object:
    """An entry's fields; the text itself where someone made it something else than JSON."""
    try:
        return json.loads(detail)
    except ValueError:
        return detail


def _printable(text: str) -> str:
    """As it is; what someone wrote into a record to steer a terminal is escaped."""
    return text if text.isprintable() else ascii(text)


def _databases(directory: Path, domains: tuple[str, ...]) -> "Iterator[tuple[str, Database]]":
    from v2xpki.config import Instance
    from v2xpki.store import Database

    instance = Instance.load(directory)
    for name in domains or instance.domain_names:
        yield name, Database.open(instance.domain(name).database_url, must_exist=True)
