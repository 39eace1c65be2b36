"""From the admin process to a role's desk, on the role's unix socket."""

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from v2xpki.config import Instance
from v2xpki.links.unix import unix_connector
from v2xpki.ota.desk import Operator, call_of
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.web.ota_desk import BEGINNING, JSON_TYPE, OPERATOR_HEADER
from v2xpki.web.problem_document import PROBLEM_TYPE
from v2xpki.web.problems import HttpError
from v2xpki.web.process import socket_path

#: Seconds for an answer: the Image repository reads an image of many gigabytes once before it gives one.
PATIENCE = 600.0
_ANSWER_LIMIT = 128 << 20


class Forwarded(NamedTuple):
    """A role's answer."""

    status: int
    kind: str
    octets: bytes


#: (domain, method, target, body, operator's header, seconds for it) -> answer.
Forward = Callable[[str, str, str, bytes | None, str, float], Forwarded]


def over_socket(instance: Instance) -> Forward:
    """To the sockets of an instance's roles. The answer raises HttpError (502, 503) where there is none, or
    none within its time."""

    def forward(
        domain: str, method: str, target: str, body: bytes | None, operator: str, patience: float
    ) -> Forwarded:
        headers = {OPERATOR_HEADER: operator} | ({} if body is None else {"Content-Type": JSON_TYPE})
        connection = http.client.HTTPConnection("localhost", timeout=patience)
        try:
            connection.sock = unix_connector(socket_path(instance, domain))(patience)
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            octets = answer.read(_ANSWER_LIMIT + 1)
        except TimeoutError as error:
            reason = f"the {domain} repository has not answered within {patience:g} s"
            raise HttpError(503, reason, retry_after=2) from error
        except (OSError, http.client.HTTPException) as error:
            raise HttpError(503, f"the {domain} repository cannot be reached", retry_after=2) from error
        finally:
            connection.close()
        if len(octets) > _ANSWER_LIMIT:
            raise HttpError(502, f"the answer of the {domain} repository is too long")
        return Forwarded(answer.status, answer.getheader("Content-Type", ""), octets)

    return forward


def check_kind(found: Forwarded, domain: str, *kinds: str) -> None:
    """Raises HttpError unless a role's answer is of one of these content types."""
    if found.kind not in kinds:
        status = found.status if found.status in (503, 404) else 502
        raise HttpError(status, f"the {domain} repository has no answer to this now")


def ask_role(
    forward: Forward, asking: Operator, desk: type, name: str, given: Mapping[str, str], body: Any = None,
    *, patience: float = PATIENCE,
) -> Any:  # fmt: skip
    """What a role's desk answers to a call in an operator's name, within so many seconds. Raises HttpError
    with what it refuses."""
    call, domain, query = call_of(desk, name), "image" if desk is ImageDesk else "director", dict(given)
    path = call.path.format(**{one: quote(query.pop(one), safe="") for one in call.in_path})
    target = f"{BEGINNING}/{path}" + (f"?{urlencode(query)}" if query else "")
    octets = None if body is None else json.dumps(body).encode()
    found = forward(domain, call.method, target, octets, asking.header, patience)
    check_kind(found, domain, JSON_TYPE, PROBLEM_TYPE)
    document = json.loads(found.octets)
    if found.status != call.status:
        raise HttpError(
            found.status, document["title"], detail=document.get("detail", ""), rule=document.get("rule", "")
        )
    return document
