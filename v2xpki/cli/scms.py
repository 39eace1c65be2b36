"""`v2xpki scms`: what operators of an SCMS's ACA and linkage authorities do with their secrets."""

from pathlib import Path

import click

from v2xpki.authorities.scms.key_rotation import KEEPERS
from v2xpki.cli import EXIT_NO
from v2xpki.cli.output import confirm, json_option, note, print_json

_DIRECTORY = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_YES = click.option("--yes", is_flag=True, help="Do it without asking.")


@click.group("scms")
def command() -> None:
    """Rotate the keys that ACA and linkage authorities keep and share."""


@command.command("rewrap")
@_DIRECTORY
@click.argument("domain", metavar="DOMAIN", type=click.Choice(tuple(KEEPERS)))
@_YES
@json_option
def rewrap(directory: Path, domain: str, *, yes: bool, as_json: bool) -> None:
    """Make the next wrapping key in the token of DOMAIN (aca, la1, la2), and put its secrets under it.

    May be done while it serves. The old key stays in the token: backups need it.
    """
    from v2xpki.authorities.domain import open_domain
    from v2xpki.authorities.scms.key_rotation import rewrap_next
    from v2xpki.config import Instance

    with open_domain(Instance.load(directory), domain) as opened:
        if not confirm(f"Wrap the secrets of {domain} anew?", yes=yes):
            note("nothing was done; --yes does it")
            raise click.exceptions.Exit(EXIT_NO)
        done = rewrap_next(opened)
    if as_json:
        print_json({"label": done.label.text, "secrets": done.secrets})
    else:
        click.echo(f"{done.secrets} secrets are wrapped by {done.label}")


@command.command("la-key")
@_DIRECTORY
@click.argument("authority", metavar="LA", type=click.Choice(("la1", "la2")))
@click.option("--since", metavar="ISO", help="When LA begins to use it; by default at once.")
@click.option("--operator", default=None, help="Who does it; by default the user's name.")
@_YES
@json_option
def la_key(
    directory: Path, authority: str, *, since: str | None, operator: str | None, yes: bool, as_json: bool
) -> None:
    """Make a new key that LA and the ACA share: two ceremonies, LA's first.

    In a laboratory both are held now; elsewhere hold each where its token is. Then start the ACA anew, and
    LA after it.
    """
    from v2xpki.authorities.etsi.ceremony_process import hold
    from v2xpki.authorities.scms.key_rotation import la_key_files
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.cli.trustfiles import moment
    from v2xpki.config import Instance

    instance = Instance.load(directory)
    if not confirm(f"A new key of {authority} and the ACA?", yes=yes):
        note("nothing was done; --yes does it")
        raise click.exceptions.Exit(EXIT_NO)
    files = la_key_files(instance, authority, moment(since))
    if instance.lab:
        for file in files:
            hold(file, operator or operator_name())
    if as_json:
        print_json({"files": files, "held": instance.lab})
        return
    for file in files:
        click.echo(str(file))
    if instance.lab:
        note(f"both were held; start the ACA anew, then {authority}")
    else:
        note("hold them in this order (v2xpki ceremony run FILE), each where its token is")
