import pytest

from tests.unit.trust.pki import Pki


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()
