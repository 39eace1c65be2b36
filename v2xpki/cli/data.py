"""v2xpki data: look at signed and encrypted messages, verify and lint them."""

from pathlib import Path

import click

from v2xpki.cli.output import json_option, print_json
from v2xpki.cli.trustfiles import (
    VerifyCommand,
    evidence_options,
    file_argument,
    gather,
    lint_options,
    moment,
    now,
    print_table,
    read_octets,
    tell,
    tell_findings,
)
from v2xpki.trust.describe import describe_data
from v2xpki.trust.judge import judge_data
from v2xpki.trust.lint_data import lint_data


@click.group()
def command() -> None:
    """Look at messages (Ieee1609Dot2Data), verify and lint them. COER, hex or base64; - is stdin."""


@command.command()
@file_argument
@json_option
def show(file: Path, *, as_json: bool) -> None:
    """Show what a message says of itself; nothing is verified."""
    described = describe_data(read_octets(file))
    if as_json:
        print_json(described)
    else:
        print_table(described["content"], described)


@command.command(cls=VerifyCommand)
@file_argument
@evidence_options
@json_option
def verify(
    file: Path,
    chain: tuple[Path, ...],
    anchor: Path | None,
    crl: Path | None,
    time: str | None,
    place: str | None,
    *,
    as_json: bool,
) -> None:
    """Verify a signed message down from the trusted root.

    Without --time it is judged as of its own generationTime; with it as by a receiver at that moment, to
    whom it is stale after ten minutes. --at says where the receiver is.
    """
    at = moment(time)
    current = now()
    tell(
        lambda: judge_data(
            read_octets(file), gather(chain, anchor, crl, place, current if at is None else at), at, current
        ),
        as_json=as_json,
    )


@command.command()
@file_argument
@lint_options
@json_option
def lint(file: Path, time: str | None, *, every: bool, as_json: bool) -> None:
    """Hold a signed message or list against the rules of its profile."""
    found = lint_data(read_octets(file), at=moment(time), every=every)
    tell_findings({str(file): found}, as_json=as_json)
