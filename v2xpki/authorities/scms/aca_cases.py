"""An ACA's half of a revocation: what a certificate was made of, each part for whom it concerns.

    cases = AcaCaseBook(aca, database, ras, las, clock, policy)
    parts = cases.parts_of(certificate, case)

The pre-linkage values go to their linkage authorities, the hash of the request to the RA, sealed; the
misbehaviour authority reads none of it. The case is recorded and audited before it is answered, is of one
certificate for ever, and a day has so many of them.
"""

import hmac

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.authorities.scms.aca import AuthorizationCertificateAuthority
from v2xpki.authorities.scms.aca_policy import DAY, AcaPolicy, RaDirectory
from v2xpki.authorities.scms.case_parts import LaDirectory, Part, PartReason, RefusedParts, check_case, seal
from v2xpki.authorities.scms.peers import SealedParts
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.aca import CaseOfRevocation, CasesOfDay
from v2xpki.store.base import table_of
from v2xpki.store.expiry import Expiry
from v2xpki.time import HOUR, Clock

_T, _D = table_of(CaseOfRevocation).c, table_of(CasesOfDay).c
_CASE = Statement(sa.select(_T.certificate).where(_T.id == sa.bindparam("id", type_=_T.id.type)))
_NO_CASE = Statement(sa.delete(CaseOfRevocation).where(_T.id == sa.bindparam("case", type_=_T.id.type)))
_DAY = Statement(
    sa.select(_D.day, _D.count).where(_D.ma == sa.bindparam("ma", type_=_D.ma.type)).with_for_update()
)
_SET_DAY = Statement(
    sa.update(CasesOfDay)
    .where(_D.ma == sa.bindparam("of_ma", type_=_D.ma.type))
    .values(
        day=sa.bindparam("to_day", type_=_D.day.type), count=sa.bindparam("to_count", type_=_D.count.type)
    )
)


class AcaCaseBook:
    """For all threads of a process. Fits AcaCases."""

    def __init__(
        self,
        aca: AuthorizationCertificateAuthority,
        database: Database,
        ras: RaDirectory,
        las: LaDirectory,
        clock: Clock,
        policy: AcaPolicy | None = None,
    ) -> None:
        self._aca, self._database, self._ras, self._las = aca, database, ras, las
        self._clock, self._policy = clock, policy or AcaPolicy()
        self._old = Expiry(CaseOfRevocation)

    def parts_of(self, certificate: bytes, case: bytes, *, ma: str = "ma") -> SealedParts | None:
        """The parts of a certificate (COER); None for one not made here, or without linkage.

        case: 8 to 64 octets, of one certificate. ma: who asks, as the link has proved it. Raises
        RefusedParts, which is on the record where a known certificate is asked for, and RecordFailed,
        AuditError.
        """
        check_case(case)
        try:
            named = Certificate.parse(certificate)
        except (DecodeError, CryptoError) as error:
            raise RefusedParts(PartReason.BAD_CERTIFICATE) from error
        linked = self._aca.linked(named)
        if linked is None or not linked.plv1:
            return None
        # sealed first: what cannot be sealed is not counted
        parts = SealedParts(
            linked.la_id1,
            seal(Part.PLV, case, linked.plv1, self._las.la(linked.la_id1)),
            linked.la_id2,
            seal(Part.PLV, case, linked.plv2, self._las.la(linked.la_id2)),
            linked.ra,
            seal(Part.REQUEST_HASH, case, linked.request_hash, self._ras.ra(linked.ra)),
        )
        case_id = self._database.blind("case", case)[:16]
        digest = self._database.blind("case certificate", named.digest)[:16]
        reason = None
        with self._database.write(durable=True) as tx:
            # before it is counted: who asks the same meanwhile waits for what comes of this
            end = named.end + -named.end % HOUR
            if tx.insert_if_new(CaseOfRevocation, id=case_id, certificate=digest, expires=end):
                if self._tx_count(tx, ma):
                    tx.audit(Event.CASE_PARTS_GIVEN, case=case_id)
                else:
                    tx.run(_NO_CASE, case=case_id)
                    reason = PartReason.TOO_MANY
            else:
                recorded = tx.row(_CASE, id=case_id)
                if recorded is None or not hmac.compare_digest(bytes(recorded[0]), digest):
                    reason = PartReason.OTHER_CERTIFICATE
            if reason is not None:
                tx.audit(Event.CASE_REFUSED, case=case_id, reason=reason.name.lower())
        if reason is not None:
            raise RefusedParts(reason)
        return parts

    def purge(self) -> int:
        """Forget the cases whose certificates have ended; how many. Once an hour."""
        return self._old.purge(self._database, self._clock.time32())

    def _tx_count(self, tx: Transaction, ma: str) -> bool:
        """Count one more new case of today; False where the day is full."""
        today = self._clock.time32() // DAY
        tx.insert_if_new(CasesOfDay, ma=ma, day=today, count=0)
        row = tx.row(_DAY, ma=ma)
        count = row[1] if row is not None and row[0] == today else 0
        if count >= self._policy.cases_per_day:
            return False
        tx.run(_SET_DAY, of_ma=ma, to_day=today, to_count=count + 1)
        return True
