"""From the error tree to HTTP: one table, read from the top; the first class that fits decides.

Stations get a status and a short plain reason, operators' JSON endpoints an RFC 9457 problem. What
went wrong inside stays inside: a client learns at most a request id, under which the log tells more.
"""

import json
from typing import NamedTuple

from flask import Response
from sqlalchemy.exc import OperationalError

from v2xpki import errors

PROBLEM_TYPE = "application/problem+json"
TEXT_TYPE = "text/plain; charset=utf-8"
#: Seconds after which a client may try again (RFC 9110 10.2.3).
RETRY_AFTER = 2


class HttpError(errors.V2xPkiError):
    """A request that HTTP itself answers: before an authority saw it, or because none can."""

    def __init__(
        self, status: int, reason: str, *, retry_after: int | None = None, detail: str = "", rule: str = ""
    ) -> None:
        """detail, rule: what an operator is told besides; a station never is."""
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after
        self.detail, self.rule = detail, rule


class Refusal(HttpError):
    """A protocol's no, where it has no PDU for one. coarse: who asks is told 500 and nothing more."""

    def __init__(
        self, status: int, reason: str, *, retry_after: int | None = None, coarse: bool = False
    ) -> None:
        super().__init__(status, reason, retry_after=retry_after)
        self.coarse = coarse


class Verdict(NamedTuple):
    """What a client is told. fault: ours, and nobody foresaw it, so it is counted and logged. refused: the
    status of a refusal, whatever the client is told of it; 0 where it is none. detail, rule: for operators
    alone."""

    status: int
    reason: str
    retry_after: int | None = None
    fault: bool = False
    refused: int = 0
    detail: str = ""
    rule: str = ""


# TS 102 941 has no code for "not for me" or "not decodable" that could be answered without the
# request's key, so HTTP says it.
_TABLE: tuple[tuple[type[Exception], Verdict], ...] = (
    (errors.DecodeError, Verdict(400, "the request cannot be decoded")),
    (errors.NotRecipient, Verdict(400, "the request is not encrypted to this authority")),
    (errors.UnexpectedContent, Verdict(400, "the request is not of the kind that is served here")),
    (errors.UnwrapFailed, Verdict(400, "the request does not open with a key of this authority")),
    (errors.InvalidPoint, Verdict(400, "the request holds no point of its curve")),
    # The token, the database or the audit record is away: nothing was signed, so a retry is safe.
    (errors.KeystoreError, Verdict(503, "temporarily unavailable", RETRY_AFTER)),
    (errors.StoreError, Verdict(503, "temporarily unavailable", RETRY_AFTER)),
    (errors.AuditError, Verdict(503, "temporarily unavailable", RETRY_AFTER)),
    # Another component is away, or its answer is none: nothing came of the request.
    (errors.LinkError, Verdict(503, "temporarily unavailable", RETRY_AFTER)),
    # No certificate in force: an operator has to act, and a station may look for another authority.
    (errors.OutOfService, Verdict(503, "out of service", 300)),
    (OperationalError, Verdict(503, "temporarily unavailable", RETRY_AFTER)),
)
_FAULT = Verdict(500, "internal error", fault=True)


def verdict(error: BaseException) -> Verdict:
    """What a client is told of an error."""
    if isinstance(error, Refusal):
        if error.coarse:
            return Verdict(500, "", refused=error.status)
        return Verdict(error.status, error.reason, error.retry_after, refused=error.status)
    if isinstance(error, HttpError):
        return Verdict(error.status, error.reason, error.retry_after, detail=error.detail, rule=error.rule)
    return next((found for kind, found in _TABLE if isinstance(error, kind)), _FAULT)


def text_response(told: Verdict, identifier: str | None = None) -> Response:
    """The answer of a protocol endpoint."""
    body = told.reason + "\n" if told.reason else ""
    return _with_headers(Response(body, told.status, content_type=TEXT_TYPE), told, identifier)


def problem_response(told: Verdict, identifier: str | None = None) -> Response:
    """The answer of a JSON endpoint (RFC 9457)."""
    document: dict[str, object] = {"type": "about:blank", "title": told.reason, "status": told.status}
    if told.detail:
        document["detail"] = told.detail
    if told.rule:
        document["rule"] = told.rule
    if identifier:
        document["instance"] = f"urn:v2xpki:request:{identifier}"
    body = json.dumps(document) + "\n"
    return _with_headers(Response(body, told.status, content_type=PROBLEM_TYPE), told, identifier)


def _with_headers(response: Response, told: Verdict, identifier: str | None) -> Response:
    if told.retry_after is not None:
        response.headers["Retry-After"] = str(told.retry_after)
    if identifier:
        response.headers["X-Request-Id"] = identifier
    if told.status == 401:
        response.headers["WWW-Authenticate"] = "Ieee-1609.2.1"  # RFC 9110 15.5.2: it must say how
    response.headers["Cache-Control"] = "no-store"
    return response
