"""The application factories: `create_app(role)` for ea, aa, dc and admin.

What a role opens (its own token, database, certificates) is written down here and nowhere else in
web/; it happens in the worker, after the last fork.
"""

import importlib
from collections.abc import Callable
from typing import Any

from flask import Flask

from v2xpki.errors import ConfigError
from v2xpki.web import etsi, logs
from v2xpki.web.base import Lazy, Opened, protocol_app
from v2xpki.web.process import ROLES, RoleSettings

_MODULES = {"ea": "v2xpki.web.open_ca", "aa": "v2xpki.web.open_ca", "dc": "v2xpki.web.open_dc"}

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
    if role not in ROLES:
        raise ConfigError(f"no role {role!r}", hint=f"one of {', '.join(ROLES)}")
    chosen = opener or opener_of(role)
    lazy: Lazy[Any] = Lazy(lambda: chosen(settings))
    app = protocol_app(role, lazy)
    body_limit = settings.instance.settings.limits.body_octets
    if role == "ea":
        app.register_blueprint(etsi.ea_blueprint(lazy.authority, body_limit))
    elif role == "aa":
        app.register_blueprint(etsi.aa_blueprint(lazy.authority, body_limit))
    else:
        app.register_blueprint(etsi.dc_blueprint(lazy.authority))
        app.register_blueprint(etsi.cpoc_blueprint(lazy.authority))
    return app


def opener_of(role: str) -> Opener:
    """How a role's authority is opened."""
    found: Opener = getattr(importlib.import_module(_MODULES[role]), f"open_{role}")
    return found


def import_code(role: str) -> None:
    """Imports what a role's workers use; opens nothing."""
    importlib.import_module(_MODULES.get(role, "v2xpki.web.admin"))
