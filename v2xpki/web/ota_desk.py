"""The desks over HTTP, inside: /internal/v1/ota/... on a role's unix socket, for the admin process alone.

    app.register_blueprint(desk_blueprint(lambda: desk, ImageDesk))

A desk says itself what it answers and who may ask (`answers`). The operator is in a header that only the
admin process sets: it is believed on a unix socket, which is the owner's alone, and nowhere else.
"""

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from v2xpki.errors import DecodeError
from v2xpki.ota.desk import Asked, Call, Operator, calls_of
from v2xpki.trust.ota.canonical import read_object
from v2xpki.web.bodies import optional_body
from v2xpki.web.ota_problems import told
from v2xpki.web.problems import HttpError, problem_response, verdict

BEGINNING = "/internal/v1/ota"
OPERATOR_HEADER = "x-v2xpki-operator"
JSON_TYPE = "application/json"
#: Octets of a body: a list of a million VINs.
BODY_LIMIT = 32 << 20


def desk_blueprint(desk: Callable[[], Any], kind: type) -> Blueprint:
    """All calls of a kind of desk."""
    blueprint = Blueprint("ota-desk", __name__, url_prefix=BEGINNING)

    @blueprint.errorhandler(HttpError)
    def refused(error: HttpError) -> Response:
        return problem_response(verdict(error))

    for call in calls_of(kind):
        blueprint.add_url_rule(
            rule_of(call), call.name.replace("_", "-"), _view(desk, call), methods=[call.method]
        )
    return blueprint


def rule_of(call: Call) -> str:
    """A call's path as Flask has it."""
    return "/" + call.path.replace("{", "<").replace("}", ">")


def _view(desk: Callable[[], Any], call: Call) -> Callable[..., Response]:
    def view(**parameters: str) -> Response:
        operator = _operator()
        with told():
            asked = Asked(operator, parameters | query_of(call), read_body(call))
            return answer(getattr(desk(), call.name)(asked), call.status)

    return view


def _operator() -> Operator:
    # a unix socket has no address of its peer; whatever else is connected has one
    if request.environ.get("REMOTE_ADDR"):
        raise HttpError(404, "not found")
    try:
        return Operator.parse(request.environ.get("HTTP_X_V2XPKI_OPERATOR", ""))
    except DecodeError as error:
        raise HttpError(403, "no operator") from error


def query_of(call: Call) -> dict[str, str]:
    """The query's parameters. Raises DecodeError for one that the call has not, or that comes twice."""
    found: dict[str, str] = {}
    for name, value in request.args.items(multi=True):
        if name not in call.query or name in found:
            raise DecodeError(f"query {name[:40]!r} is not known here, or comes twice")
        found[name] = value
    return found


def read_body(call: Call) -> dict[str, Any]:
    """The body's members; none where there is no body. Raises HttpError (400, 413, 415), DecodeError."""
    body = None if call.method == "GET" else optional_body(JSON_TYPE, BODY_LIMIT)
    return {} if body is None else read_object(body, "the body", limit=BODY_LIMIT)


def answer(document: Any, status: int) -> Response:
    """JSON, kept by nobody."""
    octets = json.dumps(document, ensure_ascii=False) + "\n"
    return Response(octets, status, content_type=JSON_TYPE, headers={"Cache-Control": "no-store"})
