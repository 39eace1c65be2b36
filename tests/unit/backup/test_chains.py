"""The audit records know of backups, and a restore knows a chain that is not whole."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from v2xpki.audit import Event
from v2xpki.backup import record, verify
from v2xpki.config import Instance
from v2xpki.errors import AuditError
from v2xpki.store import Database, upgrade


@pytest.fixture
def instance(tmp_path) -> Instance:
    (tmp_path / "v2xpki.toml").write_text("")
    instance = Instance.load(tmp_path)
    for name in ("ea", "aa"):
        (tmp_path / name).mkdir()
        with Database.open(instance.domain(name).database_url) as database:
            upgrade(database, name)
    return instance


def test_every_chain_gets_an_entry(instance, fixed_clock):
    before = verify(instance, fixed_clock)
    assert set(before) == {"ea", "aa"}
    record(instance, Event.BACKUP_MADE, fixed_clock, Path("/somewhere/pki.backup"))
    assert verify(instance, fixed_clock) == {name: count + 1 for name, count in before.items()}
    with closing(sqlite3.connect(instance.directory / "ea" / "ea.db")) as connection:
        [(event, detail)] = connection.execute(
            "SELECT event, detail FROM audit_entry ORDER BY sequence DESC LIMIT 1"
        )
    assert (event, detail) == ("backup.made", '{"file":"pki.backup"}')


@pytest.mark.parametrize(
    "damage", ["DELETE FROM audit_entry WHERE sequence = 1", "UPDATE audit_entry SET detail = '{}'"]
)
def test_a_chain_that_is_not_whole_is_told(instance, fixed_clock, damage):
    record(instance, Event.BACKUP_MADE, fixed_clock, Path("pki.backup"))
    with closing(sqlite3.connect(instance.directory / "aa" / "aa.db")) as connection:
        connection.executescript(
            "".join(
                f"DROP TRIGGER {name};"
                for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            )
        )
        connection.execute(damage)
        connection.commit()
    with pytest.raises(AuditError):
        verify(instance, fixed_clock)
