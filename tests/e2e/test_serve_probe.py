"""`init` and `serve` as an operator runs them, probed by a station that knows nothing of this project."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import v2xpki
from tests.support.ports import free_port
from tests.support.serving import wait_for
from v2xpki.config import Instance

ROOT = Path(__file__).parents[2]
PROBE = ROOT.parent / "shared" / "tools" / "probe_station.py"


class Real:
    """An instance with real tokens, served."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.directory, self.url = directory, f"http://127.0.0.1:{port}"
        v2xpki("init", directory, "--base-url", self.url, "--lab", "--yes")
        self.log = (directory / "log" / "serve.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "v2xpki", "serve", str(directory), "--http", f"127.0.0.1:{port}",
             "--https", "127.0.0.1:0"],
            cwd=ROOT, stderr=self.log,
        )  # fmt: skip
        state = directory / "run" / "serve.json"
        wait_for(lambda: state.exists() or self.process.poll() is not None, 180)
        assert self.process.poll() is None, (directory / "log" / "serve.log").read_text()
        self.https = json.loads(state.read_text())["listeners"]["https"]

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.url.partition("://")[2], timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self.log.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, token_store: object) -> Iterator[Real]:
    served = Real(tmp_path_factory.mktemp("probe") / "pki")
    yield served
    served.end()


def probe(real: Real, tmp_path: Path, name: str, *options: str) -> list[dict]:
    """The report of the probe for a vehicle and a roadside unit that are registered for it."""
    if not PROBE.is_file():
        pytest.skip("the probing station is not beside this folder")
    probing = [sys.executable, str(PROBE)]
    for station, profile in ((name, "vehicle"), (f"{name}-rsu", "rsu")):
        key = tmp_path / f"{station}.pem"
        made = subprocess.run(
            [*probing, "--make-key", "--canonical-id", station, "--canonical-key", str(key)], timeout=120
        )
        assert made.returncode == 0
        v2xpki("station", "register", real.directory, "--id", station, "--key", key.with_suffix(".pub.pem"),
               "--profile", profile)  # fmt: skip
    done = subprocess.run(
        [*probing, "--json", "--canonical-id", name, "--canonical-key", str(tmp_path / f"{name}.pem"),
         "--rsu-id", f"{name}-rsu", "--rsu-key", str(tmp_path / f"{name}-rsu.pem"), *options],
        capture_output=True, text=True, timeout=300, env=dict(os.environ),
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["checks"]


def failures(checks: list[dict]) -> list[str]:
    return [f"{check['check']}: {check['remark']}" for check in checks if check["verdict"] != "PASS"]


def test_everything_is_ready(real: Real) -> None:
    status, body = real.get("/readyz")
    told = json.loads(body)
    assert (status, told["roles"]) == (200, {"ea": "ok", "aa": "ok", "dc": "ok"})
    assert told["lab"] is True  # stations and operators see that this is no place for real ones


def test_an_independent_station_passes_every_check_over_http(real: Real, tmp_path: Path) -> None:
    checks = probe(real, tmp_path, "probe-http", "--url", real.url)
    assert failures(checks) == [] and len(checks) > 100


def test_an_independent_station_passes_every_check_over_https(real: Real, tmp_path: Path) -> None:
    # The lists name the http listener; EA and AA are asked over https all the same.
    authorities = ("--ea-url", f"{real.https}/ea", "--aa-url", f"{real.https}/aa")
    ca = str(real.directory / "tls" / "ca.pem")
    checks = probe(real, tmp_path, "probe-https", "--url", real.https, *authorities, "--tls-ca", ca)
    assert failures(checks) == [] and len(checks) > 100


def test_a_token_that_is_taken_away_is_seen_and_one_that_comes_back_works_again(real: Real) -> None:
    tokens = Instance.load(real.directory).domain("ea").token_dir
    aside = tokens.with_name("tokens-aside")
    tokens.rename(aside)
    try:
        wait_for(lambda: json.loads(real.get("/readyz")[1])["roles"]["ea"] == "not ready", 30)
        roles = json.loads(real.get("/readyz")[1])["roles"]
        assert (roles["aa"], roles["dc"]) == ("ok", "ok")
        assert real.get("/healthz")[0] == 200
    finally:
        aside.rename(tokens)
    wait_for(lambda: real.get("/readyz")[0] == 200, 30)


def test_no_fault_was_met_on_the_way(real: Real) -> None:
    for role in ("ea", "aa", "dc", "router"):
        log = (real.directory / "log" / f"{role}.log").read_text()
        assert "unexpected error" not in log
    assert (real.directory / "log" / "router.log").read_text() == ""
