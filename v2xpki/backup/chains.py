"""What the audit records of an instance say about backups, and whether they came back whole."""

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from v2xpki import audit
from v2xpki.audit import AuditEntry, Event, Head
from v2xpki.backup.databases import sqlite_path
from v2xpki.config import Instance
from v2xpki.store import Database
from v2xpki.store.base import AuditHead, AuditRow
from v2xpki.time import Clock


def record(instance: Instance, event: Event, clock: Clock, file: Path) -> None:
    """An entry in every domain's chain that a backup is made, or was restored. Raises StoreError, AuditError.

    Before a backup: so the backup itself tells of itself, and a chain that a restore cuts short shows why.
    """
    for database in _databases(instance, clock):
        with database, database.write(durable=True) as tx:
            tx.audit(event, file=file.name)


def verify(instance: Instance, clock: Clock) -> dict[str, int]:
    """The number of entries in each domain's chain. Raises AuditError where one is not intact."""
    counts = {}
    for database in _databases(instance, clock):
        with database, database.read() as tx:
            entries = [
                AuditEntry(row.sequence, row.time, row.event, row.detail, row.hash)
                for row in tx.execute(
                    sa.select(
                        AuditRow.sequence, AuditRow.time, AuditRow.event, AuditRow.detail, AuditRow.hash
                    ).order_by(AuditRow.sequence)
                )
            ]
            end = tx.execute(sa.select(AuditHead.sequence, AuditHead.hash)).one_or_none()
            head = Head(end.sequence, end.hash) if end else None
            counts[database.domain] = audit.verify(entries, head).sequence
    return counts


def _databases(instance: Instance, clock: Clock) -> Iterator[Database]:
    for name in instance.domain_names:
        url = instance.domain(name).database_url
        path = sqlite_path(url)
        if path is None or path.exists():
            yield Database.open(url, clock=clock, must_exist=True)
