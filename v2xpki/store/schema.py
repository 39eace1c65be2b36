"""The schema of a database, made and brought up to date.

`upgrade` makes a new database from the models and stamps it with the newest revision (a test proves that
the migrations give the same schema), and brings an older one up through `migrations/<domain>/`.
"""

import importlib
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from v2xpki.audit import GENESIS, Event
from v2xpki.errors import StoreError
from v2xpki.store.base import BASES, DOMAINS, AuditHead, Setting, schema_name
from v2xpki.store.database import Database, Transaction

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def metadata_of(domain: str) -> sa.MetaData:
    """All tables of a domain. Raises StoreError for a name that is no domain."""
    if domain not in BASES:
        raise StoreError(f"{domain}: no such domain; there are {', '.join(DOMAINS)}")
    importlib.import_module(f"v2xpki.store.{schema_name(domain)}")
    return BASES[domain].metadata


def newest(domain: str) -> str:
    """The newest revision of a domain, e.g. "0001"."""
    scripts = (MIGRATIONS / schema_name(domain)).glob("r*.py")
    names = [found[1] for p in scripts if (found := re.match(r"r(\d+)_", p.name))]
    return max(names, default="")


def current(database: Database) -> str | None:
    """The revision a database is at; None for one that has no tables yet."""
    with database.read() as tx:
        if not sa.inspect(tx.connection).has_table("alembic_version"):
            return None
        found: str | None = tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return found


def require_current(database: Database, domain: str) -> None:
    """Raises StoreError unless the database is this domain's and at the newest revision."""
    at = current(database)
    if at != newest(domain):
        raise StoreError(
            f"the {domain} database is at revision {at or 'none'}, not {newest(domain)}",
            hint="`v2xpki init` makes new databases, `upgrade` brings older ones up to date",
        )
    if database.domain != domain:
        raise StoreError(f"this is the database of {database.domain}, not of {domain}")


def upgrade(database: Database, domain: str) -> str:
    """Bring a database to the newest revision, from nothing or from any older one, in one transaction;
    the revision. It is done once when several processes try at the same time."""
    metadata, target = metadata_of(domain), newest(domain)
    with database.write(durable=True) as tx:
        connection = tx.connection
        if connection.dialect.name == "postgresql":
            tx.execute(sa.text("SELECT pg_advisory_xact_lock(1609021)"))
        tables = sa.inspect(connection).get_table_names()
        if not tables:
            metadata.create_all(connection)
            _stamp(connection, domain, target)
            _furnish(tx, domain)
            tx.audit(Event.DATABASE_CREATED, domain=domain, revision=target)
        elif "alembic_version" not in tables:
            raise StoreError("the database has tables of something else")
        elif tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() != target:
            run_migrations(connection, domain)
            tx.audit(Event.DATABASE_UPGRADED, domain=domain, revision=target)
    return target


def run_migrations(connection: sa.Connection, domain: str, revision: str = "head") -> None:
    """Apply the domain's migration scripts in the transaction that the caller holds."""
    from alembic import command

    command.upgrade(alembic_config(domain, connection), revision)


def _stamp(connection: sa.Connection, domain: str, revision: str) -> None:
    from alembic import command

    command.stamp(alembic_config(domain, connection), revision)


def _furnish(tx: Transaction, domain: str) -> None:
    tx.insert(AuditHead, id=1, sequence=0, hash=GENESIS)
    tx.insert(Setting, name="domain", value=domain.encode())
    tx.insert(Setting, name="secret", value=secrets.token_bytes(32))


def alembic_config(domain: str, connection: sa.Connection) -> "Config":
    """Alembic's configuration, made here: there is no alembic.ini to ship."""
    from alembic.config import Config

    if not connection.in_transaction():
        connection.begin()  # SQLAlchemy's view of it: Alembic then leaves the commit to the caller
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(MIGRATIONS / schema_name(domain)).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, metadata=metadata_of(domain))
    return config
