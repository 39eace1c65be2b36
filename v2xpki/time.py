"""TAI time of IEEE 1609.2: Time32 in seconds, Time64 in microseconds, since 2004-01-01T00:00:00Z.

Leap seconds since 2004 are counted (IEEE 1609.2 6.3.10): five as of 2017. Everything inside the
house counts TAI; UTC appears only where a person reads or types it.
"""

import time as _time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

ITS_EPOCH = 1072915200  # unix seconds of 2004-01-01T00:00:00Z
# unix second from which the count of leap seconds since 2004 holds
_LEAPS = ((1136073600, 1), (1230768000, 2), (1341100800, 3), (1435708800, 4), (1483228800, 5))
_LAST = 253402300799  # unix second 9999-12-31T23:59:59Z
# Nearly every time asked about is past the last leap second: a comparison for it (0.2 us) instead of a walk
# through the table (1.2). A ticket takes some thirty conversions.
_SINCE, _COUNT = _LEAPS[-1]
_OFFSET = _COUNT - ITS_EPOCH
MICROSECONDS = 1_000_000
HOUR = 3600


def time32_from_unix(unix: float) -> int:
    """TAI seconds since 2004 of a unix time."""
    second = int(unix // 1)
    if second >= _SINCE:
        return second + _OFFSET
    return second - ITS_EPOCH + sum(1 for start, _ in _LEAPS if second >= start)


def unix_from_time32(time32: int) -> int:
    """Unix seconds of a Time32; a leap second itself maps to the second after it."""
    if time32 >= _SINCE + _OFFSET:
        return time32 - _OFFSET
    for start, count in reversed(_LEAPS):
        if time32 - count + ITS_EPOCH >= start:
            return time32 - count + ITS_EPOCH
    return time32 + ITS_EPOCH


def iso_from_time32(time32: int) -> str:
    """ISO 8601 UTC text, e.g. 2026-11-23T16:00:00Z; the last second of 9999 for all that is later."""
    # a received Duration or Time64 reaches tens of thousands of years, which datetime does not
    return datetime.fromtimestamp(min(unix_from_time32(time32), _LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time32_from_iso(text: str) -> int:
    """Time32 of an ISO 8601 text; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return time32_from_unix((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class Clock(Protocol):
    """Where a part of the house gets its time from; passed in, never asked of the system in logic."""

    def time32(self) -> int:
        """TAI seconds since 2004."""
        ...

    def time64(self) -> int:
        """TAI microseconds since 2004."""
        ...


class SystemClock:
    """The machine's clock."""

    def time32(self) -> int:
        # asked a dozen times for a ticket, so without a further call; int() cuts as // does from 1970 on
        second = int(_time.time())
        return second + _OFFSET if second >= _SINCE else time32_from_unix(second)

    def time64(self) -> int:
        second, micros = divmod(_time.time_ns() // 1000, MICROSECONDS)
        return time32_from_unix(second) * MICROSECONDS + micros


@dataclass
class FixedClock:
    """A clock that stands still until it is told to move: for tests and ceremonies."""

    now: int  # TAI seconds

    def time32(self) -> int:
        return self.now

    def time64(self) -> int:
        return self.now * MICROSECONDS

    def advance(self, seconds: int) -> None:
        self.now += seconds
