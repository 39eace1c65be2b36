"""v2xpki cert: look at certificates, verify their chains, lint them; issue some for laboratories."""

from pathlib import Path

import click

from v2xpki import wire
from v2xpki.cli.output import json_option, note, print_json
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
from v2xpki.errors import ConfigError, CryptoError, DecodeError
from v2xpki.time import HOUR
from v2xpki.trust.describe import describe_certificate
from v2xpki.trust.judge import judge_certificate
from v2xpki.trust.lint import LINT_KINDS, Finding, detect_kind, lint_octets
from v2xpki.trust.lint_tickets import PARALLEL, lint_tickets
from v2xpki.trust.profiles import KINDS, bitmap_ssp
from v2xpki.trust.scms_detect import is_scms
from v2xpki.trust.scms_lint_signed import lint_scms_certificate
from v2xpki.wire import dot2

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Look at certificates, verify and lint them; issue some for laboratories.

    Files hold COER, hex or base64; - is stdin.
    """


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
    """Hold certificates against the rules of their type; several, as one station's tickets together too.

    Those of an SCMS against the rules of an SCMS, whatever their time.
    """
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
        if certificate is not None and chosen is None and is_scms(certificate):
            record = wire.decode(dot2.Certificate, octets)
            found[str(file)] = lint_scms_certificate(record, above[0] if above else None)
            continue
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


@command.command("issue")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--profile", "kind", required=True, type=click.Choice(KINDS), help="What it is to be.")
@click.option("--issuer", type=_FILE, metavar="FILE", help="The issuer's certificate.")
@click.option("--issuer-key", type=_FILE, metavar="FILE", help="Its PEM; the .pem beside it by default.")
@click.option("--self", "alone", is_flag=True, help="Self-signed: RCA and TLM.")
@click.option("--curve", metavar="NAME", help="nistP256, brainpoolP256r1, ...; by default the profile's.")
@click.option("--name", metavar="TEXT", help="The id; tickets have none.")
@click.option("--permission", multiple=True, metavar="PSID=SSP", help="e.g. 36=010000; the SSP in hex.")
@click.option("--start", metavar="ISO", help="When it begins; by default as the profile says.")
@click.option("--hours", type=click.IntRange(1), help="How long it is valid; by default as the profile says.")
@click.option("--region", metavar="TEXT", help="e.g. countries:276 or circle:48.1,11.5,500")
@click.option("--encryption/--no-encryption", default=None, help="With an encryption key.")
@click.option("--lax", is_flag=True, help="Issue what breaks rules, too: to test receivers with.")
@json_option
def issue_command(
    out: Path,
    kind: str,
    issuer: Path | None,
    issuer_key: Path | None,
    alone: bool,
    curve: str | None,
    name: str | None,
    permission: tuple[str, ...],
    start: str | None,
    hours: int | None,
    region: str | None,
    encryption: bool | None,
    lax: bool,
    as_json: bool,
) -> None:
    """Issue one certificate for a laboratory: OUT.oer with its new key in OUT.pem.

    \b
      v2xpki cert issue root --profile RCA --self --name "Lab root"
      v2xpki cert issue aa --profile AA --issuer root.oer --name "Lab AA"
      v2xpki cert issue at --profile AT --issuer aa.oer --permission 36=010000

    Never inside an instance's folder: an operational PKI's certificates come from its ceremonies and
    services.
    """
    from v2xpki.crypto import Curve
    from v2xpki.testset.issuing import Order, issue, read_issuer, write
    from v2xpki.trust.profiles import profile

    if alone == (issuer is not None):
        raise ConfigError("one of --self and --issuer")
    chosen = next(known for known in KINDS if known == kind)
    above = None if issuer is None else read_issuer(issuer, issuer_key or issuer.with_suffix(".pem"))
    order = Order(
        kind=chosen,
        curve=profile(chosen).curve if curve is None else Curve.from_text(curve),
        name=name,
        permissions=_permissions(permission),
        start=moment(start),
        seconds=None if hours is None else hours * HOUR,
        region=region,
        encryption=encryption,
        lax=lax,
    )
    made, findings = issue(order, above, now())
    files = write(made, out)
    if as_json:
        described = describe_certificate(made.certificate, made.octets)
        print_json({"files": files, "findings": [str(one) for one in findings], "certificate": described})
        return
    for finding in findings:
        note(f"{finding.rule.severity}: {finding}")
    click.echo(f"{kind} {made.certificate.hex8}: {', '.join(map(str, files))}")


def _permissions(texts: tuple[str, ...]) -> tuple[dot2.PsidSsp, ...] | None:
    found = []
    for text in texts:
        psid, _, ssp = text.partition("=")
        try:
            found.append(dot2.PsidSsp(psid=int(psid), ssp=bitmap_ssp(bytes.fromhex(ssp))))
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not PSID=SSP", param_hint="--permission") from error
    return tuple(found) or None
