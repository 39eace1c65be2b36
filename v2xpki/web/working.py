"""What the processes of services do with work outside of requests (jobs/): how it is told, how it ends."""

from v2xpki.authorities.queue import Job
from v2xpki.web import logs

LAST_JOB = 2.0  # seconds that an ending process gives its job; another process does it again


def job_failed(job: Job | None, error: Exception) -> None:
    """Told in the log, and tried again. A job's name is its authority's own and says nothing of stations."""
    kind = "what is due" if job is None else job.kind
    logs.logger().warning("job failed", job=kind, **logs.describe(error))
