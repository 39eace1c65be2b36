"""The blueprints of an SCMS's ECA, RA and distribution centre, without processes."""

import base64
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from v2xpki import errors
from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.authorities.scms.ra_downloads import FileName, ScmsFile
from v2xpki.authorities.scms.ra_reasons import RaReason, RefusedRequest
from v2xpki.config import Instance, Settings
from v2xpki.web import metrics
from v2xpki.web.app import create_app
from v2xpki.web.base import Opened
from v2xpki.web.process import RoleSettings
from v2xpki.web.scms import LONGEST_AUTHORIZATION

OCTETS = "application/octet-stream"
NAME = "0123456789ABCDEF_26A.zip"
FILE = ScmsFile.of(FileName(bytes.fromhex("0123456789ABCDEF"), "zip", 0x26A), bytes(range(200)))
HEADER = "Ieee-1609.2.1-Authorization"
ASKED = {HEADER: base64.b64encode(b"an SPDU").decode()}
CERTIFICATES = "/v3/authorization-certificate"


class Authority:
    """Does what it is told to, in whatever it is asked."""

    def __init__(self) -> None:
        self.outcome: Any = b"answer"
        self.seen: list[tuple[Any, ...]] = []
        self.certificate = SimpleNamespace(octets=b"an RA's", digest=sha256(b"an RA's").digest())

    def __getattr__(self, flow: str) -> Callable[..., Any]:
        def done(*asked: Any) -> Any:
            self.seen.append((flow, *asked))
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return self.outcome

        return done


@pytest.fixture
def authority() -> Authority:
    return Authority()


def client(role: str, tmp_path: Path, authority: Authority, settings: str = "") -> FlaskClient:
    instance = Instance(tmp_path, Settings.parse(f'profile = "scms"\n{settings}'))
    served = SimpleNamespace(authority=authority) if role == "ra" else authority
    app = create_app(role, RoleSettings(role, instance, bind="unix:x"), lambda _: Opened(served, {}))
    made = app.test_client()
    made.environ_base["gunicorn.socket"] = Router()
    return made


class Router:
    """The router's connection, as gunicorn has it."""

    def getpeercert(self) -> dict[str, Any]:
        return {"subject": ((("commonName", "router"),),)}


@pytest.fixture
def ra(tmp_path: Path, authority: Authority) -> FlaskClient:
    return client("ra", tmp_path, authority)


def test_an_ra_acknowledges_requests_with_202(ra, authority):
    for path, flow in ((CERTIFICATES, "request"), ("/v3/successor-enrollment-certificate", "successor")):
        answer = ra.post(path, data=b"asked", content_type=OCTETS)
        assert (answer.status_code, answer.data, answer.content_type) == (202, b"answer", OCTETS)
        assert authority.seen.pop() == (flow, b"asked")


def test_an_eca_answers_enrolment_at_once(tmp_path, authority):
    answer = client("eca", tmp_path, authority).post(
        "/v3/enrollment-certificate", data=b"asked", content_type=OCTETS
    )
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"answer", OCTETS)


def test_a_file_is_asked_for_by_the_header_with_or_without_its_name(ra, authority):
    authority.outcome = FILE
    for path, flow in (
        (CERTIFICATES, "download"),
        ("/v3/successor-enrollment-certificate", "successor_file"),
    ):
        for query, name in (("", None), (f"?filename={NAME}", NAME)):
            answer = ra.get(path + query, headers=ASKED)
            assert (answer.status_code, answer.data) == (200, FILE.octets)
            assert answer.content_type == "application/zip"
            assert authority.seen.pop() == (flow, b"an SPDU", name)


@pytest.mark.parametrize("text", [None, "", "===", "YQ", "YQ==\t", "Bearer YQ==", "é"])
def test_a_header_that_is_no_base64_is_400(ra, authority, text):
    authority.outcome = errors.DecodeError("nothing is there", offset=0)
    headers = {} if text is None else {HEADER: text}
    assert ra.get(CERTIFICATES, headers=headers).status_code == 400
    assert [flow for flow, *_ in authority.seen] == (["download"] if text == "" else [])


def test_a_header_beyond_the_limit_is_413_whatever_it_holds(ra, authority):
    text = base64.b64encode(bytes(LONGEST_AUTHORIZATION + 6)).decode()
    assert ra.get(CERTIFICATES, headers={HEADER: text}).status_code == 413
    assert not authority.seen


# --- ranges ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=190-", 206, 190, 200),
        ("bytes=-5", 206, 195, 200),
        ("bytes=199-4000", 206, 199, 200),
        ("bytes=0-0,5-6", 200, 0, 200),
        ("bytes=9-3", 200, 0, 200),
        ("octets=0-9", 200, 0, 200),
        ("nonsense", 200, 0, 200),
    ],
)
def test_one_range_of_octets_is_served_and_anything_else_is_the_whole(
    ra, authority, wanted, status, start, end
):
    authority.outcome = FILE
    answer = ra.get(CERTIFICATES, headers={**ASKED, "Range": wanted})
    assert (answer.status_code, answer.data) == (status, FILE.octets[start:end])
    assert answer.headers["ETag"] == FILE.etag
    assert answer.headers["Accept-Ranges"] == "bytes"
    wanted_range = f"bytes {start}-{end - 1}/200" if status == 206 else None
    assert answer.headers.get("Content-Range") == wanted_range


def test_a_range_beyond_the_end_is_416_and_tells_the_length(ra, authority):
    authority.outcome = FILE
    answer = ra.get(CERTIFICATES, headers={**ASKED, "Range": "bytes=200-"})
    assert (answer.status_code, answer.data) == (416, b"")
    assert answer.headers["Content-Range"] == "bytes */200"


def test_a_range_of_another_file_than_this_is_the_whole_of_this(ra, authority):
    authority.outcome = FILE
    for etag, status in (
        (FILE.etag, 206),
        ('"other"', 200),
        ("W/" + FILE.etag, 200),
        ("Wed, 1 Jan 2025", 200),
    ):
        answer = ra.get(CERTIFICATES, headers={**ASKED, "Range": "bytes=5-", "If-Range": etag})
        assert answer.status_code == status, etag


def test_a_file_that_is_there_already_is_304_before_ranges(ra, authority):
    authority.outcome = FILE
    headers = {**ASKED, "If-None-Match": f'"other", {FILE.etag}', "Range": "bytes=5-"}
    answer = ra.get(CERTIFICATES, headers=headers)
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", FILE.etag)


def test_a_head_tells_all_but_the_file(ra, authority):
    authority.outcome = FILE
    answer = ra.head(CERTIFICATES, headers=ASKED)
    assert (answer.status_code, answer.data) == (200, b"")
    assert (answer.headers["Content-Length"], answer.headers["ETag"]) == ("200", FILE.etag)


def test_everybody_may_have_certificate_status_and_policy_of_an_ra(ra, authority):
    answer = ra.get("/v3/ra-certificate")
    assert (answer.data, answer.content_type) == (b"an RA's", OCTETS)
    assert ra.get("/v3/ra-certificate", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert ra.get("/v3/certificate-management-info-status").content_type == OCTETS
    assert ra.get("/v3/policy").content_type == "application/json"
    assert [flow for flow, *_ in authority.seen] == ["status", "policy"]


# --- refusals ----------------------------------------------------------------------------------------


def refused() -> Iterator[tuple[str, str, Exception, int]]:
    fine = {
        RaReason.CANNOT_DECRYPT: 400, RaReason.OUT_OF_TIME: 400, RaReason.BAD_SIGNATURE: 401,
        RaReason.UNSIGNED: 401, RaReason.BLOCKED: 403, RaReason.REVOKED: 403, RaReason.DENIED_REGION: 403,
        RaReason.ECA_REFUSED: 403, RaReason.NO_FILE: 404, RaReason.TOO_MANY: 429,
    }  # fmt: skip
    for reason, status in fine.items():
        yield "ra", CERTIFICATES, RefusedRequest(reason, ""), status
    for of_eca, status in (
        (EcaReason.BARRED, 403),
        (EcaReason.UNKNOWN_DEVICE, 401),
        (EcaReason.TOO_MANY, 429),
    ):
        yield "eca", "/v3/enrollment-certificate", RefusedEnrolmentRequest(of_eca, ""), status


@pytest.mark.parametrize(
    ("role", "path", "error", "status"), list(refused()), ids=lambda value: str(value)[:24]
)
def test_a_refusal_is_a_status_of_its_own_or_500_alone(tmp_path, authority, role, path, error, status):
    authority.outcome = error
    fine = client(role, tmp_path, authority).post(path, data=b"asked", content_type=OCTETS)
    assert fine.status_code == status and fine.data
    assert ("WWW-Authenticate" in fine.headers) == (status == 401)
    coarse = client(role, tmp_path, authority, "[scms]\nfine_errors = false").post(
        path, data=b"asked", content_type=OCTETS
    )
    assert (coarse.status_code, coarse.data) == (500, b"")
    assert "Retry-After" not in coarse.headers and "X-Request-Id" not in coarse.headers


def test_a_file_that_will_come_is_404_with_the_time_to_wait(ra, authority):
    authority.outcome = RefusedRequest(RaReason.NOT_YET, "")
    answer = ra.get(CERTIFICATES, headers=ASKED)
    assert (answer.status_code, answer.headers["Retry-After"]) == (404, "60")


def test_what_http_itself_refuses_is_told_in_coarse_mode_too(tmp_path, authority):
    coarse = client("ra", tmp_path, authority, "[scms]\nfine_errors = false\n[limits]\nbody_octets = 10")
    assert coarse.post(CERTIFICATES, data=b"x" * 11, content_type=OCTETS).status_code == 413
    assert coarse.post(CERTIFICATES, data=b"x", content_type="application/json").status_code == 415
    authority.outcome = RefusedRequest(RaReason.CANNOT_PARSE, "")
    assert coarse.post(CERTIFICATES, data=b"x", content_type=OCTETS).status_code == 400


def test_a_coarse_refusal_is_counted_apart_from_what_nobody_foresaw(tmp_path, authority, capsys):
    coarse = client("ra", tmp_path, authority, "[scms]\nfine_errors = false")
    unexpected, refusals = metrics.unexpected_errors.labels("ra"), metrics.refused.labels("ra", "403")
    before = unexpected._value.get(), refusals._value.get()
    authority.outcome = RefusedRequest(RaReason.BLOCKED, "")
    coarse.post(CERTIFICATES, data=b"x", content_type=OCTETS)
    assert (unexpected._value.get(), refusals._value.get()) == (before[0], before[1] + 1)
    assert "error" not in capsys.readouterr().err
    authority.outcome = RuntimeError("nobody foresaw it")
    answer = coarse.post(CERTIFICATES, data=b"x", content_type=OCTETS)
    assert (answer.status_code, unexpected._value.get()) == (500, before[0] + 1)
    assert answer.headers["X-Request-Id"] in capsys.readouterr().err


# --- the distribution centre -------------------------------------------------------------------------


@pytest.fixture
def sdc(tmp_path: Path, authority: Authority) -> FlaskClient:
    authority.outcome = SimpleNamespace(octets=b"a list", etag=sha256(b"a list").hexdigest())
    return client("sdc", tmp_path, authority)


ID, ID8 = "0011223344aabbCC", bytes.fromhex("0011223344AABBCC")


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        (f"ca-certificate?certId={ID}", ("ca_certificate", ID8)),
        ("ccf-ctl", ("ccf_ctl", None)),
        (f"ccf-ctl?ctlSeriesId={ID}", ("ccf_ctl", ID8)),
        (f"ctl?ctlSeriesId={ID}", ("ctl", ID8, None)),
        (f"ctl?ctlSeriesId={ID}&ctlSequenceNumber=3", ("ctl", ID8, 3)),
        ("composite-crl-ctl", ("composite_crl_ctl", None)),
        (f"crl?craca={ID}&crlSeries=65535", ("crl", ID8, 65535)),
    ],
)
def test_a_document_is_found_by_its_parameters(sdc, authority, target, asked):
    answer = sdc.get(f"/v3/{target}")
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"a list", OCTETS)
    assert authority.seen == [asked]
    piece = sdc.get(f"/v3/{target}", headers={"Range": "bytes=2-", "If-Range": answer.headers["ETag"]})
    assert (piece.status_code, piece.data) == (206, b"list")


@pytest.mark.parametrize(
    "target",
    [
        "ca-certificate",
        "ca-certificate?certId=00",
        f"ca-certificate?certId={ID}0",
        "ccf-ctl?ctlSeriesId=",
        f"ctl?ctlSeriesId={ID}&ctlSequenceNumber=65536",
        f"ctl?ctlSeriesId={ID}&ctlSequenceNumber=-1",
        f"crl?craca={ID}",
        f"crl?craca={ID}&crlSeries=³",
    ],
)
def test_a_parameter_of_another_form_is_400(sdc, authority, target):
    assert sdc.get(f"/v3/{target}").status_code == 400
    assert not authority.seen


def test_what_is_not_published_is_404(sdc, authority):
    authority.outcome = None
    assert sdc.get("/v3/ccf-ctl").status_code == 404
