"""What the OTA demo shows beside what every demo does: who signed which release, and what a vehicle took."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2xpki.crypto import Certificate
from v2xpki.demo.report import Report, Verdict


@dataclass(frozen=True)
class Role:
    """A role in force: its version, and how many of how many keys sign it. online: they are in the token."""

    name: str
    version: int
    threshold: int
    keys: int
    online: bool


@dataclass(frozen=True)
class Repository:
    """A repository, the keys in its token, its roles."""

    name: str
    key_labels: tuple[str, ...]
    roles: tuple[Role, ...]

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "keyLabels": list(self.key_labels),
            "roles": [
                {
                    "role": one.name,
                    "version": one.version,
                    "threshold": one.threshold,
                    "keys": one.keys,
                    "online": one.online,
                }
                for one in self.roles
            ],
        }


@dataclass(frozen=True)
class SignedRelease:
    """A release on the Image repository's targets: who added, approved and signed it."""

    id: str
    name: str
    version: str
    hardware_id: str
    counter: int
    rxswin: tuple[str, ...]
    added_by: str
    approved_by: tuple[str, ...]
    signed_by: tuple[str, ...]
    builder: str

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "hardwareId": self.hardware_id,
            "releaseCounter": self.counter,
            "rxswin": list(self.rxswin),
            "addedBy": self.added_by,
            "approvedBy": list(self.approved_by),
            "signedBy": list(self.signed_by),
            "builder": self.builder,
        }


@dataclass(frozen=True)
class Attempt:
    """An update, or what was given as one, and what the vehicle made of it.

    ecus: ECU id -> what runs on it afterwards. rule, reason: of the refusal, None where it was installed;
    wanted: the rule that had to refuse it. file: the Director's targets that it was told by.
    """

    what: str
    by: str
    ecus: dict[str, str]
    rule: str | None
    reason: str | None
    wanted: str | None
    file: Path

    @property
    def verdict(self) -> Verdict:
        return "valid" if self.rule is None else "invalid"

    @property
    def problem(self) -> str | None:
        if self.rule == self.wanted:
            return None
        came = "installed" if self.rule is None else f"refused ({self.rule}: {self.reason})"
        return (
            f"{self.what}: {came}, but had to be {f'refused ({self.wanted})' if self.wanted else 'installed'}"
        )

    def document(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "by": self.by,
            "ecus": self.ecus,
            "verdict": self.verdict,
            "rule": self.rule,
            "reason": self.reason,
            "file": self.file,
        }


@dataclass(kw_only=True)
class OtaReport(Report):
    """Everything about an OTA demo. evidence: pages that were written."""

    vin: str
    tlm: Certificate
    repositories: list[Repository] = field(default_factory=list)
    releases: Sequence[SignedRelease] = ()
    attempts: list[Attempt] = field(default_factory=list)
    evidence: Sequence[Path] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        return (*super().problems, *(one.problem for one in self.attempts if one.problem))

    def anchors(self) -> dict[str, Any]:
        return {"tlm": self.tlm.hashed_id8}

    def beside(self) -> dict[str, Any]:
        return {
            "vehicle": self.vin,
            "repositories": [one.document() for one in self.repositories],
            "releases": [one.document() for one in self.releases],
            "updates": [one.document() for one in self.attempts],
            "evidence": list(self.evidence),
        }
