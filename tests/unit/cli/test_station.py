"""`v2xpki station`: dry runs first, all or nothing, bad lines named."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from v2xpki.cli import main
from v2xpki.crypto import Curve
from v2xpki.keystore import MemoryKey
from v2xpki.store import Database, upgrade

POINT = MemoryKey.generate(Curve.BRAINPOOL_P256R1).public_key.point.hex()


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    directory = tmp_path / "pki"
    (directory / "ea").mkdir(parents=True)
    (directory / "v2xpki.toml").write_text("")
    with Database.open(directory / "ea" / "ea.db") as database:
        upgrade(database, "ea")
    return directory


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(MemoryKey.generate(Curve.NIST_P256).public_key.to_pem())
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["station", *map(str, arguments)])
    assert result.exit_code == code, result.stderr
    return result


def listed(instance):
    """Stations by the characters of their ids' octets."""
    found = json.loads(run("list", instance, "--json").stdout)
    return {bytes.fromhex(entry["canonicalId"]).decode("latin-1"): entry for entry in found}


def test_a_registered_station_is_listed_and_shown(instance, key):
    run("register", instance, "--id", "truck-17", "--key", key)
    found = listed(instance)["truck-17"]
    assert found["canonicalId"] == b"truck-17".hex()
    assert (found["profile"], found["status"], found["curve"]) == ("vehicle", "active", "nistP256")
    assert json.loads(run("show", instance, "--id", "truck-17", "--json").stdout)["credentials"] == []
    assert "truck-17" in run("show", instance, "--id", "truck-17").stdout
    assert "truck-17" in run("list", instance).stdout


def test_an_id_may_be_binary(instance, key):
    run("register", instance, "--hex-id", "00ff10", "--key", key, "--profile", "rsu", "--json")
    run("show", instance, "--hex-id", "00FF10")
    assert listed(instance)["\x00\xff\x10"]["profile"] == "rsu"


def test_an_rsu_may_be_bound_to_a_place(instance, key):
    run("register", instance, "--id", "rsu", "--key", key, "--profile", "rsu", "--region", "countries:276")
    assert listed(instance)["rsu"]["region"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "as text or as hex"),
        (("--id", "a", "--hex-id", "00"), "as text or as hex"),
        (("--hex-id", "xy"), "no hex"),
        (("--id", "a" * 256), "255 octets"),
        (("--id", "a", "--profile", "tank"), "tank"),
        (("--id", "a", "--region", "moon:1"), "region"),
    ],
)
def test_nonsense_is_refused_as_usage(instance, key, arguments, said):
    assert said in run("register", instance, "--key", key, *arguments, code=2).stderr


def test_a_private_key_or_another_curve_is_no_canonical_key(instance, tmp_path):
    path = tmp_path / "x.pem"
    path.write_bytes(MemoryKey.generate(Curve.NIST_P384).public_key.to_pem())
    assert "256-bit" in run("register", instance, "--id", "a", "--key", path, code=2).stderr
    path.write_bytes(MemoryKey.generate(Curve.NIST_P256).to_pem())
    assert "PEM public key" in run("register", instance, "--id", "a", "--key", path, code=2).stderr


def test_barring_is_a_dry_run_unless_yes(instance, key):
    run("register", instance, "--id", "truck", "--key", key)
    assert "would bar" in run("bar", instance, "--id", "truck").stderr
    assert listed(instance)["truck"]["status"] == "active"
    run("bar", instance, "--id", "truck", "--reason", "stolen", "--yes")
    assert listed(instance)["truck"]["status"] == "barred"
    assert "already" in run("bar", instance, "--id", "truck", "--yes").stderr
    shown = json.loads(run("show", instance, "--id", "truck", "--json").stdout)
    assert shown["barredFor"] == "stolen" and shown["barredBy"] and shown["barredSince"]
    assert "stolen" in run("show", instance, "--id", "truck").stdout
    assert "would unbar" in run("unbar", instance, "--id", "truck").stderr
    back = run("unbar", instance, "--id", "truck", "--yes", "--operator", "carol", "--json").stdout
    assert json.loads(back)["changed"] is True and "barredFor" not in json.loads(back)
    assert listed(instance)["truck"]["status"] == "active"


def test_an_unknown_station_is_a_no(instance):
    assert "no station" in run("show", instance, "--id", "nobody", code=1).stderr
    assert "as text or as hex" in run("show", instance, code=2).stderr


def write(tmp_path, *lines):
    path = tmp_path / "fleet.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_an_import_is_a_dry_run_first(instance, tmp_path, key):
    path = write(
        tmp_path,
        "id,hex_id,key,curve,profile,region",
        "a,,key.pem,,,",
        f',beef,{POINT},brainpoolP256r1,rsu,"circle:48.1,11.5,500"',
    )
    result = run("import", instance, path, "--json")
    assert json.loads(result.stdout) == {"good": 2, "registered": 0, "bad": []}
    assert listed(instance) == {}
    assert "2 stations registered" in run("import", instance, path, "--yes").stderr
    assert listed(instance)["\xbe\xef"]["curve"] == "brainpoolP256r1"


def test_one_bad_line_and_nothing_is_registered(instance, tmp_path, key):
    run("register", instance, "--id", "old", "--key", key)
    path = write(
        tmp_path,
        "id,key,curve,profile",
        "good,key.pem,,",
        "good,key.pem,,",
        "old,key.pem,,",
        ",key.pem,,",
        "x,missing.pem,,",
        "y,02ff,nistP256,",
        "z,key.pem,,tank",
        "w,key.pem",
        "v,,,",
        "u,zz,nistP256,",
    )
    result = run("import", instance, path, "--yes", "--json", code=1)
    bad = {entry["line"]: entry["rule"] for entry in json.loads(result.stdout)["bad"]}
    assert bad == {
        3: "unique",
        4: "unique",
        5: "id",
        6: "key",
        7: "key",
        8: "profile",
        9: "columns",
        10: "key",
        11: "key",
    }
    assert "stands in line 2 too" in result.stderr
    assert set(listed(instance)) == {"old"}


@pytest.mark.parametrize("header", ["", "id,profile", "id,key,colour", "id,id,key"])
def test_a_file_without_a_proper_header_is_refused(instance, tmp_path, header):
    assert "no header" in run("import", instance, write(tmp_path, header, "a,b"), code=2).stderr


def test_a_file_that_is_no_csv_is_refused(instance, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,key\n\xff,\n")
    assert "UTF-8" in run("import", instance, path, code=2).stderr
    path.write_text('id,key\n"a"b,c\n')
    assert "line 2" in run("import", instance, path, code=2).stderr


def test_without_a_database_nothing_is_made(tmp_path, key):
    (tmp_path / "v2xpki.toml").write_text("")
    assert "no database" in run("list", tmp_path, code=3).stderr
    assert not (tmp_path / "ea").exists()
