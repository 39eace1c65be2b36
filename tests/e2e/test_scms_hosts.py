"""An SCMS on two hosts: RA, ECA and distribution centre here; ACA, linkage authorities and MA there.

Each host has the settings, the TLS files and its own domains' folders, and nothing of the others; between
them is TCP with mutual TLS.
"""

import json
import re
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import Lab, role_checks, v2xpki, wait_until
from tests.support.ports import free_ports
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import TrustError
from v2xpki.keystore import MemoryKey
from v2xpki.station.errors import Refusal
from v2xpki.station.http import Urllib3Http
from v2xpki.station.scms.device import ScmsVehicle
from v2xpki.station.scms.state import Anchors, ScmsSettings
from v2xpki.web.process import SCMS_ROLES

HERE, THERE = ("sdc", "eca", "ra"), ("la1", "la2", "aca", "ma")
# the operator's own kinds: three pseudonyms a period, and vehicles of an own kind
SETTINGS = (
    "mix_vehicles = 1\nmix_wait = 0\npreload = 3600\n"
    'devices = "devices.toml"\nkinds = "kinds.toml"\n[lists]\nrefresh = 2\n'
)
OWN = {
    "devices.toml": '[truck]\nbase = "obe"\nvalidity = { years = 1 }\npermissions = [{ psid = 32 }]\n',
    "kinds.toml": "[pseudonym]\ncertificates = 3\npermissions = [{ psid = 32 }]\n",
}


def with_places(text: str, ports: dict[str, int]) -> str:
    """v2xpki.toml with where each component listens and is found."""
    for role, port in ports.items():
        lines = f'listen = "127.0.0.1:{port}"\nurl = "https://127.0.0.1:{port}"\n'
        head = f"[domains.{role}]\n"
        text = text.replace(head, head + lines) if head in text else f"{text}\n{head}{lines}"
    return text


def host(whole: Path, directory: Path, roles: tuple[str, ...], text: str) -> Lab:
    """A folder with these roles' domains alone."""
    directory.mkdir()
    (directory / "v2xpki.toml").write_text(text)
    for name, own in OWN.items():
        (directory / name).write_text(own)
    shutil.copytree(whole / "tls", directory / "tls")
    for role in roles:
        shutil.copytree(whole / role, directory / role)
        conf = directory / role / "softhsm2.conf"
        if conf.exists():
            conf.write_text(conf.read_text().replace(str(whole), str(directory)))
    return Lab(directory, scheme="https")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, token_store: object) -> Iterator[tuple[Lab, Lab, dict]]:
    del token_store  # asked for so that the tests are skipped where there is no SoftHSM
    home = tmp_path_factory.mktemp("hosts")
    whole = Lab(home / "whole", scheme="https")
    v2xpki("init", whole.directory, "--profile", "scms", "--base-url", whole.base_url, "--yes")
    ports = dict(zip(SCMS_ROLES, free_ports(len(SCMS_ROLES)), strict=True))
    text = with_places((whole.directory / "v2xpki.toml").read_text(), ports)
    text = re.sub(r"(?m)^\[scms\]\n", lambda found: found[0] + SETTINGS.partition("[lists]")[0], text)
    text += "\n[lists]\nrefresh = 2\n"
    here = host(whole.directory, home / "here", HERE, text)
    there = host(whole.directory, home / "there", THERE, text)
    here.port, here.base_url = whole.port, whole.base_url
    try:
        there.serve(roles=",".join(THERE))
        here.serve(roles=",".join(HERE))
        for lab in (here, there):  # on a busy machine `serve` gives up waiting before they all answer
            http = Urllib3Http(tls_ca=lab.directory / "tls/ca.pem")
            ready = lab.url("https") + "/readyz"
            wait_until(lambda http=http, ready=ready: http.get(ready).status == 200, 180)
        yield here, there, ports
    finally:
        here.end()
        there.end()


@pytest.fixture(scope="module")
def anchors(hosts) -> Anchors:
    trust = hosts[0].directory / "sdc" / "trust"
    return Anchors(tuple(Certificate.parse(f.read_bytes()) for f in sorted(trust.glob("elector-*.oer"))), 2)


def vehicle(hosts, anchors: Anchors, directory: Path, key: MemoryKey) -> ScmsVehicle:
    here = hosts[0]
    url, ca = here.base_url, str(here.directory / "tls/ca.pem")
    settings = ScmsSettings("obe", directory.name, url, url, url, tls_ca=ca)
    made = ScmsVehicle.create(directory, settings, key, anchors)
    made.refresh()
    return made


def test_hosts_that_share_no_folder_make_one_scms(hosts, anchors, tmp_path):
    here, there, _ = hosts
    key = MemoryKey.generate(Curve.NIST_P256)
    (tmp_path / "key.pem").write_bytes(key.public_key.to_pem())
    named = ("--id", "truck-1", "--key", tmp_path / "key.pem", "--profile", "truck")
    v2xpki("station", "register", here.directory, *named)
    truck = vehicle(hosts, anchors, tmp_path / "truck-1", key)
    truck.enrol()
    truck.request()
    held = []
    wait_until(lambda: here.in_force(held.extend(truck.download().certificates) or held), 120)
    assert len(here.in_force(held)) == 3  # a period has as many as the operator's own kinds.toml says

    other = vehicle(hosts, anchors, tmp_path / "car-2", MemoryKey.generate(Curve.NIST_P256))
    file = tmp_path / "pseudonym.oer"
    file.write_bytes(other.verify(truck.sign(b"x")).ticket.octets)
    done = json.loads(v2xpki("ma", "revoke", there.directory, file, "--reason", "test", "--yes", "--json"))
    assert done["state"] == "revoked" and done["crls"]["handedOut"]
    other.refresh()
    with pytest.raises(TrustError, match="revoked"):
        other.verify(truck.sign(b"y"))
    with pytest.raises(Refusal):
        truck.request()
    for lab, role in ((here, "ra"), (there, "ma")):
        assert role_checks(lab, role)["checks"]["peers"]["ok"] is True, role_checks(lab, role)


def test_nobody_without_a_certificate_of_the_house_reaches_a_component_over_the_network(hosts):
    here, _, ports = hosts
    context = ssl.create_default_context(cafile=here.directory / "tls/internal-ca.pem")
    for role, port in ports.items():
        with (
            socket.create_connection(("127.0.0.1", port), 10) as sock,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            link = context.wrap_socket(sock, server_hostname=role)
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            if not link.recv(1000):
                raise ConnectionError
