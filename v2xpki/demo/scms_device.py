"""A device in the SCMS demo."""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass

from v2xpki.crypto import Certificate
from v2xpki.demo.basis import Verdict, judged
from v2xpki.demo.j2735 import Car
from v2xpki.station.errors import Refusal
from v2xpki.station.scms.credentials import Held
from v2xpki.station.scms.device import ScmsRsu, ScmsVehicle
from v2xpki.trust.messages import BSM
from v2xpki.wire import dot2

UNPROVEN, DENIED = "HTTP 401", "HTTP 403"


@dataclass
class Device:
    """A device, and what a demo says about it."""

    name: str
    station: ScmsVehicle | ScmsRsu
    place: dot2.ThreeDLocation
    car: Car | None = None

    @property
    def credentials(self) -> list[Held]:
        """Of the present period; of a roadside unit its one."""
        now = self.station.clock.time32()
        return [held for held in self.station.credentials.all() if held.start <= now < held.end]

    def in_use(self, psid: int) -> Certificate:
        """What it signed its last message of a psid with."""
        used = self.station.credentials.in_use()
        return next(held.certificate for held in used if psid in held.psids)

    def hear(self, octets: bytes) -> Verdict:
        where = self.place.latitude, self.place.longitude
        return judged(lambda: self.station.verify(octets, place=where))

    def rotate(self, seen: Collection[Certificate]) -> None:
        """Another pseudonym than those that were seen, and with it another temporary id in what it says."""
        self.station.rotate()
        while self.in_use(BSM) in seen:
            self.station.rotate()
        if self.car is not None:
            self.car.temporary_id = secrets.token_bytes(4)


def refused(ask: Callable[[], object]) -> str | None:
    """The HTTP status of a refusal; None where it was granted."""
    try:
        ask()
    except Refusal as error:
        return f"HTTP {error.status}"
    return None
