"""`v2xpki ca revoke`: an EA or AA goes on the CRL and off the CTL."""

from pathlib import Path
from typing import Any

import click

from v2xpki.cli.ca_options import DIRECTORY, OPERATOR
from v2xpki.cli.output import confirm, json_option, note, print_json


@click.command("revoke")
@DIRECTORY
@click.argument("certificate", metavar="CERT|HEX8")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the audit record.")
@click.option("--yes", is_flag=True, help="Do it; without this nothing is signed or prepared.")
@OPERATOR
@json_option
def command(
    directory: Path, certificate: str, *, reason: str, yes: bool, operator: str | None, as_json: bool
) -> None:
    """Revoke an EA or AA of this root, for ever: by its file or its HashedId8.

    In a laboratory both lists are signed and handed out at once. Otherwise the ceremony files of both are
    written, to be held where the root's token is.
    """
    from v2xpki.authorities.etsi import ca_revocation
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.config import Instance

    instance = Instance.load(directory)
    found = ca_revocation.find(instance, certificate)
    plan = ca_revocation.look(instance, found)
    what = f"{plan.kind} {found.hex8} ({found.name or 'no name'})"
    for warning in plan.warnings:
        note(f"warning: {warning}")
    document: dict[str, Any] = {
        "hashedId8": found.hashed_id8,
        "kind": plan.kind,
        "name": found.name,
        "onCtl": plan.on_ctl,
        "revokedBefore": plan.is_done,
        "warnings": plan.warnings,
        "dryRun": False,
        "lists": [],
        "prepared": [],
    }
    if plan.is_done:
        note(f"{what} is revoked already, and no list that is handed out says otherwise")
    elif not confirm(f"Revoke {what} for ever?", yes=yes):
        note(f"would put {what} on the CRL{' and take it off the CTL' if plan.on_ctl else ''}; --yes does it")
        document["dryRun"] = True
    else:
        done = ca_revocation.revoke(instance, found, operator=operator or operator_name(), reason=reason)
        document["lists"] = [] if done.published is None else list(done.published.lists)
        document["prepared"] = [run.file for run in done.prepared]
        if not as_json:
            click.echo(f"{found.hex8} {'revoked' if done.published else 'prepared'}")
        for run in done.prepared:
            note(f"hold: v2xpki ceremony run {run.file}")
        if done.prepared:
            note("then carry the new files of root/lists to where the distribution centre is, and there:")
            note("v2xpki crl publish DIR --from FOLDER; v2xpki ctl publish DIR --from FOLDER")
        elif done.published is not None and done.published.recorded is None:
            note(
                "the distribution centre is not here: carry the lists there, `v2xpki crl publish DIR --from`"
            )
    if as_json:
        print_json(document)
