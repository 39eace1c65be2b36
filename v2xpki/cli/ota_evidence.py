"""`v2xpki ota evidence`: reports for the type-approval authority, where both repositories' databases are."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from v2xpki.store import Transaction

_INSTANCE = click.option(
    "--instance",
    "directory",
    required=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The instance, with the databases of image and director.",
)
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
@_INSTANCE
@click.option("--vehicles", type=click.IntRange(1), metavar="N", help="At most so many vehicles.")
@click.option("--after", default="", metavar="VIN", help="Those that come after this one.")
@_HTML
@json_option
def release(
    release: str, directory: Path, *, vehicles: int | None, after: str, html: Path | None, as_json: bool
) -> None:
    """Report on a release: who added, approved and signed it, and what became of it in each vehicle."""
    from v2xpki.ota.evidence import delivery_half, release_half, release_report
    from v2xpki.time import SystemClock

    with _reading(directory) as (image, director):
        half = release_half(image, release)
        delivery = delivery_half(director, half.path, after=after, vehicles=vehicles)
    report = release_report(half.document(), delivery.document(), SystemClock().time32())
    _give(report, html, as_json=as_json)
    if not as_json:
        signers = {signing.signer or signing.keyid for one in half.listed_by for signing in one.signatures}
        click.echo(f"{half.name} {half.version} for {half.hardware_id}: {half.state}")
        click.echo(f"RXSWIN: {', '.join(half.rxswin) or 'none'}")
        click.echo(f"approved by {', '.join(one.operator for one in half.approvals) or 'nobody'}")
        click.echo(f"signed by {', '.join(sorted(signers)) or 'nobody'}")
        for state, count in sorted(delivery.counts.items()):
            click.echo(f"{state}: {count}")


@command.command("vehicle")
@click.argument("vin", metavar="VIN")
@_INSTANCE
@_HTML
@json_option
def vehicle(vin: str, directory: Path, *, html: Path | None, as_json: bool) -> None:
    """Report on a vehicle: what it was offered, what it reported, and who signed that."""
    from v2xpki.ota.evidence import known_releases, vehicle_half, vehicle_report
    from v2xpki.time import SystemClock

    with _reading(directory) as (image, director):
        half = vehicle_half(director, vin)
        releases = known_releases(image, half.paths)
    report = vehicle_report(half.document(), [one.document() for one in releases], SystemClock().time32())
    _give(report, html, as_json=as_json)
    if not as_json:
        click.echo(f"{half.vin}, {half.model}: {half.state}; last report {half.reported or 'never'}")
        for number, ecus in half.rxswin.items():
            click.echo(f"RXSWIN {number}: {', '.join(ecus)}")
        for offer in half.offers:
            click.echo(f"{offer.offered}  {offer.ecu}  {offer.path}  {offer.state}  {offer.detail}".rstrip())


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
        with html.open("x", encoding="utf-8") as file:
            file.write(page(report))
        note(f"written: {html}")
    if as_json:
        print_json(report)
