"""The process is killed at every step of publishing, and the database fails at every step.

Each attempt is a forked process that SIGKILLs itself at its n-th step: before and after each commit, each
signature and each file. What it leaves is checked, and the next attempt goes one step further over what all
the ones before have left, until one reaches its end.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.issuance.test_crash import break_at, repair
from v2xpki.authorities.etsi import ceremony, publishing
from v2xpki.authorities.etsi.distribution import Publisher
from v2xpki.crypto import signing_digest
from v2xpki.errors import AuditError, StoreError, V2xPkiError
from v2xpki.keystore import MemoryKeystore
from v2xpki.store import Database, Transaction
from v2xpki.store.auditing import examine
from v2xpki.store.base import AuditRow, IssuanceRecord
from v2xpki.store.dc import LEASE, DcStore, PublicationRow
from v2xpki.store.root import Revocation
from v2xpki.store.root import SignedList as RootList
from v2xpki.trust.lists import AaEntry, SignedList


class Steps:
    """Counts what a process does, and kills it at one step."""

    def __init__(self, deadly: int) -> None:
        self.count, self.deadly = 0, deadly

    def step(self) -> None:
        self.count += 1
        if self.count == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable) -> Callable:
        def wrapped(*args, **options):
            self.step()
            result = call(*args, **options)
            self.step()
            return result

        return wrapped


def attempt(work: Callable[[], object], deadly: int, journal: Path) -> bool:
    """Run work in a process that dies at a step; whether it came to its end before."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            steps = Steps(deadly)
            leave = Transaction.__exit__

            def commit(tx, *rest):
                if tx._write:
                    steps.step()
                leave(tx, *rest)
                if tx._write:
                    steps.step()

            Transaction.__exit__ = commit
            issuing_key = MemoryKeystore.issuing_key

            def noted(self, label):
                key = issuing_key(self, label)
                sign = key.sign

                def signs(digest):
                    steps.step()
                    raw = sign(digest)
                    with journal.open("a") as file:
                        file.write(digest.hex() + "\n")
                    steps.step()
                    return raw

                key.sign = signs
                return key

            MemoryKeystore.issuing_key = noted
            ceremony.write_new = steps.around(ceremony.write_new)
            publishing.write_new = steps.around(publishing.write_new)
            work()
            code = 0
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the work itself failed"
        return True
    assert os.WTERMSIG(status) == signal.SIGKILL
    return False


def until_it_ends(work: Callable[[], object], check: Callable[[], object], journal: Path) -> int:
    for deadly in range(1, 1000):
        done = attempt(work, deadly, journal)
        check()
        if done:
            return deadly
    raise AssertionError("no end")


def rows(database: Database, model) -> list:
    with database.read() as tx:
        return tx.execute(sa.select(model)).all()


def check_house(house, journal: Path) -> None:
    """Nothing unaccounted for, wherever it was killed."""
    with house.hall.database("root") as root, house.hall.database("dc") as dc:
        assert examine(root).findings == () and examine(dc).findings == ()
        records = {row.id: row for row in rows(root, IssuanceRecord)}
        numbers: dict[tuple, list[str]] = {}
        by_digest = {}
        for row in rows(root, RootList):
            record = records[row.record]
            digest = signing_digest("sha384", record.to_be_signed, house.root.octets).hex()
            by_digest[digest] = row
            numbers.setdefault((row.kind, row.number, row.delta), []).append(digest)
        # a number stands for one list, whatever became of it
        assert all(len(digests) == 1 for digests in numbers.values())
        signatures = journal.read_text().split() if journal.exists() else []
        assert len(set(signatures)) == len(signatures)
        assert set(signatures) <= by_digest.keys()
        issued = {bytes(row.signed) for row in records.values() if row.state == "issued"}
        for path in house.hall.directory.glob("root/lists/*.oer"):
            assert path.read_bytes() in issued
        known = rows(dc, PublicationRow)
        sequences = [(r.kind, r.number, r.delta) for r in known if r.kind != "crl"]
        assert len(set(sequences)) == len(sequences)
        for row in known:
            if row.kind in ("ctl", "crl"):
                assert bytes(row.octets) in issued
        visible = {bytes(row.octets) for row in known if row.published is not None}
        told = [row for row in rows(dc, AuditRow) if row.event == "list.published"]
        assert len(told) == len(visible)
        for found in (house.ctl(), house.crl(), house.ectl()):
            assert found.octets in visible
        distribution = house.distribution()
        for sequence in {row.sequence for row in known}:
            delta = distribution.delta_ctl(house.root.hashed_id8, sequence)
            assert delta is None or delta.octets in visible


def test_killed_at_any_step_of_signing_and_publishing(house, tmp_path):
    journal = tmp_path / "signatures"
    aa = next(e for e in house.ctl().entries if isinstance(e, AaEntry))
    kept = [entry for entry in house.ctl().entries if entry != aa]
    (house.hall.directory / "v2xpki.toml").write_text("lab = false\n")
    variants = iter(range(10_000))

    def work() -> None:
        entry = AaEntry(aa.certificate, f"https://aa-{next(variants)}.example/aa")
        house.publish_root(entries=[*kept, entry], count=2)
        house.publish("crl", count=2)

    def check() -> None:
        next(variants)  # the child's is gone with it: each attempt wants another list
        house.clock.advance(1)
        check_house(house, journal)

    deadly = until_it_ends(work, check, journal)
    assert deadly > 30
    before = house.ctl()
    house.publish("ctl")
    # what died on the way has used its numbers up; the list and its delta are both there again
    now = house.ctl()
    assert now.sequence not in (before.sequence, None)
    assert house.delta_ctl(now.sequence).sequence == now.sequence
    check_house(house, journal)
    with house.hall.database("root") as root:
        assert not [row for row in rows(root, IssuanceRecord) if row.state == "open"]


def test_a_revocation_that_was_recorded_survives_whatever_follows(house, tmp_path):
    aa = next(e for e in house.ctl().entries if isinstance(e, AaEntry)).certificate
    revoked = False
    for deadly in range(1, 1000):
        done = attempt(lambda: house.publish_root(revoked=[aa]), deadly, tmp_path / "journal")
        house.clock.advance(1)
        with house.hall.database("root") as root:
            known = bool(rows(root, Revocation))
        assert known or not revoked
        if known and not revoked:
            house.publish("crl")
        revoked = known
        assert house.crl().revoked == ({aa.hashed_id8} if revoked else frozenset())
        if done:
            break
    assert revoked and not any(isinstance(e, AaEntry) for e in house.ctl().entries)


def test_a_service_killed_at_any_step_of_publishing_is_followed_by_another(house, tmp_path):
    (house.hall.directory / "v2xpki.toml").write_text("lab = false\n")
    house.publish("ctl", count=6)
    house.publish("crl", count=6)

    def work() -> None:
        with house.hall.database("dc") as database:
            Publisher(DcStore(database), house.clock).round()

    for _ in range(4):
        before = house.ctl().sequence
        house.clock.advance(23 * 86400)
        until_it_ends(work, lambda: check_house(house, tmp_path / "journal"), tmp_path / "journal")
        assert house.ctl().sequence == before + 1
        assert house.delta_ctl(before + 1).sequence == before + 1


# --- a database that fails -------------------------------------------------------------------------------


@pytest.fixture
def signatures(monkeypatch) -> Iterator[list[bytes]]:
    made: list[bytes] = []
    issuing_key = MemoryKeystore.issuing_key

    def noted(self, label):
        key = issuing_key(self, label)
        sign = key.sign
        key.sign = lambda digest: made.append(digest) or sign(digest)
        return key

    monkeypatch.setattr(MemoryKeystore, "issuing_key", noted)
    yield made


@pytest.mark.parametrize("when", ["statement", "commit"])
@pytest.mark.parametrize(
    ("table", "operation"),
    [("signed_list", "INSERT"), ("issuance_record", "INSERT"), ("audit_entry", "INSERT")],
)
def test_where_the_number_cannot_be_recorded_nothing_is_signed(house, signatures, table, operation, when):
    with house.hall.database("root") as root:
        break_at(root, table, operation, when)
        with pytest.raises((StoreError, AuditError)):
            house.publish("ctl")
        assert signatures == []
        repair(root, table)
    assert house.ctl().sequence == 0
    house.publish("ctl")
    assert house.ctl().sequence == 1


@pytest.mark.parametrize("when", ["statement", "commit"])
def test_where_the_result_cannot_be_recorded_nothing_goes_out_and_the_numbers_are_used_up(
    house, signatures, when
):
    with house.hall.database("root") as root:
        break_at(root, "issuance_record", "UPDATE", when)
        with pytest.raises(V2xPkiError):
            house.publish("ctl", count=2)
        assert len(signatures) == 4
        repair(root, "issuance_record")
    assert house.ctl().sequence == 0
    assert not (house.hall.directory / "root/lists/ctl-1.oer").exists()
    house.publish("ctl")
    assert house.ctl().sequence == 3
    with house.hall.database("root") as root:
        assert examine(root).findings == ()


@pytest.mark.parametrize("when", ["statement", "commit"])
@pytest.mark.parametrize(
    ("table", "operation"),
    [
        ("publication", "INSERT"),
        ("publication", "UPDATE"),
        ("audit_entry", "INSERT"),
        ("audit_head", "UPDATE"),
    ],
)
def test_where_the_centre_cannot_record_nothing_is_seen(house, table, operation, when):
    with house.hall.database("dc") as dc:
        break_at(dc, table, operation, when)
        with pytest.raises((StoreError, AuditError)):
            house.publish_root(
                revoked=[next(e for e in house.ctl().entries if isinstance(e, AaEntry)).certificate]
            )
        assert (house.ctl().sequence, house.crl().revoked) == (0, frozenset())
        repair(dc, table)
    lists = sorted((house.hall.directory / "root/lists").glob("*.oer"))
    assert publishing.import_lists(house.instance, lists, house.clock).new == 3
    assert house.ctl().sequence == 1 and len(house.crl().revoked) == 1


@pytest.mark.parametrize(
    ("table", "operation"), [("publication", "UPDATE"), ("audit_entry", "INSERT"), ("lease", "INSERT")]
)
def test_where_the_service_cannot_record_it_tries_again(house, table, operation):
    house.publish("ctl", count=2)
    with house.hall.database("dc") as dc:
        break_at(dc, table, operation, "statement")
        with pytest.raises((StoreError, AuditError)):
            house.tick(23 * 86400)
        assert house.ctl().sequence == 1
        repair(dc, table)
    house.tick(LEASE)  # another worker, when the lease of the one that failed is over
    assert house.ctl().sequence == 2


def test_files_that_a_killed_ceremony_did_not_write_are_written_by_the_next(house):
    lists = house.hall.directory / "root/lists"
    house.publish("ctl")
    octets = (lists / "ctl-1.oer").read_bytes()
    (lists / "ctl-1.oer").unlink()
    house.publish("ctl")
    assert (lists / "ctl-1.oer").read_bytes() == octets
    assert SignedList.parse(octets).sequence == 1
