"""What the commands of stations and devices have in common: their options' texts, and their exit codes."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from v2xpki.cli import EXIT_FAULT, EXIT_NO, EXIT_USAGE
from v2xpki.cli.output import print_json
from v2xpki.errors import ConfigError, StationError

if TYPE_CHECKING:
    from v2xpki.trust.messages import VerifiedMessage


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


def tell_verdicts(
    files: Iterable[Path],
    judge: "Callable[[bytes], VerifiedMessage]",
    named: str,
    *,
    as_json: bool,
) -> None:
    """Each message's verdict; exit code 1 where one is refused. named: what the signer's ticket is called."""
    from v2xpki.errors import CryptoError, DecodeError, SecuredError, TrustError

    verdicts = []
    for path in files:
        entry: dict[str, object] = {"file": path, "verdict": "accepted", "reason": ""}
        try:
            found = judge(path.read_bytes())
            entry |= {"psid": found.psid, named: found.ticket.hex8, "payload": found.payload}
        except (TrustError, DecodeError, SecuredError, CryptoError) as error:
            rule = getattr(error, "rule", "") or type(error).__name__
            entry |= {"verdict": "refused", "rule": rule, "reason": str(error)}
        verdicts.append(entry)
    if as_json:
        print_json(verdicts)
    else:
        for entry in verdicts:
            click.echo(f"{entry['file']}: {entry['verdict']} {entry['reason'] or entry[named]}")
    if any(entry["verdict"] == "refused" for entry in verdicts):
        click.get_current_context().exit(EXIT_NO)


def place_of(text: str | None) -> tuple[int, int] | None:
    """Latitude and longitude in tenths of a microdegree. Raises ConfigError."""
    if text is None:
        return None
    latitude, longitude = degrees_of(text)
    return round(latitude * 10_000_000), round(longitude * 10_000_000)
