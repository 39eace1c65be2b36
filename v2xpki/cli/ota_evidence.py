"""`v2xpki ota evidence`: reports for the type-approval authority, where both repositories' databases are, or
over the operators' interface."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli.ota_desks import desk_options, desks, release_of
from v2xpki.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from v2xpki.store import Transaction

_HTML = click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it as a page, to read and to print; an existing file is kept.",
)


@click.group("evidence")
def command() -> None:
    """Report what was offered, to whom, when, by whose signatures, and what was reported back (UN R156)."""


@command.command("release")
@click.argument("release", metavar="ID|PATH")
@click.option("--vehicles", type=click.IntRange(1), metavar="N", help="At most so many vehicles.")
@click.option("--after", default="", metavar="VIN", help="Those that come after this one.")
@_HTML
@desk_options
@json_option
def release(
    release: str, *, vehicles: int | None, after: str, html: Path | None, as_json: bool, **reach: Any
) -> None:
    """Report on a release: who added, approved and signed it, and what became of it in each vehicle."""
    if reach["directory"] is not None and reach["server"] is None:
        report = _release_here(reach["directory"], release, after, vehicles)
    else:
        from v2xpki.ota.evidence_desk import EvidenceDesk

        with desks(**reach) as found:
            parameters = {"id": release_of(found, release)["id"], "after": after}
            if vehicles is not None:
                parameters["vehicles"] = str(vehicles)
            report = found.call(EvidenceDesk, "release_evidence", parameters)
    _give(report, html, as_json=as_json)
    if not as_json:
        of, delivery = report["release"], report["delivery"]
        signers = {one["signer"] or one["keyid"] for listed in of["listedBy"] for one in listed["signatures"]}
        click.echo(f"{of['name']} {of['version']} for {of['hardwareId']}: {of['state']}")
        click.echo(f"RXSWIN: {', '.join(of['rxswin']) or 'none'}")
        click.echo(f"approved by {', '.join(one['operator'] for one in of['approvals']) or 'nobody'}")
        click.echo(f"signed by {', '.join(sorted(signers)) or 'nobody'}")
        for state, count in sorted(delivery["counts"].items()):
            click.echo(f"{state}: {count}")
    if report["delivery"]["more"] is not None:
        note(f"there are more vehicles: --after {report['delivery']['more']}")


@command.command("vehicle")
@click.argument("vin", metavar="VIN")
@_HTML
@desk_options
@json_option
def vehicle(vin: str, *, html: Path | None, as_json: bool, **reach: Any) -> None:
    """Report on a vehicle: what it was offered, what it reported, and who signed that."""
    if reach["directory"] is not None and reach["server"] is None:
        report = _vehicle_here(reach["directory"], vin)
    else:
        from v2xpki.ota.evidence_desk import EvidenceDesk

        with desks(**reach) as found:
            report = found.call(EvidenceDesk, "vehicle_evidence", {"vin": vin})
    _give(report, html, as_json=as_json)
    if not as_json:
        of = report["vehicle"]
        click.echo(f"{of['vin']}, {of['model']}: {of['state']}; last report {of['reported'] or 'never'}")
        for number, ecus in of["rxswin"].items():
            click.echo(f"RXSWIN {number}: {', '.join(ecus)}")
        for one in of["offers"]:
            told = (one[key] for key in ("offered", "ecu", "path", "state", "detail"))
            click.echo("  ".join(told).rstrip())


def _release_here(directory: Path, release: str, after: str, vehicles: int | None) -> dict[str, Any]:
    from v2xpki.ota.evidence import delivery_half, release_half, release_report
    from v2xpki.time import SystemClock

    with _reading(directory) as (image, director):
        half = release_half(image, release)
        delivery = delivery_half(director, half.path, after=after, vehicles=vehicles)
    return release_report(half.document(), delivery.document(), SystemClock().time32())


def _vehicle_here(directory: Path, vin: str) -> dict[str, Any]:
    from v2xpki.ota.evidence import known_releases, vehicle_half, vehicle_report
    from v2xpki.time import SystemClock

    with _reading(directory) as (image, director):
        half = vehicle_half(director, vin)
        releases = known_releases(image, half.paths)
    return vehicle_report(half.document(), [one.document() for one in releases], SystemClock().time32())


@contextmanager
def _reading(directory: Path) -> "Iterator[tuple[Transaction, Transaction]]":
    """A reading transaction of each database: image, director."""
    from v2xpki.config import Instance
    from v2xpki.store import Database

    instance = Instance.load(directory)
    with ExitStack() as stack:
        image, director = (
            stack.enter_context(Database.open(instance.domain(name).database_url, must_exist=True))
            for name in ("image", "director")
        )
        yield stack.enter_context(image.read()), stack.enter_context(director.read())


def _give(report: dict[str, Any], html: Path | None, *, as_json: bool) -> None:
    from v2xpki.ota.evidence import page

    if html is not None:
        try:
            with html.open("x", encoding="utf-8") as file:
                file.write(page(report))
        except OSError as error:
            raise click.UsageError(f"--html {html}: {error.strerror}") from None
        note(f"written: {html}")
    if as_json:
        print_json(report)
