"""The acknowledgements of an RA, and its memory of them: a request is answered once, with the same octets for
as long as it may be repeated.

A request is known by a keyed digest of its octets, and by one of what the device asked for in it. By the
second a wish that comes in another envelope is the same wish: nothing is granted again, but the answer names
that envelope, and so may the device when it comes for its files. Envelopes can be changed on the way (another
recipient, the other ephemeral point of the same x); a device must not lose its files by it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.authorities.scms.ra_devices import tx_count, tx_is_blocked
from v2xpki.authorities.scms.ra_reasons import RaReason, refusal
from v2xpki.config import ScmsPolicy
from v2xpki.errors import OutOfService
from v2xpki.keystore import ScmsResponder
from v2xpki.secured import SignedMessage
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import table_of
from v2xpki.store.ra import RaAnswer, RaName
from v2xpki.time import HOUR, Clock
from v2xpki.trust.validity import floor_hour
from v2xpki.wire import scms

_Wish = TypeVar("_Wish")
_ANSWER = table_of(RaAnswer)
_BY_ID = Statement(sa.select(_ANSWER.c.answer).where(_ANSWER.c.id == sa.bindparam("key")))
_BY_WISH = Statement(sa.select(_ANSWER.c.answer).where(_ANSWER.c.wish == sa.bindparam("wish")))


class GrantedMeanwhile(Exception):
    """What is asked for has been granted in another envelope since it was looked for."""


def look_again(answer: Callable[[_Wish], tuple[bytes, bool]], wish: _Wish) -> tuple[bytes, bool]:
    """A wish's answer, though the same one be granted in that moment in another envelope: a second look finds
    what is recorded by then, and answers under this envelope's name."""
    try:
        return answer(wish)
    except GrantedMeanwhile:
        return answer(wish)


class Answers:
    """For all threads of a process."""

    def __init__(
        self,
        database: Database,
        responder: ScmsResponder,
        ledger: AnswerLedger,
        clock: Clock,
        policy: ScmsPolicy,
    ) -> None:
        self._database, self._responder = database, responder
        self._ledger, self._clock, self._policy = ledger, clock, policy

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

    def recall_wish(self, wish: bytes, key: bytes, request_hash: bytes, device: bytes) -> bytes | None:
        """The answer to a wish that was granted before in another envelope. It has its own name from now on.

        Raises RefusedRequest where the device is at its limit: each envelope is a request.
        """
        row = self._database.row(_BY_WISH, wish=wish)
        if row is None:
            return None
        pdu: Any = wire.decode(scms.ScmsPdu, SignedMessage.parse(row[0]).payload).content.value
        first: scms.RaEeCertAck = pdu.value
        answer = self.acknowledge(request_hash, first.next_dl_time, first.first_i)
        with self._database.write(durable=True) as tx:
            before = self.tx_keep(tx, key, None, answer)
            if before is not None:
                return before
            self.tx_count(tx, device)
            tx.insert_if_new(RaName, request_hash=request_hash, first=first.request_hash)
        return answer

    def tx_count(self, tx: Transaction, device: bytes) -> None:
        """Count a request of the device. Raises RefusedRequest where it is at its limit, or blocked."""
        if not tx_count(tx, device, self._clock.time32(), self._policy.requests_per_day):
            raise refusal(RaReason.BLOCKED if tx_is_blocked(tx, device) else RaReason.TOO_MANY)

    def acknowledge(self, request_hash: bytes, next_dl_time: int, first_i: int | None = None) -> bytes:
        """The signed RaEeCertAck; without firstI it is that of a successor (RaEeEnrollmentCertAckSpdu).

        Raises OutOfService where the RA's certificate is not in force, AuditError or StoreError where the
        audit record does not take it: then nothing is signed.
        """
        own = self._responder.certificate
        if not own.start <= self._clock.time32() < own.end:
            raise OutOfService(f"{own.hex8} is not in force")
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

    def tx_keep(self, tx: Transaction, key: bytes, wish: bytes | None, answer: bytes) -> bytes | None:
        """Remember an answer; None. Where the octets were answered meanwhile: that answer. Raises
        GrantedMeanwhile where the wish was, in another envelope, whose name is in that answer."""
        if tx.insert_if_new(RaAnswer, id=key, wish=wish, answer=answer, expires=self.kept_until()):
            return None
        row = tx.row(_BY_ID, key=key)
        if row is None:
            raise GrantedMeanwhile
        return bytes(row[0])

    def kept_until(self) -> int:
        """When a row written now may be purged: a whole hour."""
        return floor_hour(self._clock.time32()) + -(-self._policy.retry_window // HOUR) * HOUR + HOUR
