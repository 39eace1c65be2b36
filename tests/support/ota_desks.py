"""The operators' interface of both repositories in one process: the admin's application, whose calls go to
the roles' applications without a socket between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask

from tests.support.ota_director import Depot
from tests.support.ota_repository import NOW, Scene
from tests.support.provenance import new_key, policy_text
from v2xpki.config import Instance, Settings
from v2xpki.ota.desk import Operator
from v2xpki.ota.desks import image_desk
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.ota.kinds import DIRECTOR
from v2xpki.ota.releases import ReleaseFollower
from v2xpki.ota.repository import Repository
from v2xpki.time import FixedClock
from v2xpki.web.admin_ota import ota_blueprint
from v2xpki.web.base import bare_app
from v2xpki.web.ota_desk import OPERATOR_HEADER, desk_blueprint
from v2xpki.web.ota_forwarding import Forwarded
from v2xpki.web.problems import problem_response, text_response

SETTINGS = """
profile = "ota"
[ota]
provenance = "provenance.toml"
image_octets = 100000
[ota.operators]
eve = ["release-engineer"]
ann = ["approver"]
max = ["campaign-manager"]
aud = ["auditor"]
"""


class FakeFleet:
    """Says what it was asked."""

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **options: Any) -> Any:
            asked = {"asked": name, "args": list(args), **options}
            if name == "register_by_oem":
                return SimpleNamespace(document=lambda: asked)
            return [asked] if name in ("vehicles", "campaigns") else asked

        return method


class Desks:
    """An instance's folder with both desks, and the admin's application before them. depot: the Director;
    without one, a fleet that only says what it was asked."""

    def __init__(self, folder: Path, settings: str = SETTINGS, *, depot: Depot | None = None) -> None:
        self.instance = Instance(folder, Settings.parse(settings))
        self.signer = new_key()
        (folder / "provenance.toml").write_text(policy_text(self.signer))
        self.image = Scene(folder, follower=ReleaseFollower())
        self.director = Repository(
            self.image.database if depot is None else depot.database,
            DIRECTOR,
            None,
            self.instance.settings.ota,
            self.image.clock,
        )
        self.image_desk = image_desk(self.instance, self.image.repository, self.image.clock)
        self.director_desk = DirectorDesk(self.director, FakeFleet() if depot is None else depot.director)
        self.roles = {
            "image": self._role("image", self.image_desk, ImageDesk),
            "director": self._role("director", self.director_desk, DirectorDesk),
        }
        self.open_admin()

    def open_admin(self) -> None:
        """The admin's application, anew."""
        self.admin = bare_app("admin", problem_response)
        self.admin.register_blueprint(
            ota_blueprint(
                self.instance,
                clock=self.image.clock,
                who=lambda environ: environ.get("HTTP_X_TEST_CN", ""),
                forward=self._forward,
            )
        )

    def begin(self) -> None:
        """Publish the first root and targets."""
        self.image.begin()

    @staticmethod
    def operator(name: str, *roles: str) -> Operator:
        return Operator(name, frozenset(roles))

    @staticmethod
    def _role(name: str, desk: Any, kind: type) -> Flask:
        app = bare_app(name, text_response)
        app.register_blueprint(desk_blueprint(lambda: desk, kind))
        return app

    def _forward(
        self, domain: str, method: str, target: str, body: bytes | None, operator: str, _: float
    ) -> Forwarded:
        answer = self.roles[domain].test_client().open(
            target, method=method, data=body, headers={OPERATOR_HEADER: operator},
            content_type=None if body is None else "application/json",
            environ_overrides={"REMOTE_ADDR": ""},
        )  # fmt: skip
        return Forwarded(answer.status_code, answer.content_type, answer.data)

    def ask(self, who: str, method: str, path: str, json: Any = None, **more: Any) -> Any:
        headers = {"X-Test-CN": who} | more.pop("headers", {})
        return self.admin.test_client().open(
            "/api/v1/ota/" + path, method=method, json=json, headers=headers, **more
        )


@contextmanager
def desks_of_both(folder: Path) -> Iterator[Desks]:
    """With a Director and an image repository that have begun, at NOW."""
    depot = Depot(folder, FixedClock(NOW))
    made = Desks(folder, depot=depot)
    made.begin()
    yield made
    made.image.database.close()
    depot.database.close()
