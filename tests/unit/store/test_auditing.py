"""The audit record in a database, held against what the database says was signed."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.support.issuing import SmallCa, certificate_tbs, issue
from v2xpki.audit import Event, Head, append, detail_text, entry_hash
from v2xpki.crypto import Curve
from v2xpki.errors import AuditError
from v2xpki.keystore import MemoryKey
from v2xpki.store import Database, Transaction
from v2xpki.store.auditing import checkpoint, examine, require_intact
from v2xpki.store.base import AuditHead, AuditRow, IssuanceRecord

Deed = Callable[[Transaction], object]


@pytest.fixture
def ca(database: Database) -> SmallCa:
    """A CA that issued three certificates: entries 2-3 its own, 4-5, 6-7 and 8-9 theirs."""
    ca = SmallCa.make(database)
    for number in range(3):
        key = MemoryKey.generate(Curve.NIST_P256)
        issue(database, ca.issuer, certificate_tbs(key, str(number)), "EC")
    return ca


def rules(database: Database) -> set[str]:
    return {finding.rule for finding in examine(database).findings}


def test_an_untouched_database_is_intact(ca: SmallCa) -> None:
    report = require_intact(ca.database, [checkpoint(ca.database)])
    assert (report.domain, report.entries, report.records, report.intact) == ("ea", 9, 4, True)


def one(row: int) -> sa.ColumnElement[bool]:
    return AuditRow.sequence == row


@pytest.mark.parametrize(
    ("deed", "rule"),
    [
        (lambda tx: tx.execute(sa.update(AuditRow).where(one(4)).values(detail="{}")), "hash"),
        (lambda tx: tx.execute(sa.update(AuditRow).where(one(4)).values(time=0)), "hash"),
        (lambda tx: tx.execute(sa.update(AuditRow).where(one(4)).values(event="x")), "hash"),
        (lambda tx: tx.execute(sa.update(AuditRow).where(one(4)).values(hash=bytes(32))), "hash"),
        (lambda tx: tx.execute(sa.update(AuditRow).where(one(4)).values(sequence=40)), "sequence"),
        (lambda tx: tx.execute(sa.delete(AuditRow).where(one(5))), "sequence"),
        (lambda tx: tx.execute(sa.delete(AuditRow).where(one(9))), "head"),
        (lambda tx: tx.execute(sa.delete(AuditRow)), "head"),
        (lambda tx: tx.execute(sa.delete(AuditHead)), "head"),
        (lambda tx: tx.insert(AuditHead, id=2, sequence=9, hash=bytes(32)), "head"),
        (lambda tx: tx.insert(AuditRow, sequence=10, time=0, event="x", detail="{}", hash=b""), "head"),
        (lambda tx: tx.execute(sa.update(AuditRow).where(one(4)).values(detail="nonsense")), "detail"),
    ],
)
def test_what_is_done_to_the_chain_is_found(ca: SmallCa, deed: Deed, rule: str) -> None:
    with ca.database.write(durable=False) as tx:
        deed(tx)
    assert rule in rules(ca.database)
    with pytest.raises(AuditError):
        require_intact(ca.database)


def test_entries_that_change_places_are_found(ca: SmallCa) -> None:
    with ca.database.write(durable=False) as tx:
        for old, new in ((6, 60), (8, 6), (60, 8)):
            tx.execute(sa.update(AuditRow).where(one(old)).values(sequence=new))
    assert "hash" in rules(ca.database)


def ec(column: str, value: object) -> sa.Update:
    return sa.update(IssuanceRecord).where(IssuanceRecord.kind == "EC").values({column: value})


@pytest.mark.parametrize(
    ("column", "value"),
    [("to_be_signed", b"x"), ("signed", b"x"), ("signed", None), ("state", "void"), ("state", "open")],
)
def test_an_edited_issuance_record_is_found(ca: SmallCa, column: str, value: object) -> None:
    with ca.database.write(durable=False) as tx:
        tx.execute(ec(column, value))
    assert rules(ca.database) == {"records"}


def test_a_removed_issuance_record_is_found(ca: SmallCa) -> None:
    with ca.database.write(durable=False) as tx:
        tx.execute(sa.delete(IssuanceRecord).where(IssuanceRecord.kind == "RCA"))
    assert rules(ca.database) == {"records"}


def test_a_record_that_was_never_audited_is_found(ca: SmallCa) -> None:
    with ca.database.write(durable=False) as tx:
        tx.insert(
            IssuanceRecord, id=bytes(16), kind="EC", to_be_signed=b"", state="issued", expires=0, signed=b""
        )
    assert rules(ca.database) == {"records"}


def test_a_tail_cut_off_with_its_head_is_found_by_the_records(ca: SmallCa) -> None:
    point = checkpoint(ca.database)
    with ca.database.write(durable=False) as tx:
        tx.execute(sa.delete(AuditRow).where(AuditRow.sequence > 7))
        last = tx.execute(sa.select(AuditRow.hash).where(one(7))).scalar_one()
        tx.execute(sa.update(AuditHead).values(sequence=7, hash=last))
    assert rules(ca.database) == {"records"}
    assert {f.rule for f in examine(ca.database, [point]).findings} == {"records", "checkpoint"}


def test_a_chain_and_records_made_anew_are_found_by_a_checkpoint(ca: SmallCa) -> None:
    point = checkpoint(ca.database)
    with ca.database.write(durable=False) as tx:
        tx.execute(sa.delete(IssuanceRecord))
        tx.execute(sa.delete(AuditRow))
        entry = append(Head(), 0, Event.DATABASE_CREATED, detail_text(Event.DATABASE_CREATED, {}))
        tx.insert(AuditRow, **entry._asdict())
        tx.execute(sa.update(AuditHead).values(sequence=1, hash=entry.hash))
    assert rules(ca.database) == set()
    assert {f.rule for f in examine(ca.database, [point]).findings} == {"checkpoint"}


def test_a_checkpoint_of_another_domain_says_nothing_here(ca: SmallCa) -> None:
    point = checkpoint(ca.database)._replace(domain="aa", sequence=99)
    assert examine(ca.database, [point]).intact


def test_a_chain_that_tells_of_two_signatures_is_found(ca: SmallCa) -> None:
    with ca.database.write(durable=False) as tx:
        detail = tx.execute(sa.select(AuditRow.detail).where(one(8))).scalar_one()
        head = Head(*tx.execute(sa.select(AuditHead.sequence, AuditHead.hash)).one())
        for event in (Event.SIGNING, Event.SIGNED, Event.VOIDED):
            entry = append(head, 0, event, detail)
            assert entry.hash == entry_hash(head.hash, *entry[:4])
            tx.insert(AuditRow, **entry._asdict())
            head = Head(entry.sequence, entry.hash)
        tx.execute(sa.update(AuditHead).values(sequence=head.sequence, hash=head.hash))
    assert rules(ca.database) == {"signing"}


def test_a_missing_head_makes_no_checkpoint(ca: SmallCa) -> None:
    with ca.database.write(durable=False) as tx:
        tx.execute(sa.delete(AuditHead))
    with pytest.raises(AuditError):
        checkpoint(ca.database)
