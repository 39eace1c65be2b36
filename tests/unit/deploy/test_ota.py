"""compose-ota.yaml, units and nginx of firmware delivery: of the right form, the two repositories apart."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from v2xpki.authorities.etsi.bootstrap_plan import parse_databases
from v2xpki.cli.init import command as init_command
from v2xpki.cli.serve import command as serve_command
from v2xpki.cli.serve import role_names
from v2xpki.config import split_listener
from v2xpki.web.process import OTA_ROLES

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose-ota.yaml").read_text())
SERVICES, UNITS = COMPOSE["services"], DEPLOY / "systemd"


def merged(base, over):
    """Two compose files as one, as compose itself merges what is in these: mappings by name, lists one after
    the other, all else by the later file."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {
            name: merged(base[name], found) if name in base else found for name, found in over.items()
        }
    return base + over if isinstance(base, list) else over


ON_SERVER = merged(COMPOSE, yaml.safe_load((DEPLOY / "compose-ota-postgresql.yaml").read_text()))


def sources(service):
    return {volume["source"] for volume in SERVICES[service].get("volumes", []) if isinstance(volume, dict)}


def env(role):
    lines = (UNITS / f"{role}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@pytest.mark.parametrize("compose", [COMPOSE, ON_SERVER])
def test_it_has_the_form_of_the_compose_specification(compose):
    schema = json.loads((Path(__file__).parent / "compose.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(compose)


@pytest.mark.parametrize("role", OTA_ROLES)
def test_a_repository_sees_its_own_folder_alone_and_is_hardened(role):
    service = SERVICES[role]
    assert sources(role) == {f"../pki/{role}", "../pki/v2xpki.toml", "../pki/tls"}
    assert [one for one in OTA_ROLES if SERVICES[one]["user"] == service["user"]] == [role]
    word, *arguments = service["command"]
    with serve_command.make_context(word, list(arguments)) as context:
        assert role_names(context.params["roles"]) == (role,) and context.params["https"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and "ports" not in service


@pytest.mark.parametrize("role", OTA_ROLES)
def test_on_a_server_each_database_is_reached_by_its_own_repository_alone(role):
    services = ON_SERVER["services"]
    assert services.keys() - SERVICES.keys() == {f"{one}-db" for one in OTA_ROLES}
    [network] = services[f"{role}-db"]["networks"]
    assert ON_SERVER["networks"][network] == {"internal": True}
    users = {name for name, service in services.items() if network in service["networks"]}
    assert users == {role, f"{role}-db", "init"}
    assert services[role]["secrets"] == [f"{role}-passfile"]
    assert services[role]["networks"].keys() == {*SERVICES[role]["networks"], network}
    for service in services.values():
        assert set(service.get("secrets", ())) <= ON_SERVER["secrets"].keys()
    secrets = (DEPLOY / "prepare-secrets.sh").read_text()
    assert f"{role}) user={SERVICES[role]['user'].split(':')[0]} ;;" in secrets


def test_signers_are_in_no_service_that_stays():
    for name, service in SERVICES.items():
        if "setup" not in service.get("profiles", []):
            assert not {one for one in sources(name) if "signers" in one or one == "../pki"}


def test_the_setup_is_a_command_that_init_understands():
    [text] = SERVICES["init"]["command"]
    [line] = re.findall(r"v2xpki init (.*)", text.replace("$$", "$"))
    for databases, count in (
        (SERVICES["init"]["environment"]["DATABASES"], 0),
        (ON_SERVER["services"]["init"]["environment"]["DATABASES"], 2),
    ):
        words = line.replace("$DATABASES", databases).split()
        arguments = [one.strip('"') for one in words if one != '"$@"']
        with init_command.make_context("init", arguments) as context:
            assert context.params["profile"] == "ota"
            assert len(parse_databases(context.params["databases"])) == count


def test_the_front_passes_tls_through_and_ends_none():
    front = (DEPLOY / "nginx/v2xpki-ota.conf").read_text()
    assert "ssl_preread on;" in front and "ssl_certificate" not in front and "http {" not in front
    assert not {one for one in sources("front") if "/pki/" in one}
    names = set(re.findall(r"v2xpki_(image|director)\b", front))
    for file in ("upstreams-ota-compose.conf", "upstreams-ota-host.conf"):
        assert set(re.findall(r"upstream v2xpki_(\w+)", (DEPLOY / "nginx" / file).read_text())) == names
    host = (DEPLOY / "nginx/upstreams-ota-host.conf").read_text()
    for role in OTA_ROLES:
        assert f"upstream v2xpki_{role} {{ server {env(role)['V2XPKI_HTTPS']} " in host


def test_the_units_command_is_one_that_serve_understands():
    text = (UNITS / "v2xpki-ota-https.conf").read_text()
    command = text.rpartition("ExecStart=")[2].strip()
    for role in OTA_ROLES:
        line = command.replace("%i", role)
        for name, value in env(role).items():
            line = line.replace(f"${{{name}}}", value)
        _, word, *arguments = line.split()
        with serve_command.make_context(word, arguments) as context:
            assert role_names(context.params["roles"]) == (role,)
            for listener in ("http", "https", "admin"):
                split_listener(context.params[listener])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_understands_the_target(tmp_path):
    shutil.copy(UNITS / "v2xpki-ota.target", tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "v2xpki-ota.target"],
        capture_output=True, text=True, check=False, env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    assert "v2xpki-ota.target:" not in done.stderr
