"""A PostgreSQL server that the test run starts for itself (v2xpki.bench.postgres).

Use: `from tests.support.postgres import postgres_server  # noqa: F401` in a conftest.py, then
`postgres_server.create()` gives a URL where nothing is yet. Skips, with the reason, where there are
no server programs.
"""

from collections.abc import Iterator

import pytest

from v2xpki.bench.postgres import NoServer, Server

__all__ = ["Server", "postgres_server"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server a test process."""
    try:
        server = Server()
    except NoServer as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()
