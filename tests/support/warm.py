"""Commands in processes of their own that start at once: forked from one that has the package imported, where
`python -m v2xpki` spends a second of CPU on imports before it does a command's work.

    code, out, err = run(["status", "DIR"], environment)
    code, out, err = run(["argument"], environment, program="import sys; print(sys.argv[1])")

The process that is forked from has no thread, no PKCS#11 module and no database open. That the program itself
starts is shown by test_demo.py, test_bench.py and whoever uses `serve`.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_PACKAGES = ("cli", "authorities", "ota", "backup", "issuance", "testset")
_one_at_a_time = threading.Lock()
_server: tuple[subprocess.Popen[bytes], socket.socket] | None = None


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    program: str | None = None,
    folder: Path = ROOT,
    timeout: float = 300,
) -> tuple[int, str, str]:
    """`v2xpki ARGUMENTS...`, or the text of another program, in a folder and without input: its exit code
    (negative: of a signal), stdout and stderr. Raises TimeoutExpired, after it was killed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _one_at_a_time:
        wanted = {
            "arguments": list(arguments), "environment": dict(environment), "program": program,
            "folder": str(folder),
        }  # fmt: skip
        asked = json.dumps(wanted).encode()
        link = _link()
        link.settimeout(timeout)
        socket.send_fds(link, [len(asked).to_bytes(4)], [out.fileno(), err.fileno()])
        link.sendall(asked)
        pid = int.from_bytes(_exactly(link, 4))
        try:
            code = int.from_bytes(_exactly(link, 4), signed=True)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            link.settimeout(None)
            _exactly(link, 4)
            raise subprocess.TimeoutExpired(["v2xpki", *arguments], timeout) from None
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
        return code, texts[0], texts[1]


def _link() -> socket.socket:
    global _server
    if _server is None or _server[0].poll() is not None:
        ours, theirs = socket.socketpair()
        environment = {name: text for name, text in os.environ.items() if name != "SOFTHSM2_CONF"}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
            cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        _server = process, ours
        atexit.register(_end, process, ours)
    return _server[1]


def _end(process: subprocess.Popen[bytes], link: socket.socket) -> None:
    link.close()
    process.wait(30)


def _exactly(link: socket.socket, size: int) -> bytes:
    octets = b""
    while len(octets) < size:
        more = link.recv(size - len(octets))
        if not more:
            raise ConnectionResetError("the process that commands are forked from has ended")
        octets += more
    return octets


# --- the other end ---------------------------------------------------------------------------------------


def _serve(link: socket.socket) -> None:
    gc.disable()
    for name in _PACKAGES:
        package: Any = importlib.import_module(f"v2xpki.{name}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    gc.freeze()
    gc.enable()
    while True:
        head, descriptors, _, _ = socket.recv_fds(link, 4, 2)
        if not head:
            return
        asked = json.loads(_exactly(link, int.from_bytes(head)))
        pid = os.fork()
        if pid == 0:
            link.close()
            _work(asked, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        link.sendall(pid.to_bytes(4))
        link.sendall(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]).to_bytes(4, signed=True))


def _work(asked: Mapping[str, Any], descriptors: list[int]) -> None:
    """In the forked process; never returns."""
    code: Any = 1
    try:
        for descriptor, place in zip(descriptors, (1, 2), strict=True):
            os.dup2(descriptor, place)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        sys.argv = ["v2xpki", *asked["arguments"]]
        if asked["program"] is None:
            from v2xpki.cli import main

            main()
        else:
            exec(compile(asked["program"], "<program>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
