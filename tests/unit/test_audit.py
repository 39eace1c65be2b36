"""The audit chain: whatever is done to it afterwards is found."""

import hashlib
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from v2xpki.audit import (
    FIELDS,
    AuditEntry,
    Checkpoint,
    Event,
    Head,
    append,
    check,
    detail_text,
    entry_hash,
    verify,
)
from v2xpki.errors import AuditError
from v2xpki.time import HOUR

NOW = 720_000_123


def chain(outcomes: list[str], head: Head | None = None) -> list[AuditEntry]:
    head, entries = head or Head(), []
    for step, outcome in enumerate(outcomes):
        detail = detail_text(Event.MESSAGES_SIGNED, {"counts": outcome})
        entries.append(append(head, NOW + step * 600, Event.MESSAGES_SIGNED, detail))
        head = Head(entries[-1].sequence, entries[-1].hash)
    return entries


def head_of(entries: list[AuditEntry]) -> Head:
    return Head(entries[-1].sequence, entries[-1].hash) if entries else Head()


chains = st.lists(st.text(max_size=8), min_size=1, max_size=12).map(chain)


@given(chains)
def test_an_untouched_chain_is_intact(entries: list[AuditEntry]) -> None:
    head = head_of(entries)
    assert check(entries, head) == []
    assert verify(entries, head) == head


def test_an_empty_chain_is_intact() -> None:
    assert verify([], Head()) == Head()


edits = st.one_of(
    st.tuples(st.just("sequence"), st.integers(-5, 20)),
    st.tuples(st.just("time"), st.integers(0, 2**32)),
    st.tuples(st.just("event"), st.sampled_from([event.value for event in Event])),
    st.tuples(st.just("detail"), st.text()),
    st.tuples(st.just("hash"), st.binary(min_size=0, max_size=40)),
)


@given(chains, st.data())
def test_an_edited_entry_is_found(entries: list[AuditEntry], data: st.DataObject) -> None:
    head = head_of(entries)
    place = data.draw(st.integers(0, len(entries) - 1))
    field, value = data.draw(edits)
    edited = entries[place]._replace(**{field: value})
    assume(edited != entries[place])
    assert check([*entries[:place], edited, *entries[place + 1 :]], head)


@given(chains, st.data())
def test_an_edit_with_its_hash_made_to_fit_is_found(entries: list[AuditEntry], data: st.DataObject) -> None:
    head = head_of(entries)
    place = data.draw(st.integers(0, len(entries) - 1))
    before = entries[place - 1].hash if place else Head().hash
    entry = entries[place]._replace(detail=data.draw(st.text()))
    entry = entry._replace(hash=entry_hash(before, entry.sequence, entry.time, entry.event, entry.detail))
    assume(entry != entries[place])
    assert check([*entries[:place], entry, *entries[place + 1 :]], head)


@given(chains, st.data())
def test_a_removed_entry_is_found(entries: list[AuditEntry], data: st.DataObject) -> None:
    head = head_of(entries)
    first = data.draw(st.integers(0, len(entries) - 1))
    last = data.draw(st.integers(first + 1, len(entries)))
    assert check(entries[:first] + entries[last:], head)


@given(chains, st.data())
def test_an_inserted_entry_is_found(entries: list[AuditEntry], data: st.DataObject) -> None:
    head = head_of(entries)
    place = data.draw(st.integers(0, len(entries)))
    before = Head(place, entries[place - 1].hash) if place else Head()
    extra = chain([data.draw(st.text(max_size=3))], before)[0]
    assert check([*entries[:place], extra, *entries[place:]], head)


@given(st.lists(st.text(max_size=8), min_size=2, max_size=12, unique=True).map(chain), st.data())
def test_another_order_is_found(entries: list[AuditEntry], data: st.DataObject) -> None:
    head = head_of(entries)
    shuffled = data.draw(st.permutations(entries))
    assume(shuffled != entries)
    assert check(shuffled, head)


@given(chains, st.data())
def test_a_tail_cut_off_along_with_its_head_is_found_by_a_checkpoint(
    entries: list[AuditEntry], data: st.DataObject
) -> None:
    noted = data.draw(st.integers(1, len(entries)))
    point = Checkpoint("ea", noted, entries[noted - 1].hash, NOW)
    left = entries[: data.draw(st.integers(0, noted - 1))]
    assert check(left, head_of(left)) == []
    assert [f.rule for f in check(left, head_of(left), [point])] == ["checkpoint"]


@given(chains, chains)
def test_a_chain_made_anew_is_found_by_a_checkpoint(
    entries: list[AuditEntry], others: list[AuditEntry]
) -> None:
    assume(others[0] != entries[0])
    point = Checkpoint("ea", len(entries), entries[-1].hash, NOW)
    assert check(others, head_of(others)) == []
    assert "checkpoint" in [f.rule for f in check(others, head_of(others), [point])]


def test_checkpoints_that_fit_are_no_findings() -> None:
    entries = chain(["a", "b", "c"])
    points = [Checkpoint("ea", n, entries[n - 1].hash, NOW) for n in (1, 3)]
    assert check(entries, head_of(entries), [*points, Checkpoint("ea", 0, bytes(32), NOW)]) == []


def test_a_missing_head_is_found() -> None:
    entries = chain(["a"])
    assert [f.rule for f in check(entries, None)] == ["head"]
    with pytest.raises(AuditError):
        verify(entries, None)


def test_findings_are_limited() -> None:
    entries = [entry._replace(hash=bytes(32)) for entry in chain(["x"] * 50)]
    assert len(check(entries, head_of(entries), limit=5)) == 5


# -- entries


@pytest.mark.parametrize("event", list(Event))
def test_every_event_says_what_it_may_carry(event: Event) -> None:
    assert detail_text(event, dict.fromkeys(FIELDS[event], "x"))
    with pytest.raises(AuditError, match="request_hash"):
        detail_text(event, {"request_hash": b"\0" * 16})


def test_an_entry_about_a_validation_names_no_station_and_no_ticket() -> None:
    assert FIELDS[Event.MESSAGES_SIGNED] == {"block", "counts"}


def test_octets_are_written_as_hex_and_fields_in_order() -> None:
    text = detail_text(Event.SIGNING, {"record": b"\xab\x01", "kind": "EC", "issuer": None})
    assert text == '{"issuer":null,"kind":"EC","record":"ab01"}'


values = st.one_of(st.text(), st.integers(), st.booleans(), st.none())


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(FIELDS[Event.SIGNING]), values)))
def test_an_entry_is_canonical_json(detail: dict[str, object]) -> None:
    text = detail_text(Event.SIGNING, detail)
    assert text == json.dumps(detail, sort_keys=True, separators=(",", ":"))
    whole = json.dumps([7, NOW, "event", text], separators=(",", ":"))
    assert entry_hash(b"before", 7, NOW, "event", text) == hashlib.sha256(b"before" + whole.encode()).digest()


@given(st.integers(0, 2**32))
def test_times_are_whole_hours(now: int) -> None:
    entry = append(Head(), now, Event.SERVICE_STARTED, "{}")
    assert entry.time % HOUR == 0 and entry.time <= now < entry.time + HOUR


@given(st.integers(0), st.binary(min_size=32, max_size=32), st.integers(0, 2**32))
def test_checkpoints_survive_their_file(sequence: int, octets: bytes, time: int) -> None:
    point = Checkpoint("ea", sequence, octets, time)
    assert Checkpoint.from_json(point.to_json()) == point


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"domain":"ea","hash":"zz","sequence":1,"time":1}'])
def test_a_line_that_is_no_checkpoint_is_refused(line: str) -> None:
    with pytest.raises(AuditError):
        Checkpoint.from_json(line)
