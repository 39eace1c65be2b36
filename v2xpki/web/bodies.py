"""Request bodies of one media type, within a limit of size, with a length told before or in chunks."""

from typing import Any

from flask import request
from gunicorn.http.errors import ParseException

from v2xpki.web.problems import HttpError


def request_body(media_type: str, limit: int) -> bytes:
    """The body of the present request. Raises HttpError: 415 for another type, 413 beyond `limit` octets,
    400 for one that does not come whole."""
    _check_type(media_type)
    return _read(limit)


def optional_body(media_type: str, limit: int) -> bytes | None:
    """The same, or None where nothing came. Whether something does is not in Content-Length alone: a body in
    chunks has none (RFC 9112 6.3), so it is read to know."""
    body = _read(limit)
    if not body:
        return None
    _check_type(media_type)
    return body


def read_some(stream: Any, size: int) -> bytes:
    """At most `size` octets of a body. Raises HttpError (400): the client went away, or a chunk is none."""
    try:
        octets: bytes = stream.read(size)
    except (OSError, ParseException) as error:
        raise HttpError(400, "the body is not readable", rule="body") from error
    return octets


def unsupported(media_type: str) -> HttpError:
    """415, for a request of another type than this."""
    told = f"the content type is not {media_type}"
    return HttpError(415, told, title="unsupported media type", rule="content-type")


def _check_type(media_type: str) -> None:
    found = request.environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if found != media_type:
        raise unsupported(media_type)


def _read(limit: int) -> bytes:
    environ = request.environ
    length = environ.get("CONTENT_LENGTH", "")
    if length and (not length.isdecimal() or int(length) > limit):
        raise _too_large(limit)
    body = read_some(environ["wsgi.input"], limit + 1)
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> HttpError:
    return HttpError(413, f"the body is larger than {limit} octets", title="too large", rule="size")
