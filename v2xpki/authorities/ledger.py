"""The audit of door 2: how many messages of which kind an authority has signed.

    ledger.enter("enrolmentResponse")       before the signature; AuditError: then nothing is signed

Anyone who knows an authority's certificate can make it sign a refusal, as often as they like, and audit
entries are never deleted. So there is no entry for each message: an entry on the disk allows a block of
them before the first is signed, another afterwards says how many of each kind there were. A block that
was never closed belonged to a process that died: at most its count was signed. Certificates and lists
have their own entries each (issuance).
"""

import os
import threading
from collections import Counter

from v2xpki.audit import Event
from v2xpki.store import Database
from v2xpki.time import HOUR, Clock

BLOCK = 256


class AnswerLedger:
    """One process's count of signed messages; for all its threads."""

    def __init__(self, database: Database, clock: Clock, block: int = BLOCK) -> None:
        self._database, self._clock, self._block = database, clock, block
        self._lock = threading.Lock()
        self._open: tuple[str, int] | None = None  # id of the block, the hour it was opened in
        self._signed: Counter[str] = Counter()
        self._count = 0  # of them all

    def enter(self, kind: str, count: int = 1) -> None:
        """Count messages, no more than a block, that are to be signed now. Raises AuditError or StoreError:
        then they must not be."""
        with self._lock:
            if self._open is None or self._count + count > self._block or self._is_past():
                self._renew()
            self._signed[kind] += count
            self._count += count

    def settle(self) -> None:
        """Close a block whose hour is over, so that its counts are on the record. Call it now and then."""
        with self._lock:
            if self._open is not None and self._is_past():
                self._renew(allow=False)

    def close(self) -> None:
        """Close the present block, at the end of a process."""
        with self._lock:
            if self._open is not None:
                self._renew(allow=False)

    def _is_past(self) -> bool:
        return self._open is not None and self._clock.time32() // HOUR != self._open[1]

    def _renew(self, *, allow: bool = True) -> None:
        following = (os.urandom(8).hex(), self._clock.time32() // HOUR)
        with self._database.write(durable=True) as tx:
            if self._open is not None:
                counts = " ".join(f"{kind}={count}" for kind, count in sorted(self._signed.items()))
                tx.audit(Event.MESSAGES_SIGNED, block=self._open[0], counts=counts)
            if allow:
                tx.audit(Event.MESSAGES_ALLOWED, block=following[0], count=self._block)
        self._open = following if allow else None
        self._signed, self._count = Counter(), 0
