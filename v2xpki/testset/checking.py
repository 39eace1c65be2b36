"""Our own verifier held against a test set, as `cert verify`, `data verify` and `ctl verify` would answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidList, V2xPkiError
from v2xpki.testset.manifest import Entry, read_manifest
from v2xpki.time import time32_from_iso
from v2xpki.trust.judge import evidence_of, judge_certificate, judge_data, judge_list, rule_of
from v2xpki.trust.lists import SignedList


class Disagreement(NamedTuple):
    """An entry that was answered otherwise than the manifest says."""

    entry: Entry
    verdict: str
    reason: str | None


def check(directory: Path, now: int) -> tuple[int, list[Disagreement]]:
    """How many entries were judged at `now` (TAI seconds), or at their own time; and where we disagree."""
    manifest = read_manifest(directory)
    entries = [*manifest.entries, *manifest.timed]
    return len(entries), list(_disagreements(directory, entries, now))


def _disagreements(directory: Path, entries: list[Entry], now: int) -> Iterator[Disagreement]:
    for entry in entries:
        reason = judge(directory, entry, now)
        verdict = "valid" if reason is None else "invalid"
        if (verdict, reason) != (entry.expect, entry.reason):
            yield Disagreement(entry, verdict, reason)


def judge(directory: Path, entry: Entry, now: int) -> str | None:
    """The rule that an entry breaks; None where it is valid."""
    at = None if entry.time is None else time32_from_iso(entry.time)
    octets = (directory / entry.file).read_bytes()
    chain = [(name, (directory / name).read_bytes()) for name in entry.chain]
    try:
        evidence = evidence_of(chain, now if at is None else at)
        if entry.command == "cert":
            judge_certificate(Certificate.parse(octets), evidence, now if at is None else at)
        elif entry.command == "data":
            judge_data(octets, evidence, at, now)
        else:
            signed = SignedList.parse(octets)
            if signed.kind != entry.command:
                raise InvalidList(f"a {signed.kind}", rule="kind")
            judge_list(signed, evidence, now if at is None else at)
    except V2xPkiError as error:
        return rule_of(error)
    return None
