"""Databases, one a trust domain: models, transactions, migrations, and the audit chain in them."""

from v2xpki.store.base import random_key
from v2xpki.store.database import Database, Transaction
from v2xpki.store.schema import require_current, upgrade
from v2xpki.store.statement import Statement

__all__ = ["Database", "Statement", "Transaction", "random_key", "require_current", "upgrade"]
