"""What the commands of `v2xpki ca` have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from v2xpki.config import Instance
    from v2xpki.links.operators import OperatorsLink

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

DIRECTORY = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
OPERATOR = click.option("--operator", default=None, help="Who does it; by default the user's name.")


def remote_options(function: Command) -> Command:
    """How the operators' interface of another machine is reached: client certificate, key, CA."""
    for name, text in (
        ("--tls-ca", "PEM of the CA of URL's server; by default that of DIR."),
        ("--key", "PEM of the client certificate's key; by default DIR/tls/operator.key."),
        ("--cert", "PEM of the client certificate; by default DIR/tls/operator.pem."),
    ):
        function = click.option(name, default=None, type=_FILE, metavar="FILE", help=text)(function)
    return function


def remote(
    instance: "Instance", url: str, cert: Path | None, key: Path | None, tls_ca: Path | None
) -> "OperatorsLink":
    """The operators' interface at a URL."""
    from v2xpki.links.operators import OperatorsLink

    tls = instance.path("tls")
    return OperatorsLink(
        url,
        certificate=cert or tls / "operator.pem",
        key=key or tls / "operator.key",
        ca_file=tls_ca or instance.tls_files().ca,
    )
