"""EA and AA follow a roll-over by their refresh: new TLM and root beside the old, verified, or not at all."""

import pytest

from tests.unit.publishing.test_refresh import centre, counted, folder, refresh
from v2xpki.authorities.etsi.anchors import SUCCESSORS, anchors
from v2xpki.authorities.etsi.followed import FollowedPeers
from v2xpki.authorities.etsi.rollover import Rollover
from v2xpki.authorities.rounds import last_round
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.trust.lists import DcEntry, RcaEntry
from v2xpki.web.checks import lists_refreshed

__all__ = ["centre", "counted", "folder", "refresh"]


def roll(house, role: str):
    """The command's work, held in this process; the new generation's certificate."""
    house.clock.advance(3600)
    done = Rollover.plan(house.instance, role, clock=house.clock).carry_out("alice", holder=house.hold)
    house.hall.instance = Instance.load(house.hall.directory)
    assert {step.state for step in done.steps} == {"done"}
    return house.certificate(f"{role}/certificates/{role}-{house.instance.domain(role).generation}.oer")


def issued(house, name: str, number: int) -> Certificate:
    return house.certificate(f"root/issued/{name}-{number}.oer")


def rounds(house, refresh, count: int = 2) -> None:
    for _ in range(count):
        house.clock.advance(60)
        refresh.round()


def problems(folder) -> list[str]:
    return [state.problem for state in last_round(folder).lists.values() if state.problem]


def test_a_new_root_is_followed_and_the_old_ones_aa_stays_known_beside_the_new_ones(house, folder, refresh):
    peers = FollowedPeers(folder, house.clock)
    old_aa, old_ea = (issued(house, name, 1).hashed_id8 for name in ("aa", "ea"))
    assert peers.aa(old_aa) is not None
    root = roll(house, "root")
    new_aa, new_ea = (issued(house, name, 2) for name in ("aa", "ea"))
    assert peers.aa(new_aa.hashed_id8) is None
    rounds(house, refresh)
    assert problems(folder) == []
    assert [anchor.certificate for anchor in anchors(folder, "root")] == [house.root, root]
    assert peers.aa(new_aa.hashed_id8).certificate == new_aa
    assert peers.ea(new_ea.hashed_id8).url == "http://127.0.0.1:8080/ea/validation"
    assert peers.aa(old_aa) is not None and peers.ea(old_ea) is not None
    assert {peer.certificate for peer in peers.all_aas()} == {issued(house, "aa", 1), new_aa}
    assert peers.problem is None
    assert (folder / "root.oer").read_bytes() == house.root.octets  # the operator's anchor stays


def test_lists_of_both_roots_are_kept_fresh(house, folder, refresh):
    root = roll(house, "root")
    rounds(house, refresh)
    for generation in (1, 2):
        house.publish("ctl", generation=generation)
    rounds(house, refresh, 1)
    found = last_round(folder).lists
    assert found["ctl"].outcome == found[f"ctl {root.hex8}"].outcome == "replaced"
    assert not problems(folder)


def test_an_aa_of_the_new_root_that_is_revoked_is_no_peer_any_more(house, folder, refresh):
    roll(house, "root")
    rounds(house, refresh)
    peers, aa = FollowedPeers(folder, house.clock), issued(house, "aa", 2)
    assert peers.aa(aa.hashed_id8) is not None
    house.publish_root(revoked=[aa])
    rounds(house, refresh, 1)
    assert peers.aa(aa.hashed_id8) is None


def test_a_new_tlm_is_followed_and_the_root_that_it_alone_lists(house, folder, refresh):
    tlm = roll(house, "tlm")
    rounds(house, refresh, 1)
    assert [anchor.certificate for anchor in anchors(folder, "tlm")] == [house.tlm, tlm]
    roll(house, "root")
    rounds(house, refresh)
    assert FollowedPeers(folder, house.clock).aa(issued(house, "aa", 2).hashed_id8) is not None
    # the former TLM's ECTL is not asked for any more
    assert "ectl" not in last_round(folder).lists and f"ectl {tlm.hex8}" in last_round(folder).lists


def test_a_root_that_succeeds_by_link_alone_is_followed_where_the_ectl_has_it(house, folder, refresh):
    root = roll(house, "root")
    listed = house.ectl().entries
    entries = [RcaEntry(entry.certificate) if isinstance(entry, RcaEntry) else entry for entry in listed]
    house.clock.advance(60)
    house.publish("ectl", entries=entries)
    rounds(house, refresh)
    assert [anchor.certificate for anchor in anchors(folder, "root")][-1] == root


def test_a_root_that_is_not_on_the_ectl_is_not_followed_though_the_old_one_vouches(house, folder, refresh):
    roll(house, "root")
    take_off_the_ectl(house)
    rounds(house, refresh, 3)
    assert len(anchors(folder, "root")) == 1


def test_a_root_that_the_ectl_lets_go_is_no_anchor_any_more(house, folder, refresh):
    roll(house, "root")
    rounds(house, refresh)
    peers, aa = FollowedPeers(folder, house.clock), issued(house, "aa", 2)
    assert peers.aa(aa.hashed_id8) is not None
    take_off_the_ectl(house)
    rounds(house, refresh)
    assert len(anchors(folder, "root")) == 1
    assert peers.aa(aa.hashed_id8) is None and list((folder / SUCCESSORS).iterdir()) == []


def take_off_the_ectl(house) -> None:
    house.clock.advance(60)
    kept = [
        DcEntry(entry.url, (house.root.hashed_id8,)) if isinstance(entry, DcEntry) else entry
        for entry in house.ectl().entries
        if not isinstance(entry, RcaEntry) or entry.certificate == house.root
    ]
    house.publish("ectl", entries=kept)


def test_without_a_tlm_a_link_that_both_roots_signed_is_enough(house, folder, refresh):
    (folder / "tlm.oer").unlink()
    root = roll(house, "root")
    rounds(house, refresh)
    assert [anchor.certificate for anchor in anchors(folder, "root")][-1] == root


def test_a_root_that_has_revoked_itself_vouches_for_nobody(house, folder, refresh):
    (folder / "tlm.oer").unlink()
    roll(house, "root")
    house.publish("crl", revoked=[house.root], generation=1)
    rounds(house, refresh)
    assert len(anchors(folder, "root")) == 1


@pytest.mark.parametrize("what", ["gettlmlinkcertificate", "gettlmcertificate"])
def test_a_forged_link_or_certificate_is_not_followed_and_told(house, folder, centre, refresh, what):
    roll(house, "tlm")
    document = house.distribution().tlm_link(house.tlm.hashed_id8).octets
    centre.broken[what] = document[:-1] + bytes([document[-1] ^ 1]) if "link" in what else house.tlm.octets
    rounds(house, refresh)
    assert len(anchors(folder, "tlm")) == 1
    assert problems(folder) and last_round(folder).well < last_round(folder).at
    house.clock.advance(700)
    refresh.round()
    told = lists_refreshed(folder, house.clock, 60)
    assert told.ok and told.warning and told.text.startswith("successor: ") and len(told.values) == 4
    del centre.broken[what]
    rounds(house, refresh, 1)
    assert len(anchors(folder, "tlm")) == 2 and problems(folder) == []


def test_lists_that_do_not_verify_make_no_anchor(house, folder, centre, refresh):
    rounds(house, refresh, 1)
    new = roll(house, "root")
    centre.broken_for = {f"getcrl/{new.hex8}": b"no list"}
    rounds(house, refresh)
    assert len(anchors(folder, "root")) == 1 and problems(folder)
    assert list(folder.glob(f"{SUCCESSORS}/*")) == []
    centre.broken_for = {}
    rounds(house, refresh, 1)
    assert len(anchors(folder, "root")) == 2


def test_a_folder_that_was_cut_off_while_it_was_made_is_made_anew(house, folder, refresh):
    tlm = roll(house, "tlm")
    draft = folder / SUCCESSORS / f".{tlm.hex8}.new"
    draft.mkdir(parents=True)
    (draft / "tlm.oer").write_bytes(b"half")
    rounds(house, refresh)
    assert [anchor.certificate for anchor in anchors(folder, "tlm")][-1] == tlm and not draft.exists()
