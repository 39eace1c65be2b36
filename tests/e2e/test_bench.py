"""`v2xpki bench`: real work on a real instance, told with the floor that it is held against."""

import json
import subprocess
import sys

import pytest

from tests.support.commands import v2xpki

FLOORS = {
    "ec_issue": {"agree": 1, "sign": 2, "verify": 3, "commit": 1},
    "at_issue": {"agree": 3, "sign": 4, "verify": 5, "keygen": 1, "ecdh": 1, "commit": 2},
    "at_http": {"agree": 3, "sign": 4, "verify": 5, "keygen": 1, "ecdh": 1, "commit": 2},
    "cert_verify": {"verify": 1},
    "cert_decode": {},
    "aca_issue": {"sign": 3, "verify": 2, "keygen": 1, "ecdh": 1, "mulg": 1},
    "aca_issue_memory": {"softsign": 3, "verify": 2, "keygen": 1, "ecdh": 1, "mulg": 1},
    "aca_issue_cubk": {"sign": 2, "verify": 2, "keygen": 1, "ecdh": 1, "mulg": 1},
    "scms_batch": {"sign": 4, "verify": 3, "keygen": 1, "ecdh": 1, "mulg": 2},
    "scms_batch_pg": {"sign": 4, "verify": 3, "keygen": 1, "ecdh": 1, "mulg": 2},
    "scms_enrol": {"sign": 2, "verify": 2, "commit": 1},
    "butterfly_expand": {"mulg": 1},
    "ota_targets": {"sign": 3, "verify": 1, "commit": 1},
    "ota_timestamp": {"sign": 1, "commit": 1},
    "ota_release": {"write, sync, read, hash 100 MB": 1},
    "ec_issue_brainpoolP256r1": {
        "agree": 1, "sign": 2, "verify": 2, "verify_brainpoolP256r1": 1, "commit": 1,
    },
}  # fmt: skip


# Units of another kind than one piece of work, and how many rounds such a benchmark has at least.
UNITS = {"ota_release": ("MB/s", 3)}
# Those whose laboratory alone, a PKI that is served or an SCMS, takes longer than all others together.
DEAR = {"at_http", "scms_batch", "scms_batch_pg", "scms_enrol", "ec_issue_brainpoolP256r1"}
NAMES = [pytest.param(name, marks=[pytest.mark.soak] if name in DEAR else []) for name in FLOORS]


@pytest.fixture(scope="module")
def results(request) -> dict:
    wanted = [item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")]
    names = [name for name in FLOORS if name in wanted]
    command = [sys.executable, "-m", "v2xpki", "bench", "--seconds", "0.1", "--json", *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return {result["name"]: result for result in json.loads(done.stdout)}


def told(results: dict, name: str) -> dict:
    result = results[name]
    if "skipped" in result:
        assert result["value"] is None and result["n"] == 0
        pytest.skip(result["skipped"])
    return result


@pytest.mark.xdist_group("e2e")
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_tells_its_rate_and_the_parts_of_its_floor(results, name):
    result = told(results, name)
    unit, least = UNITS.get(name, ("1/s", 40))
    assert result["unit"].startswith(unit) and result["value"] > 0 and result["n"] >= least
    assert {part: entry["count"] for part, entry in result["detail"].items()} == FLOORS[name]
    assert all(entry["us"] > 0 for entry in result["detail"].values())


@pytest.mark.xdist_group("e2e")
@pytest.mark.parametrize("name", [name for name in NAMES if FLOORS[name.values[0]]])
def test_efficiency_is_the_floor_over_the_time_taken(results, name):
    result = told(results, name)
    floor = sum(entry["count"] * entry["us"] for entry in result["detail"].values())
    # cores; or for MB/s: units of 1 MB in what the floor counts
    share = 2 if name.startswith("at_http") or name.endswith("_pg") else 100 if name == "ota_release" else 1
    assert result["floor"] == pytest.approx(floor, rel=0.01)
    assert result["efficiency"] == pytest.approx(floor * 1e-6 * result["value"] / share, rel=0.02, abs=0.002)


def test_the_check_against_a_crl_counts_the_expansion_of_a_period_in():
    (result,) = json.loads(v2xpki("bench", "--seconds", "0.1", "--json", "crl_check").stdout)
    each = sum(part["count"] * part["us"] for part in result["detail"].values())
    assert result["value"] == pytest.approx(1e6 / each, rel=0.02) and result["n"] >= 40_000


def test_the_names_are_told_and_all_are_those_of_the_interface():
    from v2xpki import bench

    assert {*FLOORS, "crl_check", "cert_encode"} <= set(bench.names())


def test_without_a_postgresql_server_its_benchmark_says_that_it_was_skipped(monkeypatch):
    from click.testing import CliRunner

    from v2xpki.bench import scms_pg
    from v2xpki.bench.postgres import NoServer
    from v2xpki.cli.bench import command

    def none() -> None:
        raise NoServer("no server programs")

    monkeypatch.setattr(scms_pg, "Server", none)
    done = CliRunner().invoke(command, ["--json", "scms_batch_pg"])
    (result,) = json.loads(done.stdout)
    assert result["skipped"] == "skipped: no PostgreSQL: no server programs"
    assert result["value"] is result["floor"] is result["efficiency"] is None and result["n"] == 0
    done = CliRunner().invoke(command, ["scms_batch_pg"])
    assert done.exit_code == 0 and "skipped: no PostgreSQL" in done.stdout


def test_a_benchmark_that_is_not_there_is_named_with_those_that_are():
    said = v2xpki("bench", "nonsense", expect=2).stderr
    assert "nonsense" in said and "at_issue" in said
