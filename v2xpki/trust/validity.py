"""Validity periods: start and end in TAI seconds since 2004; the end is exclusive (IEEE 1609.2 6.4.14)."""

from v2xpki.crypto import seconds_of
from v2xpki.errors import PermissionDenied
from v2xpki.time import HOUR, time32_from_unix, unix_from_time32
from v2xpki.wire import dot2

YEAR = 31_556_952  # the `years` unit, in seconds
_UNITS = {"seconds": 1, "minutes": 60, "hours": HOUR, "sixtyHours": 60 * HOUR, "years": YEAR}
_EXACT: tuple[dot2.DurationKind, ...] = ("years", "hours", "minutes", "seconds")
_COARSER: tuple[dot2.DurationKind, ...] = ("minutes", "hours", "sixtyHours")
_MOST = 65535  # a Uint16 counts the units


def duration_seconds(duration: dot2.Duration) -> int:
    """Whole seconds of a Duration, as a certificate's end counts them: what is shorter than one is none."""
    return seconds_of(duration)


def duration(seconds: int) -> dot2.Duration:
    """The coarsest of years, hours, minutes, seconds that is exact; else the longest below, in sixty hours.

    Raises ValueError where nothing is left.
    """
    if seconds < 1:
        raise ValueError(f"a duration of {seconds} s")
    for unit in _EXACT:
        count, rest = divmod(seconds, _UNITS[unit])
        if not rest and count <= _MOST:
            return dot2.Duration(kind=unit, value=count)
    for unit in _COARSER:
        count = seconds // _UNITS[unit]
        if count <= _MOST:
            return dot2.Duration(kind=unit, value=count)
    return dot2.Duration(kind="sixtyHours", value=_MOST)


def period(start: int, seconds: int) -> dot2.ValidityPeriod:
    """A period from `start` of at most `seconds`."""
    return dot2.ValidityPeriod(start=start, duration=duration(seconds))


def end(validity: dot2.ValidityPeriod) -> int:
    """The first second after a period."""
    return validity.start + duration_seconds(validity.duration)


def floor_hour(time32: int) -> int:
    """The full hour of UTC at or before."""
    unix = unix_from_time32(time32)
    return time32_from_unix(unix - unix % HOUR)


def inside(validity: dot2.ValidityPeriod, start: int, stop: int) -> bool:
    """Whether a period lies within [start, stop)."""
    return start <= validity.start and end(validity) <= stop


def cut(validity: dot2.ValidityPeriod, start: int, stop: int) -> dot2.ValidityPeriod:
    """The period, shortened to lie within [start, stop). Raises PermissionDenied where nothing is left.

    A cut longer than an hour ends on a full hour after its start.
    """
    first, last = max(validity.start, start), min(end(validity), stop)
    if (first, last) == (validity.start, end(validity)):
        return validity
    left = last - first
    if left < 1:
        raise PermissionDenied(
            f"validity {validity.start}..{end(validity)} is outside the issuer's {start}..{stop}",
            rule="validity-inside",
        )
    return period(first, left - left % HOUR if left >= HOUR else left)
