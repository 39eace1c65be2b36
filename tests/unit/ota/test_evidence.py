"""Reports of evidence (UN R156): everything that was noted is in them, in JSON and on the page."""

import json
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from v2xpki.errors import ConfigError
from v2xpki.ota.evidence import (
    delivery_half,
    known_releases,
    page,
    release_half,
    release_report,
    vehicle_half,
    vehicle_report,
)
from v2xpki.store import Database, director, image, upgrade
from v2xpki.store.base import IssuanceRecord
from v2xpki.time import FixedClock, iso_from_time32

NOW = 720_000_000
VIN, OTHER_VIN = "WVWZZZ1JZXW000001", "WVWZZZ1JZXW000002"
PATH = "vcu/brake/1.2/image.bin"
RECORD = b"I" * 16
RELEASE, CAMPAIGN, REQUEST = b"R" * 16, b"C" * 16, b"Q" * 32
TARGETS_KEYS = ["a1" * 32, "a2" * 32]
ROOT_KEY, DIRECTOR_KEY = "b1" * 32, "c1" * 32
HOSTILE = '<script>alert("x")</script>&\''


def at(minutes):
    return iso_from_time32(NOW + 60 * minutes)


def metadata(kind, version, keyids, **signed):
    body = {"_type": kind, "version": version, "expires": "2027-01-01T00:00:00Z", **signed}
    return json.dumps(
        {"signatures": [{"keyid": one, "sig": "00"} for one in keyids], "signed": body}
    ).encode()


def role(tx, domain, name, version, minutes, octets):
    tx.insert(
        domain.RoleVersion,
        role=name,
        version=version,
        octets=octets,
        expires=NOW + 86400,
        published=NOW + 60 * minutes,
    )


LISTING = metadata("targets", 2, TARGETS_KEYS, targets={PATH: {}})
ROOT = metadata(
    "root", 1, [ROOT_KEY], roles={"targets": {"keyids": [*TARGETS_KEYS, "a3" * 32], "threshold": 2}}
)
ENVELOPE = b'{"payload": "..."}'


@pytest.fixture
def image_tx(tmp_path):
    with Database.open(tmp_path / "image.db", clock=FixedClock(NOW)) as database:
        upgrade(database, "image")
        with database.write(durable=False) as tx:
            role(tx, image, "root", 1, -100, ROOT)
            role(tx, image, "root", 2, 100, metadata("root", 2, [ROOT_KEY], roles={}))
            role(tx, image, "targets", 1, -90, metadata("targets", 1, TARGETS_KEYS, targets={}))
            role(tx, image, "targets", 2, 9, LISTING)
            tx.insert(
                image.SigningRequest,
                id=REQUEST,
                role="targets",
                version=2,
                payload=b"{}",
                keys="{}",
                state="published",
                reason="",
                created_by="eve",
                created=NOW,
            )
            for number, signer in enumerate(("alice", "bob")):
                tx.insert(
                    image.SubmittedSignature,
                    request=REQUEST,
                    keyid=TARGETS_KEYS[number],
                    signature="00",
                    signer=signer,
                    submitted_by="eve",
                    submitted=NOW + 60 * (7 + number),
                )
            release(tx, RELEASE, PATH, "targets")
            tx.insert(image.Approval, release=RELEASE, operator="ann", approved=NOW + 300)
            tx.insert(
                image.Attestation,
                release=RELEASE,
                octets=ENVELOPE,
                predicate_type="https://slsa.dev/provenance/v1",
                builder="https://ci.example/builder",
                keyid="d1" * 32,
            )
        with database.read() as tx:
            yield tx


def release(tx, key, path, role):
    tx.insert(
        image.Release,
        id=key,
        path=path,
        role=role,
        name="brake",
        version="1.2",
        hardware_id="vcu",
        release_counter=12,
        length=1000,
        sha256="ee" * 32,
        custom=json.dumps({"rxswin": ["R156 brake 12"], "name": "brake"}),
        state="published",
        reason="",
        added_by="eve",
        added=NOW,
        published=NOW + 600,
        withdrawn=None,
    )


def manifest_of(vin):
    return {"signed": {"vehicleId": vin, "attack": HOSTILE}, "signatures": []}


def vehicle(tx, number, vin):
    tx.insert(
        director.Vehicle,
        id=bytes([number]) * 16,
        credential=None,
        vin=vin,
        model="city",
        state="active",
        registered=NOW,
        registered_by="credential",
        certificate=bytes([number]) * 32,
        certificate_expires=NOW + 86400,
        counter=7,
        reported=NOW + 1200,
        version=3,
        issued=3,
        expires=NOW,
        record=RECORD if number == 1 else None,
        content=b"",
        plan=1,
    )
    tx.insert(
        director.VehicleManifest,
        vehicle=bytes([number]) * 16,
        counter=7,
        received=NOW + 1200,
        attacks=1,
        octets=json.dumps(manifest_of(vin)).encode(),
    )


def ecu(tx, vehicle, name, *, primary=0, path=None, replaced_by=None, attack=None):
    tx.insert(
        director.Ecu,
        id=name,
        vehicle=bytes([vehicle]) * 16,
        hardware_id="vcu",
        keyid="f1" * 32,
        key="{}",
        primary=primary,
        replaced_by=replaced_by,
        added=NOW,
        counter=1,
        path=path,
        sha256=None if path is None else "ee" * 32,
        release_counter=None if path is None else 12,
        attack=attack,
    )


def offer(tx, vehicle, ecu, *, state="installed", detail=""):
    tx.insert(
        director.Assignment,
        vehicle=bytes([vehicle]) * 16,
        ecu=ecu,
        path=PATH,
        campaign=CAMPAIGN,
        version=3,
        offered=NOW + 900,
        state=state,
        reported=NOW + 1200,
        detail=detail,
    )


@pytest.fixture
def director_tx(tmp_path):
    with Database.open(tmp_path / "director.db", clock=FixedClock(NOW)) as database:
        upgrade(database, "director")
        with database.write(durable=False) as tx:
            names = {"targets": {"keyids": [DIRECTOR_KEY], "threshold": 1}}
            role(tx, director, "root", 1, -100, metadata("root", 1, [ROOT_KEY], roles=names))
            vehicle(tx, 1, VIN)
            vehicle(tx, 2, OTHER_VIN)
            ecu(tx, 1, "primary-1", primary=1)
            ecu(tx, 1, "brake-1", path=PATH, attack=HOSTILE)
            ecu(tx, 1, "brake-0", path=PATH, replaced_by="brake-1")
            ecu(tx, 2, "brake-2")
            custom = json.dumps({"rxswin": ["R156 brake 12"]})
            tx.insert(
                director.KnownTarget, path=PATH, length=1000, sha256="ee", hashes="{}", custom=custom, gone=0
            )
            tx.insert(
                director.Campaign,
                id=CAMPAIGN,
                name="winter",
                state="running",
                targets=json.dumps([PATH]),
                cohort=json.dumps({"models": ["city"], "percentage": 10}),
                reason="",
                created_by="carl",
                created=NOW,
                started=NOW + 800,
                ended=None,
            )
            offer(tx, 1, "brake-1")
            offer(tx, 2, "brake-2", state="failed", detail=HOSTILE)
            targets = {"_type": "targets", "version": 3, "expires": "2027-01-01T00:00:00Z", "targets": {}}
            payloads, signature = [json.dumps(targets), "{}", "{}"], f"{DIRECTOR_KEY} 00"
            tx.insert(
                IssuanceRecord,
                id=RECORD,
                kind="VEHICLE_METADATA",
                issuer=None,
                to_be_signed="\n".join(payloads).encode(),
                state="issued",
                open_by=None,
                expires=NOW,
                hashed_id8=None,
                signed="\n".join([signature] * 3).encode(),
            )
        with database.read() as tx:
            yield tx


def report_of_the_release(image_tx, director_tx):
    release, delivery = release_half(image_tx, PATH), delivery_half(director_tx, PATH)
    return release_report(release.document(), delivery.document(), NOW)


def report_of_the_vehicle(image_tx, director_tx, vin=VIN):
    half = vehicle_half(director_tx, vin)
    releases = known_releases(image_tx, half.paths)
    return vehicle_report(half.document(), [one.document() for one in releases], NOW)


# --- of a release


def test_a_release_has_who_added_and_approved_it_and_when(image_tx):
    found = release_half(image_tx, PATH).document()
    assert (found["addedBy"], found["added"], found["published"]) == ("eve", at(0), at(10))
    assert found["approvals"] == [{"operator": "ann", "approved": at(5)}]
    assert (found["rxswin"], found["releaseCounter"], found["sha256"]) == (["R156 brake 12"], 12, "ee" * 32)


def test_a_release_has_the_signers_of_each_targets_version_that_lists_it(image_tx):
    (listed,) = release_half(image_tx, PATH).document()["listedBy"]
    assert (listed["role"], listed["version"], listed["published"]) == ("targets", 2, at(9))
    assert listed["sha256"] == sha256(LISTING).hexdigest()
    assert [(one["keyid"], one["signer"], one["submitted"]) for one in listed["signatures"]] == [
        (TARGETS_KEYS[0], "alice", at(7)),
        (TARGETS_KEYS[1], "bob", at(8)),
    ]


def test_a_release_has_the_roots_that_were_in_force_with_the_threshold_that_they_set(image_tx):
    above = release_half(image_tx, PATH).document()["above"]
    assert [(one["role"], one["version"]) for one in above] == [("root", 1), ("root", 2)]
    assert above[0]["names"]["targets"] == {"threshold": 2, "keyids": [*TARGETS_KEYS, "a3" * 32]}
    assert [one["keyid"] for one in above[0]["signatures"]] == [ROOT_KEY]


def test_a_delegated_release_has_the_targets_that_delegate_too(tmp_path):
    with Database.open(tmp_path / "delegated.db", clock=FixedClock(NOW)) as database:
        upgrade(database, "image")
        with database.write(durable=False) as tx:
            delegation = {"name": "acme", "keyids": ["a9" * 32], "threshold": 1}
            signed = {"targets": {}, "delegations": {"roles": [delegation]}}
            role(tx, image, "root", 1, -100, ROOT)
            role(tx, image, "targets", 1, -90, metadata("targets", 1, TARGETS_KEYS, **signed))
            role(tx, image, "acme", 1, 9, metadata("targets", 1, ["a9" * 32], targets={PATH: {}}))
            release(tx, RELEASE, PATH, "acme")
        with database.read() as tx:
            found = release_half(tx, RELEASE.hex()).document()
    assert [one["role"] for one in found["listedBy"]] == ["acme"]
    assert [one["role"] for one in found["above"]] == ["root", "targets"]
    assert found["above"][1]["names"]["acme"] == {"threshold": 1, "keyids": ["a9" * 32]}


def test_a_release_has_its_provenance_with_builder_and_key(image_tx):
    assert release_half(image_tx, PATH).document()["provenance"] == {
        "predicateType": "https://slsa.dev/provenance/v1",
        "builder": "https://ci.example/builder",
        "keyid": "d1" * 32,
        "sha256": sha256(ENVELOPE).hexdigest(),
    }


def test_a_release_has_to_whom_it_was_offered_and_what_they_reported(director_tx):
    found = delivery_half(director_tx, PATH).document()
    assert found["counts"] == {"installed": 1, "failed": 1}
    assert [(one["vin"], one["ecu"], one["state"], one["detail"]) for one in found["offers"]] == [
        (VIN, "brake-1", "installed", ""),
        (OTHER_VIN, "brake-2", "failed", HOSTILE),
    ]
    first = found["offers"][0]
    assert (first["offered"], first["reported"], first["targetsVersion"]) == (at(15), at(20), 3)
    assert (first["campaign"], first["rxswin"]) == ("winter", ["R156 brake 12"])
    (campaign,) = found["campaigns"]
    assert (campaign["createdBy"], campaign["cohort"]["percentage"]) == ("carl", 10)
    assert found["roots"][0]["names"]["targets"]["keyids"] == [DIRECTOR_KEY]


def test_vehicles_can_be_had_a_few_at_a_time_and_none_is_left_out(director_tx):
    first = delivery_half(director_tx, PATH, vehicles=1)
    second = delivery_half(director_tx, PATH, vehicles=1, after=first.more)
    assert [one.vin for one in (*first.offers, *second.offers)] == [VIN, OTHER_VIN]
    assert (first.more, second.more) == (VIN, None)
    assert first.counts == second.counts == {"installed": 1, "failed": 1}


def test_halves_of_two_releases_are_not_joined(image_tx, director_tx):
    release = release_half(image_tx, PATH).document()
    with pytest.raises(ConfigError, match="two releases"):
        release_report(release, delivery_half(director_tx, "vcu/other/1/image.bin").document(), NOW)


# --- of a vehicle


def test_a_vehicle_has_its_numbers_by_the_ecus_that_are_in_it(director_tx):
    assert vehicle_half(director_tx, VIN).document()["rxswin"] == {"R156 brake 12": ["brake-1"]}


def test_a_vehicle_has_what_each_ecu_reported_and_the_replaced_one(director_tx):
    found = {one["ecu"]: one for one in vehicle_half(director_tx, VIN).document()["ecus"]}
    assert found["primary-1"]["primary"] and found["primary-1"]["path"] is None
    assert (found["brake-1"]["path"], found["brake-1"]["releaseCounter"]) == (PATH, 12)
    assert (found["brake-1"]["attack"], found["brake-0"]["replacedBy"]) == (HOSTILE, "brake-1")


def test_a_vehicle_has_its_manifests_as_they_came_and_whose_key_directs_it(director_tx):
    found = vehicle_half(director_tx, VIN).document()
    (one,) = found["manifests"]
    assert (one["manifest"], one["attacks"], one["received"]) == (manifest_of(VIN), 1, at(20))
    assert one["sha256"] == sha256(json.dumps(manifest_of(VIN)).encode()).hexdigest()
    assert (found["counter"], found["reported"]) == (7, at(20))
    assert found["directed"]["version"] == 3
    assert [one["keyid"] for one in found["directed"]["signatures"]] == [DIRECTOR_KEY]
    assert found["roots"][0]["names"]["targets"]["keyids"] == [DIRECTOR_KEY]


def test_a_vehicle_has_no_other_vehicles_offers(image_tx, director_tx):
    text = json.dumps(report_of_the_vehicle(image_tx, director_tx))
    assert VIN in text and OTHER_VIN not in text


def test_a_vehicle_has_the_signers_of_what_it_was_offered(image_tx, director_tx):
    (release,) = report_of_the_vehicle(image_tx, director_tx)["releases"]
    assert [one["signer"] for one in release["listedBy"][0]["signatures"]] == ["alice", "bob"]


def test_what_is_not_there_is_named(image_tx, director_tx):
    with pytest.raises(ConfigError, match="no release 'vcu/other'"):
        release_half(image_tx, "vcu/other")
    with pytest.raises(ConfigError, match="no release"):
        release_half(image_tx, "zz" * 16)
    with pytest.raises(ConfigError, match="no vehicle 'X'"):
        vehicle_half(director_tx, "X")


# --- the page


class Seen(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("report", [report_of_the_release, report_of_the_vehicle])
def test_the_page_escapes_hostile_texts_and_has_neither_scripts_nor_anything_from_elsewhere(
    report, image_tx, director_tx
):
    seen = Seen(page(report(image_tx, director_tx)))
    assert HOSTILE in seen.text
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.tags)
    assert not [name for name in seen.attributes if name in ("src", "href") or name.startswith("on")]


def leaves(value):
    if isinstance(value, dict):
        for name, one in value.items():
            yield from [] if name == "custom" else leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, str) and value:
        yield value


def test_the_page_of_a_release_leaves_nothing_out_that_the_report_says(image_tx, director_tx):
    report = report_of_the_release(image_tx, director_tx)
    html = page(report)
    seen = Seen(html).text
    assert [one for one in leaves(report) if one not in seen and one not in html] == []


def test_the_page_of_a_vehicle_has_its_numbers_offers_signers_and_manifest(image_tx, director_tx):
    seen = Seen(page(report_of_the_vehicle(image_tx, director_tx))).text
    for part in (VIN, "R156 brake 12", "brake-1", "winter", "alice", "bob", at(15), at(20), '"vehicleId"'):
        assert part in seen
