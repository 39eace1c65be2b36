"""`v2xpki ota ecu`: ECUs come with their vehicle; one may take another's place."""

from pathlib import Path
from typing import Any

import click

from v2xpki.cli.ota_desks import desk_options, desks
from v2xpki.cli.ota_files import json_of
from v2xpki.cli.ota_options import YES, require_yes
from v2xpki.cli.ota_vehicle import register
from v2xpki.cli.output import json_option, print_json


@click.group("ecu")
def command() -> None:
    """ECUs: register a vehicle's, replace one."""


# ECUs are registered with their vehicle, all at once, whichever of the two is meant.
command.add_command(register)


@command.command("replace")
@click.argument("identifier", metavar="ECU")
@click.argument("entry", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@YES
@desk_options
@json_option
def replace(identifier: str, entry: Path, *, yes: bool, as_json: bool, **reach: Any) -> None:
    """Put the ECU that ENTRY (JSON, as a registration has one) describes in the place of ECU, whose id is
    never used again. Where it is the Primary, the vehicle's client certificate ends: it has to register
    again."""
    from v2xpki.ota.director_desk import DirectorDesk

    body = json_of(entry, dict)
    with desks(**reach) as found:
        require_yes(f"Put {body.get('ecuId')} in the place of {identifier} for good?", yes=yes)
        vehicle = found.call(DirectorDesk, "replace_ecu", {"id": identifier}, body)
    if as_json:
        print_json(vehicle)
        return
    click.echo(f"{identifier} is replaced by {body['ecuId']}")
    if body["primary"]:
        click.echo(
            f"it is the Primary: the client certificate of {vehicle['vin']} is refused from now on. The "
            "vehicle has to register again: v2xpki client ota register, or v2xpki ota vehicle register"
        )
