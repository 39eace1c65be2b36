"""What an ACA keeps, whom it tells what, and what is left when it dies at any step."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.scms import NotingKeystore, certificate, die, new_cocoon, response
from v2xpki.authorities.scms import aca as module
from v2xpki.authorities.scms.peers import name_of_request
from v2xpki.authorities.scms.reasons import AcaReason, Refusal
from v2xpki.authorities.scms.secrets import SecretStore
from v2xpki.bench.scms_laboratory import LA_IDS, ScmsLaboratory
from v2xpki.crypto import signing_digest
from v2xpki.errors import AuditError, KeyNotFound, KeyRefused, RecordFailed, TokenLost
from v2xpki.issuance import recover_chunks
from v2xpki.keystore import KeyLabel, MemoryKeystore
from v2xpki.keystore.simulator import FaultyKeystore
from v2xpki.store import Database
from v2xpki.store.aca import Certified, IssuanceChunk, WrappedSecret
from v2xpki.store.auditing import examine
from v2xpki.store.chunks import unpack
from v2xpki.time import FixedClock

NOW = 720_000_123
BROKEN = "CREATE TRIGGER broken BEFORE {} BEGIN SELECT RAISE(ABORT, 'no'); END"


def entries(database: Database) -> list:
    with database.read() as tx:
        rows = tx.execute(sa.select(IssuanceChunk.octets)).scalars().all()
    return [entry for octets in rows for entry in unpack(bytes(octets))]


def states(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(sa.select(IssuanceChunk.state)).scalars())


# --- what is kept -------------------------------------------------------------------------------------


def test_what_a_certificate_was_made_of_is_told_to_the_aca_alone(laboratory: ScmsLaboratory):
    cocoon = new_cocoon()
    plvs = os.urandom(9), os.urandom(9)
    request = laboratory.signed(laboratory.request(cocoon.public_key, plvs=plvs))
    (answer,) = laboratory.aca.certify([request])
    made = certificate(laboratory, answer, cocoon)
    told = laboratory.aca.linked(made)
    assert told == (LA_IDS[0], plvs[0], LA_IDS[1], plvs[1], laboratory.ra.hashed_id8,
                    name_of_request(cocoon.public_key.point, cocoon.public_key.point))  # fmt: skip
    assert laboratory.open_aca().linked(made) == told
    assert laboratory.aca.linked(laboratory.ra) is None


def test_several_processes_that_start_at_once_make_a_secret_once(
    laboratory: ScmsLaboratory, monkeypatch: pytest.MonkeyPatch
):
    first, second = (
        SecretStore(laboratory.database, WrappedSecret, laboratory.keystore, KeyLabel("aca", "wrap"))
        for _ in range(2)
    )
    add, made = first.add, []

    def overtaken(*arguments: Any) -> None:
        made.append(second.get_or_make("new", 16))
        add(*arguments)

    monkeypatch.setattr(first, "add", overtaken)
    assert [first.get_or_make("new", 16)] == made


def test_the_database_alone_tells_no_value_request_key_or_cocoon(quick: ScmsLaboratory):
    cocoons = [new_cocoon() for _ in range(20)]
    plvs = [(os.urandom(9), os.urandom(9)) for _ in cocoons]
    requests = [
        quick.signed(quick.request(cocoon.public_key, plvs=two))
        for cocoon, two in zip(cocoons, plvs, strict=True)
    ]
    answers = quick.aca.certify(requests)
    secrets = [value for two in plvs for value in two] + [*quick.la_keys]
    secrets += [cocoon.public_key.point[1:] for cocoon in cocoons]
    secrets += [response(quick, answer).request_hash for answer in answers]
    secrets += [quick.aca._scalars, quick.aca._seal]
    quick.close()
    folder = Path(quick.database._url.database).parent
    octets = b"".join(path.read_bytes() for path in folder.glob("aca.db*") if path.is_file())
    assert quick.ra.hashed_id8 not in octets
    assert [secret for secret in secrets if secret in octets] == []


def test_no_time_finer_than_an_hour_and_no_order_of_requests_is_kept(quick: ScmsLaboratory):
    cocoons = [new_cocoon() for _ in range(30)]
    answers = quick.aca.certify([quick.signed(quick.request(c.public_key)) for c in cocoons])
    asked = [certificate(quick, a, c).octets for a, c in zip(answers, cocoons, strict=True)]
    kept = [entry.octets for entry in entries(quick.database)]
    assert sorted(asked) == sorted(kept) and asked != kept
    with quick.database.read() as tx:
        assert all(row % 3600 == 0 for row in tx.execute(sa.select(IssuanceChunk.expires)).scalars())
        assert "WITHOUT ROWID" in str(
            tx.execute(sa.text("SELECT sql FROM sqlite_master WHERE name = 'certified'")).scalar()
        )


def test_a_certificate_costs_less_than_250_octets_beside_itself(quick: ScmsLaboratory):
    count, chunks = 200, 10
    for _ in range(chunks):
        quick.aca.certify(quick.requests(count))
    size = sum(len(entry.octets) for entry in entries(quick.database))
    quick.database.close()
    with sqlite3.connect(quick.database._url.database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = Path(quick.database._url.database).stat().st_size
    assert (whole - size) / (count * chunks) < 250


# --- the audit record ------------------------------------------------------------------------------


_SET = "UPDATE issuance_chunk SET octets = CAST("
EDITS = {
    "a certificate replaced": _SET + "substr(octets, 1, 60) || x'00' || substr(octets, 62) AS BLOB)",
    "a signature replaced": _SET + "substr(octets, 1, length(octets) - 1) || x'00' AS BLOB)",
    "a certificate removed": _SET + "substr(octets, 1, length(octets) - 90) AS BLOB)",
    "a chunk declared void": "UPDATE issuance_chunk SET state = 'void'",
    "a chunk declared open": "UPDATE issuance_chunk SET state = 'open'",
    "a chunk removed": "DELETE FROM issuance_chunk",
    "a chunk added": "INSERT INTO issuance_chunk SELECT randomblob(16), kind, issuer, state, open_by, "
    "expires, octets, rider FROM issuance_chunk",
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_a_chunk_is_found(quick: ScmsLaboratory, name: str):
    quick.aca.certify(quick.requests(3))
    assert examine(quick.database).findings == ()
    with quick.database.write(durable=True) as tx:
        tx.execute(sa.text(EDITS[name]))
    assert examine(quick.database).findings != ()


def test_two_certificates_that_change_places_are_found(quick: ScmsLaboratory):
    quick.aca.certify(quick.requests(2))
    with quick.database.write(durable=True) as tx:
        octets = bytes(tx.execute(sa.select(IssuanceChunk.octets)).scalar())
        half = len(octets) // 2
        tx.execute(sa.update(IssuanceChunk).values(octets=octets[half:] + octets[:half]))
    assert [finding.rule for finding in examine(quick.database).findings] == ["records"]


def test_a_chunk_goes_with_its_last_certificate_and_the_chain_says_so(laboratory: ScmsLaboratory):
    first = laboratory.requests(3)
    laboratory.aca.certify(first)
    laboratory.clock.advance(7 * 24 * 3600)
    assert laboratory.aca.purge() == 0
    laboratory.aca.certify(laboratory.requests(2))
    laboratory.clock.advance(3 * 3600)
    assert laboratory.aca.purge() == 1
    assert len(entries(laboratory.database)) == 2
    with laboratory.database.read() as tx:
        assert len(tx.execute(sa.select(Certified.id)).all()) == 2
    assert examine(laboratory.database).findings == ()


def test_more_requests_than_a_chunk_takes_are_several(quick: ScmsLaboratory, monkeypatch):
    monkeypatch.setattr(module, "MOST", 4)
    assert all(isinstance(answer, bytes) for answer in quick.aca.certify(quick.requests(10)))
    assert len(states(quick.database)) == 3


# --- secrets -------------------------------------------------------------------------------------------


def test_secrets_move_to_the_next_wrapping_key(quick: ScmsLaboratory):
    cocoon = new_cocoon()
    request = quick.signed(quick.request(cocoon.public_key))
    first = certificate(quick, quick.aca.certify([request])[0], cocoon)
    quick.keystore.generate_wrapping(KeyLabel("aca", "wrap", 2))
    assert quick.secrets.rewrap(KeyLabel("aca", "wrap", 2)) == 4
    assert quick.secrets.rewrap(KeyLabel("aca", "wrap", 2)) == 0
    del quick.keystore._wrapping[KeyLabel("aca", "wrap")]
    again = quick.open_aca()
    assert certificate(quick, again.certify([request])[0], cocoon) == first
    assert again.linked(first) is not None


def test_a_secret_whose_time_is_over_opens_nothing_more(quick: ScmsLaboratory):
    name = next(name for name in quick.secrets.all("la:0001"))
    quick.secrets.end(name, NOW)
    (refused,) = quick.open_aca().certify(quick.requests(1))
    assert refused.reason is AcaReason.BAD_LINKAGE
    with pytest.raises(KeyNotFound):
        quick.secrets.get(name)


def test_a_changed_secret_is_refused(quick: ScmsLaboratory):
    with quick.database.write(durable=True) as tx:
        tx.execute(sa.text("UPDATE wrapped_secret SET octets = zeroblob(24) WHERE name = 'own:seal'"))
    with pytest.raises(KeyRefused):
        quick.open_aca()


# --- a token or a database that fails -------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_token_lost_amid_a_chunk_signs_none_twice(tmp_path: Path, when):
    keystore = FaultyKeystore(NotingKeystore(tmp_path / "notes"), 4, times=1, when=when)
    laboratory = ScmsLaboratory(tmp_path, keystore, FixedClock(NOW))
    requests = laboratory.requests(10)
    answers = laboratory.aca.certify(requests)
    lost = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(lost) == 6 and {refusal.reason for refusal in lost} == {AcaReason.SIGNING_FAILED}
    assert examine(laboratory.database).findings == ()
    again = laboratory.aca.certify(requests)
    assert all(isinstance(answer, bytes) for answer in again)
    assert [entry.signed for entry in entries(laboratory.database)].count(True) == 10
    check_signatures(laboratory, keystore.inner)
    laboratory.close()


def test_a_token_lost_amid_the_answers_leaves_the_certificates(quick: ScmsLaboratory, monkeypatch):
    requests = quick.requests(3)
    with monkeypatch.context() as patched:

        def lost(*_):
            raise TokenLost("gone")

        patched.setattr(quick.aca._responder, "certify_each", lost)
        with pytest.raises(TokenLost):
            quick.aca.certify(requests)
    before = [entry.octets for entry in entries(quick.database)]
    assert all(isinstance(answer, bytes) for answer in quick.aca.certify(requests))
    assert [entry.octets for entry in entries(quick.database)] == before


@pytest.mark.parametrize("table", ["issuance_chunk", "certified", "audit_entry"])
def test_nothing_is_signed_where_the_record_cannot_be_written(quick: ScmsLaboratory, table: str):
    with quick.database.write(durable=True) as tx:
        tx.execute(sa.text(BROKEN.format(f"INSERT ON {table}")))
    before = len(quick.keystore.signed())
    with pytest.raises((RecordFailed, AuditError)):
        quick.aca.certify(quick.requests(2))
    assert len(quick.keystore.signed()) == before and entries(quick.database) == []


def test_what_could_not_be_stored_does_not_go_out(quick: ScmsLaboratory):
    with quick.database.write(durable=True) as tx:
        tx.execute(sa.text(BROKEN.format("UPDATE ON issuance_chunk")))
    requests = quick.requests(2)
    with pytest.raises(RecordFailed):
        quick.aca.certify(requests)
    assert states(quick.database) == ["open"]


# --- a process that dies ------------------------------------------------------------------------------

POINTS = (
    "before the record is committed",
    "after the record",
    "before a signature",
    "after a signature",
    "after all signatures",
    "before the result is committed",
    "after the result",
    "amid the answers",
)


def arm(laboratory: ScmsLaboratory, point: str) -> None:
    """In the process that is to die."""
    keystore, aca = laboratory.keystore, laboratory.aca
    save, complete = module.tx_save_chunk, module.tx_complete_chunk

    def then_die(step: Callable) -> Callable:
        def run(tx, *arguments) -> None:
            step(tx, *arguments)
            tx._append()
            die()

        return run

    if point == "before the record is committed":
        module.tx_save_chunk = then_die(save)
    elif point == "after the record":
        aca._reader._issuer.issue = lambda _: die()
    elif point == "before a signature":
        keystore.die_before = keystore.count + 5
    elif point == "after a signature":
        keystore.die_after = keystore.count + 5
    elif point == "after all signatures":
        module.tx_complete_chunk = lambda *_: die()
    elif point == "before the result is committed":
        module.tx_complete_chunk = then_die(complete)
    elif point == "after the result":
        aca._responder.certify_each = lambda *_: die()
    else:
        keystore.die_after = keystore.count + 12


def check_signatures(laboratory: ScmsLaboratory, keystore: NotingKeystore) -> None:
    """No certificate without a record, and none that was signed twice."""
    signed = keystore.signed()
    recorded = []
    for entry in entries(laboratory.database):
        octets = entry.octets[12:-66] if entry.signed else entry.octets
        recorded.append(signing_digest("sha256", octets, laboratory.aca_certificate.octets))
    assert len(set(recorded)) == len(recorded)
    assert len(set(signed)) == len(signed)


@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_at_a_step_leaves_no_chunk_unaccounted(laboratory: ScmsLaboratory, point: str):
    first = laboratory.requests(3)
    requests = laboratory.requests(10)
    laboratory.aca.certify(first)
    laboratory.database.close()
    child = os.fork()
    if child == 0:
        try:
            database = Database.open(laboratory.url, clock=laboratory.clock)
            laboratory.aca = laboratory.open_aca(database)
            arm(laboratory, point)
            laboratory.aca.certify(requests)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)

    assert examine(laboratory.database).findings == ()
    left = states(laboratory.database).count("open")
    done = point in ("after the result", "amid the answers")
    assert left == (0 if done or point == "before the record is committed" else 1)
    kept = [entry.octets for entry in entries(laboratory.database) if entry.signed]
    aca = laboratory.open_aca()
    assert states(laboratory.database).count("open") == 0
    assert recover_chunks(laboratory.database, IssuanceChunk) == 0
    assert examine(laboratory.database).findings == ()

    answers = aca.certify(requests)
    assert all(isinstance(answer, bytes) for answer in answers)
    now = [entry.octets for entry in entries(laboratory.database) if entry.signed]
    assert now[: len(kept)] == kept and len(now) == 13
    assert examine(laboratory.database).findings == ()
    check_signatures(laboratory, laboratory.keystore)


def test_a_process_that_finds_the_chunk_of_a_dead_one_gets_on_with_it(laboratory: ScmsLaboratory):
    """Without a restart: a worker beside the one that died."""
    requests = laboratory.requests(4)
    laboratory.aca.certify(laboratory.requests(1))
    child = os.fork()
    if child == 0:
        try:
            laboratory.aca = laboratory.open_aca(Database.open(laboratory.url, clock=laboratory.clock))
            arm(laboratory, "after a signature")
            laboratory.aca.certify([*laboratory.requests(6), *requests])
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    assert states(laboratory.database).count("open") == 1
    answers = laboratory.aca.certify(requests)
    assert all(isinstance(answer, bytes) for answer in answers)
    assert states(laboratory.database).count("open") == 0
    check_signatures(laboratory, laboratory.keystore)
    assert examine(laboratory.database).findings == ()


def test_nothing_of_an_aca_is_told_by_its_parts(quick: ScmsLaboratory):
    texts = [
        repr(one) for one in (quick.aca, quick.secrets, *quick.aca._reader._keys.values(), quick.keystore)
    ]
    for secret in (*quick.la_keys, quick.aca._seal, quick.aca._scalars):
        assert not [text for text in texts if secret.hex() in text or repr(secret) in text]
    assert isinstance(quick.keystore, MemoryKeystore)
