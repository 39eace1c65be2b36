"""What /api/v1/ota takes and gives, as OpenAPI 3.1: paths and roles are the desks' own, schemas from here."""

from typing import Any

from v2xpki.config.ota import EXPECTED, OPEN, RELEASE_STATES
from v2xpki.ota.campaigns import MOST_TARGETS
from v2xpki.ota.desk import Call, calls_of
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.evidence_desk import EvidenceDesk
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.ota.withdrawal_desk import WithdrawalDesk
from v2xpki.trust.ota.expected import MOST_VEHICLES
from v2xpki.trust.ota.fields import MOST_ECUS
from v2xpki.trust.ota.keys import ECU_SCHEMES
from v2xpki.trust.ota.registration import LONGEST_CSR
from v2xpki.web.admin_evidence import HTML_TYPE
from v2xpki.web.admin_ota import EXTENSIONS, OFFSET_TYPE, PREFIX, TUS, domains_of

Schema = dict[str, Any]


def _object(required: str = "", **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _closed(required: str = "", **properties: Schema) -> Schema:
    """An object that may have no other members."""
    return _object(required, **properties) | {"additionalProperties": False}


def _list(of: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": of, **limits}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Schema = {"type": "string"}
_PART: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}$"}
_VIN: Schema = {"type": "string", "pattern": "^[A-HJ-NPR-Z0-9]{17}$"}
_SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
_ANY: Schema = {"type": "object"}
_SHARE: Schema = {"type": "integer", "minimum": 1, "maximum": 100}
_COHORT = _closed(
    models=_list(_PART, minItems=1, maxItems=1_000_000), vins=_list(_VIN, minItems=1, maxItems=1_000_000),
    percentage=_SHARE,
) | {"minProperties": 1}  # fmt: skip
_RETIRED = _object("at by reason", at=_TIME, by=_TEXT, reason=_TEXT) | {"type": ["object", "null"]}
_IN_SHORT: dict[str, Schema] = {
    "vin": _VIN, "id": _TEXT, "model": _PART, "state": {"enum": ["active", "blocked", "retired"]},
    "registered": _TIME, "registeredBy": _TEXT, "retired": _RETIRED,
    "certificateExpires": _TIME_OR_NULL, "reported": _TIME_OR_NULL,
    "metadataVersion": _WHOLE,
}  # fmt: skip
_NAMING = _object("id name state", id=_TEXT, name=_PART, state={"enum": ["draft", "running", "paused"]})
_RELATIONS = _list(_object("name", name=_PART, min=_WHOLE, max=_WHOLE))

_NEW_RELEASE: dict[str, Schema] = {
    "name": _PART, "version": _PART, "hardwareIds": _list(_PART, minItems=1), "releaseCounter": _WHOLE,
    "attestation": {"type": "string", "contentEncoding": "base64", "description": "A DSSE envelope"},
    "file": _PART, "sha256": _SHA256, "rxswin": _list(_TEXT), "requires": _RELATIONS,
    "conflicts": _RELATIONS, "rollbackFrom": _WHOLE, "role": _TEXT,
}  # fmt: skip
_NEEDED = "name version hardwareIds releaseCounter attestation"

SCHEMAS: dict[str, Schema] = {
    "NewRelease": _object(f"upload {_NEEDED}", upload=_TEXT, **_NEW_RELEASE),
    "ReleaseToCheck": _object(f"sha256 {_NEEDED}", **_NEW_RELEASE),
    "Release": _object(
        "id path role name version hardwareId releaseCounter length sha256 state addedBy added approvals "
        "provenance",
        id=_TEXT, path=_TEXT, role=_TEXT, name=_PART, version=_PART, hardwareId=_PART, releaseCounter=_WHOLE,
        length=_WHOLE, sha256=_SHA256,
        state={"enum": list(RELEASE_STATES)},
        reason=_TEXT, addedBy=_TEXT, added=_TIME, published=_TIME_OR_NULL, withdrawn=_TIME_OR_NULL,
        approvals=_list(_object("operator approved", operator=_TEXT, approved=_TIME)),
        provenance=_object(
            "predicateType builder keyid sha256", predicateType=_TEXT, builder=_TEXT, keyid=_TEXT,
            sha256=_SHA256,
        ),
        rxswin=_list(_TEXT), requires=_RELATIONS, conflicts=_RELATIONS,
        rollbackFrom={"type": ["integer", "null"]},
    ),
    "WithdrawnRelease": {
        "allOf": [
            _ref("Release"),
            _object(
                "director",
                director=_object(
                    "told detail campaigns",
                    told={"type": "boolean"}, detail=_TEXT, campaigns=_list(_NAMING),
                ) | {"type": ["object", "null"], "description": "null: it was never published"},
            ),
        ]
    },
    "SigningRequest": _object(
        "id role version state createdBy created agree",
        id=_SHA256, role=_TEXT, version=_WHOLE, state={"enum": ["open", "published", "dropped"]},
        reason=_TEXT, createdBy=_TEXT, created=_TIME,
        agree=_list(_object("who threshold keyids", who=_TEXT, threshold=_WHOLE, keyids=_list(_SHA256))),
        signatures=_list(_object("keyid signer", keyid=_SHA256, signer=_TEXT)), file=_ANY, missing=_ANY,
        published={"type": "boolean"}, repeated={"type": "boolean"},
        waitsFor=_list(
            _object(
                "role request version missing",
                role=_TEXT, request=_TEXT_OR_NULL, version={"type": ["integer", "null"]}, missing=_ANY,
            )
        )
        | {"description": "Once nothing is missing: what must go out with it; null: nothing is open for it"},
    ),
    "MetadataRole": _object(
        "role version expires keyids threshold online secondsLeft due",
        role=_TEXT, version=_WHOLE, expires=_TIME, keyids=_list(_SHA256), threshold=_WHOLE,
        online={"type": "boolean"}, secondsLeft={"type": "integer"}, due={"type": "boolean"},
    ),
    "Reason": _object("reason", reason={"type": "string", "minLength": 1, "maxLength": 500}),
    "NewEcu": _closed(
        "ecuId hardwareId primary key",
        ecuId=_PART, hardwareId=_PART, primary={"type": "boolean"},
        key=_object(
            "keytype scheme keyval",
            keytype=_TEXT, scheme={"enum": list(ECU_SCHEMES)},
            keyval=_object("public", public={"type": "string", "description": "PEM, or hex of Ed25519"}),
        ),
    ),
    "NewVehicle": _closed(
        "vin model ecus csr",
        vin=_VIN, model=_PART,
        csr={"type": "string", "maxLength": LONGEST_CSR, "description": "PEM, PKCS#10"},
        ecus=_list(_ref("NewEcu"), minItems=1, maxItems=MOST_ECUS)
        | {"description": "Each id and each key once, exactly one Primary"},
    ),
    "Registered": _object("vehicleId certificate", vehicleId=_VIN, certificate=_TEXT),
    "VehicleInShort": _object(" ".join(_IN_SHORT), **_IN_SHORT),
    "Vehicle": _object(
        " ".join((*_IN_SHORT, "earlier", "ecus", "offers", "withheld", "manifests")),
        **_IN_SHORT,
        earlier=_list(_ref("VehicleInShort")) | {"description": "Registrations that ended"},
        ecus=_list(
            _object(
                "ecuId hardwareId primary keyid added replacedBy installed attack",
                ecuId=_PART, hardwareId=_PART, primary={"type": "boolean"}, keyid=_SHA256, added=_TIME,
                replacedBy=_TEXT_OR_NULL, installed={"type": ["object", "null"]}, attack=_TEXT_OR_NULL,
            )
        ),
        offers=_list(
            _object(
                "ecuId path campaign metadataVersion offered state reported detail",
                ecuId=_PART, path=_TEXT, campaign=_TEXT, metadataVersion=_WHOLE, offered=_TIME, state=_TEXT,
                reported=_TIME_OR_NULL, detail=_TEXT,
            )
        ),
        withheld={"type": "object", "additionalProperties": _TEXT, "description": "ECU: why"},
        manifests=_list(
            _object(
                "counter received attacks manifest",
                counter=_WHOLE, received=_TIME, attacks=_WHOLE, manifest=_ANY,
            )
        ),
    ),
    "Expectation": _closed(
        "vin model",
        vin=_VIN, model=_PART,
        credential={"type": "string", "pattern": "^[0-9A-Fa-f]{16}$", "description": "HashedId8; none: any"},
        ecus=_list(_PART, minItems=1, maxItems=MOST_ECUS) | {"uniqueItems": True, "description": "none: any"},
    ),
    "ExpectedVehicle": _object(
        "vin model credential ecus registered added addedBy",
        vin=_VIN, model=_PART, credential={"enum": ["any", "one"]},
        ecus={"type": ["array", "null"], "items": _PART},
        registered={"type": "boolean", "description": "Used up until that vehicle is retired"},
        added=_TIME, addedBy=_TEXT,
    ),
    "NewCampaign": _closed(
        "name targets cohort",
        name=_PART, cohort=_COHORT,
        targets=_list(_TEXT, minItems=1, maxItems=MOST_TARGETS) | {"uniqueItems": True},
    ),
    "Campaign": _object(
        "id name state targets cohort reason createdBy created started ended counts",
        id=_TEXT, name=_PART, state={"enum": ["draft", "running", "paused", "halted", "finished"]},
        targets=_list(_TEXT), cohort=_COHORT, reason=_TEXT, createdBy=_TEXT, created=_TIME,
        started=_TIME_OR_NULL, ended=_TIME_OR_NULL,
        counts=_object(
            "offered installed failed recalled",
            offered=_WHOLE, installed=_WHOLE, failed=_WHOLE, recalled=_WHOLE,
        ),
    ),
    "Upload": _object("id", id=_TEXT),
    "OpenUpload": _object(
        "id length offset expires", id=_TEXT, length=_WHOLE, offset=_WHOLE, expires=_TIME
    ),
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
        "vin model state registered retired reported manifests rxswin ecus directed roots campaigns offers "
        "earlier",
        vin=_TEXT, model=_TEXT, state=_TEXT, registered=_TIME, retired=_RETIRED,
        reported=_TIME_OR_NULL, manifests=_list(_ANY),
        rxswin={"type": "object", "additionalProperties": _list(_TEXT)}, ecus=_list(_ANY),
        directed={"type": ["object", "null"]}, roots=_list(_ANY), campaigns=_list(_ANY), offers=_list(_ANY),
        earlier=_list(_ref("VehicleEvidence")),
    ),
}  # fmt: skip

#: The joined ones first: what they say of a call is what is served.
_DESKS = (WithdrawalDesk, ImageDesk, DirectorDesk, EvidenceDesk)
#: Call -> what it takes.
_TAKES: dict[str, Schema] = {
    "add_release": _ref("NewRelease"),
    "check_release": _ref("ReleaseToCheck"),
    "approve_release": _object(),
    "withdraw_release": _ref("Reason"),
    "withdraw_target": _closed(
        "path reason", path=_TEXT, reason={"type": "string", "minLength": 1, "maxLength": 500}
    ),
    "request_signatures": _object(
        role=_TEXT, releases=_list(_TEXT), rotate=_list(_TEXT), renew={"type": "boolean"}
    ),
    "submit_signature": _object(
        "repository request signer signatures", repository=_TEXT, request=_SHA256, signer=_TEXT,
        signatures=_list(_object("keyid sig", keyid=_SHA256, sig=_TEXT), minItems=1),
    ),
    "drop_signing_request": _ref("Reason"),
    "register_vehicle": _ref("NewVehicle"),
    "block_vehicle": _ref("Reason"),
    "unblock_vehicle": _ref("Reason"),
    "retire_vehicle": _ref("Reason"),
    "expect_vehicles": _closed(
        "vehicles", vehicles=_list(_ref("Expectation"), minItems=1, maxItems=MOST_VEHICLES)
    ),
    "remove_expected_vehicle": _closed(),
    "replace_ecu": _ref("NewEcu"),
    "create_campaign": _ref("NewCampaign"),
    "start_campaign": _closed(percentage=_SHARE),
    "pause_campaign": _ref("Reason"),
    "halt_campaign": _ref("Reason"),
}  # fmt: skip
#: Call -> what it gives.
_GIVES: dict[str, Schema] = {
    "add_release": _list(_ref("Release")),
    "check_release": _list(_object("path role", path=_TEXT, role=_TEXT)),
    "releases": _list(_ref("Release")),
    "release": _ref("Release"),
    "approve_release": _ref("Release"),
    "withdraw_release": _ref("WithdrawnRelease"),
    "withdraw_target": _list(_NAMING),
    "request_signatures": _list(_ref("SigningRequest")),
    "signing_requests": _list(_ref("SigningRequest")),
    "signing_request": _ref("SigningRequest"),
    "submit_signature": _ref("SigningRequest"),
    "drop_signing_request": _ref("SigningRequest"),
    "roles": _list(_ref("MetadataRole")),
    "register_vehicle": _ref("Registered"),
    "vehicles": _list(_ref("VehicleInShort")),
    "vehicle": _ref("Vehicle"),
    "block_vehicle": _ref("Vehicle"),
    "unblock_vehicle": _ref("Vehicle"),
    "retire_vehicle": _ref("Vehicle"),
    "expect_vehicles": _object(
        "added replaced registration", added=_WHOLE, replaced=_WHOLE,
        registration={"enum": [OPEN, EXPECTED], "description": "open: the list is not asked"},
    ),
    "expected_vehicles": _list(_ref("ExpectedVehicle")),
    "remove_expected_vehicle": _object("removed", removed=_VIN),
    "replace_ecu": _ref("Vehicle"),
    "create_campaign": _ref("Campaign"),
    "campaigns": _list(_ref("Campaign")),
    "campaign": _ref("Campaign"),
    "start_campaign": _ref("Campaign"),
    "pause_campaign": _ref("Campaign"),
    "halt_campaign": _ref("Campaign"),
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
#: What parameters of queries may be, where it is not any text.
_QUERY: dict[str, Schema] = {
    "state": {"enum": list(RELEASE_STATES)},
    "all": {"enum": ["true", "false"]},
    "repository": {"enum": ["image", "director"]},
}
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
    parameters += [_parameter(name, "query", _QUERY.get(name, _TEXT)) for name in call.query]
    content = {"application/json": {"schema": _GIVES[call.name]}}
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
        schema = _TAKES[call.name]
        taken = {"application/json": {"schema": schema}}
        # no body is as an empty one (ota_desk.read_body)
        operation["requestBody"] = {"required": bool(_members_needed(schema)), "content": taken}
    return operation


def _members_needed(schema: Schema) -> list[str]:
    """The members that a body must have, be its schema a component or not."""
    found: list[str] = SCHEMAS.get(schema.get("$ref", "").rpartition("/")[2], schema)["required"]
    return found


def _parameter(name: str, place: str, schema: Schema) -> Schema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _header(name: str, schema: Schema = _TEXT, *, required: bool = True) -> Schema:
    return {"name": name, "in": "header", "required": required, "schema": schema}


#: What headers of an upload's answers have.
_ANSWERED: dict[str, Schema] = {
    "Tus-Resumable": {"const": TUS},
    "Tus-Version": {"const": TUS},
    "Tus-Extension": _TEXT,
    "Tus-Max-Size": _WHOLE,
    "Tus-Checksum-Algorithm": _TEXT,
    "Location": {"type": "string", "description": f"{PREFIX}/uploads/ and the upload's id"},
    "Upload-Offset": _WHOLE | {"description": "Octets that are there"},
    "Upload-Expires": {"type": "string", "description": "When it is forgotten (RFC 9110, 5.6.7)"},
    "Upload-Length": _WHOLE,
}


def _answered(*names: str) -> Schema:
    described = {name: {"required": True, "schema": _ANSWERED[name]} for name in ("Tus-Resumable", *names)}
    return {"description": "Done", "headers": described}


_TUS_PROBLEM: Schema = _PROBLEM | {"headers": _answered()["headers"]}
_OTHER_TUS: Schema = _PROBLEM | {"headers": _answered("Tus-Version")["headers"]}


def _tus(summary: str, status: int, answered: Schema, *headers: Schema, **more: Any) -> Schema:
    version = _header("Tus-Resumable", {"const": TUS})
    return {
        "summary": summary, "parameters": [version, *headers],
        "responses": {str(status): answered, "412": _OTHER_TUS, "default": _TUS_PROBLEM}, **more,
    }  # fmt: skip


_OCTETS = {OFFSET_TYPE: {"schema": {"type": "string", "format": "binary"}}}
_UPLOADS: dict[str, Any] = {
    f"{PREFIX}/uploads": {
        "options": {
            "operationId": "uploadOptions",
            "summary": f"What is understood of tus {TUS}: {EXTENSIONS}",
            "responses": {
                "204": _answered("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")
            },
        },
        "get": {
            "operationId": "listUploads",
            "summary": "Your own that are neither a release yet nor ended, the first to expire first",
            "responses": {
                "200": {
                    "description": "Done",
                    "content": {"application/json": {"schema": _list(_ref("OpenUpload"))}},
                },
                "default": _PROBLEM,
            },
        },
        "post": _tus(
            "Room for an image of Upload-Length octets", 201,
            _answered("Location", "Upload-Offset", "Upload-Expires")
            | {"content": {"application/json": {"schema": _ref("Upload")}}},
            _header("Upload-Length", _WHOLE), operationId="createUpload",
        ),
    },
    f"{PREFIX}/uploads/{{id}}": {
        "parameters": [_parameter("id", "path", {"type": "string", "pattern": "^[0-9a-f]{32}$"})],
        "head": _tus(
            "How far it is", 200, _answered("Upload-Offset", "Upload-Length", "Upload-Expires"),
            operationId="upload",
        ),
        "patch": _tus(
            "Octets from Upload-Offset on; what came before a connection breaks is kept", 204,
            _answered("Upload-Offset", "Upload-Expires"),
            _header("Upload-Offset", _WHOLE), _header("Upload-Checksum", required=False),
            operationId="appendToUpload", requestBody={"required": True, "content": _OCTETS},
        ),
        "delete": _tus("Forget it", 204, _answered(), operationId="endUpload"),
    },
}  # fmt: skip
