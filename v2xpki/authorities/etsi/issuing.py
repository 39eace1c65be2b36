"""One certificate a request, whatever happens (checklist E13).

    answer = memory.recall(id)                      the first look: was it answered before?
    answer = memory.issue_once(id, prepared, ...)   one transaction claims the request and records what is
                                                    to be signed; who comes second waits for that answer

The claim is a row with the request's blinded digest as its key, written in the transaction of the issuance
record. So of any number of identical requests at once, in any number of processes, one wins. A winner that
dies leaves an open record of a run that is not alive; whoever needs the answer next has it voided and
takes the claim over.
"""

import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from v2xpki.crypto import Certificate
from v2xpki.errors import RecordFailed, StoreError
from v2xpki.issuance import Issuer, Prepared, recover, tx_complete, tx_save, tx_void
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.store.expiry import Expiry
from v2xpki.time import HOUR, Clock
from v2xpki.trust.validity import floor_hour

# Unauthentic requests are answered with a refusal each; this is how many of those a process remembers in an
# hour. Beyond it the same verdict is given in a new envelope, and the database does not grow.
REFUSALS_AN_HOUR = 20_000
_WAIT, _ORPHAN = object(), object()
PATIENCE = 5.0  # seconds for another's signature
_FIRST_NAP, _LONGEST_NAP = 0.001, 0.02

_ISSUED = table_of(IssuanceRecord)
_STATE = Statement(
    sa.select(_ISSUED.c.state, _ISSUED.c.open_by, _ISSUED.c.signed).where(_ISSUED.c.id == sa.bindparam("id"))
)


def _nothing(tx: Transaction) -> None:
    pass


def _no_rows(tx: Transaction, certificate: Certificate) -> None:
    pass


class RequestMemory:
    """Requests and their final answers, in a table with the columns id, record, answer and expires.

    keep: seconds that an answer is kept at least. patience, sleep: how a request waits for its twin.
    """

    def __init__(
        self,
        database: Database,
        model: type[DeclarativeBase],
        clock: Clock,
        *,
        keep: int,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database, self._model, self._clock = database, model, clock
        self._keep, self._patience, self._sleep = keep, patience, sleep
        self._refusals = (0, 0)  # hour, remembered in it
        t = table_of(model)
        key = t.c.id == sa.bindparam("key")
        self._answer = Statement(sa.select(t.c.answer).where(key))
        self._claim = Statement(sa.select(t.c.record, t.c.answer).where(key))
        self._store = Statement(
            sa.update(t)
            .where(key, t.c.record == sa.bindparam("mine"), t.c.answer.is_(None))
            .values(answer=sa.bindparam("octets", type_=sa.LargeBinary()))
        )
        self._drop = Statement(
            sa.delete(t).where(key, t.c.record == sa.bindparam("of_record"), t.c.answer.is_(None))
        )
        self._forget = Statement(sa.delete(t).where(key))
        self._old = Expiry(model)
        self._twins = {
            name: Statement(sa.select(t.c.id, t.c.record).where(t.c[name] == sa.bindparam("value")))
            for name in t.c.keys()
            if name not in ("id", "record", "answer", "expires")
        }

    def id_of(self, digest: bytes) -> bytes:
        """The row's key for SHA-256 of a request: worthless without this database's secret."""
        return self._database.blind("request", digest)[:16]

    def forgotten_at(self, now: int) -> int:
        """When a row written now may be purged: a whole hour."""
        return floor_hour(now) + -(-self._keep // HOUR) * HOUR + HOUR

    def recall(self, key: bytes) -> bytes | None:
        """The final answer to a request, if there was one."""
        row = self._database.row(self._answer, key=key)
        return None if row is None else row[0]

    def keep_refusal(self, key: bytes, answer: bytes) -> bytes:
        """`keep` for a refusal, up to a number an hour."""
        now = self._clock.time32()
        hour, count = self._refusals
        if hour != now // HOUR:
            hour, count = now // HOUR, 0
        if count >= REFUSALS_AN_HOUR:
            return answer
        self._refusals = hour, count + 1
        return self.keep(key, answer)

    def keep(self, key: bytes, answer: bytes) -> bytes:
        """Remember a final answer; the one that counts, which may be a twin's."""
        expires = self.forgotten_at(self._clock.time32())
        with self._database.write(durable=False) as tx:
            if tx.insert_if_new(self._model, id=key, record=None, answer=answer, expires=expires):
                return answer
        return self.recall(key) or answer

    def issue_once(
        self,
        key: bytes,
        prepared: Prepared,
        *,
        issuer: Issuer,
        answer: Callable[[Certificate], bytes],
        record: Callable[[Transaction], None] = _nothing,
        complete: Callable[[Transaction, Certificate], None] = _no_rows,
        unique: dict[str, bytes] | None = None,
    ) -> bytes:
        """The answer to a request that is granted: with the certificate of `prepared`, which `issuer` makes,
        or a twin's answer.

        `record` adds the caller's rows to the durable transaction before the signature, `complete` to the
        one after it. `unique` are columns of the request's row that no other request may share; where one
        does, its certificate is answered with, in this request's own envelope.
        """
        naps = 0.0
        nap = _FIRST_NAP
        while True:
            twin = self._try_claim(key, prepared, record, unique)
            if twin is None:
                break
            if isinstance(twin, bytes):
                return twin
            if isinstance(twin, Certificate):
                return self.keep(key, answer(twin))
            if twin is _ORPHAN:
                recover(self._database)
                continue
            if naps >= self._patience:
                raise RecordFailed("the same request is being answered elsewhere, and is not done yet")
            self._sleep(nap)
            naps, nap = naps + nap, min(2 * nap, _LONGEST_NAP)
        try:
            certificate = issuer.issue(prepared.token)
            octets = answer(certificate)
            with self._database.write(durable=False) as tx:
                # refused where a start took this process for dead: then nothing goes out
                tx_complete(tx, prepared.record, certificate)
                tx.run(self._store, key=key, mine=prepared.record.id, octets=octets)
                complete(tx, certificate)
            return octets
        except BaseException:
            self._release(key, prepared)
            raise

    def _try_claim(
        self,
        key: bytes,
        prepared: Prepared,
        record: Callable[[Transaction], None],
        unique: dict[str, bytes] | None,
    ) -> Any:
        """None: it is ours. Octets: the answer. Certificate: that of a twin in another envelope. Else wait,
        or to clear an orphan away."""
        more: dict[str, Any] = unique or {}
        with self._database.write(durable=True) as tx:
            row = {"id": key, "record": prepared.record.id, "answer": None, **more}
            row["expires"] = self.forgotten_at(self._clock.time32())
            if not tx.insert_if_new(self._model, **row):
                standing = self._standing(tx, key, more)
                if standing is not None:
                    return standing
                if not tx.insert_if_new(self._model, **row):
                    return _WAIT
            tx_save(tx, prepared.record)
            record(tx)
        return None

    def _standing(self, tx: Transaction, key: bytes, unique: dict[str, bytes]) -> Any:
        """What the row in the way says; None once it is out of the way."""
        found = tx.row(self._claim, key=key)
        if found is not None:
            of_record, answer = found
            if answer is not None:
                return answer
            other = key
        else:
            for name, value in unique.items():
                found = tx.row(self._twins[name], value=value)
                if found is not None:
                    other, of_record = found
                    break
            else:
                return None
        state = tx.row(_STATE, id=of_record)
        if state is not None and state[0] == "issued":
            # the same request: stored since we looked, so the answer is there at the next look
            return _WAIT if other == key else Certificate.parse(state[2])
        if state is not None and state[0] == "open":
            return _WAIT if self._database.run_is_alive(state[1]) else _ORPHAN
        if state is None and other != key:
            tx.run(self._forget, key=other)  # its ticket has expired and is purged
        else:
            # void: whoever claimed this request will never answer it
            tx.run(self._drop, key=other, of_record=of_record)
        return None

    def _release(self, key: bytes, prepared: Prepared) -> None:
        """Undo a claim whose certificate did not come out; where even that fails, the next start does it."""
        try:
            with self._database.write(durable=False) as tx:
                tx_void(tx, prepared.record, "signing or storing failed")
                tx.run(self._drop, key=key, of_record=prepared.record.id)
        except StoreError:
            pass

    def purge(self, now: int) -> int:
        """Forget what is past its hour; the count of rows."""
        return self._old.purge(self._database, now)
