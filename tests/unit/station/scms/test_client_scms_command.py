"""`v2xpki client scms`, against a whole SCMS in memory."""

import json

import pytest
from click.testing import CliRunner

from tests.support.scms_pki import URL, Pki
from v2xpki.authorities.scms.devices import NewDevice
from v2xpki.cli import main
from v2xpki.crypto import PublicKey
from v2xpki.station.scms import basis as module


@pytest.fixture
def pki(tmp_path):
    made = Pki(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(pki, monkeypatch, tmp_path):
    monkeypatch.setattr(module.web, "Urllib3Http", lambda **_: pki.web)
    monkeypatch.setattr(module, "SystemClock", lambda: pki.clock)
    monkeypatch.chdir(tmp_path)
    for number, elector in enumerate(pki.electors):
        (tmp_path / f"e{number}.oer").write_bytes(elector.certificate.octets)

    def run(*arguments, code=0):
        found = CliRunner().invoke(main, ["client", "scms", *map(str, arguments)])
        assert found.exit_code == code, found.output
        return found

    return run


@pytest.fixture
def new(client, pki, tmp_path):
    def make(name, profile="obe"):
        electors = [text for n in range(3) for text in ("--elector", f"e{n}.oer")]
        periods = ["--epoch", pki.policy.epoch, "--period", pki.policy.period]
        client("init", name, "--id", name, "--url", URL, *electors, *periods, "--profile", profile)
        key = PublicKey.from_pem((tmp_path / name / "canonical.pub.pem").read_bytes())
        pki.register.register(NewDevice(name, key, profile))
        return name

    return make


def test_a_device_from_nothing_to_a_verified_message(client, new, pki):
    car, rsu = new("car"), new("rsu", "rsu")
    (enrolled,) = json.loads(client("enrol", car, "--json").stdout)
    assert enrolled["psids"] == [35]
    client("enrol", rsu)
    (asked,) = json.loads(client("request", car, "--variant", "compactUnified", "--json").stdout)
    assert (asked["kind"], asked["acknowledged"]) == ("pseudonym", True)
    client("request", rsu, "--permission", "131")
    pki.lab.work()
    found = json.loads(client("download", car, "--json").stdout)
    assert len(found["certificates"]) == 2 * pki.policy.certificates and found["bad"] == []
    assert "1 certificates" in client("download", rsu).stderr
    client("sign", car, "--payload", "0102", "--out", "bsm.oer")
    client("sign", rsu, "--psid", "131", "--payload", "03", "--at", "52.5,13.4", "--out", "tim.oer")
    (verdict,) = json.loads(client("verify", rsu, "bsm.oer", "--json").stdout)
    assert (verdict["verdict"], verdict["psid"], verdict["payload"]) == ("accepted", 32, "0102")
    assert "accepted" in client("verify", car, "tim.oer").stdout
    before = json.loads(client("status", car, "--json").stdout)
    client("rotate", car)
    after = json.loads(client("status", car, "--json").stdout)
    assert before["inUse"][0]["j"] != after["inUse"][0]["j"]
    (next_one,) = json.loads(client("successor", car, "--json").stdout)
    assert next_one["hashedId8"] != enrolled["hashedId8"]
    assert "pseudonym" in client("status", car).stdout


def test_what_is_refused_has_its_reason_and_exit_code(client, new, pki, tmp_path):
    car = new("car")
    assert "enrol" in client("request", car, code=1).output
    client("enrol", car)
    assert "not for a device" in client("request", car, "--kind", "application", code=2).output
    assert "psid 32" in client("sign", car, "--out", "x.oer", code=1).output
    (tmp_path / "junk.oer").write_bytes(b"junk")
    assert "refused" in client("verify", car, "junk.oer", code=1).stdout
    assert "client scms init" in client("status", "nowhere", code=2).output
    pki.web.down.add("/v3/ccf-ctl")
    assert "chain file" in client("download", car, code=3).output
    assert "already" in client("init", car, "--url", URL, "--elector", "e0.oer", code=2).output
    assert "--url" in client("init", "y", "--elector", "e0.oer", code=2).output
