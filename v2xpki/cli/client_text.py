"""What the commands of stations and devices have in common: their options' texts, and their exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from v2xpki.cli import EXIT_FAULT, EXIT_NO, EXIT_USAGE
from v2xpki.errors import ConfigError, StationError


@contextmanager
def station_errors() -> Iterator[None]:
    """The exit code of a station's error: an answer that is no, a wrong directory, or a fault."""
    from v2xpki.station.errors import BadState, Refusal, Unreachable

    try:
        yield
    except StationError as error:
        click.echo(f"v2xpki: {error.diagnostics()}", err=True)
        code = EXIT_NO
        if isinstance(error, BadState):
            code = EXIT_USAGE
        elif isinstance(error, Unreachable) and not isinstance(error, Refusal):
            code = EXIT_FAULT
        click.get_current_context().exit(code)


def octets_of(name: str, text: str) -> bytes:
    """Octets of hex. Raises ConfigError."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigError(f"{name} {text!r} is not hex") from None


def degrees_of(text: str) -> tuple[float, float]:
    """Latitude and longitude. Raises ConfigError."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"{text!r} is not LAT,LON in degrees") from None
    if not (-90 <= latitude <= 90 and -180 < longitude <= 180):
        raise ConfigError(f"{text!r} is no place on Earth")
    return latitude, longitude
