"""`v2xpki client ota`: a vehicle's Primary and Secondaries against any OEM, in its station's directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.client_text import station_errors
from v2xpki.cli.output import json_option, note, print_json, progress_bar
from v2xpki.errors import ConfigError

if TYPE_CHECKING:
    from v2xpki.station.ota.keys import KeyKind
    from v2xpki.station.ota.registration import Identity
    from v2xpki.station.ota.state import EcuSettings, OtaDirectory
    from v2xpki.trust.ota.manifest import Installed

_DIR = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("ota")
def command() -> None:
    """Firmware updates of a vehicle (Uptane).

    \b
      v2xpki client enrol car --its-aid 270549119
      v2xpki client ota register car --its-aid 270549119 --vin WVWZZZ1KZAW000001 --model id-x \\
          --url https://ota.example --tls-ca ca.pem \\
          --director-root director.root.json --image-root image.root.json \\
          --ecu gateway=gw-1 --ecu brake=brake-1 --ecu radio=radio-1:partial
      v2xpki client ota update car
      v2xpki client ota status car
    """


@command.command("register")
@_DIR
@click.option(
    "--its-aid", default=None, type=click.IntRange(1), help="The EC registers it under this ITS-AID."
)
@click.option(
    "--oem-request", default=None, type=click.Path(dir_okay=False, path_type=Path),
    help="Instead of --its-aid: write what the OEM's operator registers the vehicle by.",
)  # fmt: skip
@click.option("--certificate", default=None, type=_FILE, help="What the OEM answered to that, PEM.")
@click.option("--vin", default=None, metavar="VIN")
@click.option("--model", default=None, metavar="TEXT")
@click.option("--url", default=None, metavar="URL", help="Of the OEM, before /ota.")
@click.option("--images-url", default=None, metavar="URL", help="Of the Image repository, where elsewhere.")
@click.option("--director-root", default=None, type=_FILE, help="The Director's root to begin with.")
@click.option("--image-root", default=None, type=_FILE, help="The Image repository's root to begin with.")
@click.option(
    "--ecu", "ecus", multiple=True, metavar="ID=HARDWARE[:partial]",
    help="The first is the Primary; partial: verifies the Director's targets alone.",
)  # fmt: skip
@click.option("--factory", multiple=True, metavar="ID=FILE", help="The image that an ECU begins with.")
@click.option(
    "--key-kind", default=None, type=click.Choice(["ed25519", "ecdsa"]),
    help="Of ECUs' keys; by default ed25519.",
)  # fmt: skip
@click.option("--tls-ca", default=None, type=_FILE, help="PEM of the only CAs for https.")
@click.option("--plain-director", is_flag=True, help="Allow http to the Director: for a laboratory.")
@click.option("--plain-images", is_flag=True, help="Allow http for images.")
@json_option
def register(
    directory: Path,
    its_aid: int | None,
    oem_request: Path | None,
    certificate: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Register the vehicle and its ECUs by its enrolment credential; obtain its TLS certificate.

    The first time with all that makes the vehicle. Until there is a certificate, as after a refusal, options
    that are given again replace what was given before. To register anew, without.
    """
    from v2xpki.station import Station
    from v2xpki.station.ota import registration
    from v2xpki.station.ota.vehicle import director_of
    from v2xpki.time import SystemClock

    if sum(way is not None for way in (its_aid, oem_request, certificate)) != 1:
        raise ConfigError("one of --its-aid, --oem-request and --certificate")
    with station_errors(), _told_as_json(as_json):
        vehicle = _vehicle(directory)
        if not vehicle.exists:
            _create(vehicle, **given)
        elif any(given.values()):
            if certificate is not None or vehicle.read_identity() is not None:
                raise ConfigError(
                    f"{vehicle.path} is a vehicle's already", hint="register it anew without these"
                )
            _correct(vehicle, **given)
        if oem_request is not None:
            oem_request.write_bytes(registration.oem_request(vehicle))
            note(f"{oem_request}: for the OEM's operator; the answer goes to --certificate")
            return
        if its_aid is not None:
            station, director = Station(directory), director_of(vehicle, vehicle.settings())
            now = station.clock.time32()
            made = registration.register(vehicle, director, its_aid, station.sign_by_ec, now)
        else:
            assert certificate is not None
            made = registration.take_certificate(vehicle, certificate.read_bytes(), SystemClock().time32())
    _print_identity(made, as_json)


@command.command("renew")
@_DIR
@json_option
def renew(directory: Path, as_json: bool) -> None:
    """Obtain the next TLS certificate by the one in force."""
    from v2xpki.station.ota import registration
    from v2xpki.station.ota.vehicle import director_of
    from v2xpki.time import SystemClock

    with station_errors(), _told_as_json(as_json):
        vehicle = _vehicle(directory)
        director = director_of(vehicle, vehicle.settings())
        made = registration.renew(vehicle, director, SystemClock().time32())
    _print_identity(made, as_json)


@command.command("update")
@_DIR
@json_option
def update(directory: Path, as_json: bool) -> None:
    """Report what is installed, verify what is offered, install it. Exit code 1: the Director refuses the
    report, or the vehicle what is offered."""
    from v2xpki.station.ota.vehicle import open_primary
    from v2xpki.time import SystemClock

    with (
        station_errors(),
        _told_as_json(as_json, targetsVersion=None, installed={}),
        progress_bar(quiet=as_json) as progress,
    ):
        outcome = open_primary(_vehicle(directory), SystemClock(), progress).update()
    if as_json:
        installed = {ecu: image.document() for ecu, image in outcome.installed.items()}
        print_json({"targetsVersion": outcome.targets_version, "installed": installed, "refused": None})
        return
    for ecu, image in outcome.installed.items():
        click.echo(f"{ecu}: {_text(image)}")
    if not outcome.installed:
        note(f"nothing to install; targets {outcome.targets_version}")


@command.command("replace")
@_DIR
@click.argument("old", metavar="ECU")
@click.option("--ecu", "new", required=True, metavar="ID=HARDWARE[:partial]", help="What is in its place.")
@click.option("--factory", default=None, type=_FILE, help="The image that it begins with.")
@click.option("--key-kind", default="ed25519", type=click.Choice(["ed25519", "ecdsa"]), help="Of its key.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="Where its entry goes, for the OEM's operator.",
)  # fmt: skip
def replace(
    directory: Path, old: str, new: str, factory: Path | None, key_kind: "KeyKind", out: Path
) -> None:
    """Put a new ECU, with a new key, in the place of one. The Director refuses the vehicle's manifests until
    it is told: v2xpki ota ecu replace ECU ENTRY. A new Primary has to register the vehicle again then."""
    import json

    from v2xpki.station.ota.keys import EcuKey
    from v2xpki.station.ota.registration import entries

    with station_errors():
        vehicle = _vehicle(directory)
        primary = old == vehicle.settings().primary.ecu
        ecu, image = _ecu(new, primary=primary), b"" if factory is None else factory.read_bytes()
        vehicle.replace_ecu(old, ecu, EcuKey.generate(key_kind), image)
        (entry,) = (one for one in entries(vehicle) if one.ecu == ecu.ecu)
    out.write_text(json.dumps(entry.document(), indent=1) + "\n", encoding="utf-8")
    note(f"{out}: for the OEM's operator, v2xpki ota ecu replace {old} {out}")
    if primary:
        note("a Primary: once the OEM is told, register the vehicle again: v2xpki client ota register")


@command.command("status")
@_DIR
@json_option
def status(directory: Path, as_json: bool) -> None:
    """What the vehicle is, what its ECUs run, what was refused last."""
    from dataclasses import asdict

    from v2xpki.station.ota.registration import identity

    with station_errors():
        vehicle = _vehicle(directory)
        settings, registered, progress = vehicle.settings(), identity(vehicle), vehicle.progress()
        memories = {one.ecu: vehicle.ecu(one.ecu) for one in settings.ecus}
        roots = {name: vehicle.metadata(name).trusted_root().version for name in ("director", "image")}
    ecus = {
        one.ecu: {
            "hardwareId": one.hardware_id,
            "primary": one.primary,
            "verification": one.verification,
            "keyid": memories[one.ecu].key.public_key.keyid,
            "installed": memories[one.ecu].installed.document(),
            "attack": memories[one.ecu].attack,
        }
        for one in settings.ecus
    }
    if as_json:
        print_json(
            {
                "settings": {name: value for name, value in asdict(settings).items() if name != "ecus"},
                "certificate": None if registered is None else _identity(registered),
                "roots": roots,
                "manifests": progress.counter,
                "ecus": ecus,
            }
        )
        return
    click.echo(f"{settings.vin}  {settings.model}, {settings.director}")
    click.echo(f"roots: Director {roots['director']}, Image repository {roots['image']}")
    for one in settings.ecus:
        kind = "Primary" if one.primary else f"Secondary, {one.verification}"
        click.echo(f"{one.ecu}: {_text(memories[one.ecu].installed)}; {one.hardware_id}, {kind}")
        if memories[one.ecu].attack is not None:
            click.echo(f"  refused last: {memories[one.ecu].attack}")
    if registered is None:
        note("not registered yet")
    else:
        _print_identity(registered, as_json=False)


@contextmanager
def _told_as_json(as_json: bool, **members: object) -> Iterator[None]:
    """With --json a refusal is a document, too: members, and `refused`."""
    from v2xpki.station.ota.reasons import UpdateRefused
    from v2xpki.station.ota.refusals import DirectorRefused

    try:
        yield
    except (DirectorRefused, UpdateRefused) as error:
        if not as_json:
            raise
        told: dict[str, object] = {"reason": "director", "message": str(error), "ecu": None}
        if isinstance(error, UpdateRefused):
            told |= {"reason": error.reason.value, "ecu": error.ecu}
        else:
            told |= {"status": error.status, "rule": error.rule, "detail": error.detail}
        print_json({**members, "refused": told})
        click.get_current_context().exit(EXIT_NO)


def _vehicle(directory: Path) -> "OtaDirectory":
    from v2xpki.station.ota.state import OtaDirectory

    return OtaDirectory(directory / "ota")


def _create(vehicle: "OtaDirectory", **given: Any) -> None:
    from v2xpki.station.ota.keys import EcuKey
    from v2xpki.station.ota.state import OtaDirectory, OtaSettings

    for name in ("vin", "model", "url", "director_root", "image_root", "ecus"):
        if not given[name]:
            option = "--" + name.replace("_", "-").replace("ecus", "ecu")
            raise ConfigError(f"{option} is missing", hint="the first registration needs all of the vehicle")
    ecus, url, ca = _ecus(given["ecus"]), given["url"].rstrip("/"), given["tls_ca"]
    settings = OtaSettings(
        vin=given["vin"],
        model=given["model"],
        director=url,
        images=(given["images_url"] or url).rstrip("/"),
        ecus=ecus,
        tls_ca=None if ca is None else str(ca.resolve()),
        plain_director=given["plain_director"],
        plain_images=given["plain_images"],
    )
    keys = {one.ecu: EcuKey.generate(given["key_kind"] or "ed25519") for one in ecus}
    roots = {name: given[f"{name}_root"].read_bytes() for name in ("director", "image")}
    OtaDirectory.create(vehicle.path, settings, keys, roots, _factory(given["factory"], ecus))


def _correct(vehicle: "OtaDirectory", **given: Any) -> None:
    """What is given in the place of what was; ECUs whose id stays keep their key and image, unless others
    are asked for: a Director whose answer was lost knows the keys."""
    from dataclasses import replace

    from v2xpki.station.ota.keys import EcuKey

    before = vehicle.settings()
    url = (given["url"] or before.director).rstrip("/")
    images = given["images_url"] or (url if before.images == before.director else before.images)
    ecus, ca = _ecus(given["ecus"]) or before.ecus, given["tls_ca"]
    settings = replace(
        before,
        vin=given["vin"] or before.vin,
        model=given["model"] or before.model,
        director=url,
        images=images.rstrip("/"),
        ecus=ecus,
        tls_ca=before.tls_ca if ca is None else str(ca.resolve()),
        plain_director=given["plain_director"] or before.plain_director,
        plain_images=given["plain_images"] or before.plain_images,
    )
    stay = {one.ecu: vehicle.ecu(one.ecu) for one in before.ecus if one.ecu in {new.ecu for new in ecus}}
    kind = given["key_kind"]
    keys = {one.ecu: EcuKey.generate(kind or "ed25519") for one in ecus}
    if kind is None:
        keys |= {name: ecu.key for name, ecu in stay.items()}
    roots = vehicle.roots()
    for name in roots:
        if given[f"{name}_root"] is not None:
            roots[name] = given[f"{name}_root"].read_bytes()
    factory = {name: ecu.image.read_bytes() for name, ecu in stay.items()}
    vehicle.correct(settings, keys, roots, factory | _factory(given["factory"], ecus))


def _ecus(given: tuple[str, ...]) -> tuple["EcuSettings", ...]:
    return tuple(_ecu(text, primary=number == 0) for number, text in enumerate(given))


def _factory(given: tuple[str, ...], ecus: tuple["EcuSettings", ...]) -> dict[str, bytes]:
    """Images by ECU id."""
    factory = {}
    for text in given:
        ecu, _, file = text.partition("=")
        if ecu not in {one.ecu for one in ecus} or not Path(file).is_file():
            raise ConfigError(f"--factory {text}: an ECU's ID=FILE")
        factory[ecu] = Path(file).read_bytes()
    return factory


def _ecu(text: str, *, primary: bool) -> "EcuSettings":
    from v2xpki.station.ota.state import EcuSettings

    ecu, equals, rest = text.partition("=")
    hardware_id, _, kind = rest.partition(":")
    if not equals or kind not in ("", "full", "partial") or (primary and kind == "partial"):
        raise ConfigError(f"--ecu {text}: ID=HARDWARE[:partial], and a Primary verifies fully")
    return EcuSettings(ecu, hardware_id, primary, "partial" if kind == "partial" else "full")


def _text(image: "Installed") -> str:
    return f"{image.path}, release counter {image.release_counter}, {image.length} octets"


def _identity(identity: "Identity") -> dict[str, Any]:
    from v2xpki.time import iso_from_time32

    return {
        "subject": identity.subject,
        "start": iso_from_time32(identity.start),
        "end": iso_from_time32(identity.end),
    }


def _print_identity(identity: "Identity", as_json: bool) -> None:
    facts = _identity(identity)
    if as_json:
        print_json(facts)
    else:
        click.echo(f"TLS certificate {facts['subject']}, {facts['start']} to {facts['end']}")
