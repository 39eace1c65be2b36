"""`serve`: starts, watches and ends the processes of an instance.

The supervisor binds the listening sockets and hands them down, so that a restarted router or admin
process goes on where the last one stopped, and a port that is taken is an error at once. Every process
is exec'ed with an environment of its own: a role gets its own domain's SOFTHSM2_CONF and PIN variable,
the router and the admin process none; root and TLM are never among them.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from v2xpki.config import OFFLINE_DOMAINS, Instance, split_listener
from v2xpki.errors import ConfigError
from v2xpki.web.process import (
    ENV_LISTENERS,
    ENV_METRICS,
    ENV_PARENT,
    ENV_ROLES,
    ENV_WORKERS,
    OTA_ROLES,
    ROLES,
    SCMS_ROLES,
    RoleSettings,
    private_dir,
    roles_of,
    socket_path,
)

#: Seconds between the death of a process and its restart; the last is kept from then on.
BACK_OFF = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
#: Seconds after which a process counts as well again.
WELL_AFTER = 30.0
READY_SECONDS = 60.0
# What every process may see of the supervisor's environment; nothing else of it.
_PASSED_ON = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV"}
)
_PASSED_PREFIXES = ("COVERAGE_", "COV_CORE_", "PYTHONDONTWRITE", "PYTHONHASHSEED")

_END_ORDER = ("router", "admin", "aa", *reversed(OTA_ROLES), "dc", "ea", *reversed(SCMS_ROLES))
_KNOWN_ROLES = (*ROLES, *SCMS_ROLES, *OTA_ROLES)

ROLE_COMMAND = (sys.executable, "-m", "v2xpki.web.worker")
ROUTER_COMMAND = (sys.executable, "-m", "v2xpki.web.router")


@dataclass(frozen=True)
class Plan:
    """What `serve` is asked for. Listeners are HOST:PORT; port 0 takes a free one."""

    http: str | None
    https: str | None = None
    admin: str | None = None
    workers: int = 1
    roles: tuple[str, ...] = ROLES

    def __post_init__(self) -> None:
        if not (self.http or self.https):
            raise ConfigError("neither --http nor --https: nothing would be served")
        if self.workers < 1:
            raise ConfigError(f"--workers {self.workers} is not at least 1")
        if not self.roles:
            raise ConfigError("--roles names no role")
        for role in self.roles:
            if role in OFFLINE_DOMAINS:
                raise ConfigError(f"{role} is used in ceremonies alone and never served")
            if role not in _KNOWN_ROLES:
                raise ConfigError(f"no role {role!r}", hint=f"roles: {', '.join(_KNOWN_ROLES)}")


@dataclass
class Child:
    """One process that is to run, and what became of it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    again_at: float = 0.0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None


@dataclass
class Listener:
    """A bound socket and the address it got."""

    name: str
    sock: socket.socket
    host: str
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self.port = self.sock.getsockname()[1]

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.name == 'http' else 'https'}://{host}:{self.port}"


class Supervisor:
    """Runs a plan until it is told to stop. Not to be used twice."""

    def __init__(
        self,
        instance: Instance,
        plan: Plan,
        *,
        say: Callable[[str], None],
        role_command: Sequence[str] = ROLE_COMMAND,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance, self._plan, self._say = instance, plan, say
        self._role_command, self._monotonic = role_command, monotonic
        self._listeners: dict[str, Listener] = {}
        self._children: list[Child] = []
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)

    # -- the life of it

    def run(self) -> None:
        """Starts everything, writes run/serve.json when it answers, watches, and ends it all in order."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._prepare()
            for child in self._children:
                self._start(child)
            self._await_ready()
            while not self._stopping:
                self._watch()
        finally:
            self._end()
            signal.set_wakeup_fd(-1)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    # -- before

    def _prepare(self) -> None:
        instance, plan = self._instance, self._plan
        known = roles_of(instance)
        for role in plan.roles:
            if role not in known:
                raise ConfigError(f"this instance has no role {role!r}", hint=f"it has {', '.join(known)}")
        if "aa" in plan.roles and "ea" not in plan.roles:
            self._say("no ea among the roles: the aa asks the EA at the URL of its CTL entry")
        private_dir(instance.run_dir)
        private_dir(instance.log_dir)
        self._claim()
        self._state_file.unlink(missing_ok=True)  # of one that was killed; it is there once all answers
        metrics = private_dir(instance.run_dir / "metrics")
        for name in (*plan.roles, "router", "admin"):
            folder = private_dir(metrics / name)
            for old in folder.glob("*.db"):
                old.unlink()
        for name in ("http", "https", "admin"):
            address = getattr(plan, name)
            if address:
                self._listeners[name] = bind(name, address)
        for warning in warnings(instance, list(self._listeners.values())):
            self._say(f"warning: {warning}")
        for role in plan.roles:
            settings = RoleSettings(
                role=role,
                instance=instance,
                bind=binding(instance, role),
                workers=plan.workers,
                tls=role in SCMS_ROLES,
                ea_routes=self._routes_of(role),
                dc_routes=self._dc_routes(role),
            )
            self._children.append(
                Child(role, self._role_command, self._environment(role, settings.environment()))
            )
        self._children.append(self._router())
        if "admin" in self._listeners:
            self._children.append(self._admin())

    def _claim(self) -> None:
        """One supervisor an instance: two would unlink each other's sockets."""
        import fcntl

        self._lock = os.open(self._instance.run_dir / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{self._instance.directory} is being served already") from None

    def _routes_of(self, role: str) -> dict[str, str]:
        """EA and AA of this instance ask each other over their own sockets, whatever URL the CTL gives."""
        other = {"aa": "ea", "ea": "aa"}.get(role)
        if other is None or other not in self._plan.roles:
            return {}
        return {f"{self._instance.base_url}/{other}": socket_path(self._instance, other)}

    def _dc_routes(self, role: str) -> dict[str, str]:
        """What is handed out here is fetched over the sockets of those who do, likewise: lists, and the Image
        repository's metadata."""
        if role not in ("ea", "aa", "director"):
            return {}
        asked = {"dc": "dc", "cpoc": "dc"} | ({"ota/image": "image"} if role == "director" else {})
        return {
            f"{self._instance.base_url}/{path}": socket_path(self._instance, other)
            for path, other in asked.items()
            if other in self._plan.roles
        }

    def _router(self) -> Child:
        listening = {name: entry.sock.fileno() for name, entry in self._listeners.items() if name != "admin"}
        environment = {
            "V2XPKI_INSTANCE": str(self._instance.directory),
            ENV_LISTENERS: json.dumps(listening),
            ENV_ROLES: ",".join(self._plan.roles),
            ENV_WORKERS: str(self._plan.workers),
        }
        return Child(
            "router", ROUTER_COMMAND, self._environment("router", environment), tuple(listening.values())
        )

    def _admin(self) -> Child:
        descriptor = self._listeners["admin"].sock.fileno()
        settings = RoleSettings(
            role="admin", instance=self._instance, bind=f"fd://{descriptor}", workers=1, tls=True
        )
        environment = settings.environment() | {ENV_ROLES: ",".join(self._plan.roles)}
        return Child("admin", ROLE_COMMAND, self._environment("admin", environment), (descriptor,))

    def _environment(self, name: str, own: Mapping[str, str]) -> dict[str, str]:
        inherited = {
            key: value
            for key, value in os.environ.items()
            if key in _PASSED_ON or key.startswith(_PASSED_PREFIXES)
        }
        package = str(Path(__file__).parents[2])
        inherited["PYTHONPATH"] = os.pathsep.join(filter(None, [package, inherited.get("PYTHONPATH")]))
        result = inherited | dict(own)
        if name in self._plan.roles:
            domain = self._instance.domain(name)
            result |= domain.environment()
            if domain.pin_env and domain.pin_env in os.environ:
                result[domain.pin_env] = os.environ[domain.pin_env]
        result[ENV_METRICS] = str(self._instance.run_dir / "metrics" / name)
        result[ENV_PARENT] = str(os.getpid())
        # glibc's arenas: one a thread costs tens of MB of address space that nobody needs
        result["MALLOC_ARENA_MAX"] = "2"
        return {key: value for key, value in result.items() if value}

    # -- at work

    def _start(self, child: Child) -> None:
        log = sys.stderr.fileno() if os.environ.get("V2XPKI_LOG") == "stderr" else self._log_file(child.name)
        try:
            child.process = subprocess.Popen(  # noqa: S603 (our own modules)
                child.command,
                env=dict(child.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=child.descriptors,
                # a Ctrl-C at the terminal reaches the supervisor alone, which ends them in order
                process_group=0,
            )
        finally:
            if log != sys.stderr.fileno():
                os.close(log)
        child.started = self._monotonic()
        child.again_at = 0.0

    def _log_file(self, name: str) -> int:
        path = self._instance.log_dir / f"{name}.log"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _watch(self) -> None:
        """One round: reaps, restarts what is due, sleeps until something happens."""
        now = self._monotonic()
        due = [1.0]
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._died(child, now)
            if child.process is None:
                if child.again_at <= now:
                    self._start(child)
                    self._write_state()
                else:
                    due.append(child.again_at - now)
        self._sleep(min(due))

    def _died(self, child: Child, now: float) -> None:
        assert child.process is not None
        code = child.process.returncode
        if now - child.started > WELL_AFTER:
            child.deaths = 0
        wait = BACK_OFF[min(child.deaths, len(BACK_OFF) - 1)]
        child.deaths += 1
        child.process, child.again_at = None, now + wait
        self._say(f"{child.name} ended with {code}; again in {wait:g} s (log: {child.name}.log)")

    def _sleep(self, seconds: float) -> None:
        import select

        select.select([self._wake_read], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    def _await_ready(self) -> None:
        """Until the router says that every role answers; a role that cannot start holds nothing else up."""
        end = self._monotonic() + READY_SECONDS
        pause = 0.05
        while not self._stopping and self._monotonic() < end:
            if self._answers():
                break
            self._watch_briefly(pause)
            pause = min(pause * 1.5, 0.5)
        else:
            if not self._stopping:
                self._say(f"warning: not every role answers after {READY_SECONDS:g} s; see log/")
        if self._stopping:
            return
        self._write_state()
        places = ", ".join(f"{entry.name} {entry.url}" for entry in self._listeners.values())
        self._say(f"serving {', '.join(self._plan.roles)}: {places} (pid {os.getpid()})")

    def _watch_briefly(self, seconds: float) -> None:
        now = self._monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._died(child, now)
            if child.process is None and child.again_at <= now:
                self._start(child)
        self._sleep(seconds)

    def _answers(self) -> bool:
        listener = self._listeners.get("http") or self._listeners["https"]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.host, listener.host)  # noqa: S104
        connection: http.client.HTTPConnection
        if listener.name == "https":
            import ssl

            context = ssl.create_default_context()
            # only whether our own router answers is asked here
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(host, listener.port, timeout=2, context=context)
        else:
            connection = http.client.HTTPConnection(host, listener.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status != 200:
                return False
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return "admin" not in self._listeners or self._admin_answers()

    def _admin_answers(self) -> bool:
        # A TLS server that speaks: without a client certificate no more can be asked.
        import ssl

        entry = self._listeners["admin"]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(entry.host, entry.host)  # noqa: S104
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            with socket.create_connection((host, entry.port), 2) as sock, context.wrap_socket(sock):
                return True
        except ssl.SSLError:
            return True
        except OSError:
            return False

    @property
    def _state_file(self) -> Path:
        return self._instance.run_dir / "serve.json"

    def _write_state(self) -> None:
        """run/serve.json: who runs where, for status, tests and operators' scripts."""
        document: dict[str, Any] = {
            "pid": os.getpid(),
            "roles": {
                child.name: {"pid": child.pid, "socket": socket_path(self._instance, child.name)}
                for child in self._children
                if child.name in self._plan.roles
            },
            "processes": {child.name: child.pid for child in self._children},
            "listeners": {entry.name: entry.url for entry in self._listeners.values()},
            "workers": self._plan.workers,
        }
        fresh = self._state_file.with_suffix(".new")
        fresh.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self._state_file)

    # -- after

    def _end(self) -> None:
        """The router first, so that nothing new comes in; then who asks before whom they ask."""
        self._state_file.unlink(missing_ok=True)
        grace = float(self._instance.settings.serve.graceful_timeout)
        order = sorted(self._children, key=lambda child: _END_ORDER.index(child.name))
        for group in (order[:1], order[1:]):
            for child in group:
                if child.process is not None and child.process.poll() is None:
                    child.process.terminate()
            end = self._monotonic() + grace + 2
            for child in group:
                self._wait_for(child, end)
        for entry in self._listeners.values():
            entry.sock.close()
        for role in self._plan.roles:
            Path(socket_path(self._instance, role)).unlink(missing_ok=True)

    def _wait_for(self, child: Child, end: float) -> None:
        if child.process is None:
            return
        try:
            child.process.wait(max(0.1, end - self._monotonic()))
        except subprocess.TimeoutExpired:
            self._say(f"{child.name} does not end: killed")
            # the whole group: gunicorn's master and its workers
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait(5)


def binding(instance: Instance, role: str) -> str:
    """Where a role listens, a line each: its socket, and an address for components on other hosts where one
    is set."""
    listen = instance.domain(role).listen
    return f"unix:{socket_path(instance, role)}" + (f"\n{listen}" if listen else "")


def bind(name: str, address: str) -> Listener:
    """A listening socket. Raises ConfigError where the address is taken or not this machine's."""
    host, port = split_listener(address, name)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        raise ConfigError(f"--{name} {address}: {error.strerror or error}") from None
    return Listener(name, sock, host)


def warnings(instance: Instance, listeners: Sequence[Listener]) -> list[str]:
    """What an operator should know of before stations find out."""
    found = []
    base = urlsplit(instance.base_url)
    port = base.port or (443 if base.scheme == "https" else 80)
    # what devices of an SCMS know of it they were told by hand
    if instance.has_etsi and not any(entry.name == base.scheme and entry.port == port for entry in listeners):
        found.append(
            f"CTL and ECTL name {instance.base_url}, but no listener of this process is there; "
            "fine behind a proxy, otherwise stations will not find it"
        )
    if instance.lab:
        offline = [name for name in instance.domain_names if name in OFFLINE_DOMAINS]
        named = ", ".join([*offline, *(["signers"] if instance.has_ota else [])])
        found.append(f"a laboratory instance: the tokens of {named} are kept beside the services'")
    return found
