"""The batches of a granted request: what the RA's line works on, one a period.

Recorded with the request as far as the horizon reaches, and by the line's top-up as periods come into it.
"""

from v2xpki.authorities.periods import Periods
from v2xpki.config import ScmsPolicy
from v2xpki.store import Transaction
from v2xpki.store.base import random_number
from v2xpki.store.ra import WAITING, RaBatch
from v2xpki.time import HOUR
from v2xpki.trust.validity import floor_hour

#: Seconds from the moment that a chunk may begin to the one that a device should come for its file.
WORKING_TIME = 60


def expires_after(end: int) -> int:
    """The whole hour after which a row whose certificates end then may be purged. Time32."""
    return floor_hour(end) + HOUR


def add_batches(
    tx: Transaction,
    periods: Periods,
    request: bytes,
    *,
    count: int,
    first: int,
    last: int,
    expires: int | None = None,
) -> int:
    """Record the batches of periods first to last of a request (RaRequest.id); the period after them.

    count: certificates in each. expires: of their rows; None: with the certificates of each period. Nothing
    is recorded where last is before first. Raises AlreadyRecorded for a period that has its batch.
    """
    tx.insert_many(
        RaBatch,
        [
            {
                "id": random_number(),
                "request": request,
                "period": i,
                "count": count,
                "chunk": None,
                "state": WAITING,
                "hashes": None,
                "archive": None,
                "expires": expires_after(periods.end(i)) if expires is None else expires,
            }
            for i in range(first, last + 1)
        ],
    )
    return max(first, last + 1)


def horizon(periods: Periods, now: int, preload: int) -> int:
    """The last period that is supplied at a moment: Time32, and seconds ahead of it."""
    return periods.at(now + preload)


def next_download(
    periods: Periods, policy: ScmsPolicy, now: int, *, waits: bool, following: int | None, end: int
) -> int:
    """When a device should come for its next file, Time32. waits: whether a batch is recorded and not packed.
    following: the first period without one; None where none is to come. end: of the last certificate."""
    soon = now + policy.mix_wait + WORKING_TIME
    if waits:
        return soon
    return max(soon, end if following is None else periods.start(following) - policy.preload)
