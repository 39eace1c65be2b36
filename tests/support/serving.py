"""Running `serve` in tests: an instance folder without keys, fake authorities, and a bounded wait."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from v2xpki.authorities.lab_tls import make_lab_tls
from v2xpki.config import Instance
from v2xpki.store import Database
from v2xpki.store.schema import upgrade
from v2xpki.time import SystemClock

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

SERVE = """
import sys
from pathlib import Path
from v2xpki.config import Instance
from v2xpki.web.supervisor import Plan, Supervisor
directory, fake, options = sys.argv[1], sys.argv[2], eval(sys.argv[3])
def say(text):
    print(text, file=sys.stderr, flush=True)
Supervisor(Instance.load(directory), Plan(**options), say=say,
           role_command=(sys.executable, fake)).run()
"""


def make_instance(directory: Path, extra: str = "") -> Instance:
    """A folder with a v2xpki.toml and everything that web/ needs beside keys."""
    for name in ("ea", "aa", "dc", "tls", "run", "log"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / "v2xpki.toml").write_text(f'format = 1\nbase_url = "http://127.0.0.1:8080"\n{extra}')
    for name, octets in make_lab_tls(["127.0.0.1"], SystemClock()).by_name().items():
        (directory / "tls" / name).write_bytes(octets)
    instance = Instance.load(directory)
    with Database.open(instance.domain("dc").database_url) as database:
        upgrade(database, "dc")
    return instance


@dataclass
class Served:
    """A running `serve`, and what it says of itself."""

    instance: Instance
    process: subprocess.Popen[str]

    @property
    def state(self) -> dict:
        return json.loads((self.instance.run_dir / "serve.json").read_text())

    def address(self, name: str) -> tuple[str, int]:
        host, _, port = self.state["listeners"][name].partition("://")[2].rpartition(":")
        return host, int(port)

    def fault(self, **kinds: str) -> None:
        """What goes wrong from now on, by role."""
        for role in kinds:
            (self.instance.run_dir / f"{role}.fault").unlink(missing_ok=True)
        fresh = self.instance.run_dir / "fault.new"
        fresh.write_text(json.dumps(kinds))
        fresh.replace(self.instance.run_dir / "fault.json")

    def has_met_its_fault(self, role: str) -> bool:
        return (self.instance.run_dir / f"{role}.fault").exists()

    def end(self) -> str:
        """Tells it to stop; what it said on stderr."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=30)[1]

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)

    def log(self, role: str) -> str:
        return (self.instance.log_dir / f"{role}.log").read_text()


def start_serve(directory: Path, extra: str = "", **options: object) -> Served:
    """Starts `serve` with fake authorities and waits until it answers."""
    instance = make_instance(directory, extra)
    plan = {"http": "127.0.0.1:0", **options}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(directory), str(HERE / "fake_role.py"), repr(plan)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: (instance.run_dir / "serve.json").exists() or process.poll() is not None)
    if process.poll() is not None:
        logs = "\n".join(path.read_text() for path in instance.log_dir.glob("*.log"))
        pytest.fail(f"serve ended: {process.communicate()[1]}\n{logs}")
    return Served(instance, process)


def wait_for(holds: Callable[[], bool], seconds: float = 120) -> None:
    """Until it holds; a test never waits for longer than it says."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds:g} s")
        time.sleep(0.05)
