"""Independent implementations that the interop tests compare with."""

import subprocess

import pytest

from tests.interop.pycrate_codec import PycrateCodec
from tests.support.ota_clients import TUF_JS, node_with_tuf_js


@pytest.fixture(scope="session")
def pycrate(tmp_path_factory):
    """pycrate, compiled from the text of asn1/ once a test process."""
    return PycrateCodec(tmp_path_factory.mktemp("pycrate"))


@pytest.fixture(scope="session")
def node():
    """tuf-js at work in a process of its own."""
    process = subprocess.Popen(
        [node_with_tuf_js(), TUF_JS / "client.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.stdin.close()
    process.wait(10)
    process.stdout.close()
