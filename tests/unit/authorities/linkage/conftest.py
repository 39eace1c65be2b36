"""Linkage authorities with keys in memory, and over both kinds of database."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.databases import new_url, postgres_server
from tests.support.linkage import La

__all__ = ["new_url", "postgres_server"]


@pytest.fixture
def make_la(tmp_path) -> Iterator[Callable[..., La]]:
    """Any, in a file of its own."""
    made: list[La] = []

    def make(**options: Any) -> La:
        url = options.pop("url", f"sqlite:///{tmp_path}/{len(made)}.db")
        made.append(La.make(url, **options))
        return made[-1]

    yield make
    for la in made:
        la.database.close()


@pytest.fixture
def la(make_la) -> La:
    return make_la()
