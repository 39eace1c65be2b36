"""compose.yaml and the Containerfile: of the right form, and the roles as far apart as they claim."""

import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from v2xpki.cli.init import command as init_command
from v2xpki.cli.serve import command as serve_command
from v2xpki.cli.serve import role_names
from v2xpki.web.process import ROLES

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def sources(service):
    return {
        volume.split(":")[0] if isinstance(volume, str) else volume["source"]
        for volume in SERVICES[service].get("volumes", [])
    }


def everything_of(service):
    """What a service can reach: folders, volumes, secrets, networks."""
    found = SERVICES[service]
    networks = set(found["networks"])
    return sources(service) | set(found.get("secrets", [])) | networks


def test_it_has_the_form_of_the_compose_specification():
    schema = json.loads((Path(__file__).parent / "compose.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)


def test_every_name_that_is_used_is_declared():
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", [])) <= set(SERVICES), name
        named = {volume.split(":")[0] for volume in service.get("volumes", []) if isinstance(volume, str)}
        assert named <= set(COMPOSE["volumes"]), name


def test_every_role_is_a_service():
    assert set(ROLES) <= set(SERVICES)


def test_the_ea_and_the_aa_share_the_front_and_nothing_that_holds_data():
    shared = everything_of("ea") & everything_of("aa")
    assert shared == {"../pki/v2xpki.toml", "../pki/tls", "front", "operations"}
    for public in ("../pki/v2xpki.toml", "../pki/tls"):
        for role in ("ea", "aa"):
            [mount] = [volume for volume in SERVICES[role]["volumes"] if volume["source"] == public]
            assert mount["read_only"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_its_own_folder_and_no_other_domains(role):
    domains = {source for source in sources(role) if source.startswith("../pki/")}
    assert domains == {f"../pki/{role}", "../pki/v2xpki.toml", "../pki/tls"}


def test_each_database_is_reached_by_its_own_role_alone():
    for role in ("ea", "aa"):
        [network] = SERVICES[f"{role}-db"]["networks"]
        users = {name for name, service in SERVICES.items() if network in service["networks"]}
        assert users == {role, f"{role}-db", "init"}
        assert COMPOSE["networks"][network] == {"internal": True}


def test_root_and_tlm_are_in_no_service_that_stays():
    for name, service in SERVICES.items():
        if "setup" in service.get("profiles", []):
            continue
        for source in sources(name):
            assert source != "../pki" and "root" not in source and "tlm" not in source, name


@pytest.mark.parametrize("role", ROLES)
def test_roles_are_hardened(role):
    service = SERVICES[role]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["ulimits"]["core"] == 0
    assert int(service["user"].split(":")[0]) >= 10000
    assert "ports" not in service
    # the supervisor writes here, and here alone
    assert {mount.split(":")[0] for mount in service["tmpfs"]} == {"/tmp", "/srv/pki/run", "/srv/pki/log"}


def test_every_role_has_a_user_of_its_own():
    assert len({SERVICES[role]["user"] for role in ROLES}) == len(ROLES)


def test_only_the_front_is_reached_from_outside():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["front"]
    assert [name for name, network in COMPOSE["networks"].items() if not network.get("internal")] == [
        "outside"
    ]


@pytest.mark.parametrize("role", ROLES)
def test_the_command_is_one_that_serve_understands(role):
    word, *arguments = SERVICES[role]["command"]
    assert word == "serve"
    with serve_command.make_context("serve", list(arguments)) as context:
        assert role_names(context.params["roles"]) == (role,)
        assert context.params["http"] == "0.0.0.0:8080"


def test_the_setups_commands_are_ones_that_init_understands():
    [script] = SERVICES["init"]["command"]
    line = re.search(r"v2xpki init (.*?)\n\s*chown", script, re.S)[1].replace("\\\n", " ")
    words = [word.strip('"').replace("$$BASE_URL", "http://x") for word in line.split()]
    with init_command.make_context("init", words) as context:
        assert len(context.params["databases"]) == 2
        assert not any("password" in url for url in context.params["databases"])
    for role in ROLES:
        assert f"chown -R {SERVICES[role]['user']} /srv/pki/{role}" in script


def test_the_scripts_are_shell():
    [script] = SERVICES["init"]["command"]
    subprocess.run(["sh", "-n"], input=script.replace("$$", "$"), text=True, check=True)
    subprocess.run(["sh", "-n", DEPLOY / "prepare-secrets.sh"], check=True)


def test_secrets_are_made_once_and_for_their_readers_only(tmp_path):
    deploy = tmp_path / "deploy"
    deploy.mkdir()
    (deploy / "prepare-secrets.sh").write_text((DEPLOY / "prepare-secrets.sh").read_text())
    made = {}
    for _ in range(2):
        subprocess.run(["sh", deploy / "prepare-secrets.sh"], check=True, capture_output=True)
        found = {path.name: path.read_text() for path in (tmp_path / "pki-secrets").iterdir()}
        assert made in ({}, found)
        made = found
    named = {
        Path(secret["file"]).name for secret in COMPOSE["secrets"].values() if "pki-secrets" in secret["file"]
    }
    assert set(made) == named
    for path in (tmp_path / "pki-secrets").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert made["ea-passfile"] == f"ea-db:5432:ea:ea:{made['ea-db-password']}\n"
    assert made["ea-db-password"] != made["aa-db-password"]
    assert len(made["ea-db-password"]) == 48


# -- the image ---------------------------------------------------------------------------------------

CONTAINERFILE = (DEPLOY / "Containerfile").read_text()


def stages():
    return re.split(r"(?m)^FROM ", CONTAINERFILE)[1:]


def test_the_image_is_built_in_stages_and_runs_as_nobody_special():
    assert len(stages()) >= 2
    last = stages()[-1]
    users = re.findall(r"(?m)^USER (\S+)", last)
    assert users and users[-1].split(":")[0].isdigit() and users[-1].split(":")[0] != "0"
    assert "pip" not in re.sub(r"(?m)^#.*", "", last)  # no installer's work in what runs


def test_packages_are_installed_by_their_hashes():
    assert "--require-hashes --no-deps -r requirements.lock" in CONTAINERFILE


def test_what_is_copied_exists_and_is_not_ignored():
    root = DEPLOY.parent
    allowed = {
        line[1:] for line in (root / ".containerignore").read_text().splitlines() if line.startswith("!")
    }
    for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", CONTAINERFILE):
        *copied, _ = line.split()
        for name in copied:
            assert (root / name).exists() and name in allowed, name
    assert (root / ".containerignore").read_text() == (root / ".dockerignore").read_text()


def test_instructions_are_ones_that_there_are():
    known = {
        "ARG",
        "FROM",
        "WORKDIR",
        "RUN",
        "COPY",
        "ENV",
        "USER",
        "EXPOSE",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    }
    logical = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", CONTAINERFILE))
    for line in filter(None, logical.splitlines()):
        assert line.split()[0] in known, line
