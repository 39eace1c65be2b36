"""v2xpki cert: look at certificates, verify their chains, lint them."""

from pathlib import Path

import click

from v2xpki import wire
from v2xpki.cli.output import json_option, print_json
from v2xpki.cli.trustfiles import (
    VerifyCommand,
    evidence_options,
    file_argument,
    gather,
    moment,
    now,
    print_table,
    read_certificate,
    read_octets,
    tell,
    tell_findings,
)
from v2xpki.crypto import Certificate
from v2xpki.trust.describe import describe_certificate
from v2xpki.trust.judge import judge_certificate
from v2xpki.trust.lint import lint_certificate
from v2xpki.trust.profiles import KINDS
from v2xpki.wire import dot2


@click.group()
def command() -> None:
    """Look at certificates, verify and lint them. Files hold COER, hex or base64; - is stdin."""


@command.command()
@file_argument
@json_option
def show(file: Path, *, as_json: bool) -> None:
    """Show the fields of a certificate; nothing is verified."""
    octets = read_octets(file)
    described = describe_certificate(Certificate.parse(octets), octets)
    if as_json:
        print_json(described)
    else:
        print_table(f"{described['kind']} {described['hashedId8'].hex().upper()}", described)


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
    """Verify a certificate up to the trusted root: now, or at --time."""
    at = moment(time)
    at = now() if at is None else at
    tell(
        lambda: judge_certificate(read_certificate(file), gather(chain, anchor, crl, place, at), at),
        as_json=as_json,
    )


@command.command()
@file_argument
@click.option("--kind", type=click.Choice(KINDS), help="As which type; guessed where not given.")
@click.option(
    "--issuer",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its issuer's certificate, for the rules that compare the two.",
)
@json_option
def lint(file: Path, kind: str | None, issuer: Path | None, *, as_json: bool) -> None:
    """Hold a certificate against the rules of its type."""
    record = wire.decode(dot2.Certificate, read_octets(file))
    above = None if issuer is None else read_certificate(issuer)
    chosen = next((known for known in KINDS if known == kind), None)
    tell_findings(lint_certificate(record, chosen, above), as_json=as_json)
