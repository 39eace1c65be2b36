"""What cert, data, ctl, ectl and crl have in common: files in any notation, evidence, verdicts."""

import base64
import binascii
import string
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from v2xpki.cli.output import note, print_json
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, DecodeError, V2xPkiError
from v2xpki.time import SystemClock, time32_from_iso
from v2xpki.trust.judge import Evidence, evidence_of, rule_of
from v2xpki.trust.lint import Finding
from v2xpki.trust.lists import SignedList
from v2xpki.trust.scms_crl_lint import is_scms_crl
from v2xpki.trust.scms_judge import crls_of

Command = TypeVar("Command", bound=Callable[..., Any])
_HEX = frozenset(string.hexdigits.encode())
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/=").encode())
_DEGREE = 10_000_000
_SHOWN = 96  # octets that a table shows of a value; --json has all
_MOST = 16 << 20  # octets of a file; a CTL of a whole country is far smaller


def read_octets(path: Path) -> bytes:
    """The octets of a file that holds them as they are, in hex or in base64; `-` is stdin."""
    raw = sys.stdin.buffer.read(_MOST + 1) if str(path) == "-" else path.read_bytes()[: _MOST + 1]
    if len(raw) > _MOST:
        raise ConfigError(f"{path}: more than {_MOST >> 20} MiB")
    if not raw:
        raise DecodeError("the file is empty", where=(str(path),))
    text = b"".join(raw.removeprefix(b"0x").split())
    # COER of what is read here starts with 00, 03 or 80: it is never text
    if _HEX.issuperset(text) and len(text) % 2 == 0:
        return bytes.fromhex(text.decode())
    if _BASE64.issuperset(text):
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise DecodeError(f"neither COER nor hex nor base64: {error}", where=(str(path),)) from error
    return raw


def read_certificate(path: Path) -> Certificate:
    """The certificate of a file. Raises DecodeError that names it."""
    try:
        return Certificate.parse(read_octets(path))
    except DecodeError as error:
        raise DecodeError(error.reason, where=(str(path), *error.where), offset=error.offset) from error


class VerifyCommand(click.Command):
    """A command whose --chain takes all the files that follow it: `--chain a b` is `--chain a --chain b`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _spread(args))


_FLAGS = ("--json", "--all", "--help", "-h")


def _spread(args: Sequence[str]) -> list[str]:
    spread: list[str] = []
    chained: list[int] = []  # where in `spread` the --chain of each file stands
    positional = False
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--chain" and rest and not _is_option(rest[0]):
            while rest and not _is_option(rest[0]):
                chained.append(len(spread))
                spread += [word, rest.pop(0)]
        elif _is_option(word):
            spread.append(word)
            if word not in _FLAGS and "=" not in word and rest:
                spread.append(rest.pop(0))
        else:
            positional = True
            spread.append(word)
    if not positional and len(chained) > 1:
        del spread[chained[-1]]  # `verify --chain a b FILE`: the last one is FILE
    return spread


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def evidence_options(function: Command) -> Command:
    """--chain, --anchor, --crl, --at and --time as `evidence` and `time` (Time32 or None)."""
    place = click.option("--at", "place", metavar="LAT,LON", help="Refuse what is not valid at this place.")
    time = click.option("--time", metavar="ISO", help="Judge at this moment (UTC unless it says otherwise).")
    path = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
    crl = click.option(
        "--crl",
        type=path,
        metavar="FILE",
        help="CRL of the anchor or an SCMS, verified before it is used.",
    )
    anchor = click.option(
        "--anchor", type=path, metavar="FILE", help="What to trust; else the only self-signed in --chain."
    )
    chain = click.option(
        "--chain",
        type=path,
        multiple=True,
        metavar="FILE...",
        help="Certificates, in any order; CRLs of the anchor; messages heard before; an SCMS's chain file.",
    )
    decorated: Command = chain(anchor(crl(time(place(function)))))
    return decorated


def file_argument(function: Command) -> Command:
    """FILE, or - for stdin."""
    path = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
    return click.argument("file", type=path)(function)


def moment(text: str | None) -> int | None:
    """Time32 of a --time."""
    if text is None:
        return None
    try:
        return time32_from_iso(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not an ISO 8601 time", param_hint="--time") from error


def now() -> int:
    return SystemClock().time32()


def gather(
    chain: Sequence[Path], anchor: Path | None, crl: Path | None, place: str | None, at: int
) -> Evidence:
    """The evidence that the options name. Raises what reading it raises.

    Beside certificates, --chain takes CRLs of the anchor, messages that were heard before, and of an SCMS its
    chain file and composite CRL.
    """
    listed = None if crl is None else read_octets(crl)
    scms = listed is not None and (crls_of(listed) is not None or is_scms_crl(listed))
    if listed is not None and not scms and (kind := SignedList.parse(listed).kind) != "crl":
        raise click.BadParameter(f"{crl} is a {kind.upper()}", param_hint="--crl")
    return evidence_of(
        [(str(path), read_octets(path)) for path in chain],
        at,
        anchor=None if anchor is None else read_certificate(anchor),
        crl=listed,
        place=_place(place),
    )


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not LAT,LON in degrees", param_hint="--at") from error
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise click.BadParameter(f"{text!r} is no place on earth", param_hint="--at")
    return round(latitude * _DEGREE), round(longitude * _DEGREE)


def tell(judge: Callable[[], list[Certificate]], *, as_json: bool) -> None:
    """Print a verdict; leave with 1 where it is no. Wrong usage is for the caller's caller."""
    try:
        path = judge()
    except ConfigError:
        raise
    except V2xPkiError as error:
        if not as_json:
            raise
        print_json({"verdict": "invalid", "rule": rule_of(error), "reason": str(error), "chain": []})
        note(f"v2xpki: {error.diagnostics()}")
        click.get_current_context().exit(1)
    names = [certificate.hashed_id8 for certificate in path]
    if as_json:
        print_json({"verdict": "valid", "rule": None, "reason": None, "chain": names})
    else:
        click.echo("valid: " + " <- ".join(name.hex().upper() for name in names))


def lint_options(function: Command) -> Command:
    """--time and --all, as `time` and `every`."""
    time = click.option("--time", metavar="ISO", help="By the rules of this moment, not of when it was made.")
    every = click.option("--all", "every", is_flag=True, help="By all rules, whenever it was made.")
    decorated: Command = time(every(function))
    return decorated


def tell_findings(found: Mapping[str, Sequence[Finding]], *, as_json: bool) -> None:
    """Print a linter's findings, by file; leave with 1 where one is an error."""
    every = [(file, finding) for file, findings in found.items() for finding in findings]
    bad = any(finding.rule.severity == "error" for _, finding in every)
    several = len(found) > 1
    if as_json:
        print_json(
            {
                "verdict": "errors" if bad else "passed",
                "findings": [
                    _finding(finding) | ({"file": file} if several else {}) for file, finding in every
                ],
            }
        )
    else:
        for file, finding in every:
            click.echo(f"{f'{file}: ' if several else ''}{finding.rule.severity}: {finding}")
        if not every:
            click.echo("no findings")
    if bad:
        click.get_current_context().exit(1)


def _finding(finding: Finding) -> dict[str, str]:
    rule = finding.rule
    return {
        "id": rule.id,
        "severity": rule.severity,
        "clause": rule.clause,
        "effective": rule.effective,
        "description": rule.description,
        "detail": finding.detail,
    }


def print_table(title: str, described: dict[str, Any]) -> None:
    """A described thing as a table of two columns, for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in described.items():
        if value is not None and value != []:
            table.add_row(name, _text(value))
    Console(markup=False).print(table)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= _SHOWN else f"{value[:_SHOWN].hex()}... ({len(value)} octets)"
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    if not isinstance(value, dict):
        return str(value)
    if "subjectPermissions" in value:
        return _group(value)
    if "psid" in value:
        return f"{value['psid']} {_text(value.get('ssp') or '-')}"
    if "coer" in value:  # a certificate inside a message: its name is enough
        return f"{value['kind']} {_text(value['hashedId8'])}"
    return "\n".join(f"{name} {_text(entry)}" for name, entry in value.items() if entry is not None)


def _group(group: dict[str, Any]) -> str:
    """One group of certIssuePermissions: `app, chain length 1: 36 01ffff/ff0000, ...`."""
    shortest, reach = group["minChainLength"], group["chainLengthRange"]
    length = (
        f"{shortest} or more" if reach == -1 else f"{shortest} to {shortest + reach}" if reach else shortest
    )
    subject = group["subjectPermissions"]
    ranges = subject if subject == "all" else "\n".join(f"  {_range(entry)}" for entry in subject)
    return f"{', '.join(group['eeType'])}, chain length {length}:\n{ranges}"


def _range(entry: dict[str, Any]) -> str:
    limit = entry["sspRange"]
    if isinstance(limit, dict) and "value" in limit:
        limit = f"{limit['value'].hex()} mask {limit['mask'].hex()}"
    elif isinstance(limit, dict):
        limit = ", ".join(octets.hex() for octets in limit["opaque"])
    return f"{entry['psid']} {limit or 'no SSP'}"
