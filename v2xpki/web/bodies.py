"""Request bodies of one media type, within a limit of size."""

from flask import request

from v2xpki.web.problems import HttpError


def request_body(media_type: str, limit: int) -> bytes:
    """The body of the present request. Raises HttpError: 415 for another type, 413 beyond `limit` octets."""
    environ = request.environ
    found = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if found != media_type:
        raise HttpError(415, f"the content type is not {media_type}")
    length = environ.get("CONTENT_LENGTH", "")
    if length and (not length.isdecimal() or int(length) > limit):
        raise HttpError(413, f"the body is larger than {limit} octets")
    body: bytes = environ["wsgi.input"].read(limit + 1)
    if len(body) > limit:
        raise HttpError(413, f"the body is larger than {limit} octets")
    return body
