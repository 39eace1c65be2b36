"""A run of lists that one ceremony signs ahead: when each begins to hold and when it ends.

    validity |---------------|
                       overlap
    list 0   |===============|
    list 1             |===============|
    list 2                       |===============|
                                      coverage ->|

A list is there `overlap` seconds before the one before it ends, so that stations have that long to fetch it.
Times are TAI seconds since 2004.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from v2xpki.errors import InvalidList
from v2xpki.time import iso_from_time32

#: Lists in one run: two CTLs that a reader has to tell apart are never half the sequence space apart.
LONGEST_RUN = 100


class Period(NamedTuple):
    """thisUpdate and nextUpdate of one list."""

    this_update: int
    next_update: int


@dataclass(frozen=True)
class RunSchedule:
    """When the lists of a run hold. One that makes no sense does not construct: InvalidList, both numbers."""

    this_update: int
    #: Seconds from a list's thisUpdate to its nextUpdate.
    validity: int
    #: Seconds before the end of a list at which the next one begins.
    overlap: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if self.validity < 1:
            raise InvalidList(f"validity {self.validity} s is not at least 1 s", rule="schedule")
        if not 0 <= self.overlap < self.validity:
            raise InvalidList(
                f"overlap {self.overlap} s is not shorter than validity {self.validity} s: "
                "each list would begin no later than the one before it",
                rule="schedule",
            )
        if not 1 <= self.count <= LONGEST_RUN:
            raise InvalidList(f"{self.count} lists in a run, not 1 to {LONGEST_RUN}", rule="schedule")
        if self.this_update < 0 or self.coverage >= 1 << 32:
            raise InvalidList(
                f"a run from {self.this_update} to {self.coverage} is no time of Time32", rule="schedule"
            )

    @property
    def step(self) -> int:
        """Seconds from one list's thisUpdate to the next one's."""
        return self.validity - self.overlap

    @property
    def coverage(self) -> int:
        """When the last list ends."""
        return self.this_update + (self.count - 1) * self.step + self.validity

    def __iter__(self) -> Iterator[Period]:
        for number in range(self.count):
            start = self.this_update + number * self.step
            yield Period(start, start + self.validity)

    def check_signer_end(self, end: int) -> None:
        """Raise InvalidList where a list of the run would begin after its signer's certificate has ended."""
        last = self.this_update + (self.count - 1) * self.step
        if last >= end:
            raise InvalidList(
                f"the last of {self.count} lists begins {iso_from_time32(last)}, "
                f"the signer's certificate ends {iso_from_time32(end)}",
                rule="schedule",
                hint="fewer lists, or a new key first",
            )
