"""A real `v2xpki serve` for as long as a `with` lasts, on ports that nobody else has."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from v2xpki.config import FILE_NAME, Instance
from v2xpki.errors import V2xPkiError
from v2xpki.station import Urllib3Http

HOST = "127.0.0.1"
_START_SECONDS = 120.0  # ten processes start at once, perhaps on a machine that has other work
_STOP_SECONDS = 20.0
_LISTENERS = ("https", "http", "admin")

# Asks the kernel to end `serve` with us, however we end, and becomes it. A few ms: no site, no imports
# of ours. On other systems than Linux an interrupted demo still ends it; a killed one does not.
_BECOME = """
import ctypes, os, sys
if sys.platform.startswith("linux"):
    ctypes.CDLL(None).prctl(1, 15, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the demo is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Ports:
    """Three free ports, kept from others until `serve` listens on them."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        for name in _LISTENERS:
            # Bound and not listening: a bind with SO_REUSEADDR, as `serve` does, is let in beside it,
            # and no one is given the port as a free one.
            sock = self._sockets[name] = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((HOST, 0))

    def address(self, name: str) -> str:
        return f"{HOST}:{self._sockets[name].getsockname()[1]}"

    def url(self, name: str) -> str:
        return f"{'http' if name == 'http' else 'https'}://{self.address(name)}"

    def settings(self) -> str:
        """The `[serve]` section that makes a plain `v2xpki serve DIR` listen there, today and later."""
        lines = [f'{name} = "{self.address(name)}"' for name in _LISTENERS]
        return "\n".join(["", "[serve]", *lines, ""])

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()


def write_settings(
    directory: Path, ports: Ports, more: Mapping[str, Mapping[str, object]] | None = None
) -> Instance:
    """Adds the listeners to an instance's v2xpki.toml, and settings to sections that are in it."""
    path = directory / FILE_NAME
    text = path.read_text(encoding="utf-8")
    for section, settings in (more or {}).items():
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        text = text.replace(f"\n[{section}]\n", f"\n[{section}]\n{lines}")
    path.write_text(text + ports.settings(), encoding="utf-8")
    return Instance.load(directory)


class Server:
    """A running `serve`."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._log = instance.log_dir / "serve.log"
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "v2xpki", "serve", str(self._instance.directory)]
        self._instance.log_dir.mkdir(mode=0o700, exist_ok=True)
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 (our own command)
                [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), *command],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # a Ctrl-C at the terminal reaches us alone; we end it in order
                start_new_session=True,
            )

    def await_ready(self) -> None:
        """Until every role is ready. Raises V2xPkiError with what `serve` said."""
        state = self._instance.run_dir / "serve.json"
        end = time.monotonic() + _START_SECONDS
        while True:
            if self._process.poll() is not None:
                raise V2xPkiError(f"serve ended at once: {self.said()}", hint=f"logs: {self._log.parent}")
            with contextlib.suppress(OSError, ValueError, KeyError):
                if json.loads(state.read_bytes())["pid"] == self._process.pid:
                    break
            if time.monotonic() > end:
                raise V2xPkiError(
                    f"serve does not answer within {_START_SECONDS:.0f} s: {self.said()}",
                    hint=f"logs: {self._log.parent}",
                )
            time.sleep(0.02)
        self._await_roles(end)

    def _await_roles(self, end: float) -> None:
        """`serve` goes on when a role is slow or cannot start; a demo would not get far."""
        http = Urllib3Http()
        try:
            while True:
                reply = http.get(f"http://{self._instance.settings.serve.http}/readyz")
                if reply.status == 200:
                    return
                states = json.loads(reply.body)["roles"]
                if time.monotonic() > end:
                    missing = ", ".join(f"{role} {state}" for role, state in states.items() if state != "ok")
                    raise V2xPkiError(
                        f"not every service is ready: {missing}", hint=f"logs: {self._log.parent}"
                    )
                time.sleep(0.2)
        finally:
            http.close()

    def said(self) -> str:
        """The last lines that `serve` wrote."""
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        return " / ".join(lines[-3:]) or "nothing"

    def stop(self) -> int:
        """Ends it in order, or at once if it does not; its exit code. Safe to call again."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except BaseException as error:
                # too slow, or a second Ctrl-C: its own children end with it
                self._process.kill()
                self._process.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
        return self._process.returncode


def command(*arguments: object) -> str:
    """What a command of ours prints, in a process of its own. Raises V2xPkiError with its last words."""
    done = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", "v2xpki", *map(str, arguments)],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " / ".join(done.stderr.strip().splitlines()[-3:])
        raise V2xPkiError(f"v2xpki {arguments[0]} ended with {done.returncode}: {said}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Of a process that is to open tokens of its own, by the code that runs here."""
    environment = {key: value for key, value in os.environ.items() if key != "SOFTHSM2_CONF"}
    package = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return environment


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP as KeyboardInterrupt, so that what was started is ended then too."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # Python takes signals in the main thread alone
        return
    before = {sig: signal.signal(sig, interrupt) for sig in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)
