"""What the SCMS demo shows beside what every demo does: who knew what, and a revocation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from v2xpki.crypto import Certificate
from v2xpki.demo.report import Message, Report


@dataclass(frozen=True)
class Knowledge:
    """What can be read in one component's database of what there was to know: how many of each.

    together: vehicles of which it can tell that two or more pseudonyms are one vehicle's; whose: pseudonyms
    that it can tell the enrolment certificate, the device or the request of.
    """

    component: str
    devices: int
    enrolments: int
    requests: int
    pseudonyms: int
    chains: int
    seeds: int
    together: int
    whose: int

    def document(self) -> dict[str, Any]:
        return {
            "component": self.component,
            "deviceNames": self.devices,
            "enrolmentCertificates": self.enrolments,
            "requests": self.requests,
            "pseudonymCertificates": self.pseudonyms,
            "linkageChains": self.chains,
            "publishedSeeds": self.seeds,
            "vehiclesLinked": self.together,
            "pseudonymsNamed": self.whose,
        }


@dataclass(frozen=True)
class Revocation:
    """named: the one certificate that the operator named. refused: how many of its vehicle's `held` ones a
    receiver refuses by the CRL; others: how many of another vehicle's. seeds: those on the CRL."""

    named: Certificate
    seeds: tuple[bytes, ...]
    held: int
    refused: int
    others: int

    def document(self) -> dict[str, Any]:
        return {
            "named": self.named.hashed_id8,
            "held": self.held,
            "refused": self.refused,
            "othersRefused": self.others,
        }


@dataclass(kw_only=True)
class ScmsReport(Report):
    """Everything about an SCMS demo."""

    CERTIFICATES: ClassVar = "certificates"

    electors: tuple[Certificate, ...]
    quorum: int
    root: Certificate
    # like `repeated`, of a vehicle that was revoked
    revoked: list[Message] = field(default_factory=list)
    revocation: Revocation | None = None
    knowledge: Sequence[Knowledge] = ()

    @property
    def apart(self) -> tuple[Message, ...]:
        return (*self.repeated, *self.revoked)

    def anchors(self) -> dict[str, Any]:
        return {
            "electors": [elector.hashed_id8 for elector in self.electors],
            "quorum": self.quorum,
            "root": self.root.hashed_id8,
        }

    def beside(self) -> dict[str, Any]:
        return {
            "revoked": [message.document() for message in self.revoked],
            "revocation": None if self.revocation is None else self.revocation.document(),
            "whoKnewWhat": [entry.document() for entry in self.knowledge],
        }
