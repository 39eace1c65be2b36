"""v2xpki ectl: the commands of all lists, and whose roots the ECTL names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.lists import list_group, tell_published
from v2xpki.cli.output import confirm, json_option, note, print_json
from v2xpki.cli.trustfiles import read_certificate
from v2xpki.errors import ConfigError

command = list_group("ectl")
_DIRECTORY = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_YES = click.option("--yes", is_flag=True, help="Do it without asking.")
_OPERATOR = click.option("--operator", default=None, help="Who does it; by default the user's name.")


@command.command("add-root")
@_DIRECTORY
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dc", required=True, metavar="URL", help="Where the root's CTL and CRL are: URL/getctl/...")
@_YES
@_OPERATOR
@json_option
def add_root(directory: Path, file: Path, dc: str, *, yes: bool, operator: str | None, as_json: bool) -> None:
    """Take another PKI's root certificate onto the ECTL.

    Shows what is in FILE: compare its HashedId8 with the one that its operator tells you by another way. In a
    laboratory the new ECTL is signed and handed out at once; otherwise a ceremony's file is written.
    """
    from v2xpki.authorities.etsi import ectl_roots, publishing
    from v2xpki.config import Instance
    from v2xpki.time import SystemClock, iso_from_time32

    instance, root = Instance.load(directory), read_certificate(file)
    now = SystemClock().time32()
    wanted = publishing.changed_ectls(instance, lambda old: ectl_roots.with_root(old, root, dc, now))
    note(f"root       {root.hex8}  <- compare it with what its operator tells you")
    note(f"name       {root.name}")
    note(f"key        {root.curve.text}, {root.hash_name} {root.digest.hex()}")
    note(f"valid      {iso_from_time32(root.start)} to {iso_from_time32(root.end)}")
    note(f"lists at   {dc.rstrip('/')}/getctl/{root.hex8}")
    note("All who follow this ECTL will believe what this root says of its authorities.")
    _publish(instance, wanted, {"root": root.hex8, "dc": dc}, yes=yes, operator=operator, as_json=as_json)


@command.command("remove-root")
@_DIRECTORY
@click.argument("root", metavar="HEX8")
@_YES
@_OPERATOR
@json_option
def remove_root(directory: Path, root: str, *, yes: bool, operator: str | None, as_json: bool) -> None:
    """Take a root off the ECTL: who follows it stops believing its authorities at the next refresh."""
    from v2xpki.authorities.etsi import ectl_roots, publishing
    from v2xpki.config import Instance

    instance = Instance.load(directory)
    try:
        id8 = bytes.fromhex(root)
    except ValueError:
        id8 = b""
    if len(id8) != 8:
        raise ConfigError(f"{root!r} is no HashedId8 of 16 hex digits", hint="`v2xpki ectl show` names them")
    wanted = publishing.changed_ectls(instance, lambda old: ectl_roots.without_root(old, id8))
    note(f"takes {id8.hex().upper()} off the ECTL")
    if id8 in {signer.hashed_id8 for signer in publishing.known_signers(instance)}:
        note("it is a root of this instance: its own stations will trust nobody below it any more")
    _publish(instance, wanted, {"root": id8.hex().upper()}, yes=yes, operator=operator, as_json=as_json)


def _publish(
    instance: Any,
    wanted: Mapping[int, Sequence[Any]],
    document: dict[str, Any],
    *,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    from v2xpki.authorities.etsi import publishing
    from v2xpki.cli.ceremony import operator_name

    question = "Sign it now and hand it out?" if instance.lab else "Write the ceremony's file?"
    if not confirm(question, yes=yes):
        note("nothing was done; --yes confirms without a question")
        raise click.exceptions.Exit(EXIT_NO)
    if instance.lab:
        operator = operator or operator_name()
        done = publishing.publish_all(instance, "ectl", entries=wanted, operator=operator)
        tell_published(done, "ectl", as_json=as_json, more=document)
        return
    runs = publishing.prepare_all(instance, "ectl", entries=wanted)
    if as_json:
        *former, last = ({"file": run.file, "number": run.number, "count": run.count} for run in runs)
        print_json(document | {"kind": "ectl", **last} | ({"former": former} if former else {}))
        return
    for run in runs:
        click.echo(f"{run.file}")
        note(
            f"{run.count} lists from number {run.number} on; review it, then `v2xpki ceremony run {run.file}`"
        )
