"""The shape of deploy/: each role served from a folder that holds its own domain alone, nginx in front."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support.commands import program, serving, v2xpki
from tests.support.ports import free_ports
from tests.support.serving import wait_for

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")

pytestmark = pytest.mark.skipif(not NGINX, reason="no nginx here")


def folder_of(role, whole: Path, target: Path) -> Path:
    """What a role's container or unit sees: the settings, the TLS files, its own domain."""
    target.mkdir()
    shutil.copy(whole / "v2xpki.toml", target)
    shutil.copytree(whole / "tls", target / "tls")
    shutil.copytree(whole / role, target / role)
    conf = target / role / "softhsm2.conf"
    if conf.exists():
        conf.write_text(conf.read_text().replace(str(whole), str(target)))
    return target


def front(directory: Path, whole: Path, port: int, tls_port: int, roles: dict[str, int]) -> Path:
    """deploy/nginx as it is, but for its ports and paths."""
    directory.mkdir()
    upstreams = (ROOT / "deploy/nginx/upstreams-host.conf").read_text()
    for role, role_port in roles.items():
        upstreams = re.sub(rf"(v2xpki_{role} {{ server 127\.0\.0\.1:)\d+", rf"\g<1>{role_port}", upstreams)
    (directory / "upstreams.conf").write_text(upstreams)
    text = (ROOT / "deploy/nginx/v2xpki.conf").read_text()
    text = re.sub(r"(?m)^\s*listen \[::\].*\n", "", text)
    for old, new in (
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
        ("listen 8443 ssl;", f"listen 127.0.0.1:{tls_port} ssl;"),
        ("/etc/nginx/v2xpki-upstreams.conf", f"{directory}/upstreams.conf"),
        ("/etc/v2xpki/tls/server.pem", f"{whole}/tls/server.pem"),
        ("/run/secrets/tls-key", f"{whole}/tls/server.key"),
        ("/dev/stdout", f"{directory}/access.log"),
        ("/dev/stderr", f"{directory}/error.log"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (directory / "front.conf").write_text(text)
    temporary = "\n".join(
        f"{kind}_temp_path {directory}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"{'user root;' if os.geteuid() == 0 else ''}\ndaemon off; pid {directory}/pid;\n"
        f"error_log {directory}/error.log; events {{}}\n"
        f"http {{ {temporary}\ninclude {directory}/front.conf; }}\n"
    )
    return directory / "nginx.conf"


def test_a_station_enrols_and_gets_tickets_from_roles_that_share_nothing(tmp_path, token_store):
    del token_store  # asked for so that the test is skipped where there is no SoftHSM
    port, tls_port, *role_ports = free_ports(5)
    ports = dict(zip(("ea", "aa", "dc"), role_ports, strict=True))
    url, whole = f"http://127.0.0.1:{port}", tmp_path / "whole"
    v2xpki("init", whole, "--base-url", url, "--yes")
    tlm = json.loads(v2xpki("cert", "show", whole / "tlm/certificates/tlm-1.oer", "--json").stdout)[
        "hashedId8"
    ]
    folders = {role: folder_of(role, whole, tmp_path / role) for role in ports}
    v2xpki("client", "init", tmp_path / "car", "--id", "car-1", "--url", url, "--tlm", tlm)
    key = tmp_path / "car" / "canonical.pub.pem"
    v2xpki("station", "register", folders["ea"], "--id", "car-1", "--key", key)

    plans = [
        (folder, ["--roles", role, "--http", f"127.0.0.1:{ports[role]}"]) for role, folder in folders.items()
    ]
    conf = front(tmp_path / "front", whole, port, tls_port, ports)
    with serving(*plans), program(NGINX, "-p", tmp_path / "front", "-c", conf):
        wait_for(lambda: (tmp_path / "front" / "pid").exists())
        v2xpki("client", "enrol", tmp_path / "car")
        v2xpki("client", "authorize", tmp_path / "car", "-n", "2")

    log = (tmp_path / "front" / "access.log").read_text()
    assert log.count("POST /aa 200") == 2
    # the AA asked the EA by HTTP at the address of the CTL, through the front
    assert len(re.findall(r"POST /ea(?:/validation)? 200", log)) == 3
    assert "GET /cpoc/" in log and "GET /dc/" in log
    assert "127.0.0.1" not in log  # nobody's address
