"""The short way of a request through a worker: what it reads, and what it leaves to gunicorn."""

import io
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.serving import make_instance
from v2xpki.authorities.lab_tls import make_internal_tls
from v2xpki.time import SystemClock
from v2xpki.web import worker
from v2xpki.web.process import RoleSettings
from v2xpki.web.worker import HEAD_LIMIT, REST, RoleWorker, Unusual, read_request

PLAIN = b"POST /ea HTTP/1.1\r\nHost: localhost\r\ncontent-type: a/b\r\ncontent-length: 4\r\n\r\nbody"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_whole_request_is_read_in_one_go(pair: tuple[socket.socket, socket.socket]) -> None:
    environ = read_request(pair[0], PLAIN)
    assert environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/ea"
    assert environ["CONTENT_TYPE"] == "a/b" and environ["CONTENT_LENGTH"] == "4"
    assert environ["HTTP_HOST"] == "localhost" and environ["REMOTE_ADDR"] == ""
    assert environ["wsgi.input"].read() == b"body"


def test_a_request_in_pieces_is_put_together(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair

    def send() -> None:
        for octet in PLAIN[1:]:
            theirs.sendall(bytes([octet]))

    thread = threading.Thread(target=send)
    thread.start()
    assert read_request(ours, PLAIN[:1])["wsgi.input"].read() == b"body"
    thread.join()


def test_path_and_query_are_taken_apart(pair: tuple[socket.socket, socket.socket]) -> None:
    environ = read_request(pair[0], b"GET /dc/%41%c3%a4?x=%41&y HTTP/1.1\r\nHost: x\r\n\r\n")
    assert environ["PATH_INFO"] == "/dc/A\xc3\xa4" and environ["QUERY_STRING"] == "x=%41&y"


@pytest.mark.parametrize(
    "octets",
    [
        b"POST /ea HTTP/1.0\r\n\r\n",
        b"PUT /ea HTTP/1.1\r\n\r\n",
        b"GET http://x/ea HTTP/1.1\r\n\r\n",
        b"GET  /ea HTTP/1.1\r\n\r\n",
        b"POST /ea HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /ea HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /ea HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /ea HTTP/1.1\r\nContent-Length: +1\r\n\r\nx",
        b"POST /ea HTTP/1.1\r\nContent-Length: -1\r\n\r\nx",
        b"POST /ea HTTP/1.1\r\nContent-Length: 1_0\r\n\r\nx",
        b"POST /ea HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        b"GET /ea HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /ea HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
        b"GET /ea HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET /ea HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /ea HTTP/1.1\r\nna_me: x\r\n\r\n",
        b"GET /ea HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        PLAIN + PLAIN,
        b"GET /" + bytes(HEAD_LIMIT),
    ],
)
def test_whatever_is_not_plain_is_given_back_unread(
    pair: tuple[socket.socket, socket.socket], octets: bytes
) -> None:
    with pytest.raises(Unusual) as found:
        read_request(pair[0], octets)
    assert found.value.octets == octets


class Script:
    """A socket that has these octets and then its end."""

    def __init__(self, octets: bytes) -> None:
        self._rest = io.BytesIO(octets)

    def recv(self, count: int) -> bytes:
        return self._rest.read(min(count, 7))


@given(st.binary(max_size=200), st.sampled_from([b"", PLAIN[:40], PLAIN[:-4], b"GET / HTTP/1.1\r\n"]))
def test_any_octets_give_a_request_or_a_clean_refusal(octets: bytes, start: bytes) -> None:
    source: Any = Script(octets)
    try:
        environ = read_request(source, start + b"G")
    except (Unusual, ConnectionResetError):
        return
    assert environ["wsgi.input"].getbuffer().nbytes == int(environ.get("CONTENT_LENGTH") or 0)


def test_a_connection_that_is_closed_already_is_counted_once() -> None:
    """As a handshake that failed leaves it."""
    ours, theirs = socket.socketpair()
    ours.close()
    theirs.close()
    ending: Any = RoleWorker.__new__(RoleWorker)
    ending.nr_conns = 3
    ending.finish_request(SimpleNamespace(sock=ours, parser=None), None)
    assert ending.nr_conns == 2


def test_a_kept_tls_connection_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, made = make_internal_tls(("ra",), SystemClock())
    for name, octets in (("ca", ca), ("own", made["ra"][0]), ("key", made["ra"][1])):
        (tmp_path / name).write_bytes(octets)
    monkeypatch.setattr(worker, "_contexts", {})
    conf = SimpleNamespace(certfile=tmp_path / "own", keyfile=tmp_path / "key", ca_certs=tmp_path / "ca")
    context = worker.component_tls(conf, None)
    ours, theirs = socket.socketpair()
    with theirs, context.wrap_socket(ours, server_side=True, do_handshake_on_connect=False) as link:
        link.setblocking(False)
        assert link.gettimeout() == 0
        link.setblocking(True)  # gunicorn, before each request
        assert link.gettimeout() == REST


def test_heartbeats_are_kept_elsewhere_where_shared_memory_is_not_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some containers give an ordinary user no /dev/shm."""
    settings = RoleSettings("dc", make_instance(tmp_path / "pki"), "unix:x.sock")
    monkeypatch.setattr(worker, "_SHARED_MEMORY", str(tmp_path))
    assert worker.RoleApplication(settings).cfg.worker_tmp_dir == str(tmp_path)
    monkeypatch.setattr(worker, "_SHARED_MEMORY", str(tmp_path / "none"))
    assert worker.RoleApplication(settings).cfg.worker_tmp_dir is None
