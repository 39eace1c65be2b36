"""PostgreSQL's part of a backup, on the server that the test run starts for itself."""

import secrets
import shutil

import psycopg
import pytest
import sqlalchemy as sa

from tests.support.postgres import postgres_server  # noqa: F401
from v2xpki.backup import back_up, restore
from v2xpki.backup.databases import libpq_environment
from v2xpki.config import Instance
from v2xpki.errors import ConfigError, StoreError

PASSPHRASE = "correct horse battery"


def query(url, *statements):
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.begin() as connection:
            for statement in statements:
                result = connection.execute(sa.text(statement))
            return [row[0] for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


@pytest.mark.postgres
def test_a_database_comes_back_as_it_was(request, tmp_path, fixed_clock):
    if not (shutil.which("pg_dump") and shutil.which("pg_restore")):
        pytest.skip("no pg_dump (Debian package postgresql-client)")
    host = request.getfixturevalue("postgres_server").directory
    name = f"backup_{secrets.token_hex(4)}"
    with psycopg.connect(host=str(host), user="postgres", dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    url = f"postgresql://postgres@/{name}?host={host}"
    home = tmp_path / "pki"
    home.mkdir()
    (home / "v2xpki.toml").write_text(f'[domains.ea]\ndatabase_url = "{url}"\n')
    query(url, "CREATE TABLE t (v text)", "INSERT INTO t VALUES ('one'), ('two')")
    back_up(Instance.load(home), tmp_path / "b", PASSPHRASE, fixed_clock, log2_n=4)
    query(url, "DELETE FROM t", "INSERT INTO t VALUES ('later')")
    restore(home, tmp_path / "b", PASSPHRASE, fixed_clock, apply=False)
    assert query(url, "SELECT v FROM t") == ["later"]
    restore(home, tmp_path / "b", PASSPHRASE, fixed_clock, apply=True)
    assert query(url, "SELECT v FROM t ORDER BY v") == ["one", "two"]


def test_a_password_goes_through_the_environment_and_no_argument():
    url = "postgresql+psycopg://ea:s3cret@db.example:5433/ea"
    assert libpq_environment(url) == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "ea",
        "PGPASSWORD": "s3cret",
        "PGDATABASE": "ea",
    }


def test_parameters_of_the_url_go_along():
    found = libpq_environment("postgresql://u@/d?host=/run/pg&passfile=/run/secrets/p&sslmode=verify-full")
    assert found == {
        "PGHOST": "/run/pg",
        "PGUSER": "u",
        "PGDATABASE": "d",
        "PGPASSFILE": "/run/secrets/p",
        "PGSSLMODE": "verify-full",
    }


def test_a_server_that_is_away_stops_the_backup(tmp_path, fixed_clock):
    if not shutil.which("pg_dump"):
        pytest.skip("no pg_dump (Debian package postgresql-client)")
    home = tmp_path / "pki"
    home.mkdir()
    (home / "v2xpki.toml").write_text(
        f'[domains.ea]\ndatabase_url = "postgresql://u:s3cret@/d?host={tmp_path}"\n'
    )
    with pytest.raises(StoreError, match="pg_dump failed") as failure:
        back_up(Instance.load(home), tmp_path / "b", PASSPHRASE, fixed_clock, log2_n=4)
    assert "s3cret" not in str(failure.value)
    assert not (tmp_path / "b").exists()


def test_a_missing_program_is_named(tmp_path, fixed_clock, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    home = tmp_path / "pki"
    home.mkdir()
    (home / "v2xpki.toml").write_text('[domains.ea]\ndatabase_url = "postgresql://u@/d"\n')
    with pytest.raises(ConfigError, match="pg_dump is not installed"):
        back_up(Instance.load(home), tmp_path / "b", PASSPHRASE, fixed_clock, log2_n=4)
