"""A Secondary: an ECU that gets metadata and images through the Primary, and verifies them itself.

Full verification (Uptane 5.4.4.2) takes both repositories' metadata, partial verification (5.4.4.1) the
Director's targets alone, under the root that the ECU was built with and its successors.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from v2xpki.station.ota.ecu import Ecu
from v2xpki.station.ota.matching import Directed, check_agreement, check_for_ecu, directed
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.station.ota.repository_view import RepositoryView, Source
from v2xpki.time import Clock
from v2xpki.trust.ota.manifest import Installed

Verification = Literal["full", "partial"]


class Offer(NamedTuple):
    """The metadata that a Primary hands on, by the names of its files."""

    director: Source
    image: Source


class Secondary(Protocol):
    """What a Primary asks of a Secondary."""

    @property
    def memory(self) -> Ecu: ...

    def report(self) -> dict[str, Any]:
        """Its signed version report."""
        ...

    def verify(self, offer: Offer) -> Installed | None:
        """What the metadata has for this ECU. Raises UpdateRefused, which its next report tells."""
        ...

    def stage(self, image: Path) -> None:
        """Take the image that was verified last. Raises UpdateRefused."""
        ...

    def activate(self) -> None:
        """Run it."""
        ...


class _Verifying:
    """What both kinds have in common. clock: the ECU's own secure time."""

    def __init__(self, memory: Ecu, vin: str, clock: Clock) -> None:
        self._memory, self._vin, self._clock = memory, vin, clock
        self._wanted: Installed | None = None

    @property
    def memory(self) -> Ecu:
        return self._memory

    def report(self) -> dict[str, Any]:
        """As Secondary says."""
        return self.memory.report(self._clock.time32())

    def verify(self, offer: Offer) -> Installed | None:
        """As Secondary says."""
        self._wanted = None
        try:
            found = self._find(offer, self._clock.time32())
        except UpdateRefused as refusal:
            self.memory.note(refusal)
            raise
        self.memory.note(None)
        self._wanted = None if found is None else found.installed
        return self._wanted

    def stage(self, image: Path) -> None:
        """As Secondary says."""
        try:
            self.memory.stage(image, self._verified())
        except UpdateRefused as refusal:
            self.memory.note(refusal)
            raise

    def activate(self) -> None:
        """As Secondary says."""
        self.memory.activate(self._verified())

    def _verified(self) -> Installed:
        if self._wanted is None:
            raise UpdateRefused(
                Threat.ARBITRARY_SOFTWARE, "no verified metadata has an image for it", ecu=self.memory.ecu
            )
        return self._wanted

    def _find(self, offer: Offer, now: int) -> Directed | None:
        raise NotImplementedError


class FullSecondary(_Verifying):
    """Verifies as the Primary does."""

    def _find(self, offer: Offer, now: int) -> Directed | None:
        memory = self.memory
        director = RepositoryView("director", memory.metadata("director"), offer.director)
        one = directed(director.refresh(now), self._vin).get(memory.ecu)
        image = RepositoryView("image", memory.metadata("image"), offer.image)
        image.refresh(now)
        if one is not None:
            check_for_ecu(one, memory.hardware_id, memory.installed)
            check_agreement(one, image.target(one.target.path), memory.hardware_id, memory.installed)
        return one


class PartialSecondary(_Verifying):
    """Verifies the Director's targets."""

    def _find(self, offer: Offer, now: int) -> Directed | None:
        memory = self.memory
        view = RepositoryView("director", memory.metadata("director"), offer.director)
        one = directed(view.refresh_targets_alone(now), self._vin).get(memory.ecu)
        if one is not None:
            check_for_ecu(one, memory.hardware_id, memory.installed)
        return one
