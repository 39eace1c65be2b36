"""The command line as an operator uses it: run a command to its end, or `serve` for the length of a block."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import warm
from tests.support.serving import wait_for

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """This process's, without the token that its tests have open."""
    kept = {key: value for key, value in os.environ.items() if key != "SOFTHSM2_CONF"}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def v2xpki(*arguments: object, expect: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
    """`v2xpki ARGUMENTS...`, which is to end with the code `expect`; `more` are environment variables."""
    words = [*map(str, arguments)]
    code, out, err = warm.run(words, environment(**more))
    assert code == expect, out + err
    return subprocess.CompletedProcess(words, code, out, err)


@contextmanager
def program(*command: object) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs while the block does, and is told to stop at its end."""
    process = subprocess.Popen([*map(str, command)], cwd=ROOT, env=environment())
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        finally:
            process.kill()


@contextmanager
def serving(*plans: tuple[Path, Sequence[str]]) -> Iterator[None]:
    """`v2xpki serve` for each (DIR, options), all answering."""
    with ExitStack() as stack:
        started = []
        for directory, options in plans:
            (directory / "run" / "serve.json").unlink(missing_ok=True)
            command = (sys.executable, "-m", "v2xpki", "serve", directory, *options)
            started.append((directory, stack.enter_context(program(*command))))
        for directory, process in started:
            wait_for(
                lambda state=directory / "run" / "serve.json", process=process: (
                    state.exists() or process.poll() is not None
                ),
                60,
            )
            assert process.poll() is None, f"serve {directory} ended with {process.poll()}"
        yield
