"""`v2xpki demo --profile scms`: one real run, looked at from all sides."""

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from v2xpki.cli import main
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.demo import chosen
from v2xpki.secured import SignedMessage
from v2xpki.time import SystemClock
from v2xpki.trust.messages import BSM
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.trust.scms_ctl import ScmsTrust

A_WEEK = 20  # pseudonyms


@pytest.fixture(scope="module")
def shown(tmp_path_factory, token_store):
    """Folder, document and progress of a whole demo."""
    directory = tmp_path_factory.mktemp("demo") / "pki"
    result = CliRunner().invoke(main, ["demo", "--profile", "scms", "--dir", str(directory), "--json"])
    assert result.exit_code == 0, result.stderr + result.stdout
    return directory, json.loads(result.stdout), result.stderr


@pytest.fixture(scope="module")
def document(shown):
    return shown[1]


@pytest.fixture(scope="module")
def certificates(document):
    """Of each station: what it signs with."""
    files = Path(document["directory"]) / "artifacts/certificates"
    known = {one.hashed_id8.hex(): one for one in map(read, files.glob("*.oer"))}
    return {one["name"]: [known[id8] for id8 in one["certificates"]] for one in document["stations"]}


def read(path) -> Certificate:
    return Certificate.parse(Path(path).read_bytes())


def v2xpki(*arguments):
    """Exit code and document of a command."""
    result = CliRunner().invoke(main, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def knows(document, component):
    return next(entry for entry in document["whoKnewWhat"] if entry["component"] == component)


# --- what it says --------------------------------------------------------------------------------


def test_everything_went_as_it_should(document):
    assert document["ok"] is True
    assert document["problems"] == []
    assert document["profile"] == "scms"
    assert "scms" in chosen("all")


def test_each_component_and_elector_has_its_keys_in_a_token_of_its_own(document):
    authorities = {entry["role"]: entry for entry in document["authorities"]}
    electors = {"elector1", "elector2", "elector3"}
    assert set(authorities) == {*electors, "scmsroot", "eca", "ra", "aca", "la1", "la2", "ma"}
    for role, entry in authorities.items():
        assert f"{role}-sign-1" in entry["keyLabels"]
    assert len({entry["token"] for entry in authorities.values()}) == len(authorities)


def test_each_vehicle_got_a_week_of_pseudonyms_and_the_week_after(document, certificates):
    for name in ("vehicle-a", "vehicle-b"):
        periods = [one.record.to_be_signed.id.value.i_cert for one in certificates[name]]
        assert sorted(map(periods.count, set(periods))) == [A_WEEK, A_WEEK]
    assert len(certificates["rsu"]) == 1
    issued = {entry["role"]: entry["issued"] for entry in document["authorities"]}
    assert issued["eca"] == {"EC": 3}
    assert issued["aca"] == {"PSEUDONYM": 4 * A_WEEK, "APPLICATION": 1}


def test_vehicles_and_a_roadside_unit_understand_each_other(document):
    accepted = [entry for entry in document["messages"] if entry["verdict"] == "valid"]
    assert [entry["type"] for entry in accepted[:6]] == ["BSM", "BSM", "BSM", "BSM", "MAP", "SPaT"]
    assert [(entry["from"], entry["to"]) for entry in accepted[3:6]] == [
        ("vehicle-b", "vehicle-a"),
        ("rsu", "vehicle-a"),
        ("rsu", "vehicle-a"),
    ]


def test_a_vehicle_says_each_message_under_another_pseudonym(document):
    said = [entry for entry in document["messages"] if entry["from"] == "vehicle-a"][:3]
    assert len({entry["chain"][0] for entry in said}) == 3
    ids = {SignedMessage.parse(Path(entry["file"]).read_bytes()).payload[4:8] for entry in said}
    assert len(ids) == 3, "and under another temporary id"


def test_every_forgery_is_refused_for_its_own_reason(document):
    refused = {
        Path(entry["file"]).stem.partition("forged-")[2]: entry["rule"]
        for entry in document["messages"]
        if entry["verdict"] == "invalid"
    }
    assert refused == {
        "altered": "signature",
        "as-car": "psid",
        "as-light": "psid",
        "early": "generation-time",
        "region": "region",
        "self-made": "certificate",
    }
    assert [entry["rule"] for entry in document["repeated"]] == ["replay"]


def test_who_may_not_ask_gets_nothing(document):
    assert [entry["code"] for entry in document["refusedRequests"]] == ["HTTP 401", "HTTP 403"]


# --- the revocation ------------------------------------------------------------------------------


def test_one_pseudonym_named_revokes_all_of_its_vehicle_and_of_no_other(document):
    revocation = document["revocation"]
    assert (revocation["held"], revocation["refused"], revocation["othersRefused"]) == (A_WEEK, A_WEEK, 0)
    assert len(document["revoked"]) == 2
    for entry in document["revoked"]:
        assert "revoked" in entry["reason"]
        assert read(entry["chain"][0]).hashed_id8.hex() != revocation["named"]


def test_the_others_are_believed_as_before(document):
    last = document["messages"][-2:]
    assert [(entry["from"], entry["to"], entry["verdict"]) for entry in last] == [
        ("vehicle-b", "rsu", "valid"),
        ("rsu", "vehicle-b", "valid"),
    ]


def test_the_crl_names_one_vehicle_by_its_seeds(document, certificates):
    crl = ScmsCrl.parse(Path(document["artifacts"]["crl"]).read_bytes())
    (entry,) = crl.linked
    assert entry.j_max == A_WEEK
    assert crl.i_rev == min(one.record.to_be_signed.id.value.i_cert for one in certificates["vehicle-a"])


# --- who knew what -------------------------------------------------------------------------------


def test_the_eca_knew_devices_and_no_pseudonym(document):
    found = knows(document, "eca")
    assert (found["deviceNames"], found["enrolmentCertificates"]) == (3, 3)
    assert (found["requests"], found["pseudonymCertificates"]) == (0, 0)


def test_the_ra_knew_requests_and_neither_names_nor_pseudonyms(document):
    found = knows(document, "ra")
    assert (found["enrolmentCertificates"], found["requests"]) == (3, 3)
    assert (found["deviceNames"], found["pseudonymCertificates"]) == (0, 0)


def test_the_aca_knew_all_pseudonyms_and_of_none_whose_it_is(document):
    found = knows(document, "aca")
    assert found["pseudonymCertificates"] == 4 * A_WEEK
    assert (found["deviceNames"], found["enrolmentCertificates"], found["requests"]) == (0, 0, 0)


@pytest.mark.parametrize("name", ["la1", "la2"])
def test_a_linkage_authority_knew_sealed_chains_and_nothing_else(document, name):
    found = {field: count for field, count in knows(document, name).items() if count}
    assert found == {"component": name, "linkageChains": 2}


def test_the_ma_knew_what_was_named_and_what_the_crl_tells_everybody(document):
    found = knows(document, "ma")
    assert (found["pseudonymCertificates"], found["publishedSeeds"]) == (1, 2)
    assert (found["deviceNames"], found["enrolmentCertificates"], found["requests"]) == (0, 0, 0)


def test_nobody_could_tell_which_pseudonyms_belong_together_but_of_the_revoked_vehicle(document):
    linked = {entry["component"]: entry["vehiclesLinked"] for entry in document["whoKnewWhat"]}
    assert linked == {"eca": 0, "ra": 0, "aca": 0, "la1": 0, "la2": 0, "ma": 1}
    assert all(entry["pseudonymsNamed"] == 0 for entry in document["whoKnewWhat"])


# --- what it leaves ------------------------------------------------------------------------------


def test_the_chain_file_leads_from_the_electors_to_the_aca(document):
    artifacts = document["artifacts"]
    electors = [read(artifacts[f"elector{number}"]) for number in (1, 2, 3)]
    trust, now = ScmsTrust(electors, 2), SystemClock().time32()
    trust.accept_chain_file(Path(artifacts["chain-file"]).read_bytes(), now)
    assert trust.roots == (read(artifacts["root"]),)
    assert document["electors"] == [elector.hashed_id8.hex() for elector in electors]


def test_requests_answers_and_archives_are_kept_as_they_were_sent(document):
    folder = Path(document["directory"]) / "artifacts/wire"
    for name in ("vehicle-a", "vehicle-b", "rsu"):
        assert (folder / f"{name}-01-enrollment-certificate-request.oer").is_file()
        assert (folder / f"{name}-02-authorization-certificate-answer.oer").is_file()
    archives = sorted(folder.glob("vehicle-a-*.zip"))
    assert [len(zipfile.ZipFile(path).namelist()) for path in archives] == [A_WEEK, A_WEEK]


def test_no_artifact_holds_a_private_key(document):
    for path in (Path(document["directory"]) / "artifacts").rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes(), path


def test_every_message_is_judged_the_same_from_its_files(document):
    for entry in document["messages"]:
        _, found = v2xpki("data", "verify", entry["file"], "--chain", *entry["chain"])
        assert found["verdict"] == entry["verdict"], (entry, found)


def test_a_message_of_a_vehicle_names_nothing_of_it(document):
    entry = document["messages"][0]
    message = SignedMessage.parse(Path(entry["file"]).read_bytes())
    assert message.header.psid == BSM
    assert b"demo-vehicle" not in Path(entry["file"]).read_bytes() + Path(entry["chain"][0]).read_bytes()


def test_the_instance_stays_a_good_one(shown):
    directory = shown[0]
    assert Instance.load(directory).has_scms
    code, found = v2xpki("status", directory)
    assert (code, found["problems"]) == (0, [])


def test_progress_is_told_step_by_step(shown):
    for title in ("New PKI", "Services", "Production", "Revocation", "Records", "Shutdown"):
        assert f"  {title}" in shown[2], title
