"""When a CRL is signed, once for each issueDate; what is left when the process dies, or nobody takes it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.linkage import WEEK
from tests.support.misbehaviour import CRL_KEY, DAY, SERIES, CaseLab
from v2xpki.authorities.scms.crl_generator import CrlPolicy
from v2xpki.authorities.scms.ma_cases import CaseBook, NewEntry, linked_value
from v2xpki.crypto import LinkedEntry
from v2xpki.errors import AuditError, ConfigError, IssuanceError, LinkError
from v2xpki.issuance import CrlSigner
from v2xpki.store import Database
from v2xpki.store.auditing import examine
from v2xpki.store.base import IssuanceRecord
from v2xpki.trust.scms_crl import ScmsCrl

BROKEN = "CREATE TRIGGER broken BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'no'); END"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CaseLab]:
    made = CaseLab(tmp_path)
    yield made
    made.close()


def add(lab: CaseLab, i_rev: int = 0, i_max: int = 9) -> LinkedEntry:
    """An entry, as a case would leave it."""
    entry = LinkedEntry(b"\0\1", b"\0\2", os.urandom(16), os.urandom(16))
    book = CaseBook(lab.ma_database)
    case = book.open(lab.end_entity("APPLICATION", 3), "", "ann", lab.clock.now)
    until = lab.clock.now + 99 * WEEK
    book.finish(case.id, [NewEntry("linked", 1, linked_value(entry), until, i_rev, i_max, 20)])
    return entry


def current(lab: CaseLab, series: int = 1) -> ScmsCrl:
    crl = ScmsCrl.parse(lab.crls.current(series) or b"")
    crl.verify(lab.trust, lab.clock.now, series=series)
    return crl


def states(lab: CaseLab) -> list[str]:
    with lab.ma_database.read() as tx:
        return sorted(tx.execute(sa.select(IssuanceRecord.state)).scalars())


def test_every_series_has_a_crl_from_the_start_and_a_new_one_well_ahead_of_its_end(lab: CaseLab):
    assert lab.crls.due() == sorted(SERIES) and len(lab.crls.issue_due()) == 4
    assert lab.crls.due() == [] and lab.crls.issue_due() == []
    first = current(lab)
    assert (first.linked, first.number, first.next_crl - first.issue_date) == ([], 0, 7 * DAY)
    lab.clock.advance(2 * DAY - 1)
    assert lab.crls.due() == []
    lab.clock.advance(1)
    assert lab.crls.due() == sorted(SERIES)
    lab.crls.issue_due()
    assert current(lab).number == 1 and current(lab, 2).number == 1 and current(lab).i_rev == first.i_rev


def test_a_new_entry_makes_a_crl_due_at_once_and_within_the_same_second(lab: CaseLab):
    lab.crls.issue_due()
    before = current(lab)
    entry = add(lab)
    assert lab.crls.due() == [1]
    lab.crls.issue_due()
    assert current(lab).issue_date == before.issue_date + 1
    assert [one.entry for one in current(lab).linked] == [entry] and lab.crls.due() == []


def test_an_entry_of_a_chain_that_has_not_begun_waits_for_its_period(lab: CaseLab):
    lab.crls.issue_due()
    add(lab, i_rev=2)
    assert lab.crls.due() == []
    lab.clock.advance(2 * WEEK)
    lab.crls.issue_due()
    assert current(lab).i_rev == 2 and len(current(lab).linked) == 1


def test_entries_go_after_their_last_period(lab: CaseLab):
    add(lab, i_max=1)
    lab.crls.issue_due()
    assert len(current(lab).linked) == 1
    lab.clock.advance(2 * WEEK)
    lab.crls.issue_due()
    assert current(lab).linked == [] and current(lab).i_rev == 2


@pytest.mark.parametrize(("point", "signed"), [("die_before", 0), ("die_after", 1)])
def test_a_process_that_dies_at_the_signature_leaves_the_old_crl_and_the_next_is_later(
    lab: CaseLab, point: str, signed: int
):
    lab.crls.issue_due()
    old, made = current(lab), len(lab.keystore.signed())
    entry = add(lab)
    child = os.fork()
    if child == 0:
        setattr(lab.keystore, point, lab.keystore.count)
        database = Database.open(f"sqlite:///{lab.folder}/ma.db", clock=lab.clock)
        lab.generator(database).issue(1)
        os._exit(0)
    os.waitpid(child, 0)
    assert current(lab).octets == old.octets and states(lab).count("open") == 1
    assert len(lab.keystore.signed()) == made + signed
    again = lab.generator(lab.ma_database)
    assert states(lab).count("void") == 1 and again.due() == [1]
    again.issue_due()
    crl = current(lab)
    assert [one.entry for one in crl.linked] == [entry] and crl.issue_date > old.issue_date + 1
    assert len(set(lab.keystore.signed())) == len(lab.keystore.signed()) == made + signed + 1
    assert examine(lab.ma_database).intact


def test_nothing_is_signed_that_is_not_on_record(lab: CaseLab):
    with lab.ma_database.write(durable=True) as tx:
        tx.execute(sa.text(BROKEN))
    before = lab.keystore.signed()
    with pytest.raises(AuditError):
        lab.crls.issue(1)
    assert lab.keystore.signed() == before and lab.crls.current(1) is None


def test_two_processes_sign_one_crl_for_an_issue_date(lab: CaseLab, monkeypatch: pytest.MonkeyPatch):
    other = lab.generator(lab.ma_database)
    monkeypatch.setattr(other, "_last", lambda _: None)  # as it was before the first one's row
    assert lab.crls.issue(1) is not None and other.issue(1) is None
    lab.crls.issue(1)
    assert other.issue(1) is None  # nor for an earlier one
    assert len(lab.keystore.signed()) == 2


def test_a_crl_of_a_slow_process_does_not_follow_one_that_names_more(
    lab: CaseLab, monkeypatch: pytest.MonkeyPatch
):
    slow, entries = lab.generator(lab.ma_database), lab.crls._entries
    lab.clock.advance(1)
    added: list[LinkedEntry] = []

    def overtaken(series: int, at: int) -> list:
        found = entries(series, at)
        added.append(add(lab))
        lab.clock.advance(-1)  # the quick one's clock is a second behind
        assert lab.crls.issue(series) is not None
        return found

    monkeypatch.setattr(slow, "_entries", overtaken)
    assert slow.issue(1) is None
    assert len(added) == len(current(lab).linked) == 1


def test_what_a_quicker_process_s_crl_does_not_name_is_in_the_next_one(
    lab: CaseLab, monkeypatch: pytest.MonkeyPatch
):
    slow, last = lab.generator(lab.ma_database), lab.crls._last
    lab.crls.issue_due()
    lab.clock.advance(1)
    add(lab)

    def overtaken(series: int) -> object:
        found = last(series)
        monkeypatch.undo()
        with monkeypatch.context() as before:
            before.setattr(lab.crls, "_entries", lambda *_: [])  # it looked before the entry came
            assert lab.crls.issue(series) is not None
        return found

    monkeypatch.setattr(slow, "_last", overtaken)
    assert len(slow.issue_due()) == 1
    assert len(current(lab).linked) == 1


def test_what_the_distribution_centre_did_not_take_is_given_to_it_again(lab: CaseLab):
    lab.crls.issue_due()
    lab.shelf.down = True
    with pytest.raises(LinkError):
        lab.crls.publish_due()
    lab.shelf.down = False
    assert lab.crls.publish_due() == 4 and lab.crls.publish_due() == 0
    assert {ScmsCrl.parse(octets).series for octets in lab.shelf.documents} == set(SERIES)


def test_a_signer_takes_a_certificate_that_may_sign_and_forms_that_are_issued(lab: CaseLab):
    key = lab.keystore.issuing_key(CRL_KEY)
    with pytest.raises(IssuanceError):
        CrlSigner(key, lab.scms.aca_certificate)
    signer = CrlSigner(key, lab.crl_signer)
    lab.crls.issue(2)
    contents = current(lab, 2).contents
    delta = contents._replace(type_specific=contents.type_specific._replace(kind="deltaHashCrl"))
    for wrong in (delta, contents._replace(issue_date=lab.crl_signer.end)):
        with pytest.raises(IssuanceError):
            signer.prepare(wrong)


def test_a_policy_that_would_leave_a_gap_is_no_policy():
    for validity, ahead in ((7, 7), (7, 0)):
        with pytest.raises(ConfigError):
            CrlPolicy(validity, ahead)
