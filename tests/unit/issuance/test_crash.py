"""What is left when the process dies, or the database fails, at any step of issuing."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support import crashing, warm
from tests.support.issuing import CA, SmallCa, certificate_tbs, crl, issue
from v2xpki.crypto import Certificate, Curve, signing_digest
from v2xpki.errors import AuditError, InvalidSignature, IssuanceError, RecordFailed, StoreError, V2xPkiError
from v2xpki.issuance import OpenRecord, recover, tx_complete, tx_save
from v2xpki.keystore import MemoryKey, MemoryKeystore
from v2xpki.store import Database, Transaction
from v2xpki.store.auditing import examine
from v2xpki.store.base import IssuanceRecord

FOLDER = Path(__file__).parents[3]


@pytest.fixture
def ca(database: Database) -> SmallCa:
    return SmallCa.make(database)


@pytest.fixture
def key() -> MemoryKey:
    return MemoryKey.generate(Curve.NIST_P256)


class Child:
    """The process that dies, and what it leaves."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.notes = database, folder / "signatures"
        self.notes.touch()
        pem, file = folder / "ca.pem", folder / "ca.oer"
        keystore = MemoryKeystore("test")
        key = MemoryKey.generate(Curve.NIST_P256)
        pem.write_bytes(key.to_pem())
        keystore.add(CA, key)
        keystore.generate = lambda *_: key.public_key  # type: ignore[method-assign]  # it is there
        self.ca = SmallCa.make(database, keystore=keystore)
        file.write_bytes(self.ca.certificate.octets)
        self.arguments = [
            database._url.render_as_string(hide_password=False),
            *(str(pem), str(file)),
        ]

    def start(self, point: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.support.crashing"]
        return subprocess.Popen(
            [*command, *self.arguments, point, str(self.notes)], cwd=FOLDER, stdout=subprocess.PIPE, text=True
        )

    def run(self, point: str) -> tuple[int, str]:
        """Exit code and output of one that kills itself."""
        program = "import sys; from tests.support.crashing import main; main(*sys.argv[1:])"
        return warm.run([*self.arguments, point, str(self.notes)], os.environ, program=program)[:2]

    def check(self, handed_out: list[Certificate], *, open_before: int) -> None:
        """No certificate without a record, no second signature, nothing left open."""
        assert examine(self.database).findings == ()
        assert self.states().count("open") == open_before
        recovered = recover(self.database)
        assert recovered == (open_before, 0)
        assert recover(self.database) == (0, 0)
        assert self.states().count("open") == 0
        assert examine(self.database).findings == ()

        with self.database.read() as tx:
            rows = tx.execute(sa.select(IssuanceRecord)).all()
        issued = {row.signed for row in rows if row.state == "issued"}
        assert {certificate.octets for certificate in handed_out} <= issued
        signatures = self.notes.read_text().split()
        assert len(set(signatures)) == len(signatures)
        recorded = {
            signing_digest("sha256", row.to_be_signed, self.ca.certificate.octets).hex() for row in rows
        }
        assert set(signatures) <= recorded

    def states(self) -> list[str]:
        with self.database.read() as tx:
            return list(tx.execute(sa.select(IssuanceRecord.state)).scalars())


@pytest.fixture
def child(database: Database, tmp_path: Path) -> Child:
    return Child(database, tmp_path)


@pytest.mark.parametrize("point", crashing.POINTS)
def test_a_process_killed_at_a_step_leaves_nothing_unaccounted(child: Child, point: str) -> None:
    code, output = child.run(point)
    assert code == -signal.SIGKILL
    lines = output.split()
    assert len(lines) == 2
    left_open = point not in ("before the record is committed", "after the result")
    child.check([Certificate.parse(bytes.fromhex(line)) for line in lines], open_before=int(left_open))


@pytest.mark.parametrize("count", [1, 7, 20])
def test_a_process_killed_from_outside_leaves_nothing_unaccounted(child: Child, count: int) -> None:
    process = child.start("never")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(count)]
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    whole = [line for line in lines if line.endswith("\n")]
    left = child.states().count("open")
    assert left <= 1
    child.check([Certificate.parse(bytes.fromhex(line)) for line in whole], open_before=left)


def test_a_start_leaves_the_records_of_a_live_process_alone(child: Child, key: MemoryKey) -> None:
    prepared = child.ca.issuer.prepare(certificate_tbs(key), "EC")
    with child.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    neighbour = Database.open(child.database._url.render_as_string(hide_password=False))
    assert recover(neighbour) == (0, 0)
    certificate = child.ca.issuer.issue(prepared.token)
    with child.database.write(durable=False) as tx:
        tx_complete(tx, prepared.record, certificate)
    assert child.states().count("issued") == 2
    neighbour.close()


def test_a_process_taken_for_dead_hands_nothing_out(child: Child, key: MemoryKey) -> None:
    prepared = child.ca.issuer.prepare(certificate_tbs(key), "EC")
    with child.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    child.database.close()  # its lock is gone, as with a broken session
    neighbour = Database.open(child.database._url.render_as_string(hide_password=False))
    assert recover(neighbour) == (1, 0)
    neighbour.close()
    certificate = child.ca.issuer.issue(prepared.token)
    with pytest.raises(RecordFailed), child.database.write(durable=False) as tx:
        tx_complete(tx, prepared.record, certificate)
    assert child.states().count("void") == 1


# -- a database that fails at each step


def break_at(database: Database, table: str, operation: str, when: str) -> None:
    """From now on the operation fails: at once, or only when the transaction commits."""
    if database._engine.dialect.name == "sqlite":
        body = "SELECT RAISE(ABORT, 'broken');"
        if when == "commit":
            body = "INSERT INTO orphan VALUES (1);"
        statements = [
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE orphan (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
            f"CREATE TRIGGER broken BEFORE {operation} ON {table} BEGIN {body} END",
        ]
    else:
        body = "RAISE EXCEPTION 'broken';" if when == "statement" else "INSERT INTO orphan VALUES (1);"
        statements = [
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE orphan (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
            f"CREATE FUNCTION fail() RETURNS trigger AS $$ BEGIN {body} RETURN NEW; END $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER broken BEFORE {operation} ON {table} FOR EACH ROW EXECUTE FUNCTION fail()",
        ]
    with database.write(durable=False) as tx:
        for statement in statements:
            tx.execute(sa.text(statement))


def repair(database: Database, table: str) -> None:
    on = f" ON {table}" if database._engine.dialect.name == "postgresql" else ""
    with database.write(durable=False) as tx:
        tx.execute(sa.text(f"DROP TRIGGER broken{on}"))


@pytest.mark.parametrize("when", ["statement", "commit"])
@pytest.mark.parametrize(
    ("table", "operation"),
    [("issuance_record", "INSERT"), ("audit_entry", "INSERT"), ("audit_head", "UPDATE")],
)
def test_a_record_that_fails_leaves_nothing_signed(
    ca: SmallCa, key: MemoryKey, table: str, operation: str, when: str
) -> None:
    used: list[bytes] = []
    sign = ca.issuer._key.sign
    ca.issuer._key.sign = lambda digest: used.append(digest) or sign(digest)  # type: ignore[method-assign, func-returns-value]
    break_at(ca.database, table, operation, when)
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    expected = RecordFailed if table == "issuance_record" or when == "commit" else AuditError
    with pytest.raises(expected), ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    with pytest.raises(RecordFailed, match="nothing was signed"):
        ca.issuer.issue(prepared.token)
    assert used == []
    repair(ca.database, table)
    assert examine(ca.database).findings == ()
    issue(ca.database, ca.issuer, certificate_tbs(key), "EC")
    assert examine(ca.database).records == 2


@pytest.mark.parametrize("when", ["statement", "commit"])
@pytest.mark.parametrize(
    ("table", "operation"),
    [("issuance_record", "UPDATE"), ("audit_entry", "INSERT"), ("audit_head", "UPDATE")],
)
def test_a_result_that_fails_leaves_the_record_open_until_a_start_voids_it(
    ca: SmallCa, key: MemoryKey, table: str, operation: str, when: str
) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    certificate = ca.issuer.issue(prepared.token)
    break_at(ca.database, table, operation, when)
    with pytest.raises(V2xPkiError) as caught, ca.database.write(durable=False) as tx:
        tx_complete(tx, prepared.record, certificate)
    assert isinstance(caught.value, StoreError | AuditError)
    repair(ca.database, table)
    with ca.database.read() as tx:
        row = tx.execute(sa.select(IssuanceRecord).where(IssuanceRecord.kind == "EC")).one()
    assert (row.state, row.signed) == ("open", None)
    ca.database.close()
    assert recover(ca.database) == (1, 0)
    assert examine(ca.database).findings == ()


def test_a_result_that_failed_may_be_stored_at_a_second_try(ca: SmallCa, key: MemoryKey) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    certificate = ca.issuer.issue(prepared.token)
    break_at(ca.database, "audit_entry", "INSERT", "statement")
    with pytest.raises(AuditError), ca.database.write(durable=False) as tx:
        tx_complete(tx, prepared.record, certificate)
    repair(ca.database, "audit_entry")
    with ca.database.write(durable=False) as tx:
        tx_complete(tx, prepared.record, certificate)
    assert examine(ca.database).findings == ()


# -- recovery


@pytest.fixture
def left_open(ca: SmallCa, key: MemoryKey) -> Iterator[tuple[SmallCa, list[OpenRecord], list[bytes]]]:
    """A CA with an EC and a CRL that were signed and not stored, by a process that is gone."""
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    listed = ca.lists.prepare(crl(), 622)
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
        tx_save(tx, listed.record)
    signed = [ca.issuer.issue(prepared.token).octets, ca.lists.issue(listed.token)]
    ca.database.close()
    records = [OpenRecord(r.id, r.kind, r.issuer, r.to_be_signed) for r in (prepared.record, listed.record)]
    yield ca, records, signed


Left = tuple[SmallCa, list[OpenRecord], list[bytes]]


def test_what_was_signed_and_is_found_finishes_its_record(left_open: Left) -> None:
    ca, records, signed = left_open
    by_kind = dict(zip(("EC", "CRL"), signed, strict=True))
    asked: list[OpenRecord] = []

    def find(record: OpenRecord) -> bytes | None:
        asked.append(record)
        return by_kind[record.kind]

    assert recover(ca.database, find=find, issuer=ca.certificate) == (0, 2)
    assert sorted(asked) == sorted(records)
    with ca.database.read() as tx:
        rows = tx.execute(sa.select(IssuanceRecord).where(IssuanceRecord.kind != "RCA")).all()
    assert {row.signed for row in rows} == set(signed)
    assert {row.hashed_id8 for row in rows} == {Certificate.parse(signed[0]).hashed_id8, None}
    assert examine(ca.database).findings == ()


def test_what_is_of_another_record_or_key_finishes_none(left_open: Left, key: MemoryKey) -> None:
    ca, _, signed = left_open
    other = issue(ca.database, ca.issuer, certificate_tbs(key, "someone else"), "EC")
    for octets, issuer, error in (
        (other.octets, ca.certificate, IssuanceError),
        (signed[0], other, InvalidSignature),
    ):
        with pytest.raises(error):
            recover(ca.database, find=lambda r, o=octets: o if r.kind == "EC" else None, issuer=issuer)
    with pytest.raises(IssuanceError):
        recover(ca.database, find=lambda r: signed[1] if r.kind == "CRL" else None)
    assert examine(ca.database).findings == ()


def test_voiding_takes_the_callers_rows_along(left_open: Left) -> None:
    ca, records, _ = left_open
    told: list[bytes] = []

    def on_void(tx: Transaction, record: bytes) -> None:
        told.append(record)

    assert recover(ca.database, on_void=on_void) == (2, 0)
    assert sorted(told) == sorted(record.id for record in records)


def test_a_callback_that_fails_leaves_the_records_open(left_open: Left) -> None:
    ca, _, _ = left_open

    def on_void(tx: Transaction, record: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        recover(ca.database, on_void=on_void)
    assert recover(ca.database) == (2, 0)


def test_a_purge_takes_what_expired_and_the_chain_still_holds(ca: SmallCa, key: MemoryKey) -> None:
    from v2xpki.issuance import purge

    early = certificate_tbs(key)
    late = certificate_tbs(key, start=early.validity_period.start + 3600 * 10)
    kept = issue(ca.database, ca.issuer, late, "AT")
    issue(ca.database, ca.issuer, early, "AT")
    prepared = ca.issuer.prepare(early, "AT")  # open: stays, whatever its age
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    assert purge(ca.database, kept.end - 3600) == 2  # with the CA's own
    with ca.database.read() as tx:
        assert sorted(tx.execute(sa.select(IssuanceRecord.state)).scalars()) == ["issued", "open"]
    assert examine(ca.database).findings == ()
    assert hashlib.sha256(kept.octets).digest()
    with ca.database.write(durable=True) as tx:
        tx.execute(sa.delete(IssuanceRecord).where(IssuanceRecord.state == "issued"))
    assert [f.rule for f in examine(ca.database).findings] == ["records"]
