"""What a demo found out, for people (show.py) and as the one document of `demo --json`.

Each profile has a Report of its own: report_etsi.py, report_scms.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from v2xpki.crypto import Certificate
from v2xpki.demo.steps import Step

Verdict = Literal["valid", "invalid"]  # the words of `v2xpki data verify --json`


@dataclass(frozen=True)
class Authority:
    """A CA: its certificate, what its token says of its keys, how many of what it signed."""

    role: str
    certificate: Certificate
    token: str
    key_labels: tuple[str, ...]
    issued: Mapping[str, int]

    def document(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "hashedId8": self.certificate.hashed_id8,
            "name": self.certificate.name,
            "curve": self.certificate.curve.text,
            "token": self.token,
            "keyLabels": list(self.key_labels),
            "issued": dict(self.issued),
        }


@dataclass(frozen=True)
class Member:
    """A station that enrolled."""

    name: str
    profile: str
    canonical_id: str
    directory: Path
    credential: Certificate
    tickets: tuple[Certificate, ...]

    def document(self, certificates: str) -> dict[str, Any]:
        """certificates: what those that it signs messages with are called."""
        return {
            "name": self.name,
            "profile": self.profile,
            "canonicalId": self.canonical_id,
            "directory": self.directory,
            "curve": self.credential.curve.text,
            "credential": self.credential.hashed_id8,
            certificates: [ticket.hashed_id8 for ticket in self.tickets],
        }


@dataclass(frozen=True)
class Message:
    """One message and what its receiver made of it.

    file: the octets as sent. chain: files of the sender's certificates, the ticket first, the root last.
    rule, reason: of the refusal, None where it was accepted. wanted: the rule that had to refuse it.
    """

    file: Path
    chain: tuple[Path, ...]
    kind: str
    sender: str
    receiver: str
    what: str
    rule: str | None
    reason: str | None
    wanted: str | None

    @property
    def verdict(self) -> Verdict:
        return "valid" if self.rule is None else "invalid"

    @property
    def is_forged(self) -> bool:
        return self.wanted is not None

    @property
    def problem(self) -> str | None:
        """What is wrong with the verdict itself."""
        if self.rule == self.wanted:
            return None
        heard = "accepted" if self.rule is None else f"refused ({self.rule}: {self.reason})"
        wanted = f"refused ({self.wanted})" if self.wanted else "accepted"
        return f"{self.kind} of {self.sender}, {self.what}: {heard}, but had to be {wanted}"

    def document(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "chain": list(self.chain),
            "verdict": self.verdict,
            "rule": self.rule,
            "reason": self.reason,
            "type": self.kind,
            "from": self.sender,
            "to": self.receiver,
            "what": self.what,
        }


@dataclass(frozen=True)
class Refusal:
    """A request that an authority had to refuse; `code` as on the wire, None where it was granted."""

    what: str
    code: str | None
    wanted: str

    @property
    def problem(self) -> str | None:
        if self.code == self.wanted:
            return None
        return f"{self.what}: {self.code or 'granted'}, but had to be refused with {self.wanted}"


@dataclass(kw_only=True)
class Report:
    """What there is to say about every demo. Times in seconds."""

    CERTIFICATES: ClassVar = "tickets"  # what stations sign messages with, in the document

    profile: str
    directory: Path
    base_url: str
    http_url: str
    authorities: Sequence[Authority] = ()
    members: Sequence[Member] = ()
    messages: list[Message] = field(default_factory=list)
    # valid messages that were heard before: the files would verify, their repetition does not
    repeated: list[Message] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    artifacts: dict[str, Path] = field(default_factory=dict)
    audit_entries: int = 0
    steps: Sequence[Step] = ()
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def apart(self) -> tuple[Message, ...]:
        """Messages whose files would verify by themselves: something else has to refuse them."""
        return tuple(self.repeated)

    @property
    def problems(self) -> tuple[str, ...]:
        """What went otherwise than it should; nothing if all is well."""
        judged = [message.problem for message in (*self.messages, *self.apart)]
        asked = [refusal.problem for refusal in self.refusals]
        return (*self.faults, *(problem for problem in (*judged, *asked) if problem))

    def document(self) -> dict[str, Any]:
        """For `--json`. Octets and paths are left as such."""
        return {
            "ok": not self.problems,
            "profile": self.profile,
            "directory": self.directory,
            "baseUrl": self.base_url,
            "httpUrl": self.http_url,
            **self.anchors(),
            "seconds": round(self.seconds, 2),
            "steps": [
                {"title": step.title, "outcome": step.outcome, "seconds": round(step.seconds, 2)}
                for step in self.steps
            ],
            "authorities": [authority.document() for authority in self.authorities],
            "stations": [member.document(self.CERTIFICATES) for member in self.members],
            "messages": [message.document() for message in self.messages],
            "repeated": [message.document() for message in self.repeated],
            **self.beside(),
            "refusedRequests": [{"what": entry.what, "code": entry.code} for entry in self.refusals],
            "artifacts": dict(self.artifacts),
            "auditEntries": self.audit_entries,
            "problems": list(self.problems),
        }

    def anchors(self) -> dict[str, Any]:
        """Of the document: what the stations trust."""
        return {}

    def beside(self) -> dict[str, Any]:
        """Of the document: what this profile alone shows."""
        return {}


def joint_document(reports: Mapping[str, Report]) -> dict[str, Any]:
    """The one document of several profiles: all messages, and each profile's own document by its name."""
    documents = {name: report.document() for name, report in reports.items()}
    return {
        "ok": all(document["ok"] for document in documents.values()),
        "messages": [message for document in documents.values() for message in document["messages"]],
        "problems": [f"{name}: {problem}" for name, report in reports.items() for problem in report.problems],
        "profiles": documents,
    }
