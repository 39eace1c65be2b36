"""`v2xpki station` on the ECA's register of an SCMS: what of it differs from the EA's.

`is_meant` says whose register a command is about: that of the one authority that the instance has; where it
has both, the EA's, unless --scms names the ECA's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from v2xpki.cli.output import note, print_json
from v2xpki.config import Instance
from v2xpki.errors import ConfigError

if TYPE_CHECKING:
    from v2xpki.authorities.etsi.stations import NewStation
    from v2xpki.authorities.scms.devices import DeviceRegister, KnownDevice, NewDevice

option = click.option("--scms", is_flag=True, help="The ECA's register, where the instance has an EA too.")


def is_meant(instance: Instance, scms: bool) -> bool:
    """Whether the ECA's register is meant. Raises ConfigError for --scms where there is no SCMS."""
    if scms and not instance.has_scms:
        raise ConfigError("--scms: this instance has no SCMS")
    return scms or not instance.has_etsi


class Named(NamedTuple):
    """How a command names a device: by its canonical id, or an enrolment certificate's HashedId8."""

    text_id: str | None
    hex_id: str | None
    certificate: str | None = None


class _Kinds:
    """An instance's kinds of devices, as files of stations ask for profiles."""

    def __init__(self, instance: Instance) -> None:
        from v2xpki.trust.scms_devices import DeviceProfiles

        self._profiles = DeviceProfiles.load(instance.devices_path)

    def station(self, name: str) -> object:
        return self._profiles.kind(name)


def register(
    instance: Instance,
    text_id: str | None,
    hex_id: str | None,
    key: Path,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    """Let a device enrol with its canonical public key."""
    from v2xpki.authorities.etsi import station_files
    from v2xpki.cli.ceremony import operator_name

    try:
        octets, public = station_files.canonical_id(text_id, hex_id), station_files.read_key(key)
        made = _device(station_files.make_station(_Kinds(instance), octets, public, profile or "obe", region))
    except station_files.RuleBroken as error:
        raise ConfigError(f"{error.rule}: {error}") from None
    with _register(instance) as devices:
        known = devices.register(made, operator=operator_name())
    if as_json:
        print_json(_document(known))
    else:
        click.echo(f"registered {known.canonical_id} ({known.profile}, {known.curve})")


def list_devices(instance: Instance, as_json: bool) -> None:
    """All devices, by canonical id."""
    with _register(instance) as devices:
        found = list(devices.all())
    if as_json:
        print_json([_document(device) for device in found])
        return
    for device in found:
        click.echo(f"{device.canonical_id or '-':32} {device.profile:12} {device.curve:16} {device.status}")
    note(f"{len(found)} devices")


def show(instance: Instance, named: Named, as_json: bool) -> None:
    """One device and its enrolment certificates."""
    from v2xpki.time import iso_from_time32

    with _register(instance) as devices:
        known = _find(devices, named)
        certificates = devices.certificates(known.id)
    document = _document(known)
    credentials = [
        {"hashedId8": one.hex8, "start": iso_from_time32(one.start), "end": iso_from_time32(one.end)}
        for one in certificates
    ]
    if as_json:
        print_json(document | {"credentials": credentials})
        return
    for name, value in document.items():
        click.echo(f"{name:12} {value.hex() if isinstance(value, bytes) else value}")
    for one in credentials:
        click.echo(f"{'credential':12} {one['hashedId8']} until {one['end']}")


def set_barred(
    instance: Instance,
    named: Named,
    *,
    reason: str,
    operator: str | None,
    yes: bool,
    as_json: bool,
    barred: bool,
) -> None:
    """Bar or unbar; without `yes` only say so."""
    from v2xpki.cli.ceremony import operator_name

    with _register(instance) as devices:
        known = _find(devices, named)
        verb = "bar" if barred else "unbar"
        change = known.is_barred != barred
        if not change:
            note(f"{known.canonical_id} is {known.status} already")
        elif not yes:
            note(f"would {verb} {known.canonical_id} ({known.profile}); --yes does it")
        else:
            act = devices.bar if barred else devices.unbar
            act(known.id, reason=reason, operator=operator or operator_name())
            known = _find(devices, named)
            if not as_json:
                click.echo(f"{known.canonical_id} is {known.status}")
        if as_json:
            print_json(_document(known) | {"changed": change and yes})


def blocked(instance: Instance, as_json: bool) -> None:
    """The enrolment certificates in force of the devices that the RA has blocked."""
    from v2xpki.authorities.scms.ra_devices import Blocklist
    from v2xpki.store import Database, require_current
    from v2xpki.time import iso_from_time32

    with Database.open(instance.domain("ra").database_url, must_exist=True) as database:
        require_current(database, "ra")
        blocklist = Blocklist(database)
        found = [one for device in blocklist.blocked() for one in blocklist.certificates(device)]
    if as_json:
        print_json([{"hashedId8": one.hex8, "end": iso_from_time32(one.end)} for one in found])
        return
    for one in found:
        click.echo(f"{one.hex8} until {iso_from_time32(one.end)}")
    note(f"{len(found)} enrolment certificates of blocked devices")


def import_file(instance: Instance, file: Path, yes: bool, as_json: bool) -> None:
    """Register all devices of a CSV file, or none."""
    from v2xpki.authorities.etsi import station_files
    from v2xpki.cli.ceremony import operator_name

    with _register(instance) as devices:
        taken = [(known.canonical_id or "").encode() for known in devices.all()]
        found = station_files.read_station_file(file, _Kinds(instance), "obe", taken)
        bad = [{"line": one.line, "rule": one.rule, "message": one.message} for one in found.bad]
        count = 0
        made = [_device(station) for station in found.stations] if not bad else []
        if yes and not bad:
            count = devices.register_all(made, digest=found.digest, operator=operator_name())
    if as_json:
        print_json({"good": len(found.stations), "registered": count, "bad": bad})
    for one in bad:
        note(f"{file} line {one['line']}: {one['rule']}: {one['message']}")
    if bad:
        note(f"{len(bad)} bad lines; nothing was registered")
        raise click.exceptions.Exit(1)
    note(
        f"{count} devices registered" if count else f"{len(made)} devices could be registered; --yes does it"
    )


@contextmanager
def _register(instance: Instance) -> "Iterator[DeviceRegister]":
    from v2xpki.authorities.scms.devices import DeviceRegister
    from v2xpki.store import Database, require_current

    with Database.open(instance.domain("eca").database_url, must_exist=True) as database:
        require_current(database, "eca")
        yield DeviceRegister(database)


def _device(station: "NewStation") -> "NewDevice":
    """Raises ConfigError for an id that is no printable ASCII."""
    from v2xpki.authorities.scms.devices import NewDevice

    try:
        name = station.canonical_id.decode("ascii")
    except UnicodeDecodeError:
        raise ConfigError(f"canonical id {station.canonical_id.hex()} is not ASCII") from None
    return NewDevice(name, station.key, station.profile, station.region)


def _find(devices: "DeviceRegister", named: Named) -> "KnownDevice":
    from v2xpki.authorities.etsi import station_files

    text_id, hex_id, certificate = named
    if certificate and (text_id or hex_id):
        raise click.UsageError("--certificate beside --id or --hex-id")
    try:
        if certificate:
            known = devices.find_by_certificate(_hashed_id8(certificate))
        else:
            known = devices.find(station_files.canonical_id(text_id, hex_id).decode("ascii", "replace"))
    except station_files.RuleBroken as error:
        raise click.UsageError(str(error)) from None
    if known is None:
        note(f"no device {text_id or hex_id or certificate}")
        raise click.exceptions.Exit(1)
    return known


def _hashed_id8(text: str) -> bytes:
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != 8:
        raise click.UsageError(f"--certificate {text} is no HashedId8 of 16 hex digits")
    return octets


def _document(device: "KnownDevice") -> dict[str, Any]:
    return {
        "name": device.canonical_id,
        "canonicalId": (device.canonical_id or "").encode(),
        "profile": device.profile,
        "status": device.status,
        "curve": device.curve,
        "key": device.point,
        "region": device.region_octets,
    }
