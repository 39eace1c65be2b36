"""/api/v1/ca on the operators' listener: requests of sub-CAs come in, their certificates are fetched.

Nothing is granted here: a request waits in DIR/ca-requests until the root's operator has held its ceremony.
"""

from typing import Any

from flask import Blueprint, Response, jsonify

from v2xpki.authorities.etsi.ca_inbox import LONGEST, Entry, Inbox, InboxFull
from v2xpki.authorities.etsi.ca_review import kind_of
from v2xpki.config import Instance
from v2xpki.errors import CryptoError, DecodeError, UnexpectedContent
from v2xpki.time import iso_from_time32
from v2xpki.web.etsi import OCTETS_TYPE, its_request
from v2xpki.web.problems import HttpError


def ca_blueprint(instance: Instance) -> Blueprint:
    """POST and GET /api/v1/ca/requests, GET .../<id> and .../<id>/certificate."""
    blueprint = Blueprint("ca", __name__, url_prefix="/api/v1/ca")
    inbox = Inbox(instance)

    @blueprint.post("/requests")
    def send() -> Response:
        body = its_request(LONGEST)
        try:
            entry = inbox.put(body)
        except (DecodeError, UnexpectedContent, CryptoError) as error:
            raise HttpError(400, f"not a CA's certificate request: {error}") from error
        except InboxFull as error:
            raise HttpError(503, str(error), retry_after=3600) from error
        except OSError as error:  # its folder is not this user's
            raise HttpError(503, "requests cannot be kept here") from error
        response = jsonify(_document(entry))
        response.status_code = 201 if entry.certificate is None else 200
        response.headers["Location"] = f"/api/v1/ca/requests/{entry.request.id}"
        return _no_store(response)

    @blueprint.get("/requests")
    def all_requests() -> Response:
        return _no_store(jsonify([_document(entry) for entry in inbox.all()]))

    @blueprint.get("/requests/<identifier>")
    def one(identifier: str) -> Response:
        return _no_store(jsonify(_document(_entry(inbox, identifier))))

    @blueprint.get("/requests/<identifier>/certificate")
    def certificate(identifier: str) -> Response:
        entry = _entry(inbox, identifier)
        if entry.certificate is None:
            raise HttpError(404, "the request waits for its review", retry_after=60)
        return _no_store(Response(entry.certificate.octets, content_type=OCTETS_TYPE))

    return blueprint


def _entry(inbox: Inbox, identifier: str) -> Entry:
    entry = inbox.get(identifier)
    if entry is None:
        raise HttpError(404, "no such request")
    return entry


def _document(entry: Entry) -> dict[str, Any]:
    found, certificate = entry.request, entry.certificate
    document: dict[str, Any] = {
        "id": found.id,
        "status": "pending" if certificate is None else "granted",
        "kind": kind_of(found),
        "name": found.name,
        "made": iso_from_time32(found.generated),
        "rekeyedFrom": None if found.former is None else found.former.hex(),
        "certificate": None,
    }
    if certificate is not None:
        document["certificate"] = {
            "hashedId8": certificate.hashed_id8.hex(),
            "href": f"/api/v1/ca/requests/{found.id}/certificate",
        }
    return document


def _no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


_DOCUMENT = {
    "description": "The request",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CaRequest"}}},
}
_PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}

PATHS: dict[str, Any] = {
    "/api/v1/ca/requests": {
        "post": {
            "operationId": "sendCaRequest",
            "summary": "A sub-CA's request for its certificate, to be reviewed by the root's operator",
            "requestBody": {
                "required": True,
                "content": {"application/x-its-request": {"schema": {"type": "string", "format": "binary"}}},
            },
            "responses": {"200": _DOCUMENT, "201": _DOCUMENT, "default": _PROBLEM},
        },
        "get": {
            "operationId": "caRequests",
            "summary": "All requests that came in",
            "responses": {
                "200": {
                    "description": "The requests",
                    "content": {
                        "application/json": {
                            "schema": {"type": "array", "items": {"$ref": "#/components/schemas/CaRequest"}}
                        }
                    },
                },
                "default": _PROBLEM,
            },
        },
    },
    "/api/v1/ca/requests/{id}": {
        "get": {
            "operationId": "caRequest",
            "summary": "One request and what became of it",
            "parameters": [_ID],
            "responses": {"200": _DOCUMENT, "default": _PROBLEM},
        }
    },
    "/api/v1/ca/requests/{id}/certificate": {
        "get": {
            "operationId": "caCertificate",
            "summary": "The certificate of a request that was granted; 404 while it waits",
            "parameters": [_ID],
            "responses": {
                "200": {
                    "description": "COER of the certificate",
                    "content": {
                        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                    },
                },
                "default": _PROBLEM,
            },
        }
    },
}

SCHEMAS: dict[str, Any] = {
    "CaRequest": {
        "type": "object",
        "required": ["id", "status", "kind", "name", "made", "rekeyedFrom", "certificate"],
        "properties": {
            "id": {"type": "string"},
            "status": {"enum": ["pending", "granted"]},
            "kind": {"enum": ["EA", "AA"]},
            "name": {"type": ["string", "null"]},
            "made": {"type": "string", "format": "date-time"},
            "rekeyedFrom": {"type": ["string", "null"], "description": "HashedId8 in hex"},
            "certificate": {
                "type": ["object", "null"],
                "properties": {"hashedId8": {"type": "string"}, "href": {"type": "string"}},
            },
        },
    }
}
