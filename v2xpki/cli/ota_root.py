"""`v2xpki ota root`: requests for a first root, and for other keys and thresholds."""

from collections.abc import Sequence
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

_OFFLINE = ("root", "targets")


@click.group("root")
def command() -> None:
    """Ask the root's signers: for a first root, for other keys and thresholds of any role."""


@command.command("create")
@repository_options
@click.option("--root-signer", "root_files", multiple=True, required=True, type=FILE, help="Whose root key.")
@click.option("--root-threshold", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--targets-signer", "targets_files", multiple=True, type=FILE, help="Whose targets key (image)."
)
@click.option("--targets-threshold", type=click.IntRange(1), default=1, show_default=True)
@OUT
@YES
@operator_option
@json_option
def create(
    directory: Path,
    repository: str,
    root_files: tuple[Path, ...],
    root_threshold: int,
    targets_files: tuple[Path, ...],
    targets_threshold: int,
    folder: Path,
    *,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Ask for the first root, and at the Image repository for the first targets.

    The files are what `ota signer show` printed.
    """
    from v2xpki.ota.changes import FirstRoles

    first = FirstRoles(
        tuple(signer_key(file, "root", repository) for file in root_files),
        root_threshold,
        tuple(signer_key(file, "targets") for file in targets_files),
        targets_threshold,
    )
    require_yes(f"Ask for the first root of {repository}?", yes=yes)
    with opened(directory, repository) as found:
        hand_out(files_of(found, found.bootstrap(first, by=by(operator))), folder, as_json=as_json)


@command.command("change")
@repository_options
@click.option(
    "--add-key", "add", multiple=True, metavar="ROLE=FILE", help="A signer's key for root or targets."
)
@click.option(
    "--remove-key", "remove", multiple=True, metavar="ROLE=KEYID", help="At least 8 characters of it."
)
@click.option("--threshold", "thresholds", multiple=True, metavar="ROLE=N")
@click.option(
    "--rotate", multiple=True, metavar="ROLE", help="An online role: a new key in the token, alone."
)
@OUT
@YES
@operator_option
@json_option
def change(
    directory: Path,
    repository: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    thresholds: tuple[str, ...],
    rotate: tuple[str, ...],
    folder: Path,
    *,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Ask for a root with other keys or thresholds; without any, for its renewal.

    A key that is removed counts no more from the new root on. A lost or stolen key of snapshot or timestamp:
    --rotate snapshot --rotate timestamp; clients then forget what it had signed.
    """
    from v2xpki.ota.changes import RootChange

    asked = RootChange(
        add=tuple(
            (role, signer_key(Path(file), role, repository)) for role, file in _pairs(add, "--add-key")
        ),
        thresholds={role: _number(value) for role, value in _pairs(thresholds, "--threshold")},
        rotate=rotate,
    )
    require_yes(f"Ask for the next root of {repository}?", yes=yes)
    with opened(directory, repository) as found:
        gone = tuple(
            (role, _whole(found.keyids(role), keyid)) for role, keyid in _pairs(remove, "--remove-key")
        )
        requests = found.request_root(asked._replace(remove=gone), by=by(operator))
        hand_out(files_of(found, requests), folder, as_json=as_json)


def _pairs(texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in texts]
    for role, _, value in pairs:
        if role not in _OFFLINE or not value:
            raise click.UsageError(f"{option} takes ROLE=..., where ROLE is root or targets")
    return [(role, value) for role, _, value in pairs]


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise click.UsageError(f"{text!r} is no threshold")
    return int(text)


def _whole(keyids: Sequence[str], beginning: str) -> str:
    found = [keyid for keyid in keyids if keyid.startswith(beginning)]
    if len(beginning) < 8 or len(found) != 1:
        raise click.UsageError(f"{beginning!r} is the beginning of {len(found)} keyids, not of one")
    return found[0]
