"""An SCMS served: `init`, `serve`, devices and the misbehaviour authority's operator, over https.

One instance for all of it; each component in its own processes, with its own token and database.
"""

import json
import os
import signal
import socket
import ssl
from pathlib import Path

import pytest

from tests.support.lab import Lab, v2xpki, wait_until
from v2xpki.authorities.scms.devices import DeviceRegister, NewDevice
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import StationError, TrustError
from v2xpki.keystore import MemoryKey
from v2xpki.station.errors import Refusal
from v2xpki.station.http import Urllib3Http
from v2xpki.station.scms.device import ScmsVehicle
from v2xpki.station.scms.state import Anchors, ScmsSettings
from v2xpki.store import Database
from v2xpki.web.process import SCMS_ROLES

PERIOD = 20  # pseudonyms of one


def electors(lab: Lab) -> list[Path]:
    return [lab.directory / f"elector{n}/certificates/elector{n}-1.oer" for n in (1, 2, 3)]


def enrolled(made: ScmsVehicle) -> ScmsVehicle:
    made.refresh()
    made.enrol()
    return made


def supplied(lab: Lab, car: ScmsVehicle) -> None:
    """Until all pseudonyms of the present period are there."""
    held = []
    wait_until(lambda: len(lab.in_force(held.extend(car.download().certificates) or held)) >= PERIOD, 120)


@pytest.fixture(scope="module")
def car(scms: Lab, tmp_path_factory: pytest.TempPathFactory) -> ScmsVehicle:
    """As an operator and a device's owner have it made; with its pseudonyms."""
    directory, ca = tmp_path_factory.mktemp("cars") / "car-1", scms.directory / "tls/ca.pem"
    anchors = [option for path in electors(scms) for option in ("--elector", path)]
    where = ("--id", "car-1", "--url", scms.base_url, "--tls-ca", ca)
    v2xpki("client", "scms", "init", directory, *where, *anchors)
    key = directory / "canonical.pub.pem"
    v2xpki("station", "register", scms.directory, "--id", "car-1", "--key", key, "--profile", "obe")
    made = enrolled(ScmsVehicle(directory))
    made.request()
    supplied(scms, made)
    return made


@pytest.fixture(scope="module")
def other(scms: Lab, tmp_path_factory: pytest.TempPathFactory) -> ScmsVehicle:
    """Another vehicle, enrolled."""
    key, url = MemoryKey.generate(Curve.NIST_P256), scms.base_url
    with Database.open(scms.instance.domain("eca").database_url) as database:
        DeviceRegister(database).register(NewDevice("car-2", key.public_key, "obe"))
    anchors = Anchors(tuple(Certificate.parse(path.read_bytes()) for path in electors(scms)), 2)
    settings = ScmsSettings("obe", "car-2", url, url, url, tls_ca=str(scms.directory / "tls/ca.pem"))
    return enrolled(ScmsVehicle.create(tmp_path_factory.mktemp("cars") / "car-2", settings, key, anchors))


def test_what_a_vehicle_signs_under_a_pseudonym_another_one_verifies(car, other):
    assert other.verify(car.sign(b"here I am")).payload == b"here I am"


def test_files_come_in_pieces_and_only_if_they_have_changed(scms: Lab):
    http = Urllib3Http(tls_ca=scms.directory / "tls/ca.pem")
    url = scms.base_url + "/v3/ccf-ctl"
    whole = http.get(url)
    assert whole.status == 200 and whole.headers["accept-ranges"] == "bytes"
    piece = http.get(url, {"Range": "bytes=10-19", "If-Range": whole.headers["etag"]})
    assert (piece.status, piece.body) == (206, whole.body[10:20])
    assert piece.headers["content-range"] == f"bytes 10-19/{len(whole.body)}"
    assert http.get(url, {"If-None-Match": whole.headers["etag"]}).status == 304
    assert http.get(scms.base_url + "/v3/authorization-certificate").status == 400
    policy = http.get(scms.base_url + "/v3/policy")
    assert json.loads(policy.body)["certificatesPerPeriod"] == PERIOD


def test_nobody_without_a_certificate_of_the_house_reaches_a_component(scms):
    context = ssl.create_default_context(cafile=scms.directory / "tls/internal-ca.pem")
    for role in SCMS_ROLES:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(scms.state["roles"][role]["socket"])
            with pytest.raises((ssl.SSLError, ConnectionError)):
                # TLS 1.3: the client hears of it when it reads
                link = context.wrap_socket(sock, server_hostname=role)
                link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                if not link.recv(1000):
                    raise ConnectionError


def test_a_component_may_ask_what_is_its_own_to_ask_and_nothing_else(scms):
    def ask(name: str, role: str, target: str) -> int:
        context = ssl.create_default_context(cafile=scms.directory / "tls/internal-ca.pem")
        folder = scms.directory / name
        context.load_cert_chain(folder / "internal.pem", folder / "internal.key")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(scms.state["roles"][role]["socket"])
            with context.wrap_socket(sock, server_hostname=role) as link:
                link.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                return int(link.recv(1000).split(b" ")[1])

    assert ask("ra", "sdc", "/v3/ccf-ctl") == 200
    assert ask("ra", "eca", "/v3/enrollment-certificate") == 403
    assert ask("la1", "la2", "/internal/v1/pre-linkage-values") == 403


def test_an_ra_worker_that_is_killed_amid_production_loses_nothing(scms, other):
    supply = other.request()
    for pid in scms.workers("ra"):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: scms.workers("ra"))
    held = []

    def fetched() -> bool:
        try:
            held.extend(other.download().certificates)
        except StationError:
            return False  # the RA is away for a moment
        return len(held) >= PERIOD

    wait_until(fetched, 120)
    assert len({one.hashed_id8 for one in held}) == len(held)
    assert supply.is_acknowledged
    v2xpki("audit", "verify", scms.directory)


def test_a_vehicle_that_is_revoked_is_believed_no_more_and_gets_nothing(scms, car, other, tmp_path):
    message, named = car.sign(b"x"), tmp_path / "pseudonym.oer"
    named.write_bytes(other.verify(message).ticket.octets)
    revoke = ("ma", "revoke", scms.directory, named, "--reason", "test")
    v2xpki(*revoke, expect=1)  # without --yes nothing happens
    assert json.loads(v2xpki("ma", "cases", scms.directory, "--json")) == []
    done = json.loads(v2xpki(*revoke, "--yes", "--json"))
    assert done["state"] == "revoked"
    (case,) = json.loads(v2xpki("ma", "cases", scms.directory, "--json"))
    assert case["case"] == done["case"]
    assert not other.refresh()
    with pytest.raises(TrustError, match="revoked"):
        other.verify(car.sign(b"y"))
    with pytest.raises(Refusal):
        car.request()
