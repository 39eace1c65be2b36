"""`v2xpki init` and `status` as an operator runs them: real tokens, real processes."""

import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.support import commands
from v2xpki.authorities.etsi import bootstrap
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, V2xPkiError
from v2xpki.trust import SignedList, verify_chain

ROOT = Path(__file__).parents[2]


def v2xpki(*arguments, code=0):
    return commands.v2xpki(*arguments, expect=code)


@pytest.fixture(scope="module")
def made(tmp_path_factory, token_store):
    directory = tmp_path_factory.mktemp("init") / "pki"
    done = v2xpki(
        "init", directory, "--base-url", "https://pki.example", "--curve", "aa=brainpoolP256r1",
        "--lab", "--yes", "--json",
    )  # fmt: skip
    return directory, json.loads(done.stdout)


def status(directory, code=0):
    return json.loads(v2xpki("status", directory, "--json", code=code).stdout)


def test_init_prints_the_hashed_ids_of_all_authorities(made):
    _, report = made
    assert [entry["role"] for entry in report["authorities"]] == ["tlm", "root", "ea", "aa"]
    for entry in report["authorities"]:
        assert Certificate.parse(Path(entry["certificate"]).read_bytes()).hex8 == entry["hashedId8"]
    assert report["authorities"][3]["curve"] == "brainpoolP256r1"


def test_the_services_trust_material_verifies_down_from_the_tlm(made):
    directory, _ = made
    for domain in ("ea", "aa", "dc"):
        trust = directory / domain / "trust"
        tlm = Certificate.parse((trust / "tlm.oer").read_bytes())
        root = Certificate.parse((trust / "root.oer").read_bytes())
        now = root.start + 7200
        ectl = SignedList.parse((trust / "ectl.oer").read_bytes())
        ectl.verify(tlm, now)
        assert root in [getattr(entry, "certificate", None) for entry in ectl.entries]
        for name in ("ctl.oer", "crl.oer"):
            SignedList.parse((trust / name).read_bytes()).verify(root, now)
    for name in ("ea", "aa"):
        own = Certificate.parse((directory / name / "certificates" / f"{name}-1.oer").read_bytes())
        verify_chain([own], root, now)


def test_the_lists_carry_the_base_url(made):
    directory, _ = made
    ctl = SignedList.parse((directory / "dc/trust/ctl.oer").read_bytes())
    urls = {type(entry).__name__: entry for entry in ctl.entries}
    assert urls["EaEntry"].its_access_point == "https://pki.example/ea"
    assert urls["AaEntry"].access_point == "https://pki.example/aa"
    assert urls["DcEntry"].url == "https://pki.example/dc"


def test_nobody_else_can_read_what_is_secret(made):
    directory, _ = made
    for domain in ("root", "tlm", "ea", "aa", "dc"):
        assert stat.S_IMODE((directory / domain).stat().st_mode) == 0o700
    for path in (*directory.glob("*/pin"), *directory.glob("tls/*.key"), *directory.glob("*/*.db")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_no_two_domains_share_a_pin(made):
    directory, _ = made
    pins = [path.read_text() for path in directory.glob("*/pin")]
    assert len(pins) == len(set(pins)) == 4


def test_no_pin_is_anywhere_but_in_its_file(made):
    directory, _ = made
    pins = [path.read_bytes().strip() for path in directory.glob("*/pin")]
    for path in directory.rglob("*"):
        if path.is_file() and path.name != "pin":
            octets = path.read_bytes()
            assert not any(pin in octets for pin in pins), path


def test_the_distribution_centre_has_all_lists(made):
    directory, _ = made
    with sqlite3.connect(directory / "dc" / "dc.db") as database:
        kinds = {row[0] for row in database.execute("SELECT kind FROM publication")}
    assert kinds == {"ctl", "crl", "ectl", "tlm-certificate"}


def test_each_ceremony_left_a_transcript(made):
    directory, _ = made
    folder = directory / "ceremonies"
    assert len(list(folder.glob("*.yaml"))) == len(list(folder.glob("*.transcript"))) == 9


def test_a_second_init_is_refused_and_changes_nothing(made):
    directory, _ = made
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*.oer")}
    assert "an instance already" in v2xpki("init", directory, "--yes", code=2).stderr
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*.oer")} == before


def test_status_shows_authorities_keys_lists_and_counts(made):
    directory, report = made
    found = status(directory)
    assert found["lab"] is True
    assert found["problems"] == []
    assert any("laboratory" in text for text in found["warnings"])
    shown = {entry["role"]: entry for entry in found["authorities"]}
    assert {role: entry["hashedId8"] for role, entry in shown.items()} == {
        entry["role"]: entry["hashedId8"] for entry in report["authorities"]
    }
    assert [key["label"] for key in shown["ea"]["keys"]] == ["ea-encrypt-1", "ea-sign-1"]
    assert not any(key["extractable"] for entry in shown.values() for key in entry["keys"])
    assert {entry["kind"]: entry["state"] for entry in found["lists"]} == {
        "ctl": "in force",
        "ectl": "in force",
        "crl": "in force",
    }
    assert found["counts"]["root"]["records"]["EA"] == {"issued": 1}
    assert found["serving"] is None
    text = v2xpki("status", directory).stdout
    assert shown["aa"]["hashedId8"] in text
    assert "aa-sign-1 (brainpoolP256r1)" in text


def test_status_without_the_offline_tokens_is_fine_and_without_the_eas_is_not(made):
    directory, _ = made
    for name in ("root", "ea"):
        (directory / name).rename(directory / f"{name}.away")
    try:
        found = status(directory, code=1)
        assert found["problems"]
        assert all(text.startswith("ea:") for text in found["problems"])
    finally:
        for name in ("root", "ea"):
            (directory / f"{name}.away").rename(directory / name)
    assert status(directory)["problems"] == []


def test_a_ceremony_is_run_by_the_command_and_asks_first(made):
    directory, _ = made
    file = directory / "ceremonies" / "ctl-1.yaml"
    file.write_text((directory / "ceremonies/08-ctl.yaml").read_text().replace("sequence: 0", "sequence: 1"))
    refused = v2xpki("ceremony", "run", file, code=2)
    assert "not confirmed" in refused.stderr
    assert "root-sign-1" in refused.stderr
    done = json.loads(v2xpki("ceremony", "run", file, "--yes", "--json").stdout)
    assert [Path(entry["file"]).name for entry in done["outputs"]] == ["ctl-1.oer", "ctl-1-delta.oer"]
    assert "is not the next one" in v2xpki("ceremony", "run", file, "--yes", code=2).stderr


# --- what goes wrong -------------------------------------------------------------------------------


def break_ceremonies(monkeypatch, message="the token fell down"):
    def fail(*_):
        raise V2xPkiError(message)

    monkeypatch.setattr(bootstrap, "_run_ceremonies", fail)


def test_a_failed_init_leaves_nothing(tmp_path, monkeypatch):
    break_ceremonies(monkeypatch)
    with pytest.raises(V2xPkiError, match="fell down"):
        bootstrap.initialise(bootstrap.Plan(tmp_path / "pki"))
    assert not (tmp_path / "pki").exists()


def test_a_failed_init_leaves_an_empty_folder_empty(tmp_path, monkeypatch):
    break_ceremonies(monkeypatch)
    (tmp_path / "lost+found").mkdir()
    with pytest.raises(V2xPkiError):
        bootstrap.initialise(bootstrap.Plan(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["lost+found"]


def test_a_ceremony_that_fails_in_its_process_is_named(tmp_path, monkeypatch, token_store):
    render = bootstrap._render_ceremonies

    def spoil(plan, instance, clock):
        render(plan, instance, clock)
        file = instance.ceremonies_dir / "02-root.yaml"
        file.write_text(file.read_text().replace("profile: RCA", "profile: TLM"))

    monkeypatch.setattr(bootstrap, "_render_ceremonies", spoil)
    with pytest.raises(V2xPkiError, match=r"02-root\.yaml failed: CeremonyRefused.*RCA certificate"):
        bootstrap.initialise(bootstrap.Plan(tmp_path / "pki"))
    assert not (tmp_path / "pki").exists()


def test_a_killed_init_is_cleared_away_by_the_next(tmp_path, token_store):
    directory = tmp_path / "pki"
    (directory / "root" / "tokens").mkdir(parents=True)
    (directory / "v2xpki.toml.unfinished").write_text("half a li")
    with pytest.raises(ConfigError, match="did not finish"):
        Instance.load(directory)
    report = bootstrap.initialise(bootstrap.Plan(directory))
    assert report.instance.lab is False
    assert not (directory / "v2xpki.toml.unfinished").exists()


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ConfigError, match=r"not empty: letters\.txt"):
        bootstrap.initialise(bootstrap.Plan(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_two_inits_at_once_do_not_meet(tmp_path):
    plan = bootstrap.Plan(tmp_path / "pki")
    with pytest.raises(RuntimeError, match="stop here"), bootstrap._unfinished(plan):
        with pytest.raises(ConfigError, match="another init"):
            bootstrap.initialise(plan)
        raise RuntimeError("stop here")
    assert not (tmp_path / "pki").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--profile", "scms", "--curve", "aca=brainpoolP256r1"), "all keys of an SCMS are on nistP256"),
        (("--profile", "scms", "--curve", "aa=nistP256"), "no role 'aa'"),
        (("--profile", "moon"), "moon"),
        (("--curve", "dc=nistP256"), "no role 'dc'"),
        (("--curve", "ea=secp256k1"), "secp256k1"),
        (("--curve", "ea"), "ROLE=NAME"),
        (("--base-url", "localhost:8080"), "base_url"),
    ],
)
def test_nonsense_is_refused_before_anything_is_made(tmp_path, arguments, said):
    assert said in v2xpki("init", tmp_path / "pki", "--yes", *arguments, code=2).stderr
    assert not (tmp_path / "pki").exists()


def test_without_confirmation_nothing_is_made(tmp_path):
    assert "nothing was done" in v2xpki("init", tmp_path / "pki", code=1).stderr
    assert not (tmp_path / "pki").exists()


def test_rca_is_another_word_for_root():
    assert bootstrap.parse_curves(["RCA=nistP384"]) == {"root": "nistP384"}


def test_a_domains_process_is_told_of_no_other(made):
    directory, _ = made
    environment = Instance.load(directory).domain("ea").environment()
    assert environment == {"SOFTHSM2_CONF": os.fspath(directory / "ea" / "softhsm2.conf")}
