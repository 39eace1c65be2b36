"""An elector: signs CTLs, each number of a series once. Ceremonies only.

What it signs for it has built itself, of a plan that its own people have reviewed (hsm/ceremonies): nobody
hands it a digest.
"""

from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.authorities.scms.scms_root import ScmsCeremonialAuthority
from v2xpki.errors import CeremonyRefused
from v2xpki.issuance import ListIssuer, tx_complete, tx_save
from v2xpki.issuance.records import ISSUED
from v2xpki.store import Transaction
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.store.elector import SignedCtl
from v2xpki.trust.scms_ctl import ScmsCtl, ctl_signature, elector_hash
from v2xpki.trust.scms_ctl_plan import CtlPlan, build_ctl

_SIGNED, _RECORD = table_of(SignedCtl), table_of(IssuanceRecord)


class CtlSignature(NamedTuple):
    """tbs: COER of the FullIeeeTbsCtl; spdu: COER of the CtlSignatureSpdu for it."""

    tbs: bytes
    spdu: bytes


class Elector(ScmsCeremonialAuthority):
    """IEEE 1609.2.1 7.1; its certificate is an anchor of every station."""

    kind = "ELECTOR"

    def sign(self, plan: CtlPlan, before: ScmsCtl | None) -> CtlSignature:
        """Its word for the list of a plan, which follows the present one; None: for the first of a series.

        The same list again gets what was signed for it before. Where a process ended between record and
        signature, the same list is signed then, and no other. Raises InvalidCtl, CeremonyRefused (another
        list of the number, or a later one, was signed; the elector is not one that may sign), StoreError,
        AuditError, KeystoreError, IssuanceError.
        """
        own, database = self._own(), self.domain.database
        entitled = [elector_hash(elector) for elector in plan.electors] if before is None else before.electors
        if elector_hash(own) not in entitled:
            raise CeremonyRefused(f"{own.hex8} is no elector of this list")
        tbs = build_ctl(plan, before)
        wanted = ctl_signature(tbs)
        issuer = ListIssuer.open(self.domain.keystore, self.label, own, database, self.domain.clock)
        record, token = issuer.prepare_ctl_signature(wanted)
        with database.write(durable=True) as tx:
            signed = self._signed_before(tx, plan, wanted.tbs_ctl_hash)
            if signed is not None:
                return CtlSignature(tbs, signed)
            tx_save(tx, record)
            tx.execute(sa.delete(_SIGNED).where(*_of(plan)))  # of a record that is void by now
            tx.insert(
                SignedCtl,
                series=plan.series,
                sequence=plan.sequence,
                ctl_hash=wanted.tbs_ctl_hash,
                record=record.id,
            )
        spdu = issuer.issue(token)
        with database.write(durable=True) as tx:
            tx_complete(tx, record, spdu)
        return CtlSignature(tbs, spdu)

    def _signed_before(self, tx: Transaction, plan: CtlPlan, digest: bytes) -> bytes | None:
        """What was signed for this very list. Raises CeremonyRefused where it may not be signed."""
        last = tx.execute(
            sa.select(_SIGNED.c.sequence, _SIGNED.c.ctl_hash, _RECORD.c.state, _RECORD.c.signed)
            .select_from(_SIGNED.outerjoin(_RECORD, _RECORD.c.id == _SIGNED.c.record))
            .where(_SIGNED.c.series == plan.series, _SIGNED.c.sequence >= plan.sequence)
            .order_by(_SIGNED.c.sequence.desc())
        ).first()
        if last is None:
            return None
        if last.sequence != plan.sequence:
            raise CeremonyRefused(
                f"CTL {last.sequence} of the series is signed; {plan.sequence} is of the past"
            )
        if bytes(last.ctl_hash) != digest:
            raise CeremonyRefused(
                f"another CTL {plan.sequence} of the series is signed", hint="take the next sequence number"
            )
        return bytes(last.signed) if last.state == ISSUED else None


def _of(plan: CtlPlan) -> tuple[sa.ColumnElement[bool], ...]:
    return _SIGNED.c.series == plan.series, _SIGNED.c.sequence == plan.sequence
