"""`v2xpki ota sign`: signing requests, the signers' signatures, and what becomes of both."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli.ota_options import (
    FILE,
    OUT,
    YES,
    by,
    hand_out,
    lines_of,
    opened,
    operator_option,
    repository_options,
    require_yes,
)
from v2xpki.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from v2xpki.ota.repository import Repository
    from v2xpki.ota.rows import Request
    from v2xpki.ota.signing_files import SignatureFile


@click.group("sign")
def command() -> None:
    """Metadata of offline roles: ask for signatures, give them, hand them in. Published at the threshold."""


@command.command("request")
@click.argument("role")
@repository_options
@OUT
@YES
@operator_option
@json_option
def request(
    role: str,
    directory: Path,
    repository: str,
    folder: Path,
    *,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Write the open request of ROLE for its signers; where there is none, ask for its renewal."""
    from v2xpki.ota.changes import RootChange

    with opened(directory, repository) as found:
        requests = [one for one in found.requests() if one.role == role]
        if not requests:
            require_yes(f"Nothing is open for {role}. Ask for its renewal?", yes=yes)
            if role == "root":
                requests = found.request_root(RootChange(), by=by(operator))
            else:
                requests = [found.request_targets(role, by=by(operator))]
        hand_out(found, requests, folder, as_json=as_json)


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
    from v2xpki.ota.signers import open_signer
    from v2xpki.ota.signing_files import RequestFile
    from v2xpki.ota.software_keys import open_software_key

    if (directory is None) == (key is None):
        raise click.UsageError("name either --signer DIR or --key FILE")
    if key is not None and name is None:
        raise click.UsageError("--key needs --name")
    asked = RequestFile.parse(file.read_bytes())
    for line in [f"{asked.repository} repository, request {asked.id.hex()}", *lines_of(asked)]:
        note(line)
    if key is not None:
        assert name is not None
        require_yes("Sign this?", yes=yes)
        made = open_software_key(key, password_of(password_file, password_env), name).sign(asked)
    else:
        assert directory is not None
        with open_signer(directory) as signer:
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
@repository_options
@operator_option
@json_option
def submit(
    files: tuple[Path, ...], directory: Path, repository: str, *, operator: str | None, as_json: bool
) -> None:
    """Hand signatures in. The one that was still missing publishes."""
    from v2xpki.ota.signing_files import SignatureFile

    signatures = [SignatureFile.parse(file.read_bytes()) for file in files]
    with opened(directory, repository) as found:
        taken = [_submit(found, signature, by(operator)) for signature in signatures]
    if as_json:
        print_json({"signatures": taken})
        return
    for one in taken:
        if one["published"]:
            click.echo(f"{one['role']} version {one['version']} is published")
        else:
            more = ", ".join(f"{count} of {who}" for who, count in one["missing"].items())
            left = f"missing: {more}" if more else "it waits for what must go out with it"
            click.echo(f"{one['role']} version {one['version']}: {left}")


@command.command("show")
@click.argument("which", metavar="[ID]", required=False)
@repository_options
@click.option("--all", "every", is_flag=True, help="Those too that are published or dropped.")
@json_option
def show(which: str | None, directory: Path, repository: str, *, every: bool, as_json: bool) -> None:
    """List the open requests; or show one of them, by its id's beginning, with who has signed it."""
    with opened(directory, repository, token=False) as found:
        requests = found.requests(only_open=not every and which is None)
        if which is not None:
            requests = [_one(requests, which)]
        documents = [_document(found, one) for one in requests]
        changes = [lines_of(found.request_file(one.id)) for one in requests] if which else []
    if as_json:
        print_json(documents)
        return
    for one in documents:
        click.echo(f"{one['id'][:16]}  {one['role']} {one['version']}  {one['state']}  by {one['createdBy']}")
        for signature in one["signatures"]:
            click.echo(f"    {signature['signer']}  {signature['keyid'][:16]}  {signature['submitted']}")
        if one["reason"]:
            click.echo(f"    {one['reason']}")
    for line in (line for lines in changes for line in lines):
        click.echo(line)


@command.command("drop")
@click.argument("which", metavar="ID")
@repository_options
@click.option("--reason", required=True, help="Why, for the record.")
@YES
@operator_option
@json_option
def drop(
    which: str,
    directory: Path,
    repository: str,
    reason: str,
    *,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Give an open request up, by its id's beginning. Signatures that come for it are refused."""
    with opened(directory, repository) as found:
        asked = _one(found.requests(), which)
        require_yes(f"Drop {asked.role} version {asked.version}?", yes=yes)
        found.drop(asked.id, reason, by=by(operator))
    if as_json:
        print_json({"dropped": asked.id})
    else:
        click.echo(f"dropped {asked.role} version {asked.version}")


def _submit(repository: "Repository", signature: "SignatureFile", operator: str) -> dict[str, Any]:
    taken = repository.submit(signature, by=operator)
    request = taken.request
    return {
        "request": request.id.hex(),
        "role": request.role,
        "version": request.version,
        "published": taken.published,
        "missing": dict(taken.missing),
    }


def _one(requests: "Sequence[Request]", beginning: str) -> "Request":
    found = [one for one in requests if one.id.hex().startswith(beginning.lower())]
    if len(found) != 1:
        raise click.UsageError(f"{beginning!r} is the beginning of {len(found)} requests' ids, not of one")
    return found[0]


def _document(repository: "Repository", request: "Request") -> dict[str, Any]:
    from v2xpki.time import iso_from_time32

    _, signatures = repository.request(request.id)
    return {
        "id": request.id.hex(),
        "role": request.role,
        "version": request.version,
        "state": request.state,
        "reason": request.reason,
        "createdBy": request.created_by,
        "created": iso_from_time32(request.created),
        "agree": [
            {"who": one.who, "threshold": one.threshold, "keyids": list(one.keys)} for one in request.agree
        ],
        "signatures": [one._asdict() | {"submitted": iso_from_time32(one.submitted)} for one in signatures],
    }
