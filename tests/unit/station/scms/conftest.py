from collections.abc import Iterator

import pytest

from tests.support.scms_station import Lab


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One ACA for all tests here; none of them changes it."""
    made = Lab(tmp_path_factory.mktemp("lab"))
    yield made
    made.close()
