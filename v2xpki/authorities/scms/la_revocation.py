"""What a linkage authority tells about a chain: to the misbehaviour authority, for a case, and on the record.

    named = revocation.chain_of(plv, i, j, case)        whose chain gave this value: the RA's lci
    seed = revocation.seed_at(named, i_rev, case)       ls(iRev), for the CRL
    revocation.include(other, case)                     one more chain of the same vehicle, the RA says
    seed = revocation.seed_at(other, i_rev, case)

A case is of one chain: it is recorded, with an audit entry, before the lci is given, and once more before
the seed is. The seed of iRev tells all later ones, so it is given for no period that has ended, and for
none before the iRev that was given first; from then on the chain gives no more values. Asked again, the
same is told again.

There is no index by value: one would cost an entry for every certificate, and be what an intruder looks
for. A search opens every chain that could have given the value: 3.6 s for 100,000 chains in their first
period, 19 s where each takes 100 steps, on a busy machine. Who has the lci already, as the MA may have it
from the RA, names it, and that one chain is looked at.
"""

import hmac

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.authorities.periods import LAST_PERIOD, Periods
from v2xpki.authorities.scms.la import LAST_J, LinkageAuthority
from v2xpki.authorities.scms.la_chains import LCI_OCTETS, Chain, Named
from v2xpki.authorities.scms.la_reasons import CaseReason, RefusedCase
from v2xpki.crypto import pre_linkage_values, seed_after
from v2xpki.crypto.linkage import VALUE_OCTETS
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import table_of
from v2xpki.store.la import RevocationCase
from v2xpki.time import Clock

_CASE_OCTETS = range(8, 65)

_T = table_of(RevocationCase)
_CASE = Statement(
    sa.select(_T.c.chain, _T.c.i_rev)
    .where(_T.c.id == sa.bindparam("id", type_=_T.c.id.type))
    .with_for_update()
)
_FURTHER = Statement(
    sa.select(_T.c.chain, _T.c.further).where(_T.c.id == sa.bindparam("id", type_=_T.c.id.type))
)
_LOCKED = Statement(
    sa.select(_T.c.chain, _T.c.further)
    .where(_T.c.id == sa.bindparam("id", type_=_T.c.id.type))
    .with_for_update()
)
_COUNT = Statement(
    sa.update(_T).where(_T.c.id == sa.bindparam("case", type_=_T.c.id.type)).values(further=_T.c.further + 1)
)
_GIVEN = Statement(
    sa.update(_T)
    .where(_T.c.id == sa.bindparam("case", type_=_T.c.id.type))
    .values(i_rev=sa.bindparam("from_i", type_=_T.c.i_rev.type))
)


class LaRevocation:
    """The half of a linkage authority that the misbehaviour authority sees."""

    def __init__(self, la: LinkageAuthority, database: Database, periods: Periods, clock: Clock) -> None:
        self._la, self._database, self._periods, self._clock = la, database, periods, clock

    def chain_of(self, plv: bytes, i: int, j: int, case: bytes, *, suspected: Named | None = None) -> Named:
        """Whose chain gave a pre-linkage value (9 octets) for i and j. case: 8 to 64 octets, the MA's name.

        suspected: the chain that it should be; no other is looked at then. Raises RefusedCase, RecordFailed,
        AuditError. A value that no chain has given is on the record, too.
        """
        case_id = self._case_id(case)
        if len(plv) != VALUE_OCTETS or not 0 <= i <= LAST_PERIOD or not 0 <= j <= LAST_J:
            raise RefusedCase(CaseReason.BAD_VALUE)
        chain = self._search(plv, i, j) if suspected is None else self._suspect(suspected, plv, i, j)
        reason = None
        with self._database.write(durable=True) as tx:
            if chain is None:
                tx.audit(Event.CHAIN_TRACED, case=case_id, found=False)
                reason = CaseReason.NO_CHAIN
            elif tx.insert_if_new(
                RevocationCase, id=case_id, chain=chain.id, i_rev=None, further=0, expires=chain.expires
            ):
                tx.audit(Event.CHAIN_TRACED, case=case_id, found=True)
            else:
                recorded = tx.row(_CASE, id=case_id)
                if recorded is None or bytes(recorded[0]) != chain.id:
                    reason = _refuse(tx, case_id, CaseReason.OTHER_CHAIN)
        if chain is None or reason is not None:
            raise RefusedCase(reason or CaseReason.NO_CHAIN)
        return self._la.chains.open(chain)[1]

    def include(self, named: Named, case: bytes) -> None:
        """Make a further chain part of a case, on the word of the RA whose first chain is proven.

        There is no value of it to prove it by: a vehicle asks anew from time to time, and each request has
        chains of its own. So it must be of the same RA, and there are not more of them than the policy has.
        Raises RefusedCase, RecordFailed, AuditError.
        """
        case_id, chain_id = self._case_id(case), self._la.chains.id_of(named)
        proven = self._database.row(_FURTHER, id=case_id)
        ids = [chain_id] if proven is None else [chain_id, bytes(proven[0])]
        found = self._la.chains.find(ids)
        chain, first = found.get(chain_id), found.get(ids[-1])
        reason: CaseReason | None = CaseReason.NO_CASE
        with self._database.write(durable=True) as tx:
            if proven is None or first is None:
                pass
            elif chain is None:
                reason = CaseReason.NO_CHAIN
            elif self._la.chains.open(first)[1].ra != named.ra:
                reason = CaseReason.OTHER_RA
            else:
                reason = self._tx_include(tx, case_id, chain, self._further_id(case, chain_id))
            if reason is not None:
                _refuse(tx, case_id, reason)
        if reason is not None:
            raise RefusedCase(reason)

    def _tx_include(self, tx: Transaction, case_id: bytes, chain: Chain, id_: bytes) -> CaseReason | None:
        recorded = tx.row(_LOCKED, id=case_id)
        if recorded is None:
            return CaseReason.NO_CASE
        if tx.row(_CASE, id=id_) is not None:
            return None
        if recorded[1] >= self._la.policy.further:
            return CaseReason.TOO_MANY
        expires = chain.expires
        tx.insert(RevocationCase, id=id_, chain=chain.id, i_rev=None, further=0, expires=expires)
        tx.run(_COUNT, case=case_id)
        tx.audit(Event.CHAIN_TRACED, case=case_id, found=True)
        return None

    def seed_at(self, named: Named, i_rev: int, case: bytes) -> bytes:
        """ls(i_rev) of the chain that a case is recorded for, 16 octets. No value is given from i_rev on.

        Raises RefusedCase, which is on the record, and RecordFailed, AuditError; then no seed is given.
        """
        chain_id = self._la.chains.id_of(named)
        case_id = self._row_of(case, chain_id)
        chain = None
        with self._database.write(durable=True) as tx:
            recorded = tx.row(_CASE, id=case_id)
            reason: CaseReason | None = CaseReason.NO_CASE
            if recorded is not None:
                reason = CaseReason.OTHER_CHAIN
                if hmac.compare_digest(bytes(recorded[0]), chain_id):
                    chain = self._la.chains.locked(tx, chain_id)
                    reason = self._refusal(chain, recorded[1], i_rev)
            if reason is not None:
                _refuse(tx, case_id, reason)
            elif chain is not None and recorded is not None and recorded[1] is None:
                tx.run(_GIVEN, case=case_id, from_i=i_rev)
                if chain.revoked_from is None:
                    self._la.chains.tx_revoke(tx, chain_id, i_rev)
                tx.audit(Event.CHAIN_REVOKED, case=case_id, i_rev=i_rev)
        if chain is None or reason is not None:
            raise RefusedCase(reason or CaseReason.NO_CASE)
        return seed_after(self._la.la_id, self._la.chains.open(chain)[0], i_rev - chain.first)

    def _refusal(self, chain: Chain, given: int | None, i_rev: int) -> CaseReason | None:
        """Why the seed of a period is not given. given: the first that this case was given."""
        if i_rev < chain.first:
            return CaseReason.BEFORE_CHAIN
        if i_rev > self._la.policy.last_of(chain.first):
            return CaseReason.BEYOND_CHAIN
        earliest = given if given is not None else chain.revoked_from
        if earliest is not None:
            return CaseReason.EARLIER if i_rev < earliest else None
        if i_rev <= self._periods.last_ending_by(self._clock.time32()):
            return CaseReason.PAST
        return None

    def _case_id(self, case: bytes) -> bytes:
        if len(case) not in _CASE_OCTETS:
            raise RefusedCase(CaseReason.BAD_CASE)
        return self._database.blind("case", case)[:16]

    def _further_id(self, case: bytes, chain_id: bytes) -> bytes:
        return self._database.blind("further", self._case_id(case) + chain_id)[:16]

    def _row_of(self, case: bytes, chain_id: bytes) -> bytes:
        """The row that a chain has in a case: that of its first chain unless it is a further one."""
        further = self._further_id(case, chain_id)
        return further if self._database.row(_FURTHER, id=further) is not None else self._case_id(case)

    def _suspect(self, named: Named, plv: bytes, i: int, j: int) -> Chain | None:
        if len(named.lci) != LCI_OCTETS:
            return None
        chain = self._la.chains.find([self._la.chains.id_of(named)]).get(self._la.chains.id_of(named))
        if chain is None or not chain.first <= i <= self._la.policy.last_of(chain.first):
            return None
        return chain if self._gave(chain, plv, i, j) else None

    def _search(self, plv: bytes, i: int, j: int) -> Chain | None:
        for chains in self._la.chains.walk(i, i - self._la.policy.chain_periods):
            for chain in chains:
                if self._gave(chain, plv, i, j):
                    return chain
        return None

    def _gave(self, chain: Chain, plv: bytes, i: int, j: int) -> bool:
        la = self._la
        seed = seed_after(la.la_id, la.chains.open(chain)[0], i - chain.first)
        return hmac.compare_digest(pre_linkage_values(la.la_id, seed, (j,))[0], plv)


def _refuse(tx: Transaction, case_id: bytes, reason: CaseReason) -> CaseReason:
    tx.audit(Event.CHAIN_REFUSED, case=case_id, reason=reason.name.lower())
    return reason
