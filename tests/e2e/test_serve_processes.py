"""`serve` as processes: what stations and operators see when things go wrong. The authorities are fakes."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.serving import Served, make_instance, start_serve, wait_for
from v2xpki.errors import ConfigError
from v2xpki.web.supervisor import Plan, Supervisor, bind

REQUEST = {"Content-Type": "application/x-its-request"}
EVERYTHING = {"https": "127.0.0.1:0", "admin": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One worker a role; a fault that a test sets is taken back after it."""
    running = start_serve(
        tmp_path_factory.mktemp("serve") / "pki", "[limits]\nread_timeout = 3\n", **EVERYTHING
    )
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def no_fault_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "served" in request.fixturenames:
        (request.getfixturevalue("served").instance.run_dir / "fault.json").unlink(missing_ok=True)


def ask(served: Served, method: str, path: str, body: bytes | None = None, headers: dict | None = None):
    """Status, headers and body of one request over http."""
    connection = http.client.HTTPConnection(*served.address("http"), timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def client_tls(served: Served, *, certificate: bool) -> ssl.SSLContext:
    tls = served.instance.tls_files()
    context = ssl.create_default_context(cafile=str(tls.ca))
    if certificate:
        context.load_cert_chain(tls.ca.parent / "operator.pem", tls.ca.parent / "operator.key")
    return context


def admin(served: Served, path: str) -> tuple[int, dict, bytes]:
    context = client_tls(served, certificate=True)
    connection = http.client.HTTPSConnection(*served.address("admin"), timeout=20, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def metric(served: Served, start: str) -> float:
    text = admin(served, "/metrics")[2].decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(start))


# --- the main way -----------------------------------------------------------------------------------


def test_an_authorization_goes_through_the_aa_to_the_ea_and_back(served: Served) -> None:
    status, headers, body = ask(served, "POST", "/aa", b"a request", REQUEST)
    assert (status, headers["content-type"], body) == (
        200,
        "application/x-its-response",
        b"ticket, valid a reques",
    )


def test_fifty_at_once_with_one_worker_a_role_do_not_deadlock(served: Served) -> None:
    served.fault(ea="slow")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: ask(served, "POST", "/aa", b"%08d" % n, REQUEST), range(50)))
    assert [answer[2] for answer in answers] == [b"ticket, valid %08d" % n for n in range(50)]


def test_a_connection_is_kept_for_further_requests(served: Served) -> None:
    connection = http.client.HTTPConnection(*served.address("http"), timeout=20)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("POST", "/ea", b"x", REQUEST)
        assert connection.getresponse().read().startswith(b"enrolled")
    assert connection.sock is first
    connection.close()


def test_https_serves_the_same_paths_with_tls_1_2_at_least(served: Served) -> None:
    context = client_tls(served, certificate=False)
    connection = http.client.HTTPSConnection(*served.address("https"), timeout=20, context=context)
    connection.request("POST", "/ea", b"x", REQUEST)
    assert connection.getresponse().status == 200
    connection.close()
    for name in ("https", "admin"):
        context = client_tls(served, certificate=True)
        with pytest.warns(DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        with (
            pytest.raises((ssl.SSLError, ConnectionError)),
            socket.create_connection(served.address(name), 10) as raw,
        ):
            context.wrap_socket(raw, server_hostname="127.0.0.1")


# --- what clients do wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/ea", b"bad", REQUEST, 400),
        ("POST", "/ea", b"x", {"Content-Type": "text/plain"}, 415),
        ("POST", "/ea", b"x", {}, 415),
        ("POST", "/ea", b"x" * 65537, REQUEST, 413),
        ("GET", "/ea", None, {}, 405),
        ("DELETE", "/ea", None, {}, 405),
        ("GET", "/metrics", None, {}, 404),
        ("GET", "/api/v1/status", None, {}, 404),
        ("POST", "/root", b"x", REQUEST, 404),
        ("GET", "/dc/getctl/0102030405060708", None, {}, 404),
        ("GET", "/dc/getctl/xyz", None, {}, 400),
        ("GET", "/dc//getctl/0102030405060708", None, {}, 404),
        ("GET", "/dc/getctl/%2e%2e/%2e%2e", None, {}, 400),
    ],
)  # fmt: skip
def test_wrong_requests_get_a_plain_reason_and_no_more(
    served: Served, method: str, path: str, body: bytes | None, headers: dict, status: int
) -> None:
    found, answered, text = ask(served, method, path, body, headers)
    assert found == status
    assert answered.get("Content-Type", answered.get("content-type")).startswith("text/plain")
    assert len(text) < 80 and b"Traceback" not in text


def test_a_huge_body_without_a_length_is_cut_off(served: Served) -> None:
    with socket.create_connection(served.address("http"), 10) as link:
        link.sendall(
            b"POST /ea HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-its-request\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        with contextlib.suppress(ConnectionError):
            for _ in range(10):
                link.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")
        assert link.recv(100).startswith(b"HTTP/1.1 413")


def test_who_sends_slowly_is_told_so_and_holds_nobody_up(served: Served) -> None:
    slow = [socket.create_connection(served.address("http"), 20) for _ in range(30)]
    try:
        for link in slow:
            link.sendall(
                b"POST /ea HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-its-request\r\n"
                b"Content-Length: 100\r\n\r\nx"
            )
        assert ask(served, "POST", "/ea", b"x", REQUEST)[0] == 200
        assert all(link.recv(100).startswith(b"HTTP/1.1 408") for link in slow)
    finally:
        for link in slow:
            link.close()


def test_nonsense_on_the_wire_ends_with_400(served: Served) -> None:
    for octets in (
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"POST /ea HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /ea HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    ):
        with socket.create_connection(served.address("http"), 10) as link:
            link.sendall(octets)
            assert link.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert ask(served, "POST", "/ea", b"x", REQUEST)[0] == 200


def test_nonsense_on_the_wire_is_not_told_back(served: Served) -> None:
    with socket.create_connection(served.address("http"), 10) as link:
        link.sendall(b"POST /ea HTTP/1.1\r\nHost: x\r\nname : value\r\n\r\n")
        answer = link.makefile("rb").read()
    assert b"value" not in answer and b"aiohttp" not in answer and b"Python" not in answer


def test_who_waits_for_leave_to_send_the_body_gets_it(served: Served) -> None:
    with socket.create_connection(served.address("http"), 10) as link:
        head = b"POST /ea HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-its-request\r\n"
        link.sendall(head + b"Expect: 100-continue\r\nContent-Length: 8\r\n\r\n")
        assert link.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(b"abcdefgh")
        assert link.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_who_announces_too_much_gets_no_leave_to_send_it(served: Served) -> None:
    with socket.create_connection(served.address("http"), 10) as link:
        head = b"POST /ea HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-its-request\r\n"
        link.sendall(head + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        assert link.recv(100).startswith(b"HTTP/1.1 413")


# --- what fails inside ----------------------------------------------------------------------------------


def test_a_lost_token_makes_its_role_unready_and_leaves_the_others_alone(served: Served) -> None:
    served.fault(ea="TokenLost")
    status, headers, body = ask(served, "POST", "/ea", b"x", REQUEST)
    assert (status, headers["retry-after"]) == (503, "2") and b"oken" not in body
    wait_for(lambda: json.loads(ask(served, "GET", "/readyz")[2])["roles"]["ea"] == "not ready")
    assert ask(served, "GET", "/readyz")[0] == 503
    assert json.loads(ask(served, "GET", "/readyz")[2])["roles"]["aa"] == "ok"
    assert ask(served, "GET", "/healthz")[0] == 200
    told = json.loads(admin(served, "/readyz")[2])
    assert told["roles"]["ea"]["checks"]["token"] == {"ok": False, "text": "TokenLost"}


def test_an_unforeseen_error_is_counted_and_told_to_the_log_alone(served: Served) -> None:
    before = metric(served, 'v2xpki_unexpected_errors_total{role="ea"}')
    served.fault(ea="NoSuchError")
    status, headers, body = ask(served, "POST", "/ea", b"x", REQUEST)
    identifier = headers["x-request-id"]
    assert (status, body) == (500, b"internal error\n")
    assert metric(served, 'v2xpki_unexpected_errors_total{role="ea"}') == before + 1
    line = next(json.loads(line) for line in served.log("ea").splitlines() if identifier in line)
    assert line["error"] == "RuntimeError" and "fake_role.py" in line["where"]
    assert "0123456789" not in line["text"] and "AABBCC" not in line["text"]


def test_the_aa_and_the_ea_log_no_address_and_no_time_finer_than_an_hour(served: Served) -> None:
    served.fault(ea="TokenLost", aa="TokenLost")
    for path in ("/ea", "/aa"):
        ask(served, "POST", path, b"x", REQUEST)
    for role in ("ea", "aa"):
        lines = [json.loads(line) for line in served.log(role).splitlines()]
        assert lines and all(line["time"].endswith(":00:00Z") for line in lines)
        assert "127.0.0.1" not in served.log(role)
    assert served.log("router") == ""


def test_a_worker_that_is_killed_is_replaced(served: Served) -> None:
    master = served.state["roles"]["ea"]["pid"]
    worker = children(master)[0]
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: children(master) not in ([], [worker]))
    wait_for(lambda: ask(served, "POST", "/ea", b"x", REQUEST)[0] == 200)


def test_a_role_that_is_killed_is_started_again_on_its_socket(served: Served) -> None:
    first = served.state["roles"]["aa"]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: served.state["roles"]["aa"]["pid"] not in (None, first))
    wait_for(lambda: ask(served, "POST", "/aa", b"abcdefgh", REQUEST)[0] == 200)


def test_a_router_that_is_killed_is_started_again_on_the_same_port(served: Served) -> None:
    first = served.state["processes"]["router"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: served.state["processes"]["router"] not in (None, first))
    assert ask(served, "POST", "/ea", b"x", REQUEST)[0] == 200


# --- operators --------------------------------------------------------------------------------------------


def test_the_admin_listener_wants_a_client_certificate(served: Served) -> None:
    context = client_tls(served, certificate=False)
    connection = http.client.HTTPSConnection(*served.address("admin"), timeout=20, context=context)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        connection.request("GET", "/healthz")
        connection.getresponse()
    connection.close()


def test_a_handshake_that_stalls_holds_no_operator_up(served: Served) -> None:
    threads = served.instance.settings.serve.threads
    stalled = [socket.create_connection(served.address("admin"), 20) for _ in range(threads)]
    try:
        for link in stalled:
            link.sendall(b"\x16\x03\x01")
        assert admin(served, "/healthz")[0] == 200
    finally:
        for link in stalled:
            link.close()


def test_admin_tells_status_metrics_and_its_own_interface(served: Served) -> None:
    status = json.loads(admin(served, "/api/v1/status")[2])
    assert set(status["roles"]) == {"ea", "aa", "dc"} and status["profile"] == "etsi"
    assert "/api/v1/status" in json.loads(admin(served, "/api/v1/openapi.json")[2])["paths"]
    code, headers, body = admin(served, "/nothing")
    assert (code, headers["Content-Type"]) == (404, "application/problem+json")
    assert json.loads(body)["status"] == 404
    ask(served, "POST", "/aa", b"counted!", REQUEST)
    assert metric(served, 'v2xpki_requests_total{flow="authorization",role="aa",status="200"}') >= 1
    assert metric(served, 'v2xpki_ready{role="aa"}') == 1


# --- begin and end -----------------------------------------------------------------------------------------


def test_sigterm_ends_every_process_and_lets_a_running_request_finish(tmp_path: Path) -> None:
    served = start_serve(tmp_path / "pki")
    try:
        served.fault(ea="slow")
        state = served.state
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(ask, served, "POST", "/ea", b"x", REQUEST)
            wait_for(lambda: served.has_met_its_fault("ea"))  # in the handler, which takes 0.2 s
            served.end()
            assert running.result(timeout=20)[0] == 200
    finally:
        served.kill()
    assert served.process.returncode == 0
    for pid in state["processes"].values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not list((tmp_path / "pki" / "run").glob("*.sock"))


def test_connections_that_only_wait_do_not_hold_up_the_end(tmp_path: Path) -> None:
    # As long as a running request may take, which is longer than `end` waits.
    served = start_serve(tmp_path / "pki", "[serve]\ngraceful_timeout = 300\n")
    kept = http.client.HTTPConnection(*served.address("http"), timeout=20)
    try:
        kept.request("POST", "/ea", b"x", REQUEST)
        assert kept.getresponse().read()
        with socket.create_connection(served.address("http")):  # and one that never asked
            served.end()
    finally:
        kept.close()
        served.kill()
    assert served.process.returncode == 0


@pytest.mark.parametrize("spoken", [False, True])
def test_an_operator_s_connection_that_only_waits_does_not_hold_up_the_end(
    tmp_path: Path, spoken: bool
) -> None:
    served = start_serve(tmp_path / "pki", "[serve]\ngraceful_timeout = 300\nkeepalive = 300\n", **EVERYTHING)
    try:
        with socket.create_connection(served.address("admin")) as raw:
            if spoken:
                link = client_tls(served, certificate=True).wrap_socket(raw, server_hostname="127.0.0.1")
            served.end()
            if spoken:
                link.close()
    finally:
        served.kill()
    assert served.process.returncode == 0


def test_a_worker_that_has_just_been_forked_hears_of_the_end(tmp_path: Path) -> None:
    served = start_serve(tmp_path / "pki", "[serve]\ngraceful_timeout = 300\n")
    try:
        state = served.state["roles"]["ea"]
        served.fault(ea="unborn")
        os.kill(children(state["pid"])[0], signal.SIGKILL)
        wait_for(lambda: served.has_met_its_fault("ea"))  # the next one is there and has no handlers yet
        served.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not Path(state["socket"]).exists())
        served.fault()
        served.end()
    finally:
        served.kill()
    assert served.process.returncode == 0


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    served = start_serve(tmp_path / "pki")
    pids = list(served.state["processes"].values())
    served.kill()
    wait_for(lambda: not any(is_running(pid) for pid in pids))


def test_a_role_gets_its_own_domain_s_environment_alone(tmp_path: Path) -> None:
    os.environ["SECRET_OF_SOMETHING"] = "x"
    os.environ["EA_PIN"] = "1234"
    try:
        served = start_serve(tmp_path / "pki", '[domains.ea]\npin_env = "EA_PIN"\n')
    finally:
        del os.environ["SECRET_OF_SOMETHING"], os.environ["EA_PIN"]
    try:
        seen = {name: environment(pid) for name, pid in served.state["processes"].items()}
    finally:
        served.kill()
    assert seen["ea"]["EA_PIN"] == "1234"
    assert seen["ea"]["SOFTHSM2_CONF"].endswith("/ea/softhsm2.conf")
    assert seen["aa"]["SOFTHSM2_CONF"].endswith("/aa/softhsm2.conf")
    for name in ("aa", "dc", "router"):
        assert "EA_PIN" not in seen[name]
    for name in ("dc", "router"):
        assert "SOFTHSM2_CONF" not in seen[name]
    assert not any("SECRET_OF_SOMETHING" in variables for variables in seen.values())


def test_some_roles_only_the_others_are_off_and_that_is_healthy(tmp_path: Path) -> None:
    served = start_serve(tmp_path / "pki", roles=("ea",))
    try:
        status, _, body = ask(served, "GET", "/readyz")
        assert (status, json.loads(body)["roles"]) == (200, {"ea": "ok", "aa": "off", "dc": "off"})
        assert ask(served, "POST", "/aa", b"x", REQUEST)[0] == 404
        assert Path(served.state["roles"]["ea"]["socket"]).stat().st_mode & 0o777 == 0o600
    finally:
        served.kill()


def test_an_instance_is_served_once_and_ports_that_are_taken_are_told(tmp_path: Path) -> None:
    instance = make_instance(tmp_path / "pki")
    taken = bind("http", "127.0.0.1:0")
    said: list[str] = []
    with pytest.raises(ConfigError, match=r"--http .*in use"):
        Supervisor(instance, Plan(http=f"127.0.0.1:{taken.port}"), say=said.append).run()
    taken.sock.close()
    with pytest.raises(ConfigError, match="never served"):
        Plan(http="127.0.0.1:0", roles=("root",))


def test_what_a_killed_serve_told_of_itself_is_gone_before_anything_starts(tmp_path: Path) -> None:
    instance = make_instance(tmp_path / "pki")
    told = instance.run_dir / "serve.json"
    told.write_text("{}")
    supervisor = Supervisor(instance, Plan(http="127.0.0.1:0"), say=lambda text: None)
    supervisor._prepare()
    assert not told.exists()
    for listener in supervisor._listeners.values():
        listener.sock.close()


# --- looking at processes ---------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in text.split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.partition("=")[::2] for entry in entries if entry)
