"""Evidence on the operators' listener: both roles are asked for halves; the report is JSON or a page."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, request

from v2xpki.ota.desk import Asked, Call, Operator, call_of, calls_of
from v2xpki.ota.evidence import page
from v2xpki.ota.evidence_desk import EvidenceDesk
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.time import Clock
from v2xpki.web.ota_desk import BEGINNING, JSON_TYPE, answer, query_of, rule_of
from v2xpki.web.ota_forwarding import Forward, check_kind
from v2xpki.web.ota_problems import told
from v2xpki.web.problem_document import PROBLEM_TYPE
from v2xpki.web.problems import HttpError

HTML_TYPE = "text/html"
#: A page has its style in itself and nothing else.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def add_evidence(
    blueprint: Blueprint, clock: Clock, operator: Callable[[], Operator], forward: Forward
) -> None:
    """The calls of EvidenceDesk, each made in the name of who asks."""
    for call in calls_of(EvidenceDesk):
        blueprint.add_url_rule(
            rule_of(call), call.name.replace("_", "-"), _view(call, clock, operator, forward),
            methods=[call.method],
        )  # fmt: skip


def _view(
    call: Call, clock: Clock, operator: Callable[[], Operator], forward: Forward
) -> Callable[..., Response]:
    def view(**parameters: str) -> Response:
        asking = operator()

        def ask(desk: type, name: str, given: Mapping[str, str], /) -> Any:
            return _half(desk, call_of(desk, name), given, asking, forward)

        with told():
            asked = Asked(asking, parameters | query_of(call), {})
            report = getattr(EvidenceDesk(ask, clock), call.name)(asked)
        if request.accept_mimetypes.best_match([JSON_TYPE, HTML_TYPE], default=JSON_TYPE) == HTML_TYPE:
            response = Response(
                page(report), content_type=f"{HTML_TYPE}; charset=utf-8", headers=_PAGE_HEADERS
            )
        else:
            response = answer(report, call.status)
        response.headers["Vary"] = "Accept"
        return response

    return view


def _half(desk: type, call: Call, given: Mapping[str, str], asking: Operator, forward: Forward) -> Any:
    """What a role's desk answers. Raises HttpError with what it refuses."""
    domain, query = "image" if desk is ImageDesk else "director", dict(given)
    path = call.path.format(**{name: quote(query.pop(name), safe="") for name in call.in_path})
    target = f"{BEGINNING}/{path}" + (f"?{urlencode(query)}" if query else "")
    found = forward(domain, call.method, target, None, asking.header)
    check_kind(found, domain, JSON_TYPE, PROBLEM_TYPE)
    document = json.loads(found.octets)
    if found.status != call.status:
        raise HttpError(
            found.status, document["title"], detail=document.get("detail", ""), rule=document.get("rule", "")
        )
    return document
