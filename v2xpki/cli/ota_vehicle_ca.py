"""`v2xpki ota vehicle-ca`: the CA of the certificates with which vehicles speak TLS to the Director."""

from pathlib import Path

import click

from v2xpki.cli.ota_options import YES, by, operator_option, require_yes
from v2xpki.cli.output import json_option, note, print_json


@click.group("vehicle-ca")
def command() -> None:
    """The Director's CA of vehicles' TLS certificates."""


@command.command("rotate")
@click.option(
    "--instance", "directory", metavar="DIR", required=True, type=click.Path(path_type=Path),
    help="The instance with the Director's token and database.",
)  # fmt: skip
@click.option("--retire", is_flag=True, help="Remove the former CAs: each vehicle must then register again.")
@YES
@operator_option
@json_option
def rotate(directory: Path, *, retire: bool, yes: bool, operator: str | None, as_json: bool) -> None:
    """Make the CA's next key and certificate, served or not.

    The router trusts it within 30 seconds; the Director signs with it a minute or so later. Certificates of
    former CAs hold until they end, unless --retire removes these: the router then refuses them, likewise
    within 30 seconds.
    """
    from v2xpki.config import Instance
    from v2xpki.ota.vehicle_ca_files import rotate_vehicle_ca_of

    question = "Make the next CA of vehicles' certificates"
    require_yes(f"{question}, and have all vehicles register again?" if retire else f"{question}?", yes=yes)
    made = rotate_vehicle_ca_of(Instance.load(directory), by=by(operator), retire=retire)
    if as_json:
        print_json({"key": made.label.text, "certificate": made.file, "retired": list(made.retired)})
        return
    click.echo(str(made.file))
    for path in made.retired:
        note(f"{path} is removed")
    if made.retired:
        note("the router trusts them no more within 30 seconds; vehicles must register again")
