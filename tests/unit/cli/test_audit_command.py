"""`v2xpki audit`, on an instance with databases of its own."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from v2xpki import cli
from v2xpki.audit import Event
from v2xpki.config import Instance
from v2xpki.store import Database, upgrade
from v2xpki.store.base import AuditHead, AuditRow


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
