"""What the Director's role answers over HTTP, without a socket: its application around any Director."""

from types import SimpleNamespace
from typing import Any

from flask import Flask

from v2xpki.ota.director_reasons import DirectorRefusal
from v2xpki.web.base import bare_app
from v2xpki.web.ota import director_blueprint
from v2xpki.web.problems import problem_response


def director_app(director: Any) -> Flask:
    """As web/app.py makes it for the role."""
    app = bare_app("director", problem_response)
    app.register_blueprint(director_blueprint(lambda: director))
    return app


def refusing(refusal: DirectorRefusal) -> Flask:
    """The application of a Director that refuses every registration so."""

    def register(_: bytes) -> None:
        raise refusal

    return director_app(SimpleNamespace(register=register))
