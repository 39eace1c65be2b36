"""The router before an SCMS: which path goes to whom, what goes along, and whom it believes to be a role."""

import asyncio
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from v2xpki.authorities.lab_tls import make_internal_tls
from v2xpki.time import SystemClock
from v2xpki.web.process import PREFIXES, V3_PATHS
from v2xpki.web.router import FORWARDED_V3, Router, forwarded
from v2xpki.web.upstream import Away, Upstream

ANSWER = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def router() -> Router:
    upstreams: dict[str, Any] = {
        role: SimpleNamespace(role=role) for role in ("ea", "eca", "ra", "sdc", "ma")
    }
    return Router(PREFIXES, upstreams, v3=V3_PATHS, body_limit=1000, read_timeout=1.0)


@pytest.mark.parametrize(
    ("target", "role", "handed_on"),
    [
        ("/v3/enrollment-certificate", "eca", "/v3/enrollment-certificate"),
        ("/v3/enrollment-certificate?x=1", "eca", "/v3/enrollment-certificate"),
        (
            "/v3/authorization-certificate?filename=A.zip",
            "ra",
            "/v3/authorization-certificate?filename=A.zip",
        ),
        ("/v3/policy?who=me", "ra", "/v3/policy"),
        ("/v3/ccf-ctl?ctlSeriesId=1", "sdc", "/v3/ccf-ctl?ctlSeriesId=1"),
        ("/v3/crl/?craca=1", "sdc", "/v3/crl/?craca=1"),
        ("/ea?x=1", "ea", "/ea?x=1"),
        ("/v3", None, None),
        ("/v3/", None, None),
        ("/v3/anything", None, None),
        ("/internal/v1/certificates", None, None),
        ("/ma", None, None),
        ("/aa", None, None),
    ],
)
def test_a_path_goes_to_one_role_and_a_query_where_it_is_read(router, target, role, handed_on):
    route = router._route(target)
    assert (route and route.upstream.role, route and route.target) == (role, handed_on)


def request(**headers: str) -> Any:
    return SimpleNamespace(
        headers=CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()})
    )


def lines(octets: bytes) -> list[bytes]:
    return octets.partition(b"\r\n\r\n")[0].split(b"\r\n")[2:]


def test_who_asks_for_a_file_and_for_what_of_it_goes_along_and_nothing_else():
    asked = request(Range="bytes=5-", If_Range='"e"', Authorization="Basic x", User_Agent="obu", Cookie="a=b")
    asked.headers["Ieee-1609.2.1-Authorization"] = "YQ=="
    told = lines(forwarded("GET", "/v3/x", asked, b"", FORWARDED_V3))
    assert told == [
        b"ieee-1609.2.1-authorization: YQ==",
        b"range: bytes=5-",
        b'if-range: "e"',
        b"content-length: 0",
    ]


def test_a_head_is_of_the_whole_and_etsi_roles_see_nothing_of_this():
    asked = request(Range="bytes=5-", If_Range='"e"')
    assert lines(forwarded("HEAD", "/v3/x", asked, b"", FORWARDED_V3)) == [b"content-length: 0"]
    assert lines(forwarded("GET", "/dc/x", asked, b"")) == [b"content-length: 0"]


@pytest.fixture
def tls(tmp_path: Path) -> Any:
    """name, side -> context of one of the house's components."""
    ca, pairs = make_internal_tls(("router", "ra", "ma"), SystemClock())
    (tmp_path / "ca.pem").write_bytes(ca)

    def context(name: str, side: int) -> ssl.SSLContext:
        (tmp_path / "c.pem").write_bytes(pairs[name][0])
        (tmp_path / "c.key").write_bytes(pairs[name][1])
        made = ssl.SSLContext(side)
        made.load_verify_locations(tmp_path / "ca.pem")
        made.load_cert_chain(tmp_path / "c.pem", tmp_path / "c.key")
        made.verify_mode = ssl.CERT_REQUIRED
        return made

    return context


def test_a_role_is_believed_by_the_name_in_its_certificate(tmp_path, tls):
    async def ask(name: str) -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            seen.append(
                dict(entry[0] for entry in writer.get_extra_info("peercert")["subject"])["commonName"]
            )
            writer.write(ANSWER)
            await writer.drain()
            writer.close()

        path = str(tmp_path / f"{name}.sock")
        async with await asyncio.start_unix_server(serve, path, ssl=tls(name, ssl.PROTOCOL_TLS_SERVER)):
            client = tls("router", ssl.PROTOCOL_TLS_CLIENT)
            upstream = Upstream("ra", path, size=1, waiting=1, timeout=5, tls=client)
            return (await upstream.ask(b"GET / HTTP/1.1\r\n\r\n")).body

    seen: list[str] = []
    assert asyncio.run(ask("ra")) == b"ok"
    assert seen == ["router"]
    with pytest.raises(Away):
        asyncio.run(ask("ma"))
    assert seen == ["router"]


def test_what_tells_a_device_which_piece_it_got_comes_back(router):
    class Ra:
        async def ask(self, octets: bytes) -> Any:
            return SimpleNamespace(
                status=206,
                body=b"ok",
                headers={"content-range": "bytes 5-6/9", "accept-ranges": "bytes", "x": "y"},
            )

    router._v3["authorization-certificate"] = Ra()

    async def get() -> web.Response:
        asked = request()
        asked.method, asked.raw_path = "GET", "/v3/authorization-certificate"
        asked.content_length, asked.body_exists, asked.remote = None, False, ""
        return await router.handle(asked)

    answer = asyncio.run(get())
    assert answer.status == 206
    assert answer.headers["content-range"] == "bytes 5-6/9" and answer.headers["accept-ranges"] == "bytes"
    assert "x" not in answer.headers
