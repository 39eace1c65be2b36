"""Root and TLM roll-over: interrupted, killed, with offline keys, on several hosts, over generations."""

import shutil
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.publishing.test_crash import rows, until_it_ends
from v2xpki._resources import data_dir
from v2xpki.authorities.etsi import publishing, rollover, tlm
from v2xpki.authorities.etsi.generations import _with_generation, certificates_of, in_force, set_generations
from v2xpki.authorities.etsi.rollover import Rollover
from v2xpki.config import Instance, Settings
from v2xpki.crypto import Certificate, signing_digest
from v2xpki.errors import CeremonyRefused, ConfigError, InvalidLink, InvalidList, KeystoreError
from v2xpki.store import Database
from v2xpki.store.base import AuditRow, IssuanceRecord
from v2xpki.store.dc import Kind
from v2xpki.trust import lists
from v2xpki.trust.links import SignedLink
from v2xpki.trust.lists import AaEntry, EaEntry, RcaEntry, SignedList, TlmEntry

YEAR = 365 * 86400


def plan(house, role: str, **options) -> Rollover:
    house.hall.instance = Instance.load(house.hall.directory)
    return Rollover.plan(house.instance, role, clock=house.clock, **options)


def roll(house, role: str, **options) -> rollover.Finished:
    house.clock.advance(3600)
    done = plan(house, role, **options).carry_out("alice", holder=house.hold)
    house.hall.instance = Instance.load(house.hall.directory)
    return done


def octets(house) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(house.hall.directory.rglob("*")) if p.is_file()}


def links(house, name: str) -> list:
    with house.hall.database(name) as database:
        return [row for row in rows(database, IssuanceRecord) if row.kind == "LINK" and row.state == "issued"]


# --- going on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["tlm", "root"])
def test_a_dry_run_changes_nothing(house, role):
    before = {path: data for path, data in octets(house).items() if "-runs" not in path}
    steps = plan(house, role).steps()
    assert steps[0].state == "ready" and {step.state for step in steps[1:]} <= {"waits", "ready"}
    assert {path: data for path, data in octets(house).items() if "-runs" not in path} == before


@pytest.mark.parametrize("role", ["tlm", "root"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_interrupted_at_any_ceremony_it_goes_on_with_what_is_left(house, role, when):
    count, held = len(plan(house, role).steps()), []

    def holder(deadly: int):
        left = iter(range(100))

        def hold(file, operator):
            if next(left) == deadly and when == "before":
                raise KeystoreError("the token is gone")
            held.append(file.name)
            done = house.hold(file, operator)
            if when == "after":
                raise KeystoreError("the token is gone")
            return done

        return hold

    for _ in range(count - (when == "before")):
        house.clock.advance(60)
        with pytest.raises(KeystoreError):
            plan(house, role).carry_out("alice", holder=holder(1 if when == "before" else 0))
    done = roll(house, role)
    assert {step.state for step in done.steps} == {"done"}
    assert len(held) == len(set(held)) == count - (when == "before")
    assert len(links(house, role)) == (1 if role == "tlm" else 2)
    assert house.instance.domain(role).generation == 2
    assert sorted(certificates_of(house.instance.domain(role))) == [1, 2]
    assert plan(house, role).steps() == []


def test_two_operators_at_once_are_one_too_many(house):
    work = plan(house, "tlm")

    def hold(file, operator):
        with pytest.raises(CeremonyRefused, match="at work"):
            plan(house, "root").carry_out("bob", holder=house.hold)
        return house.hold(file, operator)

    house.clock.advance(3600)
    assert work.carry_out("alice", holder=hold).in_use == {"tlm": 2}


def test_finishing_twice_changes_nothing(house):
    house.clock.advance(3600)
    work = plan(house, "root")
    first = work.carry_out("alice", holder=house.hold)
    settings = (house.hall.directory / "v2xpki.toml").read_bytes()
    again = work.finish("alice")
    assert first.recorded.new > 0 and again.recorded.new == 0
    assert (house.hall.directory / "v2xpki.toml").read_bytes() == settings
    with house.hall.database("ea") as database:
        assert [row.event for row in rows(database, AuditRow)].count("certificate.installed") == 1


def test_a_key_that_a_killed_ceremony_left_is_passed_over(house, monkeypatch):
    keys = {"tlm": [{"label": "tlm-sign-1"}, {"label": "tlm-sign-2"}]}
    monkeypatch.setattr(rollover, "keys_in_tokens", lambda instance, names: keys)
    assert plan(house, "tlm").new == 3
    done = roll(house, "tlm")
    assert done.in_use == {"tlm": 3}
    assert sorted(in_force(house.instance.domain("tlm"), house.clock.time32())) == [1, 3]
    # the last one in use is the one that vouched; it goes on from there
    assert plan(house, "tlm", again=True).old == 3


def test_killed_at_any_step_of_a_link_ceremony_there_is_no_second_link_for_one_record(house, tmp_path):
    house.clock.advance(3600)
    for role, count in (("tlm", 1), ("root", 2)):
        journal = tmp_path / f"signatures-{role}"
        work = plan(house, role)
        first = work.prepare()[0] if not house.instance.lab else None
        assert first is None
        house.hold(work._tasks()[0].write(), "alice")
        template = (data_dir("hsm") / "ceremonies" / f"{role}-link.yaml").read_text()
        file = house.instance.ceremonies_dir / f"link-{role}.yaml"
        file.write_text(string.Template(template).safe_substitute(instance="..", old=1, new=2))
        output = house.hall.directory / f"{role}/links/{role}-link-1.oer"

        def attempt(file=file, output=output):
            output.unlink(missing_ok=True)  # as if the disk had lost it: only the record may count
            house.hold(file, "alice")

        def check(role=role, count=count, journal=journal, output=output):
            house.clock.advance(60)
            with house.hall.database(role) as database:
                records = [row for row in rows(database, IssuanceRecord) if row.kind == "LINK"]
            issued = [row for row in records if row.state == "issued"]
            assert len(issued) <= count
            own = {c.hashed_id8: c for c in certificates_of(house.instance.domain(role)).values()}
            digests = {
                signing_digest(own[row.issuer].curve.hash, row.to_be_signed, own[row.issuer].octets).hex()
                for row in records
            }
            signatures = journal.read_text().split() if journal.exists() else []
            assert len(set(signatures)) == len(signatures) and set(signatures) <= digests
            for path in output.parent.glob("*.oer"):
                assert path.read_bytes() in {bytes(row.signed) for row in issued}

        assert until_it_ends(attempt, check, journal) > 8
        assert len(links(house, role)) == count
        old, new = (house.certificate(f"{role}/certificates/{role}-{n}.oer") for n in (1, 2))
        SignedLink.parse(output.read_bytes()).verify(old, new, house.clock.time32())


# --- lists ---------------------------------------------------------------------------------------


def test_l4_the_new_tlms_ectl_begins_at_0_and_both_list_both(house):
    before = house.ectl()
    roll(house, "tlm")
    new = house.certificate("tlm/certificates/tlm-2.oer")
    distribution = house.distribution()
    fresh = SignedList.parse(distribution.ectl(new.hashed_id8).octets)
    former = SignedList.parse(distribution.ectl(house.tlm.hashed_id8).octets)
    assert (fresh.sequence, former.sequence) == (0, before.sequence + 1)
    fresh.verify(new, house.clock.time32())
    former.verify(house.tlm, house.clock.time32())
    for found in (fresh, former):
        tlms = {e.certificate: e.successor_to for e in found.entries if isinstance(e, TlmEntry)}
        assert tlms == {house.tlm: None, new: house.tlm}
    assert distribution.tlm_certificate(None).octets == new.octets


def test_l4_a_tlm_that_has_used_up_its_numbers_keeps_its_last_ectl(house, monkeypatch):
    for module in (lists, tlm, publishing):
        monkeypatch.setattr(module, "LAST_SEQUENCE", 20)  # not 255: each of them is signed
    (house.hall.directory / "v2xpki.toml").write_text(
        'lab = true\n[lists]\nectl_validity = "5 days"\noverlap = 0\nwarn_before = "9 days"\n'
    )
    house.hall.instance = Instance.load(house.hall.directory)
    with pytest.raises(InvalidList, match="pass 20: 20 are left"):
        house.publish("ectl", count=21)
    house.publish("ectl", count=20)
    last = (house.hall.directory / "tlm/lists/ectl-20.oer").read_bytes()
    assert publishing.last_number(house.instance, "ectl") == 20
    done = roll(house, "tlm")
    assert [step.title for step in done.steps] == [
        "TLM, generation 2", "link, generation 1 to 2", "ECTL of TLM generation 2"
    ]  # fmt: skip
    new = house.certificate("tlm/certificates/tlm-2.oer")
    assert SignedList.parse(house.distribution().ectl(new.hashed_id8).octets).sequence == 0
    house.tick(publishing.last_list(house.instance, "ectl", 1).this_update - house.clock.time32())
    assert house.distribution().ectl(house.tlm.hashed_id8).octets == last
    assert publishing.present_generations(house.instance, "ectl", house.clock) == [2]


def test_the_new_root_has_its_own_lists_and_the_old_ones_go_on(house):
    done = roll(house, "root")
    assert done.in_use == {"ea": 2, "aa": 2, "root": 2}
    new = house.certificate("root/certificates/root-2.oer")
    distribution = house.distribution()
    ctl = SignedList.parse(distribution.ctl(new.hashed_id8).octets)
    ctl.verify(new, house.clock.time32())
    assert [type(e).__name__ for e in ctl.entries] == ["EaEntry", "AaEntry", "DcEntry"]
    before = {type(entry): entry for entry in house.ctl().entries}
    for entry in ctl.entries:
        if isinstance(entry, AaEntry):
            assert entry.access_point == before[AaEntry].access_point
        elif isinstance(entry, EaEntry):
            assert entry.aa_access_point == before[EaEntry].aa_access_point
        else:
            assert entry.roots == (new.hashed_id8,)
    assert SignedList.parse(distribution.crl(new.hashed_id8).octets).revoked == frozenset()
    held = publishing.publish_all(
        house.instance, "ctl", operator="alice", clock=house.clock, holder=house.hold
    )
    assert held.recorded.new == 4 and len(held.ceremonies) == 2


def test_generations_side_by_side_until_the_oldest_ends(house):
    for number in (2, 3):
        roll(house, "tlm", again=number > 2)
    assert publishing.present_generations(house.instance, "ectl", house.clock) == [1, 2, 3]
    newest = house.certificate("tlm/certificates/tlm-3.oer")
    entries = SignedList.parse(house.distribution().ectl(newest.hashed_id8).octets).entries
    assert len([entry for entry in entries if isinstance(entry, TlmEntry)]) == 3
    house.clock.advance(house.tlm.end - house.clock.time32())
    assert publishing.present_generations(house.instance, "ectl", house.clock) == [2, 3]
    assert house.distribution().tlm_link(house.tlm.hashed_id8) is not None


def test_a_tlm_rolled_over_after_the_root_lists_both_roots(house):
    roll(house, "root")
    roll(house, "tlm")
    new = house.certificate("tlm/certificates/tlm-2.oer")
    found = SignedList.parse(house.distribution().ectl(new.hashed_id8).octets)
    roots = [entry for entry in found.entries if isinstance(entry, RcaEntry)]
    assert {entry.successor_to for entry in roots} == {None, house.root}


# --- offline keys, several hosts ---------------------------------------------------------------------


def test_with_offline_keys_files_are_prepared_and_the_same_command_goes_on(house):
    (house.hall.directory / "v2xpki.toml").write_text("lab = false\n")
    house.clock.advance(3600)
    with pytest.raises(CeremonyRefused, match="offline"):
        plan(house, "root").carry_out("alice")
    held: list[str] = []
    for _ in range(10):
        work = plan(house, "root")
        ready = [step for step in work.prepare() if step.file is not None]
        done = work.finish("alice")
        if not ready:
            break
        for step in ready:
            house.hold(step.file, "alice")
            held.append(step.title)
            house.clock.advance(1)
    assert {step.state for step in done.steps} == {"done"}
    assert done.in_use["root"] == 2 and held[0] == "RCA, generation 2"
    assert len(held) == len(set(held)) == len(done.steps)
    assert len(list(house.hall.directory.glob("root/lists/2/ctl-*.oer"))) == 15  # 8 full ones, 7 deltas
    assert house.distribution().root_link(house.root.hashed_id8) is not None


def test_the_eas_host_installs_what_is_carried_there_once(house, tmp_path_factory):
    (house.hall.directory / "v2xpki.toml").write_text("lab = false\n")
    house.clock.advance(3600)
    while ready := [step.file for step in plan(house, "root").prepare() if step.file is not None]:
        for file in ready:
            house.hold(file, "alice")
        house.clock.advance(1)
    host, made = tmp_path_factory.mktemp("ea"), house.hall.directory
    (host / "v2xpki.toml").write_text('lab = false\n[domains.root]\ncurve = "brainpoolP384r1"\n')
    shutil.copytree(made / "ea", host / "ea")
    (host / "ea/certificates/ea-1.oer").write_bytes((made / "root/issued/ea-1.oer").read_bytes())
    first = Rollover.plan(Instance.load(host), "root", clock=house.clock)
    assert {step.domain for step in first.steps() if step.state in ("ready", "waits")} == set()
    assert first.finish("alice").in_use == {}  # nothing was carried yet
    shutil.copytree(made / "root/issued", host / "root/issued")
    shutil.copytree(made / "root/certificates", host / "root/certificates")
    done = Rollover.plan(Instance.load(host), "root", clock=house.clock).finish("alice")
    assert (done.installed, done.in_use) == (["ea"], {"ea": 2})
    again = Rollover.plan(Instance.load(host), "root", clock=house.clock)
    assert (again.new, again.subs["ea"]) == (2, 2)
    assert [step for step in again.prepare() if step.file is not None] == []


def test_what_is_carried_to_the_serving_host_is_published_there(house, tmp_path_factory):
    roll(house, "tlm")
    made = house.hall.directory
    host = tmp_path_factory.mktemp("serving")
    (host / "v2xpki.toml").write_text("lab = false\n")
    instance = Instance.load(host)
    trust = instance.domain("dc").trust_dir
    trust.mkdir(parents=True)
    (trust / "tlm.oer").write_bytes(house.tlm.octets)
    from v2xpki.store import upgrade

    with Database.open(instance.domain("dc").database_url, clock=house.clock) as database:
        upgrade(database, "dc")
    carried = host / "carried"
    for name in ("links", "lists"):
        shutil.copytree(made / "tlm" / name, carried / name)
    with pytest.raises(InvalidLink, match="whose certificate is not among the files"):
        publishing.import_lists(instance, [carried], house.clock, kind="ectl")
    shutil.copytree(made / "tlm" / "certificates", carried / "certificates")
    publishing.import_lists(instance, [carried], house.clock, kind="ectl")
    new = house.certificate("tlm/certificates/tlm-2.oer")
    assert (trust / f"{new.hex8}.oer").read_bytes() == new.octets
    from v2xpki.authorities.etsi.distribution import Distribution
    from v2xpki.store.dc import DcStore

    with Database.open(instance.domain("dc").database_url, clock=house.clock) as database:
        distribution = Distribution(DcStore(database), house.clock)
        assert distribution.tlm_link(house.tlm.hashed_id8) is not None
        assert distribution.tlm_certificate(None).octets == new.octets
        assert distribution.ectl(new.hashed_id8) is not None
    assert publishing.import_lists(instance, [carried], house.clock, kind="ectl").new == 0


def test_a_link_from_nobody_whom_the_distribution_centre_knows_is_not_handed_out(house, tmp_path_factory):
    roll(house, "tlm")
    instance = Instance.load(_empty_host(tmp_path_factory))
    folders = [house.hall.directory / "tlm" / name for name in ("links", "certificates")]
    with pytest.raises(InvalidLink, match="whom this instance does not know"):
        publishing.import_lists(instance, folders, house.clock)


def _empty_host(tmp_path_factory) -> Path:
    host = tmp_path_factory.mktemp("host")
    (host / "v2xpki.toml").write_text("lab = false\n")
    return host


def test_a_forged_link_is_not_handed_out(house):
    house.clock.advance(3600)
    roll(house, "tlm")
    path = house.hall.directory / "tlm/links/tlm-link-1.oer"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(InvalidLink, match="not signed by"):
        publishing.import_lists(house.instance, [path.parent], house.clock)
    assert house.store().current(Kind.TLM_LINK, house.tlm.hashed_id8).octets == good


def test_a_certificate_that_is_not_of_the_request_is_not_installed(house):
    house.clock.advance(3600)

    issued = house.hall.directory / "root/issued"

    def hold(file, operator):
        if file.name.startswith("ectl"):
            (issued / "ea-2.oer").write_bytes((issued / "aa-2.oer").read_bytes())
        return house.hold(file, operator)

    with pytest.raises(CeremonyRefused, match="not of the keys"):
        plan(house, "root").carry_out("alice", holder=hold)
    house.hall.instance = Instance.load(house.hall.directory)
    assert not house.instance.domain("ea").certificates_dir.joinpath("ea-2.oer").exists()
    assert house.instance.domain("ea").generation == 1


# --- settings ------------------------------------------------------------------------------------------


def test_only_the_generation_changes_in_the_settings(tmp_path):
    file = tmp_path / "v2xpki.toml"
    file.write_text(
        '# mine\nlab = true\n\n[domains.tlm]\ncurve = "nistP256"  # kept\n\n[lists]\nrefresh = 1\n'
    )
    file.chmod(0o640)
    set_generations(Instance.load(tmp_path), {"tlm": 2, "root": 3})
    text = file.read_text()
    assert "# mine\n" in text and "# kept" in text and "refresh = 1" in text
    settings = Settings.parse(text)
    assert (settings.domains["tlm"].generation, settings.domains["root"].generation) == (2, 3)
    assert settings.domains["tlm"].curve == "nistP256" and file.stat().st_mode & 0o777 == 0o640
    set_generations(Instance.load(tmp_path), {"tlm": 4})
    assert file.read_text() == text.replace("generation = 2", "generation = 4")


def test_settings_that_cannot_be_changed_by_a_command_are_left_alone(tmp_path):
    file = tmp_path / "v2xpki.toml"
    file.write_text("domains = {tlm = {generation = 1}}\n")
    before = file.read_text()
    with pytest.raises(ConfigError):
        set_generations(Instance.load(tmp_path), {"tlm": 2})
    assert file.read_text() == before


@given(
    st.lists(st.sampled_from(["tlm", "root", "ea", "aa"]), unique=True),
    st.sampled_from(["", "  ", "\n"]),
    st.integers(1, 99),
    st.sampled_from(["tlm", "root"]),
)
def test_the_generation_that_is_written_is_the_one_that_is_read(sections, gap, number, name):
    text = "lab = true\n" + "".join(f'{gap}[domains.{s}]\ncurve = "nistP256"\n' for s in sections)
    once = _with_generation(text, name, number)
    assert Settings.parse(once).domains[name].generation == number
    assert _with_generation(once, name, number) == once
    others = {key: value for key, value in Settings.parse(text).domains.items() if key != name}
    assert {k: v for k, v in Settings.parse(once).domains.items() if k != name} == others


def test_only_root_and_tlm_roll_over(house):
    with pytest.raises(ConfigError, match="does not roll over"):
        plan(house, "ea")
    with pytest.raises(ConfigError, match="no curve"):
        plan(house, "tlm", curve="secp256k1")
    roll(house, "tlm", curve="nistP256")
    new = house.certificate("tlm/certificates/tlm-2.oer")
    assert isinstance(new, Certificate) and new.curve.text == "nistP256"
