"""Delivery of firmware over HTTP (Uptane): both repositories' metadata, and the Director for vehicles.

What a version names never changes and is cached for ever; a timestamp is asked for again each time, with its
ETag. The Director knows a client by the certificate that the router saw (station_tls.py); the socket is the
router's alone. Errors are problems of RFC 9457: `title` and `rule` are the reason's, `detail` is what was
wrong with this request. Nothing here looks into a message.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request

from v2xpki.errors import DecodeError, UnexpectedContent
from v2xpki.ota.director import Director
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.inventory import Vehicle
from v2xpki.trust.ota.canonical import read_object
from v2xpki.web.bodies import request_body
from v2xpki.web.downloads import download
from v2xpki.web.ota_problems import FIELD, TITLES
from v2xpki.web.problems import Refusal
from v2xpki.web.process import CLIENT_HEADER, OTA_BODY

REGISTRATION_TYPE = "application/x-its-request"
JSON_TYPE = "application/json"
_WHO = "A client certificate in force, of a vehicle that is not blocked, is needed: register the vehicle."
_CLIENT = "HTTP_" + CLIENT_HEADER.upper().replace("-", "_")
_STATUSES: Mapping[DirectorReason, int] = {
    DirectorReason.MALFORMED: 400,
    DirectorReason.NOT_AUTHENTIC: 403,
    DirectorReason.OUT_OF_TIME: 403,
    DirectorReason.FORBIDDEN: 403,
    DirectorReason.NOT_EXPECTED: 403,
    DirectorReason.UNKNOWN: 404,
    DirectorReason.REPLAYED: 409,
    DirectorReason.CONFLICT: 409,
    DirectorReason.STATE: 409,
}
#: What who registers is told of these: which vehicles others have registered, or an operator expects, and how
#: credentials are judged, is nobody's to find out by trying.
_TO_STRANGERS: Mapping[DirectorReason, str] = {
    DirectorReason.NOT_AUTHENTIC: "The enrolment credential, its signature, the challenge or csr's signature "
    "is not good: ask for a new challenge, and sign with a credential in force.",
    DirectorReason.FORBIDDEN: "This credential or ITS-AID may not register this vehicle here: ask the OEM.",
    DirectorReason.NOT_EXPECTED: "The vehicle is not expected as it was described: ask the OEM.",
    DirectorReason.CONFLICT: "vehicleId, model, ecus or credential are registered otherwise: ask the OEM.",
}


class Metadata(Protocol):
    """What hands out metadata."""

    def read(self, name: str) -> bytes | None:
        """A published version by its file's name; None where there is none."""
        ...


def image_blueprint(repository: Callable[[], Metadata]) -> Blueprint:
    """GET /ota/image/metadata/NAME; images are the router's (images.py)."""
    blueprint = Blueprint("image", __name__, url_prefix="/ota/image")

    @blueprint.get("/metadata/<name>")
    def image_metadata(name: str) -> Response:
        return _metadata(name, repository().read(name), "public")

    return blueprint


def director_blueprint(director: Callable[[], Director]) -> Blueprint:
    """GET /ota/director/metadata/NAME, and /ota/v1/... for vehicles."""
    blueprint = Blueprint("director", __name__, url_prefix="/ota")

    @blueprint.get("/director/metadata/<name>")
    def director_metadata(name: str) -> Response:
        found = director()
        if name.endswith(".root.json"):
            return _metadata(name, found.root(name), "public")
        return _metadata(name, found.metadata(_vehicle(found), name), "private")

    @blueprint.get("/v1/challenge")
    def challenge() -> Response:
        return _document(director().challenge().document())

    @blueprint.post("/v1/registrations")
    def registration() -> Response:
        body = request_body(REGISTRATION_TYPE, OTA_BODY)
        with _Refusals(_TO_STRANGERS):
            return _document(director().register(body).document(), 201)

    @blueprint.post("/v1/certificates")
    def certificate() -> Response:
        found = director()
        vehicle = _vehicle(found)
        body = request_body(JSON_TYPE, OTA_BODY)
        with _Refusals():
            table = read_object(body, "request", limit=OTA_BODY)
            csr = table.get("csr")
            if table.keys() != {"csr"} or not isinstance(csr, str):
                raise DecodeError("the request has not csr, a PEM text, alone")
            return _document({"certificate": found.renew_certificate(vehicle, csr)})

    @blueprint.post("/v1/manifests")
    def manifest() -> Response:
        found = director()
        vehicle = _vehicle(found)
        body = request_body(JSON_TYPE, OTA_BODY)
        with _Refusals():
            return _document(found.take_manifest(vehicle, body).document())

    return blueprint


def _vehicle(director: Director) -> Vehicle:
    """Who asks. Raises Refusal: 403 without the certificate in force of an active vehicle. It is no 401,
    which would have to name a scheme (RFC 9110 15.5.2); TLS has none."""
    digest = request.environ.get(_CLIENT, "")
    vehicle = director.who(bytes.fromhex(digest)) if digest else None
    if vehicle is None:
        raise Refusal(403, "not a registered vehicle", detail=_WHO, rule="certificate")
    return vehicle


def _metadata(name: str, octets: bytes | None, audience: str) -> Response:
    if octets is None:
        raise Refusal(404, "no such metadata", detail=f"{name[:80]} is not published here", rule="unknown")
    cache = "no-cache" if name == "timestamp.json" else "max-age=31536000, immutable"
    etag = hashlib.sha256(octets).hexdigest()
    return download(octets, etag=etag, media_type=JSON_TYPE, cache=f"{audience}, {cache}")


def _document(document: Mapping[str, Any], status: int = 200) -> Response:
    response = jsonify(document)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


class _Refusals:
    """Turns what the Director says no with into HTTP. told: sentences in place of what was found, where that
    is not for who asks."""

    def __init__(self, told: Mapping[DirectorReason, str] | None = None) -> None:
        self._told = told or {}

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DirectorRefusal):
            reason = error.reason
            detail, rule = self._told.get(reason, str(error)), reason.name.lower().replace("_", "-")
            raise Refusal(_STATUSES[reason], reason.value, detail=detail, rule=rule) from error
        if isinstance(error, DecodeError):
            raise Refusal(400, TITLES[400], detail=str(error), rule=FIELD) from error
        if isinstance(error, UnexpectedContent):
            raise Refusal(400, DirectorReason.MALFORMED.value, detail=str(error), rule="malformed") from error
