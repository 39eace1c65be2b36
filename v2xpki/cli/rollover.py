"""v2xpki ca rollover: the next generation of root or trust list manager."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from v2xpki.authorities.etsi.rollover import Finished, Rollover, Step
    from v2xpki.config import Instance

_STATES = {"done": "done", "ready": "next", "waits": "waits", "elsewhere": "elsewhere"}


@click.command("rollover")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("role", type=click.Choice(["root", "tlm"]))
@click.option("--curve", default=None, metavar="NAME", help="Of the new key; by default the present one's.")
@click.option("--again", is_flag=True, help="Begin another one while the last one's old generation lasts.")
@click.option("--yes", is_flag=True, help="Do it; without it nothing is changed.")
@click.option("--operator", default=None, help="Who does it; by default the user's name.")
@json_option
def command(
    directory: Path, role: str, curve: str | None, again: bool, yes: bool, operator: str | None, as_json: bool
) -> None:
    """Make the next generation of the root or TLM beside the present one.

    New key, certificate, link from the old to the new, lists that name both; for the root also EA and AA
    under it. In a laboratory all of it is done at once. With offline keys the ceremony files are written that
    can be held where DIR is; what comes of them is carried on, and the same command continues.
    """
    from v2xpki.authorities.etsi.rollover import Rollover
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.config import Instance

    instance = Instance.load(directory)
    work = Rollover.plan(instance, role, curve=curve, again=again)
    done: Finished | None = None
    if not yes or work.idle:
        steps = work.steps()
    elif instance.lab:
        done = work.carry_out(operator or operator_name(), told=note)
        steps = done.steps
    else:
        steps = work.prepare()
        done = work.finish(operator or operator_name())
    if as_json:
        print_json(_document(work, steps, done))
    else:
        _tell(instance, work, steps, done)


def _document(work: "Rollover", steps: list["Step"], done: "Finished | None") -> dict[str, Any]:
    return {
        "role": work.role,
        "from": work.old,
        "to": None if work.idle else work.new,
        "steps": [
            {
                "title": step.title, "domain": step.domain, "state": step.state, "file": step.file,
                "makes": step.makes, "waitsFor": step.waits_for,
            }
            for step in steps
        ],
        "published": None if done is None or done.recorded is None else done.recorded.new,
        "installed": [] if done is None else done.installed,
        "inUse": {} if done is None else done.in_use,
        "notes": [] if done is None else done.notes,
    }  # fmt: skip


def _tell(instance: "Instance", work: "Rollover", steps: list["Step"], done: "Finished | None") -> None:
    if work.idle:
        click.echo(f"{work.role}: generation {work.old} is in use, the one before it in force: nothing to do")
        note("--again begins another roll-over")
        return
    click.echo(f"{work.role}: generation {work.old} to {work.new}, {work.curve}")
    for number, step in enumerate(steps, 1):
        click.echo(f"{number:3}  {_STATES[step.state]:9}  {step.domain:5}  {step.title}")
        if step.waits_for:
            click.echo(f"{'':21} waits for {', '.join(map(str, step.waits_for))}")
        if step.file is not None:
            click.echo(f"{'':21} v2xpki ceremony run {step.file}")
            _tell_carrying(step)
    if done is None:
        how = "carries it out" if instance.lab else "writes the files of what is next here"
        note(f"nothing was changed; --yes {how}")
        return
    if done.recorded is not None:
        click.echo(f"distribution centre: {done.recorded.new} new, {done.recorded.known} known")
    for name, number in done.in_use.items():
        click.echo(f"{name}: generation {number} is in use")
    for text in done.notes:
        note(text)
    if not instance.lab and any(step.state != "done" for step in steps):
        note("after these ceremonies and with what they make carried here, the same command goes on")


def _tell_carrying(step: "Step") -> None:
    if step.makes:
        click.echo(f"{'':21} then carry {', '.join(map(str, step.makes))} to where it is waited for")
    else:
        click.echo(f"{'':21} then carry {step.domain}/lists to the distribution centre")
