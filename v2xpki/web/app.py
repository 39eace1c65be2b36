"""The application factories: `create_app(role)` for each role and admin.

What a role opens (its own token, database, certificates) is written down here and nowhere else in
web/; it happens in the worker, after the last fork.
"""

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Flask

from v2xpki.errors import ConfigError
from v2xpki.web import logs
from v2xpki.web.base import Lazy, Opened, protocol_app
from v2xpki.web.problems import problem_response, text_response
from v2xpki.web.process import OTA_ROLES, SCMS_ROLES, RoleSettings

_MODULES = {
    "ea": "v2xpki.web.open_ca",
    "aa": "v2xpki.web.open_ca",
    "dc": "v2xpki.web.open_dc",
    **{role: f"v2xpki.web.open_{role}" for role in (*SCMS_ROLES, *OTA_ROLES)},
    "la1": "v2xpki.web.open_la",
    "la2": "v2xpki.web.open_la",
}

Opener = Callable[[RoleSettings], Opened[Any]]


def create_app(role: str, settings: RoleSettings | None = None, opener: Opener | None = None) -> Flask:
    """The application of a role of the instance that the environment names (V2XPKI_INSTANCE).

    `opener` replaces how the authority is opened: for tests. Raises ConfigError.
    """
    settings = settings or RoleSettings.from_environment()
    logs.configure(role, settings.instance.settings.serve.log_level)
    if role == "admin":
        from v2xpki.web.admin import admin_app

        return admin_app(settings)
    if role not in _MODULES:
        raise ConfigError(f"no role {role!r}", hint=f"one of {', '.join(_MODULES)}")
    chosen = opener or opener_of(role)
    lazy: Lazy[Any] = Lazy(lambda: chosen(settings))
    app = protocol_app(role, lazy, respond=problem_response if role in OTA_ROLES else text_response)
    if role in SCMS_ROLES:
        from v2xpki.web.internal import guard

        guard(app, role)
    for blueprint in _blueprints(role, settings, lazy):
        app.register_blueprint(blueprint)
    return app


def _blueprints(role: str, settings: RoleSettings, lazy: Lazy[Any]) -> Iterable[Blueprint]:
    """What a role answers; of the other family nothing is imported."""
    body_limit = settings.instance.settings.limits.body_octets
    if role in SCMS_ROLES:
        from v2xpki.web import internal, scms

        fine = settings.instance.settings.scms.fine_errors
        if role == "eca":
            yield scms.eca_blueprint(lazy.authority, body_limit, fine=fine)
            yield internal.eca_blueprint(lazy.authority)
        elif role == "ra":
            yield scms.ra_blueprint(lambda: lazy.authority().authority, body_limit, fine=fine)
            yield internal.ra_blueprint(lambda: lazy.authority().cases)
        elif role == "aca":
            yield internal.aca_blueprint(lambda: lazy.authority().authority, lambda: lazy.authority().cases)
        elif role in ("la1", "la2"):
            yield internal.la_blueprint(lambda: lazy.authority().authority, lambda: lazy.authority().cases)
        elif role == "sdc":
            yield scms.sdc_blueprint(lazy.authority)
            yield internal.sdc_blueprint(lazy.authority)
        return
    if role in OTA_ROLES:
        from v2xpki.ota.director_desk import DirectorDesk
        from v2xpki.ota.image_desk import ImageDesk
        from v2xpki.web import ota, ota_desk

        if role == "image":
            yield ota.image_blueprint(lazy.authority)
            yield ota_desk.desk_blueprint(lambda: lazy.authority().desk, ImageDesk)
        else:
            yield ota.director_blueprint(lambda: lazy.authority().director)
            yield ota_desk.desk_blueprint(lambda: lazy.authority().desk, DirectorDesk)
        return
    from v2xpki.web import etsi

    if role == "ea":
        yield etsi.ea_blueprint(lazy.authority, body_limit)
    elif role == "aa":
        yield etsi.aa_blueprint(lazy.authority, body_limit)
    else:
        yield etsi.dc_blueprint(lazy.authority)
        yield etsi.cpoc_blueprint(lazy.authority)


def opener_of(role: str) -> Opener:
    """How a role's authority is opened."""
    name = "open_la" if role in ("la1", "la2") else f"open_{role}"
    found: Opener = getattr(importlib.import_module(_MODULES[role]), name)
    return found


def import_code(role: str) -> None:
    """Imports what a role's workers use; opens nothing."""
    importlib.import_module(_MODULES.get(role, "v2xpki.web.admin"))
    for name in _code_of(role) if role in _MODULES else ():
        importlib.import_module(f"v2xpki.web.{name}")


def _code_of(role: str) -> tuple[str, ...]:
    if role in SCMS_ROLES:
        return "scms", "internal"
    return ("ota", "ota_desk") if role in OTA_ROLES else ("etsi",)
