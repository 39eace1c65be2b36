"""A vehicle of three ECUs that is updated by an Oem: a gateway as its Primary, brakes with full and a radio
with partial verification."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.ota_oem import VIN, Oem
from v2xpki.station.http import Urllib3Http
from v2xpki.station.ota.fetching import Fetcher, Pace
from v2xpki.station.ota.keys import EcuKey
from v2xpki.station.ota.primary import Outcome, Primary
from v2xpki.station.ota.state import EcuSettings, OtaDirectory, OtaSettings
from v2xpki.station.ota.vehicle import secondaries_of
from v2xpki.time import FixedClock

ECUS = (
    EcuSettings("gateway", "gw-1", primary=True),
    EcuSettings("brake", "brake-1"),
    EcuSettings("radio", "radio-1", verification="partial"),
)


@dataclass
class Vehicle:
    directory: OtaDirectory
    clock: FixedClock
    director: Fetcher
    images: Fetcher

    @classmethod
    def make(
        cls,
        path: Path,
        oem: Oem,
        url: str,
        clock: FixedClock,
        *,
        plain: bool = True,
        pace: Pace | None = None,
        monotonic: Callable[[], float] = lambda: 0.0,
    ) -> "Vehicle":
        settings = OtaSettings(VIN, "model-x", url, url, ECUS, plain_director=True, plain_images=True)
        keys = {one.ecu: EcuKey.generate("ed25519" if one.primary else "ecdsa") for one in ECUS}
        roots = {"director": oem.director.files["1.root.json"], "image": oem.image.files["1.root.json"]}
        factory = {one.ecu: b"factory " + one.ecu.encode() for one in ECUS}
        directory = OtaDirectory.create(path, settings, keys, roots, factory)
        http = Urllib3Http()
        director, images = (Fetcher(http, url, plain=plain, pace=pace, monotonic=monotonic) for _ in range(2))
        return cls(directory, clock, director, images)

    def primary(self) -> Primary:
        """As after switching on: all is read from the disk."""
        secondaries = secondaries_of(self.directory, self.clock)
        return Primary(self.directory, self.clock, self.director, self.images, secondaries)

    def update(self) -> Outcome:
        return self.primary().update()

    def running(self) -> dict[str, bytes]:
        """The image of each ECU."""
        return {
            ecu: self._of(ecu, "images", told["installed"]["sha256"]) for ecu, told in self.kept().items()
        }

    def kept(self) -> dict[str, dict[str, Any]]:
        """What each ECU has in its memory."""
        return {one.ecu: json.loads(self._of(one.ecu, "ecu.json")) for one in ECUS}

    def _of(self, ecu: str, *names: str) -> bytes:
        return self.directory.path.joinpath("ecus", ecu, *names).read_bytes()

    def manifest(self) -> dict[str, Any]:
        """What the vehicle says next."""
        told: dict[str, Any] = json.loads(self.primary().manifest(self.clock.now))["signed"]
        return told

    def attacks(self) -> dict[str, str]:
        """What the ECUs tell of in the next manifest."""
        reports = self.manifest()["ecuManifests"]
        return {ecu: r["signed"]["attack"] for ecu, r in reports.items() if "attack" in r["signed"]}
