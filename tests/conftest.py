"""Fixtures that all rooms share: a SoftHSM with as many tokens as asked for, a clock, the shared vectors."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import warm
from tests.support.lab import lab, scms, worn
from v2xpki.errors import ConfigError
from v2xpki.keystore import Pkcs11Keystore, TokenConfig, VendorProfile, create_token, open_token
from v2xpki.time import FixedClock

__all__ = ["lab", "scms", "worn"]

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

# How long an example takes says something of the machine, and nothing of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests run in several processes, a file's stay together, for what they share is dear; and so do
    all files that use the same served instance. (pytest-xdist's own groups do nothing with pytest 9.2.)"""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return _instance_of(file) or file

    return Scheduling(config, log)


# A test, or a fixture of a file, that asks for one of the instances which are served for several files.
_ASKS = re.compile(
    r"^(?:@pytest\.fixture.*\ndef \w+|def test_\w+)\([^)]*\b(lab|worn|scms): Lab\b", re.MULTILINE
)


@cache
def _instance_of(file: str) -> str:
    text = (ROOT / file).read_text()
    found = _ASKS.search(text) if "from tests.support.lab import" in text else None
    return found[1] if found else ""


class TokenStore:
    """SoftHSM tokens of this test process: one configuration, a token per name, made when first asked for."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self._stack, self._open = stack, {}

    def config(self, name: str) -> TokenConfig:
        return TokenConfig(
            profile="softhsm2",
            token_label=name,
            pin_file=self.directory / f"pin-{name}",
            softhsm2_conf=self.directory / "softhsm2.conf",
            token_dir=self.directory / "tokens",
        )

    def open(self, name: str = "test") -> Pkcs11Keystore:
        """The keystore of the token `name`; the same object for the whole session. Don't close it."""
        if name not in self._open:
            create_token(self.config(name))
            self._open[name] = self._stack.enter_context(open_token(self.config(name)))
        return self._open[name]


@pytest.fixture(scope="session")
def token_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenStore]:
    try:
        VendorProfile.load("softhsm2").module
    except ConfigError as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        yield TokenStore(tmp_path_factory.mktemp("softhsm"), stack)


@pytest.fixture
def fixed_clock() -> FixedClock:
    """Stands at 2026-06-01T00:00:00Z (TAI 707356805)."""
    return FixedClock(707_356_805)


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    path = SHARED / "vectors"
    if not path.is_dir():
        pytest.skip("the vectors shared between projects are not beside this clone (../shared/vectors)")
    return path


@pytest.fixture(scope="session")
def shared_tools() -> Path:
    path = SHARED / "tools"
    if not path.is_dir():
        pytest.skip("the independent station is not beside this clone (../shared/tools)")
    return path


@pytest.fixture(scope="session")
def in_own_process() -> Callable[..., str]:
    """Run Python text in a process of its own: `in_own_process(code, *arguments, env={...}) -> stdout`."""

    def run(code: str, *arguments: object, env: dict[str, str] | None = None, check: bool = True) -> str:
        environment = {k: v for k, v in os.environ.items() if k != "SOFTHSM2_CONF"} | (env or {})
        environment["PYTHONPATH"] = str(ROOT)
        ended, out, err = warm.run([*map(str, arguments)], environment, program=code)
        assert not check or ended == 0, f"exit {ended}\n{out}\n{err}"
        return out

    return run
