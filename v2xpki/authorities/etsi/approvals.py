"""What a root has certified: one certificate a request, one request a key.

A claim is a row with the digest of what the new key signed, written in the transaction of the issuance
record. Where the process died before the signature was complete, the record is void by the next start, and
the claim may be taken over; nothing of that signature ever left. Where it is complete, the same request gets
the same certificate back.
"""

from typing import Any

import sqlalchemy as sa

from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.store.root import CaApproval

_A, _R = table_of(CaApproval), table_of(IssuanceRecord)
_STANDING = Statement(
    sa.select(_A.c.record, _R.c.state, _R.c.open_by, _R.c.signed)
    .outerjoin(_R, _R.c.id == _A.c.record)
    .where(_A.c.request == sa.bindparam("request"))
)
_TAKE_OVER = Statement(
    sa.update(_A)
    .where(_A.c.request == sa.bindparam("of_request"), _A.c.record == sa.bindparam("old"))
    .values(record=sa.bindparam("new"))
)
_SUCCESSORS = Statement(
    sa.select(_R.c.signed)
    .join(_A, _A.c.record == _R.c.id)
    .where(_A.c.former == sa.bindparam("former"), _R.c.state == "issued")
)
_OF_KEY = Statement(sa.select(_A.c.request).where(_A.c.key == sa.bindparam("key")))
_SUB_CA = ("EA", "AA")


class Approvals:
    """The requests that a root has granted, in its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, request: CaRequest) -> Certificate | None:
        """The certificate that the request got; None where it got none yet.

        Raises CeremonyRefused where it is being certified just now, where its certificate has ended and its
        record is purged, and where another request of the same key was granted.
        """
        with self._database.read() as tx:
            return self._standing(tx, request, tx.row(_STANDING, request=request.digest))

    def tx_claim(self, tx: Transaction, request: CaRequest, record: bytes) -> None:
        """Claim the request for an issuance record that this transaction saves. Raises as `standing`."""
        if tx.insert_if_new(
            CaApproval, request=request.digest, key=request.key_digest, former=request.former, record=record
        ):
            return
        row = tx.row(_STANDING, request=request.digest)
        if self._standing(tx, request, row) is not None:
            raise CeremonyRefused("the request was granted meanwhile; run it again for its certificate")
        # of this very record: another one since is not void
        if row is None or tx.run(_TAKE_OVER, of_request=request.digest, old=row[0], new=record) != 1:
            raise CeremonyRefused("the request is being certified elsewhere")

    def _standing(self, tx: Transaction, request: CaRequest, row: Any) -> Certificate | None:
        if row is None:
            other = tx.row(_OF_KEY, key=request.key_digest)
            if other is not None:
                raise CeremonyRefused(
                    "its key was certified for another request",
                    hint="a CA makes a new key for each certificate: `v2xpki ca request`",
                )
            return None
        _, state, open_by, signed = row
        if state is None:
            raise CeremonyRefused("the request was granted before, and its certificate has ended")
        if state == "issued":
            return Certificate.parse(signed)
        if state == "open" and self._database.run_is_alive(open_by):
            raise CeremonyRefused("the request is being certified elsewhere")
        return None

    def successors(self, former: bytes) -> list[Certificate]:
        """The certificates that were given to re-keying requests of a certificate (HashedId8)."""
        with self._database.read() as tx:
            return [Certificate.parse(row[0]) for row in tx.rows(_SUCCESSORS, former=former)]

    def issued(self) -> list[Certificate]:
        """Every EA's and AA's certificate that this root has made and that is not purged, by its start."""
        query = sa.select(_R.c.signed).where(_R.c.kind.in_(_SUB_CA), _R.c.state == "issued")
        with self._database.read() as tx:
            rows: list[Any] = list(tx.execute(query))
        return sorted((Certificate.parse(row[0]) for row in rows), key=lambda found: found.start)

    def find(self, hashed_id8: bytes) -> Certificate | None:
        """An EA's or AA's certificate of this root."""
        query = sa.select(_R.c.signed).where(
            _R.c.hashed_id8 == hashed_id8, _R.c.kind.in_(_SUB_CA), _R.c.state == "issued"
        )
        with self._database.read() as tx:
            signed = tx.execute(query).scalar()
        return None if signed is None else Certificate.parse(signed)
