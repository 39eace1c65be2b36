"""v2xpki ca."""

import click

from v2xpki.cli import LazyGroup

_COMMANDS = {
    "rollover": ("v2xpki.cli.rollover", "The next generation of root or TLM beside the present one."),
}


@click.group("ca", cls=LazyGroup, lazy=_COMMANDS)
def command() -> None:
    """The life of certification authorities."""
