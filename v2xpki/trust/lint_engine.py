"""What the linter is made of: rules, findings, and what a rule of certificates looks at.

A rule is a function with an id, a severity, the clause it stands in and the date since when it counts.
Ids start with e_ (error) or w_ (warning); they are stable, as are their meanings.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from v2xpki.crypto import Certificate
from v2xpki.time import time32_from_iso
from v2xpki.trust import validity
from v2xpki.trust.profiles import KINDS, SERVICES, Kind
from v2xpki.wire import dot2

Severity = Literal["error", "warning"]
Topic = Literal["certificate", "tickets", "message", "list"]
LintKind = Kind | Literal["MA"]  # misbehaviour authorities are not issued here, but looked at
LINT_KINDS: tuple[LintKind, ...] = (*KINDS, "MA")

FIRST = "2017-10-01"  # TS 103 097 V1.3.1, the first on IEEE 1609.2

# Longest validity in seconds (EU certificate policy R1.1); an operator's policy may pass others.
LIMITS: Mapping[str, int] = {
    "RCA": 8 * validity.YEAR,
    "TLM": 4 * validity.YEAR,
    "EA": 5 * validity.YEAR,
    "AA": 5 * validity.YEAR,
    "EC": 3 * validity.YEAR,
    "AT": 7 * 24 * 3600,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """id: stable name. clause: where it stands. effective: ISO date since when. kinds: of certificates.

    signed: looks at what only a finished certificate has. varies: depends on more than the certificate's
    shape (see lint.py), so is asked each time.
    """

    id: str
    severity: Severity
    clause: str
    effective: str
    kinds: tuple[LintKind, ...]
    description: str
    signed: bool
    test: Callable[[Any], str | None] = field(repr=False)
    since: int = 0  # `effective` as Time32
    topic: Topic = "certificate"
    varies: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken, and how."""

    rule: Rule
    detail: str

    def __str__(self) -> str:
        return f"{self.rule.id} ({self.rule.clause}): {self.detail}"


class Subject:
    """What rules of certificates look at.

    record: None before the signature. issuer: None where it is not known. outer: the region that binds the
    issuer, its own or an inherited one.
    """

    __slots__ = ("issuer", "kind", "limits", "outer", "permitted", "record", "tbs")

    def __init__(
        self,
        tbs: dot2.ToBeSignedCertificate,
        kind: LintKind,
        issuer: Certificate | None,
        record: dot2.Certificate | None,
        limits: Mapping[str, int],
        permitted: Collection[int] = SERVICES,
        outer: dot2.GeographicRegion | None = None,
    ) -> None:
        self.tbs, self.kind, self.issuer = tbs, kind, issuer
        self.record, self.limits, self.permitted, self.outer = record, limits, permitted, outer


RULES: dict[str, Rule] = {}  # of certificates; others are in the modules of their topic

_S = TypeVar("_S")
_Test = Callable[[_S], str | None]


def rule(
    name: str,
    clause: str,
    description: str,
    *,
    kinds: tuple[LintKind, ...] = LINT_KINDS,
    effective: str = FIRST,
    signed: bool = False,
    varies: bool = False,
) -> Callable[[_Test[Subject]], _Test[Subject]]:
    """Register a rule of certificates; its function says what is wrong, or None."""

    def register(test: _Test[Subject]) -> _Test[Subject]:
        RULES[name] = _make(name, clause, description, effective, test, "certificate", kinds, signed,
                            varies or signed)  # fmt: skip
        return test

    return register


def rule_of(
    rules: dict[str, Rule], topic: Topic, name: str, clause: str, description: str, *, effective: str = FIRST
) -> Callable[[_Test[_S]], _Test[_S]]:
    """Register a rule of messages, lists or sets of tickets."""

    def register(test: _Test[_S]) -> _Test[_S]:
        rules[name] = _make(name, clause, description, effective, test, topic)
        return test

    return register


def _make(
    name: str,
    clause: str,
    description: str,
    effective: str,
    test: Callable[[Any], str | None],
    topic: Topic,
    kinds: tuple[LintKind, ...] = (),
    signed: bool = True,
    varies: bool = True,
) -> Rule:
    severity: Severity = "error" if name.startswith("e_") else "warning"
    since = time32_from_iso(effective)
    return Rule(name, severity, clause, effective, kinds, description, signed, test, since, topic, varies)


def run(rules: Iterable[Rule], subject: object, moment: int) -> list[Finding]:
    """The findings of the rules that were in force at `moment` (TAI seconds)."""
    findings = []
    for one in rules:
        detail = one.test(subject)
        if detail is not None and moment >= one.since:
            findings.append(Finding(one, detail))
    return findings


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are errors."""
    return [finding for finding in findings if finding.rule.severity == "error"]


def explicit(group: dot2.PsidGroupPermissions) -> dict[int, list[dot2.SspRange | None]]:
    """What a group of certIssuePermissions names: PSID -> its ranges."""
    found: dict[int, list[dot2.SspRange | None]] = {}
    if isinstance(group.subject_permissions.value, tuple):
        for entry in group.subject_permissions.value:
            found.setdefault(entry.psid, []).append(entry.ssp_range)
    return found
