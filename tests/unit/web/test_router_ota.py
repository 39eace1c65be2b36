"""The router where firmware is delivered: images by range, who a vehicle is, and what is never believed."""

import asyncio
import hashlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from v2xpki.authorities.lab_tls import make_lab_tls
from v2xpki.config import Instance
from v2xpki.time import SystemClock
from v2xpki.web import images
from v2xpki.web.bounded import BoundedServer
from v2xpki.web.images import ImageFiles
from v2xpki.web.process import OTA_PATHS
from v2xpki.web.router import Router
from v2xpki.web.station_tls import VehicleListener
from v2xpki.web.upstream import Upstream

IMAGE = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(IMAGE).hexdigest()
PATH = f"/ota/image/targets/brake-ecu/brakes/1.0/{DIGEST}.brakes.bin"
FOREVER = "public, max-age=31536000, immutable"


class House:
    """A router on two listeners before a worker that tells what it was told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seen = folder, list[str]()
        for name in ("tls", "run", "director/certificates"):
            (folder / name).mkdir(parents=True)
        (folder / "v2xpki.toml").write_text('format = 1\nprofile = "ota"\n')
        self.instance = Instance.load(folder)
        self.vehicles = make_lab_tls([], SystemClock(), operator="vehicle")
        own = make_lab_tls(["127.0.0.1"], SystemClock(), operator="somebody else")
        for name, octets in own.by_name().items():
            (folder / "tls" / name).write_bytes(octets)
        for name in ("operator.pem", "operator.key"):
            (folder / f"vehicle-{name}").write_bytes(self.vehicles.by_name()[name])
        (folder / "director/certificates/director-ca-1.pem").write_bytes(self.vehicles.ca_pem)
        image = self.instance.images_dir / "brake-ecu/brakes/1.0"
        image.mkdir(parents=True)
        (image / f"{DIGEST}.brakes.bin").write_bytes(IMAGE)
        (image / f"{DIGEST}.brakes.bin.intoto.json").write_bytes(b"{}")
        self.ports: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        assert ready.wait(20)

    def _run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self._start())
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._server.shutdown(1))
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _start(self) -> None:
        path = str(self.folder / "run/w.sock")
        await asyncio.start_unix_server(self._work, path)
        upstreams = {
            role: Upstream(role, path, size=4, waiting=9, timeout=5.0) for role in ("image", "director")
        }
        self.files = ImageFiles(self.instance.images_dir, most=5)
        router = Router(
            {}, upstreams, ota=OTA_PATHS, files=self.files, body_limit=100,
            read_timeout=5.0,
        )  # fmt: skip
        self._server = BoundedServer(router.handle, limit=50, access_log=None)
        sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in ("http", "https")}
        self.ports = {name: one.getsockname()[1] for name, one in sockets.items()}
        await self._listen(sockets["http"], None)
        self.listener = VehicleListener(self.instance, sockets["https"], self._listen)
        await self.listener.look()

    async def _listen(self, sock: socket.socket, tls: ssl.SSLContext | None) -> asyncio.Server:
        return await self._loop.create_server(self._server, sock=sock, ssl=tls)

    def look(self) -> None:
        """What the router does every half a minute."""
        asyncio.run_coroutine_threadsafe(self.listener.look(), self._loop).result(20)

    async def _work(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.seen.append(head)
                length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
                await reader.readexactly(length)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def until(self, seen: Callable[[], bool]) -> None:
        """The router's own loop comes to where this holds."""

        async def wait() -> None:
            while not seen():
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(asyncio.wait_for(wait(), 20), self._loop).result()

    def rest(self) -> None:
        """Until no download is counted: one that its reader has in full is counted for a moment yet."""
        self.until(lambda: self.files.downloads == 0)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def client(self, identity: str | None = None) -> ssl.SSLContext:
        """What a vehicle, or anybody, speaks TLS with."""
        context = ssl.create_default_context(cafile=self.folder / "tls/ca.pem")
        if identity is not None:
            context.load_cert_chain(f"{identity}operator.pem", f"{identity}operator.key")
        return context

    def greet(self, client: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """A connection that has had an answer, with its session. Raises SSLError, ConnectionError."""
        raw = socket.create_connection(("127.0.0.1", self.ports["https"]), 20)
        secured = client.wrap_socket(raw, server_hostname="127.0.0.1", session=session)
        secured.sendall(b"GET /ota/v1/challenge HTTP/1.1\r\nHost: x\r\n\r\n")
        if not secured.recv(1000):
            raise ConnectionError
        return secured

    def ask(
        self, target: str, method: str = "GET", *, scheme: str = "https", identity: str | None = None,
        body: bytes | None = None, **headers: str,
    ) -> Any:  # fmt: skip
        """identity: whose certificate and key, by their files' beginning."""
        connection: http.client.HTTPConnection
        if scheme == "https":
            context = self.client(identity)
            connection = http.client.HTTPSConnection("127.0.0.1", self.ports["https"], context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports["http"])
        with closing(connection):
            named = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request(method, target, body, named)
            answer = connection.getresponse()
            return SimpleNamespace(status=answer.status, headers=answer.headers, body=answer.read())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("ota"))
    yield made
    made.end()


def assert_problem(answer: Any, status: int, rule: str | None = None, *, says: str = "") -> None:
    """An RFC 9457 problem that nobody keeps."""
    document = json.loads(answer.body)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), document
    assert answer.headers["cache-control"] == "no-store"
    assert (document["status"], document.get("rule")) == (status, rule or document.get("rule"))
    assert says in document.get("detail", "") and document["title"]


def told(head: str) -> dict[str, str]:
    lines = head.strip().split("\r\n")[1:]
    return {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}


def test_an_image_is_handed_out_whole_and_for_ever(house):
    answer = house.ask(PATH)
    assert (answer.status, answer.body) == (200, IMAGE)
    assert answer.headers["cache-control"] == FOREVER
    assert answer.headers["content-type"] == "application/octet-stream"
    head = house.ask(PATH, "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(IMAGE)))


def test_an_interrupted_download_goes_on_where_it_stopped(house):
    first = house.ask(PATH, Range="bytes=0-999")
    assert (first.status, first.body) == (206, IMAGE[:1000])
    rest = house.ask(PATH, Range="bytes=1000-", If_Range=first.headers["etag"])
    assert (rest.status, first.body + rest.body) == (206, IMAGE)
    assert rest.headers["content-range"] == f"bytes 1000-{len(IMAGE) - 1}/{len(IMAGE)}"


SIZE = len(IMAGE)


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("BYTES=5-5", 206, 5, 6),
        ("bytes=-10", 206, SIZE - 10, SIZE),
        (f"bytes=-{SIZE + 1}", 206, 0, SIZE),
        (f"bytes=9-{SIZE + 9}", 206, 9, SIZE),
        ("chapters=1-2", 200, 0, SIZE),  # 14.2: an unknown unit MUST be ignored
        ("bytes=0-1,4-5", 200, 0, SIZE),
        ("bytes=9-1", 200, 0, SIZE),
        ("bytes=-", 200, 0, SIZE),
        ("bytes=x", 200, 0, SIZE),
        ("bytes=" + "9" * 5000 + "-", 200, 0, SIZE),
    ],
    ids=lambda value: str(value)[:20],
)
def test_ranges_of_an_image_are_as_rfc_9110_has_them(
    house: House, asked: str, status: int, start: int, end: int
) -> None:
    answer = house.ask(PATH, Range=asked)
    assert (answer.status, answer.body) == (status, IMAGE[start:end])
    wanted = f"bytes {start}-{end - 1}/{SIZE}" if status == 206 else None
    assert answer.headers["content-range"] == wanted
    assert house.ask(PATH, "HEAD", Range=asked).status == 200


@pytest.mark.parametrize("asked", ["bytes=-0", f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 1}"])
def test_a_range_that_has_none_of_the_image_is_refused_and_the_refusal_is_kept_nowhere(
    house: House, asked: str
) -> None:
    answer = house.ask(PATH, Range=asked)
    assert_problem(answer, 416, "range")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    known = house.ask(PATH, Range=asked, If_None_Match=house.ask(PATH).headers["etag"])
    assert (known.status, known.headers["cache-control"]) == (304, FOREVER)  # 13.2.2: it comes first


@pytest.mark.parametrize("condition", ['"another"', 'W/"{}"', "Tue, 15 Nov 2044 12:45:26 GMT", "nonsense"])
def test_a_range_of_another_image_than_the_client_has_is_the_whole(house: House, condition: str) -> None:
    etag = house.ask(PATH).headers["etag"].strip('"')
    answer = house.ask(PATH, Range="bytes=0-9", If_Range=condition.format(etag))
    assert (answer.status, answer.body) == (200, IMAGE)


def test_conditions_that_are_not_met_are_problems(house: House) -> None:
    etag = house.ask(PATH).headers["etag"]
    assert_problem(house.ask(PATH, If_Match='"another"'), 412, "precondition")
    assert_problem(house.ask(PATH, If_Unmodified_Since="Tue, 15 Nov 1994 12:45:26 GMT"), 412, "precondition")
    assert house.ask(PATH, If_Match=etag).status == house.ask(PATH, If_Match="*").status == 200
    assert house.ask(PATH, If_None_Match="*").status == 304


def test_a_packed_file_beside_an_image_is_not_handed_out_in_its_place(house: House) -> None:
    beside = house.instance.images_dir / "brake-ecu/brakes/1.0" / f"{DIGEST}.brakes.bin.gz"
    beside.write_bytes(b"packed")
    answer = house.ask(PATH, Accept_Encoding="gzip")
    assert (answer.body, answer.headers["content-encoding"]) == (IMAGE, None)


def test_the_statement_of_provenance_is_beside_the_image(house):
    answer = house.ask(PATH + ".intoto.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


def test_images_are_not_handed_out_in_clear_unless_an_operator_says_so(house):
    assert_problem(house.ask(PATH, scheme="http"), 403, "https", says="https")
    assert_problem(house.ask(PATH, "POST", body=b""), 405)


@pytest.mark.parametrize("name", ["challenge", "registrations", "certificates", "manifests"])
def test_nothing_that_names_a_vehicle_is_taken_in_clear(house: House, name: str) -> None:
    before = len(house.seen)
    answer = house.ask(f"/ota/v1/{name}", "POST", scheme="http", body=b"VIN and ECUs")
    assert_problem(answer, 403, "https", says="https")
    assert len(house.seen) == before


@pytest.mark.parametrize(
    "name",
    [
        "brake-ecu/brakes/1.0/brakes.bin",
        f"brake-ecu/brakes/1.0/{DIGEST[:-1]}0.brakes.bin",
        f"brake-ecu/brakes/../brakes/1.0/{DIGEST}.brakes.bin",
        f"brake-ecu/brakes/%2e%2e/{DIGEST}.brakes.bin",
        f"brake-ecu%2Fbrakes/1.0/{DIGEST}.brakes.bin",
        f"brake-ecu/brakes/1.0/{DIGEST}.brakes.bin/",
        f"brake-ecu/brakes/1.0/{DIGEST}.brakes.bin?x=1",
        f"brake-ecu/brakes/{DIGEST}.brakes.bin",
        "",
    ],
)
def test_only_what_is_named_by_its_content_is_handed_out(house, name):
    answer = house.ask(f"/ota/image/targets/{name}")
    assert_problem(answer, 404, "path")


def test_a_link_in_the_images_folder_leads_nowhere(house):
    folder = house.instance.images_dir / "linked"
    folder.symlink_to(house.instance.images_dir / "brake-ecu")
    file = house.instance.images_dir / "brake-ecu/brakes/1.0" / f"{'0' * 64}.server.key"
    file.symlink_to(house.folder / "tls/server.key")
    assert house.ask(PATH.replace("brake-ecu", "linked")).status == 404
    assert house.ask(PATH.replace(f"{DIGEST}.brakes.bin", file.name)).status == 404


def test_the_director_is_told_whose_certificate_tls_has_verified(house):
    digest = hashlib.sha256(
        x509.load_pem_x509_certificate(house.vehicles.operator_pem).public_bytes(Encoding.DER)
    ).hexdigest()
    for target in ("/ota/director/metadata/timestamp.json", "/ota/v1/challenge"):
        assert house.ask(target, identity=f"{house.folder}/vehicle-").status == 200
        assert told(house.seen[-1])["x-v2xpki-client"] == digest


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_a_client_says_it_is_is_never_believed(house, scheme):
    answer = house.ask(
        "/ota/director/metadata/timestamp.json", scheme=scheme, X_V2xpki_Client="00" * 32,
        X_V2xpki_Operator="root;auditor",
    )  # fmt: skip
    assert answer.status == 200
    assert told(house.seen[-1]).keys() == {"host", "content-length"}


def test_the_image_repository_does_not_learn_who_asks(house):
    house.ask("/ota/image/metadata/timestamp.json", identity=f"{house.folder}/vehicle-")
    assert told(house.seen[-1]).keys() == {"host", "content-length"}


def test_a_certificate_of_another_ca_gets_no_connection(house):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        house.ask("/ota/v1/challenge", identity=f"{house.folder}/tls/")


def trusting(house: House, *cas: bytes) -> None:
    """The Director's folder has these CAs from now on, and the router has looked."""
    folder = house.folder / "director/certificates"
    for file in folder.iterdir():
        file.unlink()
    for number, pem in enumerate(cas, 1):
        (folder / f"director-ca-{number}.pem").write_bytes(pem)
    house.look()


def test_a_ca_that_is_retired_is_trusted_no_more_and_a_new_one_is_without_a_restart(house):
    identity = f"{house.folder}/vehicle-"
    vehicle = house.client(identity)
    with house.greet(vehicle) as first, house.greet(vehicle, first.session) as kept:
        assert kept.session_reused
        try:
            trusting(house, (house.folder / "tls/ca.pem").read_bytes())
            for session in (None, first.session):
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    house.greet(vehicle, session)
            assert house.ask("/ota/v1/challenge", identity=f"{house.folder}/tls/").status == 200
            assert house.ask("/ota/v1/challenge").status == 200
            kept.sendall(b"GET /ota/v1/challenge HTTP/1.1\r\nHost: x\r\n\r\n")  # what was there stays
            assert kept.recv(1000).startswith(b"HTTP/1.1 200")
        finally:
            trusting(house, house.vehicles.ca_pem)
    assert house.ask("/ota/v1/challenge", identity=identity).status == 200


def test_a_look_that_finds_nothing_else_leaves_the_listener_as_it_is(house):
    before = house.listener._server
    house.look()
    assert house.listener._server is before
    trusting(house, b"no certificate", house.vehicles.ca_pem)
    assert house.ask("/ota/v1/challenge", identity=f"{house.folder}/vehicle-").status == 200
    trusting(house, house.vehicles.ca_pem)


def test_registrations_may_be_larger_than_other_requests_and_not_without_end(house):
    assert house.ask("/ota/v1/registrations", "POST", body=bytes(200_000)).status == 200
    for name in ("registrations", "manifests"):
        answer = house.ask(f"/ota/v1/{name}", "POST", body=bytes(300_000))
        assert_problem(answer, 413, "size", says="262144 octets")
    assert_problem(house.ask("/ota/image/metadata/x.json", "POST", body=bytes(101)), 413, "size")


@pytest.mark.parametrize("target", ["/ota", "/ota/", "/ota/v2/x", "/ota?x"])
def test_what_is_not_there_below_ota_is_a_problem(house, target):
    assert_problem(house.ask(target), 404, "path")
    assert_problem(house.ask(target, "PUT"), 405)


@pytest.mark.parametrize("target", ["/api/v1/ota/releases", "/ea", "/v3/ctl", "/otax"])
def test_nothing_else_is_here_and_stations_hear_it_in_plain_text(house, target):
    answer = house.ask(target)
    assert (answer.status, answer.body) == (404, b"not found\n")


def test_downloads_beyond_a_number_wait_so_that_other_stations_are_heard(house: House) -> None:
    house.rest()
    house.files.downloads = 5
    try:
        answer = house.ask(PATH)
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        assert house.ask("/ota/v1/challenge").status == 200
    finally:
        house.files.downloads = 0
    assert house.ask(PATH).body == IMAGE
    house.rest()


def test_a_reader_that_takes_nothing_is_left(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "GRACE", 0.0)
    monkeypatch.setattr(images, "LEAST_RATE", 1e12)
    with pytest.raises((ConnectionError, http.client.HTTPException, OSError)):
        house.ask(PATH)
    house.rest()
