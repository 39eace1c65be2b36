"""compose-scms.yaml, units, nginx and secrets of an SCMS: of the right form, the components apart."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from v2xpki.authorities.lab_tls import make_lab_tls
from v2xpki.cli.init import command as init_command
from v2xpki.cli.serve import command as serve_command
from v2xpki.cli.serve import role_names
from v2xpki.config import OFFLINE_DOMAINS, SCMS_DOMAINS, Instance, Settings, split_listener
from v2xpki.time import SystemClock
from v2xpki.web.process import SCMS_ROLES, V3_PATHS

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose-scms.yaml").read_text())
SERVICES, UNITS = COMPOSE["services"], DEPLOY / "systemd"
KEYED = [role for role in SCMS_ROLES if role != "sdc"]
FRONT = (DEPLOY / "nginx" / "v2xpki-scms.conf").read_text()
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")


def sources(service):
    volumes = SERVICES[service].get("volumes", [])
    return {volume.split(":")[0] if isinstance(volume, str) else volume["source"] for volume in volumes}


def script():
    [text] = SERVICES["init"]["command"]
    return text.replace("$$", "$")


def upstreams(name):
    text = (DEPLOY / "nginx" / name).read_text()
    return dict(re.findall(r"upstream v2xpki_(\w+) \{ server (\S+)", text))


def env(role):
    lines = (UNITS / f"{role}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


# -- containers ----------------------------------------------------------------------------------------


def test_it_has_the_form_of_the_compose_specification():
    schema = json.loads((Path(__file__).parent / "compose.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)


@pytest.mark.parametrize("role", SCMS_ROLES)
def test_a_component_has_its_own_folder_user_and_command_and_is_hardened(role):
    service = SERVICES[role]
    assert sources(role) == {f"../pki/{role}", "../pki/v2xpki.toml", "../pki/tls"}
    assert [one for one in SCMS_ROLES if SERVICES[one]["user"] == service["user"]] == [role]
    word, *arguments = service["command"]
    assert word == "serve"
    with serve_command.make_context("serve", list(arguments)) as context:
        assert role_names(context.params["roles"]) == (role,)
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and "ports" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert ("front" in service["networks"]) == (role in set(V3_PATHS.values()))


def test_each_database_is_reached_by_its_own_component_alone():
    for role in KEYED:
        [network] = SERVICES[f"{role}-db"]["networks"]
        users = {name for name, service in SERVICES.items() if network in service["networks"]}
        assert users == {role, f"{role}-db", "init"}
        assert COMPOSE["networks"][network] == {"internal": True}


def test_root_and_electors_are_in_no_service_that_stays_and_only_the_front_is_reached():
    offline = [f"../pki/{name}" for name in (*OFFLINE_DOMAINS, "")]
    for name, service in SERVICES.items():
        if "setup" not in service.get("profiles", []):
            assert not sources(name) & set(offline), name
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["front"]
    assert [n for n, network in COMPOSE["networks"].items() if not network.get("internal")] == ["outside"]


def test_every_name_that_is_used_is_declared():
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", [])) <= set(SERVICES), name


def test_the_setup_is_shell_whose_init_is_understood_and_gives_each_folder_to_its_user():
    subprocess.run(["sh", "-n"], input=script(), text=True, check=True)
    line = re.search(r"v2xpki init (.*?)\n\s*printf", script(), re.S)[1].replace("\\\n", " ")
    words = [word.strip('"').replace("$BASE_URL", "https://x") for word in line.split()]
    with init_command.make_context("init", words) as context:
        databases = context.params["databases"]
    assert {text.partition("=")[0] for text in databases} == set(KEYED)
    for role in SCMS_ROLES:
        assert f"chown -R {SERVICES[role]['user']} /srv/pki/{role}\n" in script()


def test_the_setup_writes_where_components_find_each_other(tmp_path):
    """The lines of the script that change v2xpki.toml, on one as init leaves it."""
    settings = tmp_path / "v2xpki.toml"
    sections = [f'[domains.{name}]\ncurve = "nistP256"\n' for name in SCMS_DOMAINS if name != "sdc"]
    settings.write_text('format = 1\nprofile = "scms"\n\n' + "\n".join(sections))
    lines = re.search(r"(printf .*?done\n)", script(), re.S)[1].replace("/srv/pki", str(tmp_path))
    subprocess.run(["sh", "-euc", lines], check=True)
    instance = Instance(tmp_path, Settings.parse(settings.read_text()))
    places = set()
    for role in SCMS_ROLES:
        domain = instance.domain(role)
        host, port = split_listener(domain.listen)
        assert (host, domain.url) == ("0.0.0.0", f"https://{role}:{port}")
        places.add(port)
    assert len(places) == len(SCMS_ROLES)


def test_secrets_are_those_that_are_named(tmp_path):
    (tmp_path / "deploy").mkdir()
    target = tmp_path / "deploy" / "prepare-secrets.sh"
    target.write_text((DEPLOY / "prepare-secrets.sh").read_text().replace("chown ", ": "))
    subprocess.run(["sh", target, *KEYED], check=True, capture_output=True)
    named = {Path(one["file"]).name for one in COMPOSE["secrets"].values() if "pki-secrets" in one["file"]}
    assert {path.name for path in (tmp_path / "pki-secrets").iterdir()} == named
    for role in KEYED:  # the user of the file is that of the container
        user = SERVICES[role]["user"].partition(":")[0]
        assert re.search(rf"\b{role}\) user={user} ;;", target.read_text())


# -- units -----------------------------------------------------------------------------------------------


def test_every_component_has_a_unit_a_user_a_folder_and_ports_of_its_own():
    target = (UNITS / "v2xpki-scms.target").read_text()
    users, owned = (UNITS / f"v2xpki-scms.{kind}" for kind in ("sysusers", "tmpfiles"))
    ports = set()
    for role in SCMS_ROLES:
        assert f"v2xpki@{role}.service" in target
        assert f"u v2xpki-{role} " in users.read_text()
        assert re.search(
            rf"^Z /var/lib/v2xpki/{role} +~0700 v2xpki-{role} v2xpki-{role}$", owned.read_text(), re.M
        )
        ports |= {split_listener(value)[1] for value in env(role).values()}
    assert len(ports) == 2 * len(SCMS_ROLES)
    for name in OFFLINE_DOMAINS:
        assert name not in target and name not in users.read_text()


# -- nginx -----------------------------------------------------------------------------------------------


def test_the_front_knows_every_path_of_the_components_and_no_others():
    found = {}
    for pattern, role in re.findall(
        r"location (?:~ \^|= )/v3/(\S+) \{[^}]*?\{[^}]*\}\s*proxy_pass http://v2xpki_(\w+)", FRONT
    ):
        found |= dict.fromkeys(pattern.strip("()$").split("|"), role)
    assert found == V3_PATHS
    assert "location / { return 404; }" in FRONT and "$args" not in FRONT and "$request " not in FRONT


def test_the_fronts_ports_are_those_of_the_units_and_containers():
    roles = set(V3_PATHS.values())
    assert upstreams("upstreams-scms-host.conf") == {role: env(role)["V2XPKI_HTTP"] for role in roles}
    assert upstreams("upstreams-scms-compose.conf") == {role: f"{role}:8080" for role in roles}


@pytest.mark.skipif(not NGINX, reason="no nginx here")
def test_nginx_understands_the_front(tmp_path):
    made = make_lab_tls(["localhost"], SystemClock()).by_name()
    for file in ("server.pem", "server.key"):
        (tmp_path / file).write_bytes(made[file])
    shutil.copy(DEPLOY / "nginx" / "upstreams-scms-host.conf", tmp_path / "upstreams.conf")
    front = FRONT
    for old, new in (
        ("/etc/nginx/v2xpki-upstreams.conf", "upstreams.conf"),
        ("/etc/v2xpki/tls/server.pem", "server.pem"),
        ("/run/secrets/tls-key", "server.key"),
        ("/dev/stdout", "access.log"),
        ("/dev/stderr", "error.log"),
    ):
        front = front.replace(old, str(tmp_path / new))
    (tmp_path / "front.conf").write_text(front)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ include {tmp_path}/front.conf; }}\n"
    )
    command = [NGINX, "-t", "-q", "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
