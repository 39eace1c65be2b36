"""`v2xpki audit`, on an instance with databases of its own."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from tests.support.postgres import Server, postgres_server
from v2xpki import cli
from v2xpki.audit import Event
from v2xpki.config import Instance
from v2xpki.store import Database, upgrade
from v2xpki.store.base import AuditHead, AuditRow
from v2xpki.time import HOUR, iso_from_time32

__all__ = ["postgres_server"]


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """An instance with a database a domain, each with two entries."""
    folder = tmp_path / "instance"
    folder.mkdir()
    (folder / "v2xpki.toml").touch()
    for name in Instance.load(folder).domain_names:
        (folder / name).mkdir()
        with Database.open(Instance.load(folder).domain(name).database_url) as database:
            upgrade(database, name)
            with database.write(durable=True) as tx:
                tx.audit(Event.SERVICE_STARTED, role=name, version="1")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["audit", *map(str, arguments)])


def cut(instance: Path, name: str) -> None:
    """Take the last entry away, and set the head back as someone would who knows how."""
    with Database.open(instance / name / f"{name}.db") as database, database.write(durable=True) as tx:
        tx.execute(sa.delete(AuditRow).where(AuditRow.sequence == 2))
        last = tx.execute(sa.select(AuditRow.hash)).scalar_one()
        tx.execute(sa.update(AuditHead).values(sequence=1, hash=last))


def test_an_intact_instance_passes(instance: Path) -> None:
    result = run("verify", instance, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["intact"] is True
    assert [d["domain"] for d in document["domains"]] == list(Instance.load(instance).domain_names)
    assert all(d["entries"] == 2 and d["findings"] == [] for d in document["domains"])


def test_an_edit_fails_with_its_place(instance: Path) -> None:
    with Database.open(instance / "ea" / "ea.db") as database, database.write(durable=True) as tx:
        tx.execute(sa.update(AuditRow).where(AuditRow.sequence == 2).values(detail="{}"))
    result = run("verify", instance, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert [d["domain"] for d in document["domains"] if not d["intact"]] == ["ea"]
    finding = next(d["findings"] for d in document["domains"] if d["domain"] == "ea")[0]
    assert (finding["rule"], finding["sequence"]) == ("hash", 2)
    assert run("verify", instance, "--domain", "aa").exit_code == 0
    assert "NOT INTACT" in run("verify", instance).stderr


def test_a_cut_with_its_head_set_back_is_found_by_a_checkpoint(instance: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    assert run("checkpoint", instance, notes).exit_code == 0
    assert run("checkpoint", instance, notes, "--domain", "ea").exit_code == 0
    assert run("verify", instance, "--checkpoints", notes).exit_code == 0
    cut(instance, "aa")
    assert run("verify", instance).exit_code == 0
    assert run("verify", instance, "--checkpoints", notes).exit_code == 1


def test_no_checkpoint_is_made_of_a_broken_record(instance: Path, tmp_path: Path) -> None:
    with Database.open(instance / "root" / "root.db") as database, database.write(durable=True) as tx:
        tx.execute(sa.delete(AuditRow).where(AuditRow.sequence == 1))
    result = run("checkpoint", instance, tmp_path / "notes")
    assert result.exit_code == 3
    assert not (tmp_path / "notes").exists()


def test_a_missing_database_is_a_fault_and_is_not_made(instance: Path) -> None:
    (instance / "ea" / "ea.db").unlink()
    assert run("verify", instance).exit_code == 3
    assert not (instance / "ea" / "ea.db").exists()


def shown(*arguments: str | Path) -> list[tuple[str, int, str]]:
    """Domain, sequence and event of what `audit show --json` lists."""
    result = run("show", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return [(e["domain"], e["sequence"], e["event"]) for e in json.loads(result.stdout)["entries"]]


def at(instance: Path, name: str, sequence: int, **values: object) -> None:
    """Write over an entry."""
    with Database.open(instance / name / f"{name}.db") as database, database.write(durable=True) as tx:
        tx.execute(sa.update(AuditRow).where(AuditRow.sequence == sequence).values(**values))


def test_the_record_is_shown_newest_first_with_what_each_entry_says(instance: Path) -> None:
    at(instance, "ea", 1, time=1000 * HOUR)
    at(instance, "ea", 2, time=1002 * HOUR)
    at(instance, "aa", 1, time=1001 * HOUR)
    at(instance, "aa", 2, time=1003 * HOUR)
    result = run("show", instance, "--domain", "ea", "--domain", "aa", "--json")
    entries = json.loads(result.stdout)["entries"]
    assert [(e["domain"], e["sequence"]) for e in entries] == [("aa", 2), ("ea", 2), ("aa", 1), ("ea", 1)]
    assert entries[0] == {
        "sequence": 2,
        "time": iso_from_time32(1003 * HOUR),
        "domain": "aa",
        "event": "service.started",
        "detail": {"role": "aa", "version": "1"},
    }
    table = run("show", instance, "--domain", "aa").stdout.splitlines()
    assert table[0].split() == ["sequence", "time", "domain", "event", "detail"]
    assert table[1].split() == [
        "2", iso_from_time32(1003 * HOUR), "aa", "service.started", '{"role":"aa","version":"1"}',
    ]  # fmt: skip
    assert len(table) == 3


def test_every_domain_is_shown_where_none_is_named_and_none_twice(instance: Path) -> None:
    names = Instance.load(instance).domain_names
    assert sorted(shown(instance)) == sorted(
        (name, number, event)
        for name in names
        for number, event in ((1, "database.created"), (2, "service.started"))
    )
    assert shown(instance, "--domain", "ea", "--domain", "ea") == shown(instance, "--domain", "ea")


def test_a_domains_entries_keep_their_order_though_its_clock_was_set_back(instance: Path) -> None:
    at(instance, "ea", 1, time=2000 * HOUR)
    at(instance, "ea", 2, time=1000 * HOUR)
    assert [number for _, number, _ in shown(instance, "--domain", "ea")] == [2, 1]


def test_one_event_is_picked_out(instance: Path) -> None:
    with Database.open(instance / "ea" / "ea.db") as database, database.write(durable=True) as tx:
        tx.audit(Event.REGISTRATION_REFUSED, reason="vin", credential=b"\1")
    assert shown(instance, "--event", "registration.refused") == [("ea", 3, "registration.refused")]
    none = run("show", instance, "--event", "token.lost")
    assert (none.exit_code, none.stdout) == (0, "")
    assert "no such entry" in none.stderr


@pytest.mark.postgres
def test_an_event_is_picked_out_of_the_record_of_a_domain_on_postgresql(
    instance: Path, postgres_server: Server
) -> None:
    url = postgres_server.create()
    (instance / "v2xpki.toml").write_text(f'[domains.ea]\ndatabase_url = "{url}"\n')
    with Database.open(url) as database:
        upgrade(database, "ea")
        for number in range(250):
            with database.write(durable=False) as tx:
                event = Event.SERVICE_STOPPED if number % 2 else Event.SERVICE_STARTED
                tx.audit(event, role="ea", version="1")
        with database.write(durable=False) as tx:
            tx.audit(Event.REGISTRATION_REFUSED, reason="vin", credential=b"\1")
    ea = ("--domain", "ea")
    assert shown(instance, *ea, "--event", "registration.refused") == [("ea", 252, "registration.refused")]
    assert shown(instance, *ea, "--event", "token.lost") == []
    stopped = shown(instance, *ea, "--event", "service.stopped")
    assert [number for _, number, _ in stopped] == list(range(251, 51, -2))  # the newest 100
    both = shown(instance, *ea, "--domain", "aa", "--limit", "253")
    assert [number for domain, number, _ in both if domain == "ea"] == list(range(252, 0, -1))
    assert ("aa", 2, "service.started") in both


def test_the_limit_keeps_the_newest_and_says_that_there_are_more(instance: Path) -> None:
    with Database.open(instance / "ea" / "ea.db") as database, database.write(durable=True) as tx:
        for _ in range(99):
            tx.audit(Event.SERVICE_STOPPED, role="ea", version="1")
    assert [number for _, number, _ in shown(instance, "--domain", "ea")] == list(range(101, 1, -1))
    assert shown(instance, "--domain", "ea", "--limit", "1") == [("ea", 101, "service.stopped")]
    assert json.loads(run("show", instance, "--domain", "ea", "--json").stdout)["more"] is True
    assert "there are more" in run("show", instance, "--domain", "ea").stderr
    whole = run("show", instance, "--domain", "ea", "--limit", "101")
    assert len(whole.stdout.splitlines()) == 102
    assert "there are more" not in whole.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--domain", "nowhere"), "tlm"),
        (("--event", "nothing.happened"), "registration.refused"),
        (("--limit", "0"), "0"),
    ],
)
def test_what_is_not_known_is_a_usage_error_that_names_what_is(
    instance: Path, arguments: tuple[str, str], told: str
) -> None:
    result = run("show", instance, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_a_record_that_someone_wrote_over_is_shown_and_steers_no_terminal(instance: Path) -> None:
    at(instance, "ea", 2, detail="\x1b[2J")
    result = run("show", instance, "--domain", "ea")
    assert (result.exit_code, "\x1b" in result.stdout) == (0, False)
    document = json.loads(run("show", instance, "--domain", "ea", "--json").stdout)
    assert document["entries"][0]["detail"] == "\x1b[2J"


def test_showing_the_record_adds_nothing_to_it(instance: Path) -> None:
    before = json.loads(run("verify", instance, "--json").stdout)
    assert run("show", instance).exit_code == 0
    assert json.loads(run("verify", instance, "--json").stdout) == before
