"""IEEE 1609.2.1 over HTTP as devices see it: ECA, RA and the distribution centre as Flask blueprints.

POST of `application/octet-stream`; files and lists by GET, in ranges. Who asks for a file says so in a
header: `Ieee-1609.2.1-Authorization`, base64 of an EeRaDownloadRequest SPDU. Nothing here looks into a
request. A view's name is its flow's name in the metrics.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import NoReturn, Protocol

from flask import Blueprint, Response, request

from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.authorities.scms.ra_reasons import RaReason, RefusedRequest
from v2xpki.web.bodies import request_body
from v2xpki.web.downloads import download
from v2xpki.web.problems import HttpError, Refusal

OCTETS, JSON = "application/octet-stream", "application/json"
AUTHORIZATION = "Ieee-1609.2.1-Authorization"
#: Octets of a download request's SPDU: a signature, a certificate, an envelope.
LONGEST_AUTHORIZATION = 4096
#: Seconds after which what is not there yet may be asked for again, and what anybody may have is out of date.
NOT_YET, MAX_AGE = 60, 60
_PRIVATE, _PUBLIC = "no-store", f"public, max-age={MAX_AGE}"
_UINT16 = 0xFFFF


class Enrolment(Protocol):
    """What the ECA's blueprint needs of its authority."""

    def enrol(self, octets: bytes) -> bytes: ...


class RaFile(Protocol):
    """A file of a device. etag: strong, in its quotes."""

    @property
    def octets(self) -> bytes: ...
    @property
    def media_type(self) -> str: ...
    @property
    def etag(self) -> str: ...


class _Certified(Protocol):
    @property
    def octets(self) -> bytes: ...
    @property
    def digest(self) -> bytes: ...


class Registration(Protocol):
    """What the RA's blueprint needs of its authority."""

    @property
    def certificate(self) -> _Certified: ...
    def request(self, octets: bytes) -> bytes: ...
    def successor(self, octets: bytes) -> bytes: ...
    def download(self, octets: bytes, filename: str | None = None) -> RaFile: ...
    def successor_file(self, octets: bytes, filename: str | None = None) -> RaFile: ...
    def status(self) -> bytes: ...
    def policy(self) -> bytes: ...


class Published(Protocol):
    """A document of the distribution centre. etag: strong, without quotes."""

    @property
    def octets(self) -> bytes: ...
    @property
    def etag(self) -> str: ...


class Centre(Protocol):
    """What the distribution centre's blueprint needs of it; None for what is not published."""

    def ca_certificate(self, id8: bytes) -> Published | None: ...
    def ccf_ctl(self, series: bytes | None = None) -> Published | None: ...
    def ctl(self, series: bytes | None, sequence: int | None = None) -> Published | None: ...
    def composite_crl_ctl(self, series: bytes | None = None) -> Published | None: ...
    def crl(self, craca: bytes, series: int) -> Published | None: ...


def eca_blueprint(authority: Callable[[], Enrolment], body_limit: int, *, fine: bool) -> Blueprint:
    """POST /v3/enrollment-certificate. fine: whether refusals tell more than 500."""
    blueprint = Blueprint("eca", __name__, url_prefix="/v3")

    @blueprint.post("/enrollment-certificate")
    def enrolment() -> Response:
        body = request_body(OCTETS, body_limit)
        try:
            return Response(authority().enrol(body), content_type=OCTETS, headers={"Cache-Control": _PRIVATE})
        except RefusedEnrolmentRequest as refusal:
            raise enrolment_error(refusal, fine=fine) from refusal

    return blueprint


def ra_blueprint(authority: Callable[[], Registration], body_limit: int, *, fine: bool) -> Blueprint:
    """/v3/authorization-certificate, /v3/successor-enrollment-certificate, and what everybody may have."""
    blueprint = Blueprint("ra", __name__, url_prefix="/v3")

    def accepted(ask: Callable[[bytes], bytes]) -> Response:
        body = request_body(OCTETS, body_limit)
        try:
            return Response(ask(body), 202, content_type=OCTETS, headers={"Cache-Control": _PRIVATE})
        except RefusedRequest as refusal:
            raise request_error(refusal, fine=fine) from refusal

    def file_of(find: Callable[[bytes, str | None], RaFile]) -> Response:
        asked, filename = download_request(), request.args.get("filename")
        try:
            found = find(asked, filename)
        except RefusedRequest as refusal:
            raise request_error(refusal, fine=fine) from refusal
        etag = found.etag.strip('"')
        return download(found.octets, etag=etag, media_type=found.media_type, cache=_PRIVATE)

    @blueprint.post("/authorization-certificate")
    def certificates() -> Response:
        return accepted(authority().request)

    @blueprint.get("/authorization-certificate")
    def certificate_file() -> Response:
        return file_of(authority().download)

    @blueprint.post("/successor-enrollment-certificate")
    def successor() -> Response:
        return accepted(authority().successor)

    @blueprint.get("/successor-enrollment-certificate")
    def successor_file() -> Response:
        return file_of(authority().successor_file)

    @blueprint.get("/ra-certificate")
    def ra_certificate() -> Response:
        own = authority().certificate
        return download(own.octets, etag=own.digest.hex(), media_type=OCTETS, cache=_PUBLIC)

    @blueprint.get("/certificate-management-info-status")
    def info_status() -> Response:
        return Response(authority().status(), content_type=OCTETS, headers={"Cache-Control": _PRIVATE})

    @blueprint.get("/policy")
    def policy() -> Response:
        return Response(authority().policy(), content_type=JSON, headers={"Cache-Control": _PUBLIC})

    return blueprint


def sdc_blueprint(centre: Callable[[], Centre]) -> Blueprint:
    """GET of certificates, CTLs and CRLs. Whatever is in a query beyond what is asked here is ignored."""
    blueprint = Blueprint("sdc", __name__, url_prefix="/v3")

    @blueprint.get("/ca-certificate")
    def ca_certificate() -> Response:
        return published(centre().ca_certificate(id8("certId")))

    @blueprint.get("/ccf-ctl")
    def chain_file() -> Response:
        return published(centre().ccf_ctl(optional_id8("ctlSeriesId")))

    @blueprint.get("/ctl")
    def ctl() -> Response:
        return published(centre().ctl(optional_id8("ctlSeriesId"), optional_number("ctlSequenceNumber")))

    @blueprint.get("/composite-crl-ctl")
    def composite_crl() -> Response:
        return published(centre().composite_crl_ctl(optional_id8("ctlSeriesId")))

    @blueprint.get("/crl")
    def crl() -> Response:
        return published(centre().crl(id8("craca"), number("crlSeries")))

    return blueprint


# --- refusals ----------------------------------------------------------------------------------------

_WRONG = (400, "the request is not one that is served here")
_UNPROVEN = (401, "not signed by whom it must be")
_DENIED = (403, "refused")
_EARLY = (404, "not there yet")
_MISSING = (404, "no such file")
_TOO_MANY = (429, "too many requests of this device")

_OF_RA: dict[RaReason, tuple[int, str]] = {
    RaReason.WRONG_CONTENT: _WRONG,
    RaReason.WRONG_RECIPIENT: (400, "the request is not encrypted to this RA"),
    RaReason.CANNOT_DECRYPT: (400, "the request does not open"),
    RaReason.WRONG_FORM: _WRONG,
    RaReason.NOT_OFFERED: _WRONG,
    RaReason.BAD_KEYS: (400, "the keys cannot be expanded"),
    RaReason.OUT_OF_TIME: (400, "generationTime is outside the window"),
    RaReason.BAD_SIGNATURE: _UNPROVEN,
    RaReason.UNKNOWN_ECA: _UNPROVEN,
    RaReason.BAD_ENROLMENT: _UNPROVEN,
    RaReason.UNSIGNED: _UNPROVEN,
    RaReason.TOO_MANY: _TOO_MANY,
    RaReason.NO_FILE: _MISSING,
    RaReason.NOT_YET: _EARLY,
}
_OF_ECA: dict[EcaReason, tuple[int, str]] = {
    EcaReason.WRONG_CONTENT: _WRONG,
    EcaReason.UNEXPECTED_FIELD: _WRONG,
    EcaReason.IMPLICIT: _WRONG,
    EcaReason.BAD_KEY: (400, "the key cannot be certified"),
    EcaReason.BAD_CRACA: _WRONG,
    EcaReason.OUT_OF_TIME: (400, "generationTime is outside the window"),
    EcaReason.UNKNOWN_DEVICE: _UNPROVEN,
    EcaReason.UNREGISTERED: _UNPROVEN,
    EcaReason.BAD_SIGNATURE: _UNPROVEN,
    EcaReason.OLD_CERTIFICATE: _UNPROVEN,
    EcaReason.TOO_MANY: _TOO_MANY,
}
_UNDECODABLE = "the request cannot be decoded"


def request_error(refusal: RefusedRequest, *, fine: bool) -> HttpError:
    """What a device is told of an RA's refusal: by status, or coarsely (IEEE 1609.2.1: 500 and no more)."""
    if refusal.reason is RaReason.CANNOT_PARSE:
        return HttpError(400, _UNDECODABLE)
    status, text = _OF_RA.get(refusal.reason, _DENIED)
    wait = NOT_YET if refusal.reason is RaReason.NOT_YET else None
    return Refusal(status, text, retry_after=wait, coarse=not fine)


def enrolment_error(refusal: RefusedEnrolmentRequest, *, fine: bool) -> HttpError:
    """The same of an ECA's."""
    if refusal.reason is EcaReason.CANNOT_PARSE:
        return HttpError(400, _UNDECODABLE)
    status, text = _OF_ECA.get(refusal.reason, _DENIED)
    return Refusal(status, text, coarse=not fine)


# --- what comes in -----------------------------------------------------------------------------------


def download_request() -> bytes:
    """The SPDU in the authorization header of the present request. Raises HttpError 400, 413."""
    text = request.headers.get(AUTHORIZATION)
    if text is None:
        _bad(f"no {AUTHORIZATION}")
    if len(text) > LONGEST_AUTHORIZATION * 4 // 3 + 4:
        raise HttpError(413, f"{AUTHORIZATION} is larger than {LONGEST_AUTHORIZATION} octets")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        _bad(f"{AUTHORIZATION} is not base64")


def published(document: Published | None) -> Response:
    """A list or certificate that anybody may have."""
    if document is None:
        raise HttpError(404, "not published here")
    return download(document.octets, etag=document.etag, media_type=OCTETS, cache=_PUBLIC)


def id8(name: str) -> bytes:
    """A parameter of 8 octets in hex, either case. Raises HttpError."""
    found = optional_id8(name)
    if found is None:
        _bad(f"{name} is missing")
    return found


def optional_id8(name: str) -> bytes | None:
    text = request.args.get(name)
    if text is not None and not re.fullmatch(r"[0-9A-Fa-f]{16}", text):
        _bad(f"{name} is not 16 hex digits")
    return None if text is None else bytes.fromhex(text)


def number(name: str) -> int:
    """A parameter of 0 to 65535, decimal. Raises HttpError."""
    found = optional_number(name)
    if found is None:
        _bad(f"{name} is missing")
    return found


def optional_number(name: str) -> int | None:
    text = request.args.get(name)
    if text is not None and not (re.fullmatch(r"[0-9]{1,5}", text) and int(text) <= _UINT16):
        _bad(f"{name} is not a number of 0 to {_UINT16}")
    return None if text is None else int(text)


def _bad(reason: str) -> NoReturn:
    raise HttpError(400, reason)
