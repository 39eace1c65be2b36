"""The operators' interface over TLS with client certificates, in a thread; its connections can break."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from tests.support.ota_desks import Desks
from v2xpki.authorities.lab_tls import make_lab_tls
from v2xpki.time import SystemClock


class Https(NamedTuple):
    url: str
    certificate: Path
    key: Path
    ca: Path
    #: Octets after which each coming PATCH ends with an error.
    breaks: list[int]

    @property
    def options(self) -> list[str]:
        return [
            "--server", self.url, "--cert", str(self.certificate), "--key", str(self.key),
            "--tls-ca", str(self.ca),
        ]  # fmt: skip


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


class _Breaking:
    """A body that ends before its time."""

    def __init__(self, stream: Any, count: int) -> None:
        self._stream, self._left = stream, count

    def read(self, size: int) -> bytes:
        if not self._left:
            raise MemoryError("a fault of the server, in the middle")
        block = self._stream.read(min(size, self._left))
        self._left -= len(block)
        return bytes(block)


@contextmanager
def served(desks: Desks, folder: Path, *, name: str = "eve") -> Iterator[Https]:
    """name: the CN that every client certificate counts as."""
    files = make_lab_tls(["localhost", "127.0.0.1"], SystemClock(), operator=name)
    for file, octets in files.by_name().items():
        (folder / file).write_bytes(octets)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    breaks: list[int] = []

    def app(environ: dict[str, Any], start: Any) -> Any:
        environ["HTTP_X_TEST_CN"] = name
        # this server leaves it to the application where a body ends; gunicorn does not
        environ["wsgi.input"] = get_input_stream(environ)
        environ["wsgi.input_terminated"] = True
        if environ["REQUEST_METHOD"] == "PATCH" and breaks:
            environ["wsgi.input"] = _Breaking(environ["wsgi.input"], breaks.pop(0))
        return desks.admin(environ, start)

    server = make_server("127.0.0.1", 0, app, ssl_context=context, request_handler=_Quiet, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_port}"
        yield Https(url, folder / "operator.pem", folder / "operator.key", folder / "ca.pem", breaks)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
