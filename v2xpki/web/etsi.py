"""TS 102 941 over HTTP: EA, AA, DC and CPOC as Flask blueprints.

POST of `application/x-its-request`, answer `application/x-its-response`; lists by GET. HexIds are
accepted in both cases, paths with and without the trailing slash. Nothing here looks into a request.
A view's name is its flow's name in the metrics.
"""

import re
from collections.abc import Callable
from typing import Protocol

from flask import Blueprint, Response, request

from v2xpki.authorities.etsi.distribution import Distribution, Document
from v2xpki.authorities.etsi.enrolment import Download
from v2xpki.authorities.etsi.reasons import ButterflyReason, RefusedButterfly
from v2xpki.web.bodies import request_body
from v2xpki.web.problems import HttpError

REQUEST_TYPE = "application/x-its-request"
RESPONSE_TYPE = "application/x-its-response"
CTL_TYPE = "application/x-its-ctl"
CRL_TYPE = "application/x-its-crl"
OCTETS_TYPE = "application/octet-stream"
ZIP_TYPE = "application/zip"

_HEX8 = re.compile(r"[0-9A-Fa-f]{16}")


class Enrolment(Protocol):
    """What the EA's blueprint needs of its authority: whole requests to whole answers."""

    def enrol(self, octets: bytes) -> bytes: ...
    def validate(self, octets: bytes) -> bytes: ...
    def download(self, octets: bytes) -> Download: ...


class Authorization(Protocol):
    def authorize(self, octets: bytes) -> bytes: ...
    def certify(self, body: bytes) -> bytes: ...


def ea_blueprint(authority: Callable[[], Enrolment], body_limit: int) -> Blueprint:
    """POST /ea, which takes butterfly requests too, /ea/validation and /ea/butterfly/download."""
    blueprint = Blueprint("ea", __name__)

    @blueprint.post("/ea")
    def enrolment() -> Response:
        body = its_request(body_limit)
        try:
            return Response(authority().enrol(body), content_type=RESPONSE_TYPE)
        except RefusedButterfly as refusal:
            raise butterfly_error(refusal) from refusal

    @blueprint.post("/ea/validation")
    def validation() -> Response:
        return Response(authority().validate(its_request(body_limit)), content_type=RESPONSE_TYPE)

    @blueprint.post("/ea/butterfly/download")
    def download() -> Response:
        body = its_request(body_limit)
        try:
            found = authority().download(body)
        except RefusedButterfly as refusal:
            raise butterfly_error(refusal) from refusal
        kind = ZIP_TYPE if found.is_archive else RESPONSE_TYPE
        return Response(found.octets, content_type=kind, headers={"Cache-Control": "no-store"})

    return blueprint


def aa_blueprint(authority: Callable[[], Authorization], body_limit: int) -> Blueprint:
    """POST /aa, and /aa/butterfly for EAs."""
    blueprint = Blueprint("aa", __name__)

    @blueprint.post("/aa")
    def authorization() -> Response:
        return Response(authority().authorize(its_request(body_limit)), content_type=RESPONSE_TYPE)

    @blueprint.post("/aa/butterfly")
    def butterfly() -> Response:
        body = its_request(body_limit)
        try:
            return Response(authority().certify(body), content_type=RESPONSE_TYPE)
        except RefusedButterfly as refusal:
            raise butterfly_error(refusal) from refusal

    return blueprint


def dc_blueprint(distribution: Callable[[], Distribution]) -> Blueprint:
    """GET /dc/...: what the root published."""
    blueprint = Blueprint("dc", __name__, url_prefix="/dc")

    @blueprint.get("/getctl/<hex8>")
    def ctl(hex8: str) -> Response:
        return published(distribution().ctl(hashed_id8(hex8)), CTL_TYPE)

    @blueprint.get("/getctl/<hex8>/<sequence>")
    def delta_ctl(hex8: str, sequence: str) -> Response:
        return published(distribution().delta_ctl(hashed_id8(hex8), list_sequence(sequence)), CTL_TYPE)

    @blueprint.get("/getcrl/<hex8>")
    def crl(hex8: str) -> Response:
        return published(distribution().crl(hashed_id8(hex8)), CRL_TYPE)

    @blueprint.get("/getrcalinkcertificate/<hex8>")
    def root_link(hex8: str) -> Response:
        return published(distribution().root_link(hashed_id8(hex8)), OCTETS_TYPE)

    return blueprint


def cpoc_blueprint(distribution: Callable[[], Distribution]) -> Blueprint:
    """GET /cpoc/...: what the trust list manager published; all as octet streams."""
    blueprint = Blueprint("cpoc", __name__, url_prefix="/cpoc")

    @blueprint.get("/gettlmcertificate", defaults={"hex8": ""})
    @blueprint.get("/gettlmcertificate/<hex8>")
    def tlm_certificate(hex8: str) -> Response:
        return published(distribution().tlm_certificate(optional_id8(hex8)), OCTETS_TYPE)

    @blueprint.get("/gettlmlinkcertificate", defaults={"hex8": ""})
    @blueprint.get("/gettlmlinkcertificate/<hex8>")
    def tlm_link(hex8: str) -> Response:
        return published(distribution().tlm_link(optional_id8(hex8)), OCTETS_TYPE)

    @blueprint.get("/getectl/<hex8>")
    def ectl(hex8: str) -> Response:
        return published(distribution().ectl(hashed_id8(hex8)), OCTETS_TYPE)

    @blueprint.get("/getdeltaectl/<hex8>", defaults={"sequence": ""})
    @blueprint.get("/getdeltaectl/<hex8>/<sequence>")
    def delta_ectl(hex8: str, sequence: str) -> Response:
        number = list_sequence(sequence) if sequence else None
        return published(distribution().delta_ectl(hashed_id8(hex8), number), OCTETS_TYPE)

    return blueprint


# The butterfly PDUs have no response codes, so HTTP says it, coarsely: who may not ask learns no more.
_BUTTERFLY_STATUS: dict[ButterflyReason, tuple[int, str, int | None]] = {
    ButterflyReason.CANNOT_PARSE: (400, "the request cannot be decoded", None),
    ButterflyReason.WRONG_CONTENT: (400, "the request is not of the kind that is served here", None),
    ButterflyReason.WRONG_FORM: (400, "the certificate asked for is not of the form served here", None),
    ButterflyReason.BAD_KEYS: (400, "the keys cannot be expanded", None),
    ButterflyReason.CANNOT_DECRYPT: (400, "the request cannot be decrypted", None),
    ButterflyReason.OLD_RECIPIENT: (400, "the request is encrypted to a retired certificate", None),
    ButterflyReason.X509: (400, "requests under X.509 certificates are not served", None),
    ButterflyReason.NOT_OFFERED: (404, "butterfly requests are not served here", None),
    ButterflyReason.NO_FILE: (404, "no such file", None),
    ButterflyReason.NOT_YET: (404, "not there yet", 60),
    ButterflyReason.TOO_MANY: (429, "too many requests of this station", None),
    ButterflyReason.NO_AA: (503, "temporarily unavailable", 60),
}


def butterfly_error(refusal: RefusedButterfly) -> HttpError:
    """What a client is told of a refusal."""
    status, text, retry_after = _BUTTERFLY_STATUS.get(refusal.reason, (403, "refused", None))
    return HttpError(status, text, retry_after=retry_after)


def its_request(body_limit: int) -> bytes:
    """The body of a request of the right type and size."""
    return request_body(REQUEST_TYPE, body_limit)


def published(document: Document | None, content_type: str) -> Response:
    """A published list or certificate; 304 where the client has it already."""
    if document is None:
        raise HttpError(404, "not published here")
    response = Response(document.octets, content_type=content_type)
    response.set_etag(document.etag)
    response.headers["Cache-Control"] = f"public, max-age={document.max_age}"
    return response.make_conditional(request)  # type: ignore[return-value]


def hashed_id8(text: str) -> bytes:
    """The octets of a HashedId8 in hex, either case."""
    if not _HEX8.fullmatch(text):
        raise HttpError(400, "not a HashedId8 of 16 hex digits")
    return bytes.fromhex(text)


def optional_id8(text: str) -> bytes | None:
    return hashed_id8(text) if text else None


def list_sequence(text: str) -> int:
    """A ctlSequence (TS 102 941 A.2.7: 0..255)."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= 255):
        raise HttpError(400, "not a sequence of 0 to 255")
    return int(text)
