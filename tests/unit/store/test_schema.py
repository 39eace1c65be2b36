"""Migrations give exactly the schema of the models, on both kinds of database."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from v2xpki.audit import Event
from v2xpki.errors import StoreError
from v2xpki.store import Database, migrate, require_current, schema, upgrade
from v2xpki.store.auditing import examine
from v2xpki.store.base import DOMAINS, AuditRow
from v2xpki.store.schema import current, metadata_of, newest, run_migrations


def differences(database: Database, domain: str) -> list[object]:
    with database.read() as tx:
        context = MigrationContext.configure(tx.connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata_of(domain)))


def sqlite_schema(database: Database) -> set[str]:
    """The definitions that SQLite keeps, without their layout."""
    with database.read() as tx:
        found = tx.execute(sa.text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
        return {re.sub(r"[\s\"]+", "", text) for text in found}


@pytest.mark.parametrize("domain", DOMAINS)
def test_migrations_give_the_models_schema(new_url: Callable[[], str], domain: str) -> None:
    migrated, made = Database.open(new_url()), Database.open(new_url())
    with migrated.write(durable=False) as tx:
        run_migrations(tx.connection, domain)
    upgrade(made, domain)
    for database in (migrated, made):
        assert differences(database, domain) == []
        assert current(database) == newest(domain)
        with database.read() as tx:
            inspector = sa.inspect(tx.connection)
            assert set(inspector.get_table_names()) == {*metadata_of(domain).tables, "alembic_version"}
    if "sqlite" in repr(made):
        # What a comparison of metadata does not see, such as WITHOUT ROWID.
        assert sqlite_schema(migrated) == sqlite_schema(made)


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_new_database_is_current_and_intact(new_url: Callable[[], str], domain: str) -> None:
    database = Database.open(new_url())
    assert current(database) is None
    assert upgrade(database, domain) == newest(domain)
    assert upgrade(database, domain) == newest(domain)
    require_current(database, domain)
    assert database.domain == domain
    assert len(database.setting("secret")) == 32
    assert examine(database).findings == ()


@pytest.mark.parametrize("domain", DOMAINS)
def test_migrations_can_be_taken_back(new_url: Callable[[], str], domain: str) -> None:
    from alembic import command

    database = Database.open(new_url())
    with database.write(durable=False) as tx:
        run_migrations(tx.connection, domain)
        command.downgrade(schema.alembic_config(domain, tx.connection), "base")
        assert sa.inspect(tx.connection).get_table_names() == ["alembic_version"]


def test_a_database_of_another_domain_or_revision_is_refused(new_url: Callable[[], str]) -> None:
    database = Database.open(new_url())
    with pytest.raises(StoreError, match="revision none"):
        require_current(database, "ea")
    upgrade(database, "ea")
    with pytest.raises(StoreError, match="of ea, not of aa"):
        require_current(database, "aa")
    with pytest.raises(StoreError, match="no such domain"):
        upgrade(database, "xy")


def test_a_database_with_other_tables_is_left_alone(new_url: Callable[[], str]) -> None:
    database = Database.open(new_url())
    with database.write(durable=False) as tx:
        tx.execute(sa.text("CREATE TABLE theirs (a INTEGER)"))
    with pytest.raises(StoreError, match="something else"):
        upgrade(database, "ea")
    with database.read() as tx:
        assert sa.inspect(tx.connection).get_table_names() == ["theirs"]


def test_an_older_database_is_brought_up_and_audited(
    new_url: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database.open(new_url())
    upgrade(database, "root")
    old = newest("root")
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for module in (schema, migrate):
        monkeypatch.setattr(module, "MIGRATIONS", folder)
    metadata = metadata_of("root")
    extra = sa.Table("extra", metadata, sa.Column("id", sa.Integer, primary_key=True))
    try:
        path = migrate.make_revision("root", "Add a table")
        assert path.name == f"r{int(old) + 1:04}_add_a_table.py"
        with pytest.raises(StoreError, match="revision"):
            require_current(database, "root")
        assert upgrade(database, "root") == newest("root") != old
        assert differences(database, "root") == []
    finally:
        metadata.remove(extra)
    with database.read() as tx:
        events = list(tx.execute(sa.select(AuditRow.event).order_by(AuditRow.sequence)).scalars())
    assert events == [Event.DATABASE_CREATED, Event.DATABASE_UPGRADED]


def test_one_initial_migration_can_replace_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for module in (schema, migrate):
        monkeypatch.setattr(module, "MIGRATIONS", folder)
    monkeypatch.setattr("sys.argv", ["migrate", "revision", "tlm", "--replace"])
    migrate._main()
    assert [p.name for p in (folder / "tlm").glob("r*.py")] == ["r0001_initial.py"]
    assert "r0001_initial.py" in capsys.readouterr().out
    database = Database.open(tmp_path / "x.db")
    with database.write(durable=False) as tx:
        run_migrations(tx.connection, "tlm")
    assert differences(database, "tlm") == []


def test_a_start_does_not_load_the_migration_tool() -> None:
    import subprocess
    import sys

    code = "import sys, v2xpki.store, v2xpki.issuance; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=schema.MIGRATIONS.parents[2]).returncode == 0
