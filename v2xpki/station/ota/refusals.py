"""The Director's no to a vehicle, as its problem (RFC 9457) tells it."""

import json

from v2xpki.station.errors import Refusal
from v2xpki.station.http import Reply

_LONGEST = 200  # characters of each text that is believed


class DirectorRefused(Refusal):
    """The Director does not take what the vehicle sent. `status` of HTTP; `rule`: a short name, where it has
    one; `detail`: why, for people. Both are the Director's words, and may be empty."""

    def __init__(self, what: str, reply: Reply) -> None:
        problem = _problem(reply.body)
        self.rule = _text(problem, "rule")
        self.detail = _text(problem, "detail") or _text(problem, "title")
        why = f": {self.detail}" if self.detail else ", and it does not say why"
        super().__init__(f"the Director refuses {what}, HTTP {reply.status}{why}", status=reply.status)


def _problem(body: bytes) -> dict[str, object]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _text(problem: dict[str, object], name: str) -> str:
    """Of a stranger, on its way to a terminal."""
    value = problem.get(name)
    return "".join(c if c.isprintable() else "?" for c in value[:_LONGEST]) if isinstance(value, str) else ""
