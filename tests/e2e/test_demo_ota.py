"""`v2xpki demo --profile ota`: one real run, looked at from all sides."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from v2xpki.cli import main


@pytest.fixture(scope="module")
def shown(tmp_path_factory, token_store):
    """Folder, document and progress of a whole demo."""
    directory = tmp_path_factory.mktemp("demo") / "pki"
    result = CliRunner().invoke(main, ["demo", "--profile", "ota", "--dir", str(directory), "--json"])
    assert result.exit_code == 0, result.stderr + result.stdout
    return directory, json.loads(result.stdout), result.stderr


@pytest.fixture(scope="module")
def document(shown):
    return shown[1]


def evidence(document, name):
    return json.loads((Path(document["directory"]) / f"artifacts/evidence/{name}.json").read_text())


def test_all_went_as_it_should_and_each_step_is_told_of(shown, document):
    assert (document["ok"], document["problems"], document["profile"]) == (True, [], "ota")
    titles = [step["title"] for step in document["steps"]]
    assert titles[0] == "New PKI" and titles[-1] == "Shutdown"
    for title in (
        "Releases",
        "Signatures",
        "Vehicle",
        "Update",
        "Tampered",
        "Replaced ECU",
        "Stolen Director",
        "Evidence",
    ):
        assert title in titles and title in shown[2]


def test_the_vehicle_takes_what_was_signed_and_nothing_else(document):
    told = [(one["by"], one["verdict"], one["rule"]) for one in document["updates"]]
    assert told == [
        ("the Director", "valid", None),
        ("campaign winter", "valid", None),
        ("a mirror", "invalid", "arbitrary-software"),
        ("campaign spring", "valid", None),
        ("a workshop", "invalid", "HTTP 409"),
        ("the old brakes", "invalid", "HTTP 403"),
        ("campaign workshop", "valid", None),
        ("the stolen Director", "invalid", "rollback"),
        ("the stolen Director", "invalid", "arbitrary-software"),
    ]
    assert all(one["reason"] for one in document["updates"] if one["verdict"] == "invalid")


def test_what_was_refused_leaves_the_ecus_as_they_were(document):
    runs = [one["ecus"] for one in document["updates"]]
    assert runs[1] == {
        "gateway-1": "gw-1/gateway/2.0/image.bin", "brake-1": "bcm-2/brake/2.0/image.bin",
    }  # fmt: skip
    assert runs[2] == runs[1]  # tampered
    assert runs[3]["brake-1"] == "bcm-2/brake/3.0/image.bin"
    assert runs[-1] == runs[-2] == runs[-3]  # stolen Director


def test_a_replaced_ecu_is_directed_again_once_the_oem_was_told_and_the_old_ones_key_is_not_taken(document):
    untold, old_key, updated = document["updates"][4:7]
    assert untold["reason"] == "the manifest lacks ECU brake-1"
    assert "report of ECU brake-2" in old_key["reason"]
    assert untold["ecus"] == old_key["ecus"] == {
        "gateway-1": "gw-1/gateway/2.0/image.bin", "brake-2": "as it left the factory",
    }  # fmt: skip
    assert updated["ecus"]["brake-2"] == "bcm-2/brake/3.0/image.bin"
    ecus = {one["ecu"]: one for one in evidence(document, "vehicle")["vehicle"]["ecus"]}
    assert ecus["brake-1"]["replacedBy"] == "brake-2" and ecus["brake-2"]["replacedBy"] is None
    assert ecus["brake-1"]["keyid"] != ecus["brake-2"]["keyid"]
    offers = {(one["ecu"], one["state"]) for one in evidence(document, "vehicle")["vehicle"]["offers"]}
    assert ("brake-2", "installed") in offers


def test_each_release_was_approved_by_another_and_signed_by_two(document):
    assert len(document["releases"]) == 4
    for one in document["releases"]:
        assert one["approvedBy"] == ["approver"] and one["addedBy"] != "approver"
        assert one["signedBy"] == ["signer-1", "signer-2"]
        assert one["builder"].startswith("https://ci.example/")
    assert {one["what"] for one in document["refusedRequests"]} == {
        "a release without provenance", "a release approved by who added it",
    }  # fmt: skip


def test_no_token_of_a_server_holds_a_key_of_a_root_or_of_the_image_repositorys_targets(document):
    keys = {one["name"]: one["keyLabels"] for one in document["repositories"]}
    assert sorted(keys["image"]) == ["image-snapshot-sign-1", "image-timestamp-sign-1"]
    assert all(label.startswith("director-") and "root" not in label for label in keys["director"])
    for one in document["repositories"]:
        offline = {
            role["role"]: (role["threshold"], role["keys"]) for role in one["roles"] if not role["online"]
        }
        assert set(offline.values()) == {(2, 3)}


def test_the_evidence_names_signers_offers_and_what_was_reported(document):
    report = evidence(document, "vehicle")
    vehicle = report["vehicle"]
    assert vehicle["vin"] == document["vehicle"]
    assert set(vehicle["rxswin"]) == {"R156-GW-02", "R156-BRK-03"}
    states = {one["path"]: one["state"] for one in vehicle["offers"]}
    assert states["bcm-2/brake/3.0/image.bin"] == states["gw-1/gateway/2.0/image.bin"] == "installed"
    attacks = [one for one in vehicle["manifests"] if one["attacks"]]
    assert attacks, "the tampered image was reported"
    for one in report["releases"]:
        assert {signing["signer"] for signing in one["listedBy"][0]["signatures"]} == {"signer-1", "signer-2"}
    release = evidence(document, "release")
    assert release["delivery"]["counts"] == {"installed": 2}  # old brakes and new ones
    assert release["delivery"]["offers"][0]["vin"] == document["vehicle"]


def test_the_pages_are_whole_and_name_the_vehicle(document):
    class Text(HTMLParser):
        seen = ""

        def handle_data(self, data):
            self.seen += data

    assert [Path(page).name for page in document["evidence"]] == ["vehicle.html", "release.html"]
    for page in document["evidence"]:
        text = Text()
        text.feed(Path(page).read_text())
        assert document["vehicle"] in text.seen and "signer-1" in text.seen


def test_no_private_key_is_among_the_artifacts(document):
    for path in (Path(document["directory"]) / "artifacts").rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes()


def test_the_commands_for_evidence_give_the_same(document, tmp_path):
    page = tmp_path / "vehicle.html"
    command = ["ota", "evidence", "vehicle", document["vehicle"], "--instance", document["directory"]]
    result = CliRunner().invoke(main, [*command, "--html", str(page), "--json"])
    assert result.exit_code == 0, result.stderr
    told, before = json.loads(result.stdout), evidence(document, "vehicle")
    assert (told["vehicle"], told["releases"]) == (before["vehicle"], before["releases"])
    assert document["vehicle"] in page.read_text()
    command = ["ota", "evidence", "release", "bcm-2/brake/3.0/image.bin", "--instance", document["directory"]]
    assert "installed: 2" in CliRunner().invoke(main, command).stdout
