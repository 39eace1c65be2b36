"""EA and AA take over new lists: fetched, verified from the pinned root down, replaced as a whole."""

import os
from pathlib import Path

import pytest

from v2xpki.authorities import rounds
from v2xpki.authorities.etsi import publishing
from v2xpki.authorities.etsi.peers import TrustFolder
from v2xpki.authorities.etsi.refresh import TrustRefresh, accept
from v2xpki.authorities.rounds import Fetched, ListState, Round, last_round, read_round, turn, write_round
from v2xpki.errors import InvalidList, LinkError
from v2xpki.trust.lists import AaEntry, SignedList
from v2xpki.web.checks import lists_refreshed


class Centre:
    """A ListSource over a house's distribution, with its ETags; `broken` spoils what it hands out."""

    def __init__(self, house) -> None:
        self.house, self.asked, self.away = house, [], False
        self.broken, self.broken_for = {}, {}

    def get(self, url: str, etag: str = "") -> Fetched:
        self.asked.append(url)
        if self.away:
            raise LinkError(f"{url}: away")
        name, hex8 = url.split("/")[-2:]
        if name in self.broken or f"{name}/{hex8}" in self.broken_for:
            return Fetched(self.broken.get(name) or self.broken_for[f"{name}/{hex8}"], "x")
        distribution, id8 = self.house.distribution(), bytes.fromhex(hex8)
        document = {
            "getctl": distribution.ctl, "getcrl": distribution.crl, "getectl": distribution.ectl,
            "gettlmcertificate": distribution.tlm_certificate,
            "gettlmlinkcertificate": distribution.tlm_link, "getrcalinkcertificate": distribution.root_link,
        }[name](id8)  # fmt: skip
        if document is None:
            raise LinkError(f"{url}: HTTP 404")
        return Fetched(None) if document.etag == etag else Fetched(document.octets, document.etag)


@pytest.fixture
def folder(house):
    path = house.hall.directory / "aa" / "trust"
    path.mkdir(parents=True)
    lists = house.hall.directory
    for name, source in {
        "root.oer": "root/certificates/root-1.oer", "tlm.oer": "tlm/certificates/tlm-1.oer",
        "ctl.oer": "root/lists/ctl-0.oer", "crl.oer": "root/lists/crl-0.oer",
        "ectl.oer": "tlm/lists/ectl-0.oer",
    }.items():  # fmt: skip
        (path / name).write_bytes((lists / source).read_bytes())
    return path


@pytest.fixture
def centre(house) -> Centre:
    return Centre(house)


@pytest.fixture
def counted() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def refresh(folder, centre, house, counted) -> TrustRefresh:
    count = lambda name, outcome: counted.append((name, outcome))  # noqa: E731
    return TrustRefresh(folder, centre, house.clock, interval=60, count=count)


def aa_of(house):
    return next(e for e in house.ctl().entries if isinstance(e, AaEntry)).certificate


def test_a_revocation_reaches_who_goes_by_the_folder(house, folder, refresh, counted):
    peers, aa = TrustFolder(folder, house.clock), aa_of(house)
    assert not peers.aa(aa.hashed_id8).revoked
    house.publish_root(revoked=[aa])
    refresh.round()
    assert peers.aa(aa.hashed_id8) is None
    assert SignedList.parse((folder / "crl.oer").read_bytes()).revoked == {aa.hashed_id8}
    assert sorted(counted) == [("crl", "replaced"), ("ctl", "replaced"), ("ectl", "unchanged")]
    found = lists_refreshed(folder, house.clock, 60)
    assert (found.ok, found.warning, found.text) == (True, False, "asked for, in force")
    assert {name for name, _, _ in found.values} == {
        "v2xpki_trust_list_seconds_left", "v2xpki_trust_refresh_age_seconds"
    }  # fmt: skip


def test_a_round_is_done_by_one_process_and_not_before_its_time(house, folder, centre, refresh):
    other = TrustRefresh(folder, centre, house.clock, interval=60)
    refresh.round()
    asked = len(centre.asked)
    for process in (refresh, other):
        process.round()
    assert len(centre.asked) == asked == 4
    house.clock.advance(60)
    other.round()
    assert len(centre.asked) == 8


def test_while_one_is_at_it_the_others_wait(house, folder, centre, refresh):
    import fcntl

    with (folder / ".refresh").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refresh.round()
    assert centre.asked == []


def test_whoever_reads_amid_a_round_has_the_last_one_as_a_whole(folder):
    first, second = (Round(at=n, well=n, lists={"ctl": ListState("failed", 0, "x" * n)}) for n in (5000, 9))
    for found in (first, second):
        with (folder / ".refresh").open("a+") as reader, turn(folder) as file:
            before, part = last_round(folder), reader.seek(0) or os.read(reader.fileno(), 10)
            write_round(file, found)
            rest = os.read(reader.fileno(), 100_000)
        assert last_round(folder) == found
        (folder / ".seen").write_bytes(part + rest)
        with (folder / ".seen").open() as seen:
            assert read_round(seen) == before


def test_a_round_that_ended_meanwhile_is_not_done_again(folder, monkeypatch):
    """Its lock is free, but of a file that was replaced since."""
    flock = rounds.fcntl.flock

    def late(file, operation):
        monkeypatch.undo()
        with turn(folder) as other:
            write_round(other, Round(at=7, well=7))
        flock(file, operation)

    monkeypatch.setattr(rounds.fcntl, "flock", late)
    with turn(folder) as file:
        assert file is None
    with turn(folder) as file:
        assert read_round(file).at == 7


def test_a_round_is_told_where_there_is_no_room_for_another_file(folder, monkeypatch):
    with turn(folder) as file:
        write_round(file, Round(at=6, well=6))

    def full(*_args, **_options):
        raise OSError("no space")

    monkeypatch.setattr(Path, "write_text", full)
    with turn(folder) as file:
        write_round(file, Round(at=7, well=7))
    assert last_round(folder).at == 7


def test_what_has_not_changed_is_not_sent_again(house, folder, centre, refresh, counted):
    refresh.round()
    before = (folder / "ctl.oer").stat().st_mtime_ns
    house.clock.advance(60)
    refresh.round()
    assert (folder / "ctl.oer").stat().st_mtime_ns == before
    assert {outcome for _, outcome in counted} == {"unchanged"}


def test_a_file_that_went_missing_comes_back(house, folder, refresh):
    refresh.round()
    (folder / "crl.oer").unlink()
    house.clock.advance(60)
    refresh.round()
    assert SignedList.parse((folder / "crl.oer").read_bytes()).kind == "crl"


@pytest.mark.parametrize("wrong", ["flipped", "other kind", "delta", "nonsense", "of another"])
def test_what_does_not_verify_replaces_nothing(house, folder, centre, refresh, counted, wrong):
    before = (folder / "ctl.oer").read_bytes()
    house.publish("ctl")
    new = house.ctl().octets
    centre.broken["getctl"] = {
        "flipped": new[:-1] + bytes([new[-1] ^ 1]),
        "other kind": house.crl().octets,
        "delta": house.delta_ctl(1).octets,
        "nonsense": b"<html>",
        "of another": house.ectl().octets,
    }[wrong]
    refresh.round()
    assert (folder / "ctl.oer").read_bytes() == before
    assert ("ctl", "failed") in counted and ("crl", "unchanged") in counted
    assert last_round(folder).lists["ctl"].problem
    del centre.broken["getctl"]
    house.clock.advance(10)
    refresh.round()
    assert (folder / "ctl.oer").read_bytes() == new


def test_an_older_list_replaces_nothing(house, folder, centre, refresh):
    old = {"getctl": house.ctl().octets, "getcrl": house.crl().octets, "getectl": house.ectl().octets}
    house.clock.advance(5)
    house.publish_root(revoked=[aa_of(house)])
    house.publish("ectl")
    refresh.round()
    now = {name: (folder / name).read_bytes() for name in ("ctl.oer", "crl.oer", "ectl.oer")}
    centre.broken.update(old)
    house.clock.advance(60)
    refresh.round()
    assert {name: (folder / name).read_bytes() for name in now} == now
    assert all("rollback" in s.problem or "older" in s.problem or "does not follow" in s.problem
               for s in last_round(folder).lists.values())  # fmt: skip


def test_a_crl_after_a_revocation_takes_the_place_of_one_that_was_signed_ahead(house):
    house.publish("crl", count=2)
    ahead = sorted(house.hall.directory.glob("root/lists/crl-2.oer"))[0].read_bytes()
    house.clock.advance(1)
    published = house.publish_root(revoked=[aa_of(house)])
    now = house.clock.time32() + 24 * 86400
    present = SignedList.parse(ahead)
    new = next(path for path in published.lists if path.name.startswith("crl")).read_bytes()
    assert SignedList.parse(new).this_update < present.this_update
    assert accept("crl", new, house.root, now, present).revoked
    first = (house.hall.directory / "root/lists/crl-0.oer").read_bytes()
    with pytest.raises(InvalidList, match="older"):
        accept("crl", first, house.root, house.clock.time32(), SignedList.parse(new))


def test_a_centre_that_is_away_is_told_once_it_has_been_for_long(house, folder, centre, refresh):
    refresh.round()
    centre.away = True
    house.clock.advance(60)
    refresh.round()
    found = lists_refreshed(folder, house.clock, 60)
    assert found.ok and not found.warning and "away" in found.text
    house.clock.advance(600)
    refresh.round()
    assert lists_refreshed(folder, house.clock, 60).warning
    centre.away = False
    house.clock.advance(10)
    refresh.round()
    assert not lists_refreshed(folder, house.clock, 60).warning


def test_a_list_that_ran_out_is_told_at_once(house, folder, refresh):
    refresh.round()
    house.clock.advance(100 * 86400)
    refresh.round()
    assert "out of date" in lists_refreshed(folder, house.clock, 60).text


def test_without_the_tlm_s_certificate_no_ectl_is_asked_for(house, folder, centre, refresh):
    (folder / "tlm.oer").unlink()
    refresh.round()
    assert not any("ectl" in url for url in centre.asked)


def test_a_crash_amid_writing_leaves_the_old_list(house, folder, refresh, monkeypatch):
    before = (folder / "ctl.oer").read_bytes()
    house.publish("ctl")

    def fail(_descriptor: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fail)
    refresh.round()
    assert (folder / "ctl.oer").read_bytes() == before
    assert last_round(folder).lists["ctl"].problem == "no space"


def test_the_state_that_a_crash_cut_off_counts_as_none(house, folder, refresh, centre):
    (folder / ".refresh").write_text('{"at": 70735')
    assert last_round(folder).at == 0
    refresh.round()
    assert len(centre.asked) == 4


def test_what_this_house_published_is_what_its_services_accept(house, folder, refresh):
    published = publishing.publish_list(
        house.instance, "ctl", operator="alice", clock=house.clock, holder=house.hold
    )
    refresh.round()
    full = next(path for path in published.lists if "delta" not in path.name)
    assert (folder / "ctl.oer").read_bytes() == full.read_bytes()
