"""`v2xpki ota delegation`: requests to let a supplier's keys sign a part of the targets."""

from pathlib import Path

import click

from v2xpki.cli.ota_options import FILE, Asking, asking_options, signer_key


@click.group("delegation")
def command() -> None:
    """Ask the targets' signers to delegate a part of the targets, to change that, or to end it."""


@command.command("add")
@click.argument("role")
@asking_options
@click.option("--signer", "files", multiple=True, required=True, type=FILE, help="Whose targets key.")
@click.option("--threshold", type=click.IntRange(1), default=1, show_default=True)
@click.option("--path", "paths", multiple=True, required=True, help='HARDWARE/NAME/*/*, e.g. "hw-a/*/*/*".')
@click.option("--terminating", is_flag=True, help="What it does not name at these paths nobody may.")
def add(
    role: str,
    files: tuple[Path, ...],
    threshold: int,
    paths: tuple[str, ...],
    *,
    terminating: bool,
    asked: Asking,
) -> None:
    """Ask that ROLE may sign targets at the given paths.

    A delegation that is there is replaced: all its keys, threshold and paths are those given.
    """
    from v2xpki.ota.changes import DelegationChange

    keys = tuple(signer_key(file, "targets") for file in files)
    wanted = DelegationChange(role, keys, threshold, paths, terminating)
    asked.ask(
        f"Ask that {role} may sign {' '.join(paths)}?",
        lambda found, who: found.request_delegation(wanted, by=who),
    )


@command.command("remove")
@click.argument("role")
@asking_options
def remove(role: str, *, asked: Asking) -> None:
    """Ask that ROLE may sign nothing any more. What it has signed is then found by no client."""
    from v2xpki.ota.changes import DelegationChange

    asked.ask(
        f"Ask that {role} may sign nothing any more?",
        lambda found, who: found.request_delegation(DelegationChange(role), by=who),
    )
