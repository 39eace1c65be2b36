"""The blueprints of EA, AA, DC and CPOC, without processes: types, sizes, paths, errors."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from v2xpki import errors
from v2xpki.authorities.etsi.distribution import Distribution
from v2xpki.authorities.etsi.enrolment import Download
from v2xpki.authorities.etsi.reasons import ButterflyReason, RefusedButterfly
from v2xpki.config import Instance, Settings
from v2xpki.store import Database
from v2xpki.store.dc import DcStore, Kind, Publication
from v2xpki.store.schema import upgrade
from v2xpki.time import FixedClock
from v2xpki.web.app import create_app
from v2xpki.web.base import Opened
from v2xpki.web.health import Finding
from v2xpki.web.metrics import unexpected_errors
from v2xpki.web.process import RoleSettings

REQUEST = "application/x-its-request"
ROOT, TLM = bytes.fromhex("0011223344556677"), bytes.fromhex("A1B2C3D4E5F60718")


class Authority:
    """Answers what it is told to, or raises it."""

    def __init__(self) -> None:
        self.outcome: bytes | Exception = b"answer"
        self.seen: list[tuple[str, bytes]] = []

    def _do(self, flow: str, octets: bytes) -> bytes:
        self.seen.append((flow, octets))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def enrol(self, octets: bytes) -> bytes:
        return self._do("enrol", octets)

    def validate(self, octets: bytes) -> bytes:
        return self._do("validate", octets)

    def authorize(self, octets: bytes) -> bytes:
        return self._do("authorize", octets)

    def certify(self, body: bytes) -> bytes:
        return self._do("certify", body)

    def download(self, octets: bytes) -> Download:
        return Download(self._do("download", octets), octets != b"info")


def client(
    role: str, tmp_path: Path, authority: object, check: Callable[[], Finding] | None = None
) -> FlaskClient:
    settings = RoleSettings(role=role, instance=Instance(tmp_path, Settings()), bind="")
    checks = {"token": check or (lambda: Finding("signs"))}
    return create_app(role, settings, lambda _: Opened(authority, checks)).test_client()


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def ea(tmp_path: Path, authority: Authority) -> FlaskClient:
    return client("ea", tmp_path, authority)


def test_octets_go_in_and_out_as_they_are(ea: FlaskClient, authority: Authority, tmp_path: Path) -> None:
    for http, path, flow in (
        (ea, "/ea", "enrol"),
        (ea, "/ea/", "enrol"),
        (ea, "/ea/validation", "validate"),
        (client("aa", tmp_path, authority), "/aa", "authorize"),
        (client("aa", tmp_path, authority), "/aa/butterfly", "certify"),
    ):
        answer = http.post(path, data=b"\0\xff" * 100, content_type=REQUEST)
        assert (answer.status_code, answer.content_type, answer.data) == (
            200,
            "application/x-its-response",
            b"answer",
        )
        assert authority.seen.pop() == (flow, b"\0\xff" * 100)


@pytest.mark.parametrize("kind", ["Application/X-ITS-Request", "application/x-its-request; charset=binary"])
def test_the_type_is_compared_as_media_types_are(ea: FlaskClient, kind: str) -> None:
    assert ea.post("/ea", data=b"x", content_type=kind).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "application/x-its-requests", ""])
def test_another_type_gets_415_and_does_not_reach_the_authority(
    ea: FlaskClient, authority: Authority, kind: str
) -> None:
    assert ea.post("/ea", data=b"x", content_type=kind).status_code == 415
    assert authority.seen == []


def test_the_limit_of_size_is_exact(ea: FlaskClient) -> None:
    limit = Settings().limits.body_octets
    assert ea.post("/ea", data=bytes(limit), content_type=REQUEST).status_code == 200
    assert ea.post("/ea", data=bytes(limit + 1), content_type=REQUEST).status_code == 413


def test_a_body_that_lies_about_its_length_is_still_limited(ea: FlaskClient) -> None:
    limit = Settings().limits.body_octets
    headers = {"Transfer-Encoding": "chunked"}
    answer = ea.post("/ea", data=bytes(limit + 1), content_type=REQUEST, headers=headers, environ_overrides={
        "CONTENT_LENGTH": "", "wsgi.input_terminated": True})  # fmt: skip
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.DecodeError("x", offset=3), 400),
        (errors.NotRecipient("x"), 400),
        (errors.UnwrapFailed("x"), 400),
        (errors.InvalidPoint("x"), 400),
        (errors.TokenLost("x"), 503),
        (errors.KeyNotFound("x"), 503),
        (errors.RecordFailed("x"), 503),
        (errors.AuditError("x"), 503),
        (OperationalError("select", {}, Exception("locked")), 503),
        (errors.PermissionDenied("x"), 500),
        (ZeroDivisionError("secret detail"), 500),
    ],
)
def test_each_error_has_its_status_and_tells_no_detail(
    ea: FlaskClient, authority: Authority, error: Exception, status: int
) -> None:
    authority.outcome = error
    answer = ea.post("/ea", data=b"x", content_type=REQUEST)
    assert answer.status_code == status
    assert answer.content_type == "text/plain; charset=utf-8"
    assert b"secret" not in answer.data and type(error).__name__.encode() not in answer.data
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert ("X-Request-Id" in answer.headers) == (status >= 500)


def test_only_errors_that_nobody_foresaw_are_counted_as_such(ea: FlaskClient, authority: Authority) -> None:
    counter = unexpected_errors.labels("ea")._value
    before = counter.get()
    for error in (errors.DecodeError("x"), errors.TokenLost("x")):
        authority.outcome = error
        ea.post("/ea", data=b"x", content_type=REQUEST)
    assert counter.get() == before
    authority.outcome = RuntimeError()
    ea.post("/ea", data=b"x", content_type=REQUEST)
    assert counter.get() == before + 1


def test_a_method_that_is_not_served_is_told_which_is(ea: FlaskClient) -> None:
    answer = ea.get("/ea")
    assert answer.status_code == 405 and "POST" in answer.headers["Allow"]
    assert ea.post("/enrolment").status_code == 404


def test_an_authority_that_cannot_be_opened_answers_503_until_it_can(tmp_path: Path) -> None:
    attempts: list[int] = []
    settings = RoleSettings(role="ea", instance=Instance(tmp_path, Settings()), bind="")

    def opener(_: RoleSettings) -> Opened[Authority]:
        attempts.append(1)
        raise errors.TokenLost("no such token")

    http = create_app("ea", settings, opener).test_client()
    for _ in range(3):
        assert http.post("/ea", data=b"x", content_type=REQUEST).status_code == 503
    assert len(attempts) == 1  # not once a request
    assert http.get("/healthz").status_code == 200
    ready = http.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["checks"] == {"start": {"ok": False, "text": "not started: TokenLost"}}


def test_a_role_is_ready_while_its_checks_pass(tmp_path: Path, authority: Authority) -> None:
    assert client("ea", tmp_path, authority).get("/readyz").get_json()["ready"] is True

    def lost() -> Finding:
        raise errors.TokenLost("gone: 00112233445566778899")

    answer = client("ea", tmp_path, authority, lost).get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["token"] == {"ok": False, "text": "TokenLost"}


# --- lists ----------------------------------------------------------------------------------------


@pytest.fixture
def clock(fixed_clock: FixedClock) -> FixedClock:
    return fixed_clock


@pytest.fixture
def distribution(tmp_path: Path, clock: FixedClock) -> Distribution:
    database = Database.open(tmp_path / "dc.db", clock=clock)
    upgrade(database, "dc")
    return Distribution(DcStore(database), clock)


@pytest.fixture
def dc(tmp_path: Path, distribution: Distribution, clock: FixedClock) -> FlaskClient:
    start, end = clock.now - 10, clock.now + 1000
    distribution.publish(
        [
            Publication(Kind.CTL, ROOT, start, end, b"ctl", sequence=7),
            Publication(Kind.CTL, ROOT, start, end, b"delta", sequence=7, delta=True),
            Publication(Kind.CRL, ROOT, start, end, b"crl"),
            Publication(Kind.ROOT_LINK, ROOT, start, end, b"root link"),
            Publication(Kind.ECTL, TLM, start, end, b"ectl", sequence=3),
            Publication(Kind.ECTL, TLM, start, end, b"delta ectl", sequence=3, delta=True),
            Publication(Kind.TLM_CERTIFICATE, TLM, start, end, b"tlm"),
            Publication(Kind.TLM_LINK, TLM, start, end, b"tlm link"),
        ]
    )
    return client("dc", tmp_path, distribution)


@pytest.mark.parametrize(
    ("path", "kind", "octets"),
    [
        ("/dc/getctl/{root}", "application/x-its-ctl", b"ctl"),
        ("/dc/getctl/{root}/7", "application/x-its-ctl", b"delta"),
        ("/dc/getcrl/{root}", "application/x-its-crl", b"crl"),
        ("/dc/getrcalinkcertificate/{root}", "application/octet-stream", b"root link"),
        ("/cpoc/gettlmcertificate", "application/octet-stream", b"tlm"),
        ("/cpoc/gettlmcertificate/{tlm}", "application/octet-stream", b"tlm"),
        ("/cpoc/gettlmlinkcertificate", "application/octet-stream", b"tlm link"),
        ("/cpoc/gettlmlinkcertificate/{tlm}", "application/octet-stream", b"tlm link"),
        ("/cpoc/getectl/{tlm}", "application/octet-stream", b"ectl"),
        ("/cpoc/getdeltaectl/{tlm}", "application/octet-stream", b"delta ectl"),
        ("/cpoc/getdeltaectl/{tlm}/3", "application/octet-stream", b"delta ectl"),
    ],
)
@pytest.mark.parametrize("case", [str.upper, str.lower])
@pytest.mark.parametrize("slash", ["", "/"])
def test_l6_paths_and_types_in_both_cases_with_and_without_slash(
    dc: FlaskClient, path: str, kind: str, octets: bytes, case: Callable[[str], str], slash: str
) -> None:
    answer = dc.get(path.format(root=case(ROOT.hex()), tlm=case(TLM.hex())) + slash)
    assert (answer.status_code, answer.content_type, answer.data) == (200, kind, octets)


@pytest.mark.parametrize("path", [
    f"/dc/getctl/{'00' * 8}", f"/dc/getcrl/{'00' * 8}", f"/dc/getctl/{ROOT.hex()}/8",
    f"/cpoc/getectl/{ROOT.hex()}", f"/cpoc/getdeltaectl/{TLM.hex()}/4",
    f"/cpoc/gettlmcertificate/{ROOT.hex()}", "/dc/getctl", "/cpoc", "/dc",
    f"/cpoc/gettlmlinkcertificate/{ROOT.hex()}", f"/dc/getrcalinkcertificate/{TLM.hex()}",
    "/dc/getrcalinkcertificate",
])  # fmt: skip
def test_what_is_not_published_is_404(dc: FlaskClient, path: str) -> None:
    assert dc.get(path).status_code == 404


@pytest.mark.parametrize("path", [
    "/dc/getctl/xyz", f"/dc/getctl/{'0' * 15}", f"/dc/getctl/{'0' * 18}", f"/dc/getctl/{ROOT.hex()}/256",
    f"/dc/getctl/{ROOT.hex()}/-1", f"/dc/getctl/{ROOT.hex()}/1e1", "/cpoc/gettlmcertificate/0x11223344556677",
    "/cpoc/gettlmlinkcertificate/xyz", "/dc/getrcalinkcertificate/xyz",
    f"/dc/getcrl/{'٠' * 16}",
])  # fmt: skip
def test_malformed_names_and_sequences_are_400(dc: FlaskClient, path: str) -> None:
    assert dc.get(path).status_code == 400


def test_a_list_that_the_client_has_is_not_sent_again(dc: FlaskClient) -> None:
    first = dc.get(f"/dc/getctl/{ROOT.hex()}")
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    again = dc.get(f"/dc/getctl/{ROOT.hex()}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_lists_are_not_to_be_posted(dc: FlaskClient) -> None:
    assert dc.post(f"/dc/getctl/{ROOT.hex()}").status_code == 405
    assert dc.head(f"/dc/getctl/{ROOT.hex()}").status_code == 200


def test_a_butterfly_file_is_a_zip_or_a_signed_answer(ea: FlaskClient, authority: Authority) -> None:
    for body, kind in ((b"zip", "application/zip"), (b"info", "application/x-its-response")):
        answer = ea.post("/ea/butterfly/download", data=body, content_type=REQUEST)
        assert (answer.status_code, answer.content_type, answer.data) == (200, kind, b"answer")
        assert answer.headers["Cache-Control"] == "no-store"
    assert authority.seen[-1] == ("download", b"info")
    assert ea.post("/ea/butterfly/download", data=b"x", content_type="text/plain").status_code == 415


@pytest.mark.parametrize("reason", list(ButterflyReason))
def test_butterfly_refusals_are_statuses_that_tell_little(
    ea: FlaskClient, authority: Authority, tmp_path: Path, reason: ButterflyReason
) -> None:
    authority.outcome = RefusedButterfly(reason, "car-1 at the third junction")
    aa = client("aa", tmp_path, authority)
    for answer in (
        ea.post("/ea", data=b"x", content_type=REQUEST),
        ea.post("/ea/butterfly/download", data=b"x", content_type=REQUEST),
        aa.post("/aa/butterfly", data=b"x", content_type=REQUEST),
    ):
        assert answer.status_code in (400, 403, 404, 429, 503)
        assert b"junction" not in answer.data
    # who is not believed learns nothing of why
    if reason in (ButterflyReason.UNKNOWN_STATION, ButterflyReason.BAD_SIGNATURE, ButterflyReason.BARRED):
        assert (answer.status_code, answer.data) == (403, b"refused\n")
    if reason is ButterflyReason.NOT_YET:
        assert answer.headers["Retry-After"] == "60"
