"""Work in chunks, outside of requests: does the jobs that authorities declare (`authorities.queue`)."""

from collections.abc import Callable
from typing import Protocol

from v2xpki.authorities.queue import Job, Queue, Work
from v2xpki.config import DomainConfig, JobsPolicy
from v2xpki.jobs.pool import InlinePool

__all__ = ["InlinePool", "Pool", "open_queue"]


class Pool(Queue, Protocol):
    """A queue with its threads."""

    def start(self) -> None:
        """Begin; from here on jobs are done without being asked for."""
        ...

    def close(self, timeout: float | None = None) -> None:
        """Take no further job; wait for those that run, up to `timeout` seconds."""
        ...


def open_queue(
    work: Work,
    policy: JobsPolicy,
    domain: DomainConfig,
    *,
    threads: int = 1,
    failed: Callable[[Job | None, Exception], None] = lambda job, error: None,
) -> Pool:
    """The queue that the settings ask for, over a domain's work; not started yet.

    Raises ConfigError where it is to be procrastinate's and has no PostgreSQL database.
    """
    if policy.backend == "inline":
        return InlinePool(work, threads=threads, failed=failed)
    url = policy.url_for(domain.name, domain.database_url)
    from v2xpki.jobs.procrastinated import ProcrastinatePool  # 0.15 s that nobody else pays

    return ProcrastinatePool(work, url, name=domain.name, threads=threads, failed=failed)
