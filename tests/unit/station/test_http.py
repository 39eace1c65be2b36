"""The bounds of a station's HTTP, against servers that misbehave."""

import datetime
import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from v2xpki.station import Unreachable, Urllib3Http
from v2xpki.station.http import REQUEST, RESPONSE, check, fetch


def complete(request):
    head, found, body = request.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(found) and len(body) >= int(lengths[0] if lengths else 0)


@contextmanager
def server(answer, tls=None):
    """A listener that reads each request, and hands the connection to `answer(connection)`."""
    listener = socket.create_server(("127.0.0.1", 0))
    heads: list[bytes] = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
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
        listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        listener.close()
        thread.join(5)


def reply(status="200 OK", kind=RESPONSE, body=b"answer", extra=""):
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return lambda connection: connection.sendall(head.encode() + body)


def test_a_request_goes_out_with_its_type_and_the_answer_comes_back():
    with server(reply(kind="Application/X-ITS-Response; charset=x")) as (url, heads):
        found = Urllib3Http().post(f"{url}/ea", b"request", REQUEST)
    assert found[:3] == (200, RESPONSE, b"answer")
    assert heads[0].startswith(b"POST /ea HTTP/1.1")
    assert f"Content-Type: {REQUEST}".encode() in heads[0]
    assert heads[0].endswith(b"request")


def test_headers_go_out_and_come_back():
    with server(reply(extra='ETag: "1"\r\n')) as (url, heads):
        found = Urllib3Http().get(url, {"Range": "bytes=0-3"})
    assert b"Range: bytes=0-3" in heads[0]
    assert found.headers["etag"] == '"1"'


def test_a_kept_connection_that_is_closed_amid_a_request_is_replaced():
    closes = [True]

    def answer(connection):
        reply()(connection)
        if closes.pop():
            connection.recv(65536)  # the next request: it is not answered
            closes.append(False)

    with server(answer) as (url, heads):
        http = Urllib3Http()
        assert [http.get(url).status for _ in range(2)] == [200, 200]
        http.close()
    assert len(heads) == 2


def test_a_new_connection_that_is_closed_amid_a_request_is_not_replaced():
    with server(lambda connection: None) as (url, heads), pytest.raises(Unreachable):
        Urllib3Http().get(url)
    assert len(heads) == 1


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


def tls_files(directory, name):
    """A self-signed certificate for an address, which is its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / f"{name}.pem"
    path.write_bytes(made.public_bytes(pem))
    both = directory / f"{name}-server.pem"
    both.write_bytes(private + made.public_bytes(pem))
    return path, both


def test_https_is_held_to_the_given_ca_and_to_the_name(tmp_path):
    right, server_files = tls_files(tmp_path, "127.0.0.1")
    other, other_files = tls_files(tmp_path, "127.0.0.2")

    def secured(files):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files)
        return context

    answer = reply()
    with server(answer, secured(server_files)) as (url, _):
        url = url.replace("http:", "https:")
        assert Urllib3Http(tls_ca=right).get(url).body == b"answer"
        for ca in (other, None):
            with pytest.raises(Unreachable, match="SSL"):
                Urllib3Http(tls_ca=ca).get(url)
    with server(answer, secured(other_files)) as (url, _), pytest.raises(Unreachable, match="SSL"):
        Urllib3Http(tls_ca=other).get(url.replace("http:", "https:"))  # a good certificate of another name
