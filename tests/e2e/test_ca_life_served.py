"""The life of an AA as operators and stations see it: commands, tokens, processes, HTTP and TLS are real."""

import http.client
import json
import re
import ssl
import threading
from pathlib import Path

import pytest

from tests.support.etsi import Answer, Credential, Sent
from tests.support.lab import Lab, LabStation, admin, open_reply, role_checks, v2xpki, wait_until
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import InvalidMessage
from v2xpki.keystore import MemoryKey
from v2xpki.station import Settings, Station, Untrusted
from v2xpki.trust.lists import AaEntry, SignedList

JSON = "--json"


@pytest.fixture(scope="module")
def served(tmp_path_factory, token_store):
    made = Lab.start(tmp_path_factory.mktemp("ca-life") / "pki", settings="[lists]\nrefresh = 1\n", workers=2)
    yield made
    made.end()


class CarAt(LabStation):
    """A station that goes by a list with one AA on it."""

    def __init__(self, station: LabStation, aa: Certificate) -> None:
        super().__init__(station.lab, station.id, station.canonical, station.known)
        self.aa = aa

    def ticket(self, ec: Credential) -> Answer:
        sent: Sent = self.authorization(ec, to=self.aa)
        return open_reply(self.lab, self.lab.post("/aa", sent.body), sent, self.aa)


class Traffic:
    """Stations that ask for tickets while the block runs, as many as they may have."""

    def __init__(self, cars: list[CarAt]) -> None:
        self.codes: list[str] = []
        self._cars = [(car, car.enrol()) for car in cars]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drive)

    def _drive(self) -> None:
        for _ in range(60):
            for car, ec in self._cars:
                if self._over.is_set():
                    return
                try:
                    self.codes.append(car.ticket(ec).code)
                except Exception as error:  # any is a request that was lost
                    self.codes.append(repr(error))

    def wait_for(self, more: int) -> None:
        wanted = len(self.codes) + more
        wait_until(lambda: len(self.codes) >= wanted or not self._thread.is_alive())

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)


def ctl(lab: Lab) -> SignedList:
    return SignedList.parse(lab.ask("GET", f"/dc/getctl/{lab.root.hex8}").body)


def listed(lab: Lab) -> list[Certificate]:
    return [entry.certificate for entry in ctl(lab).entries if isinstance(entry, AaEntry)]


def aa_checks(lab: Lab) -> dict:
    return role_checks(lab, "aa")


def test_the_life_of_an_aa(served: Lab, tmp_path: Path) -> None:
    lab, directory = served, served.directory
    old = lab.aa_certificate
    station = lab.station()
    ec = station.enrol()
    before = CarAt(station, old)
    assert before.ticket(ec).ok().certificate.issuer_id8 == old.hashed_id8

    # the AA asks over the operators' interface, where the root's operator finds the request
    admin_url = lab.url("admin")
    asked = json.loads(v2xpki("ca", "request", directory, "aa", "--rekey", "--to", admin_url, JSON))
    assert asked["sent"]["status"] == "pending" and asked["rekeyedFrom"] == old.hashed_id8.hex()
    v2xpki("ca", "install", directory, "--from", admin_url, expect=1)
    (waiting,) = json.loads(v2xpki("ca", "review", directory, JSON))
    assert waiting["id"] == asked["id"] and waiting["canBeGranted"]

    # certificate, installation, list: nobody reads of a CA that does not answer yet
    v2xpki("ca", "approve", directory, asked["id"])
    assert listed(lab) == [old]
    done = json.loads(v2xpki("ca", "approve", directory, asked["id"], "--certificate-only", "--yes", JSON))
    assert listed(lab) == [old] and done["canBeFetched"]
    with Traffic([CarAt(lab.station(), old) for _ in range(6)]) as traffic:
        (installed,) = json.loads(v2xpki("ca", "install", directory, "--from", admin_url, JSON))
        wait_until(lambda: installed["hashedId8"].upper() in aa_checks(lab)["checks"]["certificate"]["text"])
        traffic.wait_for(30)
    assert set(traffic.codes) == {"ok"}
    assert installed["hashedId8"] == done["hashedId8"] and installed["generation"] == 2
    new = Certificate.parse(Path(installed["file"]).read_bytes())
    again = json.loads(v2xpki("ca", "approve", directory, asked["id"], "--yes", JSON))
    assert again["again"] and again["hashedId8"] == new.hashed_id8.hex()
    assert set(listed(lab)) == {old, new}

    # who goes by the old list is served by the old generation, who has the new one by the new one
    wait_until(lambda: _ctl_of(lab, "ea") == ctl(lab).octets)
    after = CarAt(station, new)
    for _ in range(6):  # whichever worker is asked
        assert before.ticket(ec).ok().certificate.issuer_id8 == old.hashed_id8
        assert after.ticket(ec).ok().certificate.issuer_id8 == new.hashed_id8

    # a whole station, which walks from the TLM down, takes the newest; another hears it
    car, rsu = (whole_station(lab, tmp_path / name) for name in ("car", "rsu"))
    car.enrol()
    (ticket,) = car.authorize(1)
    assert ticket.issuer_id8 == new.hashed_id8
    message = car.sign_cam(b"\x01\x02")
    assert rsu.receive(message).ticket == ticket

    # the old one is revoked: off the list, and what comes to it is told to look for the new one
    v2xpki("ca", "revoke", directory, old.hex8)
    assert set(listed(lab)) == {old, new}
    v2xpki("ca", "revoke", directory, old.hex8, "--reason", "retired", "--yes")
    assert listed(lab) == [new]
    wait_until(lambda: "is revoked by the root" in aa_checks(lab)["checks"]["certificate"]["text"])
    assert aa_checks(lab)["ready"] is True
    sent = before.authorization(ec, to=old)
    wait_until(lambda: _answer(lab, before, ec, old, new) == "its-aa-imnottherecipient")
    assert after.ticket(ec).ok().certificate.issuer_id8 == new.hashed_id8
    assert sent.body

    # then the new one too: it issues nothing and says so; stations refuse its tickets, with the reason
    v2xpki("ca", "revoke", directory, new.hex8, "--reason", "key lost", "--yes")
    wait_until(lambda: aa_checks(lab)["ready"] is False)
    wait_until(lambda: lab.post("/aa", after.authorization(ec, to=new).body).status == 503)
    status = json.loads(v2xpki("status", directory, JSON, expect=1))
    assert any(new.hex8 in text and "nothing is issued" in text for text in status["problems"])
    for one in (car, rsu):
        one.refresh()
    with pytest.raises(InvalidMessage, match="revoked"):
        rsu.receive(car.sign_cam(b"\x03"))
    with pytest.raises(Untrusted, match="no AA in force"):
        car.authorize(1)
    v2xpki("audit", "verify", directory)


def whole_station(lab: Lab, folder: Path) -> Station:
    """The project's own station, registered, with lists of now."""
    tlm = Certificate.parse((lab.directory / "dc/trust/tlm.oer").read_bytes())
    key = MemoryKey(Curve.NIST_P256)
    lab.register(folder.name.encode(), key)
    its_id, cpoc = folder.name.encode().hex(), f"{lab.base_url}/cpoc"
    settings = Settings(its_id=its_id, cpoc=cpoc, tlm=tlm.hex8, profile="vehicle")
    made = Station.create(folder, settings, key)
    made.refresh()
    return made


def _ctl_of(lab: Lab, role: str) -> bytes:
    return (lab.directory / role / "trust" / "ctl.oer").read_bytes()


def _answer(lab: Lab, car: CarAt, ec: Credential, to: Certificate, by: Certificate) -> str:
    sent = car.authorization(ec, to=to)
    try:
        return open_reply(lab, lab.post("/aa", sent.body), sent, by).code
    except AssertionError:  # still signed by the other
        return ""


def test_the_operators_interface_takes_requests_of_cas_and_nothing_else(served: Lab) -> None:
    path, kind = "/api/v1/ca/requests", "application/x-its-request"
    for body in (b"", b"\x03\x80\x00", bytes(200)):
        status, headers, text = admin(served, "POST", path, body, kind)
        assert (status, headers["Content-Type"]) == (400, "application/problem+json"), text
    assert admin(served, "POST", path, b"{}", "application/json")[0] == 415
    assert admin(served, "POST", path, bytes(20_000), kind)[0] == 413
    assert admin(served, "GET", f"{path}/{'0' * 32}")[0] == 404
    assert admin(served, "GET", f"{path}/..%2f..%2fv2xpki.toml/certificate")[0] == 404
    with pytest.raises((ssl.SSLError, http.client.HTTPException, OSError)):
        admin(served, "GET", path, certificate=False)
    described = json.loads(admin(served, "GET", "/api/v1/openapi.json")[2])
    assert {path, f"{path}/{{id}}", f"{path}/{{id}}/certificate"} <= described["paths"].keys()
    assert not re.search("root-sign", json.dumps(described))
    # stations' listeners know nothing of it
    assert served.ask("GET", path).status == 404
