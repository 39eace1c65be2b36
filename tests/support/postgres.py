"""A PostgreSQL server that the test run starts for itself (v2xpki.bench.postgres).

Use: `from tests.support.postgres import postgres_server  # noqa: F401` in a conftest.py, then
`postgres_server.create()` gives a URL where nothing is yet. Skips, with the reason, where there are
no server programs.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import sqlalchemy as sa

from v2xpki.bench.postgres import NoServer, Server
from v2xpki.store import Database

__all__ = ["Server", "done_or_waiting", "postgres_server"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server a test process."""
    try:
        server = Server()
    except NoServer as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


def done_or_waiting(call: Future[Any], database: Database) -> None:
    """Return once a call, in another thread, is done or waits for a lock that this one has."""
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while not call.done():
        with database.read() as tx:
            if tx.execute(waits).scalar():
                return
