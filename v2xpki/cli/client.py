"""`v2xpki client`: a station against any PKI's URLs. The directory it works in is the station's."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from v2xpki.cli import client_ota, client_scms
from v2xpki.cli.client_text import degrees_of, octets_of, place_of, station_errors, tell_verdicts
from v2xpki.cli.output import json_option, note, print_json
from v2xpki.errors import ConfigError

if TYPE_CHECKING:
    from v2xpki.crypto import Certificate
    from v2xpki.station import Station
    from v2xpki.station.butterfly import Supply
    from v2xpki.wire import dot2

_DIR = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CURVE = click.option("--curve", default="nistP256", metavar="NAME", help="nistP256, brainpoolP256r1, ...")
_PSIDS = {"cam": 36, "denm": 37, "spatem": 137, "mapem": 138, "ivi": 139}


@click.group("client")
def command() -> None:
    """A station: enrol, obtain tickets, send, verify.

    \b
      v2xpki client init  car --id car-1 --url http://127.0.0.1:8080 --tlm 18A714FCD4FC6D23
      v2xpki station register /srv/pki --id car-1 --key car/canonical.pub.pem
      v2xpki client enrol car
      v2xpki client authorize car -n 5
      v2xpki client send car --psid cam --payload 0102 --out cam.oer
      v2xpki client verify rsu cam.oer
    """


command.add_command(client_scms.command)
command.add_command(client_ota.command)


@command.command("init")
@_DIR
@click.option("--id", "text_id", default=None, metavar="TEXT", help="Canonical id as text.")
@click.option("--hex-id", default=None, metavar="HEX", help="Canonical id in hex.")
@click.option("--url", required=True, metavar="URL", help="Of the PKI; its CPOC is at URL/cpoc.")
@click.option("--cpoc", default=None, metavar="URL", help="Of the CPOC, where it is elsewhere.")
@click.option("--tlm", required=True, metavar="HEX8|FILE", help="The TLM that everything is verified from.")
@click.option(
    "--root", default=None, metavar="HEX8", help="The root to enrol under, where there are several."
)
@click.option("--ea", default=None, metavar="URL", help="Instead of the EA's URL in the CTL.")
@click.option("--aa", default=None, metavar="URL", help="Instead of the AA's URL in the CTL.")
@click.option("--profile", default="vehicle", metavar="NAME", help="vehicle or rsu.")
@click.option(
    "--region", default=None, metavar="TEXT", help="Of an RSU: countries:276 or circle:48.1,11.5,500"
)
@click.option("--tls-ca", default=None, type=_FILE, help="PEM of the CA for https.")
@click.option("--key", default=None, type=_FILE, help="Canonical private key (PEM); else one is made.")
@_CURVE
def init(directory: Path, text_id: str | None, hex_id: str | None, **options: str | Path | None) -> None:
    """Make a station's directory with its canonical key."""
    from v2xpki.crypto import Certificate, Curve
    from v2xpki.keystore.memory import MemoryKey
    from v2xpki.station import Settings, Station

    def text(name: str) -> str | None:
        value = options[name]
        return None if value is None else str(value)

    if (text_id is None) == (hex_id is None):
        raise ConfigError("one of --id and --hex-id")
    tlm, key = str(options["tlm"]), options["key"]
    if Path(tlm).is_file():
        tlm = Certificate.parse(Path(tlm).read_bytes()).hex8
    curve = Curve.from_text(str(options["curve"]))
    canonical = MemoryKey.from_pem(Path(key).read_bytes()) if key is not None else MemoryKey.generate(curve)
    ca = options["tls_ca"]
    settings = Settings(
        its_id=hex_id.lower() if hex_id is not None else str(text_id).encode().hex(),
        profile=str(options["profile"]),
        cpoc=text("cpoc") or f"{str(options['url']).rstrip('/')}/cpoc",
        tlm=tlm.upper(),
        root=text("root"),
        ea=text("ea"),
        aa=text("aa"),
        tls_ca=None if ca is None else str(Path(ca).resolve()),
        region=text("region"),
    )
    with station_errors():
        Station.create(directory, settings, canonical)
    public = directory / "canonical.pub.pem"
    public.write_bytes(canonical.public_key.to_pem())
    click.echo(f"{public}: register it with the EA's operator")
    who = f"--hex-id {hex_id}" if hex_id is not None else f"--id {text_id}"
    region = f" --region {settings.region}" if settings.region else ""
    note(f"v2xpki station register DIR {who} --key {public} --profile {settings.profile}{region}")


@command.command("enrol")
@_DIR
@_CURVE
@click.option("--by-ec", is_flag=True, help="Re-enrol by the current EC instead of the canonical key.")
@click.option(
    "--its-aid", "its_aids", multiple=True, type=click.IntRange(1),
    help="That the EC is to hold besides, as for registering with an OEM.",
)  # fmt: skip
@json_option
def enrol(directory: Path, curve: str, by_ec: bool, its_aids: tuple[int, ...], as_json: bool) -> None:
    """Obtain an enrolment credential."""
    from v2xpki.crypto import Curve

    with station_errors():
        station = _station(directory)
        station.refresh()
        chosen = Curve.from_text(curve)
        if by_ec:
            certificate = station.re_enrol(chosen, its_aids=its_aids or None)
        else:
            certificate = station.enrol(chosen, its_aids=its_aids)
    _print([certificate], "EC", as_json)


@command.command("authorize")
@_DIR
@click.option("-n", "--count", default=1, type=click.IntRange(1, 200), help="How many tickets.")
@_CURVE
@click.option("--no-proof", is_flag=True, help="Without proof of possession.")
@click.option(
    "--plain", is_flag=True, help="ecSignature in clear (a profile without privacy does so anyway)."
)
@click.option("--encrypted", is_flag=True, help="ecSignature encrypted, whatever the profile.")
@click.option(
    "--aa", default=None, metavar="HEX8", help="An AA of any root on the ECTL; else the own root's."
)
@click.option("--start", default=None, metavar="ISO", help="When the tickets begin; now by default.")
@click.option("--hours", default=None, type=click.IntRange(1, 65535), help="How long they last.")
@click.option("--permission", multiple=True, metavar="PSID=SSP", help="e.g. 36=010000; the SSP in hex.")
@json_option
def authorize(
    directory: Path,
    count: int,
    curve: str,
    no_proof: bool,
    plain: bool,
    encrypted: bool,
    aa: str | None,
    start: str | None,
    hours: int | None,
    permission: tuple[str, ...],
    as_json: bool,
) -> None:
    """Obtain authorization tickets."""
    from v2xpki.crypto import Curve
    from v2xpki.time import time32_from_iso

    if plain and encrypted:
        raise ConfigError("one of --plain and --encrypted")
    try:
        begin = None if start is None else time32_from_iso(start)
    except ValueError as error:
        raise ConfigError(f"--start {start}: {error}") from None
    try:
        foreign = None if aa is None else bytes.fromhex(aa)
    except ValueError:
        raise ConfigError(f"--aa {aa}: not hex") from None
    with station_errors():
        station = _station(directory)
        station.refresh()
        tickets = station.authorize(
            count,
            curve=Curve.from_text(curve),
            proof=not no_proof,
            plain_signature=True if plain else False if encrypted else None,
            start=begin,
            hours=hours,
            permissions=[_permission(entry) for entry in permission] or None,
            aa=foreign,
        )
    _print(tickets, "AT", as_json)


@command.command("renew")
@_DIR
@click.option("-n", "--count", default=1, type=click.IntRange(1, 200), help="Tickets to have in force.")
@json_option
def renew(directory: Path, count: int, as_json: bool) -> None:
    """Fetch the lists anew; renew the EC near its end; drop expired tickets and obtain what is missing."""
    with station_errors():
        renewed, obtained = _station(directory).renew(count)
    if as_json:
        print_json({"renewed": renewed, "obtained": obtained})
    else:
        click.echo(f"EC {'renewed' if renewed else 'kept'}, {obtained} tickets obtained")


@command.group("butterfly")
def butterfly() -> None:
    """Tickets by butterfly keys: one request, a supply of years.

    \b
      v2xpki client butterfly request  car
      v2xpki client butterfly download car
    """


@butterfly.command("request")
@_DIR
@click.option(
    "--variant", default="unified", type=click.Choice(["unified", "original"]), help="Of the expansion."
)
@click.option("--until", default=None, metavar="ISO", help="End of the supply; by default the EC's.")
@click.option("--permission", multiple=True, metavar="PSID[=SSP]", help="e.g. cam=010000")
@json_option
def butterfly_request(
    directory: Path, variant: str, until: str | None, permission: tuple[str, ...], as_json: bool
) -> None:
    """Ask the EA for a supply; its tickets come later, period by period."""
    from v2xpki.time import time32_from_iso

    try:
        end = None if until is None else time32_from_iso(until)
    except ValueError as error:
        raise ConfigError(f"--until {until}: {error}") from None
    wanted = [_permission(text) for text in permission] or None
    with station_errors():
        supply = _station(directory).request_butterfly(variant, until=end, permissions=wanted)  # type: ignore[arg-type]
    _print_supplies([supply], as_json)


@butterfly.command("download")
@_DIR
@json_option
def butterfly_download(directory: Path, as_json: bool) -> None:
    """Fetch the tickets that are there, of every request that was granted."""
    made = []
    with station_errors():
        station = _station(directory)
        for supply in station.supplies:
            made += station.download_butterfly(supply)[1]
    _print(made, "AT", as_json)
    if not as_json:
        note(f"{len(made)} tickets")


@butterfly.command("show")
@_DIR
@json_option
def butterfly_show(directory: Path, as_json: bool) -> None:
    """The requests that were granted, and the periods downloaded."""
    with station_errors():
        supplies = _station(directory).supplies
    _print_supplies(supplies, as_json)


def _print_supplies(supplies: "list[Supply]", as_json: bool) -> None:
    from v2xpki.time import iso_from_time32

    facts = [
        {
            "request": supply.name,
            "variant": supply.caterpillar.variant,
            "currentPeriod": supply.current_period,
            "nextDownload": iso_from_time32(supply.next_download),
            "taken": list(supply.taken),
        }
        for supply in supplies
    ]
    if as_json:
        print_json(facts)
        return
    for fact in facts:
        click.echo(
            f"{fact['request']}  {fact['variant']}, period {fact['currentPeriod']}, "
            f"next download {fact['nextDownload']}"
        )


@command.command("send")
@_DIR
@click.option("--psid", required=True, metavar="NAME|N", help="cam, denm, spatem, mapem, ivi or a number.")
@click.option("--payload", default="", metavar="HEX", help="The message's facilities layer and below.")
@click.option("--payload-file", default=None, type=_FILE)
@click.option(
    "--at", "place", default=None, metavar="LAT,LON", help="Where it is generated; a DENM needs it."
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def send(
    directory: Path, psid: str, payload: str, payload_file: Path | None, place: str | None, out: Path
) -> None:
    """Write a signed message to a file."""
    from v2xpki.station import location

    number = _psid(psid)
    octets = payload_file.read_bytes() if payload_file is not None else octets_of("--payload", payload)
    where = None if place is None else location(*degrees_of(place))
    with station_errors():
        message = _station(directory).sign_message(number, octets, where)
    out.write_bytes(message)
    note(f"{out}: {len(message)} octets, psid {number}")


@command.command("verify")
@_DIR
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--certificate", multiple=True, type=_FILE, help="A ticket that a message names by digest.")
@click.option("--at", "place", default=None, metavar="LAT,LON", help="Where this station is.")
@json_option
def verify(
    directory: Path,
    files: tuple[Path, ...],
    certificate: tuple[Path, ...],
    place: str | None,
    as_json: bool,
) -> None:
    """Verify messages as this station would on receiving them. Exit code 1 where one is refused."""
    from v2xpki.crypto import Certificate

    own = place_of(place)
    with station_errors():
        station = _station(directory)
        for path in certificate:
            station.learn(Certificate.parse(path.read_bytes()))
        tell_verdicts(files, lambda octets: station.receive(octets, place=own), "ticket", as_json=as_json)


@command.command("show")
@_DIR
@json_option
def show(directory: Path, as_json: bool) -> None:
    """What the station holds."""
    from dataclasses import asdict

    with station_errors():
        station = _station(directory)
        ec, tickets, settings = station.ec, station.tickets, asdict(station.settings)
    document = {
        "settings": settings,
        "ec": None if ec is None else _facts(ec, "EC"),
        "tickets": [_facts(ticket, "AT") for ticket in tickets],
    }
    if as_json:
        print_json(document)
        return
    for name, value in settings.items():
        if value is not None:
            click.echo(f"{name:10} {value}")
    _print([*([] if ec is None else [ec]), *tickets], "", as_json=False)
    note("no enrolment credential yet" if ec is None else f"{len(tickets)} tickets")


def _station(directory: Path) -> "Station":
    from v2xpki.station import Station

    return Station(directory)


def _facts(certificate: "Certificate", kind: str) -> dict[str, object]:
    from v2xpki.time import iso_from_time32

    return {
        "kind": kind,
        "hashedId8": certificate.hashed_id8,
        "curve": certificate.curve.text,
        "start": iso_from_time32(certificate.start),
        "end": iso_from_time32(certificate.end),
        "psids": sorted(certificate.app_permissions),
        "coer": certificate.octets,
    }


def _print(certificates: "list[Certificate]", kind: str, as_json: bool) -> None:
    if as_json:
        print_json([_facts(certificate, kind) for certificate in certificates])
        return
    for certificate in certificates:
        facts = _facts(certificate, kind)
        psids = ",".join(map(str, sorted(certificate.app_permissions)))
        click.echo(f"{certificate.hex8}  {facts['start']} to {facts['end']}  {facts['curve']}  psid {psids}")


def _psid(text: str) -> int:
    if text.lower() in _PSIDS:
        return _PSIDS[text.lower()]
    if not text.isdecimal():
        raise ConfigError(f"psid {text!r}: {', '.join(_PSIDS)} or a number")
    return int(text)


def _permission(text: str) -> "dot2.PsidSsp":
    from v2xpki.wire import dot2

    name, _, octets = text.partition("=")
    ssp = octets_of("--permission", octets)
    value = dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=ssp) if ssp else None
    return dot2.PsidSsp(psid=_psid(name), ssp=value)
