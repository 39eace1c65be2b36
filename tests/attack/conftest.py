"""An EA and an AA to attack, with their keys in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.etsi import Pki
from v2xpki.time import FixedClock


@pytest.fixture
def make_pki(tmp_path: Path, fixed_clock: FixedClock) -> Iterator[Callable[..., Pki]]:
    made: list[Pki] = []

    def make(**options: Any) -> Pki:
        folder = tmp_path / f"pki-{len(made)}"
        folder.mkdir()
        made.append(Pki.make(folder, fixed_clock, **options))
        return made[-1]

    yield make
    for pki in made:
        pki.close()


@pytest.fixture
def pki(make_pki: Callable[..., Pki]) -> Pki:
    return make_pki()
