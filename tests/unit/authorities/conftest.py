"""An EA and an AA with their keys in tokens, for the checklists; one with keys in memory for the rest."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TokenStore
from tests.support.etsi import Credential, Pki, TestStation
from v2xpki.time import FixedClock


@pytest.fixture
def make_pki(tmp_path: Path, fixed_clock: FixedClock) -> Iterator[Callable[..., Pki]]:
    """Any PKI, with keys in memory unless told otherwise."""
    made: list[Pki] = []

    def make(**options: Any) -> Pki:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Pki.make(folder, fixed_clock, **options))
        return made[-1]

    yield make
    for pki in made:
        pki.close()


@pytest.fixture
def pki(make_pki: Callable[..., Pki], token_store: TokenStore) -> Pki:
    """EA and AA, each with a token of its own."""
    return make_pki(keystore=token_store.open)


@pytest.fixture
def memory_pki(make_pki: Callable[..., Pki]) -> Pki:
    return make_pki()


@pytest.fixture
def car(pki: Pki) -> TestStation:
    return pki.station("car-1")


@pytest.fixture
def ec(car: TestStation) -> Credential:
    return car.enrol()
