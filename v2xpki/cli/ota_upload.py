"""`v2xpki ota upload`: images that were sent and are no release yet."""

from typing import Any

import click

from v2xpki.cli.ota_desks import desk_options, desks
from v2xpki.cli.output import json_option, print_json


@click.group("upload")
def command() -> None:
    """Your uploads that broke off, or whose release was refused; `release add --upload ID` goes on."""


@command.command("list")
@desk_options
@json_option
def list_uploads(*, as_json: bool, **reach: Any) -> None:
    """List your uploads, the first to be forgotten first."""
    with desks(**reach) as found:
        uploads = found.uploads()
    if as_json:
        print_json(uploads)
        return
    for one in uploads:
        click.echo(f"{one['id']}  {one['offset']} of {one['length']} octets  until {one['expires']}")


@command.command("drop")
@click.argument("identifiers", metavar="ID...", nargs=-1, required=True)
@desk_options
@json_option
def drop(identifiers: tuple[str, ...], *, as_json: bool, **reach: Any) -> None:
    """Delete uploads."""
    with desks(**reach) as found:
        for one in identifiers:
            found.drop_upload(one)
    if as_json:
        print_json({"dropped": list(identifiers)})
        return
    for one in identifiers:
        click.echo(f"dropped {one}")
