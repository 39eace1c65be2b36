"""/api/v1/ota on the operators' listener: calls go on to the role whose desk answers them; uploads end here.

The operator is the CN of the client certificate. What they may do is in `[ota.operators]`; the desk that
answers decides by it. An image goes from the connection to DIR/image/uploads in blocks (tus 1.0 with
creation, termination, checksum and expiration), so no image is ever in memory.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request

from v2xpki.config import Instance
from v2xpki.config.ota import RELEASE_ENGINEER
from v2xpki.errors import DecodeError
from v2xpki.ota.desk import Call, Operator, calls_of
from v2xpki.ota.desks import uploads_of
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.evidence_desk import EvidenceDesk
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.ota.uploads import BLOCK, Upload, Uploads
from v2xpki.ota.withdrawal_desk import WithdrawalDesk
from v2xpki.time import Clock, SystemClock, unix_from_time32
from v2xpki.web.admin_evidence import add_evidence
from v2xpki.web.admin_withdrawal import add_withdrawal
from v2xpki.web.bodies import optional_body, read_some, unsupported
from v2xpki.web.internal import peer_name
from v2xpki.web.ota_desk import BEGINNING, BODY_LIMIT, JSON_TYPE, answer, rule_of
from v2xpki.web.ota_forwarding import PATIENCE, Forward, check_kind, over_socket
from v2xpki.web.ota_problems import told
from v2xpki.web.problem_document import PROBLEM_TYPE
from v2xpki.web.problems import HttpError

PREFIX = "/api/v1/ota"
TUS, OFFSET_TYPE = "1.0.0", "application/offset+octet-stream"
EXTENSIONS = "creation,termination,checksum,expiration"
_UPLOADERS = frozenset({RELEASE_ENGINEER})

#: What both roles are asked for.
_JOINED = {(call.method, call.path) for kind in (EvidenceDesk, WithdrawalDesk) for call in calls_of(kind)}

Who = Callable[[Mapping[str, Any]], str]


def domains_of() -> dict[tuple[str, str], tuple[Call, tuple[str, ...]]]:
    """(method, path) -> the call, and the domains whose desks answer it; the first one does by default."""
    found: dict[tuple[str, str], tuple[Call, tuple[str, ...]]] = {}
    for domain, desk in (("image", ImageDesk), ("director", DirectorDesk)):
        for call in calls_of(desk):
            known = found.get((call.method, call.path))
            found[call.method, call.path] = (call, (*(known[1] if known else ()), domain))
    return found


def ota_blueprint(
    instance: Instance, *, clock: Clock | None = None, who: Who = peer_name, forward: Forward | None = None
) -> Blueprint:
    """who: the client's proven name from the WSGI environment. forward: (domain, method, target, body,
    operator's header, seconds for it) -> answer; by default to the domain's unix socket."""
    blueprint = Blueprint("ota", __name__, url_prefix=PREFIX)
    to_role, clock = forward or over_socket(instance), clock or SystemClock()

    def operator() -> Operator:
        refuse_other_sites()
        settings = instance.settings.ota
        try:
            return Operator.named(who(request.environ), settings.operators, lab=instance.lab)
        except DecodeError as error:
            raise HttpError(403, "not allowed", detail="the client certificate names no operator") from error

    for call, domains in domains_of().values():
        if (call.method, call.path) in _JOINED:
            continue
        blueprint.add_url_rule(
            rule_of(call), call.name.replace("_", "-"), _forwarding(call, domains, operator, to_role),
            methods=[call.method],
        )  # fmt: skip
    add_evidence(blueprint, clock, operator, to_role)
    add_withdrawal(blueprint, operator, to_role)
    _add_uploads(blueprint, uploads_of(instance, clock), operator)
    return blueprint


def refuse_other_sites() -> None:
    """A browser adds its user's client certificate to whatever a page of somebody else has it send: what
    changes something is taken from no other site (Fetch Metadata; RFC 6454). Raises HttpError."""
    if request.method in ("GET", "HEAD"):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin", "none") or origin not in (None, f"https://{request.host}"):
        raise HttpError(403, "not allowed", detail="the request comes from a page of another site")


# --- calls ----------------------------------------------------------------------------------------


def _forwarding(
    call: Call, domains: tuple[str, ...], operator: Callable[[], Operator], forward: Forward
) -> Callable[..., Response]:
    def view(**_: str) -> Response:
        asking = operator()
        domain = request.args.get("repository", domains[0]) if len(domains) > 1 else domains[0]
        if domain not in domains:
            raise HttpError(404, "no such thing", detail=f"repository is not one of {', '.join(domains)}")
        body = None if call.method == "GET" else optional_body(JSON_TYPE, BODY_LIMIT)
        # Flask has matched the path to one of ours; written anew, it is that path and no other
        target = BEGINNING + quote(request.path.removeprefix(PREFIX))
        if request.query_string:
            target += "?" + request.query_string.decode("latin-1")
        found = forward(domain, call.method, target, body, asking.header, PATIENCE)
        check_kind(found, domain, JSON_TYPE, PROBLEM_TYPE)
        return _plain(Response(found.octets, found.status, content_type=found.kind))

    return view


# --- uploads --------------------------------------------------------------------------------------


def _add_uploads(blueprint: Blueprint, uploads: Uploads, operator: Callable[[], Operator]) -> None:
    def engineer() -> str:
        found = request.headers.get("Tus-Resumable")
        if found != TUS:
            told_version = f"Tus-Resumable is not {TUS}"
            raise HttpError(412, "another version of tus", detail=told_version, rule="tus-version")
        asking = operator()
        with told():
            asking.require(_UPLOADERS)
        return asking.name

    @blueprint.after_app_request
    def version(response: Response) -> Response:
        """tus 1.0.0 2.2: in every answer, a refusal, too, and one that no view made."""
        if f"{request.path}/".startswith(f"{PREFIX}/uploads/"):
            response.headers["Tus-Resumable"] = TUS
            if response.status_code == 412:
                response.headers["Tus-Version"] = TUS
        return response

    @blueprint.route("/uploads", methods=["OPTIONS"], provide_automatic_options=False)
    def upload_options() -> Response:
        response = _plain(Response(status=204))
        response.headers["Tus-Version"] = TUS
        response.headers["Tus-Extension"] = EXTENSIONS
        response.headers["Tus-Max-Size"] = str(uploads.limit)
        response.headers["Tus-Checksum-Algorithm"] = "sha256"
        return response

    @blueprint.post("/uploads")
    def create_upload() -> Response:
        name = engineer()
        with told():
            made = uploads.create(name, _number("Upload-Length"))
        response = _tus(Response(json.dumps({"id": made.id}) + "\n", 201, content_type=JSON_TYPE), made)
        response.headers["Location"] = f"{PREFIX}/uploads/{made.id}"
        return response

    @blueprint.get("/uploads")
    def list_uploads() -> Response:
        asking = operator()
        with told():
            asking.require(_UPLOADERS)
            return answer([one.document() for one in uploads.all(asking.name)], 200)

    @blueprint.route("/uploads/<identifier>", methods=["HEAD"])
    def upload(identifier: str) -> Response:
        name = engineer()
        with told():
            found = uploads.show(identifier, name)
        response = _tus(Response(status=200), found)
        response.headers["Upload-Length"] = str(found.length)
        return response

    @blueprint.patch("/uploads/<identifier>")
    def append_to_upload(identifier: str) -> Response:
        name = engineer()
        if request.environ.get("CONTENT_TYPE", "") != OFFSET_TYPE:
            raise unsupported(OFFSET_TYPE)
        with told():
            offset, checksum = _number("Upload-Offset"), _checksum()
            uploads.append(identifier, name, offset, _blocks(request.stream), sha256=checksum)
            return _tus(Response(status=204), uploads.show(identifier, name))

    @blueprint.delete("/uploads/<identifier>")
    def end_upload(identifier: str) -> Response:
        name = engineer()
        with told():
            uploads.delete(identifier, name)
        return _plain(Response(status=204))


def _blocks(stream: Any) -> Iterator[bytes]:
    """A body as it comes. Where the client goes away in the middle, it ends early, or raises HttpError."""
    while block := read_some(stream, BLOCK):
        yield block


def _number(header: str) -> int:
    value = request.headers.get(header, "")
    if not (value.isascii() and value.isdecimal() and len(value) < 18):
        raise DecodeError(f"{header} is no number of octets")
    return int(value)


def _checksum() -> bytes | None:
    """SHA-256 of `Upload-Checksum: sha256 <base64>`. Raises DecodeError."""
    value = request.headers.get("Upload-Checksum")
    if value is None:
        return None
    algorithm, _, digest = value.partition(" ")
    try:
        found = base64.b64decode(digest, validate=True)
    except binascii.Error:
        found = b""
    if algorithm != "sha256" or len(found) != 32:
        raise DecodeError("Upload-Checksum is not sha256 and its base64")
    return found


def _tus(response: Response, upload: Upload) -> Response:
    response.headers["Upload-Offset"] = str(upload.offset)
    response.headers["Upload-Expires"] = formatdate(unix_from_time32(upload.expires), usegmt=True)
    return _plain(response)


def _plain(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
