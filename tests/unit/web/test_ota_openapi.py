"""The description of the operators' interface: what it takes is taken, what is answered is as it says."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.ota_desks import Desks
from tests.support.ota_director import Car, Depot
from tests.support.ota_repository import NOW, Supplier
from tests.support.provenance import attest
from v2xpki.ota.changes import DelegationChange
from v2xpki.time import FixedClock
from v2xpki.web import admin
from v2xpki.web.admin_ota import OFFSET_TYPE

COMPONENTS = {"components": admin.OPENAPI["components"]}
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    depot = Depot(tmp_path, FixedClock(NOW))
    yield depot
    depot.database.close()


@pytest.fixture
def desks(tmp_path: Path, depot: Depot) -> Iterator[Desks]:
    desks = Desks(tmp_path, depot=depot)
    yield desks
    desks.image.database.close()


def described(path: str, method: str) -> dict[str, Any]:
    found: dict[str, Any] = admin.OPENAPI["paths"][f"/api/v1/ota/{path}"][method.lower()]
    return found


def fits(value: Any, schema: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(schema | COMPONENTS).is_valid(value))


def ask(desks: Desks, method: str, path: str, body: Any = None, **named: str) -> Any:
    """An answer, once it and the body are as they are described."""
    operation = described(path, method)
    if body is not None:
        taken = operation["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(body, taken | COMPONENTS)
    answer = desks.ask("max", method, path.format(**named), body)
    given = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json, given | COMPONENTS)
    return answer.json


def registration(car: Car) -> dict[str, Any]:
    ecus = [one.document() for one in car.entries]
    return {"vin": car.vin, "model": car.model, "ecus": ecus, "csr": car.csr()}


def test_vehicles_ecus_and_campaigns_are_as_described(desks: Desks, depot: Depot) -> None:
    car, spare, target = Car(1), Car(2), depot.release("brake", 1)
    ask(desks, "POST", "vehicles", registration(car))
    cohort = {"models": ["model-x"], "vins": [car.vin], "percentage": 100}
    campaign = {"name": "c", "targets": [target.path], "cohort": cohort}
    identifier = ask(desks, "POST", "campaigns", campaign)["id"]
    ask(desks, "POST", "campaigns/{id}/start", {"percentage": 100}, id=identifier)
    vehicle = car.join(depot)
    car.attacks[car.primary] = "a bad hash"
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert ask(desks, "GET", "vehicles/{vin}", vin=car.vin)["offers"]
    ask(desks, "POST", "ecus/{id}/replace", spare.entries[0].document(), id=car.primary)
    for turn in ("block", "unblock", "retire"):
        ask(desks, "POST", f"vehicles/{{vin}}/{turn}", {"reason": "a fault"}, vin=car.vin)
    ask(desks, "POST", "vehicles", registration(Car(3)) | {"vin": car.vin})
    assert ask(desks, "GET", "vehicles/{vin}", vin=car.vin)["earlier"]
    for turn in ("pause", "halt"):
        ask(desks, "POST", f"campaigns/{{id}}/{turn}", {"reason": "a fault"}, id=identifier)
    assert ask(desks, "GET", "vehicles") and ask(desks, "GET", "campaigns")
    ask(desks, "GET", "campaigns/{id}", id="c")


def test_the_list_of_expected_vehicles_is_as_described(desks: Desks) -> None:
    car = Car(1)
    entry = {"vin": car.vin, "model": car.model, "credential": "0123456789ABCDEF", "ecus": ["a", "b"]}
    ask(desks, "POST", "expected-vehicles", {"vehicles": [entry, {"vin": Car(2).vin, "model": "m"}]})
    ask(desks, "POST", "vehicles", registration(car))
    listed = ask(desks, "GET", "expected-vehicles")
    assert [one["registered"] for one in listed] == [True, False]
    ask(desks, "POST", "expected-vehicles/{vin}/remove", {}, vin=car.vin)


def test_what_a_request_waits_for_is_as_described(desks: Desks) -> None:
    """A supplier's first targets are signed before those that delegate to it."""
    desks.begin()
    repository, supplier = desks.image.repository, Supplier.new("sue")
    change = DelegationChange("acme", (supplier.public_key,), 1, ("hw-s/*/*/*",))
    targets, own = repository.request_delegation(change, by="op")
    signature = supplier.sign(repository.request_file(own.id)).document()
    answers = [
        desks.ask("eve", "POST", f"signing-requests/{own.id.hex()}/signatures", signature).json,
        desks.ask("eve", "GET", f"signing-requests/{own.id.hex()}").json,
    ]
    waits = {"role": "targets", "request": targets.id.hex(), "version": 2, "missing": {"root 1": 1}}
    for answer in answers:
        jsonschema.validate(answer, {"$ref": "#/components/schemas/SigningRequest"} | COMPONENTS)
        assert answer["waitsFor"] == [waits]
    repository.drop(targets.id, "no", by="op")
    assert desks.ask("eve", "GET", f"signing-requests/{own.id.hex()}").json["waitsFor"] == []


def calls_with_a_body() -> list[tuple[str, str]]:
    found = admin.OPENAPI["paths"]
    return [
        (path.removeprefix("/api/v1/ota/"), method)
        for path, item in found.items()
        for method, operation in item.items()
        if path.startswith("/api/v1/ota/") and "requestBody" in operation
    ]


def staged(desks: Desks) -> str:
    """The id of a release that eve added."""
    image, about = b"firmware", {"name": "brake", "version": "1", "hardwareIds": ["bcm"], "releaseCounter": 1}
    made = desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": str(len(image))})
    path = made.headers["Location"].removeprefix("/api/v1/ota/")
    octets = {"data": image, "content_type": OFFSET_TYPE}
    desks.ask("eve", "PATCH", path, headers=TUS | {"Upload-Offset": "0"}, **octets)
    statement = base64.b64encode(attest(hashlib.sha256(image).hexdigest(), desks.signer)).decode()
    body = {**about, "upload": made.json["id"], "attestation": statement}
    return str(desks.ask("eve", "POST", "releases", body).json[0]["id"])


@pytest.mark.parametrize(("path", "method"), calls_with_a_body())
def test_a_body_is_required_where_the_call_is_not_taken_without_one(
    desks: Desks, depot: Depot, path: str, method: str
) -> None:
    car = Car(1)
    desks.begin()
    release = staged(desks)
    campaign = {"name": "c", "targets": [depot.release("a", 1).path], "cohort": {"percentage": 5}}
    desks.ask("max", "POST", "expected-vehicles", {"vehicles": [{"vin": car.vin, "model": car.model}]})
    desks.ask("max", "POST", "vehicles", registration(car))
    upload = desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": "5"}).json["id"]
    ids = {
        "campaigns": desks.ask("max", "POST", "campaigns", campaign).json["id"],
        "ecus": car.primary,
        "releases": release,
        "signing-requests": "0" * 64,
        "uploads": upload,
    }
    if path == "signing-requests":
        desks.ask("ann", "POST", f"releases/{release}/approve")
    asked = path.format(id=ids.get(path.partition("/")[0]), vin=car.vin)
    answers = [
        desks.ask(who, method, asked, headers=TUS | {"Upload-Offset": "0"}) for who in ("max", "eve", "ann")
    ]
    (status,) = {one.status_code for one in answers} - {403}
    assert status in (200, 201, 400, 415), answers[0].data
    assert described(path, method)["requestBody"]["required"] == (status in (400, 415))


def changed(body: dict[str, Any], at: str, value: Any) -> dict[str, Any]:
    first, _, rest = at.partition(".")
    return {**body, first: changed(body[first], rest, value) if rest else value}


@pytest.mark.parametrize(
    ("path", "at", "value"),
    [
        ("vehicles", "vin", "WVWZZZ1KZAW00000I"),
        ("vehicles", "model", "../x"),
        ("vehicles", "ecus", []),
        ("vehicles", "colour", "red"),
        ("expected-vehicles", "vehicles", []),
        ("expected-vehicles", "vehicles", [{"vin": "short", "model": "m"}]),
        ("expected-vehicles", "vehicles", [{"vin": Car(1).vin}]),
        ("expected-vehicles", "vehicles", [{"vin": Car(1).vin, "model": "m", "credential": "12"}]),
        ("expected-vehicles", "vehicles", [{"vin": Car(1).vin, "model": "m", "ecus": ["a", "a"]}]),
        ("expected-vehicles", "vehicles", [{"vin": Car(1).vin, "model": "m", "colour": "red"}]),
        ("expected-vehicles", "colour", "red"),
        ("campaigns", "name", "two words"),
        ("campaigns", "targets", []),
        ("campaigns", "targets", ["a/b/1/c", "a/b/1/c"]),
        ("campaigns", "cohort", {}),
        ("campaigns", "cohort.percentage", 0),
        ("campaigns", "cohort.vins", ["short"]),
        ("campaigns", "cohort.colour", "red"),
        ("ecus/{id}/replace", "ecuId", ".x"),
        ("ecus/{id}/replace", "primary", "yes"),
        ("ecus/{id}/replace", "key.scheme", "rsassa-pss-sha256"),
        ("ecus/{id}/replace", "colour", "red"),
    ],
)
def test_what_the_description_forbids_is_refused(
    desks: Desks, depot: Depot, path: str, at: str, value: Any
) -> None:
    car = Car(1)
    good = {
        "vehicles": registration(car),
        "expected-vehicles": {"vehicles": [{"vin": car.vin, "model": car.model}]},
        "campaigns": {"name": "c", "targets": [depot.release("a", 1).path], "cohort": {"percentage": 5}},
        "ecus/{id}/replace": car.entries[0].document(),
    }[path]
    schema = described(path, "post")["requestBody"]["content"]["application/json"]["schema"]
    bad = changed(good, at, value)
    assert fits(good, schema) and not fits(bad, schema)
    assert desks.ask("max", "POST", path, bad).status_code == 400


def test_the_headers_of_uploads_are_as_described(desks: Desks) -> None:
    def check(method: str, path: str, status: int, **more: Any) -> Any:
        headers = TUS | more.pop("headers", {})
        answer = desks.ask("eve", method, path, headers=headers, **more)
        assert answer.status_code == status, answer.data
        at = "uploads" if path == "uploads" else "uploads/{id}"
        promised = described(at, method)["responses"][str(status)]["headers"]
        names = ("Tus-", "Upload-", "Location")
        assert {name for name in answer.headers.keys() if name.startswith(names)} == set(promised)
        for name, header in promised.items():
            whole = header["schema"].get("type") == "integer"
            assert fits(int(answer.headers[name]) if whole else answer.headers[name], header["schema"])
        return answer

    check("OPTIONS", "uploads", 204)
    made = check("POST", "uploads", 201, headers={"Upload-Length": "5"})
    assert fits(made.json, {"$ref": "#/components/schemas/Upload"})
    path = made.headers["Location"].removeprefix("/api/v1/ota/")
    check("HEAD", path, 200)
    check("PATCH", path, 204, headers={"Upload-Offset": "0"}, data=b"12345", content_type=OFFSET_TYPE)
    check("DELETE", path, 204)
