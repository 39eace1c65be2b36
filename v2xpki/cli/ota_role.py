"""`v2xpki ota role`: what a repository publishes."""

import json
from pathlib import Path
from typing import Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.ota_desks import desk_options
from v2xpki.cli.ota_options import CHOSEN, opened, repository_options
from v2xpki.cli.ota_sign_desks import signing_desk
from v2xpki.cli.output import json_option, note, print_json


@click.group("role")
def command() -> None:
    """List and show the roles of a repository."""


@command.command("list")
@CHOSEN
@desk_options
@json_option
def list_roles(repository: str, *, as_json: bool, **reach: Any) -> None:
    """List roles with version, expiry, keys and threshold. Exits 1 where one has expired."""
    with signing_desk(repository, token=False, **reach) as desk:
        roles = [_counted(one) for one in desk.call("roles", {}, None)]
    if as_json:
        print_json(roles)
    else:
        click.echo("role                  version  expires               days  signed by")
        for one in roles:
            where = "the token" if one["online"] else f"{one['threshold']} of {len(one['keyids'])}"
            end, days = one["expires"], one["left"] // 86400
            click.echo(f"{one['role']:20}  {one['version']:7}  {end}  {days:4}  {where}")
    for one in roles:
        if one["left"] <= 0:
            note(f"{one['role']} has expired: no client follows")
        elif one["due"]:
            note(f"{one['role']} ends soon; `v2xpki ota sign request {one['role']}` asks for the next")
    if any(one["left"] <= 0 for one in roles):
        raise click.exceptions.Exit(EXIT_NO)


@command.command("show")
@click.argument("role")
@repository_options
@click.option("--version", type=click.IntRange(1), help="By default the newest.")
@json_option
def show(role: str, directory: Path, repository: str, version: int | None, *, as_json: bool) -> None:
    """Print a role's metadata as clients get it."""
    with opened(directory, repository, token=False) as found:
        newest = found.state().versions.get(role)
        octets = newest.octets if newest else None
        if version is not None and (newest is None or version != newest.version):
            octets = found.read(f"{version}.{role}.json")
    if octets is None:
        note(f"no {role} of this version is published")
        raise click.exceptions.Exit(EXIT_NO)
    document = json.loads(octets)
    if as_json:
        print_json(document)
        return
    signed = document["signed"]
    click.echo(f"{role} version {signed['version']}, expires {signed['expires']}")
    click.echo(f"signed by {', '.join(one['keyid'][:16] for one in document['signatures'])}")
    for path, about in signed.get("targets", {}).items():
        click.echo(f"{path}  {about['length']}  {about['hashes'].get('sha256', '')}")
    for one in signed.get("delegations", {}).get("roles", ()):
        click.echo(f"delegates {' '.join(one['paths'])} to {one['name']}: {_asked(one)}")
    for name, one in signed.get("roles", {}).items():
        click.echo(f"{name}: {_asked(one)}")


def _asked(role: dict[str, Any]) -> str:
    return f"{role['threshold']} of {', '.join(keyid[:16] for keyid in role['keyids'])}"


def _counted(one: dict[str, Any]) -> dict[str, Any]:
    """A role of the desk's, the seconds that are left under the name that they have always had here."""
    return {"left" if name == "secondsLeft" else name: value for name, value in one.items()}
