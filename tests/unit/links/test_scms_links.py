"""Mutual TLS between components of an SCMS: who is not who it should be gets no answer, and nothing asked."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.scms_links import Listeners, write_identities
from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.la_reasons import BatchReason, RefusedWishes, WishReason
from v2xpki.errors import ConfigError, InvalidCtl, LinkError, TokenLost
from v2xpki.links import scms_frames as frames
from v2xpki.links.mutual_tls import TlsIdentity, client_context, server_context, tls_connector
from v2xpki.links.scms import ScmsPeers
from v2xpki.time import FixedClock
from v2xpki.web.internal import eca_blueprint, la_blueprint, sdc_blueprint

YEARS_AGO = 500_000_000  # TAI seconds: 2019


class Eca:
    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.answer: Callable[[bytes], bytes] = lambda request: b"granted " + request

    def succeed(self, request: bytes) -> bytes:
        self.seen.append(request)
        return self.answer(request)


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TlsIdentity]:
    return write_identities(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TlsIdentity]:
    """The same names under another CA."""
    return write_identities(tmp_path_factory.mktemp("tls") / "other")


@pytest.fixture
def listeners(tmp_path: Path, identities: dict[str, TlsIdentity]) -> Iterator[Listeners]:
    made = Listeners(tmp_path, identities)
    yield made
    made.close()


@pytest.fixture
def eca(listeners: Listeners) -> Eca:
    made = Eca()
    listeners.serve("eca", eca_blueprint(lambda: made))
    return made


@pytest.fixture
def peers(listeners: Listeners, identities: dict[str, TlsIdentity]) -> Iterator[Callable[..., ScmsPeers]]:
    made: list[ScmsPeers] = []

    def make(name: str = "ra", *, files: TlsIdentity | None = None, timeout: float = 10) -> ScmsPeers:
        made.append(ScmsPeers(files or identities[name], listeners.addresses, timeout=timeout))
        return made[-1]

    yield make
    for one in made:
        one.close()


# --- answers ---------------------------------------------------------------------------------------


def test_a_call_is_answered_and_its_connection_kept(eca: Eca, peers: Any, listeners: Listeners) -> None:
    link = peers("ra").eca()
    assert [link.succeed(b"1"), link.succeed(b"2")] == [b"granted 1", b"granted 2"]
    assert listeners.of("eca").connections == 1


def test_threads_have_a_connection_each(eca: Eca, peers: Any) -> None:
    both = threading.Barrier(2)

    def answer(request: bytes) -> bytes:
        both.wait(10)  # only if two are in it at once
        return request

    eca.answer = answer
    link, got = peers("ra").eca(), []
    threads = [threading.Thread(target=lambda n=n: got.append(link.succeed(bytes([n])))) for n in range(1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(got) == [b"\1", b"\2"]


def test_over_tcp_it_is_the_same(identities: dict[str, TlsIdentity]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    answer = frames.SUCCEED.answered.encode(b"granted")

    def serve() -> None:
        link, _ = listener.accept()
        with server_context(identities["eca"]).wrap_socket(link, server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(http(answer))

    thread = threading.Thread(target=serve)
    thread.start()
    address = f"https://127.0.0.1:{listener.getsockname()[1]}"
    peers = ScmsPeers(identities["ra"], {"eca": address}, timeout=10)
    assert peers.eca().succeed(b"x") == b"granted"
    thread.join(10)
    peers.close()
    listener.close()


def test_a_refusal_is_the_exception_that_the_other_side_raised(eca: Eca, peers: Any) -> None:
    def refuse(_: bytes) -> bytes:
        raise RefusedEnrolmentRequest(EcaReason.BARRED, "canonical id X-17")

    eca.answer = refuse
    with pytest.raises(RefusedEnrolmentRequest) as refused:
        peers("ra").eca().succeed(b"x")
    assert refused.value.reason is EcaReason.BARRED
    assert "X-17" not in str(refused.value)


class La:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def pre_linkage_values(self, wishes: Any, *, ra: str) -> Any:
        raise self._error


def test_refused_wishes_have_their_places(listeners: Listeners, peers: Any) -> None:
    la = La(RefusedWishes(BatchReason.WISHES, [(1, WishReason.REVOKED)]))
    listeners.serve("la1", la_blueprint(lambda: la, lambda: la))  # type: ignore[arg-type,return-value]
    link = peers("ra").linkage("la1", b"\0\1")
    assert link.la_id == b"\0\1"
    with pytest.raises(RefusedWishes) as refused:
        link.pre_linkage_values([Wish(bytes(16), 1, [1])] * 2)
    assert refused.value.wishes == ((1, WishReason.REVOKED),)
    with pytest.raises(LinkError, match="not made"):
        link.pre_linkage_values([Wish(bytes(16), 1, [1])])


def test_a_fault_of_the_other_side_is_a_link_error(eca: Eca, peers: Any) -> None:
    for error, status in ((TokenLost("slot"), "503"), (KeyError("x"), "500")):

        def fail(_: bytes, error: Exception = error) -> bytes:
            raise error

        eca.answer = fail
        with pytest.raises(LinkError, match=status):
            peers("ra").eca().succeed(b"x")


def test_documents_that_are_not_handed_out_are_a_link_error(listeners: Listeners, peers: Any) -> None:
    class Shelf:
        def publish(self, documents: Any) -> None:
            if b"bad" in documents:
                raise InvalidCtl("no quorum")

    listeners.serve("sdc", sdc_blueprint(Shelf))
    publisher = peers("ma").publisher()
    publisher.publish([b"good"])
    with pytest.raises(LinkError, match="422"):
        publisher.publish([b"good", b"bad"])


# --- who is not who it should be ---------------------------------------------------------------------


def test_a_client_of_another_name_is_refused_before_the_authority_sees_it(eca: Eca, peers: Any) -> None:
    for name in ("ma", "la1", "aca", "sdc", "router", "eca"):
        with pytest.raises(LinkError, match="403"):
            peers(name).eca().succeed(b"x")
    assert not eca.seen


def test_a_client_of_another_ca_has_no_connection(
    eca: Eca, peers: Any, identities: dict[str, TlsIdentity], strangers: dict[str, TlsIdentity]
) -> None:
    files = strangers["ra"]._replace(ca=identities["ra"].ca)
    with pytest.raises(LinkError):
        peers(files=files).eca().succeed(b"x")
    assert not eca.seen
    assert peers("ra").eca().succeed(b"x") == b"granted x"


def test_a_client_whose_certificate_has_ended_has_no_connection(
    tmp_path: Path, eca: Eca, peers: Any, identities: dict[str, TlsIdentity]
) -> None:
    old = write_identities(tmp_path / "old", ("ra",), FixedClock(YEARS_AGO))["ra"]
    listeners = Listeners(tmp_path / "old", {"eca": identities["eca"]._replace(ca=old.ca)})
    listeners.serve("eca", eca_blueprint(lambda: eca))
    peer = ScmsPeers(old._replace(ca=identities["ra"].ca), listeners.addresses, timeout=10)
    with pytest.raises(LinkError):
        peer.eca().succeed(b"x")
    listeners.close()
    assert not eca.seen


def test_a_client_without_a_certificate_has_no_connection(
    eca: Eca, listeners: Listeners, identities: dict[str, TlsIdentity]
) -> None:
    context = client_context(identities["ra"])
    bare = ssl.SSLContext(context.protocol)
    bare.load_verify_locations(identities["ra"].ca)
    link = tls_connector(listeners.addresses["eca"], "eca", bare)(10)
    body = frames.SUCCEED.asked.encode(b"x")
    with pytest.raises(OSError, match=r"(?i)certificate required|reset|broken|EOF"):
        link.sendall(request(frames.SUCCEED.path, body))
        assert not link.recv(100)
        raise ConnectionResetError("reset")
    link.close()
    assert not eca.seen


@pytest.mark.parametrize("shown", ["la2", "router", "stranger", "ended"])
def test_nothing_is_sent_to_who_has_not_the_name_that_is_called(
    tmp_path: Path, listeners: Listeners, peers: Any, shown: str,
    identities: dict[str, TlsIdentity], strangers: dict[str, TlsIdentity],
) -> None:  # fmt: skip
    if shown == "ended":
        files = write_identities(tmp_path / "old", ("eca",), FixedClock(YEARS_AGO))["eca"]
        mine = identities["ra"]._replace(ca=files.ca)
    else:
        files = strangers["eca"] if shown == "stranger" else identities[shown]
        mine = identities["ra"]
    eca = Eca()
    listeners.serve("eca", eca_blueprint(lambda: eca), shown=files._replace(ca=identities["ra"].ca))
    with pytest.raises(LinkError, match=r"(?i)certificate|ssl"):
        peers(files=mine).eca().succeed(b"secret")
    assert not eca.seen


def test_tls_before_1_3_is_not_spoken(
    eca: Eca, listeners: Listeners, identities: dict[str, TlsIdentity]
) -> None:
    context = client_context(identities["ra"])
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        tls_connector(listeners.addresses["eca"], "eca", context)(10)


# --- connections that go wrong ---------------------------------------------------------------------


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {frames.MEDIA_TYPE}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def http(body: bytes, *, length: int | None = None, more: str = "") -> bytes:
    count = len(body) if length is None else length
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {frames.MEDIA_TYPE}\r\n{more}Content-Length: {count}\r\n\r\n"
    return head.encode() + body


class Scripted:
    """An ECA that answers by a script, one step a request: octets; b"" closes; None says nothing."""

    def __init__(self, path: Path, identity: TlsIdentity, script: list[bytes | None]) -> None:
        self.address, self.requests, self.connections = f"unix:{path}", 0, 0
        self._context, self._script, self.done = server_context(identity), script, threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(5)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with self._context.wrap_socket(link, server_side=True) as secured:
                while secured.recv(65536):
                    self.requests += 1
                    step = self._script.pop(0)
                    if step is None:
                        self.done.wait(10)
                    if not step:
                        break
                    secured.sendall(step)

    def close(self) -> None:
        self.done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def scripted(tmp_path: Path, identities: dict[str, TlsIdentity]) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def begin(*script: bytes | None, timeout: float = 10) -> tuple[Scripted, Any]:
        other = Scripted(tmp_path / "eca.sock", identities["eca"], list(script))
        peers = ScmsPeers(identities["ra"], {"eca": other.address}, timeout=timeout)
        made.extend((peers, other))
        return other, peers.eca()

    yield begin
    for one in made:
        one.close()


GRANTED = http(frames.SUCCEED.answered.encode(b"granted"))


def test_a_kept_connection_that_died_is_replaced_once(scripted: Any) -> None:
    other, link = scripted(GRANTED, b"", GRANTED)
    assert link.succeed(b"1") == link.succeed(b"2") == b"granted"
    assert (other.connections, other.requests) == (2, 3)


def test_a_new_connection_that_dies_is_not_tried_again(scripted: Any) -> None:
    other, link = scripted(b"", GRANTED)
    with pytest.raises(LinkError, match="closed"):
        link.succeed(b"1")
    assert other.requests == 1


def test_after_a_kept_connection_that_died_the_next_one_is_the_last(scripted: Any) -> None:
    other, link = scripted(GRANTED, b"", b"", GRANTED)
    link.succeed(b"1")
    with pytest.raises(LinkError, match="closed"):
        link.succeed(b"2")
    assert other.requests == 3


def test_a_connection_that_is_to_be_closed_is_not_kept(scripted: Any) -> None:
    last = http(frames.SUCCEED.answered.encode(b"granted"), more="Connection: close\r\n")
    other, link = scripted(last, last)
    link.succeed(b"1")
    link.succeed(b"2")
    assert other.connections == other.requests == 2


def test_who_says_nothing_costs_the_time_limit(scripted: Any) -> None:
    _, link = scripted(None, timeout=0.2)
    with pytest.raises(LinkError, match=r"within 0\.2 s"):
        link.succeed(b"1")


def test_who_never_ends_the_handshake_costs_the_time_limit(
    tmp_path: Path, identities: dict[str, TlsIdentity]
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "eca.sock"))
        silent.listen(1)
        peers = ScmsPeers(identities["ra"], {"eca": f"unix:{tmp_path}/eca.sock"}, timeout=0.1)
        with pytest.raises(LinkError, match="within"):
            peers.eca().succeed(b"x")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(b"", length=frames.SUCCEED.answer_limit + 1), "too long"),
        (http(frames.SUCCEED.answered.encode(b"granted") + b"\0"), "after the end"),
        (http(b""), "frame"),
        (GRANTED.replace(b"200", b"302"), "302"),
        (GRANTED.replace(b"octet-stream", b"json"), "json"),
        (GRANTED.replace(b"200", b"409"), "frame"),
        (GRANTED + b"HTTP", "more than one"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "length"),
    ],
)
def test_what_is_no_answer_is_a_link_error(scripted: Any, answer: bytes, said: str) -> None:
    _, link = scripted(answer)
    with pytest.raises(LinkError, match=said):
        link.succeed(b"1")


def test_who_is_not_there_is_a_link_error(tmp_path: Path, identities: dict[str, TlsIdentity]) -> None:
    peers = ScmsPeers(identities["ra"], {"eca": f"unix:{tmp_path}/none"}, timeout=1)
    with pytest.raises(LinkError, match="No such file"):
        peers.eca().succeed(b"x")


# --- what it is made with --------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["http://h:1", "https://h", "https://:1", "https://h:x", "https://h:1/p"])
def test_an_address_of_no_component_is_refused_at_once(
    address: str, identities: dict[str, TlsIdentity]
) -> None:
    with pytest.raises(ConfigError, match="address"):
        ScmsPeers(identities["ra"], {"eca": address}, timeout=1)


def test_files_that_are_no_identity_are_refused_at_once(
    identities: dict[str, TlsIdentity], tmp_path: Path
) -> None:
    for files in (
        identities["ra"]._replace(key=identities["ma"].key),
        identities["ra"]._replace(certificate=tmp_path / "none"),
        identities["ra"]._replace(ca=identities["ra"].key),
    ):
        with pytest.raises(ConfigError):
            ScmsPeers(files, {}, timeout=1)


def test_a_component_without_an_address_is_not_asked(identities: dict[str, TlsIdentity]) -> None:
    with pytest.raises(ConfigError, match="aca"):
        ScmsPeers(identities["ra"], {}, timeout=1).aca()
