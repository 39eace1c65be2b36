"""What components of an SCMS answer each other: POSTs of frames (links/scms_frames.py) below /internal/v1.

    guard(app, "la1")                           who may ask for what, by the name in the client's certificate
    app.register_blueprint(la_blueprint(lambda: authority, lambda: cases))

Octets in, a call, octets out. A refusal is HTTP 409 with its frame; a frame that is none, 400; errors of the
authority as problems.py has them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from flask import Blueprint, Flask, Response, g, request

from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.peers import AcaLink, EcaLink, LaCases, RaCases, SealedParts
from v2xpki.errors import DecodeError, Refused, TrustError
from v2xpki.links import scms_frames as frames
from v2xpki.web import logs
from v2xpki.web.problems import HttpError

Q = TypeVar("Q")
A = TypeVar("A")

ROUTER = "router"
_WATCHERS = frozenset({ROUTER, "admin"})
_HEALTH = frozenset({"/healthz", "/readyz"})
_DEVICES = "/v3/"
#: Who may make a call; nobody else may.
_CALLERS: Mapping[str, str] = {
    frames.PRE_LINKAGE_VALUES.path: "ra",
    frames.CERTIFY.path: "ra",
    frames.SUCCEED.path: "ra",
    frames.PARTS_OF.path: "ma",
    frames.TRACE.path: "ma",
    frames.BLOCK.path: "ma",
    frames.SEED_AT.path: "ma",
    frames.FURTHER_SEED.path: "ma",
    frames.PUBLISH.path: "ma",
}
#: Who reads the lists and certificates of the distribution centre beside devices: who goes by them.
_READERS = frozenset({"eca", "ra", "aca", "la1", "la2", "ma"})


class Wishes(Protocol):
    """A linkage authority, as its RAs see it."""

    def pre_linkage_values(self, wishes: Sequence[Wish], *, ra: str) -> Sequence[Sequence[bytes]]: ...


class PartsGiver(Protocol):
    """An ACA's half of a revocation. ma: who asks, as the link has proved it."""

    def parts_of(self, certificate: bytes, case: bytes, *, ma: str) -> SealedParts | None: ...


class Shelf(Protocol):
    """A distribution centre. Raises TrustError, DecodeError for what it does not hand out."""

    def publish(self, documents: Sequence[bytes]) -> object: ...


# --- who asks --------------------------------------------------------------------------------------


def guard(app: Flask, role: str, who: Callable[[Mapping[str, Any]], str] | None = None) -> None:
    """Have an application answer nothing but what the client may ask of `role`; 403 for all else.

    who: the client's proven name from the WSGI environment; by default peer_name.
    """
    name_of = who or peer_name

    @app.before_request
    def allow() -> None:
        g.client = name_of(request.environ)
        if not may(g.client, role, request.path):
            raise HttpError(403, "not for this client")


def may(name: str, role: str, path: str) -> bool:
    """Whether a client of this name may ask for a path of a role."""
    if path.startswith(_DEVICES):
        return name == ROUTER or (role == "sdc" and name in _READERS)
    if path in _HEALTH:
        return name in _WATCHERS
    return bool(name) and _CALLERS.get(path) == name


def peer_name(environ: Mapping[str, Any]) -> str:
    """The CN of the certificate that the client has proved in TLS; empty where there is not exactly one."""
    proven: Mapping[str, Any] = getattr(environ.get("gunicorn.socket"), "getpeercert", dict)() or {}
    names = [
        value
        for part in proven.get("subject", ())
        for attribute, value in part
        if attribute == "commonName"
    ]  # fmt: skip
    return names[0] if len(names) == 1 else ""


# --- what is answered ------------------------------------------------------------------------------


def la_blueprint(authority: Callable[[], Wishes], cases: Callable[[], LaCases]) -> Blueprint:
    """Of a linkage authority. The RA's name for it is the one that the link has proved."""
    blueprint = Blueprint("la-internal", __name__)

    def values(wishes: Sequence[Wish]) -> Sequence[Sequence[bytes]]:
        return authority().pre_linkage_values(wishes, ra=g.client)

    _serve(blueprint, frames.PRE_LINKAGE_VALUES, values)
    _serve(blueprint, frames.SEED_AT, lambda asked: cases().seed_at(*asked))
    _serve(blueprint, frames.FURTHER_SEED, lambda asked: cases().further_seed(*asked))
    return blueprint


def aca_blueprint(authority: Callable[[], AcaLink], cases: Callable[[], PartsGiver]) -> Blueprint:
    """Of an ACA."""
    blueprint = Blueprint("aca-internal", __name__)
    _serve(blueprint, frames.CERTIFY, lambda requests: authority().certify(requests))
    _serve(blueprint, frames.PARTS_OF, lambda asked: cases().parts_of(*asked, ma=g.client))
    return blueprint


def eca_blueprint(authority: Callable[[], EcaLink]) -> Blueprint:
    """Of an enrolment CA."""
    blueprint = Blueprint("eca-internal", __name__)
    _serve(blueprint, frames.SUCCEED, lambda asked: authority().succeed(asked))
    return blueprint


def ra_blueprint(cases: Callable[[], RaCases]) -> Blueprint:
    """Of an RA."""
    blueprint = Blueprint("ra-internal", __name__)
    _serve(blueprint, frames.TRACE, lambda asked: cases().trace(*asked))
    _serve(blueprint, frames.BLOCK, lambda asked: cases().block(asked))
    return blueprint


def sdc_blueprint(shelf: Callable[[], Shelf]) -> Blueprint:
    """Of a distribution centre; 422 for documents that it does not hand out."""
    blueprint = Blueprint("sdc-internal", __name__)

    def publish(documents: Sequence[bytes]) -> None:
        try:
            shelf().publish(documents)
        except (TrustError, DecodeError) as error:
            logs.logger().warning("publication refused", client=g.client, **logs.describe(error))
            raise HttpError(422, "a document is not one that is handed out") from error

    _serve(blueprint, frames.PUBLISH, publish)
    return blueprint


def _serve(blueprint: Blueprint, call: frames.Call[Q, A], answer: Callable[[Q], A]) -> None:
    def view() -> Response:
        asked = call.asked.decode(_body(call))
        try:
            octets, status = call.answered.encode(answer(asked)), 200
        except call.refused.kinds as refused:
            assert isinstance(refused, Refused)
            octets, status = call.refused.encode(refused), frames.REFUSED
        return Response(octets, status, content_type=frames.MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    blueprint.post(call.path, endpoint=call.path.removeprefix(frames.BEGINNING).replace("/", "-"))(view)


def _body(call: frames.Call[Any, Any]) -> bytes:
    environ, limit = request.environ, call.request_limit
    if environ.get("CONTENT_TYPE", "") != frames.MEDIA_TYPE:
        raise HttpError(415, f"the content type is not {frames.MEDIA_TYPE}")
    length = environ.get("CONTENT_LENGTH", "")
    if not (length.isascii() and length.isdecimal()):
        raise HttpError(411, "the body has no length")
    if int(length) > limit:
        raise HttpError(413, f"the body is larger than {limit} octets")
    body: bytes = environ["wsgi.input"].read(int(length))
    return body
