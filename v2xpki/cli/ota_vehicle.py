"""`v2xpki ota vehicle`: the vehicles that the Director knows."""

import json
from pathlib import Path
from typing import Any

import click

from v2xpki.cli.ota_desks import desk_options, desks
from v2xpki.cli.output import json_option, note, print_json

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_VIN = click.argument("vin", metavar="VIN")
_AFTER = click.option("--after", default="", help="Those after this VIN.")
_LIMIT = click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
_REASON = click.option("--reason", required=True, help="Why, for the record.")


@click.group("vehicle")
def command() -> None:
    """Vehicles: register in the OEM's name, show, list, block, retire; expect them to register."""


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
@_AFTER
@_LIMIT
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


@command.command("expect")
@click.argument("file", type=_FILE, required=False)
@click.option("--remove", "removed", metavar="VIN", help="Take this one off the list instead.")
@desk_options
@json_option
def expect(file: Path | None, removed: str | None, *, as_json: bool, **reach: Any) -> None:
    """Put the vehicles of FILE on the list of those that may register by their credential.

    FILE is CSV with the columns vin, model and, where they are known, credential (HashedId8 of the enrolment
    credential) and ecus (ids, with spaces between them); or the same as JSON, a line each. All of it is taken
    or none; an entry of the same VIN is replaced. The list is asked where `[ota] registration` is "expected".
    """
    from v2xpki.ota.director_desk import DirectorDesk
    from v2xpki.trust.ota.expected import read_expectations

    if (file is None) == (removed is None):
        raise click.UsageError("either FILE or --remove VIN")
    with desks(**reach) as found:
        if removed is not None:
            _show(found.call(DirectorDesk, "remove_expected_vehicle", {"vin": removed}), as_json=as_json)
            return
        assert file is not None
        listed = [one.document() for one in read_expectations(file.read_bytes(), str(file))]
        done = found.call(DirectorDesk, "expect_vehicles", None, {"vehicles": listed})
    _show(done, as_json=as_json)
    if done["registration"] != "expected":
        note('the list is not asked: set registration = "expected" in [ota] and start the service anew')


@command.command("expected")
@_AFTER
@_LIMIT
@desk_options
@json_option
def expected(after: str, limit: int, *, as_json: bool, **reach: Any) -> None:
    """List the vehicles that may register by their credential, by VIN, and those of them that have."""
    from v2xpki.ota.director_desk import DirectorDesk

    with desks(**reach) as found:
        listed = found.call(DirectorDesk, "expected_vehicles", {"after": after, "limit": str(limit)})
    if as_json:
        print_json(listed)
        return
    for one in listed:
        ecus = "any ECUs" if one["ecus"] is None else " ".join(one["ecus"])
        state = "registered" if one["registered"] else "waiting"
        click.echo(f"{one['vin']}  {one['model']}  {state}  {one['credential']} credential  {ecus}")


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
