"""`v2xpki ca install`: an EA or AA takes its next certificate into use."""

from pathlib import Path

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.ca_options import DIRECTORY, OPERATOR, remote_options
from v2xpki.cli.output import json_option, note, print_json


@click.command("install")
@DIRECTORY
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "source", metavar="URL", default=None, help="Fetch it from the root's interface.")
@remote_options
@OPERATOR
@json_option
def command(
    directory: Path,
    file: Path | None,
    *,
    source: str | None,
    cert: Path | None,
    key: Path | None,
    tls_ca: Path | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """Check the certificate of FILE, or of --from, and make it the present one.

    A running `serve` takes it over within seconds. The one before it goes on answering until it ends.
    """
    from v2xpki.authorities.etsi import subca
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.config import Instance
    from v2xpki.time import iso_from_time32

    if (file is None) == (source is None):
        raise click.UsageError("one of FILE and --from URL")
    instance = Instance.load(directory)
    if file is not None:
        found = [file.read_bytes()]
    else:
        from v2xpki.cli.ca_options import remote

        assert source is not None
        link = remote(instance, source, cert, key, tls_ca)
        waiting = [request.id for request in subca.all_waiting(instance)]
        found = [octets for octets in map(link.certificate, waiting) if octets is not None]
        if not found:
            note(f"{source}: {len(waiting)} requests wait, none is granted yet")
            raise click.exceptions.Exit(EXIT_NO)
    done = [subca.install(instance, octets, operator=operator or operator_name()) for octets in found]
    if as_json:
        print_json(
            [
                {
                    "role": one.role,
                    "generation": one.generation,
                    "hashedId8": one.certificate.hashed_id8,
                    "file": one.file,
                    "fresh": one.fresh,
                    "former": None if one.former is None else one.former.hashed_id8,
                }
                for one in done
            ]
        )
        return
    for one in done:
        click.echo(f"{one.certificate.hex8} {one.file}")
        state = "is the present one" if one.fresh else "was installed before"
        note(f"{one.role.upper()}: generation {one.generation} {state}")
        if one.former is not None:
            note(f"{one.former.hex8} goes on answering until {iso_from_time32(one.former.end)}")
