"""`v2xpki ota release`: images become releases, which others approve and signers put on the targets."""

import base64
import json
from pathlib import Path
from typing import Any

import click

from v2xpki.cli.ota_desks import Desks, desk_options, desks, progress_bar
from v2xpki.cli.output import json_option, note, print_json
from v2xpki.config.ota import RELEASE_STATES

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ID = click.argument("identifier", metavar="RELEASE")


@click.group("release")
def command() -> None:
    """Releases of firmware: add an image with its provenance, approve it, have it signed, withdraw it."""


@command.command("add")
@click.argument("file", type=_FILE)
@click.option("--name", required=True, help="Of the software.")
@click.option("--version", required=True)
@click.option("--hardware-id", "hardware_ids", multiple=True, required=True, help="Each makes one release.")
@click.option("--release-counter", type=click.IntRange(0), required=True, help="Above all that were out.")
@click.option("--attest", type=_FILE, help="The statement of provenance: a DSSE envelope.")
@click.option("--rxswin", multiple=True, help="Software identification number (UN R156).")
@click.option(
    "--requires", multiple=True, metavar="NAME[:MIN[:MAX]]", help="A release that must be there, by counter."
)
@click.option("--conflicts", multiple=True, metavar="NAME[:MIN[:MAX]]", help="One that must not.")
@click.option("--rollback-from", type=click.IntRange(1), help="It may follow a higher counter, up to this.")
@click.option("--role", default=None, help="The targets role that is to sign; by default the nearest.")
@click.option("--upload", "upload", default=None, metavar="ID", help="Go on with an upload that broke.")
@desk_options
@json_option
def add(
    file: Path, name: str, version: str, hardware_ids: tuple[str, ...], release_counter: int,
    attest: Path | None, rxswin: tuple[str, ...], requires: tuple[str, ...], conflicts: tuple[str, ...],
    rollback_from: int | None, role: str | None, upload: str | None, *, as_json: bool, **reach: Any,
) -> None:  # fmt: skip
    """Upload FILE and add it as a release. It may be encrypted: what is signed is FILE as it is."""
    import hashlib

    from v2xpki.ota.image_desk import ImageDesk

    body: dict[str, Any] = {
        "name": name, "version": version, "hardwareIds": list(hardware_ids),
        "releaseCounter": release_counter, "file": file.name, "rxswin": list(rxswin),
        "requires": [_relation(one) for one in requires],
        "conflicts": [_relation(one) for one in conflicts],
    }  # fmt: skip
    if rollback_from is not None:
        body["rollbackFrom"] = rollback_from
    if role is not None:
        body["role"] = role
    if attest is not None:
        body["attestation"] = base64.b64encode(attest.read_bytes()).decode()
    with file.open("rb") as image:
        body["sha256"] = hashlib.file_digest(image, "sha256").hexdigest()
    with desks(**reach) as found:
        with progress_bar(quiet=as_json) as progress:
            body["upload"] = found.upload(file, identifier=upload, progress=progress)
        added = found.call(ImageDesk, "add_release", None, body)
    _show(added, as_json=as_json)


@command.command("list")
@click.option("--state", type=click.Choice(RELEASE_STATES), default=None, help="Only those in this state.")
@click.option("--name", default=None, help="Only those of this name.")
@desk_options
@json_option
def list_releases(state: str | None, name: str | None, *, as_json: bool, **reach: Any) -> None:
    """List releases, the last added first."""
    from v2xpki.ota.image_desk import ImageDesk

    query = {key: value for key, value in (("state", state), ("name", name)) if value is not None}
    with desks(**reach) as found:
        _show(found.call(ImageDesk, "releases", query), as_json=as_json)


@command.command("show")
@_ID
@desk_options
@json_option
def show(identifier: str, *, as_json: bool, **reach: Any) -> None:
    """Show a release: its image, provenance, approvals and state."""
    from v2xpki.ota.image_desk import ImageDesk

    with desks(**reach) as found:
        release = found.call(ImageDesk, "release", {"id": identifier})
    if as_json:
        print_json(release)
        return
    for key, value in release.items():
        if value not in (None, "", []):
            click.echo(f"{key}: {value if isinstance(value, str | int) else json.dumps(value)}")


@command.command("approve")
@_ID
@desk_options
@json_option
def approve(identifier: str, *, as_json: bool, **reach: Any) -> None:
    """Approve a release that somebody else has added."""
    from v2xpki.ota.image_desk import ImageDesk

    with desks(**reach) as found:
        _show([found.call(ImageDesk, "approve_release", {"id": identifier})], as_json=as_json)


@command.command("request")
@click.argument("identifiers", metavar="[RELEASE]...", nargs=-1)
@click.option("--role", default="targets", show_default=True, help="Whose signers are asked.")
@click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path(),
    help="Where the request file for the signers goes; by default here.",
)  # fmt: skip
@desk_options
@json_option
def request(identifiers: tuple[str, ...], role: str, folder: Path, *, as_json: bool, **reach: Any) -> None:
    """Ask signers for targets with what is approved and without what is withdrawn, or for RELEASEs alone."""
    from v2xpki.ota.image_desk import ImageDesk

    body: dict[str, Any] = {"role": role}
    if identifiers:
        body["releases"] = list(identifiers)
    with desks(**reach) as found:
        asked = found.call(ImageDesk, "request_signatures", None, body)
        told = [{**one, "requestFile": _write(found, one, folder)} for one in asked]
    if as_json:
        print_json(told)
        return
    for one in told:
        click.echo(f"{one['requestFile']}  {one['role']} version {one['version']}")
    note("hand it to the signers: v2xpki ota sign sign FILE; then v2xpki ota sign submit")


@command.command("withdraw")
@_ID
@click.option("--reason", required=True, help="Why, for the record.")
@desk_options
@json_option
def withdraw(identifier: str, reason: str, *, as_json: bool, **reach: Any) -> None:
    """Take a release back. One that is published goes with the next targets that are signed."""
    from v2xpki.ota.image_desk import ImageDesk

    with desks(**reach) as found:
        withdrawn = found.call(ImageDesk, "withdraw_release", {"id": identifier}, {"reason": reason})
    _show([withdrawn], as_json=as_json)
    if not as_json and withdrawn["state"] == "withdrawing":
        note("it is handed out until targets without it are signed: v2xpki ota release request")


def _relation(value: str) -> dict[str, Any]:
    """Of NAME[:MIN[:MAX]]."""
    name, *bounds = value.split(":")
    if len(bounds) > 2 or not all(one.isdecimal() or not one for one in bounds):
        raise click.BadParameter(f"{value!r} is not NAME[:MIN[:MAX]]")
    numbers = zip(("min", "max"), bounds, strict=False)
    return {"name": name} | {bound: int(number) for bound, number in numbers if number}


def _write(found: Desks, asked: dict[str, Any], folder: Path) -> str:
    from v2xpki.ota.image_desk import ImageDesk

    file = found.call(ImageDesk, "signing_request", {"id": asked["id"]})["file"]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file['repository']}-{file['role']}-{file['version']}.request.json"
    path.write_text(json.dumps(file, indent=1) + "\n", encoding="utf-8")
    return str(path)


def _show(releases: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(releases)
        return
    for one in releases:
        click.echo(f"{one['id']}  {one['state']:11}  {one['releaseCounter']:6}  {one['path']}")
