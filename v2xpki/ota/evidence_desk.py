"""Evidence over the operators' interface: asks both repositories' desks for their halves, and joins them."""

from collections.abc import Mapping
from typing import Any, Protocol

from v2xpki.config.ota import AUDITOR
from v2xpki.ota.desk import Asked, answers
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.evidence import Document, release_report, vehicle_report
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.time import Clock


class Ask(Protocol):
    """A call of a repository's desk, in the name of who asks for the report."""

    def __call__(self, desk: type, name: str, parameters: Mapping[str, str], /) -> Any: ...


class EvidenceDesk:
    """ask: raises what is told to whom asks; clock: for when a report was made."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask, self._clock = ask, clock

    @answers("GET evidence/releases/{id}", AUDITOR, query=("after", "vehicles"))
    def release_evidence(self, asked: Asked) -> Document:
        """Evidence of a release: who added, approved and signed it, and what became of it in at most
        `vehicles` (1000) vehicles whose VIN comes after `after`; `delivery.more` is the next `after`."""
        parameters = dict(asked.parameters)
        release = self._ask(ImageDesk, "release_half", {"id": parameters.pop("id")})
        delivery = self._ask(DirectorDesk, "delivery_half", {"path": release["path"], **parameters})
        return release_report(release, delivery, self._clock.time32())

    @answers("GET evidence/vehicles/{vin}", AUDITOR)
    def vehicle_evidence(self, asked: Asked) -> Document:
        """Evidence of a vehicle: what it was offered, what it reported, and who signed that."""
        vehicle = self._ask(DirectorDesk, "vehicle_half", {"vin": asked.parameters["vin"]})
        found = [self._ask(ImageDesk, "known_release_halves", {"path": path}) for path in _paths(vehicle)]
        return vehicle_report(vehicle, [half for halves in found for half in halves], self._clock.time32())


def _paths(vehicle: Document) -> list[str]:
    """As VehicleHalf.paths, of its document."""
    found = {one["path"] for one in (*vehicle["ecus"], *vehicle["offers"])} - {None}
    return sorted(found.union(*map(_paths, vehicle["earlier"])))
