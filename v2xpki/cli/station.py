"""`v2xpki station`: the register of stations, an EA's or (station_scms.py) an ECA's."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli import station_scms
from v2xpki.cli.output import json_option, note, print_json
from v2xpki.config import Instance
from v2xpki.errors import ConfigError

if TYPE_CHECKING:
    from v2xpki.authorities.etsi.stations import KnownStation, StationRegister
    from v2xpki.store import Database

_DIR = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))


def _id_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option("--hex-id", default=None, metavar="HEX", help="Canonical id in hex.")(function)
    return click.option("--id", "text_id", default=None, metavar="TEXT", help="Canonical id as text.")(
        function
    )


_certificate_option = click.option(
    "--certificate", default=None, metavar="HASHEDID8", help="One of its enrolment certificates, in an SCMS."
)


def _barring_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option("--reason", default="", help="Kept in the audit record.")(function)
    function = click.option("--operator", default=None, help="Who does it; by default the user's name.")(
        function
    )
    function = click.option("--yes", is_flag=True, help="Do it; without this nothing is changed.")(function)
    return json_option(station_scms.option(_certificate_option(function)))


@click.group("station")
def command() -> None:
    """Register, list, bar and import stations."""


@command.command("register")
@_DIR
@_id_options
@click.option("--key", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--profile", default=None, metavar="NAME", help="vehicle, obe, rsu, or one of your own.")
@click.option("--region", default=None, metavar="TEXT", help="countries:276,40 or circle:48.1,11.5,500")
@station_scms.option
@json_option
def register(
    directory: Path,
    text_id: str | None,
    hex_id: str | None,
    key: Path,
    profile: str | None,
    region: str | None,
    scms: bool,
    as_json: bool,
) -> None:
    """Let a station enrol with its canonical public key (PEM)."""
    from v2xpki.authorities.etsi import station_files
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.trust.profiles import Profiles

    instance = Instance.load(directory)
    if station_scms.is_meant(instance, scms):
        station_scms.register(instance, text_id, hex_id, key, profile, region, as_json)
        return
    try:
        station = station_files.make_station(
            Profiles.load(instance.profiles_path),
            station_files.canonical_id(text_id, hex_id),
            station_files.read_key(key),
            profile or instance.settings.ea.default_profile,
            region,
        )
    except station_files.RuleBroken as error:
        raise ConfigError(f"{error.rule}: {error}") from None
    with _database(instance) as database:
        known = _register_of(database).register(station, operator=operator_name())
    if as_json:
        print_json(_document(known))
    else:
        click.echo(f"registered {known.name} ({known.profile}, {known.curve})")


@command.command("list")
@_DIR
@station_scms.option
@json_option
def list_stations(directory: Path, scms: bool, as_json: bool) -> None:
    """All stations, by canonical id."""
    instance = Instance.load(directory)
    if station_scms.is_meant(instance, scms):
        station_scms.list_devices(instance, as_json)
        return
    with _database(instance) as database:
        stations = list(_register_of(database).all())
    if as_json:
        print_json([_document(station) for station in stations])
        return
    for station in stations:
        click.echo(f"{station.name:32} {station.profile:12} {station.curve:16} {station.status}")
    note(f"{len(stations)} stations")


@command.command("show")
@_DIR
@_id_options
@_certificate_option
@station_scms.option
@json_option
def show(
    directory: Path,
    text_id: str | None,
    hex_id: str | None,
    certificate: str | None,
    scms: bool,
    as_json: bool,
) -> None:
    """One station and its enrolment credentials."""
    from v2xpki.crypto import Certificate
    from v2xpki.time import iso_from_time32

    instance = Instance.load(directory)
    if station_scms.is_meant(instance, scms):
        station_scms.show(instance, station_scms.Named(text_id, hex_id, certificate), as_json)
        return
    _refuse_certificate(certificate)
    with _database(instance) as database:
        stations = _register_of(database)
        known = _find(stations, text_id, hex_id)
        credentials = [Certificate.parse(octets) for octets in stations.credentials(known.id)]
        document = _document(known) | _barring(stations, known)
    if as_json:
        document["credentials"] = [
            {
                "hashedId8": credential.hex8,
                "start": iso_from_time32(credential.start),
                "end": iso_from_time32(credential.end),
            }
            for credential in credentials
        ]
        print_json(document)
        return
    for name, value in document.items():
        click.echo(f"{name:12} {value if not isinstance(value, bytes) else value.hex()}")
    for credential in credentials:
        click.echo(f"{'credential':12} {credential.hex8} until {iso_from_time32(credential.end)}")


@command.command("bar")
@_DIR
@_id_options
@_barring_options
def bar(directory: Path, text_id: str | None, hex_id: str | None, **options: Any) -> None:
    """No further credential or ticket for a station."""
    _set_barred(directory, text_id, hex_id, barred=True, **options)


@command.command("unbar")
@_DIR
@_id_options
@_barring_options
def unbar(directory: Path, text_id: str | None, hex_id: str | None, **options: Any) -> None:
    """Undo `bar`."""
    _set_barred(directory, text_id, hex_id, barred=False, **options)


@command.command("blocked")
@_DIR
@json_option
def blocked(directory: Path, as_json: bool) -> None:
    """Enrolment certificates of devices that an SCMS's RA has blocked, for the ECA to bar."""
    instance = Instance.load(directory)
    if not instance.has_scms:
        raise ConfigError("this instance has no SCMS")
    station_scms.blocked(instance, as_json)


@command.command("import")
@_DIR
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do it; without this the file is only checked.")
@station_scms.option
@json_option
def import_file(directory: Path, file: Path, yes: bool, scms: bool, as_json: bool) -> None:
    """Register all stations of a CSV file, or none.

    Columns: id or hex_id, key (a PEM file, or a point in hex with its curve), curve, profile, region.
    """
    from v2xpki.authorities.etsi import station_files
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.trust.profiles import Profiles

    instance = Instance.load(directory)
    if station_scms.is_meant(instance, scms):
        station_scms.import_file(instance, file, yes, as_json)
        return
    with _database(instance) as database:
        stations = _register_of(database)
        found = station_files.read_station_file(
            file,
            Profiles.load(instance.profiles_path),
            instance.settings.ea.default_profile,
            (known.canonical_id for known in stations.all()),
        )
        count = 0
        if yes and not found.bad:
            count = stations.register_all(found.stations, digest=found.digest, operator=operator_name())
    if as_json:
        print_json(
            {
                "good": len(found.stations),
                "registered": count,
                "bad": [{"line": bad.line, "rule": bad.rule, "message": bad.message} for bad in found.bad],
            }
        )
    for bad in found.bad:
        note(f"{file} line {bad.line}: {bad.rule}: {bad.message}")
    if found.bad:
        note(f"{len(found.bad)} bad lines; nothing was registered")
        raise click.exceptions.Exit(1)
    if count:
        note(f"{count} stations registered")
    else:
        note(f"{len(found.stations)} stations could be registered; --yes does it")


def _set_barred(
    directory: Path,
    text_id: str | None,
    hex_id: str | None,
    *,
    certificate: str | None,
    reason: str,
    operator: str | None,
    yes: bool,
    as_json: bool,
    barred: bool,
    scms: bool,
) -> None:
    from v2xpki.cli.ceremony import operator_name

    instance = Instance.load(directory)
    if station_scms.is_meant(instance, scms):
        station_scms.set_barred(
            instance,
            station_scms.Named(text_id, hex_id, certificate),
            reason=reason,
            operator=operator,
            yes=yes,
            as_json=as_json,
            barred=barred,
        )
        return
    _refuse_certificate(certificate)
    with _database(instance) as database:
        stations = _register_of(database)
        known = _find(stations, text_id, hex_id)
        verb = "bar" if barred else "unbar"
        change = known.is_barred != barred
        if not change:
            note(f"{known.name} is {known.status} already")
        elif not yes:
            note(f"would {verb} {known.name} ({known.profile}); --yes does it")
        else:
            act = stations.bar if barred else stations.unbar
            act(known.id, reason=reason, operator=operator or operator_name())
            known = _find(stations, text_id, hex_id)
            if not as_json:
                click.echo(f"{known.name} is {known.status}")
        if as_json:
            print_json(_document(known) | _barring(stations, known) | {"changed": change and yes})


def _refuse_certificate(certificate: str | None) -> None:
    if certificate:
        raise click.UsageError("--certificate: the EA's register goes by canonical ids")


def _barring(stations: "StationRegister", known: "KnownStation") -> dict[str, Any]:
    """Why a station is barred, by whom and since when; empty for one that is not."""
    from v2xpki.time import iso_from_time32

    found = stations.barring(known.id) if known.is_barred else None
    if found is None:
        return {}
    since = iso_from_time32(found.since)
    return {"barredFor": found.reason, "barredBy": found.operator, "barredSince": since}


def _database(instance: Instance) -> "Database":
    from v2xpki.store import Database, require_current

    database = Database.open(instance.domain("ea").database_url, must_exist=True)
    try:
        require_current(database, "ea")
    except BaseException:
        database.close()
        raise
    return database


def _register_of(database: "Database") -> "StationRegister":
    from v2xpki.authorities.etsi.stations import StationRegister

    return StationRegister(database)


def _find(stations: "StationRegister", text_id: str | None, hex_id: str | None) -> "KnownStation":
    from v2xpki.authorities.etsi import station_files

    try:
        octets = station_files.canonical_id(text_id, hex_id)
    except station_files.RuleBroken as error:
        raise click.UsageError(str(error)) from None
    known = stations.find(octets)
    if known is None:
        note(f"no station {text_id or hex_id}")
        raise click.exceptions.Exit(1)
    return known


def _document(station: "KnownStation") -> dict[str, Any]:
    return {
        "name": station.name,
        "canonicalId": station.canonical_id,
        "profile": station.profile,
        "status": station.status,
        "curve": station.curve,
        "key": station.point,
        "region": station.region_octets,
    }
