"""Attacks on the Director as it is asked over HTTP: whoever lies is told no, and nothing has changed.

The router has verified the client certificate and says whose it was. Attacks elsewhere: on that and on paths
of images (unit/web/test_router_ota.py), on registrations (unit/ota/test_director_registering.py), on roles
of operators and on uploads (unit/web/test_ota_desk.py), on the Image repository (test_ota_image_attacks.py).
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.ota_director import Car, Depot, digest_of
from tests.support.ota_web import director_app, refusing
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.store.auditing import require_intact
from v2xpki.time import FixedClock
from v2xpki.web.process import CLIENT_HEADER, OTA_BODY

NOW = 720_000_123
JSON = "application/json"


class Served:
    """A Director with two registered vehicles, of two ECUs each."""

    def __init__(self, depot: Depot) -> None:
        self.depot = depot
        self.own, self.other = Car(1, ("gw", "brake")), Car(2, ("gw", "brake"))
        self.certificate = {one.vin: one.register(depot).certificate for one in (self.own, self.other)}
        self.client = director_app(depot.director).test_client()

    def headers(self, car: Car | None) -> dict[str, str]:
        return {} if car is None else {CLIENT_HEADER: digest_of(self.certificate[car.vin]).hex()}

    def send(self, car: Car | None, manifest: bytes, kind: str = JSON) -> int:
        return self.post(car, "manifests", manifest, kind).status_code

    def post(self, car: Car | None, name: str, body: bytes, kind: str = JSON) -> Any:
        return self.client.post(f"/ota/v1/{name}", data=body, headers=self.headers(car), content_type=kind)

    def get(self, car: Car | None, name: str) -> tuple[int, bytes]:
        answer = self.client.get(f"/ota/director/metadata/{name}", headers=self.headers(car))
        return answer.status_code, answer.data

    def known(self) -> list[dict[str, object]]:
        """Of both vehicles all that the Director knows."""
        return [self.depot.director.vehicle(one.vin) for one in (self.own, self.other)]


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    depot = Depot(tmp_path, FixedClock(NOW))
    yield Served(depot)
    require_intact(depot.database)
    depot.database.close()


def forged(served: Served, change) -> bytes:
    """The own vehicle's next manifest, changed after it was signed."""
    document = json.loads(served.own.manifest(served.depot.clock))
    change(document)
    return json.dumps(document).encode()


def drop_brake(document):
    (name,) = [one for one in document["signed"]["ecuManifests"] if one.startswith("brake")]
    del document["signed"]["ecuManifests"][name]


def sign_nothing(document):
    document["signatures"] = []


def swap_signatures(document):
    (report,) = [one for one in document["signed"]["ecuManifests"].values() if one["signatures"]]
    report["signatures"], document["signatures"] = document["signatures"], report["signatures"]


def newer_release(document):
    for report in document["signed"]["ecuManifests"].values():
        report["signed"]["installed"]["releaseCounter"] = 99


@pytest.mark.parametrize(
    ("change", "status"),
    [(drop_brake, 409), (sign_nothing, 400), (swap_signatures, 403), (newer_release, 403)],
)
def test_a_manifest_that_was_changed_on_its_way_changes_nothing(served, change, status):
    before = served.known()
    assert served.send(served.own, forged(served, change)) == status
    assert served.known() == before


def test_a_replayed_manifest_is_refused_and_the_next_one_taken(served):
    manifest = served.own.manifest(served.depot.clock)
    assert served.send(served.own, manifest) == 200
    before = served.known()
    assert served.send(served.own, manifest) == 409
    served.own.counter -= 1  # another one, with the counter that was used
    assert served.send(served.own, served.own.manifest(served.depot.clock)) == 409
    assert served.known() == before
    assert served.send(served.own, served.own.manifest(served.depot.clock)) == 200


def test_a_manifest_that_was_kept_back_is_too_old(served):
    manifest, before = served.own.manifest(served.depot.clock), served.known()
    served.depot.clock.advance(served.depot.policy.time_window + 1)
    assert served.send(served.own, manifest) == 403
    assert served.known() == before


def test_no_vehicle_speaks_for_another_nor_anybody_without_a_certificate(served):
    before = served.known()
    manifest = served.other.manifest(served.depot.clock)
    assert served.send(served.own, manifest) == 403
    assert served.send(None, manifest) == 403
    assert served.known() == before


def test_a_vehicle_sees_its_own_metadata_alone(served):
    mine, theirs = (served.get(one, "timestamp.json") for one in (served.own, served.other))
    assert mine[0] == theirs[0] == 200 and mine[1] != theirs[1]
    assert served.own.vin.encode() in served.get(served.own, "1.targets.json")[1]
    assert served.own.vin.encode() not in served.get(served.other, "1.targets.json")[1]
    assert served.get(None, "timestamp.json")[0] == 403


def test_a_blocked_vehicle_and_one_whose_certificate_ended_get_nothing(served):
    served.depot.director.block(served.own.vin, "stolen", "op")
    assert served.get(served.own, "timestamp.json")[0] == 403
    served.depot.clock.advance(served.depot.policy.certificate_validity + 1)
    assert served.get(served.other, "timestamp.json")[0] == 403


def test_a_retired_vehicle_gets_nothing_and_reports_nothing(served):
    assert served.get(served.own, "timestamp.json")[0] == 200
    served.depot.director.retire(served.own.vin, "stolen", "op")
    before = served.known()
    for name in ("timestamp.json", "1.snapshot.json", "1.targets.json"):
        assert served.get(served.own, name)[0] == 403
    assert served.send(served.own, served.own.manifest(served.depot.clock)) == 403
    assert served.known() == before
    assert served.get(served.other, "timestamp.json")[0] == 200


@pytest.mark.parametrize(
    "name", ["..%2f1.root.json", "1.root.json/../x", "0.targets.json", "timestamp.json.bak", "9.targets.json"]
)
def test_no_name_of_metadata_leads_elsewhere(served, name):
    assert served.get(served.own, name)[0] == 404


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"x" * (OTA_BODY + 1), JSON, 413),
        (b"{}", "text/plain", 415),
        (b"[" * 20_000, JSON, 400),
        (b'{"signed": 1, "signed": 2}', JSON, 400),
        (b"\xff\xfe", JSON, 400),
    ],
)
def test_bodies_that_are_too_much_or_nonsense_are_refused_with_the_protocols_code(served, body, kind, status):
    before = served.known()
    assert served.send(served.own, body, kind) == status
    assert served.known() == before


def problem(answer: Any, status: int) -> dict[str, str]:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.data
    assert answer.json.keys() == {"type", "title", "status", "rule", "detail"}
    return answer.json


def test_a_vehicle_is_told_the_rule_by_the_title_and_what_was_wrong_by_the_detail(served):
    own, post = served.own, served.post
    nowhere = served.client.get("/ota/director/metadata/9.targets.json", headers=served.headers(own))
    told = {
        "drop": problem(post(own, "manifests", forged(served, drop_brake)), 409),
        "foreign": problem(post(own, "manifests", served.other.manifest(served.depot.clock)), 403),
        "csr": problem(post(own, "certificates", b'{"csr": "x"}'), 400),
        "members": problem(post(own, "certificates", b'{"cs": "x"}'), 400),
        "json": problem(post(own, "manifests", b"["), 400),
        "nobody": problem(post(None, "manifests", b"{}"), 403),
        "kind": problem(post(own, "manifests", b"{}", "text/plain"), 415),
        "metadata": problem(nowhere, 404),
    }
    csr, members, text = told["csr"], told["members"], told["json"]
    assert (csr["detail"], csr["rule"]) == ("csr is no PEM of a PKCS#10 request", "malformed")
    assert "csr" in members["detail"] and "ECU" in told["drop"]["detail"]
    assert "vehicleId" in told["foreign"]["detail"] and "9.targets.json" in told["metadata"]["detail"]
    assert (text["rule"], text["title"]) == (members["rule"], members["title"])
    assert text["detail"] != members["detail"]
    assert len({one["rule"] for one in told.values()}) == len(told) - 1


@pytest.mark.parametrize("reason", DirectorReason)
def test_who_registers_is_not_told_what_others_have_registered_or_an_operator_expects(reason):
    about_others = {"NOT_AUTHENTIC", "FORBIDDEN", "NOT_EXPECTED", "CONFLICT"}
    found = []
    for text in ("vehicleId is not on the list", "the credential is not the expected one"):
        client = refusing(DirectorRefusal(reason, text)).test_client()
        answer = client.post("/ota/v1/registrations", data=b"x", content_type="application/x-its-request")
        found.append(problem(answer, answer.status_code))
        assert (text in found[-1]["detail"]) == (reason.name not in about_others)
        assert found[-1]["title"] == reason.value
    assert (found[0] == found[1]) == (reason.name in about_others)
