"""`v2xpki ca request`: the next keys of an EA or AA, and the request for their certificate."""

from pathlib import Path

import click

from v2xpki.cli.ca_options import DIRECTORY, OPERATOR, remote_options
from v2xpki.cli.output import json_option, note, print_json


@click.command("request")
@DIRECTORY
@click.argument("role", type=click.Choice(["ea", "aa"]))
@click.option("--rekey", is_flag=True, help="Sign it under the present certificate too.")
@click.option("--name", default=None, metavar="TEXT", help="By default the present certificate's.")
@click.option(
    "--curve", default=None, metavar="NAME", help="Of the signing key; by default the present one's."
)
@click.option("--new", "anew", is_flag=True, help="New keys, although a request waits for its certificate.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="A copy of the request."
)
@click.option("--to", metavar="URL", default=None, help="Send it to the operators' interface of the root.")
@remote_options
@OPERATOR
@json_option
def command(
    directory: Path,
    role: str,
    *,
    rekey: bool,
    name: str | None,
    curve: str | None,
    anew: bool,
    out: Path | None,
    to: str | None,
    cert: Path | None,
    key: Path | None,
    tls_ca: Path | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """Make the keys of the next generation in the CA's own token, and the request for their certificate.

    The request lies in DIR/ROLE/certificates. One that waits for its certificate already is given again.
    """
    from v2xpki.authorities.etsi import subca
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.config import Instance

    instance = Instance.load(directory)
    asked = subca.ask(
        instance,
        role,
        operator=operator or operator_name(),
        rekey=rekey,
        name=name,
        curve=curve,
        anew=anew,
    )
    if out is not None:
        out.write_bytes(asked.request.octets)
    sent = None
    if to is not None:
        from v2xpki.cli.ca_options import remote

        sent = remote(instance, to, cert, key, tls_ca).send(asked.request.octets)
    if as_json:
        print_json(
            {
                "role": asked.role,
                "generation": asked.generation,
                "file": asked.file,
                "id": asked.request.id,
                "fresh": asked.fresh,
                "rekeyedFrom": asked.request.former,
                "verifyKey": asked.request.verification_key.point,
                "sent": sent,
            }
        )
        return
    click.echo(f"{out or asked.file}")
    how = "made" if asked.fresh else "made before, waits for its certificate"
    note(f"{role.upper()}, generation {asked.generation}, request {asked.request.id}: {how}")
    if sent is not None:
        note(f"{to}: {sent['status']}; fetch it with `v2xpki ca install {directory} --from {to}`")
