"""i-periods: the numbered lengths of time that butterfly certificates are issued for (IEEE 1609.2.1 4.3)."""

from typing import NamedTuple

from v2xpki.trust import validity
from v2xpki.wire import dot2

LAST_PERIOD = 0xFFFF  # IValue is a Uint16


class Periods(NamedTuple):
    """In TAI seconds. epoch: where period 0 starts. overlap: what a certificate holds beyond its period."""

    epoch: int
    length: int
    overlap: int

    def at(self, time32: int) -> int:
        """The period that a moment is in, within 0 and the last there is."""
        return min(max((time32 - self.epoch) // self.length, 0), LAST_PERIOD)

    def start(self, i: int) -> int:
        """When period i starts."""
        return self.epoch + i * self.length

    def end(self, i: int) -> int:
        """When its certificates end, exclusive."""
        return self.start(i) + self.length + self.overlap

    def last_ending_by(self, time32: int) -> int:
        """The last period whose certificates end at a moment or before; -1 where there is none."""
        return min(max((time32 - self.epoch - self.overlap) // self.length - 1, -1), LAST_PERIOD)

    def validity_of(self, i: int, not_before: int = 0) -> dot2.ValidityPeriod:
        """The validity of its certificates; not_before: the start of the issuer's, which cuts it."""
        start = max(self.start(i), not_before)
        return validity.period(start, self.end(i) - start)
