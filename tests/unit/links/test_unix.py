"""The AA's link to an EA's socket: kept connections, bounded in time and size, others go elsewhere."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from v2xpki.errors import LinkError
from v2xpki.links.unix import SocketEaLink

URL = "http://ea.example/ea/validation"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-its-response\r\nContent-Length: 6\r\n\r\nanswer"


class Elsewhere:
    def validate(self, url: str, body: bytes) -> bytes:
        return b"elsewhere " + url.encode()


class Ea:
    """Answers by a script; b"" closes the connection, None says nothing."""

    def __init__(self, path: Path, script: list[bytes | None]) -> None:
        self.path, self.seen, self.connections = str(path / "ea.sock"), [], 0
        self._script = script
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen(5)
        self.kept: list[socket.socket] = []
        self.asked = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self.kept.append(link)
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed by the other thread, at the end
            while octets := link.recv(65536):
                self.seen.append(octets)
                step = self._script.pop(0) if self._script else ANSWER
                if step is None:
                    continue
                if not step:
                    link.close()
                    return
                link.sendall(step)
                self.asked.set()

    def close(self) -> None:
        self._socket.close()
        for link in self.kept:
            link.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., tuple[Ea, SocketEaLink]]]:
    made: list[tuple[Ea, SocketEaLink]] = []

    def begin(*script: bytes | None, timeout: float = 5.0) -> tuple[Ea, SocketEaLink]:
        ea = Ea(tmp_path, list(script))
        link = SocketEaLink({"http://ea.example/ea": ea.path}, Elsewhere(), timeout=timeout, max_answer=1000)
        made.append((ea, link))
        return made[-1]

    yield begin
    for ea, link in made:
        link.close()
        ea.close()


def test_a_request_says_nothing_but_itself_and_the_connection_is_kept(make: Callable) -> None:
    ea, link = make()
    for _ in range(3):
        assert link.validate(URL, b"body") == b"answer"
    assert ea.connections == 1
    assert ea.seen[0] == (
        b"POST /ea/validation HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-its-request\r\n"
        b"Content-Length: 4\r\n\r\nbody"
    )


def test_another_ea_is_asked_elsewhere(make: Callable) -> None:
    _, link = make()
    assert link.validate("http://other.example/ea", b"") == b"elsewhere http://other.example/ea"


def test_a_kept_connection_that_was_closed_is_replaced(make: Callable) -> None:
    ea, link = make(ANSWER, b"", ANSWER)
    assert link.validate(URL, b"1") == b"answer"
    assert link.validate(URL, b"2") == b"answer"
    assert ea.connections == 2


def test_an_answer_in_pieces_is_put_together(make: Callable) -> None:
    ea, link = make(ANSWER[:30])
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(link.validate(URL, b"x")))
    thread.start()
    assert ea.asked.wait(10)
    ea.kept[0].sendall(ANSWER[30:70])
    ea.kept[0].sendall(ANSWER[70:])
    thread.join(10)
    assert got == [b"answer"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed"),
        (ANSWER.replace(b"200", b"503"), "HTTP 503"),
        (ANSWER.replace(b"x-its-response", b"json"), "application/json"),
        (ANSWER.replace(b"Content-Length: 6\r\n", b""), "length"),
        (ANSWER.replace(b"Length: 6", b"Length: 2000"), "too long"),
        (ANSWER + b"more", "more than one"),
        (b"x" * 2000, "too long"),
        (b"garbage\r\n\r\n", "length"),
    ],
)
def test_whatever_is_no_answer_is_a_link_error(make: Callable, answer: bytes, reason: str) -> None:
    _, link = make(answer)
    with pytest.raises(LinkError, match=reason):
        link.validate(URL, b"x")
    assert link.validate(URL, b"x") == b"answer"  # and spoils nothing for the next


def test_an_ea_that_says_nothing_costs_the_time_limit(make: Callable) -> None:
    _, link = make(None, timeout=0.05)
    with pytest.raises(LinkError, match="within"):
        link.validate(URL, b"x")


def test_an_ea_that_is_not_there_is_a_link_error(tmp_path: Path) -> None:
    link = SocketEaLink({"http://ea.example/": str(tmp_path / "none")}, Elsewhere(), timeout=1)
    with pytest.raises(LinkError):
        link.validate(URL, b"x")
