"""What components ask of each other over HTTP: who may, what is answered, what is said of faults."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.scms_links import guarded_app
from v2xpki.authorities.scms.case_parts import PartReason, RefusedParts
from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.la_reasons import BatchReason, CaseReason, RefusedCase, RefusedWishes, WishReason
from v2xpki.errors import AuditError, InvalidCtl, RecordFailed, TokenLost
from v2xpki.links import scms_frames as frames
from v2xpki.web.internal import (
    aca_blueprint,
    eca_blueprint,
    la_blueprint,
    may,
    peer_name,
    ra_blueprint,
    sdc_blueprint,
)

NAMES = ("router", "ra", "ma", "eca", "aca", "la1", "la2", "sdc", "operator", "", "Router", "ra ")
ROLES = ("eca", "ra", "aca", "la1", "la2", "ma", "sdc")
CALLS = {call.path: call for call in vars(frames).values() if isinstance(call, frames.Call)}
CALLERS = {
    "ra": {frames.PRE_LINKAGE_VALUES.path, frames.CERTIFY.path, frames.SUCCEED.path},
    "ma": {
        frames.PARTS_OF.path,
        frames.TRACE.path,
        frames.BLOCK.path,
        frames.SEED_AT.path,
        frames.FURTHER_SEED.path,
        frames.PUBLISH.path,
    },
}


class Answers:
    """A component of any role that does what a test says; notes what it is called with."""

    def __init__(self, answer: Any) -> None:
        self._answer, self.seen = answer, []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.seen.append((name, arguments, named))
            if isinstance(self._answer, Exception):
                raise self._answer
            return self._answer

        return call


def client(role: str, name: str, answer: Any = None) -> tuple[FlaskClient, Answers]:
    answers = Answers(answer)
    blueprint = {
        "la1": lambda: la_blueprint(lambda: answers, lambda: answers),
        "aca": lambda: aca_blueprint(lambda: answers, lambda: answers),
        "eca": lambda: eca_blueprint(lambda: answers),
        "ra": lambda: ra_blueprint(lambda: answers),
        "sdc": lambda: sdc_blueprint(lambda: answers),
    }[role]()
    app = guarded_app(role, blueprint, who=lambda _: name)
    app.add_url_rule("/healthz", "health", view_func=lambda: "ok\n")
    app.add_url_rule("/v3/crl", "crl", view_func=lambda: "a list")
    return app.test_client(), answers


def post(at: FlaskClient, call: frames.Call[Any, Any], body: bytes, **options: Any) -> Any:
    return at.post(call.path, data=body, content_type=options.get("kind", frames.MEDIA_TYPE))


# --- who may ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ROLES)
def test_each_name_may_ask_for_what_the_table_says_and_for_nothing_else(name: str, role: str) -> None:
    for path in CALLS:
        assert may(name, role, path) == (path in CALLERS.get(name, ()))
        assert not may(name, role, path + "/")
        assert not may(name, role, path.upper())
    assert may(name, role, "/healthz") == may(name, role, "/readyz") == (name in ("router", "admin"))
    reads = name in ("eca", "ra", "aca", "la1", "la2", "ma") and role == "sdc"
    assert may(name, role, "/v3/anything") == (name == "router" or reads)
    for path in ("/", "/metrics", "/internal/v1/", "/internal/v2/certificates", "/V3/x", "", "//v3/x"):
        assert not may(name, role, path)


def test_all_calls_of_a_role_are_closed_to_the_others_over_http() -> None:
    for name in set(NAMES) - {"ra"}:
        at, answers = client("aca", name, [])
        assert post(at, frames.CERTIFY, frames.CERTIFY.asked.encode([])).status_code == 403
        assert not answers.seen


def test_a_path_that_is_not_there_looks_like_one_that_is_not_for_the_client() -> None:
    at, _ = client("aca", "ra")
    assert at.get("/metrics").status_code == 403
    assert at.post("/internal/v1/none").status_code == 403


def test_the_router_has_devices_paths_and_health() -> None:
    at, _ = client("aca", "router")
    assert at.get("/v3/crl").data == b"a list"
    assert at.get("/healthz").status_code == 200


class Proven:
    def __init__(self, *names: str) -> None:
        self._names = names

    def getpeercert(self) -> dict[str, Any]:
        return {"subject": tuple((("commonName", name),) for name in self._names)}


@pytest.mark.parametrize(
    ("socket", "name"),
    [(Proven("ra"), "ra"), (Proven(), ""), (Proven("ra", "ma"), ""), (None, ""), (object(), "")],
)
def test_a_client_is_who_its_certificate_names_once(socket: Any, name: str) -> None:
    assert peer_name({"gunicorn.socket": socket, "HTTP_X_CLIENT_CN": "ma"}) == name


def test_a_certificate_that_was_not_verified_names_nobody() -> None:
    class Unverified:
        def getpeercert(self) -> None:
            return None

    assert peer_name({"gunicorn.socket": Unverified()}) == ""


# --- what is answered --------------------------------------------------------------------------------


def test_the_ras_name_is_the_one_that_was_proven() -> None:
    at, answers = client("la1", "ra", [[b"value"]])
    wishes = [Wish(bytes(16), 5, [1], None)]
    answer = post(at, frames.PRE_LINKAGE_VALUES, frames.PRE_LINKAGE_VALUES.asked.encode(wishes))
    assert frames.PRE_LINKAGE_VALUES.answered.decode(answer.data) == [[b"value"]]
    assert answers.seen == [("pre_linkage_values", (wishes,), {"ra": "ra"})]


def test_the_mas_name_is_the_one_that_was_proven() -> None:
    at, answers = client("aca", "ma")
    answer = post(at, frames.PARTS_OF, frames.PARTS_OF.asked.encode((b"certificate", b"case")))
    assert frames.PARTS_OF.answered.decode(answer.data) is None
    assert answers.seen == [("parts_of", (b"certificate", b"case"), {"ma": "ma"})]


@pytest.mark.parametrize("refused", [RefusedCase(CaseReason.PAST), RefusedParts(PartReason.BAD_PART)])
def test_a_refusal_is_409_with_its_reason(refused: Any) -> None:
    at, _ = client("la1", "ma", refused)
    answer = post(at, frames.FURTHER_SEED, frames.FURTHER_SEED.asked.encode((b"lci", 5, b"case")))
    back = frames.FURTHER_SEED.refused.decode(answer.data)
    assert (answer.status_code, type(back), back.reason) == (409, type(refused), refused.reason)


def test_refused_wishes_come_with_their_places() -> None:
    refused = RefusedWishes(BatchReason.WISHES, [(3, WishReason.REVOKED)])
    at, _ = client("la1", "ra", refused)
    answer = post(at, frames.PRE_LINKAGE_VALUES, frames.PRE_LINKAGE_VALUES.asked.encode([]))
    back = frames.PRE_LINKAGE_VALUES.refused.decode(answer.data)
    assert isinstance(back, RefusedWishes)
    assert back.wishes == refused.wishes


@pytest.mark.parametrize("error", [TokenLost("slot 7"), RecordFailed("table x"), AuditError("no space")])
def test_a_token_or_store_that_is_away_is_503_with_a_time_and_no_detail(error: Exception) -> None:
    at, _ = client("eca", "ra", error)
    answer = post(at, frames.SUCCEED, frames.SUCCEED.asked.encode(b"request"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert answer.data == b"temporarily unavailable\n"


@pytest.mark.parametrize("error", [KeyError("secret"), RefusedCase(CaseReason.PAST)])
def test_what_nobody_foresaw_is_500_and_tells_nothing(error: Exception) -> None:
    at, _ = client("eca", "ra", error)  # an ECA has no cases
    answer = post(at, frames.SUCCEED, frames.SUCCEED.asked.encode(b"request"))
    assert (answer.status_code, answer.data) == (500, b"internal error\n")


def test_an_answer_that_has_no_frame_is_a_fault_of_this_side() -> None:
    at, _ = client("la1", "ma", b"short seed")
    answer = post(at, frames.FURTHER_SEED, frames.FURTHER_SEED.asked.encode((b"lci", 5, b"case")))
    assert answer.status_code == 500


def test_documents_that_do_not_verify_are_422() -> None:
    at, _ = client("sdc", "ma", InvalidCtl("no quorum"))
    answer = post(at, frames.PUBLISH, frames.PUBLISH.asked.encode([b"document"]))
    assert answer.status_code == 422
    assert b"quorum" not in answer.data


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", frames.MEDIA_TYPE, 411),
        (b"\0\0\0", frames.MEDIA_TYPE, 400),
        (frames.BLOCK.asked.encode(bytes(8)), "application/json", 415),
        (bytes(frames.BLOCK.request_limit + 1), frames.MEDIA_TYPE, 413),
    ],
)
def test_what_is_no_request_reaches_no_authority(body: bytes, kind: str, status: int) -> None:
    at, answers = client("ra", "ma")
    assert post(at, frames.BLOCK, body, kind=kind).status_code == status
    assert not answers.seen
