"""The router's parts: what it hands on, how it waits, and what a worker may answer."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from v2xpki.web.bounded import BoundedServer, Rate
from v2xpki.web.router import forwarded
from v2xpki.web.upstream import Away, Crowded, Upstream, content_length

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok"


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await main()

    return asyncio.run(bounded())


class Worker:
    """A worker's socket that answers by a script; None closes the connection, a number waits."""

    def __init__(self, path: Path, *script: bytes | float | None) -> None:
        self.path, self._script, self.seen, self.connections = str(path / "w.sock"), list(script), [], 0
        self.running = self.most = 0

    async def __aenter__(self) -> "Worker":
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.seen.append(await reader.readuntil(b"\r\n\r\n"))
                self.running += 1
                self.most = max(self.most, self.running)
                step = self._script.pop(0) if self._script else ANSWER
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    step = ANSWER
                self.running -= 1
                if step is None:
                    break
                writer.write(step)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def upstream(worker: Worker, *, size: int = 2, waiting: int = 10, timeout: float = 5) -> Upstream:
    return Upstream("ea", worker.path, size=size, waiting=waiting, timeout=timeout)


def test_connections_are_kept_and_used_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with Worker(tmp_path) as worker:
            role = upstream(worker)
            for _ in range(5):
                answer = await role.ask(b"GET / HTTP/1.1\r\n\r\n")
                assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"ok", "a/b")
            assert worker.connections == 1

    run(main)


def test_a_kept_connection_that_died_is_replaced_without_the_station_noticing(tmp_path: Path) -> None:
    async def main() -> None:
        async with Worker(tmp_path, ANSWER, None, ANSWER) as worker:
            role = upstream(worker)
            await role.ask(b"GET /1 HTTP/1.1\r\n\r\n")
            assert (await role.ask(b"GET /2 HTTP/1.1\r\n\r\n")).status == 200
            assert worker.connections == 2 and len(worker.seen) == 3

    run(main)


def test_a_worker_that_dies_on_a_new_connection_is_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with Worker(tmp_path, None, None, None) as worker:
            with pytest.raises(Away):
                await upstream(worker).ask(b"GET / HTTP/1.1\r\n\r\n")
        nobody = Upstream("ea", str(tmp_path / "nobody.sock"), size=1, waiting=1, timeout=5)
        with pytest.raises(Away):
            await nobody.ask(b"GET / HTTP/1.1\r\n\r\n")

    run(main)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok",
        b"x" * 70000,
    ],
)
def test_an_answer_in_another_form_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    async def main() -> None:
        async with Worker(tmp_path, answer, answer) as worker:
            with pytest.raises(Away):
                await upstream(worker).ask(b"GET / HTTP/1.1\r\n\r\n")

    run(main)


def test_a_connection_with_more_than_one_answer_is_not_used_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with Worker(tmp_path, ANSWER + b"smuggled") as worker:
            role = upstream(worker)
            assert (await role.ask(b"GET / HTTP/1.1\r\n\r\n")).body == b"ok"
            assert (await role.ask(b"GET / HTTP/1.1\r\n\r\n")).body == b"ok"
            assert worker.connections == 2

    run(main)


def test_no_more_than_its_size_at_once_and_the_rest_in_turn(tmp_path: Path) -> None:
    async def main() -> None:
        async with Worker(tmp_path, *[0.01] * 20) as worker:
            role = upstream(worker, size=3, waiting=20)
            await asyncio.gather(*[role.ask(b"GET / HTTP/1.1\r\n\r\n") for _ in range(20)])
            assert worker.most == 3 and worker.connections == 3

    run(main)


def test_who_comes_when_too_many_wait_is_turned_away_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with Worker(tmp_path, 0.05, 0.05) as worker:
            role = upstream(worker, size=1, waiting=1)
            running = [asyncio.create_task(role.ask(b"GET / HTTP/1.1\r\n\r\n")) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Crowded):
                await role.ask(b"GET / HTTP/1.1\r\n\r\n")
            await asyncio.gather(*running)
            assert (await role.ask(b"GET / HTTP/1.1\r\n\r\n")).status == 200

    run(main)


def test_a_worker_that_hangs_costs_its_time_limit_and_gives_the_place_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with Worker(tmp_path, 10.0) as worker:
            role = upstream(worker, size=1, timeout=0.5)  # time for the first to come to the worker
            # the first waits in the worker, the second in the queue
            asking = [role.ask(b"GET / HTTP/1.1\r\n\r\n") for _ in range(2)]
            ends = await asyncio.gather(*asking, return_exceptions=True)
            assert [type(end) for end in ends] == [TimeoutError, TimeoutError]
            assert role._used == 0
            assert (await upstream(worker).ask(b"GET / HTTP/1.1\r\n\r\n")).status == 200

    run(main)


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  12 \r\nx: y", 12),
        (b"HTTP/1.1 304 NOT MODIFIED\r\netag: x", 0),
        (b"HTTP/1.1 200 OK\r\nx-content-length: 3", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0x1", None),
    ],
)
def test_the_length_of_an_answer(head: bytes, length: int | None) -> None:
    assert content_length(head) == length


def test_nothing_of_who_asks_is_handed_on() -> None:
    headers = CIMultiDict({
        "Host": "pki.example", "Content-Type": "application/x-its-request", "User-Agent": "obu/1",
        "X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "Cookie": "a=b",
        "If-None-Match": '"tag"', "X-Request-Id": "123",
    })  # fmt: skip
    request: Any = SimpleNamespace(headers=headers)
    octets = forwarded("POST", "/aa", request, b"body")
    assert octets == (
        b"POST /aa HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/x-its-request\r\n"
        b'if-none-match: "tag"\r\ncontent-length: 4\r\n\r\nbody'
    )
    assert forwarded("HEAD", "/dc/x", request, b"").startswith(b"GET /dc/x HTTP/1.1\r\n")


def test_the_rate_of_one_address_is_limited_by_the_minute_and_forgotten_after_it() -> None:
    rate = Rate(2)
    assert [rate.exceeded("192.0.2.1", 60.0 + n) for n in range(3)] == [False, False, True]
    assert not rate.exceeded("192.0.2.2", 61.0)
    assert not rate.exceeded("192.0.2.1", 120.0)
    assert rate._counts == {"192.0.2.1": 1}
    assert not any(Rate(0).exceeded("192.0.2.1", 0.0) for _ in range(100))


def test_connections_beyond_the_limit_are_closed_at_once() -> None:
    async def main() -> None:
        async def handle(request: web.BaseRequest) -> web.Response:
            return web.Response(text="ok")

        server = BoundedServer(handle, limit=2)
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        address = listening.sockets[0].getsockname()
        links = [await asyncio.open_connection(*address) for _ in range(3)]
        with contextlib.suppress(ConnectionError):
            assert await links[2][0].read() == b""
        for reader, writer in links[:2]:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for _, writer in links:
            writer.close()
        listening.close()
        await server.shutdown(1)

    run(main)


@pytest.mark.parametrize("turns", range(8))
def test_a_connection_taken_in_the_moment_of_the_end_is_not_waited_for(turns: int) -> None:
    async def main() -> None:
        async def handle(request: web.BaseRequest) -> web.Response:
            raise AssertionError("nobody asked")

        server = BoundedServer(handle, limit=9)
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        with socket.create_connection(listening.sockets[0].getsockname()):
            for _ in range(turns):  # of the loop: from before the connection is seen until its handler waits
                await asyncio.sleep(0)
            listening.close()
            async with asyncio.timeout(10):
                await server.shutdown(300)

    run(main)


def test_a_running_request_ends_before_the_server_does() -> None:
    async def main() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def handle(request: web.BaseRequest) -> web.Response:
            begun.set()
            await go.wait()
            return web.Response(text="done")

        server = BoundedServer(handle, limit=9)
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await begun.wait()
        listening.close()
        ending = asyncio.create_task(server.shutdown(300))
        done, _ = await asyncio.wait((ending,), timeout=0.2)
        assert not done
        go.set()
        assert (await reader.read()).endswith(b"done")
        await ending
        writer.close()

    run(main)
