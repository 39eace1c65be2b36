"""Work outside of requests, as authorities declare it; `v2xpki.jobs` does it.

An authority hands a Work to whoever runs the service. A job is a chunk: its rows are committed before the job
has a name, the name is all that a queue carries, and doing a job twice, or half and then again, does no harm.
So a queue may lose jobs and repeat them: `due` names whatever is recorded and in nobody's hands.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Job(NamedTuple):
    """A recorded chunk of work. key: of its row, at most 64 octets."""

    kind: str
    key: bytes


class Work(Protocol):
    """What an authority has to do."""

    def due(self) -> Sequence[Job]:
        """Record what has come up, and name all that is recorded and in no live process's hands.

        Called every second or so, by every process of the service. Raises StoreError.
        """
        ...

    def run(self, job: Job) -> None:
        """Do one job, unless it is done or in another process's hands.

        An error leaves the job for later; LinkError is what is expected of a job that asks another service.
        """
        ...


class Queue(Protocol):
    """Who has jobs done."""

    def put(self, job: Job) -> None:
        """Have a job run soon, here or in another process. Call it after the commit that recorded the job."""
        ...
