"""`v2xpki ota campaign`: which releases are offered to which vehicles, and how to stop that."""

from pathlib import Path
from typing import Any

import click

from v2xpki.cli.ota_desks import Desks, desk_options, desks, release_of
from v2xpki.cli.ota_files import vins_of
from v2xpki.cli.ota_options import YES, require_yes
from v2xpki.cli.output import json_option, print_facts, print_json, print_rows

_ID = click.argument("identifier", metavar="CAMPAIGN")
_REASON = click.option("--reason", required=True, help="Why, for the record.")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("campaign")
def command() -> None:
    """Campaigns: offer releases to a cohort, widen it, pause it, end it."""


@command.command("create")
@click.argument("name")
@click.option(
    "--release", "releases", multiple=True, required=True, metavar="ID|PATH",
    help="A release, or its target path.",
)  # fmt: skip
@click.option("--model", "models", multiple=True, help="Vehicles of this model.")
@click.option("--vin", "vins", multiple=True, help="This vehicle.")
@click.option("--vins", "vin_file", type=_FILE, help="Those in a file, a VIN a line.")
@click.option("--percentage", type=click.IntRange(1, 100), help="So many of them, at first.")
@desk_options
@json_option
def create(
    name: str, releases: tuple[str, ...], models: tuple[str, ...], vins: tuple[str, ...],
    vin_file: Path | None, percentage: int | None, *, as_json: bool, **reach: Any,
) -> None:  # fmt: skip
    """Prepare a campaign; nothing is offered before `campaign start`."""
    from v2xpki.ota.director_desk import DirectorDesk

    listed = [] if vin_file is None else vins_of(vin_file)
    cohort: dict[str, Any] = {}
    if models:
        cohort["models"] = list(models)
    if vins or listed:
        cohort["vins"] = [*vins, *listed]
    if percentage is not None:
        cohort["percentage"] = percentage
    with desks(**reach) as found:
        body = {"name": name, "targets": [_path(found, one) for one in releases], "cohort": cohort}
        _show(found.call(DirectorDesk, "create_campaign", None, body), as_json=as_json)


@command.command("start")
@_ID
@click.option("--percentage", type=click.IntRange(1, 100), help="Widen it to so many; it only grows.")
@YES
@desk_options
@json_option
def start(identifier: str, percentage: int | None, *, yes: bool, as_json: bool, **reach: Any) -> None:
    """Start a campaign, go on with a paused one, or widen it."""
    body = {} if percentage is None else {"percentage": percentage}
    wide = "" if percentage is None else f" to {percentage} % of its vehicles"
    question = f"Offer the releases of campaign {identifier}{wide}?"
    _call("start_campaign", identifier, body, reach, as_json=as_json, sure=(question, yes))


@command.command("pause")
@_ID
@_REASON
@desk_options
@json_option
def pause(identifier: str, reason: str, *, as_json: bool, **reach: Any) -> None:
    """Offer it to no further vehicle for now."""
    _call("pause_campaign", identifier, {"reason": reason}, reach, as_json=as_json)


@command.command("halt")
@_ID
@_REASON
@YES
@desk_options
@json_option
def halt(identifier: str, reason: str, *, yes: bool, as_json: bool, **reach: Any) -> None:
    """End it for good; vehicles that have not installed it are no longer offered it."""
    question = f"End campaign {identifier} for good?"
    _call("halt_campaign", identifier, {"reason": reason}, reach, as_json=as_json, sure=(question, yes))


@command.command("status")
@click.argument("identifier", metavar="[CAMPAIGN]", required=False)
@desk_options
@json_option
def status(identifier: str | None, *, as_json: bool, **reach: Any) -> None:
    """How far a campaign is, or all of them."""
    from v2xpki.ota.director_desk import DirectorDesk

    if identifier is not None:
        _call("campaign", identifier, None, reach, as_json=as_json)
        return
    with desks(**reach) as found:
        campaigns = found.call(DirectorDesk, "campaigns")
    if as_json:
        print_json(campaigns)
        return
    shown = ("id", "state", "name", "created", "started", "ended")
    counted = ("offered", "installed", "failed", "recalled")
    rows = [[*map(one.get, shown), *map(one["counts"].get, counted)] for one in campaigns]
    print_rows((*shown, *counted), rows)


def _path(found: Desks, release: str) -> str:
    """The target path of a release; a path is taken as it is, for the Image repository may be elsewhere."""
    return release if "/" in release else str(release_of(found, release)["path"])


def _call(
    name: str, identifier: str, body: dict[str, Any] | None, reach: dict[str, Any], *, as_json: bool,
    sure: tuple[str, bool] | None = None,
) -> None:  # fmt: skip
    """sure: what is asked first, and whether the answer was given."""
    from v2xpki.ota.director_desk import DirectorDesk

    with desks(**reach) as found:
        if sure is not None:
            require_yes(sure[0], yes=sure[1])
        _show(found.call(DirectorDesk, name, {"id": identifier}, body), as_json=as_json)


def _show(campaign: dict[str, Any], *, as_json: bool) -> None:
    (print_json if as_json else print_facts)(campaign)
