"""`v2xpki ota vehicle`: the vehicles that the Director knows."""

import json
from pathlib import Path
from typing import Any

import click

from v2xpki.cli.ota_desks import desk_options, desks
from v2xpki.cli.output import json_option, note, print_json

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_VIN = click.argument("vin", metavar="VIN")
_REASON = click.option("--reason", required=True, help="Why, for the record.")


@click.group("vehicle")
def command() -> None:
    """Vehicles: register in the OEM's name, show, list, block, retire."""


@command.command("register")
@_VIN
@click.option("--model", required=True)
@click.option("--ecus", type=_FILE, required=True, help="JSON: the list of ECUs, as a registration has it.")
@click.option("--csr", type=_FILE, required=True, help="PEM: the Primary's request for a TLS certificate.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the certificate (PEM) goes."
)
@desk_options
@json_option
def register(
    vin: str, model: str, ecus: Path, csr: Path, out: Path | None, *, as_json: bool, **reach: Any
) -> None:
    """Register VIN with its ECUs in the OEM's name, for vehicles whose enrolment credential cannot."""
    from v2xpki.ota.director_desk import DirectorDesk

    try:
        listed = json.loads(ecus.read_bytes())
    except ValueError:
        raise click.BadParameter(f"{ecus} is no JSON") from None
    body = {"vin": vin, "model": model, "ecus": listed, "csr": csr.read_text(encoding="ascii")}
    with desks(**reach) as found:
        registered = found.call(DirectorDesk, "register_vehicle", None, body)
    if out is not None:
        out.write_text(registered["certificate"], encoding="ascii")
        note(f"the certificate is in {out}")
    _show(registered, as_json=as_json)


@command.command("show")
@_VIN
@desk_options
@json_option
def show(vin: str, *, as_json: bool, **reach: Any) -> None:
    """Its ECUs, what it is offered and why not, what it reported; registrations of VIN that ended."""
    from v2xpki.ota.director_desk import DirectorDesk

    with desks(**reach) as found:
        _show(found.call(DirectorDesk, "vehicle", {"vin": vin}), as_json=as_json)


@command.command("list")
@click.option("--after", default="", help="Those after this VIN.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@desk_options
@json_option
def list_vehicles(after: str, limit: int, *, as_json: bool, **reach: Any) -> None:
    """List the vehicles that are registered, by VIN."""
    from v2xpki.ota.director_desk import DirectorDesk

    with desks(**reach) as found:
        vehicles = found.call(DirectorDesk, "vehicles", {"after": after, "limit": str(limit)})
    if as_json:
        print_json(vehicles)
        return
    for one in vehicles:
        click.echo("  ".join(str(one[key]) for key in ("vin", "model", "state") if key in one))


@command.command("block")
@_VIN
@_REASON
@desk_options
@json_option
def block(vin: str, reason: str, *, as_json: bool, **reach: Any) -> None:
    """Serve it nothing any more."""
    _call("block_vehicle", vin, reason, reach, as_json=as_json)


@command.command("unblock")
@_VIN
@_REASON
@desk_options
@json_option
def unblock(vin: str, reason: str, *, as_json: bool, **reach: Any) -> None:
    """Serve it again."""
    _call("unblock_vehicle", vin, reason, reach, as_json=as_json)


@command.command("retire")
@_VIN
@_REASON
@desk_options
@json_option
def retire(vin: str, reason: str, *, as_json: bool, **reach: Any) -> None:
    """End its registration for good. VIN, credential and ECUs may then register anew; what it was offered and
    reported stays as evidence."""
    _call("retire_vehicle", vin, reason, reach, as_json=as_json)


def _call(name: str, vin: str, reason: str, reach: dict[str, Any], *, as_json: bool) -> None:
    from v2xpki.ota.director_desk import DirectorDesk

    with desks(**reach) as found:
        _show(found.call(DirectorDesk, name, {"vin": vin}, {"reason": reason}), as_json=as_json)


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for key, value in document.items():
        if value not in (None, "", []):
            click.echo(f"{key}: {value if isinstance(value, str | int) else json.dumps(value)}")
