"""Core statements that are compiled once and then run on the driver's own cursor.

Building and executing an INSERT through SQLAlchemy takes about 90 us here, executing a prebuilt one 22,
running its text on the cursor 4. A request runs some ten statements beside a durable commit of 220 us,
so the hot path uses `Statement`; everything else goes through `Transaction.execute`.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import Boolean, Integer, LargeBinary, String
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from v2xpki.store.base import table_of

# Types whose values the drivers take and give as they are.
_PLAIN = (Integer, LargeBinary, String)


class Compiled(NamedTuple):
    """A statement's text for one dialect, and how its parameters are laid out."""

    text: str
    pick: Callable[[Mapping[str, Any]], Any]  # the driver's parameters, of values by name
    fixed: dict[str, Any]
    variable: frozenset[str]

    def bind(self, values: Mapping[str, Any]) -> Any:
        """The driver's parameters. Raises TypeError where names do not fit."""
        if values.keys() != self.variable:
            wrong = ", ".join(sorted(self.variable ^ values.keys()))
            raise TypeError(f"parameters missing or unknown: {wrong}")
        return self.pick({**self.fixed, **values} if self.fixed else values)


class Statement:
    """A Core statement over plain columns (octets, integers, text), values given by `bindparam` name.

    Keep it at module level: it is compiled at its first run on each dialect. Raises TypeError then for
    types that need conversion, and for columns with a Python-side default, which would not be applied.
    """

    __slots__ = ("_compiled", "_make")

    def __init__(self, core: ClauseElement | Callable[[str], ClauseElement]) -> None:
        self._make: Callable[[str], ClauseElement] = (
            (lambda _: core) if isinstance(core, ClauseElement) else core
        )
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        """The statement for a dialect."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _compile(self._make(dialect.name), dialect)
        return found


def _compile(core: ClauseElement, dialect: Dialect) -> Compiled:
    compiled = cast(SQLCompiler, core.compile(dialect=dialect))
    if compiled.post_compile_params:
        raise TypeError("a list whose length varies cannot be compiled once")
    if getattr(compiled, "insert_prefetch", ()) or getattr(compiled, "update_prefetch", ()):
        raise TypeError("a column with a Python-side default needs its value given")
    for parameter in compiled.binds.values():
        if not isinstance(parameter.type, (*_PLAIN, Boolean)):
            raise TypeError(f"{parameter.key}: {parameter.type!r} needs conversion")
    for entry in compiled._result_columns or ():
        if not isinstance(entry.type, _PLAIN):
            raise TypeError(f"{entry.keyname}: {entry.type!r} needs conversion")
    fixed = {compiled.bind_names[p]: p.effective_value for p in compiled.bind_names if not p.required}
    variable = frozenset(name for p, name in compiled.bind_names.items() if p.required)
    return Compiled(str(compiled), _picker(compiled), fixed, variable)


def _picker(compiled: SQLCompiler) -> Callable[[Mapping[str, Any]], Any]:
    if not compiled.positional:
        return _all
    names = tuple(compiled.positiontup or ())
    if len(names) < 2:
        return lambda values: tuple([values[name] for name in names])
    return itemgetter(*names)


def _all(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return values


_inserts: dict[tuple[type[DeclarativeBase], tuple[str, ...], bool], Statement] = {}


def insert_statement(model: type[DeclarativeBase], names: tuple[str, ...], *, if_new: bool) -> Statement:
    """INSERT of these columns; with `if_new` a row whose key exists is left as it is."""
    key = (model, names, if_new)
    found = _inserts.get(key)
    if found is None:
        found = _inserts[key] = Statement(lambda dialect: _insert(model, names, dialect, if_new=if_new))
    return found


def _insert(
    model: type[DeclarativeBase], names: tuple[str, ...], dialect: str, *, if_new: bool
) -> ClauseElement:
    from sqlalchemy import bindparam

    table = table_of(model)
    values = {name: bindparam(name, type_=table.c[name].type, required=True) for name in names}
    # Each loaded where it is used: PostgreSQL's takes 45 ms that a process with SQLite needs not wait.
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        into = postgresql.insert(table).values(values)
        return into.on_conflict_do_nothing() if if_new else into
    from sqlalchemy.dialects import sqlite

    into_file = sqlite.insert(table).values(values)
    return into_file.on_conflict_do_nothing() if if_new else into_file
