"""Delta CTLs and ECTLs (TS 102 941 6.3.1): what changed between full list n-1 and full list n.

A delta has the number and the times of its full list. Entries are told apart by certificate, a distribution
centre's by its URL; an entry that changed (another access point) is deleted and added.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from v2xpki.errors import InvalidList
from v2xpki.trust.lists import (
    LAST_SEQUENCE,
    CtlEntry,
    CtlSchedule,
    DcEntry,
    EctlEntry,
    EctlSchedule,
    ListKind,
    SignedList,
    build_commands,
    in_order,
    key_of,
    parse_entry,
)
from v2xpki.wire import etsi

Entry = CtlEntry | EctlEntry
E = TypeVar("E", bound=CtlEntry | EctlEntry)


class Changes(NamedTuple):
    """From one set of entries to another."""

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    #: Before and after, of the same certificate or URL.
    changed: tuple[tuple[Entry, Entry], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def changes(before: Iterable[Entry], after: Iterable[Entry]) -> Changes:
    """What differs; the order of entries means nothing."""
    old, new = {key_of(e): e for e in before}, {key_of(e): e for e in after}
    return Changes(
        added=in_order([entry for key, entry in new.items() if key not in old]),
        removed=in_order([entry for key, entry in old.items() if key not in new]),
        changed=tuple(
            (old[key_of(entry)], entry)
            for entry in in_order([e for key, e in new.items() if key in old and old[key] != e])
        ),
    )


def build_delta(
    schedule: CtlSchedule, before: Sequence[Entry], after: Sequence[Entry]
) -> etsi.EtsiTs102941Data:
    """The delta CTL, or with an EctlSchedule the delta ECTL, that leads from one full list to the next.

    `after` is what the full list with the same schedule was built from, and is not checked again.
    """
    found = changes(before, after)
    gone = [*found.removed, *(old for old, _ in found.changed)]
    come = [*found.added, *(new for _, new in found.changed)]
    commands = [etsi.CtlCommand(kind="delete", value=_deletion(entry)) for entry in gone]
    commands += [etsi.CtlCommand(kind="add", value=entry.record()) for entry in come]
    kind: ListKind = "ectl" if isinstance(schedule, EctlSchedule) else "ctl"
    return build_commands(kind, schedule, commands, full=False)


def apply_delta(entries: Sequence[E], delta: etsi.CtlFormat) -> tuple[E, ...]:
    """The entries of full list n, from those of full list n-1 and delta n, in the order that full lists have.

    Raises InvalidList for a delta that deletes what is not there or adds what is: it is of another list.
    """
    if delta.is_full_ctl:
        raise InvalidList("a full list where a delta belongs", rule="delta")
    kept: dict[str | bytes, E] = {key_of(entry): entry for entry in entries}
    for command in delta.ctl_commands:
        if isinstance(command.value, etsi.CtlDelete):
            if kept.pop(command.value.value, None) is None:
                raise InvalidList(
                    f"the delta deletes {_name(command.value.value)}, which is not there", rule="delta"
                )
        else:
            entry: E = parse_entry(command.value)  # type: ignore[assignment]
            if kept.setdefault(key_of(entry), entry) is not entry:
                raise InvalidList(f"the delta adds {_name(key_of(entry))}, which is there", rule="delta")
    return in_order(list(kept.values()))


def followed(full: SignedList, delta: SignedList) -> tuple[Entry, ...]:
    """`apply_delta` of two lists that the caller has verified; they must be neighbours of one signer.

    Raises InvalidList.
    """
    if full.kind != delta.kind or full.signer_id8 != delta.signer_id8:
        raise InvalidList("a delta of another list", rule="delta")
    body, sequence = delta.body, full.sequence
    if not isinstance(body, etsi.CtlFormat) or sequence is None or not full.is_full:
        raise InvalidList("a delta is applied to a full CTL or ECTL", rule="delta")
    following = sequence + 1 if full.kind == "ectl" else (sequence + 1) % (LAST_SEQUENCE + 1)
    if body.ctl_sequence != following:
        raise InvalidList(
            f"delta {body.ctl_sequence} does not follow the full list {sequence}", rule="sequence"
        )
    return apply_delta(full.entries, body)


def _deletion(entry: Entry) -> etsi.CtlDelete:
    if isinstance(entry, DcEntry):
        return etsi.CtlDelete(kind="dc", value=entry.url)
    return etsi.CtlDelete(kind="cert", value=entry.certificate.hashed_id8)


def _name(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.hex().upper()
