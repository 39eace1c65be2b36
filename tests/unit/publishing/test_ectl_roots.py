"""Another PKI's root on the ECTL: what is taken on, what is refused, what comes off again."""

import json

import pytest

from tests.unit.station.fake_pki import certify, make_ca
from v2xpki.authorities.etsi import ectl_roots, publishing
from v2xpki.authorities.etsi.foreign_tlm import read_foreign_tlm
from v2xpki.cli import main
from v2xpki.errors import ConfigError, InvalidChain, InvalidList, StationError
from v2xpki.trust.deltas import followed
from v2xpki.trust.lists import DcEntry, RcaEntry, SignedList

DC = "https://other.example/dc"


@pytest.fixture
def other(house):
    return make_ca("RCA", house.clock.time32(), name="Root of others")


def wanted(house, root, dc=DC):
    present = publishing.present_entries(house.instance, "ectl")
    return ectl_roots.with_root(present, root, dc, house.clock.time32())


def roots_and_centres(entries):
    roots = {e.certificate.hashed_id8 for e in entries if isinstance(e, RcaEntry)}
    return roots, {e.url: set(e.roots) for e in entries if isinstance(e, DcEntry)}


def test_a_root_and_its_centre_are_on_the_next_ectl_and_off_the_one_after(house, other):
    own = house.root.hashed_id8
    first = house.ectl()
    house.publish("ectl", entries=wanted(house, other.certificate))
    second = house.ectl()
    assert roots_and_centres(second.entries) == (
        {own, other.certificate.hashed_id8},
        {"http://127.0.0.1:8080/dc": {own}, DC: {other.certificate.hashed_id8}},
    )
    second.verify(house.tlm, house.clock.time32())
    present = publishing.present_entries(house.instance, "ectl")
    gone = ectl_roots.without_root(present, other.certificate.hashed_id8)
    house.publish("ectl", entries=gone)
    assert house.ectl().entries == first.entries
    delta = house.distribution().delta_ectl(house.tlm.hashed_id8, 2)
    assert followed(second, SignedList.parse(delta.octets)) == first.entries


def test_a_centre_with_several_roots_is_one_entry_and_stays_for_the_others(house, other):
    another = make_ca("RCA", house.clock.time32(), name="A third root")
    both = ectl_roots.with_root(
        wanted(house, other.certificate), another.certificate, DC + "/", house.clock.time32()
    )
    assert roots_and_centres(both)[1][DC] == {other.certificate.hashed_id8, another.certificate.hashed_id8}
    left = ectl_roots.without_root(both, other.certificate.hashed_id8)
    assert roots_and_centres(left)[1][DC] == {another.certificate.hashed_id8}


def test_a_forged_expired_future_or_other_certificate_is_not_taken_on(house, other):
    root = other.certificate
    tbs = root.record.to_be_signed
    for certificate, rule in (
        (certify(tbs, make_ca("RCA", house.clock.time32(), name="x").key), "signature"),
        (certify(tbs._replace(app_permissions=None), other.key), "profile"),
        (make_ca("RCA", house.clock.time32() - 9 * 31_556_952, name="Old").certificate, "expired"),
        (make_ca("RCA", house.clock.time32() + 7200, name="Early").certificate, "not-yet-valid"),
        (make_ca("TLM", house.clock.time32()).certificate, "profile"),
        (make_ca("EA", house.clock.time32(), other).certificate, "anchor"),
    ):
        with pytest.raises(InvalidChain) as refused:
            wanted(house, certificate)
        assert refused.value.rule == rule


def test_a_root_twice_an_unknown_root_and_a_bad_url_are_refused(house, other):
    with pytest.raises(InvalidList, match="already"):
        wanted(house, house.root)
    with pytest.raises(InvalidList, match="no root"):
        ectl_roots.without_root(wanted(house, other.certificate), bytes(8))
    with pytest.raises(InvalidList, match="URL"):
        wanted(house, other.certificate, "ftp://other.example/dc")


def test_the_command_is_a_dry_run_without_yes_and_writes_a_ceremony_s_file_outside_of_a_laboratory(
    house, other, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("v2xpki.time.SystemClock.time32", lambda _: house.clock.time32())
    directory = house.hall.directory
    directory.joinpath("v2xpki.toml").write_text("lab = false\n")
    file = tmp_path / "other.oer"
    file.write_bytes(other.certificate.octets)
    before = sorted(directory.rglob("*.yaml"))

    def call(*words, code):
        with pytest.raises(SystemExit) as ended:
            main(["ectl", *map(str, words)])
        assert ended.value.code == code
        return capsys.readouterr()

    said = call("add-root", directory, file, "--dc", DC, code=1)
    assert other.certificate.hex8 in said.err and "nothing was done" in said.err
    assert sorted(directory.rglob("*.yaml")) == before
    written = json.loads(call("add-root", directory, file, "--dc", DC, "--yes", "--json", code=0).out)
    assert written["root"] == other.certificate.hex8 and written["count"] == 8
    text = (directory / "ceremonies/ectl-1.yaml").read_text()
    assert DC in text and other.certificate.hex8 in text
    assert house.ectl().sequence == 0
    call("remove-root", directory, other.certificate.hex8, "--yes", code=1)
    call("remove-root", directory, "12", "--yes", code=2)


# --- a PKI under another's TLM --------------------------------------------------------------------------


def test_a_foreign_tlm_is_taken_with_its_ectl_and_where_the_next_one_is(house):
    found = read_foreign_tlm(house.tlm, house.ectl().octets, house.clock.time32())
    assert (found.certificate, found.sequence, found.cpoc) == (house.tlm, 0, "http://127.0.0.1:8080/cpoc")


def test_an_ectl_of_another_tlm_a_stale_one_and_a_root_as_tlm_are_refused(house):
    now = house.clock.time32()
    with pytest.raises(StationError):
        read_foreign_tlm(make_ca("TLM", now).certificate, house.ectl().octets, now)
    with pytest.raises(StationError):
        read_foreign_tlm(house.tlm, house.ectl().octets, now + 100 * 86400)
    with pytest.raises(InvalidChain):
        read_foreign_tlm(house.root, house.ectl().octets, now)
    with pytest.raises(StationError):
        read_foreign_tlm(house.tlm, house.ctl().octets, now)


def test_without_an_own_tlm_there_is_no_domain_for_it(house):
    house.hall.directory.joinpath("v2xpki.toml").write_text("own_tlm = false\n")
    from v2xpki.config import Instance, Settings

    instance = Instance.load(house.hall.directory)
    assert "tlm" not in instance.domain_names and "ectl" not in instance.list_kinds
    with pytest.raises(ConfigError, match="no domain 'tlm'"):
        publishing.present_entries(instance, "ectl")
    with pytest.raises(ConfigError, match="own_tlm"):
        Settings.parse('own_tlm = false\n[domains.tlm]\ncurve = "nistP256"\n')
