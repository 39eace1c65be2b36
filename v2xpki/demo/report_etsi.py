"""What the ETSI demo shows beside what every demo does: a TLM, and a second PKI under it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2xpki.crypto import Certificate
from v2xpki.demo.report import Message, Report


@dataclass(frozen=True)
class Neighbour:
    """The second PKI, under the first one's TLM."""

    directory: Path
    base_url: str
    root: Certificate


@dataclass(kw_only=True)
class EtsiReport(Report):
    """Everything about an ETSI demo."""

    tlm: Certificate
    # like `repeated`, of a PKI whose root came off the ECTL
    distrusted: list[Message] = field(default_factory=list)
    neighbour: Neighbour | None = None

    @property
    def apart(self) -> tuple[Message, ...]:
        return (*self.repeated, *self.distrusted)

    def anchors(self) -> dict[str, Any]:
        return {"tlm": self.tlm.hashed_id8}

    def beside(self) -> dict[str, Any]:
        other = self.neighbour
        return {
            "distrusted": [message.document() for message in self.distrusted],
            "neighbour": None
            if other is None
            else {
                "directory": other.directory,
                "baseUrl": other.base_url,
                "root": other.root.hashed_id8,
            },
        }
