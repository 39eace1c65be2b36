"""The guide's first release, as far as it is not our own commands: what it has people type makes a statement
that the policy it has them write accepts."""

import hashlib
import re
import subprocess
import tomllib
from pathlib import Path

from v2xpki.ota.bootstrap import OtaPlan
from v2xpki.trust.ota.provenance import Policy, check

GUIDE = Path(__file__).parents[3] / "docs/ota-guide.md"


def commands() -> str:
    section = re.split(r"^## ", GUIDE.read_text("utf-8"), flags=re.MULTILINE)
    (text,) = (one for one in section if one.startswith("A first release"))
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    return "\n".join(line for line in lines if not line.startswith("v2xpki "))


def test_the_statement_that_the_guide_makes_by_hand_is_accepted_by_its_policy(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "v2xpki.toml").write_text("\n".join(OtaPlan("operator").settings_lines()))
    subprocess.run(["bash", "-ec", commands()], cwd=tmp_path, check=True, capture_output=True)
    settings = tomllib.loads((lab / "v2xpki.toml").read_text())
    assert settings["ota"]["provenance"] == "provenance.toml"
    policy = Policy.parse((lab / "provenance.toml").read_text(), lambda name: (lab / name).read_bytes())
    sha256 = hashlib.sha256((tmp_path / "brakes.bin").read_bytes()).hexdigest()
    envelope = (tmp_path / "brakes.intoto.json").read_bytes()
    accepted = check(envelope, policy, sha256, name="brakes", hardware_id="brake-ecu")
    assert accepted.builder == "https://ci.example/builders/firmware@v1"
