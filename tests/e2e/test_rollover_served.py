"""The roll-over demo: a station that knows only the old TLM and root comes to trust a ticket of the new AA.

Commands, tokens, processes and HTTP are real; nobody tells the station anything.
"""

import http.client
import json
from pathlib import Path

import pytest

from tests.support.lab import Lab, role_checks, v2xpki, wait_until
from v2xpki.authorities.etsi.anchors import anchors
from v2xpki.authorities.etsi.generations import set_generations
from v2xpki.authorities.rounds import last_round
from v2xpki.config import Instance
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore import MemoryKey
from v2xpki.station import Settings, Station
from v2xpki.trust.links import SignedLink
from v2xpki.trust.lists import DcEntry, RcaEntry, SignedList, TlmEntry


def certificate(lab: Lab, role: str, generation: int) -> Certificate:
    path = lab.directory / role / "certificates" / f"{role}-{generation}.oer"
    return Certificate.parse(path.read_bytes())


def get(lab: Lab, path: str, **headers: str) -> http.client.HTTPResponse:
    link = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)
    link.request("GET", path, headers=headers)
    answer = link.getresponse()
    answer.octets = answer.read()
    link.close()
    return answer


def new_station(lab: Lab, folder: Path, name: str, tlm: str, root: str) -> Station:
    """Registered, with no more trust than two names; it has not fetched anything."""
    key = MemoryKey.generate(Curve.NIST_P256)
    public = folder / f"{name}.pem"
    public.write_bytes(key.public_key.to_pem())
    v2xpki("station", "register", lab.directory, "--id", name, "--key", public)
    settings = Settings(
        its_id=name.encode().hex(), profile="vehicle", cpoc=f"{lab.base_url}/cpoc", tlm=tlm, root=root
    )
    return Station.create(folder / name, settings, key)


class World:
    """Before and after: what was there when the stations were told of the PKI."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.old = {role: certificate(lab, role, 1) for role in ("tlm", "root", "ea", "aa")}
        tlm, root = self.old["tlm"].hex8, self.old["root"].hex8
        self.driver = new_station(lab, folder, "driver", tlm, root)
        self.driver.refresh()
        self.driver.enrol()
        self.driver.authorize(1)
        self.sleeper = new_station(lab, folder, "sleeper", tlm, root)
        self.done = {
            role: json.loads(v2xpki("ca", "rollover", lab.directory, role, "--yes", "--json"))
            for role in ("tlm", "root")
        }
        self.new = {role: certificate(lab, role, 2) for role in ("tlm", "root", "ea", "aa")}
        # EA and AA follow while they still work under their old certificates.
        for role in ("ea", "aa"):
            trust = lab.directory / role / "trust"
            wait_until(lambda trust=trust: len(anchors(trust, "root")) == 2, 60)
        # and take them over without a restart
        for role in ("ea", "aa"):
            present = self.new[role].hex8
            wait_until(lambda r=role, p=present: p in role_checks(lab, r)["checks"]["certificate"]["text"])
        self.newcomer = new_station(lab, folder, "newcomer", self.new["tlm"].hex8, self.new["root"].hex8)
        self.newcomer.refresh()
        self.newcomer.enrol()

    def hang_up(self) -> None:
        """Connections that are kept alive would hold the end of `serve` up."""
        for station in (self.driver, self.sleeper, getattr(self, "newcomer", self.driver)):
            station.http.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory, token_store):
    lab = Lab.start(tmp_path_factory.mktemp("rollover") / "pki", settings="[lists]\nrefresh = 1\n")
    try:
        made = World(lab, tmp_path_factory.mktemp("stations"))
        yield made
        made.hang_up()
    finally:
        lab.end()


def test_a_station_that_knows_only_the_old_tlm_and_root_trusts_a_ticket_of_the_new_aa(world):
    (ticket,) = world.newcomer.authorize(1)
    assert ticket.issuer_id8 == world.new["aa"].hashed_id8
    cam = world.newcomer.sign_cam(b"\x02\x02cam")
    assert world.sleeper.settings.tlm == world.old["tlm"].hex8
    found = world.sleeper.refresh()
    assert (found.tlm, found.root) == (world.new["tlm"], world.new["root"]) and found.problems == ()
    assert world.sleeper.receive(cam).payload == b"\x02\x02cam"


def test_a_station_that_was_enrolled_before_goes_on_under_the_new_root(world):
    old_ticket = world.driver.tickets[0]
    found = world.driver.refresh()
    assert found.aa.certificate == world.new["aa"] and world.old["aa"] in found.authorities
    (ticket,) = world.driver.authorize(1)  # by the EC of the old EA
    assert (old_ticket.issuer_id8, ticket.issuer_id8) == (
        world.old["aa"].hashed_id8, world.new["aa"].hashed_id8
    )  # fmt: skip
    assert world.driver.re_enrol().issuer_id8 == world.new["ea"].hashed_id8
    again = Station(world.driver.directory.path)
    assert (again.pki.tlm, again.pki.root) == (world.new["tlm"], world.new["root"])


def test_l4_the_new_tlm_begins_at_0_and_the_old_ones_last_ectl_stays(world):
    old, new = world.old["tlm"], world.new["tlm"]
    lists = world.lab.directory / "tlm" / "lists"
    first = SignedList.parse((lists / "2" / "ectl-0.oer").read_bytes())
    assert first.sequence == 0 and first.signer_id8 == new.hashed_id8
    for tlm in (old, new):
        ectl = SignedList.parse(get(world.lab, f"/cpoc/getectl/{tlm.hex8}").octets)
        ectl.verify(tlm, world.lab.clock.time32())
        tlms = {e.certificate: e.successor_to for e in ectl.entries if isinstance(e, TlmEntry)}
        roots = {e.certificate: e.successor_to for e in ectl.entries if isinstance(e, RcaEntry)}
        assert tlms == {old: None, new: old}
        assert roots == {world.old["root"]: None, world.new["root"]: world.old["root"]}
        (dc,) = [entry for entry in ectl.entries if isinstance(entry, DcEntry)]
        assert set(dc.roots) == {world.old["root"].hashed_id8, world.new["root"].hashed_id8}


def test_c3_links_are_handed_out_by_the_old_certificates_name(world):
    lab, now = world.lab, world.lab.clock.time32()
    for beginning, role in (("/cpoc/gettlmlinkcertificate", "tlm"), ("/dc/getrcalinkcertificate", "root")):
        old, new = world.old[role], world.new[role]
        answer = get(lab, f"{beginning}/{old.hex8}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/octet-stream")
        assert answer.headers["Cache-Control"].startswith("public, max-age=")
        SignedLink.parse(answer.octets).verify(old, new, now)
        again = get(lab, f"{beginning}/{old.hex8.lower()}/", **{"If-None-Match": answer.headers["ETag"]})
        assert (again.status, again.octets) == (304, b"")
        assert get(lab, f"{beginning}/{new.hex8}").status == 404
    latest = get(lab, "/cpoc/gettlmlinkcertificate")
    assert latest.octets == get(lab, f"/cpoc/gettlmlinkcertificate/{world.old['tlm'].hex8}").octets
    assert get(lab, "/cpoc/gettlmcertificate").octets == world.new["tlm"].octets
    assert get(lab, f"/cpoc/gettlmcertificate/{world.old['tlm'].hex8}").octets == world.old["tlm"].octets


def test_ea_and_aa_follow_by_their_refresh_and_keep_both_roots_lists(world):
    for role in ("ea", "aa"):
        trust = world.lab.directory / role / "trust"
        wait_until(lambda trust=trust: len(anchors(trust, "tlm")) == 2, 60)
        assert [a.certificate for a in anchors(trust, "root")] == [world.old["root"], world.new["root"]]
        wait_until(lambda trust=trust: f"ctl {world.new['root'].hex8}" in last_round(trust).lists, 60)
        assert not [state.problem for state in last_round(trust).lists.values() if state.problem]


def test_status_shows_every_generation_with_its_lists(world):
    status = json.loads(v2xpki("status", world.lab.directory, "--json"))
    for role in ("tlm", "root"):
        (entry,) = [entry for entry in status["authorities"] if entry["role"] == role]
        assert (entry["generation"], entry["hashedId8"]) == (2, world.new[role].hex8)
        assert [former["hashedId8"] for former in entry["former"]] == [world.old[role].hex8]
    issuers = {(entry["kind"], entry["issuer"]) for entry in status["lists"]}
    for role, kinds in (("tlm", ("ectl",)), ("root", ("ctl", "crl"))):
        for kind in kinds:
            assert {(kind, world.old[role].hex8), (kind, world.new[role].hex8)} <= issuers
    assert world.done["tlm"]["inUse"] == {"tlm": 2}
    assert world.done["root"]["inUse"] == {"ea": 2, "aa": 2, "root": 2}


def test_a_second_call_changes_nothing(world):
    before = sorted(path.name for path in world.lab.directory.rglob("*.oer"))
    done = json.loads(v2xpki("ca", "rollover", world.lab.directory, "root", "--yes", "--json"))
    assert (done["to"], done["steps"], done["inUse"]) == (None, [], {})
    assert sorted(path.name for path in world.lab.directory.rglob("*.oer")) == before


def test_the_next_lists_are_published_for_every_generation(world):
    paths = {
        role: f"/cpoc/getectl/{tlm.hex8}"
        for role, tlm in (("old", world.old["tlm"]), ("new", world.new["tlm"]))
    }
    before = {role: SignedList.parse(get(world.lab, path).octets) for role, path in paths.items()}
    v2xpki("ectl", "publish", world.lab.directory, "--yes")
    for role, path in paths.items():
        after = SignedList.parse(get(world.lab, path).octets)
        assert after.sequence == before[role].sequence + 1 and after.entries == before[role].entries


def test_an_aa_under_the_old_root_still_has_its_requests_validated_at_the_ea(world):
    """An AA that has not come over yet, beside an EA that has: each knows the other by roots it followed."""
    lab = world.lab
    world.hang_up()
    lab.stop()
    set_generations(Instance.load(lab.directory), {"aa": 1})
    lab.serve()
    lab.__dict__["_ea"], lab.__dict__["_aa"] = world.new["ea"], world.old["aa"]
    car = lab.station()
    credential = car.enrol()
    assert credential.certificate.issuer_id8 == world.new["ea"].hashed_id8
    ticket = car.authorize(credential).ok()
    assert ticket.certificate.issuer_id8 == world.old["aa"].hashed_id8
    # and who knows only the new ones beforehand believes it
    trust = world.newcomer.refresh().trust
    assert trust.verify_ticket(ticket.certificate, lab.clock.time32()) == ticket.certificate
