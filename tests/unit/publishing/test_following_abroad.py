"""Roll-overs of one's own among other PKIs: who succeeds an own root is no stranger, a stranger stays it."""

from types import SimpleNamespace

import pytest

from tests.unit.publishing.test_following import issued, problems, roll
from tests.unit.publishing.test_refresh import centre, folder
from tests.unit.station.fake_pki import make_ca
from v2xpki import wire
from v2xpki.authorities.etsi import ectl_roots, publishing
from v2xpki.authorities.etsi.anchors import SUCCESSORS, anchors
from v2xpki.authorities.etsi.followed import FollowedPeers
from v2xpki.authorities.etsi.foreign_refresh import ForeignRefresh
from v2xpki.authorities.etsi.refresh import TrustRefresh
from v2xpki.authorities.etsi.rollover import Rollover
from v2xpki.authorities.rounds import Fetched, last_round
from v2xpki.config import Instance
from v2xpki.secured import etsi_header, sign
from v2xpki.trust.lists import (
    AaEntry,
    CrlSchedule,
    CtlSchedule,
    DcEntry,
    EaEntry,
    RcaEntry,
    SignedList,
    build_crl,
    build_ctl,
)  # fmt: skip

__all__ = ["centre", "folder"]

DC, MONTH = "http://other.example/dc", 30 * 86400


@pytest.fixture
def abroad(house):
    """Another PKI: a root, an EA and an AA, and its lists by URL. `on_ectl` is what an operator does."""
    now = house.clock.time32()
    root = make_ca("RCA", now, name="Root of others")
    ea, aa = make_ca("EA", now, root), make_ca("AA", now, root)
    documents = {}

    def publish(*, revoked=(), of_others=()):
        at, signer = house.clock.time32(), root.certificate
        entries = [
            EaEntry(ea.certificate, "http://other.example/ea"),
            AaEntry(aa.certificate, "http://other.example/aa"),
            DcEntry(DC, (signer.hashed_id8,)),
        ]
        claimed = {certificate.hashed_id8: certificate.end for certificate in of_others}
        lists = {
            "ctl": (624, build_ctl(signer, CtlSchedule(at, at + MONTH, len(documents)), entries)),
            "crl": (622, build_crl(signer, CrlSchedule(at, at + MONTH), revoked, claimed)),
        }
        for kind, (psid, data) in lists.items():
            header = etsi_header(psid, house.clock.time64())
            documents[f"{DC}/get{kind}/{signer.hex8}"] = sign(
                root.key, header, payload=wire.encode(data), certificate=signer, identifier="certificate"
            )

    def change(on: bool) -> None:
        house.clock.advance(60)
        now = house.clock.time32()
        wanted = publishing.changed_ectls(
            house.instance,
            lambda old: (
                ectl_roots.with_root(old, root.certificate, DC, now)
                if on
                else ectl_roots.without_root(old, root.certificate.hashed_id8)
            ),
            house.clock,
        )
        publishing.publish_all(
            house.instance, "ectl", operator="alice", entries=wanted, clock=house.clock, holder=house.hold
        )

    publish()
    return SimpleNamespace(
        root=root.certificate, ea=ea.certificate, aa=aa.certificate, documents=documents, publish=publish,
        on_ectl=lambda: change(True), off_ectl=lambda: change(False),
    )  # fmt: skip


class World:
    """An AA's trust folder, its rounds and its peers."""

    def __init__(self, house, folder, centre, abroad) -> None:
        self.house, self.folder, self.centre, self.abroad = house, folder, centre, abroad
        self.asked: list[str] = []
        self.allow(abroad.root.hex8)

    def get(self, url: str, etag: str = "") -> Fetched:
        self.asked.append(url)
        octets = self.abroad.documents.get(url)
        return self.centre.get(url, etag) if octets is None else Fetched(octets)

    def allow(self, *roots: str) -> None:
        clock = self.house.clock
        foreign = ForeignRefresh(self.folder, self, clock, roots, interval=60)
        self.refresh = TrustRefresh(self.folder, self, clock, interval=60, foreign=foreign)
        self.peers = FollowedPeers(self.folder, clock, foreign_roots=roots)

    def rounds(self, count: int = 2) -> None:
        for _ in range(count):
            self.house.clock.advance(60)
            self.refresh.round()

    def knows(self) -> set[str]:
        """Who is believed, of those of this test."""
        names = {"own AA": ("aa", 1), "new AA": ("aa", 2)}
        ids = {
            name: issued(self.house, *which).hashed_id8
            for name, which in names.items()
            if (self.house.hall.directory / f"root/issued/{which[0]}-{which[1]}.oer").exists()
        }
        found = {name for name, id8 in ids.items() if self.peers.aa(id8) is not None}
        return found | ({"foreign EA"} if self.peers.ea(self.abroad.ea.hashed_id8) is not None else set())


@pytest.fixture
def world(house, folder, centre, abroad) -> World:
    return World(house, folder, centre, abroad)


def test_after_both_roll_overs_own_successors_need_no_setting_and_an_allowed_foreign_root_still_counts(
    world, house, abroad, folder
):
    abroad.on_ectl()
    world.rounds(1)
    assert world.knows() == {"own AA", "foreign EA"}
    roll(house, "tlm")
    root = roll(house, "root")
    world.rounds(3)
    assert problems(folder) == [] and [a.certificate for a in anchors(folder, "root")] == [house.root, root]
    assert world.knows() == {"own AA", "new AA", "foreign EA"}
    assert not world.peers.aa(issued(house, "aa", 2).hashed_id8).is_foreign
    assert world.peers.ea(abroad.ea.hashed_id8).is_foreign
    assert {peer.is_foreign for peer in world.peers.all_eas()} == {False, True}
    # the newest TLM's ECTL says who is a PKI at all: the former one's, which lies there still, says nothing
    kept = SignedList.parse((folder / "ectl.oer").read_bytes()).entries
    abroad.off_ectl()
    world.rounds()
    assert abroad.root in [entry.certificate for entry in kept if isinstance(entry, RcaEntry)]
    assert world.knows() == {"own AA", "new AA"}


def test_an_own_successor_is_never_taken_for_another_pkis_whatever_the_setting_is(world, house, folder):
    root = roll(house, "root")
    world.allow("any", root.hex8)
    world.centre.broken_for = {f"getcrl/{root.hex8}": b"no list"}  # so that it cannot be followed yet
    world.rounds()
    assert len(anchors(folder, "root")) == 1 and world.knows() == {"own AA"}
    assert last_round(folder).foreign == {} and not list(folder.glob("foreign/*"))
    world.centre.broken_for = {}
    world.rounds()
    assert world.knows() == {"own AA", "new AA"} and not list(folder.glob("foreign/*"))
    before = len(world.asked)
    world.rounds(1)
    urls = [url for url in world.asked[before:] if "/getc" in url]
    assert len(urls) == len(set(urls))


def test_a_foreign_root_makes_no_anchor_and_its_revocations_bind_its_own_alone(world, house, abroad, folder):
    abroad.on_ectl()
    world.allow("any")
    world.rounds()
    assert [anchor.certificate for anchor in anchors(folder, "root")] == [house.root]
    assert not world.peers.is_revoked(abroad.aa)
    house.clock.advance(60)
    abroad.publish(revoked=[abroad.aa], of_others=[issued(house, "aa", 1)])
    world.rounds(1)
    assert world.peers.is_revoked(abroad.aa) and world.peers.aa(abroad.aa.hashed_id8).revoked
    assert not world.peers.is_revoked(issued(house, "aa", 1))


def test_a_root_that_was_let_go_is_none_though_its_folder_was_not_yet_removed(world, house, folder):
    root = roll(house, "root")
    world.rounds()
    place = folder / SUCCESSORS / root.hex8
    place.rename(place.with_name(f".{root.hex8}.gone"))  # as a crash leaves it
    assert len(anchors(folder, "root")) == 1 and world.knows() == {"own AA"}


def test_a_root_comes_onto_the_ectls_of_all_tlms_in_force(house, abroad):
    old, new = house.tlm, roll(house, "tlm")
    abroad.on_ectl()
    for tlm in (old, new):
        ectl = SignedList.parse(house.distribution().ectl(tlm.hashed_id8).octets)
        assert abroad.root in [entry.certificate for entry in ectl.entries if isinstance(entry, RcaEntry)]


def test_under_anothers_tlm_a_new_root_is_used_when_that_tlm_has_it(world, house, folder):
    """The root of a PKI without a TLM rolls over: EA and AA come over once the ECTL they go by has it."""
    toml = house.hall.directory / "v2xpki.toml"
    toml.write_text(toml.read_text() + "\nown_tlm = false\n")

    def go_on():
        house.clock.advance(60)
        instance = house.hall.instance = Instance.load(house.hall.directory)
        return Rollover.plan(instance, "root", clock=house.clock).carry_out("alice", holder=house.hold)

    world.rounds(1)
    first = go_on()
    root = house.certificate("root/certificates/root-2.oer")
    assert {step.state for step in first.steps} == {"done"} and first.installed == [] == list(first.in_use)
    assert root.hex8 in first.notes[0] and "TLM's operator" in first.notes[0]
    toml.write_text(toml.read_text().replace("own_tlm = false", ""))  # the other operator's part
    house.hall.instance = Instance.load(house.hall.directory)
    now = house.clock.time32()
    present = publishing.present_entries(house.instance, "ectl")
    house.publish("ectl", entries=ectl_roots.with_root(present, root, "http://127.0.0.1:8080/dc", now))
    toml.write_text(toml.read_text() + "\nown_tlm = false\n")
    world.rounds()
    second = go_on()
    assert set(second.installed) == {"ea", "aa"} and second.in_use["root"] == 2 and second.notes == []
    assert [anchor.certificate for anchor in anchors(folder, "root")][-1] == root  # by the link alone
