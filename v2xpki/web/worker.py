"""A role's process group: gunicorn's master and its threaded workers, behind the router's unix socket.

    python -m v2xpki.web.worker        (environment: V2XPKI_ROLE, V2XPKI_INSTANCE, V2XPKI_SOCKET ...)

The master imports the code and forks; the authority, and with it the PKCS#11 module, is opened in each
worker after the fork.

`RoleWorker` keeps gunicorn's process model and replaces the way of one request through it. gunicorn's
threaded worker hands a kept connection back to its poller after each answer and parses with a
general-purpose parser in Python: 415-555 us of CPU a request with a bare Flask view. On a unix socket the
other side is the router or an AA of the same house, which keep their connections and send nothing
unusual: the thread waits a moment for the next request on its own connection, reads it in one go and
answers in one go; 155-332 us with the same view (docs/performance.md). Whatever is not in that plain form
(chunks, 100-continue, HTTP/1.0, two of the same header ...) is given back unread to gunicorn's parser.
"""

import io
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from v2xpki._collecting import kept
from v2xpki.links.mutual_tls import TlsIdentity, server_context
from v2xpki.web.logs import JsonFormatter
from v2xpki.web.process import SCMS_ROLES, RoleSettings, die_with_parent

#: Seconds that a thread waits on its own connection before the poller takes it back. While it waits it
#: costs nothing; it never waits while others do.
LINGER = 0.02
#: Seconds for the rest of a request that has begun: the router sends whole requests only.
REST = 5.0
#: Octets of a request's head; the router's own limit is lower.
HEAD_LIMIT = 32768
_CHUNK = 65536
_SHARED_MEMORY = "/dev/shm"  # noqa: S108
_ENDS = frozenset({signal.SIGTERM, signal.SIGQUIT, signal.SIGINT})
_METHODS = frozenset({b"GET", b"POST"})
# A request with one of these headers goes gunicorn's own way.
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"connection", b"trailer", b"te"})


class Unusual(Exception):
    """Not in the plain form; `octets` are what was read so far."""

    def __init__(self, octets: bytes) -> None:
        super().__init__()
        self.octets = octets


class RoleWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker with a short way for plain requests on unix sockets."""

    def init_signals(self) -> None:
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)  # see RoleArbiter

    def is_parent_alive(self) -> bool:
        if super().is_parent_alive():
            return True
        self.alive = False  # answers say so, and connections are not kept
        return False

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        # who has sent nothing yet is waited for no longer than who has
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def handle(self, conn: Any) -> Any:
        sock = conn.sock
        if self.cfg.is_ssl or conn.parser is not None or sock.family != socket.AF_UNIX:
            if conn.initialized:
                return super().handle(conn)
            return self._begin(conn)
        try:
            while True:
                sock.settimeout(LINGER)
                try:
                    octets = sock.recv(_CHUNK)
                except TimeoutError:
                    return True
                if not octets:
                    return False
                sock.settimeout(REST)
                environ = read_request(sock, octets)
                sock.sendall(self._answer(environ))
                if not self.alive:
                    return False
                # Others wait for a thread: this connection queues up behind them.
                if self.tpool._work_queue.qsize():
                    return True
        except Unusual as unusual:
            return self._general_way(conn, unusual.octets)
        except OSError:
            return False

    def _begin(self, conn: Any) -> Any:
        """The first request of a connection. gunicorn would hold a thread for 5 s with who says nothing, and
        the end of the worker with it: before a handshake and after it."""
        if not conn.wait_for_data(LINGER):
            return _DEFER
        if self.cfg.is_ssl:
            try:
                conn.init()
            except OSError:
                return False
            conn.data_ready = bool(conn.sock.pending())
            if not conn.wait_for_data(LINGER):
                return _DEFER
        return super().handle(conn)

    def _answer(self, environ: dict[str, Any]) -> bytes:
        self.nr += 1
        head: list[str] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
            kept = "" if self.alive else "Connection: close\r\n"
            head[:] = [f"HTTP/1.1 {status}\r\n{lines}{kept}\r\n"]

        parts = self.wsgi(environ, start_response)
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        return head[0].encode("latin-1") + body

    def _general_way(self, conn: Any, octets: bytes) -> Any:
        conn.sock.setblocking(True)
        conn.init()
        conn.parser.unreader.unread(octets)
        return super().handle(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        if conn.sock.fileno() < 0:
            # closed by a handshake that failed: gunicorn would close it again, and count that as another one
            self.nr_conns -= 1
            return
        # gunicorn looks for read-ahead in its parser; a plain connection has none.
        if conn.parser is not None:
            super().finish_request(conn, fs)
            return
        conn.parser = _NOTHING_READ_AHEAD
        try:
            super().finish_request(conn, fs)
        finally:
            conn.parser = None


class _NothingReadAhead:
    def __init__(self) -> None:
        self.unreader, self.buf = self, io.BytesIO()


_NOTHING_READ_AHEAD = _NothingReadAhead()


def read_request(sock: Any, octets: bytes) -> dict[str, Any]:
    """The WSGI environment of a request that begins with `octets`; raises Unusual."""
    end = octets.find(b"\r\n\r\n")
    while end < 0:
        if len(octets) > HEAD_LIMIT:
            raise Unusual(octets)
        more = sock.recv(_CHUNK)
        if not more:
            raise ConnectionResetError
        octets += more
        end = octets.find(b"\r\n\r\n")
    lines = octets[:end].split(b"\r\n")
    first = lines[0].split(b" ")
    if (
        len(first) != 3
        or first[0] not in _METHODS
        or first[2] != b"HTTP/1.1"
        or not first[1].startswith(b"/")
    ):
        raise Unusual(octets)
    path, _, query = first[1].partition(b"?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": first[0].decode(),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    length = _headers(environ, lines, octets)
    start = end + 4
    if len(octets) < start + length:
        octets += _rest(sock, start + length - len(octets))
    elif len(octets) > start + length:
        raise Unusual(octets)  # the next request already: gunicorn's parser keeps it
    environ["wsgi.input"] = io.BytesIO(octets[start:])
    return environ


def _headers(environ: dict[str, Any], lines: list[bytes], octets: bytes) -> int:
    """Puts the headers into the environment; the length of the body."""
    length = 0
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        lower = name.lower()
        if not colon or lower in _UNUSUAL or not lower.replace(b"-", b"").isalnum():
            raise Unusual(octets)
        key = lower.decode().upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        if key in environ:
            raise Unusual(octets)
        environ[key] = text = value.strip(b" \t").decode("latin-1")
        if key == "CONTENT_LENGTH":
            if not (text.isascii() and text.isdecimal()):
                raise Unusual(octets)
            length = int(text)
    return length


def _rest(sock: Any, wanted: int) -> bytes:
    parts = []
    while wanted > 0:
        part = sock.recv(min(wanted, 1 << 20))
        if not part:
            raise ConnectionResetError
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


class WorkerLog(GunicornLogger):  # type: ignore[misc]
    """gunicorn's own lines as JSON; no access log."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter(cfg.proc_name.rpartition("-")[2]))


class RoleArbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's, whose workers hear of the end from their first moment.

    A worker that has just been forked has its master's signal handlers still, which put a signal where only
    the master looks: it would go on, and the master wait for it until `graceful_timeout`. So signals to end
    wait until the worker has handlers of its own.
    """

    def spawn_worker(self) -> Any:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)


class RoleApplication(BaseApplication):  # type: ignore[misc]
    """gunicorn configured for one role, from the environment that the supervisor made."""

    def __init__(self, settings: RoleSettings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        settings, serve = self._settings, self._settings.instance.settings.serve
        options: dict[str, Any] = {
            "bind": settings.bind.splitlines(),
            "umask": 0o177,  # the socket is its owner's alone
            "workers": settings.workers,
            "threads": serve.threads,
            "worker_class": RoleWorker,
            "worker_connections": 1000,
            "timeout": int(serve.worker_timeout),
            "graceful_timeout": int(serve.graceful_timeout),
            # who connects to a role of this house keeps its connections; operators' browsers come and go
            "keepalive": int(serve.keepalive) if settings.role == "admin" else 75,
            "backlog": 512,
            "logger_class": WorkerLog,
            "errorlog": "-",
            "loglevel": serve.log_level,
            "proc_name": f"v2xpki-{settings.role}",
            "control_socket_disable": True,
            # heartbeats; in memory, where this user has some
            "worker_tmp_dir": _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None,
            "limit_request_line": 4094,
            "limit_request_fields": 64,
            "forwarded_allow_ips": "",
        }
        if settings.tls:
            own = settings.tls_identity()
            options |= {
                "certfile": str(own.certificate),
                "keyfile": str(own.key),
                "ca_certs": str(own.ca),
                "cert_reqs": int(ssl.CERT_REQUIRED),
                "ssl_context": component_tls if settings.role in SCMS_ROLES else listener_tls,
            }
        for name, value in options.items():
            if value is not None:
                self.cfg.set(name, value)

    def run(self) -> None:
        RoleArbiter(self).run()

    def load(self) -> Any:
        # In the worker, after the fork: builds the authority at once, so that the first station does
        # not wait for the token's login.
        from v2xpki.web.app import create_app

        return create_app(self._settings.role)


class _PatientSocket(ssl.SSLSocket):
    def setblocking(self, flag: bool) -> None:
        # of a connection that is kept gunicorn says so before each request
        self.settimeout(REST if flag else 0.0)


class _PatientContext(ssl.SSLContext):
    """A handshake, and a request, that does not come to an end must not hold a thread for ever."""

    sslsocket_class = _PatientSocket

    def wrap_socket(self, sock: Any, *args: Any, **options: Any) -> ssl.SSLSocket:
        sock.settimeout(REST)
        return super().wrap_socket(sock, *args, **options)


_contexts: dict[int, ssl.SSLContext] = {}


def component_tls(conf: Any, _default: Any) -> ssl.SSLContext:
    """The context of a component of an SCMS: as links/mutual_tls.py has it, which is at the other end."""
    context = _contexts.get(os.getpid())
    if context is None:
        files = TlsIdentity(Path(conf.certfile), Path(conf.keyfile), Path(conf.ca_certs))
        context = _contexts[os.getpid()] = server_context(files, _PatientContext)
    return context


def listener_tls(conf: Any, default: Any) -> ssl.SSLContext:
    """The same for operators, whose programs may know no more than TLS 1.2."""
    context = component_tls(conf, default)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def main() -> None:
    settings = RoleSettings.from_environment()
    die_with_parent(signal.SIGTERM)
    # gunicorn reads its command line from here otherwise
    sys.argv[1:] = []
    with kept():
        preload(settings.role)
    RoleApplication(settings).run()


def preload(role: str) -> None:
    """Imports what the workers use, before the fork: shared memory, and a quick start after a crash."""
    from v2xpki.web import app

    app.import_code(role)


if __name__ == "__main__":
    main()
