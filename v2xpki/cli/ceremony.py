"""`v2xpki ceremony`: run a reviewed file."""

import getpass
import os
from collections.abc import Sequence
from pathlib import Path

import click

from v2xpki.cli.output import confirm, json_option, note, print_json


@click.group("ceremony")
def command() -> None:
    """Root, trust list manager, EA, AA and their lists: one YAML file a ceremony."""


@command.command("run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--operator", default=None, help="Who does it; by default the user's name.")
@click.option("--unfinished", is_flag=True, hidden=True)
@json_option
def run(file: Path, yes: bool, operator: str | None, unfinished: bool, as_json: bool) -> None:
    """Show what FILE asks for, and do it once confirmed."""
    from v2xpki.authorities.etsi import ceremony

    def ask(plan: Sequence[str]) -> bool:
        for line in plan:
            note(line)
        return confirm("Do this?", yes=yes)

    outcome = ceremony.run(file, operator=operator or operator_name(), confirm=ask, unfinished=unfinished)
    if as_json:
        print_json(
            {
                "title": outcome.title,
                "kind": outcome.kind,
                "domain": outcome.domain,
                "keys": [{"label": label.text, "curve": key.curve.text} for label, key in outcome.keys],
                "outputs": [
                    {
                        "file": output.path,
                        "kind": output.kind,
                        "sha256": output.sha256,
                        "hashedId8": output.hashed_id8.hex().upper() if output.hashed_id8 else None,
                    }
                    for output in outcome.outputs
                ],
                "warnings": outcome.warnings,
                "transcript": outcome.transcript,
            }
        )
        return
    for output in outcome.outputs:
        identity = output.hashed_id8.hex().upper() if output.hashed_id8 else ""
        click.echo(f"{output.kind:8} {identity:16} {output.path}")
    for warning in outcome.warnings:
        note(f"warning: {warning}")
    note(f"transcript {outcome.transcript}")


def operator_name() -> str:
    """Who sits there, also behind sudo."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
