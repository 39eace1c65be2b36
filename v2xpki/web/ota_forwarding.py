"""From the admin process to a role's desk, on the role's unix socket."""

import http.client
from collections.abc import Callable
from typing import NamedTuple

from v2xpki.config import Instance
from v2xpki.links.unix import unix_connector
from v2xpki.web.ota_desk import JSON_TYPE, OPERATOR_HEADER
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


#: (domain, method, target, body, operator's header) -> answer.
Forward = Callable[[str, str, str, bytes | None, str], Forwarded]


def over_socket(instance: Instance) -> Forward:
    """To the sockets of an instance's roles. The answer raises HttpError (502, 503) where there is none."""

    def forward(domain: str, method: str, target: str, body: bytes | None, operator: str) -> Forwarded:
        headers = {OPERATOR_HEADER: operator} | ({} if body is None else {"Content-Type": JSON_TYPE})
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        try:
            connection.sock = unix_connector(socket_path(instance, domain))(PATIENCE)
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            octets = answer.read(_ANSWER_LIMIT + 1)
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
