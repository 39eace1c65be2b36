"""`v2xpki backup` and `v2xpki restore`."""

from pathlib import Path

import click

from v2xpki.audit import Event
from v2xpki.backup import Report, back_up, record, restore, verify
from v2xpki.cli.output import json_option, note, print_json
from v2xpki.config import Instance
from v2xpki.errors import ConfigError
from v2xpki.keystore.secret_files import read_environment, read_secret
from v2xpki.time import SystemClock

ENV_PASSPHRASE = "V2XPKI_BACKUP_PASSPHRASE"  # noqa: S105 - a variable's name

_passphrase_file = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Mode 0600; by default the environment's {ENV_PASSPHRASE}.",
)


def _passphrase(path: Path | None) -> str:
    what = "the backup's passphrase"
    return read_secret(path, what) if path is not None else read_environment(ENV_PASSPHRASE, what)


@click.command(name="backup")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_passphrase_file
@click.option("--without-images", is_flag=True, help="Leave the images of firmware out.")
@click.option("--yes", is_flag=True, help="Replace FILE if it exists.")
@json_option
def command(
    directory: Path,
    file: Path,
    passphrase_file: Path | None,
    *,
    without_images: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Write tokens, PINs, databases, certificates and configuration of DIR into FILE, encrypted.

    The services may go on. What lies outside DIR (hardware tokens, PINs elsewhere) is named, not taken.
    """
    instance, clock = Instance.load(directory), SystemClock()
    passphrase = _passphrase(passphrase_file)
    if file.exists() and not yes:
        raise ConfigError(f"{file} exists", hint="--yes replaces it")
    record(instance, Event.BACKUP_MADE, clock, file)
    report = back_up(instance, file, passphrase, clock, overwrite=yes, images=not without_images)
    _tell(report, f"{directory} is backed up in {file}", as_json=as_json)


@click.command(name="restore")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_passphrase_file
@click.option("--yes", is_flag=True, help="Do it; without, FILE is only read and checked.")
@json_option
def restore_command(
    directory: Path, file: Path, passphrase_file: Path | None, *, yes: bool, as_json: bool
) -> None:
    """Check the backup in FILE and, with --yes, put it in DIR.

    What is in DIR is kept beside it under another name; PostgreSQL databases are replaced.
    """
    clock = SystemClock()
    report = restore(directory, file, _passphrase(passphrase_file), clock, apply=yes)
    if report.applied:
        instance = Instance.load(directory)
        verify(instance, clock)
        record(instance, Event.BACKUP_RESTORED, clock, file)
        told = f"{directory} is restored" + (f"; before: {report.replaced}" if report.replaced else "")
    else:
        told = f"{file} is intact; --yes restores it to {directory}" + (
            ", moving what is there aside" if report.replaced else ""
        )
    _tell(report, told, as_json=as_json)


def _tell(report: Report, told: str, *, as_json: bool) -> None:
    for missing in report.left_out:
        note(f"not in the backup: {missing}")
    if as_json:
        print_json(
            {
                "directory": report.directory,
                "made": report.made,
                "files": report.files,
                "octets": report.octets,
                "databases": report.databases,
                "leftOut": report.left_out,
                "replaced": report.replaced,
                "applied": report.applied,
            }
        )
    else:
        click.echo(
            f"{told}\n{report.files} files, {report.octets} octets, "
            f"databases {', '.join(report.databases) or 'none'}, made {report.made}"
        )
