"""v2xpki cert: look at certificates, verify their chains, lint them."""

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
    read_certificate,
    read_octets,
    tell,
    tell_findings,
)
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError
from v2xpki.trust.describe import describe_certificate
from v2xpki.trust.judge import judge_certificate
from v2xpki.trust.lint import LINT_KINDS, Finding, detect_kind, lint_octets
from v2xpki.trust.lint_tickets import PARALLEL, lint_tickets

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


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


@command.command(cls=VerifyCommand)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--kind", type=click.Choice(LINT_KINDS), help="As which type; guessed where not given.")
@click.option("--issuer", type=_FILE, metavar="FILE", help="Its issuer's certificate; short for --chain.")
@click.option(
    "--chain",
    type=_FILE,
    multiple=True,
    metavar="FILE...",
    help="Certificates among which issuers are looked for, for the rules that compare the two.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1),
    default=PARALLEL,
    show_default=True,
    help="Tickets that one station may have at a time.",
)
@lint_options
@json_option
def lint(
    files: tuple[Path, ...],
    kind: str | None,
    issuer: Path | None,
    chain: tuple[Path, ...],
    parallel: int,
    time: str | None,
    *,
    every: bool,
    as_json: bool,
) -> None:
    """Hold certificates against the rules of their type; several, as one station's tickets together too."""
    known = {c.hashed_id8: c for c in map(read_certificate, (*chain, *([issuer] if issuer else ())))}
    given = None if issuer is None else read_certificate(issuer)
    chosen = next((one for one in LINT_KINDS if one == kind), None)
    at = moment(time)
    found: dict[str, list[Finding]] = {}
    tickets = []
    for file in files:
        octets = read_octets(file)
        try:
            certificate = Certificate.parse(octets)
            above = _above(certificate, known)
        except (CryptoError, DecodeError):
            certificate, above = None, []
        above = above or ([given] if given is not None else [])
        found[str(file)] = lint_octets(
            octets, chosen, above[0] if above else None, above=above[1:], at=at, every=every
        )
        if certificate is not None and (chosen or detect_kind(certificate.record)) == "AT":
            tickets.append(certificate)
    if len(tickets) > 1:
        found["all tickets"] = lint_tickets(tickets, parallel=parallel, at=at, every=every)
    tell_findings(found, as_json=as_json)


def _above(certificate: Certificate, known: dict[bytes, Certificate]) -> list[Certificate]:
    """The issuers that are known, from the next one up."""
    path: list[Certificate] = []
    issuer = known.get(certificate.issuer_id8 or b"")
    while issuer is not None and issuer not in path:
        path.append(issuer)
        issuer = known.get(issuer.issuer_id8 or b"")
    return path
