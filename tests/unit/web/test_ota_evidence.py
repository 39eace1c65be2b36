"""Evidence over the operators' interface: both repositories' halves in one report, as JSON and as a page; and
`v2xpki ota evidence --server`."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
from click.testing import CliRunner

from tests.support.ota_desks import Desks
from tests.support.ota_director import Car, Depot
from tests.support.ota_https import served
from tests.support.ota_repository import NOW
from tests.support.provenance import attest
from v2xpki.cli import main
from v2xpki.ota.desk import Asked
from v2xpki.time import FixedClock
from v2xpki.web import admin
from v2xpki.web.admin_ota import ota_blueprint
from v2xpki.web.base import bare_app
from v2xpki.web.problems import HttpError, problem_response

IMAGE = b"firmware" * 10


class Fleet(NamedTuple):
    """A release that two vehicles are offered, of which one carries a factory's image still."""

    desks: Desks
    release: dict[str, Any]
    cars: tuple[Car, Car]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    depot = Depot(tmp_path, FixedClock(NOW))
    desks = Desks(tmp_path, depot=depot)
    desks.begin()
    (tmp_path / "fw").write_bytes(IMAGE)
    upload = desks.image_desk._releases._uploads.take_file("eve", tmp_path / "fw")
    statement = attest(hashlib.sha256(IMAGE).hexdigest(), desks.signer)
    body = {
        "upload": upload, "name": "brake", "version": "1.0", "hardwareIds": ["ecu-a"], "releaseCounter": 1,
        "attestation": base64.b64encode(statement).decode(), "rxswin": ["R156 brake 1"],
    }  # fmt: skip
    engineer = desks.operator("eve", "release-engineer")
    (release,) = desks.image_desk.add_release(Asked(engineer, {}, body))
    target, cars = depot.release("brake", 1), (Car(1), Car(2))
    assert target.path == release["path"]
    depot.campaign(target)
    for car in cars:
        vehicle = car.join(depot)
        depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    yield Fleet(desks, release, cars)
    desks.image.database.close()
    depot.database.close()


def schema_of(path: str) -> dict[str, Any]:
    answer = admin.OPENAPI["paths"][f"/api/v1/ota/{path}"]["get"]["responses"]["200"]
    found: dict[str, Any] = answer["content"]["application/json"]["schema"]
    return found | {"components": admin.OPENAPI["components"]}


def test_a_release_has_both_halves(fleet: Fleet) -> None:
    answer = fleet.desks.ask("aud", "GET", f"evidence/releases/{fleet.release['id']}")
    assert (answer.status_code, answer.content_type) == (200, "application/json"), answer.data
    report = answer.json
    jsonschema.validate(report, schema_of("evidence/releases/{id}"))
    assert (report["report"], report["release"]["addedBy"]) == ("release", "eve")
    assert report["delivery"]["path"] == fleet.release["path"]
    assert [one["vin"] for one in report["delivery"]["offers"]] == [car.vin for car in fleet.cars]


def test_a_releases_vehicles_can_be_had_a_few_at_a_time(fleet: Fleet) -> None:
    one = f"evidence/releases/{fleet.release['id']}"
    first = fleet.desks.ask("aud", "GET", f"{one}?vehicles=1").json["delivery"]
    assert ([offer["vin"] for offer in first["offers"]], first["more"]) == (
        [fleet.cars[0].vin],
        fleet.cars[0].vin,
    )
    rest = fleet.desks.ask("aud", "GET", f"{one}?vehicles=1&after={first['more']}").json["delivery"]
    assert ([offer["vin"] for offer in rest["offers"]], rest["more"]) == ([fleet.cars[1].vin], None)


def test_a_vehicle_has_the_releases_that_concern_it_and_no_other_vehicle(fleet: Fleet) -> None:
    first, other = fleet.cars
    answer = fleet.desks.ask("aud", "GET", f"evidence/vehicles/{first.vin}")
    assert answer.status_code == 200, answer.data
    jsonschema.validate(answer.json, schema_of("evidence/vehicles/{vin}"))
    assert answer.json["vehicle"]["vin"] == first.vin and other.vin not in answer.text
    # the factory's image that it reports is no release
    assert [one["path"] for one in answer.json["releases"]] == [fleet.release["path"]]


def test_a_reader_gets_a_page_that_runs_nothing(fleet: Fleet) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for path in (f"releases/{fleet.release['id']}", f"vehicles/{fleet.cars[0].vin}"):
        answer = fleet.desks.ask("aud", "GET", f"evidence/{path}", headers={"Accept": browser})
        assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
        assert fleet.release["path"] in answer.text and fleet.cars[0].vin in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Accept", "no-store")
        assert fleet.desks.ask("aud", "GET", f"evidence/{path}", headers={"Accept": "*/*"}).is_json


def test_evidence_is_for_auditors_alone(fleet: Fleet) -> None:
    halves = ("image/releases/" + fleet.release["id"], "director/vehicles/" + fleet.cars[0].vin)
    for path in ("releases/" + fleet.release["id"], "vehicles/" + fleet.cars[0].vin, *halves):
        for who in ("eve", "ann", "max", "stranger", ""):
            for kind in ("application/json", "text/html"):
                answer = fleet.desks.ask(who, "GET", f"evidence/{path}", headers={"Accept": kind})
                assert (answer.status_code, answer.content_type) == (403, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("releases/" + "00" * 16, 404, "no release"),
        ("releases/zz", 404, "id"),
        ("vehicles/WVWZZZ1KZAW000009", 404, "no vehicle"),
        ("vehicles/WVWZZZ1KZAW000001?colour=red", 400, "colour"),
        ("director/releases?path=x&vehicles=0", 400, "vehicles"),
        ("director/releases?path=x&vehicles=10001", 400, "vehicles"),
        ("director/releases", 400, "path"),
    ],
)
def test_what_is_not_there_is_a_problem_that_names_it(
    fleet: Fleet, path: str, status: int, says: str
) -> None:
    answer = fleet.desks.ask("aud", "GET", f"evidence/{path}", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert says in json.loads(answer.data)["detail"]


def test_without_one_of_the_repositories_there_is_no_report(fleet: Fleet) -> None:
    def forward(domain: str, *asked: Any) -> Any:
        if domain == "director":
            raise HttpError(503, "the director repository cannot be reached", retry_after=2)
        return fleet.desks._forward(domain, *asked)

    app = bare_app("admin", problem_response)
    app.register_blueprint(ota_blueprint(fleet.desks.instance, who=lambda _: "aud", forward=forward))
    answer = app.test_client().get(f"/api/v1/ota/evidence/releases/{fleet.release['id']}")
    assert answer.status_code == 503 and answer.headers["Retry-After"]


def test_the_command_reports_over_the_interface(fleet: Fleet, tmp_path: Path) -> None:
    def run(*arguments: object, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["ota", "evidence", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result.stdout

    (tmp_path / "tls").mkdir()
    with served(fleet.desks, tmp_path / "tls", name="aud") as https:
        page = tmp_path / "page.html"
        report = json.loads(
            run("release", fleet.release["path"], *https.options, "--json", "--html", page, "--vehicles", 1)
        )
        assert report["release"]["id"] == fleet.release["id"] and len(report["delivery"]["offers"]) == 1
        assert fleet.release["path"] in page.read_text()
        assert "brake 1.0 for ecu-a: staged" in run("release", fleet.release["id"], *https.options)
        told = run("vehicle", fleet.cars[0].vin, *https.options)
        assert f"{fleet.cars[0].vin}, model-x: active" in told and fleet.release["path"] in told
        run("release", "ecu-a/none/1.0/image.bin", *https.options, code=2)
        run("vehicle", "WVWZZZ1KZAW000009", *https.options, code=1)
    run("vehicle", fleet.cars[0].vin, code=2)
