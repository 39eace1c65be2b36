"""One transaction at a time, where what each may write depends on what others have written."""

import sqlalchemy as sa

from v2xpki.store.base import Setting
from v2xpki.store.database import Transaction
from v2xpki.store.statement import Statement

_ALONE = Statement(sa.select(Setting.name).where(Setting.name == "domain").with_for_update())


def tx_alone(tx: Transaction) -> None:
    """Wait for every other transaction that has called this, until it ends; SQLite has one writer anyway."""
    tx.row(_ALONE)
