"""An ACA over SQLite and PostgreSQL in turn; RAs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import new_url, postgres_server
from tests.support.scms import NotingKeystore
from tests.support.scms_ra import RaLab
from v2xpki.bench.scms_laboratory import ScmsLaboratory
from v2xpki.store.auditing import examine
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


@pytest.fixture
def make_ra(tmp_path: Path) -> Iterator[Callable[..., RaLab]]:
    """Makes RAs, over SQLite and with keys in memory unless told otherwise."""
    made: list[RaLab] = []

    def make(**options: Any) -> RaLab:
        directory = tmp_path / f"ra-{len(made)}"
        directory.mkdir()
        made.append(RaLab.make(directory, **options))
        return made[-1]

    yield make
    for lab in made:
        lab.ra.close()
        assert examine(lab.database).findings == ()
        lab.close()


@pytest.fixture
def ra_lab(make_ra: Callable[..., RaLab]) -> RaLab:
    return make_ra()
