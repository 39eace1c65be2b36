"""What one client may take of the servers of firmware: octets, time, requests; and what it takes from others.

The router in this process, before workers that note what reaches them. Its other promises are in
unit/web/test_router.py and test_router_ota.py.
"""

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from v2xpki.authorities.lab_tls import make_lab_tls
from v2xpki.time import SystemClock
from v2xpki.web.bounded import BoundedServer, Rate
from v2xpki.web.images import ImageFiles
from v2xpki.web.process import OTA_BODY, OTA_PATHS
from v2xpki.web.router import Router
from v2xpki.web.upstream import Upstream

MANIFESTS, CHALLENGE, IMAGES = "/ota/v1/manifests", "/ota/v1/challenge", "/ota/image/metadata/timestamp.json"
OCTETS = b"firmware"
IMAGE = f"/ota/image/targets/brake-ecu/brakes/1.0/{hashlib.sha256(OCTETS).hexdigest()}.brakes.bin"


class OneMinute(Rate):
    """The minute does not end amid the test."""

    def exceeded(self, address: str, now: float) -> bool:
        return super().exceeded(address, 0.0)


class Scene:
    """A router with one worker for each role. seen: what reached them. patience: seconds for a body."""

    def __init__(self, folder: Path, *, rate: int = 0, director: bool = True, patience: float = 20.0) -> None:
        self.seen: list[str] = []
        self._folder, self._rate, self._director, self._patience = folder, rate, director, patience
        image = folder / "targets" / Path(IMAGE).relative_to("/ota/image/targets")
        image.parent.mkdir(parents=True)
        image.write_bytes(OCTETS)
        for name, octets in make_lab_tls(["127.0.0.1"], SystemClock()).by_name().items():
            (folder / name).write_bytes(octets)
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._client = ssl.create_default_context(cafile=folder / "ca.pem")

    def run(self, attack: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with asyncio.timeout(60):
                await self._start()
                await attack()
                await self._server.shutdown(1)

        asyncio.run(whole())

    async def _start(self) -> None:
        paths = {role: str(self._folder / f"{role}.sock") for role in ("image", "director")}
        for role, path in paths.items():
            if role == "image" or self._director:
                await asyncio.start_unix_server(self._work, path)
        router = Router(
            {},
            {role: Upstream(role, path, size=2, waiting=2, timeout=5.0) for role, path in paths.items()},
            ota=OTA_PATHS,
            files=ImageFiles(self._folder / "targets"),
            body_limit=100,
            read_timeout=self._patience,
            rate=OneMinute(self._rate),
        )
        self._server = BoundedServer(router.handle, limit=50, access_log=None)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(self._server, "127.0.0.1", 0, ssl=self._tls)
        self._port = listening.sockets[0].getsockname()[1]

    async def _work(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.seen.append(head.split()[1])
                await reader.readexactly(int(head.lower().partition("content-length: ")[2].split()[0]))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def send(self, target: str, *lines: str, method: str = "GET", body: bytes = b"") -> int:
        """The answer's status, to these octets and no more; the connection stays open for it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._client)
        head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: oem", *lines])
        writer.write(f"{head}\r\n\r\n".encode() + body)
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status


@pytest.mark.parametrize("body", [b"", b"{", b"{" * 999], ids=["none of it", "an octet", "all but one"])
def test_a_body_that_comes_too_slowly_is_given_up_and_reaches_no_worker(tmp_path, body):
    scene = Scene(tmp_path, patience=0.2)

    async def attack() -> None:
        assert await scene.send(MANIFESTS, "Content-Length: 1000", method="POST", body=body) == 408
        assert await scene.send(CHALLENGE) == 200

    scene.run(attack)
    assert scene.seen == [CHALLENGE]


def test_a_body_that_says_it_is_too_large_is_not_waited_for(tmp_path):
    scene = Scene(tmp_path)

    async def attack() -> None:
        length = f"Content-Length: {OTA_BODY + 1}"
        for name in ("registrations", "certificates", "manifests"):
            assert await scene.send(f"/ota/v1/{name}", length, method="POST") == 413

    scene.run(attack)
    assert scene.seen == []


def test_a_body_that_does_not_say_its_length_is_cut_off_at_the_limit(tmp_path):
    scene, part = Scene(tmp_path), bytes(OTA_BODY + 1)

    async def attack() -> None:
        chunk = f"{len(part):x}\r\n".encode() + part + b"\r\n"  # and the last one never comes
        assert await scene.send(MANIFESTS, "Transfer-Encoding: chunked", method="POST", body=chunk) == 413

    scene.run(attack)
    assert scene.seen == []


def test_one_address_gets_so_many_answers_a_minute_of_the_director_and_of_images(tmp_path):
    scene = Scene(tmp_path, rate=3)

    async def attack() -> None:
        statuses = [
            await scene.send(target) for target in (CHALLENGE, IMAGES, IMAGE, CHALLENGE, IMAGES, IMAGE)
        ]
        assert statuses == [200, 200, 200, 429, 429, 429]

    scene.run(attack)
    assert scene.seen == [CHALLENGE, IMAGES]


def test_a_director_that_was_brought_down_takes_neither_images_nor_their_metadata_with_it(tmp_path):
    scene = Scene(tmp_path, director=False)

    async def attack() -> None:
        assert [await scene.send(target) for target in (CHALLENGE, IMAGES, IMAGE)] == [503, 200, 200]

    scene.run(attack)
