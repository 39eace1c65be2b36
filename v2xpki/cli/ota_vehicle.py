"""`v2xpki ota vehicle`: the vehicles that the Director knows."""

from pathlib import Path
from typing import Any

import click

from v2xpki.cli.ota_desks import desk_options, desks
from v2xpki.cli.ota_files import json_of, pem_of
from v2xpki.cli.ota_options import YES, require_yes
from v2xpki.cli.output import json_option, note, print_facts, print_json, print_rows

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

    body = {"vin": vin, "model": model, "ecus": json_of(ecus, list), "csr": pem_of(csr)}
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
        vehicle = found.call(DirectorDesk, "vehicle", {"vin": vin})
    if as_json:
        print_json(vehicle)
    else:
        _print_vehicle(vehicle)


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
    shown = ("vin", "model", "state", "reported")
    print_rows(shown, ([one.get(key) for key in shown] for one in vehicles))


@command.command("block")
@_VIN
@_REASON
@YES
@desk_options
@json_option
def block(vin: str, reason: str, *, yes: bool, as_json: bool, **reach: Any) -> None:
    """Serve it nothing any more."""
    _call("block_vehicle", vin, reason, reach, as_json=as_json, sure=(f"Serve {vin} nothing more?", yes))


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
@YES
@desk_options
@json_option
def retire(vin: str, reason: str, *, yes: bool, as_json: bool, **reach: Any) -> None:
    """End its registration for good. VIN, credential and ECUs may then register anew; what it was offered and
    reported stays as evidence."""
    question = f"End the registration of {vin} for good?"
    _call("retire_vehicle", vin, reason, reach, as_json=as_json, sure=(question, yes))


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
    rows = [
        (
            one["vin"],
            one["model"],
            "registered" if one["registered"] else "waiting",
            one["credential"],
            "any" if one["ecus"] is None else " ".join(one["ecus"]),
        )
        for one in listed
    ]
    print_rows(("vin", "model", "state", "credential", "ecus"), rows)


def _call(
    name: str, vin: str, reason: str, reach: dict[str, Any], *, as_json: bool,
    sure: tuple[str, bool] | None = None,
) -> None:  # fmt: skip
    """sure: what is asked first, and whether the answer was given."""
    from v2xpki.ota.director_desk import DirectorDesk

    with desks(**reach) as found:
        if sure is not None:
            require_yes(sure[0], yes=sure[1])
        vehicle = found.call(DirectorDesk, name, {"vin": vin}, {"reason": reason})
    if as_json:
        print_json(vehicle)
    else:
        click.echo(f"{vehicle['vin']}  {vehicle['model']}  {vehicle['state']}")


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    (print_json if as_json else print_facts)(document)


def _print_vehicle(vehicle: dict[str, Any]) -> None:
    listed = ("earlier", "ecus", "offers", "withheld", "manifests")
    print_facts({name: value for name, value in vehicle.items() if name not in listed})
    parts: dict[tuple[str, ...], list[Any]] = {
        ("ECU", "hardware", "Primary", "installed", "counter", "replaced by", "attack"): [
            (
                one["ecuId"],
                one["hardwareId"],
                "yes" if one["primary"] else "no",
                one["installed"] and one["installed"]["path"],
                one["installed"] and one["installed"]["releaseCounter"],
                one["replacedBy"],
                one["attack"],
            )
            for one in vehicle["ecus"]
        ],
        ("offered to", "path", "state", "offered", "reported", "detail"): [
            [one[name] for name in ("ecuId", "path", "state", "offered", "reported", "detail")]
            for one in vehicle["offers"]
        ],
        ("withheld", "why"): list(vehicle["withheld"].items()),
        ("manifest", "received", "attacks"): [
            (one["counter"], one["received"], one["attacks"]) for one in vehicle["manifests"]
        ],
        ("registered before", "retired", "by", "reason"): [
            (one["registered"], *(one["retired"][name] for name in ("at", "by", "reason")))
            for one in vehicle["earlier"]
        ],
    }
    for columns, rows in parts.items():
        if rows:
            click.echo()
            print_rows(columns, rows)
    if vehicle["manifests"]:
        note("--json has the manifests as they were signed")
