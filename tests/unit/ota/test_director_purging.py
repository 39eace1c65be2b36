"""Forgetting what it signed costs a Director what is due, not what is there; on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.databases import NOW, new_url, postgres_server
from v2xpki.audit import Event
from v2xpki.issuance import purge, recovery
from v2xpki.issuance.records import ISSUED, OPEN, Record, new_slip, tx_save
from v2xpki.store import Database, random_key, upgrade
from v2xpki.store.auditing import examine, newest
from v2xpki.store.base import IssuanceRecord
from v2xpki.time import HOUR, FixedClock

__all__ = ["new_url", "postgres_server"]

THIS_HOUR = NOW - NOW % HOUR


@pytest.fixture
def database(new_url: Callable[[], str]) -> Iterator[Database]:
    """A Director's, with 1200 records of the last two hours and 300 of hours to come; one of the old ones is
    open."""
    with Database.open(new_url(), clock=FixedClock(NOW)) as database:
        upgrade(database, "director")
        ends = [THIS_HOUR - HOUR - n % 2 * HOUR for n in range(1200)]
        ends += [THIS_HOUR + n % 24 * HOUR for n in range(300)]
        with database.write(durable=False) as tx:
            for end in ends:
                tx_save(tx, Record(random_key(), "VEHICLE_METADATA", None, b"{}", end, new_slip()))
            old = sa.select(IssuanceRecord.id).where(IssuanceRecord.expires < THIS_HOUR)
            spared = tx.execute(old).scalars().first()
            tx.execute(
                sa.update(IssuanceRecord)
                .where(IssuanceRecord.id != spared)
                .values(state=ISSUED, signed=b"", open_by=None)
            )
        yield database


def left(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(sa.select(sa.func.count()).select_from(IssuanceRecord)).scalar_one())


def records_gone_unseen(database: Database) -> list[str]:
    return [one.message for one in examine(database).findings if "are gone" in one.message]


def asked(database: Database, work: Callable[[], object]) -> list[tuple[str, Any]]:
    """The statements that SQLAlchemy runs for it."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    sa.event.listen(database._engine, "before_cursor_execute", note)
    work()
    sa.event.remove(database._engine, "before_cursor_execute", note)
    return found


def plan_of(database: Database, statement: str, parameters: Any) -> str:
    with database.read() as tx:
        if tx.connection.dialect.name == "sqlite":
            rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        else:
            # of so few rows it would read them all
            tx.execute(sa.text("SET LOCAL enable_seqscan = off"))
            rows = tx.connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return "\n".join(str(row[-1]) for row in rows)


def test_what_is_past_its_hour_goes_and_the_chain_still_holds(database: Database) -> None:
    assert purge(database, NOW) == 1199
    assert left(database) == 301
    with database.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).where(IssuanceRecord.state == OPEN)).scalar() == 1
    assert records_gone_unseen(database) == []


def test_a_purge_with_nothing_due_asks_once_and_by_the_index(database: Database) -> None:
    purge(database, NOW)
    [(statement, parameters)] = asked(database, lambda: purge(database, NOW))
    assert "ix_issuance_record_expires" in plan_of(database, statement, parameters)
    assert len(newest(database, 100, Event.PURGED)) == 3  # of 500, 500 and 199; none since


def test_what_is_due_is_looked_up_and_removed_some_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither memory nor a transaction that others wait for grows with what is due."""
    monkeypatch.setattr(recovery, "_LOOK", 1000)
    statements = [text.split()[0] for text, _ in asked(database, lambda: purge(database, NOW))]
    assert statements == ["SELECT", "DELETE", "DELETE", "SELECT", "DELETE"]
    assert left(database) == 301


def test_of_two_processes_that_purge_at_once_each_counts_what_it_removed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that counted more would hide as many records that somebody else took away."""
    write, other = database.write, []

    def overtaken(*, durable: bool) -> Any:
        monkeypatch.setattr(database, "write", write)
        other.append(purge(database, NOW))
        return database.write(durable=durable)

    monkeypatch.setattr(database, "write", overtaken)
    assert (purge(database, NOW), other) == (0, [1199])
    assert records_gone_unseen(database) == []
    with database.write(durable=False) as tx:
        tx.execute(sa.delete(IssuanceRecord).where(IssuanceRecord.expires >= THIS_HOUR))
    assert records_gone_unseen(database) != []
