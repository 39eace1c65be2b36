"""A withdrawn release reaches the Director at once: over the interface, and by a command where both are."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from tests.support.ota_desks import SETTINGS, Desks
from tests.support.ota_director import Car, Depot
from tests.support.ota_repository import NOW
from tests.unit.web.test_ota_desk import release
from v2xpki.cli import main
from v2xpki.errors import LinkError
from v2xpki.ota import desks as opening
from v2xpki.ota.director_reasons import DirectorRefusal
from v2xpki.time import FixedClock
from v2xpki.web import admin, ota_forwarding
from v2xpki.web.ota_forwarding import Forwarded, over_socket

PATH = "ecu-a/brake/1.0/image.bin"
COHORT = {"percentage": 100}


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """Its database is the one of the instance in the folder."""
    (tmp_path / "director").mkdir()
    depot = Depot(f"sqlite:///{tmp_path}/director/director.db", FixedClock(NOW))
    yield depot
    depot.database.close()


@pytest.fixture
def desks(tmp_path: Path, depot: Depot) -> Iterator[Desks]:
    (tmp_path / "v2xpki.toml").write_text(SETTINGS)
    desks = Desks(tmp_path, depot=depot)
    desks.begin()
    yield desks
    desks.image.database.close()


def published(desks: Desks) -> str:
    """The id of a release at PATH."""
    (added,) = desks.ask("eve", "POST", "releases", release(desks, hardwareIds=["ecu-a"])).json
    desks.ask("ann", "POST", f"releases/{added['id']}/approve")
    (asked,) = desks.ask("eve", "POST", "signing-requests", {}).json
    request, _ = desks.image.repository.request(bytes.fromhex(asked["id"]))
    for signature in desks.image.ann.sign(request):
        desks.ask("eve", "POST", f"signing-requests/{asked['id']}/signatures", signature.document())
    assert added["path"] == PATH
    return str(added["id"])


def withdraw(desks: Desks, identifier: str) -> Any:
    answer = desks.ask("eve", "POST", f"releases/{identifier}/withdraw", {"reason": "a fault"})
    assert answer.status_code == 200, answer.data
    schema = {"$ref": "#/components/schemas/WithdrawnRelease"}
    jsonschema.validate(answer.json, schema | {"components": admin.OPENAPI["components"]})
    return answer.json


def test_no_vehicle_is_directed_to_a_release_from_its_withdrawal_on(desks: Desks, depot: Depot) -> None:
    identifier, target = published(desks), depot.release("brake", 1)
    assert target.path == PATH
    running, draft = depot.campaign(target, name="c1"), depot.campaign(target, name="c2", start=False)
    car = Car(1)
    vehicle = car.join(depot)
    found = withdraw(desks, identifier)
    assert (found["state"], found["director"]["told"]) == ("withdrawing", True)
    assert [(one["name"], one["id"], one["state"]) for one in found["director"]["campaigns"]] == [
        ("c1", running, "running"), ("c2", draft, "draft"),
    ]  # fmt: skip
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert PATH.encode() not in depot.director.metadata(vehicle, "1.targets.json")
    for body in ("c2", "c1"):
        answer = desks.ask("max", "POST", f"campaigns/{body}/start", {"percentage": 100})
        assert answer.status_code == 409 and f"campaign halt {body}" in answer.json["detail"]
    body = {"name": "c3", "targets": [PATH], "cohort": COHORT}
    answer = desks.ask("max", "POST", "campaigns", body)
    assert answer.status_code == 404 and "withdrawn" in answer.json["detail"]


def test_a_director_that_was_away_is_told_by_the_same_again(
    desks: Desks, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier, target = published(desks), depot.release("brake", 1)
    with monkeypatch.context() as away:
        forward = desks._forward

        def unreached(domain: str, *rest: Any) -> Forwarded:
            return forward(domain, *rest) if domain == "image" else Forwarded(503, "text/plain", b"")

        away.setattr(desks, "_forward", unreached)
        desks.open_admin()
        found = withdraw(desks, identifier)
    assert found["state"] == "withdrawing" and not found["director"]["told"]
    assert "director repository" in found["director"]["detail"]
    depot.campaign(target)
    desks.open_admin()
    found = withdraw(desks, identifier)
    assert (found["state"], found["director"]["told"]) == ("withdrawing", True)
    assert [one["name"] for one in found["director"]["campaigns"]] == ["c1"]


def test_a_director_that_stalls_is_waited_for_as_long_as_telling_may_take_and_no_longer(
    desks: Desks, depot: Depot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier, forward = published(desks), desks._forward
    depot.release("brake", 1)
    given = []

    def stalls(domain: str, *rest: Any) -> Forwarded:
        if domain == "image":
            return forward(domain, *rest)
        *asked, patience = rest
        given.append(patience)
        return over_socket(desks.instance)(domain, *asked, 0.01)

    monkeypatch.setattr(ota_forwarding, "socket_path", lambda *_: str(tmp_path / "d.sock"))
    monkeypatch.setattr(desks, "_forward", stalls)
    desks.open_admin()
    with socket.socket(socket.AF_UNIX) as listening:  # and takes no connection, as a stopped process
        listening.bind(str(tmp_path / "d.sock"))
        listening.listen()
        found = withdraw(desks, identifier)
    assert given == [10.0]
    assert (found["state"], found["director"]["told"]) == ("withdrawing", False)
    assert "the director repository has not answered within 0.01 s" in found["director"]["detail"]


def test_what_was_never_published_is_no_affair_of_the_directors(desks: Desks) -> None:
    (added,) = desks.ask("eve", "POST", "releases", release(desks)).json
    assert withdraw(desks, added["id"])["director"] is None
    answer = desks.ask("eve", "POST", f"releases/{added['id']}/withdraw", {"reason": "again"})
    assert answer.status_code == 409
    assert desks.ask("max", "POST", f"releases/{added['id']}/withdraw", {"reason": "x"}).status_code == 403


def test_a_command_where_both_databases_are_tells_the_director(
    desks: Desks, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def at_work(_: object, __: type, *, token: bool) -> Iterator[Any]:
        yield desks.image_desk

    monkeypatch.setattr(opening, "at_work", at_work)
    identifier = published(desks)
    depot.campaign(depot.release("brake", 1))
    words = ["ota", "release", "withdraw", identifier, "--reason", "a fault", "--yes"]
    ended = CliRunner().invoke(main, [*words, "--instance", str(desks.instance.directory)])
    assert ended.exit_code == 0, ended.output
    assert "v2xpki ota release request" in ended.stderr
    assert "v2xpki ota campaign halt c1 --reason" in ended.stderr
    with pytest.raises(DirectorRefusal, match="withdrawn"):
        depot.director.create_campaign(name="d", targets=[PATH], cohort=COHORT, operator="op")


def test_a_command_that_could_not_tell_the_director_says_what_is_left_and_exits_with_1(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def at_work(_: object, __: type, *, token: bool) -> Iterator[Any]:
        yield desks.image_desk

    def away(*_: object) -> None:
        raise LinkError("the director repository has not answered within 10 s")

    monkeypatch.setattr(opening, "at_work", at_work)
    monkeypatch.setattr(opening, "tell_director", away)
    words = ["ota", "release", "withdraw", published(desks), "--reason", "a fault", "--yes", "--json"]
    ended = CliRunner().invoke(main, [*words, "--instance", str(desks.instance.directory)])
    assert ended.exit_code == 1, ended.output
    assert json.loads(ended.stdout)[0]["director"]["told"] is False
    assert "v2xpki ota release request" in ended.stderr
    assert "has not answered within 10 s; halt its campaigns" in ended.stderr
    assert "withdraw it once more" in ended.stderr
