"""Fixtures: fresh databases, of SQLite and of PostgreSQL in turn. Import them in a conftest.py."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.postgres import Server, postgres_server
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock

__all__ = ["NOW", "database", "new_url", "other_database", "postgres_server"]

NOW = 720_000_123  # TAI seconds, within an hour


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Each call gives the URL of a fresh database, all of one kind."""
    if request.param == "sqlite":
        numbers = count()
        return lambda: f"sqlite:///{tmp_path}/{next(numbers)}.db"
    server: Server = request.getfixturevalue("postgres_server")
    return server.create


@pytest.fixture
def database(new_url: Callable[[], str]) -> Iterator[Database]:
    """An EA's."""
    with Database.open(new_url(), clock=FixedClock(NOW)) as database:
        upgrade(database, "ea")
        yield database


@pytest.fixture
def other_database(new_url: Callable[[], str]) -> Iterator[Database]:
    """An AA's."""
    with Database.open(new_url(), clock=FixedClock(NOW)) as database:
        upgrade(database, "aa")
        yield database
