"""`v2xpki station` on an ECA's register: the same commands, by the instance's profile or --scms."""

import json

import pytest
from click.testing import CliRunner

from v2xpki.cli import main
from v2xpki.crypto import Curve
from v2xpki.keystore import MemoryKey
from v2xpki.store import Database, upgrade

POINT = MemoryKey.generate(Curve.NIST_P256).public_key.point.hex()


@pytest.fixture
def new(tmp_path):
    """An instance of a profile, with its registers alone."""

    def make(profile):
        directory = tmp_path / profile
        directory.mkdir()
        (directory / "v2xpki.toml").write_text(f'profile = "{profile}"\n')
        for domain in {"etsi": ("ea",), "scms": ("eca",), "all": ("ea", "eca")}[profile]:
            (directory / domain).mkdir()
            with Database.open(directory / domain / f"{domain}.db") as database:
                upgrade(database, domain)
        return directory

    return make


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(MemoryKey.generate(Curve.NIST_P256).public_key.to_pem())
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["station", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def names(directory, *options):
    return {entry["profile"] for entry in json.loads(run("list", directory, *options, "--json").stdout)}


def test_an_scms_has_the_ecas_register_alone(new, key):
    directory = new("scms")
    run("register", directory, "--id", "obu-1", "--key", key)
    run("register", directory, "--id", "rsu-1", "--key", key, "--profile", "rsu", "--region", "countries:276")
    assert names(directory) == {"obe", "rsu"}
    shown = json.loads(run("show", directory, "--id", "obu-1", "--json").stdout)
    assert (shown["name"], shown["status"], shown["credentials"]) == ("obu-1", "active", [])
    assert "obu-1" in run("list", directory).stdout
    assert "obu-1" in run("show", directory, "--id", "obu-1").stdout


def test_where_there_are_two_registers_the_option_names_the_ecas(new, key):
    directory = new("all")
    run("register", directory, "--id", "a", "--key", key, "--profile", "vehicle")
    run("register", directory, "--scms", "--id", "a", "--key", key, "--profile", "obe")
    assert (names(directory), names(directory, "--scms")) == ({"vehicle"}, {"obe"})


def test_an_instance_without_an_scms_has_no_such_register(new, key):
    assert "no SCMS" in run("list", new("etsi"), "--scms", code=2).stderr


def test_barring_is_a_dry_run_unless_yes(new, key):
    directory = new("scms")
    run("register", directory, "--id", "obu", "--key", key)
    assert "would bar" in run("bar", directory, "--id", "obu").stderr
    run("bar", directory, "--id", "obu", "--reason", "stolen", "--yes")
    assert json.loads(run("show", directory, "--id", "obu", "--json").stdout)["status"] == "barred"
    assert "already" in run("bar", directory, "--id", "obu", "--yes").stderr
    back = json.loads(run("unbar", directory, "--id", "obu", "--yes", "--json").stdout)
    assert (back["status"], back["changed"]) == ("active", True)
    assert "no device" in run("bar", directory, "--id", "nobody", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--id", "a", "--profile", "tank"), "tank"), (("--hex-id", "ff"), "ASCII"), ((), "as text or as hex")],
)
def test_nonsense_is_refused_as_usage(new, key, arguments, said):
    assert said in run("register", new("scms"), "--key", key, *arguments, code=2).stderr


def test_an_import_is_all_or_nothing_and_a_dry_run_first(new, tmp_path, key):
    directory, path = new("scms"), tmp_path / "fleet.csv"
    path.write_text(f"id,key,curve,profile\na,key.pem,,\nb,{POINT},nistP256,rsu\n")
    assert json.loads(run("import", directory, path, "--json").stdout)["registered"] == 0
    assert names(directory) == set()
    assert "2 devices registered" in run("import", directory, path, "--yes").stderr
    assert names(directory) == {"obe", "rsu"}
    path.write_text("id,key,profile\nc,key.pem,\na,key.pem,\nd,key.pem,tank\n")
    said = run("import", directory, path, "--yes", code=1).stderr
    assert "line 3: unique" in said and "line 4: profile" in said
    assert len(json.loads(run("list", directory, "--json").stdout)) == 2
