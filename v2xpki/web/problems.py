"""From the error tree to HTTP: one table, read from the top; the first class that fits decides.

Stations get a status and a short plain reason, operators and vehicles an RFC 9457 problem. What
went wrong inside stays inside: a client learns at most a request id, under which the log tells more.
"""

from typing import NamedTuple

from flask import Response
from sqlalchemy.exc import OperationalError

from v2xpki import errors
from v2xpki.web.problem_document import PROBLEM_TYPE, problem_document

TEXT_TYPE = "text/plain; charset=utf-8"
#: Seconds after which a client may try again (RFC 9110 10.2.3).
RETRY_AFTER = 2


class HttpError(errors.V2xPkiError):
    """A request that HTTP itself answers: before an authority saw it, or because none can."""

    def __init__(
        self, status: int, reason: str, *, retry_after: int | None = None, title: str = "", detail: str = "",
        rule: str = "",
    ) -> None:  # fmt: skip
        """detail, rule: what a problem says besides; plain text never does. title: where the reason is of
        this occurrence, what all of its rule have in common; a problem's detail is the reason then."""
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after
        self.title, self.detail, self.rule = title, detail or (reason if title else ""), rule


class Refusal(HttpError):
    """A protocol's no, where it has no PDU for one. coarse: who asks is told 500 and nothing more."""

    def __init__(
        self, status: int, reason: str, *, retry_after: int | None = None, coarse: bool = False,
        detail: str = "", rule: str = "",
    ) -> None:  # fmt: skip
        super().__init__(status, reason, retry_after=retry_after, detail=detail, rule=rule)
        self.coarse = coarse


class Verdict(NamedTuple):
    """What a client is told. fault: ours, and nobody foresaw it, so it is counted and logged. refused: the
    status of a refusal, whatever the client is told of it; 0 where it is none. title, detail, rule: for
    problems alone."""

    status: int
    reason: str
    retry_after: int | None = None
    fault: bool = False
    refused: int = 0
    title: str = ""
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
    (errors.DiskFull, Verdict(507, "no room", rule="disk-full")),
    # No certificate in force: an operator has to act, and a station may look for another authority.
    (errors.OutOfService, Verdict(503, "out of service", 300)),
    (OperationalError, Verdict(503, "temporarily unavailable", RETRY_AFTER)),
)
_FAULT = Verdict(500, "internal error", fault=True)


def verdict(error: BaseException) -> Verdict:
    """What a client is told of an error."""
    if isinstance(error, Refusal) and error.coarse:
        return Verdict(500, "", refused=error.status)
    if isinstance(error, HttpError):
        refused = error.status if isinstance(error, Refusal) else 0
        return Verdict(
            error.status, error.reason, error.retry_after, refused=refused, title=error.title,
            detail=error.detail, rule=error.rule,
        )  # fmt: skip
    return next((found for kind, found in _TABLE if isinstance(error, kind)), _FAULT)


def text_response(told: Verdict, identifier: str | None = None) -> Response:
    """The answer of a protocol endpoint."""
    body = told.reason + "\n" if told.reason else ""
    return _with_headers(Response(body, told.status, content_type=TEXT_TYPE), told, identifier)


def problem_response(told: Verdict, identifier: str | None = None) -> Response:
    """The answer of a JSON endpoint (RFC 9457)."""
    body = problem_document(
        told.status, told.title or told.reason, detail=told.detail, rule=told.rule, identifier=identifier
    )
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
