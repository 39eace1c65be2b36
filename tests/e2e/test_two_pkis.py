"""Two PKIs under one TLM, both served: vehicles that trust each other, tickets across the border, the end.

north has the TLM and a root, south a root of its own. Commands, tokens, processes and HTTP are real.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.lab import Lab, v2xpki, wait_until
from v2xpki.authorities.rounds import last_round
from v2xpki.config import FILE_NAME
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import InvalidMessage
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import SignedMessage
from v2xpki.station import RequestRefused, Settings, Station

FOREIGN = '[lists]\nrefresh = 1\n[ea]\nforeign_roots = ["{0}"]\n[aa]\nforeign_roots = ["{0}"]\n'


def allow(lab, other):
    """The setting that makes EA and AA believe the other PKI's."""
    with (lab.directory / FILE_NAME).open("a") as file:
        file.write("\n" + FOREIGN.format(other.root.hex8))


@pytest.fixture(scope="module")
def pair(tmp_path_factory, token_store):
    del token_store
    folder = tmp_path_factory.mktemp("two")
    north, south = Lab(folder / "north"), Lab(folder / "south")
    v2xpki("init", north.directory, "--base-url", north.base_url, "--lab", "--yes")
    tlm, ectl = north.directory / "tlm/certificates/tlm-1.oer", north.directory / "tlm/lists/ectl-0.oer"
    v2xpki(
        "init", south.directory, "--base-url", south.base_url, "--lab", "--yes", "--tlm", tlm, "--ectl", ectl
    )
    root = south.directory / "root/certificates/root-1.oer"
    v2xpki("ectl", "add-root", north.directory, root, "--dc", f"{south.base_url}/dc", "--yes")
    allow(north, south)
    allow(south, north)
    with ThreadPoolExecutor() as pool:
        try:
            list(pool.map(Lab.serve, (north, south)))
            yield north, south
        finally:
            list(pool.map(Lab.end, (north, south)))


def tlm_of(lab):
    return Certificate.parse((lab.directory / "tlm/certificates/tlm-1.oer").read_bytes())


def station(lab, north, folder, name):
    """A vehicle of a PKI; everybody's CPOC is north's."""
    settings = Settings(
        its_id=name.encode().hex(),
        profile="vehicle",
        cpoc=f"{north.base_url}/cpoc",
        tlm=tlm_of(north).hex8,
        root=lab.root.hex8,
    )
    key = MemoryKey.generate(Curve.NIST_P256)
    lab.register(name.encode(), key)
    made = Station.create(folder / name, settings, key)
    made.refresh()
    made.enrol()
    return made


def readyz(lab):
    return json.loads(lab.ask("GET", "/readyz").body)


def followed(lab, role, other):
    """Whether a role has the other PKI's lists."""
    state = last_round(lab.directory / role / "trust").foreign.get(other.root.hex8)
    return state is not None and state.well > 0


@pytest.fixture(scope="module")
def cars(pair, tmp_path_factory):
    north, south = pair
    folder = tmp_path_factory.mktemp("cars")
    made = station(north, north, folder, "north-1"), station(south, north, folder, "south-1")
    for car in made:
        car.authorize(1)
    return made


def test_each_accepts_the_other_s_cam_through_the_ectl(pair, cars):
    one, other = cars
    for sender, receiver in ((one, other), (other, one)):
        verified = receiver.receive(sender.sign_cam(b"\x01\x02"))
        assert verified.payload == b"\x01\x02"
    assert one.pki.root != other.pki.root and one.pki.tlm == other.pki.tlm


def test_a_pki_without_a_tlm_of_its_own_is_ready_and_hands_out_no_ectl(pair):
    north, south = pair
    assert readyz(south)["ready"] is True
    status = json.loads(v2xpki("status", south.directory, "--json"))
    assert status["problems"] == [] and {entry["kind"] for entry in status["lists"]} == {"ctl", "crl"}
    assert south.ask("GET", f"/cpoc/getectl/{tlm_of(north).hex8}").status == 404


def test_a_vehicle_gets_tickets_of_the_other_pki_s_aa_over_http_both_ways(pair, cars):
    north, south = pair
    wait_until(lambda: all(followed(a, r, b) for a, b in (pair, pair[::-1]) for r in ("ea", "aa")), 60)
    for car, home, host in ((cars[0], north, south), (cars[1], south, north)):
        (ticket,) = car.authorize(1, aa=host.aa_certificate.hashed_id8)
        assert ticket.issuer_id8 == host.aa_certificate.hashed_id8
        assert home.metrics()["v2xpki_answers_total"] > 0
    metrics = south.metrics()
    assert {"v2xpki_foreign_refresh_age_seconds", "v2xpki_foreign_list_seconds_left"} <= metrics.keys()


def test_the_command_asks_an_aa_of_another_root(pair, tmp_path):
    north, south = pair
    v2xpki(
        "client", "init", tmp_path / "car", "--id", "north-2", "--url", north.base_url,
        "--tlm", tlm_of(north).hex8, "--root", north.root.hex8,
    )  # fmt: skip
    key = tmp_path / "car/canonical.pub.pem"
    v2xpki("station", "register", north.directory, "--id", "north-2", "--key", key)
    v2xpki("client", "enrol", tmp_path / "car")
    aa = south.aa_certificate.hex8
    found = json.loads(v2xpki("client", "authorize", tmp_path / "car", "--aa", aa, "--json"))
    assert found


def test_a_dead_dc_and_ea_of_the_other_stop_nobody_at_home(pair, cars):
    north, south = pair
    one, other = cars
    south.stop()
    assert len(one.authorize(1)) == 1
    assert one.refresh().problems  # told, and what was fetched before still counts
    assert one.receive(other.sign_cam(b"\x04")).payload == b"\x04"
    assert readyz(north)["ready"] is True


def test_a_root_off_the_ectl_is_refused_with_the_reason_by_vehicles_ea_and_aa(pair, cars):
    north, south = pair
    one, other = cars
    v2xpki("ectl", "remove-root", north.directory, south.root.hex8, "--yes")
    for role in ("ea", "aa"):
        wait_until(lambda r=role: not followed(north, r, south), 60)
        assert not list((north.directory / role / "trust").glob("foreign/*"))
    made = []

    def has_certificate():
        """In one CAM a second."""
        made.append(other.sign_cam(b"\x03"))
        return SignedMessage.parse(made[-1]).signer_certificates

    wait_until(has_certificate, 60)
    one.refresh()
    with pytest.raises(InvalidMessage) as refused:
        one.receive(made[-1])
    assert refused.value.rule == "certificate" and "is not trusted" in str(refused.value)
    with pytest.raises(RequestRefused) as denied:
        other.authorize(1, aa=north.aa_certificate.hashed_id8)  # it has not refreshed: it still asks
    assert denied.value.code == "its-aa-unknownea"
