"""The rows of the RA's line: batches that become due, wait, and go to the ACA in chunks.

Each function is a part of its caller's transaction, or one of its own; none asks another component.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.ra_batches import add_batches
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.expiry import Expiry
from v2xpki.store.ra import (
    ACTIVE,
    BLOCKED,
    STOPPED,
    TAKEN,
    WAITING,
    RaBatch,
    RaChunk,
    RaDevice,
    RaRequest,
)

_AT_ONCE = 500  # rows of one transaction that tops up, or purges

_REQUEST, _BATCH = table_of(RaRequest), table_of(RaBatch)
_CHUNK, _DEVICE = table_of(RaChunk), table_of(RaDevice)

_TOP_UP = Statement(
    sa.select(_REQUEST.c.id, _REQUEST.c.count, _REQUEST.c.following, _REQUEST.c.last)
    .join(_DEVICE, _DEVICE.c.id == _REQUEST.c.device)
    .where(
        # in the order of the index, from where the last look ended
        sa.tuple_(_REQUEST.c.following, _REQUEST.c.id)
        > sa.tuple_(
            sa.bindparam("after", type_=sa.Integer()), sa.bindparam("after_id", type_=sa.LargeBinary())
        ),
        _REQUEST.c.following <= sa.bindparam("upto"),
        _REQUEST.c.following <= _REQUEST.c.last,
        _DEVICE.c.status == ACTIVE,
    )
    .order_by(_REQUEST.c.following, _REQUEST.c.id)
    .limit(_AT_ONCE)
)
_MOVE = Statement(
    sa.update(_REQUEST)
    .where(_REQUEST.c.id == sa.bindparam("request"), _REQUEST.c.following == sa.bindparam("was"))
    .values(following=sa.bindparam("next_period", type_=sa.Integer()))
)
# By period first: what lies together is of many vehicles.
_SELECT_WAITING = (
    sa.select(_BATCH.c.request, _BATCH.c.period, _REQUEST.c.device, _DEVICE.c.status)
    .join(_REQUEST, _REQUEST.c.id == _BATCH.c.request)
    .join(_DEVICE, _DEVICE.c.id == _REQUEST.c.device)
    .where(_BATCH.c.state == WAITING)
    .order_by(_BATCH.c.period, _BATCH.c.request)
    .limit(sa.bindparam("most", type_=sa.Integer()))
)
_WAITING = Statement(_SELECT_WAITING)
_WAITING_TO_TAKE = Statement(_SELECT_WAITING.with_for_update(of=_BATCH, skip_locked=True))
_TAKE = Statement(
    sa.update(_BATCH)
    .where(
        _BATCH.c.request == sa.bindparam("of_request"),
        _BATCH.c.period == sa.bindparam("of_period"),
        _BATCH.c.state == WAITING,
    )
    .values(
        state=sa.bindparam("new_state", type_=sa.Text()),
        chunk=sa.bindparam("by_chunk", type_=sa.LargeBinary()),
    )
)
_CHUNKS = Statement(sa.select(_CHUNK.c.id, _CHUNK.c.open_by))
_HOLDER = Statement(sa.select(_CHUNK.c.open_by).where(_CHUNK.c.id == sa.bindparam("chunk")).with_for_update())
_HOLD = Statement(
    sa.update(_CHUNK)
    .where(_CHUNK.c.id == sa.bindparam("of_chunk"))
    .values(open_by=sa.bindparam("run", type_=sa.LargeBinary()))
)
_LET_GO = Statement(
    sa.update(_CHUNK)
    .where(_CHUNK.c.id == sa.bindparam("of_chunk"), _CHUNK.c.open_by == sa.bindparam("run"))
    .values(open_by=None)
)
_LOAD = Statement(
    sa.select(
        _BATCH.c.request,
        _BATCH.c.period,
        _BATCH.c.count,
        _REQUEST.c.kind,
        _REQUEST.c.wish,
        _REQUEST.c.params,
        _REQUEST.c.lci1,
        _REQUEST.c.lci2,
        _REQUEST.c.first,
        _DEVICE.c.status,
    )
    .join(_REQUEST, _REQUEST.c.id == _BATCH.c.request)
    .join(_DEVICE, _DEVICE.c.id == _REQUEST.c.device)
    .where(_BATCH.c.chunk == sa.bindparam("chunk"))
)
_BLOCKED_SINCE = Statement(
    sa.select(_BATCH.c.request, _BATCH.c.period)
    .join(_REQUEST, _REQUEST.c.id == _BATCH.c.request)
    .join(_DEVICE, _DEVICE.c.id == _REQUEST.c.device)
    .where(_BATCH.c.chunk == sa.bindparam("chunk"), _DEVICE.c.status == BLOCKED)
)
_CLOSE_BATCH = Statement(
    sa.update(_BATCH)
    .where(
        _BATCH.c.request == sa.bindparam("of_request"),
        _BATCH.c.period == sa.bindparam("of_period"),
        _BATCH.c.chunk == sa.bindparam("of_chunk"),
    )
    .values(
        state=sa.bindparam("new_state", type_=sa.Text()),
        hashes=sa.bindparam("names", type_=sa.LargeBinary()),
        archive=sa.bindparam("octets", type_=sa.LargeBinary()),
        chunk=None,
    )
)
_CLOSE_CHUNK = Statement(
    sa.delete(_CHUNK).where(_CHUNK.c.id == sa.bindparam("of_chunk"), _CHUNK.c.open_by == sa.bindparam("run"))
)
# batches whose request was purged meanwhile
_CLOSE_REST = Statement(
    sa.update(_BATCH)
    .where(_BATCH.c.chunk == sa.bindparam("of_chunk"))
    .values(state=sa.bindparam("new_state", type_=sa.Text()), chunk=None)
)
_OLD = Statement(
    sa.select(_BATCH.c.request, _BATCH.c.period)
    .where(_BATCH.c.expires <= sa.bindparam("before"), _BATCH.c.state != TAKEN)
    .limit(_AT_ONCE)
)
_FORGET = Statement(
    sa.delete(_BATCH).where(
        _BATCH.c.request == sa.bindparam("of_request"),
        _BATCH.c.period == sa.bindparam("of_period"),
        _BATCH.c.state != TAKEN,
    )
)


class Waiting(NamedTuple):
    """A batch in nobody's hands, and whose it is."""

    request: bytes
    period: int
    device: bytes
    status: str


class Batch(NamedTuple):
    """A batch of a chunk with all that it takes to make it. first: the request's first period. status: its
    device's."""

    request: bytes
    period: int
    size: int
    kind: str
    wish: bytes
    params: bytes | None
    lci1: bytes | None
    lci2: bytes | None
    first: int
    status: str


class Closed(NamedTuple):
    """What came of a batch. names: name_of_request of each certificate, by j."""

    request: bytes
    period: int
    state: str
    names: bytes | None = None
    archive: bytes | None = None


def top_up(database: Database, periods: Periods, now: int, upto: int) -> int:
    """Record the batches of periods up to one, of requests of devices that are not blocked; how many requests
    moved on. Periods that are over are passed: no certificate is made of what a service missed."""
    moved, after, after_id = 0, -1, b""
    while True:
        with database.read() as tx:
            found = tx.rows(_TOP_UP, upto=upto, after=after, after_id=after_id)
        if not found:
            return moved
        after_id, after = found[-1][0], found[-1][2]
        with database.write(durable=True) as tx:
            for request, count, following, last in found:
                end = min(last, upto)
                if tx.run(_MOVE, request=request, was=following, next_period=end + 1):
                    first = max(following, periods.at(now))
                    add_batches(tx, periods, request, count=count, first=first, last=end)
                    moved += 1


def waiting(tx: Transaction, most: int, *, to_take: bool = False) -> list[Waiting]:
    """Batches that wait, the first periods' first; to_take: those that no other process is taking."""
    return [Waiting._make(row) for row in tx.rows(_WAITING_TO_TAKE if to_take else _WAITING, most=most)]


def stop(tx: Transaction, batches: Iterable[Waiting]) -> None:
    """Nothing is made of these."""
    count = sum(
        tx.run(_TAKE, of_request=one.request, of_period=one.period, new_state=STOPPED, by_chunk=None)
        for one in batches
    )
    if count:
        tx.audit(Event.BATCHES_STOPPED, count=count)


def form(tx: Transaction, batches: Iterable[Waiting]) -> None:
    """A chunk of these."""
    chunk = random_key()
    taken = [
        tx.run(_TAKE, of_request=one.request, of_period=one.period, new_state=TAKEN, by_chunk=chunk)
        for one in batches
    ]
    if sum(taken):
        tx.insert(RaChunk, id=chunk, open_by=None)


def chunks(database: Database) -> list[tuple[bytes, bytes | None]]:
    """All chunks, each with the run of the process that is at it."""
    with database.read() as tx:
        return [(chunk, run) for chunk, run in tx.rows(_CHUNKS)]


def claim(database: Database, chunk: bytes) -> list[Batch] | None:
    """The chunk's batches, now in this process's hands; None where they are not to be had."""
    with database.write(durable=True) as tx:
        row = tx.row(_HOLDER, chunk=chunk)
        if row is None:
            return None
        holder = row[0]
        if holder is not None and holder != database.run and database.run_is_alive(holder):
            return None
        batches = [Batch._make(found) for found in tx.rows(_LOAD, chunk=chunk)]
        tx.run(_HOLD, of_chunk=chunk, run=database.run)
        count = sum(batch.size for batch in batches if batch.status == ACTIVE)
        tx.audit(Event.CERTIFICATES_ASKED, chunk=chunk, count=count)
    return batches


def let_go(database: Database, chunk: bytes) -> None:
    """It is in nobody's hands; of a chunk that is closed nothing is left to let go."""
    with database.write(durable=False) as tx:
        tx.run(_LET_GO, of_chunk=chunk, run=database.run)


def close(
    database: Database, chunk: bytes, batches: Sequence[Closed], count: int, refused: dict[str, int]
) -> bool:
    """Store what came of a chunk: count certificates packed, batches refused by reason. False, and nothing
    stored, where the chunk is in another's hands. A device that was blocked meanwhile gets nothing."""
    with database.write(durable=True) as tx:
        blocked = {(request, period) for request, period in tx.rows(_BLOCKED_SINCE, chunk=chunk)}
        if tx.run(_CLOSE_CHUNK, of_chunk=chunk, run=database.run) != 1:
            return False
        for request, period, state, names, archive in batches:
            gone = (request, period) in blocked
            tx.run(
                _CLOSE_BATCH,
                of_request=request,
                of_period=period,
                of_chunk=chunk,
                new_state=STOPPED if gone else state,
                names=names,
                octets=None if gone else archive,
            )
        tx.run(_CLOSE_REST, of_chunk=chunk, new_state=STOPPED)
        tx.audit(Event.CERTIFICATES_PACKED, chunk=chunk, count=count)
        for reason, number in sorted(refused.items()):
            tx.audit(Event.BATCHES_REFUSED, chunk=chunk, reason=reason, count=number)
        if blocked:
            tx.audit(Event.BATCHES_STOPPED, count=len(blocked))
    return True


class Purging:
    """Removes what has expired. One object a process."""

    def __init__(self) -> None:
        self._old_requests = Expiry(RaRequest)

    def purge(self, database: Database, now: int) -> int:
        """Batches and requests that are past their hour; how many of both. A batch that a chunk has in work
        stays until it is done."""
        count = 0
        while True:
            with database.read() as tx:
                found = tx.rows(_OLD, before=now)
            if not found:
                return count + self._old_requests.purge(database, now)
            with database.write(durable=False) as tx:
                count += sum(tx.run(_FORGET, of_request=one, of_period=i) for one, i in found)
