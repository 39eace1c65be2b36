"""The link to an EA: what it sends, what it takes for an answer, what it calls a failure."""

import http.server
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from v2xpki.errors import LinkError
from v2xpki.links.http import HttpEaLink


@dataclass
class Scene:
    """How the simulated EA behaves, and what it saw."""

    status: int = 200
    kind: str = "application/x-its-response"
    answer: bytes = b"answer"
    hang: bool = False
    drip: bool = False
    close_after: bool = False
    seen: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    end: threading.Event = field(default_factory=threading.Event)


def handler(scene: Scene) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            scene.seen.append((self.path, body, dict(self.headers)))
            scene.connections.add(self.connection)
            if scene.hang:
                scene.end.wait(10)
                self.close_connection = True
                return
            self.send_response(scene.status)
            self.send_header("Content-Type", scene.kind)
            self.send_header("Content-Length", str(len(scene.answer)))
            self.end_headers()
            if scene.drip:
                for octet in scene.answer:
                    self.wfile.write(bytes([octet]))
                    if scene.end.wait(0.05):
                        return
            else:
                self.wfile.write(scene.answer)
            # closed without a word: the client finds out when it uses the connection again
            self.close_connection = scene.close_after

        def log_message(self, *args: object) -> None:
            pass

        def address_string(self) -> str:
            return "-"

    return Handler


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.end.set()


@pytest.fixture
def serve(scene: Scene) -> Iterator[Callable[[], str]]:
    servers: list[socketserver.BaseServer] = []

    def start() -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(scene))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    scene.end.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_answer_comes_back_as_it_was_sent(scene: Scene, serve: Callable[[], str]) -> None:
    scene.answer = os.urandom(900)
    assert HttpEaLink().validate(serve() + "/ea/validation", b"request") == scene.answer
    path, body, headers = scene.seen[0]
    assert (path, body) == ("/ea/validation", b"request")
    assert headers["Content-Type"] == "application/x-its-request"


def test_nothing_but_the_body_tells_one_request_from_another(scene: Scene, serve: Callable[[], str]) -> None:
    HttpEaLink().validate(serve() + "/", b"x")
    assert set(scene.seen[0][2]) == {"Host", "Content-Length", "Content-Type", "Accept"}


def test_the_connection_is_kept(scene: Scene, serve: Callable[[], str]) -> None:
    link, url = HttpEaLink(), serve() + "/ea"
    for _ in range(3):
        link.validate(url, b"x")
    assert len(scene.connections) == 1


def test_a_connection_closed_meanwhile_is_opened_again(scene: Scene, serve: Callable[[], str]) -> None:
    scene.close_after = True
    link, url = HttpEaLink(), serve() + "/ea"
    assert [link.validate(url, b"x") for _ in range(3)] == [b"answer"] * 3


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_another_status_is_a_failure(scene: Scene, serve: Callable[[], str], status: int) -> None:
    scene.status = status
    with pytest.raises(LinkError, match=str(status)):
        HttpEaLink().validate(serve(), b"x")


def test_a_redirect_is_not_followed(scene: Scene, serve: Callable[[], str]) -> None:
    scene.status = 307
    with pytest.raises(LinkError):
        HttpEaLink().validate(serve(), b"x")
    assert len(scene.seen) == 1


def test_another_content_type_is_a_failure(scene: Scene, serve: Callable[[], str]) -> None:
    scene.kind = "text/html"
    with pytest.raises(LinkError, match="text/html"):
        HttpEaLink().validate(serve(), b"x")


def test_an_answer_too_long_is_a_failure_and_the_next_one_is_read_cleanly(
    scene: Scene, serve: Callable[[], str]
) -> None:
    link, url = HttpEaLink(max_answer=1000), serve() + "/ea"
    scene.answer = bytes(50_000)
    with pytest.raises(LinkError, match="too long"):
        link.validate(url, b"x")
    scene.answer = b"short"
    assert link.validate(url, b"x") == b"short"


def test_an_ea_that_does_not_answer_is_a_failure_in_time(scene: Scene, serve: Callable[[], str]) -> None:
    scene.hang = True
    with pytest.raises(LinkError, match=r"within 0\.2 s"):
        HttpEaLink(timeout=0.2).validate(serve(), b"x")


def test_an_ea_that_drips_does_not_hold_the_worker(scene: Scene, serve: Callable[[], str]) -> None:
    scene.drip, scene.answer = True, bytes(2000)
    with pytest.raises(LinkError):
        HttpEaLink(timeout=0.3).validate(serve(), b"x")


def test_an_ea_that_is_not_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(LinkError):
        HttpEaLink().validate(f"http://127.0.0.1:{port}/ea", b"x")


@pytest.mark.parametrize("url", ["", "ea", "file:///etc/passwd", "ftp://127.0.0.1/ea", "http://[", "http://"])
def test_an_address_that_is_none_is_a_failure(url: str) -> None:
    with pytest.raises(LinkError):
        HttpEaLink().validate(url, b"x")


def test_a_url_can_be_routed_to_a_unix_socket(scene: Scene, tmp_path: os.PathLike[str]) -> None:
    path = f"{tmp_path}/ea.sock"
    with UnixServer(path, handler(scene)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        link = HttpEaLink(routes={"https://pki.example/ea": f"unix:{path}"})
        assert link.validate("https://pki.example/ea/validation", b"x") == b"answer"
        assert link.validate("https://pki.example/ea/validation", b"y") == b"answer"
        assert [seen[0] for seen in scene.seen] == ["/ea/validation"] * 2
        assert len(scene.connections) == 1
        link.close()
        server.shutdown()
    with pytest.raises(LinkError):
        link.validate("https://pki.example/ea/validation", b"x")


def test_a_url_can_be_routed_to_another_url(scene: Scene, serve: Callable[[], str]) -> None:
    link = HttpEaLink(routes={"https://pki.example": serve()})
    assert link.validate("https://pki.example/ea/validation", b"x") == b"answer"
    assert scene.seen[0][0] == "/ea/validation"
