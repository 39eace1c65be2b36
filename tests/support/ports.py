"""Ports for what must be named before it listens, such as in the lists that `init` signs."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_held: list[int] = []  # as long as this process lives


def free_port() -> int:
    """A port of 127.0.0.1 that is nobody's, and stays this test process's own: no other one is told it, and
    the kernel gives it to no outgoing connection, as it would one that it chose itself."""
    folder = Path(tempfile.gettempdir()) / f"v2xpki-test-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for port in random.sample(_never_given(), 1000):
        descriptor = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("127.0.0.1", port))
        except OSError:
            os.close(descriptor)
            continue
        _held.append(descriptor)
        return port
    raise AssertionError("none of a thousand ports is free")


def free_ports(count: int) -> list[int]:
    """The same for several."""
    return [free_port() for _ in range(count)]


def _never_given() -> range:
    """Those below what the kernel chooses from."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return range(first - 12000, first) if first > 14000 else range(20000, 32768)
