"""Files by GET: strong ETags, If-None-Match, and one range of octets (RFC 9110 13, 14)."""

from flask import Response, request

from v2xpki.web.ranges import Unsatisfiable, asked_span


def download(octets: bytes, *, etag: str, media_type: str, cache: str) -> Response:
    """The answer to the present GET: 200, 304, 206 or 416. etag: a strong one, without its quotes; cache: the
    Cache-Control of it."""
    response = Response(octets, content_type=media_type)
    response.set_etag(etag)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = cache
    if request.if_none_match.contains_weak(etag):
        response.status_code = 304
        response.set_data(b"")
        del response.headers["Content-Type"], response.headers["Content-Length"]
        return response
    try:
        span = asked_span(request.headers.get("Range"), request.headers.get("If-Range"), etag, len(octets))
    except Unsatisfiable as unsatisfiable:
        response.status_code = 416
        response.set_data(b"")
        response.headers["Content-Range"] = unsatisfiable.content_range
        response.headers["Cache-Control"] = "no-store"
        return response
    if span is not None:
        response.status_code = 206
        response.set_data(octets[span.start : span.end])
        response.headers["Content-Range"] = span.content_range
    return response
