"""Components of an SCMS that answer each other over mutual TLS, in threads of the test's process."""

import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

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


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = False  # a unix socket has none

    def make_environ(self) -> dict[str, Any]:
        environ = super().make_environ()
        return environ | {"gunicorn.socket": environ["werkzeug.socket"]}

    def log(self, type: str, message: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        self.server.connections.append(self.connection)  # type: ignore[attr-defined]  # set below
        super().handle()


class Listener:
    """A component at `unix:PATH`, until it is closed."""

    def __init__(self, path: Path, app: Any, context: ssl.SSLContext) -> None:
        self.address = f"unix:{path}"
        self._server: BaseWSGIServer = make_server(
            f"unix://{path}", 0, app, threaded=True, request_handler=_Handler, ssl_context=context
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]  # of the threading mixin
        self._server.connections = []  # type: ignore[attr-defined]  # ours
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def connections(self) -> list[ssl.SSLSocket]:
        found: list[ssl.SSLSocket] = self._server.connections  # type: ignore[attr-defined]  # ours
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.socket.close()
        for link in self.connections:
            link.close()


class Listeners:
    """Several of them. serve(role, blueprints): the role's application, by its own certificate."""

    def __init__(self, folder: Path, identities: Mapping[str, TlsIdentity]) -> None:
        self._folder, self._identities = folder, identities
        self._open: list[Listener] = []
        self.addresses: dict[str, str] = {}

    def serve(self, role: str, *blueprints: Blueprint, shown: TlsIdentity | None = None) -> Listener:
        listener = Listener(
            self._folder / f"{role}.sock",
            guarded_app(role, *blueprints),
            server_context(shown or self._identities[role]),
        )
        self._open.append(listener)
        self.addresses[role] = listener.address
        return listener

    def close(self) -> None:
        for listener in self._open:
            listener.close()
