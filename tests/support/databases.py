"""Fixtures: fresh databases, of SQLite and of PostgreSQL in turn. Import them in a conftest.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Server, postgres_server
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock

__all__ = ["NOW", "database", "database_urls", "other_database", "postgres_server"]

NOW = 720_000_123  # TAI seconds, within an hour


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """URLs of two fresh databases of one kind."""
    if request.param == "sqlite":
        yield [f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two")]
        return
    server: Server = request.getfixturevalue("postgres_server")
    urls = [server.create() for _ in range(2)]
    yield urls
    for url in urls:
        server.drop(url)


@pytest.fixture
def database(database_urls: list[str]) -> Iterator[Database]:
    """An EA's."""
    with Database.open(database_urls[0], clock=FixedClock(NOW)) as database:
        upgrade(database, "ea")
        yield database


@pytest.fixture
def other_database(database_urls: list[str]) -> Iterator[Database]:
    """An AA's."""
    with Database.open(database_urls[1], clock=FixedClock(NOW)) as database:
        upgrade(database, "aa")
        yield database
