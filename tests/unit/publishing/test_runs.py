"""Lists from the wanted entries to what stations fetch (checklist L1 to L6)."""

import pytest
import yaml

from v2xpki.authorities.etsi import publishing
from v2xpki.authorities.etsi.signing import lists_of
from v2xpki.crypto import Certificate
from v2xpki.errors import AlreadyRecorded, CeremonyRefused, ConfigError, InvalidList
from v2xpki.store.auditing import examine
from v2xpki.store.root import SignedList as RootList
from v2xpki.trust.deltas import followed
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry, SignedList

DAY = 86400


def authorities(found: SignedList) -> dict[str, Certificate]:
    return {type(e).__name__: e.certificate for e in found.entries if not isinstance(e, DcEntry)}


def offline(house) -> None:
    """The same instance, not a laboratory."""
    (house.hall.directory / "v2xpki.toml").write_text("lab = false\n")
    house.hall.instance = type(house.instance).load(house.hall.directory)


def set_last(house, kind: str, number: int) -> None:
    """As if that many lists had been signed."""
    with (
        house.hall.database("root" if kind != "ectl" else "tlm") as database,
        database.write(durable=True) as tx,
    ):
        tx.execute(RootList.__table__.update().where(RootList.kind == kind).values(number=number))


def test_l1_a_ctl_has_the_wanted_entries_and_is_signed_by_the_root(house):
    before = house.ctl()
    aa = authorities(before)["AaEntry"]
    kept = [entry for entry in before.entries if not isinstance(entry, AaEntry)]
    published = house.publish_root(entries=[*kept, AaEntry(aa, "https://elsewhere.example/aa")])
    assert (published.recorded.new, len(published.lists)) == (2, 2)
    now = house.ctl()
    now.verify(house.root, house.clock.time32())
    assert [type(entry).__name__ for entry in now.entries] == ["EaEntry", "AaEntry", "DcEntry"]
    assert now.entries[1].access_point == "https://elsewhere.example/aa"
    assert any(isinstance(e, DcEntry) and house.root.hashed_id8 in e.roots for e in now.entries)


def test_l2_full_and_delta_are_both_there_and_the_delta_leads_from_one_to_the_next(house):
    before = house.ctl()
    aa = authorities(before)["AaEntry"]
    house.publish_root(revoked=[aa])
    now, delta = house.ctl(), house.delta_ctl(1)
    delta.verify(house.root, house.clock.time32())
    assert (before.sequence, delta.sequence, now.sequence) == (0, 1, 1)
    assert (delta.is_full, delta.next_update, delta.this_update) == (False, now.next_update, now.this_update)
    assert followed(before, delta) == now.entries
    assert house.distribution().delta_ctl(house.root.hashed_id8, 0) is None
    with pytest.raises(InvalidList, match="does not follow"):
        followed(now, delta)


def test_l2_each_list_of_a_run_has_its_delta_and_both_appear_when_due(house):
    offline(house)
    published = house.publish("ctl", count=4)
    names = sorted(path.name for path in published.lists)
    assert names == sorted(f"ctl-{n}{d}.oer" for n in (1, 2, 3, 4) for d in ("", "-delta"))
    signed = [SignedList.parse(path.read_bytes()) for path in published.lists]
    assert sorted(found.sequence for found in signed if found.is_full) == [1, 2, 3, 4]
    start = house.clock.time32()
    policy = house.instance.settings.lists
    step = policy.ctl_validity - policy.overlap
    for number in range(4):
        assert house.ctl().sequence == number + 1
        assert house.ctl().this_update == start + number * step
        assert house.distribution().delta_ctl(house.root.hashed_id8, number + 2) is None
        house.tick(step)
    assert [house.delta_ctl(n).sequence for n in (1, 2, 3, 4)] == [1, 2, 3, 4]


def test_l3_the_ctl_wraps_after_255_and_goes_on(house):
    set_last(house, "ctl", 254)
    (house.hall.directory / "root/lists/ctl-0.oer").unlink()
    with house.hall.database("dc") as database, database.write(durable=True) as tx:
        from v2xpki.store.dc import PublicationRow

        tx.execute(
            PublicationRow.__table__.update()
            .where(PublicationRow.kind == "ctl")
            .values(number=254, sequence=254)
        )
    assert house.publish("ctl", count=3).recorded.new == 6
    for sequence in (255, 0, 1):
        assert house.ctl().sequence == sequence
        assert house.delta_ctl(sequence).sequence == sequence
        house.tick(23 * DAY)
    with house.hall.database("root") as database:
        assert lists_of(database, "ctl", house.root.hashed_id8).last().number == 257


def test_l3_the_ectl_warns_at_200_and_refuses_past_255_naming_the_re_key(house):
    set_last(house, "ectl", 198)
    assert house.publish("ectl").warnings == ()
    assert "re-key" in house.publish("ectl").warnings[0]
    set_last_and_drop(house, 253)
    with pytest.raises(InvalidList, match="2 are left") as refused:
        house.publish("ectl", count=3)
    assert "--count 2" in refused.value.hint and "re-key the TLM" in refused.value.hint
    house.publish("ectl", count=2)
    with pytest.raises(InvalidList, match=r"256.*does not wrap") as refused:
        house.publish("ectl")
    assert "re-key the TLM" in refused.value.hint


def set_last_and_drop(house, number: int) -> None:
    from v2xpki.store.tlm import SignedList as TlmList

    table = TlmList.__table__
    with house.hall.database("tlm") as database, database.write(durable=True) as tx:
        tx.execute(table.delete().where(table.c.number < 200))
        tx.execute(table.delete().where(table.c.delta == 1))
        tx.execute(table.update().values(number=number))


def test_l4_the_ectl_has_roots_tlm_and_centres_with_its_deltas(house):
    house.publish("ectl", count=2)
    now = house.ectl()
    now.verify(house.tlm, house.clock.time32())
    assert [type(entry).__name__ for entry in now.entries] == ["RcaEntry", "TlmEntry", "DcEntry"]
    latest = SignedList.parse(house.distribution().delta_ectl(house.tlm.hashed_id8, None).octets)
    assert latest.sequence == now.sequence == 1
    house.tick(83 * DAY)
    assert house.ectl().sequence == 2
    assert SignedList.parse(house.distribution().delta_ectl(house.tlm.hashed_id8, 1).octets).sequence == 1
    assert SignedList.parse(house.distribution().delta_ectl(house.tlm.hashed_id8, None).octets).sequence == 2


def test_l5_an_empty_crl_is_issued_again_and_again(house):
    first = house.crl()
    assert first.revoked == frozenset()
    house.clock.advance(DAY)
    house.publish("crl")
    now = house.crl()
    now.verify(house.root, house.clock.time32())
    assert (now.revoked, now.this_update) == (frozenset(), house.clock.time32())


def test_l5_revocation_is_permanent_sorted_and_ends_with_the_certificate(house):
    held = authorities(house.ctl())
    ea, aa = held["EaEntry"], held["AaEntry"]
    house.publish_root(revoked=[aa])
    assert house.crl().revoked == {aa.hashed_id8}
    assert "AaEntry" not in authorities(house.ctl())
    house.publish_root(revoked=[ea])
    assert house.crl().body.entries == tuple(sorted([ea.hashed_id8, aa.hashed_id8]))
    house.publish("crl")
    assert house.crl().revoked == {ea.hashed_id8, aa.hashed_id8}
    house.clock.advance(max(ea.end, aa.end) - house.clock.time32())
    house.publish("crl")
    assert house.crl().revoked == frozenset()


def test_l5_the_root_may_revoke_itself_and_never_another(house):
    with pytest.raises(InvalidList, match="another root"):
        house.publish("crl", revoked=[house.tlm])
    assert house.crl().sequence is None and house.crl().revoked == frozenset()
    house.publish("crl", revoked=[house.root])
    assert house.crl().revoked == {house.root.hashed_id8}


def test_an_entry_of_another_root_is_refused_and_takes_no_number(house):
    entry = next(e for e in house.ctl().entries if isinstance(e, EaEntry))
    with pytest.raises(InvalidList, match="not issued by the RCA"):
        house.publish_root(entries=[*house.ctl().entries, AaEntry(house.tlm, entry.aa_access_point)])
    house.publish("ctl")
    assert house.ctl().sequence == 1


def test_what_was_signed_ahead_and_overtaken_is_never_handed_out(house):
    offline(house)
    house.publish("ctl", count=3)
    house.publish("crl", count=3)
    aa = authorities(house.ctl())["AaEntry"]
    house.clock.advance(3 * DAY)
    house.publish_root(revoked=[aa], count=2)
    assert (house.ctl().sequence, house.crl().revoked) == (4, {aa.hashed_id8})
    for _ in range(60):
        house.tick(DAY)
        assert "AaEntry" not in authorities(house.ctl())
        assert house.crl().revoked == {aa.hashed_id8}
    assert house.ctl().sequence == 5
    for overtaken in (2, 3):
        assert house.distribution().delta_ctl(house.root.hashed_id8, overtaken) is None


def test_an_older_run_that_is_imported_late_changes_nothing(house):
    offline(house)
    dc = house.hall.directory / "dc"
    aa = authorities(house.ctl())["AaEntry"]
    dc.rename(dc.with_name("away"))
    old = house.publish("ctl", count=2), house.publish("crl", count=2)
    new = house.publish_root(revoked=[aa], count=2)
    assert old[0].recorded is None
    dc.with_name("away").rename(dc)
    assert publishing.import_lists(house.instance, new.lists, house.clock).new == 6
    assert publishing.import_lists(house.instance, new.lists, house.clock) == (0, 6, 0)
    assert publishing.import_lists(house.instance, old[0].lists, house.clock) == (0, 0, 4)
    with pytest.raises(InvalidList, match="lets go of"):
        publishing.import_lists(house.instance, old[1].lists, house.clock)
    assert house.crl().revoked == {aa.hashed_id8}


def test_a_list_of_a_signer_that_nobody_knows_is_not_published(house, tmp_path_factory):
    folder = house.hall.directory
    published = house.publish("ctl")
    other = tmp_path_factory.mktemp("other") / "ctl.oer"
    other.write_bytes(published.lists[0].read_bytes())
    for name in ("root-1.oer",):
        (folder / "root/certificates" / name).unlink()
    with pytest.raises(InvalidList, match="does not know"):
        publishing.import_lists(house.instance, [other], house.clock)


def test_the_ceremony_s_file_says_what_is_signed_and_another_sequence_is_refused(house):
    run = publishing.prepare_run(house.instance, "ctl", count=2, clock=house.clock)
    table = yaml.safe_load(run.file.read_text())
    assert (table["sequence"], table["count"], table["title"]) == (1, 2, "CTL, sequences 1 to 2")
    run.file.write_text(run.file.read_text().replace("sequence: 1\n", "sequence: 5\n"))
    with pytest.raises(CeremonyRefused, match=r"sequence 5 .* is not the next one, 1"):
        house.hold(run.file, "alice")


def test_a_run_that_follows_begins_where_the_last_one_gives_way(house):
    offline(house)
    house.publish("ctl", count=2)
    run = publishing.prepare_run(house.instance, "ctl", following=True, clock=house.clock)
    policy = house.instance.settings.lists
    assert run.this_update == house.clock.time32() + 2 * (policy.ctl_validity - policy.overlap)
    assert run.count == policy.run_length
    house.hold(run.file, "alice")
    publishing.import_lists(house.instance, [house.hall.directory / "root/lists"], house.clock, kind="ctl")
    for sequence in range(1, 11):
        assert house.ctl().sequence == sequence
        house.tick(23 * DAY)


def test_a_file_of_the_other_kind_is_refused_where_it_is_named_and_left_out_of_a_folder(house):
    lists = house.hall.directory / "root/lists"
    with pytest.raises(InvalidList, match="is a CRL"):
        publishing.import_lists(house.instance, [lists / "crl-0.oer"], house.clock, kind="ctl")
    assert publishing.import_lists(house.instance, [lists], house.clock, kind="ctl") == (0, 1, 0)


def test_where_the_root_is_not_within_reach_nothing_is_prepared(house):
    (house.hall.directory / "root").rename(house.hall.directory / "away")
    with pytest.raises(ConfigError, match="is not there") as refused:
        house.publish("ctl")
    assert "--from" in refused.value.hint


def test_every_list_is_recorded_before_it_is_signed_and_kept(house):
    house.publish_root(revoked=[authorities(house.ctl())["AaEntry"]], count=3)
    with house.hall.database("root") as database:
        assert examine(database).findings == ()
        for kind, count in (("ctl", 4 + 3), ("crl", 4)):
            lists = lists_of(database, kind, house.root.hashed_id8)
            kept = lists.signed()
            assert len(kept) == count
            for entry in kept:
                name = f"{kind}-{entry.number}{'-delta' if entry.delta else ''}.oer"
                assert (house.hall.directory / "root/lists" / name).read_bytes() == entry.octets


def test_a_number_is_never_given_away_twice(house):
    with house.hall.database("root") as database:
        lists = lists_of(database, "ctl", house.root.hashed_id8)
        for number in (0, -1):
            with pytest.raises(AlreadyRecorded), database.write(durable=True) as tx:
                lists.tx_take(tx, number, delta=False, this_update=1, next_update=2, record=bytes(16))


def test_a_run_beyond_the_root_s_own_end_is_refused(house):
    house.clock.advance(house.root.end - house.clock.time32() - 40 * DAY)
    with pytest.raises(InvalidList, match="the signer's certificate ends"):
        house.publish("ctl", count=3)
    house.publish("ctl", count=2)
