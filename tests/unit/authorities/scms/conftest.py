"""An ACA over SQLite and PostgreSQL in turn."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.databases import new_url, postgres_server
from tests.support.scms import NotingKeystore
from v2xpki.bench.scms_laboratory import ScmsLaboratory
from v2xpki.time import FixedClock

__all__ = ["new_url", "postgres_server"]

NOW = 720_000_123


@pytest.fixture
def laboratory(new_url: Callable[[], str], tmp_path: Path) -> Iterator[ScmsLaboratory]:
    made = ScmsLaboratory(tmp_path, NotingKeystore(tmp_path / "notes"), FixedClock(NOW), url=new_url())
    yield made
    made.close()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[ScmsLaboratory]:
    """Over SQLite alone, for what the database has no part in."""
    made = ScmsLaboratory(tmp_path, NotingKeystore(tmp_path / "notes"), FixedClock(NOW))
    yield made
    made.close()
