"""From an old TLM and root to the new ones with no manual step; and whom a station does not follow."""

import json
from itertools import pairwise

import pytest

from tests.unit.station.fake_pki import HOUR, URL, Ca, FakePki, make_ca
from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.secured import etsi_header, sign
from v2xpki.station import Settings, Station, Untrusted
from v2xpki.station.http import OCTETS
from v2xpki.trust.links import MOST_LINKS, SignedLink, build_double_link, build_rca_link, build_tlm_link
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry, EctlSchedule, RcaEntry, TlmEntry, build_ectl
from v2xpki.wire import dot2, etsi

YEAR = 365 * 24 * HOUR


class Rolling(FakePki):
    """A PKI that rolls over; what a test makes wrong it puts in place of what is handed out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tlms, self.roots = [self.tlm], [self.root]

    def sign(self, data, signer: Ca, identifier="digest", at=None) -> bytes:
        time64 = self.clock.time64() if at is None else at * 10**6
        return sign(
            signer.key, etsi_header(624, time64), payload=wire.encode(data),
            certificate=signer.certificate, identifier=identifier,
        )  # fmt: skip

    def roll_tlm(self, *, link=True) -> Ca:
        """A new TLM, vouched for by the old one, with an ECTL of its own."""
        old, new = self.tlm, make_ca("TLM", self.clock.time32(), name=f"TLM {len(self.tlms) + 1}")
        self.tlms.append(new)
        self.tlm, self.sequence = new, 0
        self.documents[f"/cpoc/gettlmcertificate/{new.certificate.hex8}"] = OCTETS, new.certificate.octets
        if link:
            data = build_tlm_link(old.certificate, new.certificate)
            self.put_tlm_link(old, self.sign(data, old))
        self.publish_ectl(new)
        return new

    def put_tlm_link(self, old: Ca, octets: bytes) -> None:
        self.documents[f"/cpoc/gettlmlinkcertificate/{old.certificate.hex8}"] = OCTETS, octets

    def roll_root(self, *, successor=True, link=False, listed=True) -> Ca:
        """A new root with EA and AA below it, on the ECTL of the present TLM."""
        now, old = self.clock.time32(), self.root
        new = make_ca("RCA", now, name=f"Root {len(self.roots) + 1}")
        self.roots.append(new)
        if link:
            self.put_root_link(old, self.double(old, new))
        self.root = new
        self.ea, self.aa = make_ca("EA", now, new), make_ca("AA", now, new)
        entries = [
            EaEntry(self.ea.certificate, f"{URL}/ea/validation", f"{URL}/ea"),
            AaEntry(self.aa.certificate, f"{URL}/aa"),
            DcEntry(f"{URL}/dc", (new.certificate.hashed_id8,)),
        ]
        self.publish_for(new, f"{URL}/dc", entries)
        self.clock.advance(1)
        self.publish_ectl(self.tlm, successor=successor, listed=listed)
        return new

    def put_root_link(self, old: Ca, octets: bytes) -> None:
        self.documents[f"/dc/getrcalinkcertificate/{old.certificate.hex8}"] = OCTETS, octets

    def double(self, old: Ca, new: Ca, *, inner_by: Ca | None = None) -> bytes:
        single = self.sign(build_rca_link(old.certificate, new.certificate), inner_by or old)
        if inner_by is None:
            data = build_double_link(SignedLink.parse(single), old.certificate, new.certificate)
        else:
            value = wire.decode(dot2.Ieee1609Dot2Data, single)
            kind = "doubleSignedlinkCertificateRca"
            data = etsi.EtsiTs102941Data(
                version=1, content=etsi.EtsiTs102941DataContent(kind=kind, value=value)
            )
        return self.sign(data, new, "certificate")

    def publish_ectl(self, tlm: Ca, *, successor=True, listed=True, roots=None) -> None:
        self.sequence += 1
        known = [ca.certificate for ca in (roots or (self.roots if listed else self.roots[:-1]))]
        before = {new: old for old, new in pairwise(known)} if successor else {}
        entries = [RcaEntry(root, before.get(root)) for root in known]
        entries += [TlmEntry(ca.certificate, f"{URL}/cpoc") for ca in self.tlms]
        entries.append(DcEntry(f"{URL}/dc", tuple(root.hashed_id8 for root in known)))
        now = self.clock.time32()
        data = build_ectl(tlm.certificate, EctlSchedule(now, now + 24 * HOUR, self.sequence), entries)
        self.put(f"/cpoc/getectl/{tlm.certificate.hex8}", OCTETS, data, tlm)


@pytest.fixture
def pki(clock) -> Rolling:
    return Rolling(clock)


def again(station: Station, pki, clock) -> Station:
    """The station after a restart."""
    return Station(station.directory.path, clock=clock, http=pki)


def stays(station: Station, pki: Rolling, rule_text: str) -> None:
    """The station refuses to follow, says why, and goes on under what it trusted."""
    found = station.refresh()
    assert (found.tlm, found.root) == (pki.tlms[0].certificate, pki.roots[0].certificate)
    assert any(rule_text in problem for problem in found.problems), found.problems
    assert station.state.followed.tlm is None and station.state.followed.root is None


# --- following -------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["successorTo", "link"])
def test_a_station_that_knows_the_old_tlm_and_root_comes_to_trust_the_new_aa(new_station, pki, clock, by):
    station = new_station(root=pki.root.certificate.hex8)
    old = station.refresh()
    clock.advance(HOUR)
    tlm = pki.roll_tlm()
    root = pki.roll_root(successor=by == "successorTo", link=by == "link")
    found = station.refresh()
    assert (found.tlm, found.root) == (tlm.certificate, root.certificate)
    assert (found.ea.certificate, found.aa.certificate) == (pki.ea.certificate, pki.aa.certificate)
    assert found.problems == ()
    assert old.aa.certificate in found.authorities  # tickets of the old AA are still believed
    station.enrol()
    assert [ticket.issuer_id8 for ticket in station.authorize(1)] == [pki.aa.certificate.hashed_id8]


def test_what_was_followed_is_kept_and_not_followed_anew(new_station, pki, clock):
    station = new_station(root=pki.root.certificate.hex8)
    station.refresh()
    first = pki.tlm.certificate.hex8
    tlm, root = pki.roll_tlm(), pki.roll_root()
    station.refresh()
    restarted = again(station, pki, clock)
    assert (restarted.pki.tlm, restarted.pki.root) == (tlm.certificate, root.certificate)  # with no network
    del pki.log[:]
    restarted.refresh()
    assert not [line for line in pki.log if first in line]
    # even when everything of the first TLM has ended
    clock.advance(tlm.certificate.end - clock.time32() - 1000)
    assert restarted.last_pki.tlm == tlm.certificate


def test_a_station_without_a_pinned_root_takes_roots_that_succeed_one_another_for_one(new_station, pki):
    station = new_station()
    root = pki.roll_root()
    assert station.refresh().root == root.certificate


def test_a_station_that_slept_through_several_generations_arrives(new_station, pki, clock):
    station = new_station(root=pki.root.certificate.hex8)
    for _ in range(3):
        pki.roll_tlm()
        pki.roll_root()
    found = station.refresh()
    assert (found.tlm, found.root) == (pki.tlm.certificate, pki.root.certificate)
    left = {ca.certificate.hex8 for ca in (*pki.tlms[:-1], *pki.roots[:-1])}
    assert set(station.state.followed.left) == left


def test_a_root_that_has_gone_from_the_ectl_is_followed_by_its_successor(new_station, pki):
    station = new_station(root=pki.root.certificate.hex8)
    root = pki.roll_root()
    entry = RcaEntry(root.certificate, pki.roots[0].certificate)
    now = pki.clock.time32()
    entries = [
        entry, TlmEntry(pki.tlm.certificate, f"{URL}/cpoc"),
        DcEntry(f"{URL}/dc", (root.certificate.hashed_id8,)),
    ]  # fmt: skip
    data = build_ectl(pki.tlm.certificate, EctlSchedule(now, now + HOUR, 9), entries)
    pki.put(f"/cpoc/getectl/{pki.tlm.certificate.hex8}", OCTETS, data, pki.tlm)
    assert station.refresh().root == root.certificate
    assert again(station, pki, pki.clock).pki.root == root.certificate


def test_a_new_root_is_used_from_when_it_has_an_ea_and_an_aa(new_station, pki):
    station = new_station(root=pki.root.certificate.hex8)
    root = pki.roll_root()
    lists = {path: pki.documents.pop(path) for path in list(pki.documents) if root.certificate.hex8 in path}
    found = station.refresh()
    assert found.root == pki.roots[0].certificate and any("404" in text for text in found.problems)
    pki.documents |= lists
    assert station.refresh().root == root.certificate


def test_a_new_tlm_without_an_ectl_is_not_yet_followed(new_station, pki):
    station = new_station()
    new = pki.roll_tlm()
    path = f"/cpoc/getectl/{new.certificate.hex8}"
    kept = pki.documents.pop(path)
    found = station.refresh()
    assert found.tlm == pki.tlms[0].certificate and "404" in found.problems[0]
    pki.documents[path] = kept
    assert station.refresh().tlm == new.certificate


def test_a_station_that_dies_before_it_notes_where_it_is_loses_nothing(new_station, pki, clock, monkeypatch):
    station = new_station(root=pki.root.certificate.hex8)
    station.refresh()
    new = pki.roll_tlm()
    with monkeypatch.context() as patched:
        patched.setattr(Station, "_move_on", lambda self, pki: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            station.refresh()
    restarted = again(station, pki, clock)
    assert restarted.pki.tlm == pki.tlms[0].certificate  # of what is stored
    assert restarted.refresh().tlm == new.certificate


def test_a_pin_that_an_operator_changes_by_hand_counts_again(new_station, pki, clock):
    station = new_station()
    pki.roll_tlm()
    station.refresh()
    file = station.directory.path / "station.json"
    document = json.loads(file.read_text())
    assert document["followed"]["tlm"] == pki.tlm.certificate.hex8
    document["settings"]["tlm"] = pki.tlm.certificate.hex8
    file.write_text(json.dumps(document))
    assert again(station, pki, clock).state.followed.tlm is None


# --- whom it does not follow -------------------------------------------------------------------


def test_a_tlm_link_signed_by_another_is_not_followed(new_station, pki, clock):
    station = new_station()
    new = pki.roll_tlm(link=False)
    data = build_tlm_link(pki.tlms[0].certificate, new.certificate)
    pki.put_tlm_link(pki.tlms[0], pki.sign(data, new))
    stays(station, pki, "signer")


def test_a_tlm_link_with_a_broken_signature_is_not_followed(new_station, pki):
    station = new_station()
    pki.roll_tlm()
    path = f"/cpoc/gettlmlinkcertificate/{pki.tlms[0].certificate.hex8}"
    octets = pki.documents[path][1]
    pki.documents[path] = OCTETS, octets[:-1] + bytes([octets[-1] ^ 1])
    stays(station, pki, "not signed by")


def test_another_certificate_than_the_one_vouched_for_is_not_followed(new_station, pki, clock):
    station = new_station()
    new = pki.roll_tlm()
    mallory = make_ca("TLM", clock.time32(), name="mallory")
    path = f"/cpoc/gettlmcertificate/{new.certificate.hex8}"
    pki.documents[path] = OCTETS, mallory.certificate.octets
    stays(station, pki, "pinned is")
    # the same name in its last octets only: the whole hash counts
    hashed = dot2.HashedData("sha384HashedData", bytes(40) + new.certificate.hashed_id8)
    body = etsi.ToBeSignedLinkCertificate(expiry_time=pki.tlms[0].certificate.end, certificate_hash=hashed)
    data = etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="linkCertificateTlm", value=body)
    )
    pki.documents[path] = OCTETS, new.certificate.octets
    pki.put_tlm_link(pki.tlms[0], pki.sign(data, pki.tlms[0]))
    stays(station, pki, "hash")


def test_an_expired_link_is_not_followed(new_station, pki, clock):
    station = new_station()
    new = pki.roll_tlm(link=False)
    data = build_tlm_link(pki.tlms[0].certificate, new.certificate)
    body = data.content.value._replace(expiry_time=clock.time32())
    data = data._replace(content=data.content._replace(value=body))
    pki.put_tlm_link(pki.tlms[0], pki.sign(data, pki.tlms[0]))
    stays(station, pki, "vouched until")


def test_links_in_a_circle_are_not_followed(new_station, pki):
    station = new_station()
    first, second = pki.tlm, pki.roll_tlm()
    back = build_tlm_link(second.certificate, first.certificate)
    pki.put_tlm_link(second, pki.sign(back, second))
    stays(station, pki, "in a circle")


def test_a_chain_without_end_is_not_followed(new_station, pki):
    station = new_station()
    for _ in range(MOST_LINKS + 1):
        pki.roll_tlm()
    del pki.log[:]
    stays(station, pki, f"more than {MOST_LINKS} generations")
    assert len([line for line in pki.log if "linkcertificate" in line]) == MOST_LINKS + 1


def test_a_station_does_not_roll_back_to_a_tlm_that_it_left(new_station, pki, clock):
    station = new_station()
    first = pki.tlm
    second = pki.roll_tlm()
    station.refresh()
    pki.put_tlm_link(second, pki.sign(build_tlm_link(second.certificate, first.certificate), second))
    found = station.refresh()
    assert found.tlm == second.certificate and "left before" in found.problems[0]
    assert again(station, pki, clock).refresh().tlm == second.certificate


def test_an_older_tlm_is_not_followed_though_the_present_one_vouches(new_station, pki, clock):
    older = make_ca("TLM", clock.time32() - YEAR, name="older")
    station = new_station()
    pki.documents[f"/cpoc/gettlmcertificate/{older.certificate.hex8}"] = OCTETS, older.certificate.octets
    body = etsi.ToBeSignedLinkCertificate(
        expiry_time=pki.tlm.certificate.end,
        certificate_hash=dot2.HashedData("sha384HashedData", older.certificate.digest),
    )
    data = etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="linkCertificateTlm", value=body)
    )
    pki.put_tlm_link(pki.tlm, pki.sign(data, pki.tlm))
    stays(station, pki, "is older than")


def test_a_root_link_whose_inner_is_not_by_the_old_root_is_not_followed(new_station, pki):
    station = new_station(root=pki.root.certificate.hex8)
    old, new = pki.root, pki.roll_root(successor=False)
    pki.put_root_link(old, pki.double(old, new, inner_by=new))
    stays(station, pki, "signer")


def test_a_single_signed_root_link_alone_is_not_followed(new_station, pki):
    station = new_station(root=pki.root.certificate.hex8)
    old, new = pki.root, pki.roll_root(successor=False)
    pki.put_root_link(old, pki.sign(build_rca_link(old.certificate, new.certificate), old))
    stays(station, pki, "where rca-double belongs")


def test_a_root_that_is_not_on_the_ectl_is_not_followed_though_the_old_one_vouches(new_station, pki, clock):
    other = make_ca("RCA", clock.time32(), name="of another PKI")
    station = new_station(root=pki.root.certificate.hex8)
    old, new = pki.root, pki.roll_root(listed=False)
    pki.put_root_link(old, pki.double(old, new))
    pki.publish_ectl(pki.tlm, successor=False, roots=[old, other])
    stays(station, pki, "which the ECTL has not")


def test_two_successors_of_one_root_are_not_followed(new_station, pki, clock):
    station = new_station(root=pki.root.certificate.hex8)
    heirs = [make_ca("RCA", clock.time32(), name=name).certificate for name in ("one", "two")]
    root, tlm = pki.root.certificate, pki.tlm.certificate
    entries = [
        RcaEntry(root), *(RcaEntry(heir, root) for heir in heirs), TlmEntry(tlm, f"{URL}/cpoc"),
        DcEntry(f"{URL}/dc", (root.hashed_id8, *(heir.hashed_id8 for heir in heirs))),
    ]  # fmt: skip
    now = clock.time32()
    data = build_ectl(tlm, EctlSchedule(now, now + HOUR, 7), entries)
    pki.put(f"/cpoc/getectl/{tlm.hex8}", OCTETS, data, pki.tlm)
    stays(station, pki, "several successors")


@pytest.mark.parametrize("octets", [b"", b"\x03", b"garbage"])
def test_garbage_where_a_link_belongs_changes_nothing(new_station, pki, octets):
    station = new_station()
    pki.put_tlm_link(pki.tlm, octets)
    stays(station, pki, "link of")


def test_a_station_whose_tlm_has_ended_says_so(new_station, pki, clock):
    station = new_station()
    pki.roll_tlm()
    clock.advance(pki.tlms[0].certificate.end - clock.time32())
    with pytest.raises(Untrusted) as error:
        station.refresh()
    assert error.value.rule == "expired"


def test_a_state_of_an_earlier_version_is_read(new_station, pki, clock):
    station = new_station()
    file = station.directory.path / "station.json"
    document = json.loads(file.read_text())
    del document["followed"]
    file.write_text(json.dumps(document))
    assert again(station, pki, clock).refresh().tlm == pki.tlm.certificate
    assert isinstance(station.settings, Settings) and isinstance(pki.tlm.certificate, Certificate)
