"""Files by GET: strong ETags, If-None-Match, and one range of octets (RFC 9110 13, 14)."""

from flask import Response, request


def download(octets: bytes, *, etag: str, media_type: str, cache: str) -> Response:
    """The answer to the present GET: 200, 304, 206 or 416. etag: a strong one, without its quotes; cache: the
    Cache-Control of it.

    Of several ranges none is served: the whole file is, as RFC 9110 14.2 allows.
    """
    response = Response(octets, content_type=media_type)
    response.set_etag(etag)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = cache
    if request.if_none_match.contains_weak(etag):
        response.status_code = 304
        response.set_data(b"")
        del response.headers["Content-Type"], response.headers["Content-Length"]
        return response
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or not _is_current(etag):
        return response
    span = wanted.range_for_length(len(octets))
    if span is None:
        response.status_code = 416
        response.set_data(b"")
        response.headers["Content-Range"] = f"bytes */{len(octets)}"
        return response
    start, end = span
    response.status_code = 206
    response.set_data(octets[start:end])
    response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(octets)}"
    return response


def _is_current(etag: str) -> bool:
    """Whether If-Range, where there is one, names this very file: only a strong ETag does."""
    named = request.headers.get("If-Range")
    return named is None or named.strip() == f'"{etag}"'
