"""An RA's half of a revocation: finds the vehicle behind a request, blocks it, names its chains to the LAs.

    cases = RaCaseBook(database, keys, las, periods, clock)
    traced = cases.trace(sealed_request_hash, i, case)
    cases.block(hashed_id8)                                 by an enrolment certificate

In one durable transaction, before anything is told: the case is recorded, the device blocked, its waiting
batches stopped, an audit entry written. What is told is which j, and the lcis, each sealed to its linkage
authority: neither the misbehaviour authority learns a vehicle here, nor a linkage authority.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.authorities.periods import LAST_PERIOD, Periods
from v2xpki.authorities.scms.case_parts import (
    Part,
    PartReason,
    RefusedParts,
    la_id_of,
    open_part,
    seal,
)
from v2xpki.authorities.scms.peers import TracedChain, TracedParts
from v2xpki.authorities.scms.ra_devices import Blocklist, tx_block
from v2xpki.crypto import Certificate
from v2xpki.secured import RecipientKey
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import table_of
from v2xpki.store.expiry import Expiry
from v2xpki.store.ra import STOPPED, WAITING, RaBatch, RaCase, RaRequest
from v2xpki.time import Clock

_HASH = 8
_WALK = 2000  # batches of one query of a search
_REASON = "revoked"

_b, _r, _c = table_of(RaBatch).c, table_of(RaRequest).c, table_of(RaCase).c
_NEXT = Statement(
    sa.select(_b.request, _b.hashes)
    .where(
        _b.period == sa.bindparam("of_period", type_=_b.period.type),
        _b.request > sa.bindparam("after", type_=_b.request.type),
        _b.hashes.is_not(None),
    )
    .order_by(_b.request)
    .limit(sa.literal_column(str(_WALK)))
)
_COLUMNS = (_r.id, _r.lci1, _r.lci2, _r.first, _r.last, _r.following, _r["count"])
_REQUEST = Statement(sa.select(_r.device).where(_r.id == sa.bindparam("request", type_=_r.id.type)))
_CHAINS = Statement(
    sa.select(*_COLUMNS)
    .where(_r.device == sa.bindparam("of_device", type_=_r.device.type), _r.lci1.is_not(None))
    .order_by(_r.id)
)
_CASE = Statement(sa.select(_c.request, _c.period, _c.j).where(_c.id == sa.bindparam("id", type_=_c.id.type)))
_STOP = Statement(
    sa.update(RaBatch)
    .where(
        _b.state == sa.literal_column(f"'{WAITING}'"),
        _b.request.in_(sa.select(_r.id).where(_r.device == sa.bindparam("device", type_=_r.device.type))),
    )
    .values(state=sa.literal_column(f"'{STOPPED}'"))
)


class RaCaseBook:
    """For all threads of a process. Fits RaCases.

    keys: by the HashedId8 of the RA's certificates. las: the linkage authorities whose chains lci1 and lci2
    name, in this order. name: of the RA, by which they know its lcis.
    """

    def __init__(
        self,
        database: Database,
        keys: Mapping[bytes, RecipientKey],
        las: tuple[Certificate, Certificate],
        periods: Periods,
        clock: Clock,
        *,
        name: str = "ra",
    ) -> None:
        self._database, self._keys, self._las = database, keys, las
        self._periods, self._clock, self._name = periods, clock, name.encode("ascii")
        self._old = Expiry(RaCase)

    def trace(self, request_hash: bytes, i: int, case: bytes) -> TracedParts | None:
        """Whose certificate of period i it is that the ACA has sealed the request's hash of; None for one
        that is not asked for here, or so long ago that nothing is known of it any more.

        case: 8 to 64 octets, of one certificate. Raises RefusedParts, RecordFailed, AuditError,
        KeystoreError.
        """
        wanted = open_part(Part.REQUEST_HASH, case, request_hash, self._keys)
        if len(wanted) != _HASH or not 0 <= i <= LAST_PERIOD:
            raise RefusedParts(PartReason.BAD_PART)
        case_id = self._database.blind("case", case)[:16]
        found = self._find(wanted, i)
        if found is None:
            return None
        request, j = found
        with self._database.write(durable=True) as tx:
            row, end = tx.row(_REQUEST, request=request), self._periods.end(i)
            # before anything is done: who asks the same meanwhile waits for what comes of this
            new = row is not None and tx.insert_if_new(
                RaCase, id=case_id, request=request, period=i, j=j, expires=end + -end % 3600
            )
            recorded = None if new else tx.row(_CASE, id=case_id)
            other = recorded is not None and (bytes(recorded[0]), *recorded[1:]) != (request, i, j)
            if other:
                tx.audit(Event.CASE_REFUSED, case=case_id, reason=PartReason.OTHER_CERTIFICATE.name.lower())
            elif row is not None:
                device = bytes(row[0])
                stopped = self._tx_block(tx, device)
                chains = self._tx_chains(tx, device, request)
                if new:
                    tx.audit(Event.CASE_TRACED, case=case_id, chains=len(chains), batches=stopped)
        if other:
            raise RefusedParts(PartReason.OTHER_CERTIFICATE)
        if row is None or not chains:
            return None
        sealed = [self._sealed(chain, case) for chain in chains]
        la1, la2 = map(la_id_of, self._las)
        return TracedParts(j, la1, la2, sealed[0], tuple(sealed[1:]))

    def block(self, enrolment: bytes) -> None:
        """Block the device of an enrolment certificate (HashedId8), also one that has not come here yet: no
        request of it is granted from now on, and nothing that waits is made. Raises RecordFailed,
        AuditError."""
        blocklist = Blocklist(self._database)
        blocklist.block(enrolment, reason=_REASON)
        known = blocklist.find(enrolment)
        if known is not None:
            with self._database.write(durable=True) as tx:
                tx.run(_STOP, device=known.id)

    def purge(self) -> int:
        """Forget the cases whose certificates have ended; how many. Once an hour."""
        return self._old.purge(self._database, self._clock.time32())

    def _find(self, wanted: bytes, i: int) -> tuple[bytes, int] | None:
        """The request and j whose RaAcaCertRequest has this hash. All batches of the period are looked
        through: an index would be an entry for each certificate, for the few that are ever revoked."""
        for request, hashes in self._batches(i):
            at = hashes.find(wanted)
            while at >= 0:
                if at % _HASH == 0:
                    return request, at // _HASH
                at = hashes.find(wanted, at + 1)
        return None

    def _batches(self, i: int) -> Iterator[tuple[bytes, bytes]]:
        last = b""
        while True:
            with self._database.read() as tx:
                rows = tx.rows(_NEXT, of_period=i, after=last)
            for row in rows:
                yield bytes(row[0]), bytes(row[1])
            if len(rows) < _WALK:
                return
            last = bytes(rows[-1][0])

    @staticmethod
    def _tx_block(tx: Transaction, device: bytes) -> int:
        """Block a device; how many of its batches were waiting."""
        tx_block(tx, device, reason=_REASON)
        return tx.run(_STOP, device=device)

    def _tx_chains(self, tx: Transaction, device: bytes, request: bytes) -> list[tuple[Any, ...]]:
        """lci1, lci2, first, last, count of a device's chains that have certificates still, the request's own
        first. What was granted and never begun has none."""
        ended = self._periods.last_ending_by(self._clock.time32())
        rows = tx.rows(_CHAINS, of_device=device)
        rows = [row for row in rows if bytes(row[0]) == request or row[5] > ended + 1]
        rows.sort(key=lambda row: bytes(row[0]) != request)
        made = []
        for _, lci1, lci2, first, last, following, count in rows:
            upto = min(last, following - 1)
            if upto >= first:
                made.append((bytes(lci1), bytes(lci2), first, upto, count))
        return made

    def _sealed(self, chain: tuple[Any, ...], case: bytes) -> TracedChain:
        lci1, lci2, first, last, count = chain
        one, other = (
            seal(Part.LCI, case, lci + self._name, la)
            for lci, la in zip((lci1, lci2), self._las, strict=True)
        )
        return TracedChain(one, other, first, last, count)
