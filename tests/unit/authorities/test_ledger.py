"""What door 2 signed is on the audit record: allowed beforehand, counted afterwards."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.errors import AuditError
from v2xpki.store import Database
from v2xpki.store.base import AuditRow
from v2xpki.store.schema import upgrade
from v2xpki.time import HOUR, FixedClock


@pytest.fixture
def database(tmp_path: Path, fixed_clock: FixedClock):
    with Database.open(tmp_path / "ea.db", clock=fixed_clock) as opened:
        upgrade(opened, "ea")
        yield opened


def entries(database: Database) -> list[tuple[str, dict]]:
    with database.read() as tx:
        rows = tx.execute(sa.select(AuditRow.event, AuditRow.detail).order_by(AuditRow.sequence)).all()
    return [(event, json.loads(detail)) for event, detail in rows if event.startswith("messages.")]


def test_a_block_is_on_the_record_before_its_first_message(database, fixed_clock):
    ledger = AnswerLedger(database, fixed_clock, block=3)
    ledger.enter("enrolmentResponse")
    ((event, detail),) = entries(database)
    assert event == Event.MESSAGES_ALLOWED and detail["count"] == 3


def test_a_full_block_is_counted_by_kind_and_followed_by_another(database, fixed_clock):
    ledger = AnswerLedger(database, fixed_clock, block=3)
    for kind in ("enrolmentResponse", "authorizationValidationResponse", "enrolmentResponse"):
        ledger.enter(kind)
    assert len(entries(database)) == 1
    ledger.enter("enrolmentResponse")
    (_, first), (closed, counts), (allowed, second) = entries(database)
    assert (closed, allowed) == (Event.MESSAGES_SIGNED, Event.MESSAGES_ALLOWED)
    assert counts["block"] == first["block"] != second["block"]
    assert counts["counts"] == "authorizationValidationResponse=1 enrolmentResponse=2"


def test_more_messages_than_allowed_are_never_counted_in_a_block(database, fixed_clock):
    ledger = AnswerLedger(database, fixed_clock, block=4)
    for _ in range(23):
        ledger.enter("enrolmentResponse")
    ledger.close()
    found = entries(database)
    closed = [detail["counts"] for event, detail in found if event == Event.MESSAGES_SIGNED]
    signed = [int(counts.split("=")[1]) for counts in closed]
    assert sum(signed) == 23 and max(signed) <= 4
    assert len(found) == 2 * len(signed)


def test_a_block_ends_with_its_hour(database, fixed_clock):
    ledger = AnswerLedger(database, fixed_clock)
    ledger.enter("enrolmentResponse")
    ledger.settle()
    assert len(entries(database)) == 1
    fixed_clock.advance(HOUR)
    ledger.settle()
    assert [event for event, _ in entries(database)] == [Event.MESSAGES_ALLOWED, Event.MESSAGES_SIGNED]
    ledger.settle()
    assert len(entries(database)) == 2


def test_without_the_record_no_message_may_be_signed(database, fixed_clock):
    with database.write(durable=True) as tx:
        tx.connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    ledger = AnswerLedger(database, fixed_clock)
    with pytest.raises(AuditError):
        ledger.enter("enrolmentResponse")
    assert entries(database) == []
