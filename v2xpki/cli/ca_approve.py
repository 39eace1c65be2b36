"""`v2xpki ca approve`: the root's operator grants a request."""

from pathlib import Path
from typing import Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.ca_options import DIRECTORY, OPERATOR
from v2xpki.cli.output import confirm, json_option, note, print_json


@click.command("approve")
@DIRECTORY
@click.argument("request", metavar="REQUEST")
@click.option("--url", default=None, metavar="URL", help="Where stations reach the CA; else as before it.")
@click.option("--validation-url", default=None, metavar="URL", help="Where AAs reach an EA; likewise.")
@click.option(
    "--certificate-only", is_flag=True, help="Leave the CTL as it is; approve again once it is installed."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A copy of the certificate.",
)
@click.option("--yes", is_flag=True, help="Do it; without this nothing is signed.")
@OPERATOR
@json_option
def command(
    directory: Path,
    request: str,
    *,
    url: str | None,
    validation_url: str | None,
    certificate_only: bool,
    out: Path | None,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Certify what REQUEST, a file or the id of one that waits, asks for, and put the CA on the CTL.

    Where the root's folder and token are. A request that was granted before gets the same certificate. In a
    laboratory the CTL is published at once; otherwise the ceremony file of its next run is written.
    """
    from v2xpki.authorities.etsi import ca_approval
    from v2xpki.authorities.etsi.ca_review import describe_review
    from v2xpki.cli.ca_review import show
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.config import Instance

    instance = Instance.load(directory)
    octets = ca_approval.read_request(instance, request)
    review = ca_approval.review(instance, octets)
    document = describe_review(review, ca_approval.root_of(instance))
    if not as_json:
        show(dict(document))
    review.require()
    if not confirm("Grant it?", yes=yes):
        note("a dry run: nothing was signed; --yes grants it")
        if as_json:
            print_json(document | {"dryRun": True})
        raise click.exceptions.Exit(0 if review.can_be_granted else EXIT_NO)
    done = ca_approval.approve(
        instance,
        octets,
        operator=operator or operator_name(),
        urls=ca_approval.Urls(url, validation_url),
        listed=not certificate_only,
    )
    if out is not None:
        out.write_bytes(done.certificate.octets)
    if as_json:
        print_json(
            {
                "id": review.request.id,
                "kind": review.kind,
                "hashedId8": done.certificate.hashed_id8,
                "file": done.file,
                "again": done.transcript is None,
                "transcript": done.transcript,
                "canBeFetched": done.fetched,
                "lists": None if done.published is None else list(done.published.lists),
                "prepared": None if done.prepared is None else done.prepared.file,
                "warnings": done.warnings,
            }
        )
    else:
        click.echo(f"{done.certificate.hex8} {out or done.file}")
    _tell(done, directory, certificate_only=certificate_only)


def _tell(done: Any, directory: Path, *, certificate_only: bool) -> None:
    if done.transcript is None:
        note("granted before: the same certificate, nothing was signed for it")
    for warning in done.warnings:
        note(f"warning: {warning}")
    note(f"next, at the {done.review.kind}: `v2xpki ca install DIR {done.file}`")
    if done.prepared is not None:
        note(f"then, here: `v2xpki ceremony run {done.prepared.file}`, and carry its lists to where")
        note("the distribution centre is: `v2xpki ctl publish DIR --from FOLDER`")
    elif done.published is not None:
        note("the CTL with it is handed out now")
    elif certificate_only:
        note(f"then, here: `v2xpki ca approve {directory} {done.review.request.id} --yes` puts it on the CTL")
