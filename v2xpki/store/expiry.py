"""Rows that are kept to a whole hour, removed in slices of their random keys.

    old = Expiry(EnrolmentRequest)
    old.purge(database, now)        the count; at most one walk through the table an hour

There is no index by `expires`: each request would pay for it with a page of its transaction, and a row past
its hour can go a little later. Each slice is a transaction of its own, so that requests get in between.
"""

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from v2xpki.store.base import table_of
from v2xpki.store.database import Database
from v2xpki.store.statement import Statement
from v2xpki.time import HOUR

_SLICES = 256  # by the first octet of the key


class Expiry:
    """For a table with a random key `id` and `expires`, TAI seconds of a whole hour. One object a process."""

    def __init__(self, model: type[DeclarativeBase]) -> None:
        t = table_of(model)
        self._delete = Statement(
            sa.delete(t).where(
                t.c.id >= sa.bindparam("first"),
                t.c.id < sa.bindparam("beyond"),
                t.c.expires <= sa.bindparam("before"),
            )
        )
        self._done = -1  # the hour of the last whole walk

    def purge(self, database: Database, now: int) -> int:
        """Remove what is past its hour; the count of rows. The same hour again: nothing to do."""
        hour = now // HOUR
        if hour == self._done:
            return 0
        count = 0
        for first in range(_SLICES):
            beyond = bytes((first + 1,)) if first + 1 < _SLICES else b"\xff" * 17
            with database.write(durable=False) as tx:
                count += tx.run(self._delete, first=bytes((first,)), beyond=beyond, before=now)
        self._done = hour
        return count
