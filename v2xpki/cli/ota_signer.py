"""`v2xpki ota signer`: the keys of one person who signs offline roles."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.output import confirm, json_option, note, print_json

if TYPE_CHECKING:
    from v2xpki.ota.signers import SignerKeys

_DIRECTORY = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_NAME = click.option("--name", required=True, help="As the record will call whoever signs.")
_PASSWORD_FILE = click.option(
    "--password-file", type=click.Path(path_type=Path), help="File of mode 0600 with the key's password."
)
_PASSWORD_ENV = click.option("--password-env", metavar="VARIABLE", help="The variable with the password.")


@click.group("signer")
def command() -> None:
    """Make and show the keys of one person who signs offline roles: in a token, or in an encrypted file."""


@command.command("create")
@_DIRECTORY
@_NAME
@click.option("--curve", default="nistP256", show_default=True, help="nistP256 or nistP384.")
@json_option
def create(directory: Path, name: str, curve: str, *, as_json: bool) -> None:
    """Make a signer's instance in DIR, with a token of its own; keep it offline. Prints its public keys."""
    from v2xpki.crypto import Curve
    from v2xpki.ota.signers import create_signer

    _show(create_signer(directory, name, Curve.from_text(curve)), as_json=as_json)
    note(f"keys for both roots and for targets; `v2xpki ota signer show {directory}` prints them again")


@command.command("key")
@click.argument("file", type=click.Path(path_type=Path))
@_NAME
@click.option("--scheme", default="ed25519", show_default=True, help="ed25519, rsa-pss, ml-dsa-65, ...")
@_PASSWORD_FILE
@_PASSWORD_ENV
@json_option
def key(
    file: Path, name: str, scheme: str, password_file: Path | None, password_env: str | None, *, as_json: bool
) -> None:
    """Make a software key in FILE, an encrypted PEM: for suppliers, and for the hybrid root."""
    from v2xpki.ota.signers import SignerKeys
    from v2xpki.ota.software_keys import create_software_key

    password = password_of(password_file, password_env)
    made = create_software_key(file, scheme, password, name)
    _show(SignerKeys(name, made.keys()), as_json=as_json)


@command.command("show")
@click.argument("directory", metavar="DIR", required=False, type=click.Path(path_type=Path))
@click.option("--key", "file", type=click.Path(path_type=Path), help="A software key instead of DIR.")
@click.option("--name", default=None, help="With --key: whose it is.")
@_PASSWORD_FILE
@_PASSWORD_ENV
@json_option
def show(
    directory: Path | None,
    file: Path | None,
    name: str | None,
    password_file: Path | None,
    password_env: str | None,
    *,
    as_json: bool,
) -> None:
    """Print a signer's public keys: JSON, the file to hand to the repository."""
    from v2xpki.ota.signers import SignerKeys, open_signer
    from v2xpki.ota.software_keys import open_software_key

    if (directory is None) == (file is None):
        raise click.UsageError("name either DIR or --key FILE")
    if file is not None:
        if name is None:
            raise click.UsageError("--key needs --name")
        found = open_software_key(file, password_of(password_file, password_env), name)
        _show(SignerKeys(name, found.keys()), as_json=as_json)
    else:
        assert directory is not None
        with open_signer(directory) as signer:
            _show(SignerKeys(signer.name, signer.keys()), as_json=as_json)


@command.command("log")
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--key", "file", type=click.Path(path_type=Path), help="A software key instead of DIR.")
@json_option
def log(directory: Path | None, file: Path | None, *, as_json: bool) -> None:
    """What was signed with a signer's keys, by whom and when. Exit code 1 where the record is not intact."""
    from v2xpki.ota.signers import record_of as record_of_instance
    from v2xpki.ota.signing_record import signatures_made
    from v2xpki.ota.software_keys import record_of
    from v2xpki.store import Database
    from v2xpki.store.auditing import examine

    if (directory is None) == (file is None):
        raise click.UsageError("name either DIR or --key FILE")
    if file is not None:
        record: str | Path = record_of(file)
    else:
        assert directory is not None
        record = record_of_instance(directory)
    with Database.open(record, must_exist=True) as database:
        found, intact = signatures_made(database), examine(database).intact
    if as_json:
        print_json({"intact": intact, "signatures": found})
    else:
        for one in found:
            click.echo(
                f"{one['at']}  {one['repository']} {one['role']} {one['version']}  {one['digest'][:16]}  "
                f"{one['label']}  by {one['operator']}"
            )
    if not intact:
        note("the record is not intact")
        raise click.exceptions.Exit(EXIT_NO)


@command.command("rotate")
@_DIRECTORY
@click.option("--use", type=click.Choice(("root", "targets", "director")), required=True)
@click.option("--yes", is_flag=True, help="Do it; without this nothing is done.")
@json_option
def rotate(directory: Path, use: str, *, yes: bool, as_json: bool) -> None:
    """Make the next key of DIR for a use. The old one signs on where it is asked."""
    from v2xpki.ota.signers import SignerKeys, open_signer

    with open_signer(directory) as signer:
        if not confirm(f"Make the next {use} key of {signer.name}?", yes=yes):
            note("nothing was done; --yes does it")
            raise click.exceptions.Exit(EXIT_NO)
        signer.rotate(use)
        _show(SignerKeys(signer.name, signer.keys()), as_json=as_json)
    note("have it named: v2xpki ota root change --add-key; --remove-key takes the old one off")


def password_of(file: Path | None, variable: str | None) -> str:
    """Of a file or the environment, never of an argument. Raises KeystoreError."""
    from v2xpki.keystore.secret_files import read_environment, read_secret

    if (file is None) == (variable is None):
        raise click.UsageError("name either --password-file or --password-env")
    if file is not None:
        return read_secret(file, "the key's password")
    assert variable is not None
    return read_environment(variable, "the key's password")


def _show(keys: "SignerKeys", *, as_json: bool) -> None:
    # The file is JSON in any case; --json has the keyids beside it.
    document = keys.document()
    if as_json:
        print_json(document | {"keyids": {use: one.keyid for use, one in keys.keys.items()}})
    else:
        click.echo(json.dumps(document, indent=1))
