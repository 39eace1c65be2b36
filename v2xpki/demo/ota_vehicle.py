"""The demo's vehicle, a gateway and brakes, and whoever sits between it and its OEM."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from v2xpki.station import Reply, Urllib3Http
from v2xpki.station.ota.fetching import Fetcher, Streamed
from v2xpki.station.ota.keys import EcuKey
from v2xpki.station.ota.primary import Outcome, Primary
from v2xpki.station.ota.registration import entries
from v2xpki.station.ota.state import EcuSettings, OtaDirectory, OtaSettings
from v2xpki.station.ota.vehicle import secondaries_of
from v2xpki.time import Clock
from v2xpki.trust.ota.registration import EcuEntry

VIN, MODEL = "WV2XPK1DEM0000001", "city-car"
GATEWAY, BRAKE, SPARE = "gateway-1", "brake-1", "brake-2"
ECUS = (
    EcuSettings(GATEWAY, "gw-1", primary=True),
    EcuSettings(BRAKE, "bcm-2", verification="partial"),
)
FACTORY = "as it left the factory"
_NONE: Mapping[str, str] = MappingProxyType({})


class _Told(NamedTuple):
    """An answer that is not the OEM's."""

    octets: bytes
    status: int = 200
    headers: Mapping[str, str] = _NONE

    def chunks(self) -> Iterator[bytes]:
        yield self.octets


class OnTheWay:
    """Carries what the vehicle asks and is answered, and may answer itself: `instead` by the end of a URL."""

    def __init__(self, inside: Urllib3Http) -> None:
        self._inside = inside
        self.instead: dict[str, bytes] = {}

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str] = _NONE) -> Iterator[Streamed]:
        told = self._instead(url)
        if told is not None:
            yield _Told(told)
            return
        with self._inside.stream(url, headers) as answer:
            yield answer

    def post(self, url: str, body: bytes, content_type: str) -> Reply:
        told = self._instead(url)
        if told is not None:
            return Reply(200, content_type, told)
        return self._inside.post(url, body, content_type)

    def _instead(self, url: str) -> bytes | None:
        return next((octets for end, octets in self.instead.items() if url.endswith(end)), None)


class Vehicle:
    """A vehicle in its folder. url: the OEM's, for both repositories; roots: as its factory put them in."""

    def __init__(self, path: Path, url: str, tls_ca: Path, roots: Mapping[str, bytes], clock: Clock) -> None:
        self.clock, self._url, self._tls_ca = clock, url, tls_ca
        settings = OtaSettings(VIN, MODEL, url, url, ECUS, tls_ca=str(tls_ca))
        keys = {one.ecu: EcuKey.generate("ecdsa") for one in ECUS}
        factory = {one.ecu: f"{one.hardware_id} {FACTORY}".encode() for one in ECUS}
        self.directory = OtaDirectory.create(path, settings, keys, roots, factory)

    @property
    def director(self) -> Fetcher:
        """Before it has a client certificate."""
        return Fetcher(Urllib3Http(tls_ca=self._tls_ca), self._url)

    def update(self, instead: Mapping[str, bytes] | None = None) -> Outcome:
        """One cycle; instead: what somebody on the way answers. Raises UpdateRefused, Refusal."""
        client = Urllib3Http(tls_ca=self._tls_ca, client=self.directory.identity)
        try:
            way = OnTheWay(client)
            way.instead |= instead or {}
            fetcher = Fetcher(way, self._url)
            return Primary(
                self.directory, self.clock, fetcher, fetcher, secondaries_of(self.directory, self.clock)
            ).update()
        finally:
            client.close()

    def replace_brakes(self) -> tuple[EcuEntry, EcuKey]:
        """New ones, with a key of their own; what the OEM is to be told, and the key of the old ones."""
        old, new = self.directory.ecu(BRAKE).key, EcuSettings(SPARE, "bcm-2", verification="partial")
        factory = f"{new.hardware_id} {FACTORY}".encode()
        self.directory.replace_ecu(BRAKE, new, EcuKey.generate("ecdsa"), factory)
        (entry,) = (one for one in entries(self.directory) if one.ecu == SPARE)
        return entry, old

    @contextmanager
    def brakes_signing_with(self, key: EcuKey) -> Iterator[None]:
        """Somebody has put this key into the new brakes."""
        file = self.directory.ecu(SPARE).folder / "key.pem"
        own = EcuKey.read(file)
        key.write(file)
        try:
            yield
        finally:
            own.write(file)

    def running(self) -> dict[str, str]:
        """ECU id -> the target that it runs."""
        ecus = self.directory.settings().ecus
        found = {one.ecu: self.directory.ecu(one.ecu).installed for one in ecus}
        return {ecu: one.path if one.release_counter else FACTORY for ecu, one in found.items()}
