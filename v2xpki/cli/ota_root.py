"""`v2xpki ota root`: requests for a first root, and for other keys and thresholds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from v2xpki.cli.ota_options import FILE, Asking, asking_options, signer_key

if TYPE_CHECKING:
    from v2xpki.ota.repository import Repository
    from v2xpki.ota.rows import Request

_OFFLINE = ("root", "targets")


@click.group("root")
def command() -> None:
    """Ask the root's signers: for a first root, for other keys and thresholds of any role."""


@command.command("create")
@asking_options
@click.option("--root-signer", "root_files", multiple=True, required=True, type=FILE, help="Whose root key.")
@click.option("--root-threshold", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--targets-signer", "targets_files", multiple=True, type=FILE, help="Whose targets key (image)."
)
@click.option("--targets-threshold", type=click.IntRange(1), default=1, show_default=True)
def create(
    root_files: tuple[Path, ...],
    root_threshold: int,
    targets_files: tuple[Path, ...],
    targets_threshold: int,
    *,
    asked: Asking,
) -> None:
    """Ask for the first root, and at the Image repository for the first targets.

    The files are what `ota signer show` printed.
    """
    from v2xpki.ota.changes import FirstRoles

    first = FirstRoles(
        tuple(signer_key(file, "root", asked.repository) for file in root_files),
        root_threshold,
        tuple(signer_key(file, "targets") for file in targets_files),
        targets_threshold,
    )
    asked.ask(
        f"Ask for the first root of {asked.repository}?", lambda found, who: found.bootstrap(first, by=who)
    )


@command.command("change")
@asking_options
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
def change(
    add: tuple[str, ...],
    remove: tuple[str, ...],
    thresholds: tuple[str, ...],
    rotate: tuple[str, ...],
    *,
    asked: Asking,
) -> None:
    """Ask for a root with other keys or thresholds; without any, for its renewal.

    A key that is removed counts no more from the new root on. A lost or stolen key of snapshot or timestamp:
    --rotate snapshot --rotate timestamp; clients then forget what it had signed.
    """
    from v2xpki.ota.changes import RootChange

    wanted = RootChange(
        add=tuple(
            (role, signer_key(Path(file), role, asked.repository)) for role, file in _pairs(add, "--add-key")
        ),
        thresholds={role: _number(value) for role, value in _pairs(thresholds, "--threshold")},
        rotate=rotate,
    )

    def request(found: "Repository", who: str) -> "Sequence[Request]":
        gone = tuple(
            (role, _whole(found.keyids(role), keyid)) for role, keyid in _pairs(remove, "--remove-key")
        )
        return found.request_root(wanted._replace(remove=gone), by=who)

    asked.ask(f"Ask for the next root of {asked.repository}?", request)


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
