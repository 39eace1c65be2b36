"""Transactions: whole or not at all, and the audit chain inside them."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.errors import AlreadyRecorded, AuditError, RecordFailed, StoreError
from v2xpki.store import Database, Statement, random_key, upgrade
from v2xpki.store.base import AuditHead, AuditRow, Setting
from v2xpki.store.runs import file_run_is_alive
from v2xpki.time import HOUR


def names(database: Database) -> set[str]:
    with database.read() as tx:
        return set(tx.execute(sa.select(Setting.name)).scalars()) - {"domain", "secret"}


def test_a_block_is_written_as_a_whole(database: Database) -> None:
    with database.write(durable=True) as tx:
        tx.insert(Setting, name="a", value=b"1")
        tx.insert(Setting, name="b", value=b"2")
    assert names(database) == {"a", "b"}


def test_an_exception_undoes_the_block(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write(durable=True) as tx:
        tx.insert(Setting, name="a", value=b"1")
        raise ZeroDivisionError
    assert names(database) == set()


def test_a_second_row_with_the_same_key_is_already_recorded(database: Database) -> None:
    with database.write(durable=True) as tx:
        tx.insert(Setting, name="a", value=b"1")
    with pytest.raises(AlreadyRecorded) as caught, database.write(durable=True) as tx:
        tx.insert(Setting, name="b", value=b"1")
        tx.insert(Setting, name="a", value=b"secret value")
    assert "secret value" not in str(caught.value)
    assert names(database) == {"a"}


def test_a_swallowed_failure_still_undoes_the_block(database: Database) -> None:
    with pytest.raises(RecordFailed), database.write(durable=True) as tx:
        tx.insert(Setting, name="a", value=b"1")
        with pytest.raises(AlreadyRecorded):
            tx.insert(Setting, name="a", value=b"1")
    assert names(database) == set()


def test_insert_if_new_leaves_an_existing_row(database: Database) -> None:
    with database.write(durable=True) as tx:
        assert tx.insert_if_new(Setting, name="a", value=b"1")
        assert not tx.insert_if_new(Setting, name="a", value=b"2")
    assert database.setting("a") == b"1"


def test_columns_are_named_in_any_order(database: Database) -> None:
    with database.write(durable=True) as tx:
        tx.insert(Setting, value=b"1", name="a")
        tx.insert_if_new(Setting, value=b"2", name="b")
        tx.insert_many(Setting, [{"value": b"3", "name": "c"}])
    assert [database.setting(name) for name in "abc"] == [b"1", b"2", b"3"]


def test_a_column_that_must_have_a_value_gets_one(database: Database) -> None:
    with pytest.raises(RecordFailed), database.write(durable=True) as tx:
        tx.insert(Setting, name="a")


def test_many_rows_go_in_at_once(database: Database) -> None:
    with database.write(durable=False) as tx:
        tx.insert_many(Setting, [{"name": str(i), "value": b""} for i in range(50)])
        tx.insert_many(Setting, [])
    assert len(names(database)) == 50


def test_a_failing_core_statement_is_an_error_of_ours(database: Database) -> None:
    with pytest.raises(RecordFailed), database.write(durable=True) as tx:
        tx.execute(sa.text("INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(StoreError), database.read() as tx:
        tx.execute(sa.text("SELECT * FROM nowhere"))
    assert names(database) == set()


def test_compiled_statements_read_and_write(database: Database) -> None:
    by_name = Statement(sa.select(Setting.value).where(Setting.name == sa.bindparam("name")))
    change = Statement(
        sa.update(Setting)
        .where(Setting.name == sa.bindparam("which"))
        .values(value=sa.bindparam("new", type_=sa.LargeBinary()))
    )
    with database.write(durable=True) as tx:
        tx.insert(Setting, name="a", value=b"1")
        assert tx.run(change, which="a", new=b"2") == 1
        assert tx.run(change, which="b", new=b"2") == 0
        assert tx.row(by_name, name="a") == (b"2",)
        assert tx.row(by_name, name="b") is None
        assert tx.rows(by_name, name="a") == [(b"2",)]
        with pytest.raises(TypeError, match="nam"):
            tx.row(by_name, nam="a")


def test_compiled_statements_take_fixed_values(database: Database) -> None:
    fixed = Statement(sa.select(Setting.name).where(Setting.name == "domain").limit(1))
    with database.read() as tx:
        assert tx.rows(fixed) == [("domain",)]


def test_compiled_statements_refuse_what_they_cannot_do(database: Database) -> None:
    varying = Statement(sa.select(Setting.name).where(Setting.name.in_(["a", "b"])))
    converting = Statement(sa.select(sa.cast(Setting.name, sa.Numeric())))
    with database.read() as tx:
        for statement in (varying, converting):
            with pytest.raises(TypeError):
                tx.rows(statement)


def test_reading_sees_one_state(database: Database) -> None:
    count = Statement(sa.select(sa.func.count()).select_from(Setting))
    with database.read() as reading:
        before = reading.row(count)
        with database.write(durable=True) as tx:
            tx.insert(Setting, name="a", value=b"1")
        assert reading.row(count) == before


def test_commit_callbacks_run_after_a_commit_only(database: Database) -> None:
    called: list[int] = []
    with database.write(durable=False) as tx:
        tx.on_commit(lambda: called.append(1))
        assert called == []
    assert called == [1]
    with pytest.raises(ZeroDivisionError), database.write(durable=False) as tx:
        tx.on_commit(lambda: called.append(2))
        raise ZeroDivisionError
    assert called == [1]


def test_writers_in_many_threads_all_get_their_turn(database: Database) -> None:
    def work(number: int) -> None:
        for step in range(10):
            with database.write(durable=False) as tx:
                tx.insert(Setting, name=f"{number}-{step}", value=b"")
                tx.audit(Event.REQUESTS_PURGED, count=step)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 80
    with database.read() as tx:
        sequences = list(tx.execute(sa.select(AuditRow.sequence).order_by(AuditRow.sequence)).scalars())
    assert sequences == list(range(1, 82))


def test_a_child_process_has_connections_of_its_own(database: Database) -> None:
    with database.write(durable=False) as tx:
        tx.insert(Setting, name="parent", value=b"")
    run = database.run
    child = os.fork()
    if child == 0:
        try:
            with database.write(durable=True) as tx:
                tx.insert(Setting, name="child", value=b"")
            os._exit(0 if database.run != run else 2)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    with database.write(durable=True) as tx:
        tx.insert(Setting, name="parent again", value=b"")
    assert names(database) == {"parent", "child", "parent again"}


# -- audit inside a transaction


def test_audit_entries_join_the_transaction(database: Database) -> None:
    with database.write(durable=True) as tx:
        tx.audit(Event.KEY_TESTED, label="ea-sign-1", outcome="ok")
        tx.audit(Event.KEY_TESTED, label="ea-sign-2", outcome="ok")
    with pytest.raises(ZeroDivisionError), database.write(durable=True) as tx:
        tx.audit(Event.KEY_TESTED, label="ea-sign-3", outcome="ok")
        raise ZeroDivisionError
    with database.read() as tx:
        found = tx.execute(sa.select(AuditRow.event, AuditRow.time, AuditRow.detail)).all()
    assert [row.event for row in found] == ["database.created", "key.tested", "key.tested"]
    assert all(row.time % HOUR == 0 for row in found)
    assert found[-1].detail == '{"label":"ea-sign-2","outcome":"ok"}'


def test_no_audit_no_record(database: Database) -> None:
    with database.write(durable=True) as tx:
        tx.execute(sa.delete(AuditHead))
    with pytest.raises(AuditError), database.write(durable=True) as tx:
        tx.insert(Setting, name="a", value=b"1")
        tx.audit(Event.REQUESTS_PURGED, count=1)
    assert names(database) == set()


def test_an_entry_must_not_carry_more_than_its_event_allows(database: Database) -> None:
    with pytest.raises(AuditError, match="station"), database.write(durable=True) as tx:
        tx.audit(Event.MESSAGES_SIGNED, counts="ok=1", station="vehicle 7")


def test_reading_audits_nothing(database: Database) -> None:
    with pytest.raises(AuditError), database.read() as tx:
        tx.audit(Event.REQUESTS_PURGED, count=1)


# -- what belongs to one database


def test_blinded_values_differ_between_databases_and_purposes(
    database: Database, other_database: Database
) -> None:
    value = b"the same request"
    assert database.blind("request", value) == database.blind("request", value)
    assert database.blind("request", value) != database.blind("answer", value)
    assert database.blind("request", value) != other_database.blind("request", value)


def test_a_run_is_alive_until_it_is_closed(database: Database) -> None:
    again = Database.open(database._url.render_as_string(hide_password=False))
    run = again.run
    assert again.run_is_alive(run)
    assert database.run_is_alive(run)
    again.close()
    assert not database.run_is_alive(run)
    assert not database.run_is_alive(b"\0" * 8)


def test_two_who_ask_at_once_do_not_take_each_other_for_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aa").touch()  # of a process that was killed
    answers: list[bool] = []
    unlink = Path.unlink

    def amid(path: Path, missing_ok: bool = False) -> None:
        monkeypatch.setattr(Path, "unlink", unlink)
        answers.append(file_run_is_alive(tmp_path, b"\xaa"))
        path.unlink(missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", amid)
    answers.append(file_run_is_alive(tmp_path, b"\xaa"))
    assert answers == [False, False]


# -- files


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with Database.open(tmp_path / "x.db") as database, database.write(durable=True) as tx:
        tx.execute(sa.text("CREATE TABLE t (a INTEGER)"))
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert modes == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}


def test_a_missing_file_is_not_made_where_one_must_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Database.open(tmp_path / "x.db", must_exist=True)
    assert not (tmp_path / "x.db").exists()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_other_kinds_of_database_are_refused(url: str) -> None:
    with pytest.raises(StoreError):
        Database.open(url)


def test_a_password_is_not_shown() -> None:
    database = Database.open("postgresql://someone:hunter2@/none?host=/nowhere")
    assert "hunter2" not in repr(database)
    with pytest.raises(StoreError) as caught, database.read():
        pass
    assert "hunter2" not in str(caught.value)


def test_durable_and_other_transactions_set_the_mode_they_need(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "x.db")
    for durable, mode in ((True, 2), (False, 1), (True, 2)):
        with database.write(durable=durable) as tx:
            assert tx.execute(sa.text("PRAGMA synchronous")).scalar() == mode


def test_a_write_inside_a_write_is_refused_at_once(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "x.db")
    with (
        database.write(durable=True),
        pytest.raises(StoreError, match="inside"),
        database.write(durable=True),
    ):
        pass
    with database.write(durable=True):
        pass


def test_keys_are_random() -> None:
    assert len({random_key() for _ in range(100)}) == 100


def test_a_server_that_dropped_its_sessions_is_asked_again(
    new_url: Callable[[], str], request: pytest.FixtureRequest
) -> None:
    url = new_url()
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no sessions")
    database = Database.open(url)
    upgrade(database, "ea")
    server = request.getfixturevalue("postgres_server")
    server.disconnect_all()
    with database.write(durable=True) as tx:
        tx.insert(Setting, name="a", value=b"1")
    server.disconnect_all()
    assert database.setting("a") == b"1"
    with pytest.raises(RecordFailed), database.write(durable=True) as tx:
        tx.insert(Setting, name="b", value=b"1")
        server.disconnect_all()
    with database.read() as tx:
        assert tx.execute(sa.select(Setting.name).where(Setting.name == "b")).all() == []
