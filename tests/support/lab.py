"""A real instance, served: `init` and `serve` as an operator runs them, and stations that ask it over HTTP.

    lab = Lab.start(folder)                      processes, tokens, databases: all real
    car = lab.station("car-1")
    ec = car.enrol()
    ticket = car.authorize(ec).ok()
    lab.end()

The stations are those of `tests.support.etsi`: any request can be made wrong in one place.
"""

import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import warm
from tests.support.etsi import Answer, Credential, Sent, TestStation
from tests.support.joining import Held, join
from tests.support.ports import free_port
from v2xpki import wire
from v2xpki.authorities.etsi.stations import NewStation, StationRegister
from v2xpki.config import Instance
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore import MemoryKey
from v2xpki.secured import SignedMessage, decrypt_psk, etsi_header
from v2xpki.station.http import Urllib3Http
from v2xpki.store import Database
from v2xpki.time import MICROSECONDS, SystemClock
from v2xpki.trust.regions import Region
from v2xpki.web.process import SCMS_ROLES
from v2xpki.wire import etsi

ROOT = Path(__file__).parents[2]
REQUEST_TYPE, RESPONSE_TYPE = "application/x-its-request", "application/x-its-response"


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    kind: str
    body: bytes


def v2xpki(*arguments: object, expect: int = 0) -> str:
    """A command as an operator types it; its stdout."""
    environment = {name: text for name, text in os.environ.items() if name != "SOFTHSM2_CONF"}
    code, out, err = warm.run([*map(str, arguments)], environment)
    assert code == expect, f"{arguments}: exit {code}\n{out}\n{err}"
    return out


class Lab:
    """A served instance."""

    def __init__(self, directory: Path, *, scheme: str = "http") -> None:
        self.directory, self.clock, self.scheme = directory, SystemClock(), scheme
        self.port = free_port()
        self.base_url = f"{scheme}://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._threads = threading.local()
        self._registered: Database | None = None
        self._names = itertools.count(1)
        self.fresh: set[bytes] = set()

    # --- its life ----------------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        directory: Path,
        *init: object,
        settings: str = "",
        scheme: str = "http",
        workers: int = 1,
        roles: str = "ea,aa,dc",
    ) -> "Lab":
        """`init` with further options, more lines for v2xpki.toml, then `serve`."""
        lab = cls(directory, scheme=scheme)
        v2xpki("init", directory, "--base-url", lab.base_url, "--lab", "--yes", *init)
        with (directory / "v2xpki.toml").open("a") as file:
            file.write("\n" + settings)
        lab.serve(workers=workers, roles=roles)
        return lab

    def serve(self, *, workers: int = 1, roles: str = "ea,aa,dc") -> None:
        """Start `serve`, and wait until it answers. The other protocol's port is any."""
        ports = {"http": 0, "https": 0, "admin": 0, self.scheme: self.port}
        log, state = (self.directory / "serve.err").open("ab"), self.directory / "run" / "serve.json"
        state.unlink(missing_ok=True)  # of one that was killed
        self.process = subprocess.Popen(
            [sys.executable, "-m", "v2xpki", "serve", str(self.directory), "--roles", roles,
             "--workers", str(workers), *(f"--{name}=127.0.0.1:{port}" for name, port in ports.items())],
            env={k: v for k, v in os.environ.items() if k != "SOFTHSM2_CONF"} | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        wait_until(lambda: state.exists() or self.process.poll() is not None, 180)  # type: ignore[union-attr]
        if self.process.poll() is not None:
            pytest.fail(f"serve ended: {self.said()}")

    def await_ready(self) -> None:
        """Until the processes that have just been started say that they can work: tokens are open."""
        wait_until(lambda: self.ask("GET", "/readyz").status == 200, 180)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.drop_connections()
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(10)
            self.process = None

    def end(self) -> None:
        """Stop, and leave nothing behind."""
        try:
            self.stop()
        finally:
            if self._registered is not None:
                self._registered.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    def said(self) -> str:
        """What `serve` and its processes have said so far."""
        logs = [self.directory / "serve.err", *sorted((self.directory / "log").glob("*.log"))]
        return "\n".join(f"--- {path.name}\n{path.read_text()}" for path in logs if path.exists())

    # --- what is known of it -----------------------------------------------------------------------

    @property
    def instance(self) -> Instance:
        return Instance.load(self.directory)

    @property
    def state(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.directory / "run" / "serve.json").read_text())
        return document

    def url(self, listener: str) -> str:
        return str(self.state["listeners"][listener])

    @property
    def ea_certificate(self) -> Certificate:
        return self._certificate("ea")

    @property
    def aa_certificate(self) -> Certificate:
        return self._certificate("aa")

    def in_force(self, certificates: Iterable[Certificate]) -> list[Certificate]:
        """Those of them that are valid now: in the last hour of a period the next one's may come first."""
        now = self.clock.time32()
        return [one for one in certificates if one.start <= now < one.end]

    @property
    def root(self) -> Certificate:
        return Certificate.parse((self.directory / "dc" / "trust" / "root.oer").read_bytes())

    def _certificate(self, name: str) -> Certificate:
        cached: Certificate | None = self.__dict__.get(f"_{name}")
        if cached is None:
            cached = Certificate.parse(
                (self.directory / name / "certificates" / f"{name}-1.oer").read_bytes()
            )
            self.__dict__[f"_{name}"] = cached
        return cached

    def database(self, name: str) -> Database:
        """Another process's view of a domain's database; close it."""
        return Database.open(self.instance.domain(name).database_url, clock=self.clock)

    def held(self, name: str) -> Held:
        """All that a service's database and log say."""
        with self.database(name) as database:
            return Held.of(database, [self.directory / "log" / f"{name}.log"])

    def note_fresh(self) -> None:
        """What EA and AA hold in common before the first station."""
        self.fresh = set(join(self.held("ea"), self.held("aa")))

    def workers(self, role: str) -> list[int]:
        """Process ids of a role's workers: the children of its master that live."""
        master = self.state["processes"][role]
        try:
            children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        except FileNotFoundError:
            return []
        return sorted(int(pid) for pid in children if _lives(pid))

    def metrics(self) -> dict[str, float]:
        """/metrics, summed by name."""
        tls = self.directory / "tls"
        context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
        context.load_cert_chain(tls / "operator.pem", tls / "operator.key")
        host = self.url("admin").partition("://")[2]
        link = http.client.HTTPSConnection(host, timeout=30, context=context)
        with contextlib.closing(link):
            link.request("GET", "/metrics")
            answer = link.getresponse()
            text = answer.read().decode()
        assert answer.status == 200
        found: dict[str, float] = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name = re.split(r"[{ ]", line, maxsplit=1)[0]
                found[name] = found.get(name, 0.0) + float(line.rpartition(" ")[2])
        return found

    # --- speaking to it ------------------------------------------------------------------------------

    def post(self, path: str, body: bytes, kind: str = REQUEST_TYPE) -> Reply:
        """One request; each thread keeps its own connection."""
        return self.ask("POST", path, body, {"Content-Type": kind})

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Any request. A kept connection that turns out closed is opened once more."""
        for last in (False, True):
            kept = getattr(self._threads, "link", None)
            link = kept or self._connect()
            self._threads.link = link
            try:
                link.request(method, path, body, headers or {})
                answer = link.getresponse()
                reply = Reply(answer.status, answer.getheader("Content-Type") or "", answer.read())
            except (OSError, http.client.HTTPException):
                link.close()
                self._threads.link = None
                if last or kept is None:
                    raise
                continue
            if answer.will_close:
                link.close()
                self._threads.link = None
            return reply
        raise AssertionError("unreachable")

    def _connect(self) -> http.client.HTTPConnection:
        host = self.base_url.partition("://")[2]
        if self.scheme == "https":
            context = ssl.create_default_context(cafile=str(self.directory / "tls" / "ca.pem"))
            return http.client.HTTPSConnection(host, timeout=30, context=context)
        return http.client.HTTPConnection(host, timeout=30)

    def drop_connections(self) -> None:
        """Forget this thread's connection."""
        link = getattr(self._threads, "link", None)
        if link is not None:
            link.close()
            self._threads.link = None

    def register(self, name: bytes, key: MemoryKey, profile: str = "vehicle", region: Region = None) -> Any:
        """What `station register` does, without a process of its own."""
        if self._registered is None:
            self._registered = self.database("ea")
        register = StationRegister(self._registered)
        return register.register(NewStation(name, key.public_key, profile, region))

    def station(
        self,
        name: str = "",
        *,
        profile: str = "vehicle",
        curve: Curve = Curve.NIST_P256,
        region: Region = None,
    ) -> "LabStation":
        """A registered station; without a name it gets one of its own."""
        canonical_id = (name or f"station-{os.getpid()}-{next(self._names)}").encode()
        key = MemoryKey(curve)
        known = self.register(canonical_id, key, profile, region)
        return LabStation(self, canonical_id, key, known)


class LabStation(TestStation):
    """A station whose requests go over HTTP."""

    __test__ = False

    def __init__(self, lab: Lab, canonical_id: bytes, canonical: MemoryKey, known: Any) -> None:
        # what the requests are made from, a Lab has as well as a Pki
        super().__init__(lab, canonical_id, canonical, known)  # type: ignore[arg-type]
        self.lab = lab

    def send_enrolment(self, sent: Sent) -> Answer:
        return open_reply(self.lab, self.lab.post("/ea", sent.body), sent, self.lab.ea_certificate)

    def send_authorization(self, sent: Sent) -> Answer:
        return open_reply(self.lab, self.lab.post("/aa", sent.body), sent, self.lab.aa_certificate)

    def enrol(self, **options: Any) -> Credential:
        return self.send_enrolment(self.enrolment(**options)).ok()


def open_reply(lab: Lab, reply: Reply, sent: Sent, authority: Certificate) -> Answer:
    """An answer over HTTP, held to all rules of E5 to E8."""
    assert (reply.status, reply.kind) == (200, RESPONSE_TYPE), reply
    message = SignedMessage.parse(decrypt_psk(reply.body, sent.aes))
    message.verify(authority.verification_key, authority)
    assert message.signer_digest == authority.hashed_id8
    assert message.header == etsi_header(623, message.header.generation_time or 0)
    assert abs(lab.clock.time64() - (message.header.generation_time or 0)) < 300 * MICROSECONDS
    value = wire.decode(etsi.EtsiTs102941Data, message.payload).content.value
    assert isinstance(value, etsi.InnerEcResponse | etsi.InnerAtResponse)
    assert value.request_hash == sha256(sent.body).digest()[:16]
    assert (value.response_code == "ok") == (value.certificate is not None)
    certificate = None if value.certificate is None else Certificate.of(value.certificate)
    return Answer(value.response_code, certificate, sent, reply.body, message)


def admin(
    lab: Lab, method: str, path: str, body: bytes | None = None, kind: str = "", certificate: bool = True
) -> tuple[int, Any, bytes]:
    """A question to the operators' listener: status, headers, body."""
    tls = lab.directory / "tls"
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    if certificate:
        context.load_cert_chain(tls / "operator.pem", tls / "operator.key")
    link = http.client.HTTPSConnection(lab.url("admin").partition("://")[2], timeout=30, context=context)
    try:
        link.request(method, path, body, {"Content-Type": kind} if kind else {})
        answer = link.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        link.close()


def role_checks(lab: Lab, role: str) -> dict[str, Any]:
    """What /readyz tells operators of a role."""
    found: dict[str, Any] = json.loads(admin(lab, "GET", "/readyz")[2])["roles"][role]
    return found


def _lives(pid: str) -> bool:
    """Not killed and waiting for its parent to see it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(holds: Any, seconds: float = 120) -> None:
    """Until it holds; a test never waits for longer than it says."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds:g} s")
        time.sleep(0.03)


def rss(pid: int) -> int:
    """Resident memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, token_store: object) -> Iterator[Lab]:
    """One served instance for all tests that leave it whole, whose stations are all well-meaning."""
    del token_store  # asked for so that the test is skipped where there is no SoftHSM
    served = Lab.start(tmp_path_factory.mktemp("lab") / "pki")
    served.await_ready()
    served.note_fresh()
    yield served
    served.end()


# Lists are fetched each second, butterfly requests do not wait for others to be mixed with.
HASTE = "[lists]\nrefresh = 1\n[butterfly]\nmix_wait = 0\nmix_vehicles = 1\n"


@pytest.fixture(scope="session")
def worn(tmp_path_factory: pytest.TempPathFactory, token_store: object) -> Iterator[Lab]:
    """One served instance for all tests that attack it, kill its workers or publish its lists, and leave it
    serving. Two workers a role, so that one is left when the other dies."""
    del token_store
    served = Lab.start(tmp_path_factory.mktemp("worn") / "pki", settings=HASTE, workers=2)
    served.await_ready()
    yield served
    served.end()


# A chunk waits for nobody, a period and no more is made ahead, lists are fetched each other second.
SCMS = "mix_vehicles = 1\nmix_wait = 0\npreload = 3600\n[lists]\nrefresh = 2\n"


@pytest.fixture(scope="session")
def scms(tmp_path_factory: pytest.TempPathFactory, token_store: object) -> Iterator[Lab]:
    """One served SCMS for all its tests, also those that attack it, kill its workers or revoke vehicles."""
    del token_store
    served = Lab.start(
        tmp_path_factory.mktemp("scms") / "pki", "--profile", "scms",
        settings=SCMS, scheme="https", roles=",".join(SCMS_ROLES),
    )  # fmt: skip
    http = Urllib3Http(tls_ca=served.directory / "tls" / "ca.pem")
    wait_until(lambda: http.get(served.base_url + "/readyz").status == 200, 120)
    yield served
    served.end()
