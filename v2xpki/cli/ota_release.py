"""`v2xpki ota release`: images become releases, which others approve and signers put on the targets."""

import base64
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.ota_desks import Desks, desk_options, desks, release_of
from v2xpki.cli.ota_options import YES, require_yes
from v2xpki.cli.output import Progress, json_option, note, print_facts, print_json, print_rows, progress_bar
from v2xpki.config.ota import RELEASE_STATES

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
#: A release by its id, the beginning of it, or its target path.
_ID = click.argument("identifier", metavar="RELEASE")
_BLOCK = 1 << 20


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
    """Upload FILE and add it as a release. It may be encrypted: what is signed is FILE as it is.

    What can be refused without the image is refused before it is sent. The upload of a command that broke
    off, or whose release was refused, is kept for a week: --upload goes on with it, `ota upload` has them.
    """
    from v2xpki.errors import Refused, V2xPkiError
    from v2xpki.ota.desk import Reason
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
    with desks(**reach) as found:
        with progress_bar(quiet=as_json) as progress:
            body["sha256"] = _sha256(file, progress)
        found.call(ImageDesk, "check_release", None, body)
        with _resumable() as begun, progress_bar(quiet=as_json) as progress:
            body["upload"] = found.upload(file, identifier=upload, progress=progress, begun=begun)
        try:
            added = found.call(ImageDesk, "add_release", None, body)
        except V2xPkiError as error:
            if not (isinstance(error, Refused) and error.reason is Reason.CHECKSUM):
                error.hint = _KEPT.format(body["upload"])
            raise
    _show(added, as_json=as_json)


_KEPT = (
    "the image is kept as upload {0}: a corrected command with --upload {0} does not send it again, "
    "`v2xpki ota upload drop {0}` ends it"
)


@contextmanager
def _resumable() -> Iterator[Callable[[str], None]]:
    """Tells the id of an upload before it is sent, and once more where it is interrupted: by SIGTERM as by
    Ctrl-C."""
    known: list[str] = []

    def begun(identifier: str) -> None:
        known.append(identifier)
        note(f"upload {identifier}: if this breaks off, the same command with --upload {identifier} goes on")

    def ended(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    here = threading.current_thread() is threading.main_thread()
    former = signal.signal(signal.SIGTERM, ended) if here else None
    try:
        yield begun
    except (KeyboardInterrupt, SystemExit):
        for identifier in known:
            note(f"interrupted; go on with it by the same command with --upload {identifier}")
        raise
    finally:
        if here:
            signal.signal(signal.SIGTERM, former)


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
    """Show a release: its image, provenance, approvals and state. RELEASE: its id, the id's beginning, or
    its target path."""
    with desks(**reach) as found:
        release = release_of(found, identifier)
    if as_json:
        print_json(release)
        return
    print_facts(release)


@command.command("approve")
@_ID
@desk_options
@json_option
def approve(identifier: str, *, as_json: bool, **reach: Any) -> None:
    """Approve a release that somebody else has added."""
    from v2xpki.ota.image_desk import ImageDesk

    with desks(**reach) as found:
        which = {"id": release_of(found, identifier)["id"]}
        _show([found.call(ImageDesk, "approve_release", which)], as_json=as_json)


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
    with desks(**reach) as found:
        if identifiers:
            body["releases"] = [release_of(found, one)["id"] for one in identifiers]
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
@YES
@desk_options
@json_option
def withdraw(identifier: str, reason: str, *, yes: bool, as_json: bool, **reach: Any) -> None:
    """Take a release back. Of one that is published the Director is told at once and directs to it no more;
    it goes with the next targets that are signed. Where the Director could not be told, the exit status is 1,
    and the same again tells it."""
    from v2xpki.ota.withdrawal_desk import WithdrawalDesk

    with desks(**reach) as found:
        which = {"id": release_of(found, identifier)["id"]}
        require_yes(f"Take release {identifier} back for good?", yes=yes)
        withdrawn = found.call(WithdrawalDesk, "withdraw_release", which, {"reason": reason})
    _show([withdrawn], as_json=as_json)
    for line in _what_is_left(withdrawn):
        note(line)
    if withdrawn["director"] is not None and not withdrawn["director"]["told"]:
        raise click.exceptions.Exit(EXIT_NO)


def _what_is_left(withdrawn: dict[str, Any]) -> Iterator[str]:
    """What an operator has to do after a withdrawal."""
    if withdrawn["state"] == "withdrawing":
        role = "" if withdrawn["role"] == "targets" else f" --role {withdrawn['role']}"
        yield f"clients find it until targets without it are signed: v2xpki ota release request{role}"
    director = withdrawn["director"]
    if director is None:
        return
    if not director["told"]:
        yield (
            f"the Director was not told, and directs vehicles to it until it follows such targets: "
            f"{director['detail']}; halt its campaigns (v2xpki ota campaign status), or withdraw it once more"
        )
    for one in director["campaigns"]:
        yield (
            f"campaign {one['name']} ({one['state']}) offers it to nobody any more, its other targets as "
            f"before; to end it: v2xpki ota campaign halt {one['name']} --reason ..."
        )


def _sha256(file: Path, progress: Progress | None) -> str:
    import hashlib

    digest, done, length = hashlib.sha256(), 0, file.stat().st_size
    with file.open("rb") as image:
        while block := image.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if progress is not None:
                progress(done, length)
    return digest.hexdigest()


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
    rows = [(one["id"], one["state"], one["role"], one["releaseCounter"], one["path"]) for one in releases]
    print_rows(("id", "state", "role", "counter", "path"), rows)
