"""A root's claims on requests, where several processes hold a ceremony at once."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.postgres import Server, postgres_server  # noqa: F401
from v2xpki.authorities.etsi import approvals
from v2xpki.authorities.etsi.approvals import Approvals
from v2xpki.errors import CeremonyRefused
from v2xpki.store import Database, Transaction, random_key, upgrade
from v2xpki.store.base import IssuanceRecord
from v2xpki.time import FixedClock

REQUEST: Any = SimpleNamespace(digest=b"d" * 32, key_digest=b"k" * 32, former=None)


def claim(database: Database, state: str) -> None:
    """As a ceremony does; its record is in this state then."""
    record, run = random_key(), database.run if state == "open" else None
    with database.write(durable=True) as tx:
        Approvals(database).tx_claim(tx, REQUEST, record)
        tx.insert(
            IssuanceRecord, id=record, kind="EA", issuer=None, to_be_signed=b"", state=state, open_by=run,
            expires=0,
        )  # fmt: skip


@pytest.mark.postgres
def test_a_claim_whose_record_is_void_is_taken_over_by_one_of_two(
    postgres_server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With SQLite the second waits from its beginning."""
    find = Transaction.row

    def overtaken(tx: Transaction, statement: Any, **values: Any) -> Any:
        found = find(tx, statement, **values)
        if statement is approvals._STANDING:
            monkeypatch.undo()
            claim(database, "open")
        return found

    with Database.open(postgres_server.create(), clock=FixedClock(0)) as database:
        upgrade(database, "root")
        claim(database, "void")
        monkeypatch.setattr(Transaction, "row", overtaken)
        with pytest.raises(CeremonyRefused, match="elsewhere"):
            claim(database, "open")
