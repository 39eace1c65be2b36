"""Independent implementations that the interop tests compare with."""

import pytest

from tests.interop.pycrate_codec import PycrateCodec


@pytest.fixture(scope="session")
def pycrate(tmp_path_factory):
    """pycrate, compiled from the text of asn1/ once a test process."""
    return PycrateCodec(tmp_path_factory.mktemp("pycrate"))
