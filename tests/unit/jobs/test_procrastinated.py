"""The queue on PostgreSQL: shared by processes, each entry once, nothing lost with a process or a server."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from tests.support.piled import HOLD, Piled, until
from tests.support.postgres import Server
from tests.support.recorded import ONE, PATIENCE, TWO, Recorded
from v2xpki.authorities.queue import Job
from v2xpki.config import DomainConfig, Instance, JobsPolicy, Settings
from v2xpki.errors import ConfigError, StoreError
from v2xpki.jobs import InlinePool, open_queue
from v2xpki.jobs.pauses import FIRST_PAUSE, LONGEST_PAUSE, pause_after
from v2xpki.jobs.procrastinate_schema import prepare
from v2xpki.jobs.procrastinated import ProcrastinatePool

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres_server: Server) -> str:
    return postgres_server.create()


@pytest.fixture
def ask(url: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Asks the queue's tables."""

    def queried(query: LiteralString) -> list[tuple[Any, ...]]:
        with psycopg.connect(prepare(url), autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    return queried


@pytest.fixture
def two_processes(url: str) -> Iterator[tuple[Piled, list[int]]]:
    """Both ready, with nothing to do yet."""
    pile = Piled(url)
    pile.make()
    with contextlib.ExitStack() as stack:
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.support.piled", url, "2"], cwd=Path(__file__).parents[3]
            )
            for _ in range(2)
        ]
        for worker in workers:
            stack.callback(worker.wait, PATIENCE)
            stack.callback(worker.terminate)
        with psycopg.connect(prepare(url), autocommit=True) as connection:
            until(lambda: connection.execute("SELECT count(*) FROM procrastinate_workers").fetchone() == (2,))
        yield pile, [worker.pid for worker in workers]


def test_two_processes_share_a_pile_and_do_each_job_once(two_processes: tuple[Piled, list[int]]) -> None:
    pile, pids = two_processes
    pile.add(*[b"%d" % number for number in range(40)])
    until(lambda: pile.ask("SELECT count(*) FROM pile WHERE done = 0") == [(0,)])
    assert pile.ask("SELECT DISTINCT done FROM pile") == [(1,)]
    assert pile.ask("SELECT count(*) FROM begun") == [(40,)]
    assert sorted(pid for (pid,) in pile.ask("SELECT DISTINCT pid FROM begun")) == sorted(pids)


def test_what_a_killed_process_had_begun_is_done_by_the_other(
    two_processes: tuple[Piled, list[int]], ask: Callable[..., Any]
) -> None:
    pile, pids = two_processes
    pile.add(HOLD)
    until(lambda: bool(pile.ask("SELECT 1 FROM begun")))
    ((killed,),) = pile.ask("SELECT pid FROM begun")
    os.kill(killed, signal.SIGKILL)
    (other,) = [pid for pid in pids if pid != killed]
    until(lambda: pile.ask("SELECT done FROM pile") == [(1,)])
    assert pile.ask("SELECT pid FROM begun") == [(killed,), (other,)]
    # and what the dead one held in the queue is tidied away
    until(lambda: ask("SELECT count(*) FROM procrastinate_jobs") == [(0,)])


def test_a_job_that_fails_is_done_after_a_pause(url: str) -> None:
    work, told = Recorded(ONE, fails=2), []

    def failed(job: Job | None, error: Exception) -> None:
        told.append((job, str(error)))

    with ProcrastinatePool(work, url, name="x", tick=0.02, first_pause=0.01, failed=failed):
        work.until(lambda: not work.open)
    assert work.begun == [ONE] * 3
    assert told == [(ONE, "not now")] * 2


def test_the_pause_doubles_and_holds_though_the_job_is_due(url: str, ask: Callable[..., Any]) -> None:
    work = Recorded(ONE, fails=2)
    with ProcrastinatePool(work, url, name="x", tick=0.02, first_pause=100):
        for failures, pause in ((1, 100), (2, 200)):
            waits = "SELECT args -> 'failures' FROM procrastinate_jobs WHERE status = 'todo'"
            until(lambda: ask(waits) == [(failures,)])
            ((left,),) = ask("SELECT extract(epoch FROM scheduled_at - now()) FROM procrastinate_jobs")
            assert pause - PATIENCE < left <= pause
            asked = work.asked
            work.until(lambda: work.asked > asked + 3)
            assert len(work.begun) == failures
            ask("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
        work.until(lambda: not work.open)


def test_pauses_double_up_to_five_minutes() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3)] == [
        FIRST_PAUSE,
        2 * FIRST_PAUSE,
        4 * FIRST_PAUSE,
    ]
    assert pause_after(10_000) == LONGEST_PAUSE == 300


def test_a_job_that_is_put_often_waits_in_the_queue_once(url: str, ask: Callable[..., Any]) -> None:
    busy, idle = Recorded(ONE), Recorded()
    busy.hold = threading.Event()
    with ProcrastinatePool(busy, url, name="x", tick=0.02) as pool:
        busy.until(lambda: bool(busy.begun))
        other = ProcrastinatePool(idle, url, name="x", tick=3600)  # that only puts: its worker is not started
        other._threads = other._threads[:1]
        other.start()
        for _ in range(5):
            pool.put(TWO)
            other.put(TWO)
        entries = "SELECT count(*) FROM procrastinate_jobs WHERE args ->> 'key' = '32'"
        until(lambda: ask(entries) != [(0,)])
        asked = busy.asked
        busy.until(lambda: busy.asked > asked + 3)
        assert ask(entries) == [(1,)]
        other.close()
        busy.hold.set()
        busy.until(lambda: TWO in busy.begun)
        until(lambda: ask("SELECT count(*) FROM procrastinate_jobs") == [(0,)])
    assert busy.begun.count(TWO) == 1


def test_a_job_is_not_begun_while_it_runs(url: str) -> None:
    work = Recorded(ONE)
    work.hold = threading.Event()
    with ProcrastinatePool(work, url, name="x", threads=3, tick=0.01):
        work.until(lambda: work.asked > 5 and bool(work.begun))
        work.hold.set()
        work.until(lambda: not work.open)
    assert work.most_at_once == 1


def test_an_entry_that_is_lost_comes_again(url: str, ask: Callable[..., Any]) -> None:
    work = Recorded(ONE, TWO, fails=2)
    with ProcrastinatePool(work, url, name="x", tick=0.02, first_pause=3600):
        work.until(lambda: set(work.begun) == {ONE, TWO})
        until(lambda: ask("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'") == [(2,)])
        ask("DELETE FROM procrastinate_jobs")
        work.until(lambda: not work.open)


def test_close_waits_for_the_job_that_runs_and_begins_no_other(url: str) -> None:
    work = Recorded(ONE, TWO)
    work.hold = threading.Event()
    pool = ProcrastinatePool(work, url, name="x", tick=0.02)
    pool.start()
    work.until(lambda: bool(work.begun))
    pool.close(0.01)
    assert len(work.open) == 2
    work.hold.set()
    pool.close(PATIENCE)
    assert not any(thread.is_alive() for thread in pool._threads)
    assert len(work.begun) == 1
    assert len(work.open) == 1


def test_a_server_that_goes_away_and_comes_back_is_survived(postgres_server: Server, url: str) -> None:
    work, told = Recorded(ONE), []
    work.hold = threading.Event()
    with ProcrastinatePool(work, url, name="x", tick=0.02, failed=lambda job, error: told.append(error)):
        work.until(lambda: bool(work.begun))
        postgres_server.disconnect_all()
        work.hold.set()
        work.until(lambda: not work.open)
        work.open.append(TWO)
        work.until(lambda: not work.open)
    assert told
    assert set(work.begun) == {ONE, TWO}  # doing one twice does no harm


def test_a_database_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    told = threading.Event()
    work = Recorded(ONE)
    nowhere = f"postgresql://nobody@/nothing?host={tmp_path}"
    with ProcrastinatePool(work, nowhere, name="x", tick=0.01, failed=lambda job, error: told.set()):
        assert told.wait(PATIENCE)
    assert work.begun == []


def test_the_schema_is_made_once_and_renewed_when_an_older_version_made_it(url: str) -> None:
    with psycopg.connect(prepare(url), autocommit=True) as connection:
        ((schema,),) = connection.execute("SELECT current_schema()").fetchall()
        assert schema.endswith("_jobs")
        oid = "SELECT 'procrastinate_jobs'::regclass::oid::int"
        first = connection.execute(oid).fetchone()
        prepare(url)
        assert connection.execute(oid).fetchone() == first
        for comment, kept in (("procrastinate 99.0", True), ("procrastinate 3.1.4", False)):
            connection.execute(f"COMMENT ON SCHEMA {schema} IS '{comment}'")
            prepare(url)
            assert (connection.execute(oid).fetchone() == first) is kept


def test_a_schema_that_is_somebody_elses_is_left_alone(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        ((schema,),) = connection.execute("SELECT current_schema()").fetchall()
        connection.execute(f"CREATE SCHEMA {schema}_jobs CREATE TABLE theirs (x int)")
        with pytest.raises(StoreError, match="something else"):
            prepare(url)
        assert connection.execute(f"SELECT count(*) FROM {schema}_jobs.theirs").fetchone() == (0,)


def _domain(tmp_path: Path, settings: str) -> DomainConfig:
    return Instance(tmp_path, Settings.parse(settings)).domain("ea")


def test_the_settings_choose_the_queue(tmp_path: Path, url: str) -> None:
    assert isinstance(open_queue(Recorded(), JobsPolicy(), _domain(tmp_path, "")), InlinePool)
    policy = JobsPolicy(backend="procrastinate")
    domain = _domain(tmp_path, f'[domains.ea]\ndatabase_url = "{url}"')
    assert isinstance(open_queue(Recorded(), policy, domain), ProcrastinatePool)
    apart = JobsPolicy(backend="procrastinate", url=url)
    assert isinstance(open_queue(Recorded(), apart, _domain(tmp_path, "")), ProcrastinatePool)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[jobs]\nbackend = "procrastinate"', "database of ea is SQLite"),
        ('profile = "scms"\n[jobs]\nbackend = "procrastinate"', "database of ra is SQLite"),
        ('[jobs]\nbackend = "celery"', "not one of inline, procrastinate"),
        ('[jobs]\nbackend = "procrastinate"\nurl = "sqlite:///x"', "no PostgreSQL"),
        ('[jobs]\nurl = "postgresql:///x"', 'backend = "procrastinate" alone'),
    ],
)
def test_settings_that_cannot_work_are_refused_and_say_what_to_do(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Settings.parse(text)
    if "SQLite" in said:
        assert "postgresql://" in str(caught.value.hint)


def test_nobody_else_pays_for_the_import(in_own_process: Callable[..., str]) -> None:
    code = (
        "import sys, v2xpki.web.open_ca; print([m for m in ('procrastinate', 'psycopg') if m in sys.modules])"
    )
    assert in_own_process(code).strip() == "[]"
