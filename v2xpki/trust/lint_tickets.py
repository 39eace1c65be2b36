"""Rules of a station's tickets taken together."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.time import iso_from_time32
from v2xpki.trust.lint_engine import Finding, Rule, rule_of, run

PARALLEL = 100  # EU certificate policy R1.1; R3.0 has 200 for vehicles, 2 for roadside units


class TicketsSubject(NamedTuple):
    """The tickets of one station, and how many of them may be valid at a time."""

    tickets: Sequence[Certificate]
    parallel: int


TICKETS_RULES: dict[str, Rule] = {}
_Test = Callable[[TicketsSubject], str | None]


def _rule(name: str, clause: str, description: str) -> Callable[[_Test], _Test]:
    return rule_of(TICKETS_RULES, "tickets", name, clause, description)


def lint_tickets(
    tickets: Sequence[Certificate], *, parallel: int = PARALLEL, at: int | None = None, every: bool = False
) -> list[Finding]:
    """What is wrong with one station's tickets together; each alone is for lint_certificate."""
    if not tickets:
        return []
    latest = max(ticket.start for ticket in tickets)
    moment = 1 << 62 if every else latest if at is None else at
    return run(TICKETS_RULES.values(), TicketsSubject(tickets, parallel), moment)


@_rule("e_parallel_tickets", "EU certificate policy 7.2", "no more tickets at a time than the policy allows")
def _parallel(s: TicketsSubject) -> str | None:
    changes = [(t.start, 1) for t in s.tickets] + [(t.end, -1) for t in s.tickets]
    count = most = 0
    when = 0
    for moment, step in sorted(changes):
        count += step
        if count > most:
            most, when = count, moment
    return f"{most} at {iso_from_time32(when)}; at most {s.parallel}" if most > s.parallel else None


@_rule("e_ticket_keys", "TS 102 731 6.1.2; privacy of tickets", "each ticket has a key of its own")
def _keys(s: TicketsSubject) -> str | None:
    keys = {ticket.record.to_be_signed.verify_key_indicator for ticket in s.tickets}
    others = {ticket.digest for ticket in s.tickets}
    return f"{len(keys)} keys in {len(others)} tickets" if len(keys) < len(others) else None


@_rule("w_ticket_twice", "use in the field", "no ticket is there twice")
def _twice(s: TicketsSubject) -> str | None:
    distinct = len({ticket.digest for ticket in s.tickets})
    return f"{len(s.tickets)} files, {distinct} tickets" if distinct < len(s.tickets) else None
