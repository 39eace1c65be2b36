"""`v2xpki ota vehicle|ecu|campaign` before a Director: its desk here, or over the operators' interface."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.ota_desks import SETTINGS, Desks
from tests.support.ota_director import Car, Depot
from tests.support.ota_https import served
from tests.support.ota_repository import NOW
from v2xpki.cli import main
from v2xpki.ota import desks as opening
from v2xpki.time import FixedClock


class Office(NamedTuple):
    """Where commands are given. reach: the options of the way to the desks."""

    folder: Path
    depot: Depot
    reach: list[str]

    def run(self, *arguments: object, code: int = 0) -> Any:
        said = self.say(*arguments, "--json", code=code)
        return json.loads(said) if code == 0 else said

    def say(self, *arguments: object, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["ota", *map(str, arguments), *self.reach])
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.output

    def file(self, name: str, content: Any) -> Path:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def register(self, car: Car, *more: object, command: str = "vehicle") -> Any:
        ecus = self.file("ecus.json", [one.document() for one in car.entries])
        csr = self.file("csr.pem", car.csr())
        options = ["--model", car.model, "--ecus", ecus, "--csr", csr]
        return self.run(command, "register", car.vin, *options, *more)


@pytest.fixture(params=["here", "served"])
def office(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    (tmp_path / "v2xpki.toml").write_text(SETTINGS)
    depot = Depot(tmp_path, FixedClock(NOW))
    desks = Desks(tmp_path, depot=depot)

    @contextmanager
    def at_work(_: object, desk: type, *, token: bool) -> Iterator[Any]:
        yield desks.director_desk

    with ExitStack() as stack:
        stack.callback(desks.image.database.close)
        stack.callback(depot.database.close)
        if request.param == "here":
            monkeypatch.setattr(opening, "at_work", at_work)
            reach = ["--instance", str(tmp_path), "--operator", "max"]
        else:
            (tmp_path / "tls").mkdir()
            reach = stack.enter_context(served(desks, tmp_path / "tls", name="max")).options
        yield Office(tmp_path, depot, reach)


def test_a_vehicle_is_registered_with_a_certificate_of_its_own_key_and_shown(office: Office) -> None:
    car = Car(1, ("ecu-a", "ecu-b"))
    out = office.folder / "vehicle.pem"
    registered = office.register(car, "--out", out)
    assert registered["vehicleId"] == car.vin and out.read_text() == registered["certificate"]
    key = x509.load_pem_x509_certificate(out.read_bytes()).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key.public_bytes(*form) == car.tls_key.public_key().public_bytes(*form)
    shown = office.run("vehicle", "show", car.vin)
    assert (shown["model"], shown["state"]) == (car.model, "active")
    assert {one["ecuId"]: one["hardwareId"] for one in shown["ecus"]} == car.ecus
    assert [one["vin"] for one in office.run("vehicle", "list")] == [car.vin]
    said = office.say("vehicle", "show", car.vin)
    assert f"vin: {car.vin}\nid: " in said and '"sig"' not in said
    row = next(line for line in said.splitlines() if line.startswith(car.primary))
    assert row.split() == [car.primary, "ecu-a", "yes"]


def test_what_the_director_refuses_is_told_with_the_field(office: Office) -> None:
    assert "no vehicle" in office.run("vehicle", "show", "WVWZZZ1KZAW000009", code=1)
    car = Car(1)
    office.register(car)
    entry = car.entries[0].document()
    two = office.file("two.json", [entry, entry | {"ecuId": "other"}])
    options = ["--model", "m", "--ecus", two, "--csr", office.file("c.pem", car.csr())]
    assert "ecus" in office.run("vehicle", "register", Car(2).vin, *options, code=1)
    office.run("vehicle", "register", car.vin, *options[:3], office.file("x", "{"), *options[4:], code=2)


def test_a_vehicle_is_retired_once_for_a_reason_and_may_register_anew(office: Office) -> None:
    car = Car(1)
    office.register(car)
    assert "Missing option '--reason'" in office.say("vehicle", "retire", car.vin, code=2)
    ended = office.run("vehicle", "retire", car.vin, "--reason", "scrapped", "--yes")["retired"]
    assert (ended["by"], ended["reason"]) == ("max", "scrapped")
    assert office.run("vehicle", "list") == []
    assert f"was retired at {ended['at']}" in office.run(
        "vehicle", "retire", car.vin, "--reason", "again", "--yes", code=1
    )
    assert "no vehicle" in office.run("vehicle", "retire", Car(2).vin, "--reason", "x", "--yes", code=1)
    office.register(car)
    shown = office.run("vehicle", "show", car.vin)
    assert (shown["state"], shown["retired"]) == ("active", None)
    assert [one["retired"] for one in shown["earlier"]] == [ended]


def test_vehicles_are_expected_by_a_file_listed_and_taken_off_again(office: Office) -> None:
    car, other = Car(1), Car(2)
    lines = f"vin,model,credential,ecus\n{car.vin},{car.model},0123456789ABCDEF,\n{other.vin},m,,a b\n"
    listed = office.file("fleet.csv", lines)
    assert office.run("vehicle", "expect", listed) == {"added": 2, "replaced": 0, "registration": "open"}
    office.register(car)
    found = {one["vin"]: one for one in office.run("vehicle", "expected")}
    assert (found[car.vin]["credential"], found[car.vin]["registered"]) == ("one", True)
    assert (found[other.vin]["ecus"], found[other.vin]["registered"]) == (["a", "b"], False)
    said = office.say("vehicle", "expected", "--after", car.vin)
    assert [line.split() for line in said.splitlines()[1:]] == [[other.vin, "m", "waiting", "any", "a", "b"]]
    assert office.run("vehicle", "expect", "--remove", other.vin) == {"removed": other.vin}
    assert "is expected" in office.run("vehicle", "expect", "--remove", other.vin, code=1)
    assert [one["vin"] for one in office.run("vehicle", "expected")] == [car.vin]


def test_a_list_of_expected_vehicles_with_a_bad_line_is_not_taken(office: Office) -> None:
    bad = office.file("bad.csv", f"vin,model\n{Car(1).vin},m\nshort,m\n")
    assert "line 3.vin" in office.run("vehicle", "expect", bad, code=1)
    assert office.run("vehicle", "expected") == []
    office.run("vehicle", "expect", code=2)
    office.run("vehicle", "expect", bad, "--remove", Car(1).vin, code=2)


def test_an_ecu_is_registered_and_gives_its_place_to_another_for_good(office: Office) -> None:
    car, spare = Car(1, ("ecu-a", "ecu-b")), Car(2, ("ecu-a", "ecu-b"))
    office.register(car, command="ecu")
    (_, old), new = car.ecus, spare.entries[1]
    entry = office.file("entry.json", new.document())
    vehicle = office.run("ecu", "replace", old, entry, "--yes")
    assert {one["ecuId"]: one["replacedBy"] for one in vehicle["ecus"]} == {
        car.primary: None,
        old: new.ecu,
        new.ecu: None,
    }
    assert old in office.run("ecu", "replace", old, entry, "--yes", code=1)
    wrong = office.file("wrong.json", spare.entries[0].document())
    assert "primary" in office.run("ecu", "replace", new.ecu, wrong, "--yes", code=1)


def test_who_replaces_a_primary_is_told_that_the_vehicle_has_to_register_again(office: Office) -> None:
    car, spare = Car(1, ("ecu-a", "ecu-b")), Car(2, ("ecu-a", "ecu-b"))
    office.register(car)
    second, first = (office.file(f"{at}.json", spare.entries[at].document()) for at in (1, 0))
    assert "register" not in office.say("ecu", "replace", list(car.ecus)[1], second, "--yes")
    said = office.say("ecu", "replace", car.primary, first, "--yes")
    assert f"client certificate of {car.vin} is refused" in said and "register again" in said


def test_a_campaign_offers_nothing_before_its_start_and_nothing_new_once_paused(office: Office) -> None:
    depot, cars = office.depot, [Car(1), Car(2), Car(3)]
    target = depot.release("brake", 1)
    vins = office.file("vins.txt", f"{cars[1].vin}\n{cars[2].vin}\n")
    made = office.run(
        "campaign", "create", "winter", "--release", target.path, "--vin", cars[0].vin, "--vins", vins
    )
    assert (made["state"], made["createdBy"], made["targets"]) == ("draft", "max", [target.path])
    assert made["cohort"] == {"vins": [car.vin for car in cars]}

    def offered(car: Car) -> list[str]:
        vehicle = car.join(depot)
        depot.director.take_manifest(vehicle, car.manifest(depot.clock))
        return [one["state"] for one in office.run("vehicle", "show", car.vin)["offers"]]

    assert offered(cars[0]) == []
    assert office.run("campaign", "start", made["id"], "--yes")["state"] == "running"
    assert offered(cars[1]) == ["offered"]
    paused = office.run("campaign", "pause", made["id"], "--reason", "a fault")
    assert (paused["state"], paused["reason"]) == ("paused", "a fault")
    assert offered(cars[2]) == []
    found = office.run("campaign", "status", "winter")
    assert found["counts"] == {"offered": 1, "installed": 0, "failed": 0, "recalled": 0}
    assert office.run("campaign", "status") == [found]
    assert f"{made['id']}  paused  winter" in office.say("campaign", "status")
    said = office.say("campaign", "status", "winter")
    assert f"targets: {target.path}\n" in said and "counts:\n  offered: 1\n" in said
    assert office.run("campaign", "halt", "winter", "--reason", "for good", "--yes")["state"] == "halted"


def test_a_campaign_only_grows(office: Office) -> None:
    path = office.depot.release("brake", 1).path
    office.run("campaign", "create", "c", "--release", path, "--model", "model-x", "--percentage", 20)
    office.run("campaign", "start", "c", "--yes")
    wider = office.run("campaign", "start", "c", "--percentage", 50, "--yes")
    assert wider["cohort"]["percentage"] == 50
    assert "below" in office.run("campaign", "start", "c", "--percentage", 40, "--yes", code=1)
    office.run("campaign", "start", "c", "--percentage", 0, code=2)
    refused = office.run("campaign", "create", "d", "--release", "ecu-a/x/1/y", "--vin", Car(1).vin, code=1)
    assert "ecu-a/x/1/y is no target of the Image repository" in refused
    assert "just published is known within 15 s: try again" in refused
    assert "cohort" in office.run("campaign", "create", "d", "--release", path, code=1)


def test_what_cannot_be_undone_waits_for_a_yes(office: Office) -> None:
    car, path = Car(1), office.depot.release("brake", 1).path
    office.register(car)
    office.run("campaign", "create", "c", "--release", path, "--vin", car.vin)
    before = office.run("vehicle", "show", car.vin), office.run("campaign", "status", "c")
    entry = office.file("entry.json", Car(2).entries[0].document())
    for words in (
        ("vehicle", "block", car.vin, "--reason", "r"),
        ("vehicle", "retire", car.vin, "--reason", "r"),
        ("ecu", "replace", car.primary, entry),
        ("campaign", "start", "c"),
        ("campaign", "halt", "c", "--reason", "r"),
    ):
        assert "nothing was done; --yes does it" in office.run(*words, code=1)
    assert before == (office.run("vehicle", "show", car.vin), office.run("campaign", "status", "c"))


def test_a_list_of_vins_is_read_with_a_mark_before_it_and_a_bad_line_is_named(office: Office) -> None:
    car, path, vins = Car(1), office.depot.release("brake", 1).path, office.folder / "vins.txt"
    create = ("campaign", "create", "c", "--release", path, "--vins", vins)
    for octets, why in (
        (f"{car.vin}\nschl\u00fcssel".encode(), "line 2: 'schl\u00fcssel' is not"),
        (f"{car.vin}\nschl\u00fcssel".encode("latin-1"), "line 2: not UTF-8"),
        (b"\n", "no VIN"),
    ):
        vins.write_bytes(octets)
        said = office.run(*create, code=2)
        assert str(vins) in said and why in said
    vins.write_bytes(b"\xef\xbb\xbf" + car.vin.encode())
    assert office.run(*create)["cohort"] == {"vins": [car.vin]}


def test_files_that_are_not_what_is_asked_for_are_named_with_what_they_should_be(office: Office) -> None:
    car = Car(1)
    ecus, csr = office.file("ecus.json", [car.entries[0].document()]), office.file("csr.pem", car.csr())

    def register(ecus: Path, csr: Path) -> str:
        options = ("--model", "m", "--ecus", ecus, "--csr", csr)
        return str(office.run("vehicle", "register", car.vin, *options, code=2))

    latin = office.folder / "latin"
    latin.write_bytes("\n\u00fc".encode("latin-1"))
    for file, why in (
        (office.file("object", {}), "no list"),
        (office.file("open", "[\n{"), "line 2: no JSON"),
        (office.file("deep", "[" * 100_000), "no JSON"),
        (latin, "line 2: not UTF-8"),
    ):
        said = register(file, csr)
        assert str(file) in said and why in said
    for file, why in (
        (office.file("umlaut", "\n-----BEGIN \u00fc"), "line 2: PEM is ASCII"),
        (office.file("empty", ""), "no PEM"),
        (latin, "line 2: not UTF-8"),
    ):
        said = register(ecus, file)
        assert str(file) in said and why in said
    for content in ("[1]", "1", "{", '"x"'):
        entry = office.file("entry", content)
        assert str(entry) in office.run("ecu", "replace", car.primary, entry, "--yes", code=2)
