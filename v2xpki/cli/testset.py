"""v2xpki testset: certificates, messages and lists to test receivers with."""

from pathlib import Path

import click

from v2xpki.cli.output import json_option, note, print_json
from v2xpki.time import SystemClock, time32_from_iso


@click.group()
def command() -> None:
    """Test certificates, messages and lists: good ones in every curve and form, and broken ones.

    \b
      v2xpki testset create set
      v2xpki cert verify set/broken/certificate-expired.oer --chain set/pki/mixed/*.oer \\
          --anchor set/pki/mixed/root.oer
    """


@command.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--seed", default="v2xpki", show_default=True, help="What keys are made of: the same, the same."
)
@click.option("--time", metavar="ISO", help="Around which all is valid; now by default.")
@json_option
def create(directory: Path, seed: str, time: str | None, *, as_json: bool) -> None:
    """Write a set with its manifest.json. The keys are for laboratories: whoever knows the seed has them."""
    from v2xpki.testset import create as make

    try:
        now = SystemClock().time32() if time is None else time32_from_iso(time)
    except ValueError as error:
        raise click.BadParameter(f"{time!r} is not an ISO 8601 time", param_hint="--time") from error
    manifest = make(directory, seed=seed, now=now)
    entries = [*manifest.entries, *manifest.timed]
    broken = sum(entry.expect == "invalid" for entry in entries)
    if as_json:
        print_json(manifest.as_document() | {"directory": directory})
    else:
        click.echo(f"{directory / 'manifest.json'}: {len(entries)} entries, {broken} of them broken")
        note(f"v2xpki testset check {directory}")


@command.command()
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def check(directory: Path, *, as_json: bool) -> None:
    """Hold this verifier against a set; leave with 1 where the two disagree."""
    from v2xpki.testset import check as hold

    count, found = hold(directory, SystemClock().time32())
    if as_json:
        print_json(
            {
                "entries": count,
                "disagreements": [
                    {
                        "file": one.entry.file, "rule": one.entry.rule, "expect": one.entry.expect,
                        "verdict": one.verdict, "reason": one.reason,
                    }
                    for one in found
                ],
            }
        )  # fmt: skip
    else:
        for one in found:
            expected, said = (one.entry.expect, one.entry.reason), (one.verdict, one.reason)
            click.echo(f"{one.entry.file}: {expected}, we say {said}")
        click.echo(f"{count} entries, {len(found)} disagreements")
    if found:
        click.get_current_context().exit(1)
