"""Databases of both kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Server, postgres_server  # noqa: F401
from v2xpki.store import Database
from v2xpki.store.migrate import upgrade
from v2xpki.time import FixedClock

NOW = 720_000_123  # TAI seconds, within an hour


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """Two fresh databases of one kind."""
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
    with Database.open(database_urls[0], clock=FixedClock(NOW)) as database:
        upgrade(database, "ea")
        yield database


@pytest.fixture
def other_database(database_urls: list[str]) -> Iterator[Database]:
    with Database.open(database_urls[1], clock=FixedClock(NOW)) as database:
        upgrade(database, "aa")
        yield database
