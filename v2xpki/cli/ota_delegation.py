"""`v2xpki ota delegation`: requests to let a supplier's keys sign a part of the targets."""

from pathlib import Path

import click

from v2xpki.cli.ota_options import (
    FILE,
    OUT,
    YES,
    by,
    files_of,
    hand_out,
    opened,
    operator_option,
    repository_options,
    require_yes,
    signer_key,
)
from v2xpki.cli.output import json_option


@click.group("delegation")
def command() -> None:
    """Ask the targets' signers to delegate a part of the targets, to change that, or to end it."""


@command.command("add")
@click.argument("role")
@repository_options
@click.option("--signer", "files", multiple=True, required=True, type=FILE, help="Whose targets key.")
@click.option("--threshold", type=click.IntRange(1), default=1, show_default=True)
@click.option("--path", "paths", multiple=True, required=True, help='HARDWARE/NAME/*/*, e.g. "hw-a/*/*/*".')
@click.option("--terminating", is_flag=True, help="What it does not name at these paths nobody may.")
@OUT
@YES
@operator_option
@json_option
def add(
    role: str,
    directory: Path,
    repository: str,
    files: tuple[Path, ...],
    threshold: int,
    paths: tuple[str, ...],
    folder: Path,
    *,
    terminating: bool,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Ask that ROLE may sign targets at the given paths.

    A delegation that is there is replaced: all its keys, threshold and paths are those given.
    """
    from v2xpki.ota.changes import DelegationChange

    keys = tuple(signer_key(file, "targets") for file in files)
    asked = DelegationChange(role, keys, threshold, paths, terminating)
    require_yes(f"Ask that {role} may sign {' '.join(paths)}?", yes=yes)
    with opened(directory, repository) as found:
        hand_out(files_of(found, found.request_delegation(asked, by=by(operator))), folder, as_json=as_json)


@command.command("remove")
@click.argument("role")
@repository_options
@OUT
@YES
@operator_option
@json_option
def remove(
    role: str,
    directory: Path,
    repository: str,
    folder: Path,
    *,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Ask that ROLE may sign nothing any more. What it has signed is then found by no client."""
    from v2xpki.ota.changes import DelegationChange

    require_yes(f"Ask that {role} may sign nothing any more?", yes=yes)
    with opened(directory, repository) as found:
        requests = found.request_delegation(DelegationChange(role), by=by(operator))
        hand_out(files_of(found, requests), folder, as_json=as_json)
