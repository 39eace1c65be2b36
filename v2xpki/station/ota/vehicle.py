"""A vehicle put together from its folder: Primary and Secondaries in one process, over HTTP to its OEM."""

from pathlib import Path

from v2xpki.station.http import Urllib3Http
from v2xpki.station.ota.fetching import Fetcher, Tell
from v2xpki.station.ota.primary import Primary
from v2xpki.station.ota.secondary import FullSecondary, PartialSecondary, Secondary
from v2xpki.station.ota.state import OtaDirectory, OtaSettings
from v2xpki.time import Clock


def open_primary(directory: OtaDirectory, clock: Clock, tell: Tell | None = None) -> Primary:
    """The vehicle's Primary with its Secondaries. tell: as Primary's. Raises BadState, ConfigError."""
    settings = directory.settings()
    return Primary(
        directory,
        clock,
        director_of(directory, settings),
        Fetcher(_http(settings), settings.images, plain=settings.plain_images),
        secondaries_of(directory, clock),
        tell,
    )


def director_of(directory: OtaDirectory, settings: OtaSettings) -> Fetcher:
    """The Director, by the vehicle's client certificate where there is one. Raises BadState, ConfigError."""
    client = None if directory.read_identity() is None else directory.identity
    return Fetcher(_http(settings, client), settings.director, plain=settings.plain_director)


def secondaries_of(directory: OtaDirectory, clock: Clock) -> list[Secondary]:
    """Raises BadState."""
    settings = directory.settings()
    kinds = {"full": FullSecondary, "partial": PartialSecondary}
    return [
        kinds[one.verification](directory.ecu(one.ecu), settings.vin, clock)
        for one in settings.ecus
        if not one.primary
    ]


def _http(settings: OtaSettings, client: Path | None = None) -> Urllib3Http:
    ca = None if settings.tls_ca is None else Path(settings.tls_ca)
    return Urllib3Http(tls_ca=ca, client=client)
