"""`v2xpki client`, against the PKI in memory."""

import json

import pytest
from click.testing import CliRunner

from tests.unit.station.fake_pki import URL
from v2xpki.cli import main
from v2xpki.crypto import PublicKey
from v2xpki.station import Station
from v2xpki.station import station as module


@pytest.fixture
def client(pki, clock, monkeypatch, tmp_path):
    """Runs a command in a directory of its own, with the PKI in memory for a network."""
    monkeypatch.setattr(module.web, "Urllib3Http", lambda **_: pki)
    monkeypatch.setattr(module, "SystemClock", lambda: clock)
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        found = CliRunner().invoke(main, ["client", *map(str, arguments)])
        assert found.exit_code == code, found.output
        return found

    return run


@pytest.fixture
def car(client, pki):
    """An initialised and registered vehicle."""
    client("init", "car", "--id", "car-1", "--url", URL, "--tlm", pki.tlm.certificate.hex8)
    register(pki, "car", b"car-1")
    return "car"


def register(pki, directory, its_id):
    from pathlib import Path

    pem = Path(directory, "canonical.pub.pem").read_bytes()
    pki.stations[its_id] = PublicKey.from_pem(pem)


def test_a_station_from_nothing_to_a_verified_message(client, pki, car):
    (ec,) = json.loads(client("enrol", car, "--json").stdout)
    assert ec["kind"] == "EC"
    assert ec["psids"] == [623]
    tickets = json.loads(client("authorize", car, "-n", 2, "--json").stdout)
    assert len(tickets) == 2
    client("send", car, "--psid", "cam", "--payload", "0102", "--out", "cam.oer")
    args = ["--id", "rsu-1", "--url", URL, "--tlm", pki.tlm.certificate.hex8, "--profile", "rsu"]
    client("init", "rsu", *args, "--region", "countries:276")
    register(pki, "rsu", b"rsu-1")
    client("enrol", "rsu")
    client("authorize", "rsu")
    (verdict,) = json.loads(client("verify", "rsu", "cam.oer", "--json").stdout)
    assert (verdict["verdict"], verdict["psid"], verdict["payload"]) == ("accepted", 36, "0102")
    client("send", "rsu", "--psid", "ivi", "--payload", "03", "--at", "52.5,13.4", "--out", "ivi.oer")
    assert "accepted" in client("verify", car, "ivi.oer", "--at", "52.5,13.4").stdout
    shown = json.loads(client("show", car, "--json").stdout)
    assert shown["ec"]["hashedId8"] == ec["hashedId8"]
    assert len(shown["tickets"]) == 2
    assert "psid 623" in client("show", car).stdout


def test_a_forged_message_is_refused_with_the_reason(client, car, tmp_path):
    client("enrol", car)
    client("authorize", car)
    client("send", car, "--psid", "denm", "--payload", "01", "--at", "52.5,13.4", "--out", "denm.oer")
    octets = bytearray((tmp_path / "denm.oer").read_bytes())
    octets[-1] ^= 1
    (tmp_path / "forged.oer").write_bytes(octets)
    found = client("verify", car, "denm.oer", "forged.oer", "--json", code=1)
    assert [(v["verdict"], v.get("rule")) for v in json.loads(found.stdout)] == [
        ("accepted", None),
        ("refused", "signature"),
    ]
    (tmp_path / "junk.oer").write_bytes(b"junk")
    assert "refused" in client("verify", car, "junk.oer", code=1).stdout


def test_a_message_by_digest_needs_its_ticket(client, car, tmp_path, clock, pki):
    client("enrol", car)
    (ticket,) = json.loads(client("authorize", car, "--json").stdout)
    station = Station(tmp_path / car, clock=clock, http=pki)
    station.sign_cam(b"")
    (tmp_path / "cam.oer").write_bytes(station.sign_cam(b""))
    (tmp_path / "ticket.oer").write_bytes(bytes.fromhex(ticket["coer"]))
    found = client("verify", car, "cam.oer", "--json", code=1)
    assert json.loads(found.stdout)[0]["rule"] == "unknown-signer"
    client("verify", car, "cam.oer", "--certificate", "ticket.oer")


def test_renewal_and_re_enrolment(client, car):
    client("enrol", car)
    assert "kept, 3 tickets" in client("renew", car, "-n", 3).stdout
    assert json.loads(client("renew", car, "-n", 3, "--json").stdout) == {"renewed": False, "obtained": 0}
    client("enrol", car, "--by-ec", "--curve", "brainpoolP256r1")


def test_choices_reach_the_wire(client, car, pki):
    client("enrol", car)
    args = ["--no-proof", "--permission", "cam=010000", "--start", "2026-06-01T02:00:00", "--hours", 2]
    (ticket,) = json.loads(client("authorize", car, *args, "--json").stdout)
    assert (ticket["start"], ticket["end"]) == ("2026-06-01T02:00:00Z", "2026-06-01T04:00:00Z")
    assert ticket["psids"] == [36]
    assert pki.log[-1] == "encryptedEcSignature without pop"


def test_exit_codes_tell_no_from_fault_and_from_usage(client, car, pki, tmp_path):
    pki.code = "unknownits"
    assert "unknownits" in client("enrol", car, code=1).output
    pki.code = "ok"
    client("authorize", car, code=1)  # no EC yet
    pki.down.add(f"{URL}/ea")
    client("enrol", car, code=3)
    client("enrol", "nowhere", code=2)
    client("init", car, "--id", "x", "--url", URL, "--tlm", "00" * 8, code=2)
    client("authorize", car, "--plain", "--encrypted", code=2)
    client("authorize", car, "--start", "soon", code=2)
    for wrong in (["--psid", "fax"], ["--psid", "denm", "--at", "here"], ["--psid", "cam", "--payload", "x"]):
        client("send", car, *wrong, "--out", "x.oer", code=2)
    client("send", car, "--psid", "denm", "--at", "91,0", "--out", "x.oer", code=2)
    client("init", "both", "--id", "x", "--hex-id", "00", "--url", URL, "--tlm", "00" * 8, code=2)


def test_a_canonical_key_and_a_tlm_can_be_files(client, pki, tmp_path):
    from v2xpki.crypto import Curve
    from v2xpki.keystore.memory import MemoryKey

    key = MemoryKey.generate(Curve.BRAINPOOL_P256R1)
    (tmp_path / "key.pem").write_bytes(key.to_pem())
    (tmp_path / "tlm.oer").write_bytes(pki.tlm.certificate.octets)
    args = ["--hex-id", "00FF", "--url", URL + "/", "--tlm", "tlm.oer", "--key", "key.pem"]
    found = client("init", "car2", *args)
    assert "--hex-id 00FF" in found.output
    pki.stations[b"\x00\xff"] = key.public_key
    client("enrol", "car2")
