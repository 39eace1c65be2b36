"""`v2xpki` commands and other work on tokens, each in a process of its own, as an operator has it: SoftHSM
reads its configuration once a process. The processes are forked from one that has the package loaded."""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LOADED = ["v2xpki.cli", "v2xpki.cli.ota_root", "v2xpki.ota.opening", "v2xpki.ota.signers"]
_TIMEOUT = 60.0


class Apart:
    """A folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([__name__, *_LOADED])

    def command(self, *words: object, expect: int = 0) -> str:
        """What a command printed on stdout; it is to end with the code `expect`."""
        code, out, err = self._run(_command, [str(word) for word in words])
        assert code == expect, f"{words}: {code}\n{out}{err}"
        return out

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """A function of a module that returns nothing."""
        code, out, err = self._run(_call, function, *args)
        assert code == 0, out + err

    def _run(self, work: Callable[..., None], *args: Any) -> tuple[int | None, str, str]:
        out, err = self.folder / "stdout", self.folder / "stderr"
        process = self._processes.Process(target=_redirected, args=(self.folder, out, err, work, *args))
        process.start()
        process.join(_TIMEOUT)
        process.kill()
        return process.exitcode, out.read_text(), err.read_text()


def _redirected(folder: Path, out: Path, err: Path, work: Callable[..., None], *args: Any) -> None:
    os.environ.pop("SOFTHSM2_CONF", None)
    os.chdir(folder)
    with (
        out.open("w") as told,
        err.open("w") as said,
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(said),
    ):
        work(*args)


def _command(words: list[str]) -> None:
    from v2xpki.cli import main

    sys.stdin = Path(os.devnull).open()  # noqa: SIM115 (nobody is asked)
    main(words)


def _call(function: Callable[..., Any], *args: Any) -> None:
    function(*args)
