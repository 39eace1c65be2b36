"""What a demo does about ports that others want, and services that do not get ready."""

import errno
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from tests.support.serving import make_instance
from v2xpki.config import Instance
from v2xpki.demo import serving
from v2xpki.demo.serving import Ports, Server, command, write_settings
from v2xpki.errors import V2xPkiError
from v2xpki.web.supervisor import bind


def test_a_plain_serve_listens_on_the_ports_that_were_kept_for_it(tmp_path):
    make_instance(tmp_path / "pki")
    ports = Ports()
    instance = write_settings(tmp_path / "pki", ports)
    assert Instance.load(tmp_path / "pki").settings == instance.settings
    for name in ("https", "http", "admin"):
        address = getattr(instance.settings.serve, name)
        assert ports.url(name).endswith(address)
        bind(name, address).sock.close()
    ports.close()


def test_settings_of_an_scms_go_into_the_section_that_is_there(tmp_path):
    make_instance(tmp_path / "pki", "[scms]\n# mix_wait = 60\n")
    ports = Ports()
    instance = write_settings(tmp_path / "pki", ports, {"scms": {"mix_vehicles": 3, "mix_wait": "5 seconds"}})
    ports.close()
    assert (instance.settings.scms.mix_vehicles, instance.settings.scms.mix_wait) == (3, 5)


def test_a_command_that_fails_is_told_with_its_last_words():
    with pytest.raises(V2xPkiError, match=r"status ended with 2: .* holds no v2xpki\.toml"):
        command("status", "/nowhere")


def test_a_port_that_is_kept_is_given_to_nobody_else():
    ports = Ports()
    host, _, port = ports.address("https").rpartition(":")
    with socket.socket() as other:
        with pytest.raises(OSError) as caught:
            other.bind((host, int(port)))
        assert caught.value.errno == errno.EADDRINUSE
    ports.close()


@contextmanager
def answering(status: int, document: dict) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A server whose process is a stand-in that lives on; make(address) says where it listens."""
    process = SimpleNamespace(pid=4711, returncode=None, poll=lambda: None)
    monkeypatch.setattr(Server, "_start", lambda self: process)

    def make(address: str) -> Server:
        instance = make_instance(tmp_path / "pki", f'[serve]\nhttp = "{address}"\n')
        (instance.run_dir / "serve.json").write_text(json.dumps({"pid": 4711}))
        return Server(instance)

    return make


def test_a_service_that_does_not_get_ready_is_named(started, monkeypatch):
    monkeypatch.setattr(serving, "_START_SECONDS", 0.05)
    roles = {"ea": "not ready", "aa": "away", "dc": "ok"}
    with (
        answering(503, {"ready": False, "roles": roles}) as address,
        pytest.raises(V2xPkiError, match="ea not ready, aa away") as caught,
    ):
        started(address).await_ready()
    assert "log" in caught.value.hint


def test_services_that_are_ready_are_waited_for_no_longer(started):
    with answering(200, {"ready": True, "roles": {"ea": "ok"}}) as address:
        started(address).await_ready()


def test_a_serve_that_never_answers_is_given_up_with_its_last_words(started, monkeypatch):
    monkeypatch.setattr(serving, "_START_SECONDS", 0.05)
    server = started("127.0.0.1:1")
    (server._instance.run_dir / "serve.json").write_text("{}")
    (server._instance.log_dir / "serve.log").write_text("one\ntwo\nthree\nfour\n")
    with pytest.raises(V2xPkiError, match="two / three / four"):
        server.await_ready()
