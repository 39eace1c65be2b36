"""`v2xpki ota sign`: signing requests, the signers' signatures, and what becomes of both."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli.ota_desks import desk_options
from v2xpki.cli.ota_options import (
    CHOSEN,
    FILE,
    OUT,
    YES,
    by,
    hand_out,
    lines_of,
    operator_option,
    parsed,
    require_yes,
)
from v2xpki.cli.ota_sign_desks import SigningDesk, signing_desk
from v2xpki.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from v2xpki.ota.signing_files import SignatureFile


@click.group("sign")
def command() -> None:
    """Metadata of offline roles: ask for signatures, give them, hand them in. Published at the threshold."""


@command.command("request")
@click.argument("role")
@CHOSEN
@OUT
@YES
@desk_options
@json_option
def request(role: str, repository: str, folder: Path, *, yes: bool, as_json: bool, **reach: Any) -> None:
    """Write the open request of ROLE for its signers; where there is none, ask for its renewal. With --server
    a renewal of targets has what is approved, too, as `ota release request` has."""
    with signing_desk(repository, **reach) as desk:
        requests = [one for one in desk.requests() if one["role"] == role]
        if not requests:
            require_yes(f"Nothing is open for {role}. Ask for its renewal?", yes=yes)
            requests = desk.renew(role)
        files = [desk.request(one["id"])[1] for one in requests]
    hand_out(files, folder, as_json=as_json)


@command.command("sign")
@click.argument("file", metavar="REQUEST", type=FILE)
@click.option("--signer", "directory", metavar="DIR", type=click.Path(path_type=Path), help="Your instance.")
@click.option("--key", type=FILE, help="Or a software key, an encrypted PEM.")
@click.option("--name", default=None, help="With --key: who signs, for the record.")
@click.option(
    "--password-file", type=click.Path(path_type=Path), help="File of mode 0600: the key's password."
)
@click.option("--password-env", metavar="VARIABLE", help="The variable with the key's password.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="By default beside REQUEST.")
@YES
@operator_option
@json_option
def sign(
    file: Path,
    directory: Path | None,
    key: Path | None,
    name: str | None,
    password_file: Path | None,
    password_env: str | None,
    out: Path | None,
    *,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Show what REQUEST changes, and sign it with your own keys once confirmed."""
    from v2xpki.cli.ota_signer import password_of
    from v2xpki.ota.signers import Signer, open_signer
    from v2xpki.ota.signing_files import RequestFile
    from v2xpki.ota.software_keys import SoftwareSigner, open_software_key, open_software_signer

    if (directory is None) == (key is None):
        raise click.UsageError("name either --signer DIR or --key FILE")
    if key is not None and name is None:
        raise click.UsageError("--key needs --name")
    asked = parsed(file, RequestFile.parse)
    for line in [f"{asked.repository} repository, request {asked.id.hex()}", *lines_of(asked)]:
        note(line)
    opened: AbstractContextManager[Signer | SoftwareSigner]
    if key is not None:
        assert name is not None
        password = password_of(password_file, password_env)
        opened = open_software_signer(open_software_key(key, password, name), key)
    else:
        assert directory is not None
        opened = open_signer(directory)
    with opened as signer:
        for remark in signer.remarks(asked):
            note(f"note: {remark}")
        require_yes("Sign this?", yes=yes)
        made = signer.sign(asked, by=by(operator))
    path = out or file.with_name(f"{file.name.removesuffix('.request.json')}.{made.signer}.signature.json")
    path.write_text(json.dumps(made.document()) + "\n", encoding="utf-8")
    if as_json:
        print_json(made.document() | {"file": path})
    else:
        click.echo(str(path))
        note("hand it in where the repository is: v2xpki ota sign submit")


@command.command("submit")
@click.argument("files", metavar="SIGNATURE...", nargs=-1, required=True, type=FILE)
@CHOSEN
@desk_options
@json_option
def submit(files: tuple[Path, ...], repository: str, *, as_json: bool, **reach: Any) -> None:
    """Hand signatures in. The one that was still missing publishes. The same once more changes nothing."""
    from v2xpki.ota.signing_files import SignatureFile

    signatures = [parsed(file, SignatureFile.parse) for file in files]
    with signing_desk(repository, **reach) as desk:
        taken = [_submit(desk, signature) for signature in signatures]
    if as_json:
        print_json({"signatures": taken})
        return
    for one in taken:
        if one["repeated"]:
            note(f"this signature for {one['role']} version {one['version']} had come in before")
        if one["published"]:
            click.echo(f"{one['role']} version {one['version']} is published")
        else:
            click.echo(f"{one['role']} version {one['version']}: {_left(one, one['missing'], repository)}")


@command.command("show")
@click.argument("which", metavar="[ID]", required=False)
@CHOSEN
@click.option("--all", "every", is_flag=True, help="Those too that are published or dropped.")
@desk_options
@json_option
def show(which: str | None, repository: str, *, every: bool, as_json: bool, **reach: Any) -> None:
    """List the open requests, who has signed them and what is missing; or show what one of them changes, by
    its id's beginning."""
    with signing_desk(repository, token=False, **reach) as desk:
        requests = desk.requests(every=every or which is not None)
        if which is not None:
            requests = [_one(requests, which)]
        found = [desk.request(one["id"]) for one in requests]
    if as_json:
        print_json([document for document, _ in found])
        return
    for one, _ in found:
        click.echo(f"{one['id'][:16]}  {one['role']} {one['version']}  {one['state']}  by {one['createdBy']}")
        for signature in one["signatures"]:
            click.echo(f"    {signature['signer']}  {signature['keyid'][:16]}  {signature['submitted']}")
        if one["state"] == "open":
            left = _left(one, _missing(one), repository)
            click.echo(f"    {'' if one['signatures'] else 'signed by nobody yet; '}{left}")
        if one["reason"]:
            click.echo(f"    {one['reason']}")
    for line in (line for _, file in found if which for line in lines_of(file)):
        click.echo(line)


@command.command("drop")
@click.argument("which", metavar="ID")
@CHOSEN
@click.option("--reason", required=True, help="Why, for the record.")
@YES
@desk_options
@json_option
def drop(which: str, repository: str, reason: str, *, yes: bool, as_json: bool, **reach: Any) -> None:
    """Give an open request up, by its id's beginning. Signatures that come for it are refused."""
    with signing_desk(repository, **reach) as desk:
        asked = _one(desk.requests(), which)
        require_yes(f"Drop {asked['role']} version {asked['version']}?", yes=yes)
        desk.call("drop_signing_request", {"id": asked["id"]}, {"reason": reason})
    if as_json:
        print_json({"dropped": asked["id"]})
    else:
        click.echo(f"dropped {asked['role']} version {asked['version']}")


def _submit(desk: SigningDesk, signature: "SignatureFile") -> dict[str, Any]:
    identifier = signature.request.hex()
    taken = desk.call("submit_signature", {"id": identifier}, signature.document())
    told = ("role", "version", "published", "missing", "repeated")
    waits = taken.get("waitsFor", [])
    return {"request": identifier, **{key: taken[key] for key in told}, "waitsFor": waits}


def _missing(document: dict[str, Any]) -> dict[str, int]:
    """Who -> how many of their signatures a request waits for."""
    given = {one["keyid"] for one in document["signatures"]}
    left = {one["who"]: one["threshold"] - len(given & set(one["keyids"])) for one in document["agree"]}
    return {who: count for who, count in left.items() if count > 0}


def _left(document: dict[str, Any], missing: dict[str, int], repository: str) -> str:
    """What a request lacks; where that is nothing, what must go out with it and what to do about that."""
    if missing:
        return f"missing: {_counts(missing)}"
    waits = [_awaited(one, repository) for one in document.get("waitsFor", ())]
    return "; ".join(["it is signed, and waits for what must go out with it", *waits])


def _awaited(one: dict[str, Any], repository: str) -> str:
    which = "" if repository == "image" else f" --repository {repository}"
    if one["request"] is None:
        return f"nothing is open for {one['role']}: drop this request (`v2xpki ota sign drop`), and ask anew"
    what = f"{one['role']} version {one['version']}, request {one['request'][:16]}"
    if not one["missing"]:
        return f"{what}, which is signed, too"
    return (
        f"{what}, misses {_counts(one['missing'])}: "
        f"`v2xpki ota sign request {one['role']}{which}` writes its file for the signers"
    )


def _counts(missing: dict[str, int]) -> str:
    return ", ".join(f"{count} of {who}" for who, count in missing.items())


def _one(requests: Sequence[dict[str, Any]], beginning: str) -> dict[str, Any]:
    found = [one for one in requests if one["id"].startswith(beginning.lower())]
    if len(found) != 1:
        raise click.UsageError(f"{beginning!r} is the beginning of {len(found)} requests' ids, not of one")
    return found[0]
