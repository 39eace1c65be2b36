"""The operators' listener: /metrics, health in full, and /api/v1. TLS with a client certificate (worker.py).

It opens no token and no database: what it tells it asks of the roles, over their sockets. Requests of
sub-CAs lie in files (admin_ca.py); so do images on their way in (admin_ota.py).
"""

import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, jsonify

from v2xpki import __version__
from v2xpki.links.mutual_tls import client_context
from v2xpki.web import admin_ca, admin_ota, metrics, ota_openapi
from v2xpki.web.base import bare_app
from v2xpki.web.problems import problem_response
from v2xpki.web.process import ENV_ROLES, SCMS_ROLES, RoleSettings, internal_identity, socket_path

TIMEOUT = 3.0
ANSWER_LIMIT = 1 << 20

Gauge = tuple[str, str, dict[str, str], float]

_HELP = {
    "v2xpki_list_signed_seconds": "Seconds until the end of the last list that is signed ahead",
    "v2xpki_list_ahead": "Lists that are signed and not yet due",
    "v2xpki_list_sequence": "ctlSequence of the list that is handed out",
    "v2xpki_trust_refresh_age_seconds": "Seconds since all lists that the role goes by were last asked for",
    "v2xpki_foreign_list_seconds_left": "Seconds until nextUpdate of another PKI's list that is followed",
    "v2xpki_foreign_refresh_age_seconds": "Seconds since another PKI's lists last came with success",
}


def admin_app(settings: RoleSettings) -> Flask:
    """The application of the admin listener."""
    app = bare_app("admin", problem_response)
    roles = [role for role in os.environ.get(ENV_ROLES, "").split(",") if role]
    desk = Desk(settings, roles)
    app.register_blueprint(health_blueprint(desk))
    app.register_blueprint(api_blueprint(desk))
    app.register_blueprint(admin_ca.ca_blueprint(settings.instance))
    if settings.instance.has_ota:
        app.register_blueprint(admin_ota.ota_blueprint(settings.instance))
    return app


class Desk:
    """What is known of the roles, asked when it is wanted."""

    def __init__(self, settings: RoleSettings, roles: list[str]) -> None:
        self.instance, self.roles = settings.instance, roles
        has_scms = bool(set(roles) & set(SCMS_ROLES))
        own = internal_identity(settings.instance, "admin")
        self._tls = client_context(own) if has_scms else None

    def readiness(self) -> dict[str, dict[str, Any]]:
        """Each role's /readyz document; one that does not answer is not ready."""
        return {role: self._role(role) for role in self.roles}

    def _role(self, role: str) -> dict[str, Any]:
        try:
            tls = self._tls if role in SCMS_ROLES else None
            document = ask(socket_path(self.instance, role), "/readyz", role=role, tls=tls)
        except (OSError, http.client.HTTPException, ValueError):
            return {"role": role, "ready": False, "checks": {"process": {"ok": False, "text": "no answer"}}}
        return document

    def metrics(self) -> bytes:
        return metrics.render(self.instance.run_dir / "metrics", list(self._gauges()))

    def _gauges(self) -> Iterator[Gauge]:
        for role, document in self.readiness().items():
            yield "v2xpki_ready", "1 where a role can work", {"role": role}, float(document["ready"])
            for name, found in document["checks"].items():
                labels = {"role": role, "check": name}
                yield "v2xpki_check_ok", "1 where a check passes", labels, float(found["ok"])
                for gauge, more, value in found.get("values", ()):
                    yield (
                        gauge,
                        _HELP.get(gauge, "Seconds until it ends"),
                        {"role": role, **more},
                        float(value),
                    )


def ask(path: str, target: str, *, role: str = "", tls: ssl.SSLContext | None = None) -> dict[str, Any]:
    """A JSON document from a role's socket, whatever its status. tls: where it speaks TLS alone."""
    connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(TIMEOUT)
        connection.sock.connect(path)
        if tls is not None:
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=role)
        connection.request("GET", target)
        document = json.loads(connection.getresponse().read(ANSWER_LIMIT))
    finally:
        connection.close()
    if not isinstance(document, dict) or "checks" not in document:
        raise ValueError("not a readiness document")
    return document


def health_blueprint(desk: Desk) -> Blueprint:
    """/healthz, /readyz with every check, /metrics."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    @blueprint.get("/readyz")
    def readyz() -> Response:
        roles = desk.readiness()
        ready = all(document["ready"] for document in roles.values())
        response = jsonify({"ready": ready, "lab": desk.instance.lab, "roles": roles})
        response.status_code = 200 if ready else 503
        return no_store(response)

    @blueprint.get("/metrics")
    def scrape() -> Response:
        return no_store(Response(desk.metrics(), content_type=metrics.CONTENT_TYPE))

    return blueprint


def api_blueprint(desk: Desk) -> Blueprint:
    """/api/v1: status, and the description of the interface."""
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

    @blueprint.get("/status")
    def status() -> Response:
        instance = desk.instance
        return no_store(
            jsonify(
                {
                    "version": __version__,
                    "profile": instance.profile,
                    "baseUrl": instance.base_url,
                    "lab": instance.lab,
                    "roles": desk.readiness(),
                }
            )
        )

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(OPENAPI)

    return blueprint


def no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _json(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


_PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "v2xpki, operators' interface", "version": __version__},
    "paths": {
        "/api/v1/status": {
            "get": {
                "operationId": "status",
                "summary": "The instance and the state of its roles",
                "responses": {
                    "200": _json({"$ref": "#/components/schemas/Status"}, "The state now"),
                    "default": _PROBLEM,
                },
            }
        },
        "/api/v1/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This description",
                "responses": {"200": _json({"type": "object"}, "OpenAPI 3.1")},
            }
        },
        **admin_ca.PATHS,
        **ota_openapi.paths(),
    },
    "components": {
        "schemas": {
            "Status": {
                "type": "object",
                "required": ["version", "profile", "baseUrl", "lab", "roles"],
                "properties": {
                    "version": {"type": "string"},
                    "profile": {"type": "string"},
                    "baseUrl": {"type": "string", "format": "uri"},
                    "lab": {"type": "boolean"},
                    "roles": {
                        "type": "object",
                        "additionalProperties": {"$ref": "#/components/schemas/Role"},
                    },
                },
            },
            "Role": {
                "type": "object",
                "required": ["role", "ready", "checks"],
                "properties": {
                    "role": {"type": "string"},
                    "ready": {"type": "boolean"},
                    "checks": {
                        "type": "object",
                        "additionalProperties": {"$ref": "#/components/schemas/Check"},
                    },
                },
            },
            "Check": {
                "type": "object",
                "required": ["ok", "text"],
                "properties": {
                    "ok": {"type": "boolean"},
                    "warning": {"type": "boolean"},
                    "text": {"type": "string"},
                },
            },
            **admin_ca.SCHEMAS,
            **ota_openapi.SCHEMAS,
            "Problem": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "rule": {"type": "string"},
                    "instance": {"type": "string"},
                },
            },
        },
    },
}
