"""Where procrastinate keeps a queue: tables in a schema of their own, beside those of the domain.

The schema is called like the one that the URL leads to, with `_jobs` at its end, so that domains which share
a database share no queue. The queue holds nothing that the work's own rows do not say, so a schema which an
older procrastinate made is dropped and made anew.
"""

from importlib.metadata import version
from typing import LiteralString

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from v2xpki.errors import StoreError

_MADE_BY = "procrastinate "
_ONE_AT_A_TIME = 0x76327870  # any number that all processes agree on


def prepare(url: str) -> str:
    """Make the schema where it is missing; psycopg's connection string for it.

    Raises StoreError where the schema may not be made or is somebody else's, psycopg.Error where the database
    does not answer.
    """
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, connect_timeout=5) as connection:
        # Two processes that start at once must not both make it; the lock ends with the transaction.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
        (base,) = connection.execute("SELECT current_schema()").fetchone() or (None,)
        if base is None:
            raise StoreError("the jobs' database URL leads to no schema")
        schema = f"{base}_jobs"
        try:
            _make(connection, schema)
        except psycopg.errors.InsufficientPrivilege:
            raise StoreError(
                f"the schema {schema} may not be made",
                hint=f"GRANT CREATE ON DATABASE, or CREATE SCHEMA {schema} AUTHORIZATION this user",
            ) from None
    # The queue may lose what the work's rows still say, so no commit of it waits for the disk.
    options = f"-csearch_path={_escaped(schema)} -csynchronous_commit=off"
    given = conninfo_to_dict(plain).get("options")
    return make_conninfo(plain, options=f"{given} {options}" if given else options)


def _make(connection: psycopg.Connection[tuple[object, ...]], schema: str) -> None:
    from procrastinate.schema import SchemaManager

    found = connection.execute(
        "SELECT obj_description(oid, 'pg_namespace'),"
        " EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = pg_namespace.oid)"
        " FROM pg_namespace WHERE nspname = %s",
        (schema,),
    ).fetchone()
    ours, name = _MADE_BY + version("procrastinate"), sql.Identifier(schema)
    if found is not None:
        comment, filled = str(found[0] or ""), bool(found[1])
        if comment.startswith(_MADE_BY) and _numbers(comment) >= _numbers(ours):
            return  # a newer one is left to the newer processes that made it
        if filled and not comment.startswith(_MADE_BY):
            raise StoreError(f"the schema {schema} holds something else than a queue")
        if filled:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
    connection.execute("SELECT set_config('search_path', %s, true)", (_quoted(schema),))
    tables: LiteralString = SchemaManager.get_schema()
    connection.execute(tables)
    connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(name, sql.Literal(ours)))


def _numbers(comment: str) -> tuple[int, ...]:
    return tuple(int(part) for part in comment.removeprefix(_MADE_BY).split(".") if part.isdecimal())


def _quoted(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


def _escaped(schema: str) -> str:
    """For libpq's `options`, where spaces part and backslashes escape."""
    return _quoted(schema).replace("\\", "\\\\").replace(" ", "\\ ")
