"""Work in chunks, outside of requests: does the jobs that authorities declare (`authorities.queue`)."""

from v2xpki.jobs.pool import InlinePool

__all__ = ["InlinePool"]
