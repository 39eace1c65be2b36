"""The bounds of a station's HTTP, against servers that misbehave."""

import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from v2xpki.station import Unreachable, Urllib3Http
from v2xpki.station.http import REQUEST, RESPONSE, check, fetch


def complete(request):
    head, found, body = request.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(found) and len(body) >= int(lengths[0] if lengths else 0)


@contextmanager
def server(answer):
    """A listener that reads one request head, and hands the connection to `answer(connection)`."""
    listener = socket.create_server(("127.0.0.1", 0))
    heads: list[bytes] = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                head = b""
                while not complete(head):
                    received = connection.recv(65536)
                    if not received:
                        break
                    head += received
                heads.append(head)
                with suppress(OSError):
                    answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        listener.close()
        thread.join(5)


def reply(status="200 OK", kind=RESPONSE, body=b"answer", extra=""):
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return lambda connection: connection.sendall(head.encode() + body)


def test_a_request_goes_out_with_its_type_and_the_answer_comes_back():
    with server(reply(kind="Application/X-ITS-Response; charset=x")) as (url, heads):
        found = Urllib3Http().post(f"{url}/ea", b"request", REQUEST)
    assert found == (200, RESPONSE, b"answer")
    assert heads[0].startswith(b"POST /ea HTTP/1.1")
    assert f"Content-Type: {REQUEST}".encode() in heads[0]
    assert heads[0].endswith(b"request")


def test_redirects_are_not_followed():
    with server(reply("302 Found", extra="Location: http://127.0.0.1:1/\r\n")) as (url, heads):
        found = Urllib3Http().get(url)
    assert found.status == 302
    assert len(heads) == 1
    with pytest.raises(Unreachable) as error:
        check(found, url, RESPONSE)
    assert error.value.status == 302


def test_an_answer_without_end_is_cut_off():
    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))

    with server(flood) as (url, _), pytest.raises(Unreachable, match="more than 100000"):
        Urllib3Http(limit=100_000).get(url)


def test_a_server_that_drips_is_left():
    stop = threading.Event()

    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with server(drip) as (url, _):
        try:
            with pytest.raises(Unreachable, match="within"):
                Urllib3Http(total=0.2).get(url)
        finally:
            stop.set()


def test_silence_and_closed_ports_are_unreachable():
    with server(lambda connection: None) as (url, _), pytest.raises(Unreachable):
        Urllib3Http().get(url)
    with pytest.raises(Unreachable):
        Urllib3Http(connect=0.5).get(url)
    for wrong in ("ftp://pki.test/", "file:///etc/passwd", "http://", "http://[::1"):
        with pytest.raises(Unreachable):
            Urllib3Http().get(wrong)


def test_another_type_than_the_protocols_is_told():
    with server(reply(kind="text/html")) as (url, _), pytest.raises(Unreachable, match="text/html"):
        fetch(Urllib3Http(), url, RESPONSE)
