"""A domain's database: transactions, with the audit chain inside them.

    database = Database.open("sqlite:////path/ea.db")
    with database.write(durable=True) as tx:
        tx.insert(Station, id=random_key(), name=name)
        tx.audit(Event.STATION_REGISTERED, station=name)

The block commits as a whole at its end, or not at all. A durable transaction has reached the disk when
the block is left; one that is not survives the death of the process, but the last few may be lost with
the power. SQLite: write-ahead log, BEGIN IMMEDIATE, synchronous FULL or NORMAL. PostgreSQL: READ
COMMITTED, synchronous_commit on or off.

Audit entries are written at the end of the block, so that the lock on the chain's head is held for the
shortest time; when they cannot be written, nothing is.
"""

import contextlib
import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.base import Executable

from v2xpki import audit
from v2xpki.audit import Head
from v2xpki.errors import AlreadyRecorded, AuditError, RecordFailed, StoreError
from v2xpki.store.base import AuditHead, AuditRow, Setting
from v2xpki.store.runs import FileRun, Run, ServerRun, file_run_is_alive, server_run_is_alive
from v2xpki.store.statement import Statement, insert_statement
from v2xpki.time import Clock, SystemClock

BUSY_SECONDS = 10.0  # how long a writer waits for the others
# A ticket writes some 14 pages to the AA's log, so SQLite's own 1000 would mean a checkpoint (two flushes,
# and every page that changed, in random places) for each 80 tickets. With 4000, 16 MiB, a page that changed
# often is written back once: 2 % of a ticket less on a quiet disk, more on a slow one.
CHECKPOINT_PAGES = 4000

_HEAD = Statement(sa.select(AuditHead.sequence, AuditHead.hash).where(AuditHead.id == 1).with_for_update())
_MOVE_HEAD = Statement(
    sa.update(AuditHead)
    .where(
        AuditHead.id == 1,
        AuditHead.sequence == sa.bindparam("old_sequence", type_=sa.BigInteger()),
        AuditHead.hash == sa.bindparam("old_hash", type_=sa.LargeBinary()),
    )
    .values(
        sequence=sa.bindparam("new_sequence", type_=sa.BigInteger()),
        hash=sa.bindparam("new_hash", type_=sa.LargeBinary()),
    )
)
_SETTING = Statement(sa.select(Setting.value).where(Setting.name == sa.bindparam("name")))

# Connections of a parent process: never closed here, for that would end what the parent does with them.
_inherited: list[object] = []
_forks = 0  # how often this process is a child: asked at each statement, so not of the system


def _count_fork() -> None:
    global _forks  # noqa: PLW0603
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


class _Link:
    """A connection that is held open: SQLAlchemy's, the driver's, and one cursor."""

    __slots__ = ("cursor", "dead", "raw", "sa", "synchronous")

    def __init__(self, connection: sa.Connection) -> None:
        self.sa = connection
        raw: Any = connection.connection.driver_connection
        self.raw = raw
        self.cursor: Any = raw.cursor()
        self.synchronous: bool | None = None
        self.dead = False

    def close(self) -> None:
        # Of a lost connection SQLAlchemy cannot take leave properly.
        with contextlib.suppress(sa.exc.DBAPIError):
            self.sa.close()
        self.raw.close()


class _Sqlite:
    """What is SQLite's own."""

    def __init__(self, url: sa.URL) -> None:
        if not url.database or url.database == ":memory:":
            raise StoreError("a SQLite database needs a file: several connections share it")
        self.path = Path(url.database)
        self._writer = threading.Lock()
        self._owner = 0
        if not self.path.exists():
            # The log and its index take the file's mode.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))

    @staticmethod
    def arguments() -> dict[str, Any]:
        return {"connect_args": {"check_same_thread": False, "timeout": BUSY_SECONDS}}

    def prepare(self, link: _Link) -> None:
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            "secure_delete=ON",  # what is purged is gone from the file
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
            f"busy_timeout={int(BUSY_SECONDS * 1000)}",
        ):
            link.cursor.execute(f"PRAGMA {pragma}").fetchall()

    def begin_write(self, link: _Link, *, durable: bool) -> None:
        # Within a process the lock makes a fair queue; SQLite's own waiting polls, in steps up to 100 ms.
        thread = threading.get_ident()
        if self._owner == thread:
            raise StoreError("a write transaction inside a write transaction of the same thread")
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise RecordFailed("the database is busy")
        self._owner = thread
        try:
            if link.synchronous is not durable:  # 2.5 us a change
                link.cursor.execute("PRAGMA synchronous=" + ("FULL" if durable else "NORMAL"))
                link.synchronous = durable
            link.cursor.execute("BEGIN IMMEDIATE")
        except BaseException:
            self.end_write()
            raise

    def end_write(self) -> None:
        self._owner = 0
        self._writer.release()

    @staticmethod
    def begin_read(link: _Link) -> None:
        link.cursor.execute("BEGIN")

    @staticmethod
    def rollback(link: _Link) -> None:
        if link.raw.in_transaction:
            link.cursor.execute("ROLLBACK")

    @staticmethod
    def is_lost(link: _Link) -> bool:
        return False

    @staticmethod
    def is_duplicate(error: BaseException) -> bool:
        return getattr(error, "sqlite_errorname", "") in (
            "SQLITE_CONSTRAINT_PRIMARYKEY",
            "SQLITE_CONSTRAINT_UNIQUE",
            "SQLITE_CONSTRAINT_ROWID",
        )

    @staticmethod
    def what(error: BaseException) -> str:
        return str(error)  # SQLite names tables and columns, never values

    def new_run(self, engine: sa.Engine) -> Run:
        return FileRun(self._runs)

    def run_is_alive(self, link: _Link, run: bytes) -> bool:
        return file_run_is_alive(self._runs, run)

    @property
    def _runs(self) -> Path:
        return self.path.with_name(self.path.name + "-runs")


class _Postgres:
    """What is PostgreSQL's own."""

    def __init__(self, url: sa.URL) -> None:
        pass

    @staticmethod
    def arguments() -> dict[str, Any]:
        return {}

    def prepare(self, link: _Link) -> None:
        pass

    def begin_write(self, link: _Link, *, durable: bool) -> None:
        # One round trip; two statements cannot be a prepared one.
        mode = "on" if durable else "off"
        link.cursor.execute(f"BEGIN; SET LOCAL synchronous_commit TO {mode}", prepare=False)

    def end_write(self) -> None:
        pass

    @staticmethod
    def begin_read(link: _Link) -> None:
        link.cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    @staticmethod
    def rollback(link: _Link) -> None:
        if not link.raw.closed:
            link.cursor.execute("ROLLBACK")

    @staticmethod
    def is_lost(link: _Link) -> bool:
        return bool(link.raw.closed) or link.sa.invalidated

    @staticmethod
    def is_duplicate(error: BaseException) -> bool:
        return getattr(error, "sqlstate", None) == "23505"

    @staticmethod
    def what(error: BaseException) -> str:
        # The server's own words may quote values.
        diagnostic = getattr(error, "diag", None)
        names = (getattr(diagnostic, name, None) for name in ("table_name", "constraint_name"))
        return " ".join([type(error).__name__, *(name for name in names if name)])

    def new_run(self, engine: sa.Engine) -> Run:
        return ServerRun(engine)

    def run_is_alive(self, link: _Link, run: bytes) -> bool:
        return server_run_is_alive(link.sa, run)


class Transaction:
    """A unit of work, made by `Database.write` and `Database.read`. Not for sharing between threads.

    After an error the transaction is over: leave the block with the exception. Errors raised:
    AlreadyRecorded (a unique key exists), RecordFailed (anything else that keeps a row from being written),
    AuditError (no audit entry, so nothing at all), StoreError (reading).
    """

    __slots__ = (
        "_audit",
        "_callbacks",
        "_database",
        "_dialect",
        "_durable",
        "_errors",
        "_failed",
        "_head",
        "_link",
        "_write",
    )

    def __init__(self, database: "Database", *, write: bool, durable: bool) -> None:
        self._database, self._write, self._durable = database, write, durable
        self._dialect, self._errors = database._engine.dialect, database._errors
        self._audit: list[tuple[audit.Event, str]] = []
        self._callbacks: list[Callable[[], None]] = []
        self._failed = False
        self._head: Head | None = None  # where the chain ends once this is committed

    # -- the block

    def __enter__(self) -> Self:
        database = self._database
        self._link = database._begin(write=self._write, durable=self._durable)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        database, link = self._database, self._link
        try:
            if kind is not None:
                self._abandon()
                return
            if self._failed:
                self._abandon()
                raise RecordFailed("a statement of the transaction had failed; nothing was written")
            try:
                if self._audit:
                    self._append()
                link.cursor.execute("COMMIT")
            except self._errors as cause:
                self._abandon()
                raise database._translated(cause, write=self._write) from None
            except BaseException:
                self._abandon()
                raise
        finally:
            database._end(link, write=self._write)
        if self._head is not None:
            database._head = self._head
        for callback in self._callbacks:
            callback()

    def _abandon(self) -> None:
        try:
            self._database._dialect.rollback(self._link)
        except self._errors:
            self._link.dead = True  # closing it ends the transaction for good

    # -- statements

    def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> sa.CursorResult[Any]:
        """Any Core statement, through SQLAlchemy (20 to 120 us of its own)."""
        try:
            return self._link.sa.execute(statement, parameters)
        except sa.exc.DBAPIError as error:
            self._failed = True
            raise self._database._translated(error.orig or error, write=self._write) from None

    def rows(self, statement: Statement, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a compiled query."""
        found: list[tuple[Any, ...]] = self._run(statement, values).fetchall()
        return found

    def row(self, statement: Statement, **values: Any) -> tuple[Any, ...] | None:
        """The first row of a compiled query, or None."""
        found: tuple[Any, ...] | None = self._run(statement, values).fetchone()
        return found

    def run(self, statement: Statement, **values: Any) -> int:
        """A compiled UPDATE, DELETE or INSERT; the number of rows it touched."""
        return int(self._run(statement, values).rowcount)

    def insert(self, model: type[DeclarativeBase], /, **values: Any) -> None:
        """One row. Raises AlreadyRecorded where its key exists."""
        self._insert(model, values, if_new=False)

    def insert_if_new(self, model: type[DeclarativeBase], /, **values: Any) -> bool:
        """One row, unless its key exists: then False, and the transaction goes on."""
        self._insert(model, values, if_new=True)
        return bool(self._link.cursor.rowcount == 1)

    def insert_many(self, model: type[DeclarativeBase], rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows with the same columns, in one go."""
        kept = list(rows)
        if not kept:
            return
        compiled = insert_statement(model, tuple(kept[0]), if_new=False).on(self._dialect)
        try:
            self._link.cursor.executemany(compiled.text, [compiled.bind(row) for row in kept])
        except self._errors as error:
            self._fail(error)

    def _insert(self, model: type[DeclarativeBase], values: dict[str, Any], *, if_new: bool) -> None:
        # The names make the statement, so they fit it: no need to bind with a check.
        compiled = insert_statement(model, tuple(values), if_new=if_new).on(self._dialect)
        try:
            self._link.cursor.execute(compiled.text, compiled.pick(values))
        except self._errors as error:
            self._fail(error)

    def _run(self, statement: Statement, values: Mapping[str, Any]) -> Any:
        compiled = statement.on(self._dialect)
        cursor = self._link.cursor
        try:
            cursor.execute(compiled.text, compiled.bind(values))
        except self._errors as error:
            self._fail(error)
        return cursor

    def _fail(self, error: BaseException) -> NoReturn:
        self._failed = True
        raise self._database._translated(error, write=self._write) from None

    # -- audit

    def audit(self, event: audit.Event, **detail: audit.Value) -> None:
        """An entry of the audit chain, in this transaction. Raises AuditError for fields the event must
        not carry; the block's end raises it where the chain cannot be written."""
        if not self._write:
            raise AuditError("an audit entry needs a write transaction")
        self._audit.append((event, audit.detail_text(event, detail)))

    def _append(self) -> None:
        database = self._database
        now = database.clock.time32()
        try:
            # Where the head was when this process last wrote is where it is, but for the entries of other
            # processes; moving it from there tells. One statement in place of two: 10 us.
            head = database._head
            if head is None or not self._append_to(head, now):
                found = self._run(_HEAD, {}).fetchone()
                if found is None:
                    raise AuditError("the head of the audit chain is missing")
                if not self._append_to(Head(*found), now):
                    raise AuditError("the head of the audit chain moves while it is locked")
        except StoreError as error:
            raise AuditError(f"the audit record cannot be written: {error}") from None

    def _append_to(self, old: Head, now: int) -> bool:
        """Writes the entries after a head, if that is where the chain ends."""
        entries, head = [], old
        for event, detail in self._audit:
            entry = audit.append(head, now, event, detail)
            head = Head(entry.sequence, entry.hash)
            entries.append(entry)
        moved = self._run(
            _MOVE_HEAD,
            {
                "old_sequence": old.sequence,
                "old_hash": old.hash,
                "new_sequence": head.sequence,
                "new_hash": head.hash,
            },
        )
        if moved.rowcount != 1:
            return False
        for entry in entries:
            self._insert(AuditRow, entry._asdict(), if_new=False)
        self._head = head
        return True

    # -- for the layers above

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Called once the transaction is committed, and only then."""
        self._callbacks.append(callback)

    @property
    def database(self) -> "Database":
        """Where it takes place."""
        return self._database

    @property
    def connection(self) -> sa.Connection:
        """SQLAlchemy's connection, for DDL. It must not be committed, closed or kept."""
        return self._link.sa


class Database:
    """One domain's database, for all threads of one process; open it after the last fork.

    `clock` gives the hours of the audit entries.
    """

    def __init__(self, url: sa.URL, clock: Clock) -> None:
        self.clock = clock
        self._url = url
        self._dialect: _Sqlite | _Postgres
        if url.get_backend_name() == "sqlite":
            self._dialect = _Sqlite(url)
        elif url.get_backend_name() == "postgresql":
            self._dialect = _Postgres(url)
        else:
            raise StoreError(f"{url.get_backend_name()}: only SQLite and PostgreSQL are supported")
        self._engine = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",  # transactions are begun and ended here, in the open
            poolclass=sa.NullPool,
            hide_parameters=True,
            **self._dialect.arguments(),
        )
        self._errors: type[BaseException] = self._engine.dialect.loaded_dbapi.Error
        self._idle: list[_Link] = []
        self._forks = _forks
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._settings: dict[str, bytes] = {}
        self._blinders: dict[str, hmac.HMAC] = {}  # with the secret and the purpose taken in
        self._head: Head | None = None  # a guess, never trusted: see Transaction._append

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)})"

    @classmethod
    def open(cls, url: str | Path, *, clock: Clock | None = None, must_exist: bool = False) -> "Database":
        """Open by URL (`sqlite:////abs/path.db`, `postgresql://...`) or by a SQLite file's path. A SQLite
        file that is not there is made, empty, for its owner alone (mode 0600), unless it must exist.

        Raises StoreError for other kinds of URL, and where a file must exist and does not.
        """
        if isinstance(url, Path):
            parsed = sa.URL.create("sqlite", database=str(url))
        else:
            try:
                parsed = sa.make_url(url)
            except sa.exc.ArgumentError as error:
                raise StoreError("not a database URL") from error
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if must_exist and parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
            raise StoreError(f"no database at {parsed.database}", hint="`v2xpki init` makes it")
        return cls(parsed, clock or SystemClock())

    def write(self, *, durable: bool) -> Transaction:
        """A block that commits at its end; `durable`: on the disk by then."""
        return Transaction(self, write=True, durable=durable)

    def read(self) -> Transaction:
        """A block whose queries all see one state."""
        return Transaction(self, write=False, durable=False)

    def row(self, statement: Statement, **values: Any) -> tuple[Any, ...] | None:
        """The first row of a single compiled query, or None, outside of any block."""
        found = self.rows(statement, **values)
        return found[0] if found else None

    def rows(self, statement: Statement, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a single compiled query, outside of any block.

        One statement to the driver instead of the three of `read`: 8 us instead of 25 with SQLite here, one
        round trip instead of three with PostgreSQL.
        """
        compiled = statement.on(self._engine.dialect)
        parameters = compiled.bind(values)
        for attempt in (1, 2):
            link = self._take()
            try:
                link.cursor.execute(compiled.text, parameters)
                # all of them: an open cursor would keep SQLite's snapshot
                found: list[tuple[Any, ...]] = link.cursor.fetchall()
            except self._errors as error:
                lost = self._dialect.is_lost(link)
                link.close()
                if lost and attempt == 1:
                    self._drop_idle()
                    continue
                raise self._translated(error, write=False) from None
            self._idle.append(link)
            return found
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close what is idle and give up the run. A closed database may be used again."""
        self._check_process()
        with self._lock:
            run, self._run = self._run, None
        if run is not None:
            run.close()
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what belongs to this database alone

    @property
    def domain(self) -> str:
        """The trust domain the database was made for."""
        return self.setting("domain").decode()

    def setting(self, name: str) -> bytes:
        """A setting; read once a process. Raises StoreError where it is missing."""
        found = self._settings.get(name)
        if found is None:
            with self.read() as tx:
                row = tx.row(_SETTING, name=name)
            if row is None:
                raise StoreError(f"the database has no setting {name}")
            found = self._settings[name] = row[0]
        return found

    def blind(self, purpose: str, octets: bytes) -> bytes:
        """HMAC-SHA256 of octets under this database's own secret: a key to find a row by, worthless for
        joining it with another database's. `purpose` keeps the uses apart."""
        begun = self._blinders.get(purpose)
        if begun is None:
            begun = hmac.new(self.setting("secret"), purpose.encode() + b"\0", hashlib.sha256)
            self._blinders[purpose] = begun
        made = begun.copy()
        made.update(octets)
        return made.digest()

    # -- runs (see store/runs.py)

    @property
    def run(self) -> bytes:
        """Id of this process's run, taken at first use."""
        if _forks != self._forks:
            self._check_process()
        run = self._run
        if run is None:
            with self._lock:
                if self._run is None:
                    self._run = self._dialect.new_run(self._engine)
                run = self._run
        return run.id

    def run_is_alive(self, run: bytes) -> bool:
        """Whether the process that holds a run still lives."""
        if self._run is not None and self._run.id == run:
            return True
        link = self._take()
        try:
            return self._dialect.run_is_alive(link, run)
        except sa.exc.DBAPIError as error:
            raise self._translated(error.orig or error, write=False) from None
        finally:
            self._end(link, write=False)

    # -- links

    def _begin(self, *, write: bool, durable: bool) -> _Link:
        for attempt in (1, 2):
            link = self._take()
            try:
                if write:
                    self._dialect.begin_write(link, durable=durable)
                else:
                    self._dialect.begin_read(link)
                return link
            except self._errors as error:
                # A server that was restarted: nothing is begun, so a fresh connection may try once more.
                lost = self._dialect.is_lost(link)
                link.close()
                if lost and attempt == 1:
                    self._drop_idle()
                    continue
                raise self._translated(error, write=write) from None
            except BaseException:
                self._idle.append(link)
                raise
        raise AssertionError("unreachable")

    def _end(self, link: _Link, *, write: bool) -> None:
        if write:
            self._dialect.end_write()
        if link.dead or self._dialect.is_lost(link):
            link.close()
        else:
            self._idle.append(link)

    def _take(self) -> _Link:
        if _forks != self._forks:
            self._check_process()
        try:
            return self._idle.pop()  # the one used last has the warmest cache
        except IndexError:
            return self._connect()

    def _connect(self) -> _Link:
        try:
            link = _Link(self._engine.connect())
            self._dialect.prepare(link)
        except sa.exc.DBAPIError as error:
            raise StoreError(f"cannot open the database: {self._dialect.what(error.orig or error)}") from None
        except self._errors as error:
            raise StoreError(f"cannot open the database: {self._dialect.what(error)}") from None
        return link

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _check_process(self) -> None:
        if _forks != self._forks:
            _inherited.extend((self._idle, self._run))
            self._idle, self._run, self._forks = [], None, _forks
            self._lock = threading.Lock()
            if isinstance(self._dialect, _Sqlite):
                self._dialect = _Sqlite(self._url)

    def _translated(self, error: BaseException, *, write: bool) -> StoreError:
        if self._dialect.is_duplicate(error):
            return AlreadyRecorded(self._dialect.what(error))
        return (RecordFailed if write else StoreError)(self._dialect.what(error))
