"""An ECA killed at any step of an enrolment: the device asks again, and there is one certificate for it."""

import os
import signal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support import eca_crashing, warm
from tests.support.scms_enrolment import LABEL, P256, EcaLab
from v2xpki.crypto import signing_digest
from v2xpki.issuance import recover
from v2xpki.keystore import MemoryKey, MemoryKeystore
from v2xpki.station.scms.enrolment import EnrolmentWish, accept, ask
from v2xpki.store import Database
from v2xpki.store.auditing import examine
from v2xpki.store.base import IssuanceRecord

ANYTHING = EnrolmentWish()


@pytest.mark.parametrize(
    ("point", "at_start"), [*((point, False) for point in eca_crashing.POINTS), ("after the signature", True)]
)
def test_a_device_that_asks_again_after_a_crash_has_one_certificate(
    tmp_path: Path, point: str, at_start: bool
):
    url, pem, notes = f"sqlite:///{tmp_path}/eca.db", tmp_path / "eca.pem", tmp_path / "signatures"
    notes.touch()
    keystore, key = MemoryKeystore("test"), MemoryKey.generate(P256)
    keystore.add(LABEL, key)
    pem.write_bytes(key.to_pem())
    lab = EcaLab.make(url, keystore=keystore)
    for name, certificate in (("eca", lab.certificate), ("root", lab.root)):
        (tmp_path / f"{name}.oer").write_bytes(certificate.octets)
    sent = [ask(lab.device(f"OBU-{number}")[0], ANYTHING, lab.clock.now) for number in range(3)]
    requests = tmp_path / "requests"
    requests.write_text("\n".join(pending.request.hex() for pending in sent))
    lab.database.close()
    code, out, err = warm.run(
        [url, *map(str, (pem, tmp_path)), point, *map(str, (requests, notes))], os.environ,
        program="import sys; from tests.support.eca_crashing import main; main(*sys.argv[1:])",
    )  # fmt: skip
    assert code == -signal.SIGKILL, err
    handed_out = [bytes.fromhex(line) for line in out.split()]
    assert len(handed_out) == 2

    database = Database.open(url, clock=lab.clock)
    if at_start:  # else the record is found open when the device asks again
        assert recover(database) == (1, 0)
    eca = EcaLab.authority(keystore, lab.certificate, lab.root, database, lab.clock)
    answers = [eca.enrol(pending.request) for pending in sent]
    assert answers[:2] == handed_out
    assert [eca.enrol(pending.request) for pending in sent] == answers
    for pending, answer in zip(sent, answers, strict=True):
        accept(pending, answer, [lab.root], lab.clock.now)
    with database.read() as tx:
        records = tx.execute(sa.select(IssuanceRecord.state, IssuanceRecord.to_be_signed)).all()
        held = tx.execute(sa.text("SELECT count(*) FROM enrolment_certificate")).scalar()
    assert sorted(row.state for row in records)[:3] == ["issued"] * 3
    assert {row.state for row in records} <= {"issued", "void"} and held == 3
    # what was signed was recorded before, and nothing was signed twice
    signed = notes.read_text().split()
    recorded = {signing_digest("sha256", row.to_be_signed, lab.certificate.octets).hex() for row in records}
    assert len(set(signed)) == len(signed) and set(signed) <= recorded
    eca.close()
    assert examine(database).findings == ()
    database.close()
