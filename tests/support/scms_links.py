"""Components of an SCMS that answer each other over mutual TLS, in threads of the test's process."""

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from v2xpki.authorities.lab_tls import make_internal_tls
from v2xpki.links.mutual_tls import TlsIdentity, server_context
from v2xpki.time import Clock, SystemClock
from v2xpki.web.base import bare_app
from v2xpki.web.internal import guard
from v2xpki.web.problems import text_response

NAMES = ("router", "ra", "ma", "eca", "aca", "la1", "la2", "sdc")


def write_identities(
    folder: Path, names: tuple[str, ...] = NAMES, clock: Clock | None = None
) -> dict[str, TlsIdentity]:
    """The files of an internal CA and of each component."""
    folder.mkdir()
    ca, made = make_internal_tls(names, clock or SystemClock())
    (folder / "ca.pem").write_bytes(ca)
    identities = {}
    for name, (certificate, key) in made.items():
        (folder / f"{name}.pem").write_bytes(certificate)
        (folder / f"{name}.key").write_bytes(key)
        identities[name] = TlsIdentity(folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem")
    return identities


def guarded_app(role: str, *blueprints: Blueprint, who: Callable[..., str] | None = None) -> Flask:
    app = bare_app(role, text_response)
    guard(app, role, who)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return app


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path, app: Flask, context: ssl.SSLContext) -> None:
        super().__init__(str(path), _Handler)
        self.app, self.context, self.links = app, context, list[socket.socket]()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as secured:
            self.links.append(secured)
            super().process_request_thread(secured, client_address)


class _Handler(BaseHTTPRequestHandler):
    """As gunicorn has it: connections are kept, and the environment has the socket."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        environ = EnvironBuilder(
            path=self.path, method="POST", data=body, content_type=self.headers["Content-Type"]
        ).get_environ()
        parts, status, headers = run_wsgi_app(
            self.server.app, environ | {"gunicorn.socket": self.connection}, buffered=True
        )
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        self.wfile.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + b"".join(parts))

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Listener:
    """A component at `unix:PATH`, until it is closed."""

    def __init__(self, path: Path, app: Flask, context: ssl.SSLContext) -> None:
        self.address = f"unix:{path}"
        self._server = _Server(path, app, context)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._server.links)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for link in self._server.links:
            link.close()


class Listeners:
    """Several of them. serve(role, blueprints): the role's application, by its own certificate."""

    def __init__(self, folder: Path, identities: Mapping[str, TlsIdentity]) -> None:
        self._folder, self._identities = folder, identities
        self._open: dict[str, Listener] = {}
        self.addresses: dict[str, str] = {}

    def serve(self, role: str, *blueprints: Blueprint, shown: TlsIdentity | None = None) -> Listener:
        listener = Listener(
            self._folder / f"{role}.sock",
            guarded_app(role, *blueprints),
            server_context(shown or self._identities[role]),
        )
        self._open[role] = listener
        self.addresses[role] = listener.address
        return listener

    def of(self, role: str) -> Listener:
        return self._open[role]

    def close(self) -> None:
        for listener in self._open.values():
            listener.close()
