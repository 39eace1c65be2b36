"""Problem documents (RFC 9457), for the roles' applications and for the router, which has no Flask."""

import json

PROBLEM_TYPE = "application/problem+json"


def problem_document(
    status: int, title: str, *, detail: str = "", rule: str = "", identifier: str | None = None
) -> bytes:
    """title: the same for all that break a rule; detail: this occurrence; identifier: of the log's line."""
    document: dict[str, object] = {"type": "about:blank", "title": title, "status": status}
    if detail:
        document["detail"] = detail
    if rule:
        document["rule"] = rule
    if identifier:
        document["instance"] = f"urn:v2xpki:request:{identifier}"
    return json.dumps(document).encode() + b"\n"
