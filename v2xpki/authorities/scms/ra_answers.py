"""The acknowledgements of an RA, and its memory of them: a request is answered once, with the same octets for
as long as it may be repeated.

A request is known by a keyed digest of its octets, and by one of what the device asked for in it. The second
makes a wish that comes in another envelope the same wish: it has the first one's acknowledgement, which names
the files by the first one's hash.
"""

import sqlalchemy as sa

from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.keystore import ScmsResponder
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import table_of
from v2xpki.store.ra import RaAnswer
from v2xpki.time import HOUR, Clock
from v2xpki.trust.validity import floor_hour
from v2xpki.wire import scms

_ANSWER = table_of(RaAnswer)
_BY_ID = Statement(sa.select(_ANSWER.c.answer).where(_ANSWER.c.id == sa.bindparam("key")))
_BY_WISH = Statement(sa.select(_ANSWER.c.answer).where(_ANSWER.c.wish == sa.bindparam("wish")))


class Answers:
    """For all threads of a process. keep: seconds that an answer is kept at least."""

    def __init__(
        self, database: Database, responder: ScmsResponder, ledger: AnswerLedger, clock: Clock, keep: int
    ) -> None:
        self._database, self._responder = database, responder
        self._ledger, self._clock, self._keep = ledger, clock, keep

    def key(self, digest: bytes) -> bytes:
        """Of SHA-256 of a request's octets."""
        return self._database.blind("request", digest)[:16]

    def wish(self, device: bytes, digest: bytes) -> bytes:
        """Of a device's id and SHA-256 of what it asks for."""
        return self._database.blind("wish", device + digest)[:16]

    def recall(self, key: bytes) -> bytes | None:
        """The answer to the same octets, if there was one."""
        row = self._database.row(_BY_ID, key=key)
        return None if row is None else row[0]

    def acknowledge(self, request_hash: bytes, next_dl_time: int, first_i: int | None = None) -> bytes:
        """The signed RaEeCertAck; without firstI it is that of a successor (RaEeEnrollmentCertAckSpdu).

        Raises AuditError or StoreError where the audit record does not take it: then nothing is signed.
        """
        self._ledger.enter("raEeCertAck")
        ack = scms.RaEeCertAck(
            version=2,
            generation_time=self._clock.time32(),
            request_hash=request_hash,
            next_dl_time=next_dl_time,
            first_i=first_i,
        )
        inner = scms.EeRaInterfacePdu("raEeCertAck", ack)
        return self._responder.respond(scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", inner)))

    def tx_keep(self, tx: Transaction, key: bytes, wish: bytes, answer: bytes) -> bytes | None:
        """Remember an answer; None. Where the octets or the wish were answered already: that answer."""
        if tx.insert_if_new(RaAnswer, id=key, wish=wish, answer=answer, expires=self.kept_until()):
            return None
        row = tx.row(_BY_ID, key=key) or tx.row(_BY_WISH, wish=wish)
        return answer if row is None else bytes(row[0])

    def kept_until(self) -> int:
        """When a row written now may be purged: a whole hour."""
        return floor_hour(self._clock.time32()) + -(-self._keep // HOUR) * HOUR + HOUR
