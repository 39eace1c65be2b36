"""Units, nginx and monitoring: checked by the programs that read them, and against what the services do."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from v2xpki.authorities.lab_tls import make_lab_tls
from v2xpki.cli.backup import command as backup_command
from v2xpki.cli.serve import command as serve_command
from v2xpki.config import Limits, ServePolicy, split_listener
from v2xpki.time import SystemClock
from v2xpki.web.process import PREFIXES, ROLES

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"


def unit(name):
    """A unit's settings as {key: [values]}."""
    found = {}
    for line in (UNITS / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def env(role):
    lines = (UNITS / f"{role}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


# -- systemd -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_understands_the_units(tmp_path):
    for path in UNITS.glob("v2xpki*.*"):
        if path.suffix in (".service", ".target", ".timer"):
            text = path.read_text().replace("/opt/v2xpki/bin/v2xpki", sys.executable)
            (tmp_path / path.name).write_text(text)
    for role in ROLES:
        shutil.copy(tmp_path / "v2xpki@.service", tmp_path / f"v2xpki@{role}.service")
    names = [f"v2xpki@{role}.service" for role in ROLES]
    names += ["v2xpki.target", "v2xpki-backup.service", "v2xpki-backup.timer"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *[tmp_path / name for name in names]],
        capture_output=True, text=True, check=False, env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "v2xpki" in line]
    assert not ours, "\n".join(ours)


def test_a_role_sees_its_own_folder_and_no_other_domains():
    found = unit("v2xpki@.service")
    assert found["TemporaryFileSystem"][0].startswith("/var/lib/v2xpki")
    bound = [value.removeprefix("-") for value in found["BindPaths"] + found["BindReadOnlyPaths"]]
    assert set(bound) == {
        "/var/lib/v2xpki/%i",
        "/run/v2xpki/%i:/var/lib/v2xpki/run",
        "/var/log/v2xpki/%i:/var/lib/v2xpki/log",
        "/var/lib/v2xpki/v2xpki.toml",
        "/var/lib/v2xpki/profiles.toml",
        "/var/lib/v2xpki/tls",
    }
    assert found["User"] == ["v2xpki-%i"]


def test_roles_are_hardened():
    found = unit("v2xpki@.service")
    for key in (
        "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectKernelModules", "ProtectKernelTunables",
        "ProtectControlGroups", "RestrictNamespaces", "LockPersonality", "MemoryDenyWriteExecute",
        "ProtectHome",
    ):  # fmt: skip
        assert found[key] == ["yes"], key
    assert found["ProtectSystem"] == ["strict"]
    assert found["CapabilityBoundingSet"] == [""]
    assert found["LimitCORE"] == ["0"]
    assert found["UMask"] == ["0077"]


def test_the_units_commands_are_ones_that_v2xpki_understands():
    [line] = unit("v2xpki@.service")["ExecStart"]
    for role in ROLES:
        values = {"%i": role} | {f"${{{key}}}": value for key, value in env(role).items()}
        for name, value in values.items():
            line = line.replace(name, value)
        _, word, *arguments = line.split()
        assert word == "serve"
        with serve_command.make_context("serve", arguments) as context:
            split_listener(context.params["http"])
            split_listener(context.params["admin"])
        [line] = unit("v2xpki@.service")["ExecStart"]
    [line] = unit("v2xpki-backup.service")["ExecStart"]
    _, word, *arguments = line.split()
    assert word == "backup"
    with backup_command.make_context("backup", arguments) as context:
        assert context.params["passphrase_file"] == Path("%d/passphrase")


def test_memory_denial_leaves_the_token_at_work(in_own_process):
    """MemoryDenyWriteExecute: cffi and the token's module do without writable code."""
    out = in_own_process(
        """
import ctypes, sys, tempfile
from pathlib import Path
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, Linux 6.3
    print("unsupported"); sys.exit()
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError
from v2xpki.keystore import KeyLabel, TokenConfig, create_token, open_token
home = Path(tempfile.mkdtemp())
config = TokenConfig("softhsm2", "t", home / "pin", None, home / "softhsm2.conf", home / "tokens")
try:
    create_token(config)
except ConfigError:
    print("unsupported"); sys.exit()
with open_token(config) as keystore:
    for use in ("sign", "encrypt"):
        keystore.generate(KeyLabel("ea", use), Curve.NIST_P256)
import flask, gunicorn, psycopg, sqlalchemy, v2xpki.web.worker
print("works")
"""
    )
    if out.strip() == "unsupported":
        pytest.skip("this kernel or machine cannot try it")
    assert out.strip() == "works"


# -- nginx -------------------------------------------------------------------------------------------

FRONT = (DEPLOY / "nginx" / "v2xpki.conf").read_text()


def upstreams(name):
    text = (DEPLOY / "nginx" / name).read_text()
    return dict(re.findall(r"upstream v2xpki_(\w+) \{ server (\S+)", text))


@pytest.mark.skipif(
    not shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin"), reason="no nginx here"
)
@pytest.mark.parametrize("name", ["upstreams-host.conf", "upstreams-compose.conf"])
def test_nginx_understands_the_front(tmp_path, name):
    made = make_lab_tls(["localhost"], SystemClock()).by_name()
    for file in ("server.pem", "server.key"):
        (tmp_path / file).write_bytes(made[file])
    # the names of containers mean nothing here
    hosts = re.sub(r"server (ea|aa|dc):", "server 127.0.0.1:", (DEPLOY / "nginx" / name).read_text())
    (tmp_path / "upstreams.conf").write_text(hosts)
    front = (
        FRONT.replace("/etc/nginx/v2xpki-upstreams.conf", str(tmp_path / "upstreams.conf"))
        .replace("/etc/v2xpki/tls/server.pem", str(tmp_path / "server.pem"))
        .replace("/run/secrets/tls-key", str(tmp_path / "server.key"))
        .replace("/dev/stdout", str(tmp_path / "access.log"))
        .replace("/dev/stderr", str(tmp_path / "error.log"))
    )
    (tmp_path / "front.conf").write_text(front)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ include {tmp_path}/front.conf; }}\n"
    )
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    done = subprocess.run(
        [program, "-t", "-q", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_front_knows_every_path_of_the_services():
    locations = re.findall(
        r"location (?:~ )?(\S+) \{[^}]*?(?:\{[^}]*\}[^}]*?)?proxy_pass http://v2xpki_(\w+)", FRONT
    )
    found = {}
    for pattern, role in locations:
        for name in re.findall(r"[a-z]+", pattern):
            found[name] = role
    assert {name: found.get(name) for name in PREFIXES} == PREFIXES


def test_the_fronts_limits_fit_the_services():
    assert "client_max_body_size     64k;" in FRONT and Limits().body_octets == 64 * 1024
    [seconds] = re.findall(r"proxy_read_timeout\s+(\d+)s", FRONT)
    assert int(seconds) > ServePolicy().worker_timeout


def test_the_front_logs_no_clients_address():
    [form] = re.findall(r"log_format v2xpki '([^']*)'", FRONT)
    assert "addr" not in form and "user_agent" not in form and "forwarded" not in form.lower()
    assert "X-Forwarded-For" not in FRONT and "X-Real-IP" not in FRONT


def test_the_ports_are_those_of_the_units():
    assert upstreams("upstreams-host.conf") == {role: env(role)["V2XPKI_HTTP"] for role in ROLES}
    assert upstreams("upstreams-compose.conf") == {role: f"{role}:8080" for role in ROLES}


# -- monitoring --------------------------------------------------------------------------------------


def metrics():
    """The names that Prometheus sees, read from the source of web/."""
    text = "\n".join(path.read_text() for path in (ROOT / "v2xpki" / "web").glob("*.py"))
    names = set(re.findall(r'"(v2xpki_\w+)"', text))
    counters = set(re.findall(r'Counter\(\s*"(v2xpki_\w+)"', text))
    histograms = set(re.findall(r'Histogram\(\s*"(v2xpki_\w+)"', text))
    found = names - counters - histograms
    found |= {f"{name}_total" for name in counters}
    return found | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}


def used(expressions):
    return set(re.findall(r"\bv2xpki_\w+", " ".join(expressions)))


def schema(name):
    return json.loads((Path(__file__).parent / name).read_text())


def test_alerts_have_their_form_and_ask_for_metrics_that_there_are():
    document = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yml").read_text())
    jsonschema.Draft202012Validator(schema("alerts.schema.json")).validate(document)
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    names = used(rule["expr"] for rule in rules)
    assert names and names <= metrics(), names - metrics()


def test_the_alert_for_a_lost_token_asks_for_the_check_of_that_name():
    text = (ROOT / "v2xpki" / "web" / "open_ca.py").read_text()
    assert '"token": lambda' in text
    assert 'v2xpki_check_ok{check="token"}' in (DEPLOY / "monitoring" / "alerts.yml").read_text()


def test_the_dashboard_has_its_form_and_asks_for_metrics_that_there_are():
    document = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text())
    jsonschema.Draft202012Validator(schema("dashboard.schema.json")).validate(document)
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    names = used(target["expr"] for panel in panels for target in panel["targets"])
    assert names and names <= metrics(), names - metrics()
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)  # none lies over another


def test_what_is_scraped_are_the_roles_operators_listeners():
    document = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yml").read_text())
    [job] = document["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [f"{role}:8444" for role in ROLES]
    assert job["scheme"] == "https" and {"ca_file", "cert_file", "key_file"} <= set(job["tls_config"])
