"""The `v2xpki` command: click groups, one module a group, no logic."""

import click


@click.group()
@click.version_option(package_name="v2xpki")
def main() -> None:
    """Public key infrastructure for V2X."""
