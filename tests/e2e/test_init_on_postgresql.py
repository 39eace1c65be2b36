"""`init` with two domains' databases on a server; `backup` and `restore` of such an instance."""

import json
import secrets
import shutil

import psycopg
import pytest

from tests.support.commands import v2xpki
from tests.support.postgres import postgres_server  # noqa: F401

pytestmark = pytest.mark.postgres


PASSPHRASE = {"V2XPKI_BACKUP_PASSPHRASE": "a passphrase of the drill"}


def tables(url):
    with psycopg.connect(url) as connection:
        return {
            name
            for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }


def entries(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT event FROM audit_entry ORDER BY sequence").fetchall()


@pytest.fixture
def urls(request, token_store):
    """A database of its own for each domain of `request.param`: a backup takes whole databases."""
    del token_store  # asked for so that the test is skipped where there is no SoftHSM
    host = request.getfixturevalue("postgres_server").directory
    names = {name: f"{name}_{secrets.token_hex(4)}" for name in request.param}
    with psycopg.connect(host=str(host), user="postgres", dbname="postgres", autocommit=True) as server:
        for name in names.values():
            server.execute(f"CREATE DATABASE {name}")
        yield {name: f"postgresql://postgres@/{own}?host={host}" for name, own in names.items()}
        for name in names.values():
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    ("urls", "profile", "others"),
    [
        (("ea", "aa"), ("--profile", "etsi"), {"root", "tlm", "dc"}),
        (("image", "director"), ("--profile", "ota", "--lab"), set()),
    ],
    indirect=["urls"],
)
def test_an_instance_lives_on_a_server_and_comes_back(tmp_path, urls, profile, others):
    home, backup = tmp_path / "pki", tmp_path / "backup"
    options = [*profile, *(f"--database={name}={url}" for name, url in urls.items())]
    v2xpki("init", home, "--yes", *options)
    assert {path.stem for path in home.glob("*/*.db")} == others
    made = {name: tables(url) for name, url in urls.items()}
    assert all("audit_entry" in found for found in made.values())

    # another init must not grow into a database that somebody uses
    refused = v2xpki("init", tmp_path / "other", "--yes", *options, expect=2)
    assert "not empty" in refused.stderr and not (tmp_path / "other").exists()

    if not shutil.which("pg_dump"):
        pytest.skip("no pg_dump (Debian package postgresql-client)")
    v2xpki("backup", home, backup, **PASSPHRASE)
    before = {name: entries(url) for name, url in urls.items()}
    for url in urls.values():
        with psycopg.connect(url) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    shutil.rmtree(home)
    told = json.loads(v2xpki("restore", home, backup, "--yes", "--json", **PASSPHRASE).stdout)
    assert set(told["databases"]) >= others | urls.keys()
    for name, url in urls.items():
        assert tables(url) == made[name]
        assert entries(url)[:-1] == before[name] and entries(url)[-1] == ("backup.restored",)


@pytest.mark.parametrize("url", ["postgresql://u:s3cret@h/d", "postgresql://u@h/d?password=s3cret"])
def test_a_password_in_a_database_url_is_refused(tmp_path, url):
    refused = v2xpki("init", tmp_path / "pki", "--yes", f"--database=ea={url}", expect=2)
    assert "passfile" in refused.stderr and "s3cret" not in refused.stderr
