import pytest

from v2xpki.testset import create, read_manifest
from v2xpki.time import SystemClock


@pytest.fixture(scope="session")
def testset(tmp_path_factory):
    """A test set of now: its folder."""
    directory = tmp_path_factory.mktemp("set") / "set"
    create(directory, seed="v2xpki", now=SystemClock().time32())
    return directory


@pytest.fixture(scope="session")
def manifest(testset):
    return read_manifest(testset)
