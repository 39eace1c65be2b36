"""`v2xpki client scms`: a device of an SCMS against any PKI's URLs, working in a directory of its own."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.client_text import degrees_of, octets_of, place_of, station_errors, tell_verdicts
from v2xpki.cli.output import json_option, note, print_json
from v2xpki.errors import ConfigError

if TYPE_CHECKING:
    from v2xpki.crypto import Certificate
    from v2xpki.station.scms.device import ScmsRsu, ScmsVehicle
    from v2xpki.station.scms.supplies import Supply
    from v2xpki.wire import dot2

_DIR = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_BSM = 32


@click.group("scms")
def command() -> None:
    """A vehicle or roadside unit of an IEEE 1609.2.1 SCMS.

    \b
      v2xpki client scms init car --id obu-1 --url http://127.0.0.1:8080 --elector e1.oer --elector e2.oer
      v2xpki station register /srv/pki --scms --id obu-1 --key car/canonical.pub.pem --profile obe
      v2xpki client scms enrol car
      v2xpki client scms request car
      v2xpki client scms download car
      v2xpki client scms sign car --payload 0102 --out bsm.oer
      v2xpki client scms verify rsu bsm.oer
    """


@command.command("init")
@_DIR
@click.option("--id", "canonical_id", default=None, metavar="TEXT", help="Canonical id; none: unregistered.")
@click.option("--url", default=None, metavar="URL", help="Of the PKI, before /v3.")
@click.option("--eca", default=None, metavar="URL", help="Of the ECA, where it is elsewhere.")
@click.option("--ra", default=None, metavar="URL", help="Of the RA, where it is elsewhere.")
@click.option("--dc", default=None, metavar="URL", help="Of the distribution centre; by default the RA's.")
@click.option(
    "--elector", "electors", multiple=True, required=True, type=_FILE, help="An elector's certificate."
)
@click.option("--quorum", default=None, type=click.IntRange(1), help="Signatures of electors; most of them.")
@click.option("--profile", default="obe", type=click.Choice(["obe", "rsu"]))
@click.option("--region", default=None, metavar="TEXT", help="countries:276,40 or circle:48.1,11.5,500")
@click.option("--tls-ca", default=None, type=_FILE, help="PEM of the CA for https.")
@click.option("--key", default=None, type=_FILE, help="Canonical private key (PEM); else one is made.")
@click.option("--change-seconds", default=300, type=click.IntRange(0), help="Another pseudonym; 0: not so.")
@click.option("--change-messages", default=0, type=click.IntRange(0), help="After so many; 0: not so.")
@click.option("--epoch", default=None, type=click.IntRange(0), help="Start of period 0, TAI seconds.")
@click.option("--period", default=None, type=click.IntRange(1), help="Length of an i-period, seconds.")
@click.option("--overlap", default=None, type=click.IntRange(0), help="Of certificates, seconds.")
def init(
    directory: Path, electors: tuple[Path, ...], quorum: int | None, key: Path | None, **given: Any
) -> None:
    """Make a device's directory with its canonical key, and the electors that it trusts."""
    from v2xpki.crypto import Certificate, Curve
    from v2xpki.keystore.memory import MemoryKey
    from v2xpki.station.scms.state import Anchors, ScmsDirectory, ScmsSettings
    from v2xpki.trust.regions import from_text

    url = given.pop("url")
    for name in ("eca", "ra", "dc"):
        base = given[name] or (given["ra"] if name == "dc" else None) or url
        if base is None or not base.startswith(("http://", "https://")):
            raise ConfigError(f"no http or https URL of the {name.upper()}", hint=f"--url, or --{name}")
        given[name] = base.rstrip("/")
    if given["region"] is not None:
        from_text(given["region"])
    ca = given.pop("tls_ca")
    settings = ScmsSettings(
        tls_ca=None if ca is None else str(Path(ca).resolve()),
        **{name: value for name, value in given.items() if value is not None or name == "canonical_id"},
    )
    trusted = tuple(Certificate.parse(path.read_bytes()) for path in electors)
    needed = quorum or len(trusted) // 2 + 1
    if needed > len(trusted):
        raise ConfigError(f"a quorum of {needed} of {len(trusted)} electors")
    canonical = MemoryKey.from_pem(key.read_bytes()) if key else MemoryKey.generate(Curve.NIST_P256)
    with station_errors():
        ScmsDirectory.create(directory, settings, canonical, Anchors(trusted, needed))
    public = directory / "canonical.pub.pem"
    public.write_bytes(canonical.public_key.to_pem())
    click.echo(f"{public}: register it with the ECA's operator")
    if settings.canonical_id is not None:
        who = f"--id {settings.canonical_id} --key {public} --profile {settings.profile}"
        note(f"v2xpki station register DIR --scms {who}")


@command.command("enrol")
@_DIR
@json_option
def enrol(directory: Path, as_json: bool) -> None:
    """Obtain an enrolment certificate by the canonical key."""
    with station_errors():
        device = _refreshed(directory)
        certificate = device.enrol()
    _print([certificate], as_json)


@command.command("successor")
@_DIR
@json_option
def successor(directory: Path, as_json: bool) -> None:
    """Obtain the next enrolment certificate by the present one."""
    with station_errors():
        certificate = _refreshed(directory).successor()
    _print([certificate], as_json)


@command.command("request")
@_DIR
@click.option(
    "--variant", default="unified", type=click.Choice(["unified", "original", "compactUnified"]),
    help="Of the butterfly expansion.",
)  # fmt: skip
@click.option(
    "--kind", default=None, type=click.Choice(["pseudonym", "identification", "application"]),
    help="By default pseudonyms for a vehicle; an application certificate is what an RSU gets.",
)  # fmt: skip
@click.option("--implicit", is_flag=True, help="Implicit certificates, where the PKI offers them.")
@click.option("--until", default=None, metavar="ISO", help="By default as long as the RA gives them.")
@click.option("--permission", multiple=True, metavar="PSID[=SSP]", help="The SSP in hex.")
@json_option
def request(
    directory: Path,
    variant: str,
    kind: str | None,
    implicit: bool,
    until: str | None,
    permission: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask the RA for certificates; they come later, period by period."""
    from v2xpki.station.scms.device import ScmsVehicle
    from v2xpki.time import time32_from_iso

    try:
        end = None if until is None else time32_from_iso(until)
    except ValueError as error:
        raise ConfigError(f"--until {until}: {error}") from None
    wanted = [_permission(text) for text in permission] or None
    with station_errors():
        device = _refreshed(directory)
        common: Any = {"permissions": wanted, "until": end, "implicit": implicit}
        if isinstance(device, ScmsVehicle) and kind != "application":
            chosen: Any = kind or "pseudonym"
            supply = device.request(variant, kind=chosen, **common)  # type: ignore[arg-type]  # a choice
        elif not isinstance(device, ScmsVehicle) and kind in (None, "application"):
            supply = device.request(**common)
        else:
            raise ConfigError(f"--kind {kind} is not for a device of profile {device.settings.profile}")
    _print_supplies([supply], as_json)


@command.command("download")
@_DIR
@json_option
@click.pass_context
def download(ctx: click.Context, directory: Path, as_json: bool) -> None:
    """Fetch the certificates that are there, for every request. Exit code 1 where one of them is bad."""
    with station_errors():
        found = _refreshed(directory).download()
    bad = [{"name": one.name, "rule": one.rule, "message": one.message} for one in found.bad]
    if as_json:
        print_json(
            {
                "certificates": [_facts(one) for one in found.certificates],
                "bad": bad,
                "missing": found.missing,
            }
        )
    else:
        _print(found.certificates, as_json=False)
        note(f"{len(found.certificates)} certificates")
        for text in (*found.missing, *(f"{one['name']}: {one['rule']}: {one['message']}" for one in bad)):
            note(text)
    if bad:
        ctx.exit(EXIT_NO)


@command.command("status")
@_DIR
@json_option
def status(directory: Path, as_json: bool) -> None:
    """What the device holds."""
    from dataclasses import asdict

    from v2xpki.time import iso_from_time32

    with station_errors():
        device = _device(directory)
        enrolled, settings, supplies = device.enrolled, asdict(device.settings), device.supplies
        held, in_use = list(device.credentials.all()), device.credentials.in_use()
        waiting, now = device.directory.waiting, device.clock.time32()
    document: dict[str, Any] = {
        "settings": settings,
        "enrolment": None if enrolled is None else _facts(enrolled.certificate),
        "waiting": waiting is not None,
        "requests": [_supply(supply) for supply in supplies],
        "certificates": len(held),
        "inForce": sum(1 for one in held if one.start <= now < one.end),
        "until": iso_from_time32(max(one.end for one in held)) if held else None,
        "inUse": [{"i": one.i, "j": one.j, **_facts(one.certificate)} for one in in_use],
    }
    if as_json:
        print_json(document)
        return
    for name, value in settings.items():
        if value is not None:
            click.echo(f"{name:16} {value}")
    _print([] if enrolled is None else [enrolled.certificate], as_json=False)
    _print_supplies(supplies, as_json=False)
    click.echo(f"{document['certificates']} certificates, {document['inForce']} in force")
    _print([one.certificate for one in in_use], as_json=False)
    if enrolled is None:
        note("not enrolled yet")


@command.command("rotate")
@_DIR
def rotate(directory: Path) -> None:
    """Sign with another pseudonym from now on."""
    with station_errors():
        _device(directory).rotate()


@command.command("sign")
@_DIR
@click.option("--psid", default=_BSM, metavar="N", type=click.IntRange(0), help="By default 32, a BSM.")
@click.option("--payload", default="", metavar="HEX")
@click.option("--payload-file", default=None, type=_FILE)
@click.option("--at", "place", default=None, metavar="LAT,LON", help="Where it is generated.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def sign(
    directory: Path, psid: int, payload: str, payload_file: Path | None, place: str | None, out: Path
) -> None:
    """Write a signed message to a file."""
    from v2xpki.station import location

    octets = payload_file.read_bytes() if payload_file is not None else octets_of("--payload", payload)
    where = None if place is None else location(*degrees_of(place))
    with station_errors():
        message = _device(directory).sign(octets, psid, where)
    out.write_bytes(message)
    note(f"{out}: {len(message)} octets, psid {psid}")


@command.command("verify")
@_DIR
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--at", "place", default=None, metavar="LAT,LON", help="Where this device is.")
@json_option
def verify(directory: Path, files: tuple[Path, ...], place: str | None, as_json: bool) -> None:
    """Verify messages as this device would on receiving them. Exit code 1 where one is refused."""
    own = place_of(place)
    with station_errors():
        device = _device(directory)
        tell_verdicts(files, lambda octets: device.verify(octets, place=own), "certificate", as_json=as_json)


def _device(directory: Path) -> "ScmsVehicle | ScmsRsu":
    from v2xpki.station.scms.device import open_device

    return open_device(directory)


def _refreshed(directory: Path) -> "ScmsVehicle | ScmsRsu":
    device = _device(directory)
    for problem in device.refresh():
        note(problem)
    return device


def _facts(certificate: "Certificate") -> dict[str, Any]:
    from v2xpki.time import iso_from_time32

    return {
        "hashedId8": certificate.hashed_id8,
        "start": iso_from_time32(certificate.start),
        "end": iso_from_time32(certificate.end),
        "psids": sorted(certificate.app_permissions),
    }


def _print(certificates: "list[Certificate] | tuple[Certificate, ...]", as_json: bool) -> None:
    facts = [_facts(certificate) for certificate in certificates]
    if as_json:
        print_json(facts)
        return
    for one in facts:
        psids = ", ".join(map(str, one["psids"]))
        click.echo(f"{one['hashedId8'].hex().upper()}  {one['start']} to {one['end']}, psid {psids}")


def _supply(supply: "Supply") -> dict[str, Any]:
    from v2xpki.time import iso_from_time32

    keys = supply.keys
    return {
        "request": supply.name,
        "kind": supply.wish.kind,
        "variant": getattr(keys, "variant", None),
        "acknowledged": supply.is_acknowledged,
        "firstPeriod": supply.first,
        "nextDownload": iso_from_time32(supply.next_download) if supply.is_acknowledged else None,
        "taken": list(supply.taken),
    }


def _print_supplies(supplies: "list[Supply]", as_json: bool) -> None:
    facts = [_supply(supply) for supply in supplies]
    if as_json:
        print_json(facts)
        return
    for one in facts:
        when = f"next download {one['nextDownload']}" if one["acknowledged"] else "not acknowledged yet"
        click.echo(f"{one['request']}  {one['kind']}, {when}, {len(one['taken'])} periods taken")


def _permission(text: str) -> "dot2.PsidSsp":
    from v2xpki.wire import dot2

    number, _, ssp = text.partition("=")
    if not number.isdecimal():
        raise ConfigError(f"--permission {text}: PSID[=SSP], the PSID a number")
    octets = octets_of("--permission", ssp)
    return dot2.PsidSsp(int(number), dot2.ServiceSpecificPermissions("opaque", octets) if octets else None)
