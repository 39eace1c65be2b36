"""`v2xpki ota`: signing and delivery of firmware (Uptane). A group's module is loaded when it runs."""

import click

from v2xpki.cli import LazyGroup

# name -> (module whose attribute `command` it is, the line in --help); in the order of --help
GROUPS: dict[str, tuple[str, str]] = {}


@click.group("ota", cls=LazyGroup, lazy=GROUPS)
def command() -> None:
    """Sign firmware and deliver it: repositories, releases, campaigns, vehicles (Uptane over TUF)."""
