"""What /api/v1/ota takes and gives, as OpenAPI 3.1: paths and roles are the desks' own, schemas from here."""

from typing import Any

from v2xpki.ota.desk import Call, calls_of
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.evidence_desk import EvidenceDesk
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.web.admin_evidence import HTML_TYPE
from v2xpki.web.admin_ota import EXTENSIONS, OFFSET_TYPE, PREFIX, TUS, domains_of

Schema = dict[str, Any]


def _object(required: str = "", **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(of: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": of, **limits}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Schema = {"type": "string"}
_PART: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}$"}
_SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
_ANY: Schema = {"type": "object"}
_RELATIONS = _list(_object("name", name=_PART, min=_WHOLE, max=_WHOLE))

SCHEMAS: dict[str, Schema] = {
    "NewRelease": _object(
        "upload name version hardwareIds releaseCounter attestation",
        upload=_TEXT, name=_PART, version=_PART, hardwareIds=_list(_PART, minItems=1), releaseCounter=_WHOLE,
        attestation={"type": "string", "contentEncoding": "base64", "description": "A DSSE envelope"},
        file=_PART, sha256=_SHA256, rxswin=_list(_TEXT), requires=_RELATIONS, conflicts=_RELATIONS,
        rollbackFrom=_WHOLE, role=_TEXT,
    ),
    "Release": _object(
        "id path role name version hardwareId releaseCounter length sha256 state addedBy added approvals "
        "provenance",
        id=_TEXT, path=_TEXT, role=_TEXT, name=_PART, version=_PART, hardwareId=_PART, releaseCounter=_WHOLE,
        length=_WHOLE, sha256=_SHA256,
        state={"enum": ["staged", "approved", "signing", "published", "withdrawing", "withdrawn"]},
        reason=_TEXT, addedBy=_TEXT, added=_TIME, published=_TIME_OR_NULL, withdrawn=_TIME_OR_NULL,
        approvals=_list(_object("operator approved", operator=_TEXT, approved=_TIME)),
        provenance=_object(
            "predicateType builder keyid sha256", predicateType=_TEXT, builder=_TEXT, keyid=_TEXT,
            sha256=_SHA256,
        ),
        rxswin=_list(_TEXT), requires=_RELATIONS, conflicts=_RELATIONS,
        rollbackFrom={"type": ["integer", "null"]},
    ),
    "SigningRequest": _object(
        "id role version state createdBy created agree",
        id=_SHA256, role=_TEXT, version=_WHOLE, state={"enum": ["open", "published", "dropped"]},
        reason=_TEXT, createdBy=_TEXT, created=_TIME,
        agree=_list(_object("who threshold keyids", who=_TEXT, threshold=_WHOLE, keyids=_list(_SHA256))),
        signatures=_list(_object("keyid signer", keyid=_SHA256, signer=_TEXT)), file=_ANY, missing=_ANY,
        published={"type": "boolean"},
    ),
    "MetadataRole": _object(
        "role version expires keyids threshold online secondsLeft due",
        role=_TEXT, version=_WHOLE, expires=_TIME, keyids=_list(_SHA256), threshold=_WHOLE,
        online={"type": "boolean"}, secondsLeft={"type": "integer"}, due={"type": "boolean"},
    ),
    "Reason": _object("reason", reason={"type": "string", "minLength": 1, "maxLength": 500}),
    "NewVehicle": _object("vin model ecus csr", vin=_TEXT, model=_TEXT, ecus=_list(_ANY), csr=_TEXT),
    "NewCampaign": _object(
        "name targets cohort",
        name=_TEXT, targets=_list(_TEXT, minItems=1),
        cohort=_object(
            models=_list(_TEXT), vins=_list(_TEXT),
            percentage={"type": "integer", "minimum": 0, "maximum": 100},
        ),
    ),
    "Upload": _object("id", id=_TEXT),
    # the shapes of ota.evidence: what is in them beside these members grows
    "ReleaseEvidence": _object(
        "id path role name version hardwareId sha256 rxswin state approvals provenance listedBy above",
        id=_TEXT, path=_TEXT, role=_TEXT, name=_PART, version=_PART, hardwareId=_PART, sha256=_SHA256,
        rxswin=_list(_TEXT), state=_TEXT, approvals=_list(_ANY), provenance={"type": ["object", "null"]},
        listedBy=_list(_ANY), above=_list(_ANY),
    ),
    "DeliveryEvidence": _object(
        "path counts campaigns roots offers more",
        path=_TEXT, counts={"type": "object", "additionalProperties": _WHOLE}, campaigns=_list(_ANY),
        roots=_list(_ANY), offers=_list(_ANY), more={"type": ["string", "null"]},
    ),
    "VehicleEvidence": _object(
        "vin model state registered reported manifests rxswin ecus directed roots campaigns offers",
        vin=_TEXT, model=_TEXT, state=_TEXT, registered=_TIME, reported=_TIME_OR_NULL, manifests=_list(_ANY),
        rxswin={"type": "object", "additionalProperties": _list(_TEXT)}, ecus=_list(_ANY),
        directed={"type": ["object", "null"]}, roots=_list(_ANY), campaigns=_list(_ANY), offers=_list(_ANY),
    ),
}  # fmt: skip

_DESKS = (ImageDesk, DirectorDesk, EvidenceDesk)
#: Call -> what it takes.
_TAKES: dict[str, Schema] = {
    "add_release": _ref("NewRelease"),
    "approve_release": _object(),
    "withdraw_release": _ref("Reason"),
    "request_signatures": _object(role=_TEXT, releases=_list(_TEXT), rotate=_list(_TEXT)),
    "submit_signature": _object(
        "repository request signer signatures", repository=_TEXT, request=_SHA256, signer=_TEXT,
        signatures=_list(_object("keyid sig", keyid=_SHA256, sig=_TEXT), minItems=1),
    ),
    "drop_signing_request": _ref("Reason"),
    "register_vehicle": _ref("NewVehicle"),
    "block_vehicle": _ref("Reason"),
    "unblock_vehicle": _ref("Reason"),
    "replace_ecu": _ANY,
    "create_campaign": _ref("NewCampaign"),
    "start_campaign": _object(percentage={"type": "integer", "minimum": 0, "maximum": 100}),
    "pause_campaign": _ref("Reason"),
    "halt_campaign": _ref("Reason"),
}  # fmt: skip
#: Call -> what it gives; objects of the Director's, which grow, are not described further.
_GIVES: dict[str, Schema] = {
    "add_release": _list(_ref("Release")),
    "releases": _list(_ref("Release")),
    "release": _ref("Release"),
    "approve_release": _ref("Release"),
    "withdraw_release": _ref("Release"),
    "request_signatures": _list(_ref("SigningRequest")),
    "signing_requests": _list(_ref("SigningRequest")),
    "signing_request": _ref("SigningRequest"),
    "submit_signature": _ref("SigningRequest"),
    "drop_signing_request": _ref("SigningRequest"),
    "roles": _list(_ref("MetadataRole")),
    "vehicles": _list(_ANY),
    "campaigns": _list(_ANY),
    "release_evidence": _object(
        "report made release delivery",
        report={"const": "release"}, made=_TIME, release=_ref("ReleaseEvidence"),
        delivery=_ref("DeliveryEvidence"),
    ),
    "vehicle_evidence": _object(
        "report made vehicle releases",
        report={"const": "vehicle"}, made=_TIME, vehicle=_ref("VehicleEvidence"),
        releases=_list(_ref("ReleaseEvidence")),
    ),
    "release_half": _ref("ReleaseEvidence"),
    "known_release_halves": _list(_ref("ReleaseEvidence")),
    "delivery_half": _ref("DeliveryEvidence"),
    "vehicle_half": _ref("VehicleEvidence"),
}  # fmt: skip
_PROBLEM: Schema = {
    "description": "A problem (RFC 9457); `detail` names the field and the rule",
    "content": {"application/problem+json": {"schema": _ref("Problem")}},
}


def paths() -> dict[str, Any]:
    """All paths of the interface."""
    found: dict[str, Any] = {}
    for call in [*(call for call, _ in domains_of().values()), *calls_of(EvidenceDesk)]:
        found.setdefault(f"{PREFIX}/{call.path}", {})[call.method.lower()] = _operation(call)
    return found | _UPLOADS


def _operation(call: Call) -> Schema:
    first, *rest = call.name.split("_")
    documented = next(one for desk in _DESKS if (one := getattr(desk, call.name, None)))
    parameters = [_parameter(name, "path", _TEXT) for name in call.in_path]
    parameters += [_parameter(name, "query", _TEXT) for name in call.query]
    content = {"application/json": {"schema": _GIVES.get(call.name, _ANY)}}
    if call in calls_of(EvidenceDesk):
        content[HTML_TYPE] = {"schema": _TEXT}
    operation: Schema = {
        "operationId": first + "".join(part.capitalize() for part in rest),
        "summary": " ".join((documented.__doc__ or "").split()),
        "description": f"Needs one of the roles {', '.join(sorted(call.roles))}.",
        "parameters": parameters,
        "responses": {str(call.status): {"description": "Done", "content": content}, "default": _PROBLEM},
    }
    if call.name in _TAKES:
        taken = {"application/json": {"schema": _TAKES[call.name]}}
        operation["requestBody"] = {"required": "required" in _TAKES[call.name], "content": taken}
    return operation


def _parameter(name: str, place: str, schema: Schema) -> Schema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _header(name: str, schema: Schema = _TEXT, *, required: bool = True) -> Schema:
    return {"name": name, "in": "header", "required": required, "schema": schema}


def _tus(summary: str, status: int, *headers: Schema, **more: Any) -> Schema:
    version = _header("Tus-Resumable", {"const": TUS})
    return {
        "summary": summary, "parameters": [version, *headers],
        "responses": {str(status): {"description": "Done"}, "default": _PROBLEM}, **more,
    }  # fmt: skip


_OCTETS = {OFFSET_TYPE: {"schema": {"type": "string", "format": "binary"}}}
_UPLOADS: dict[str, Any] = {
    f"{PREFIX}/uploads": {
        "options": {
            "operationId": "uploadOptions",
            "summary": f"What is understood of tus {TUS}: {EXTENSIONS}",
            "responses": {"204": {"description": "Tus-Version, Tus-Extension, Tus-Max-Size"}},
        },
        "post": _tus(
            "Room for an image of Upload-Length octets", 201, _header("Upload-Length", _WHOLE),
            operationId="createUpload",
        ),
    },
    f"{PREFIX}/uploads/{{id}}": {
        "parameters": [_parameter("id", "path", {"type": "string", "pattern": "^[0-9a-f]{32}$"})],
        "head": _tus("How far it is: Upload-Offset", 200, operationId="upload"),
        "patch": _tus(
            "Octets from Upload-Offset on; what came before a connection breaks is kept", 204,
            _header("Upload-Offset", _WHOLE), _header("Upload-Checksum", required=False),
            operationId="appendToUpload", requestBody={"required": True, "content": _OCTETS},
        ),
        "delete": _tus("Forget it", 204, operationId="endUpload"),
    },
}  # fmt: skip
