"""What a misbehaviour authority does by itself, and what an operator asks of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.misbehaviour import SERIES, CaseLab
from v2xpki.authorities.scms.case_parts import Part, seal
from v2xpki.authorities.scms.ma_work import MaWork, plan_revocation, revoke
from v2xpki.jobs import InlinePool
from v2xpki.trust.scms_chain import scms_store
from v2xpki.trust.scms_crl import KnownSigners, ScmsCrl

REASON, OPERATOR = "sends from a desk", "ann"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CaseLab]:
    made = CaseLab(tmp_path)
    yield made
    made.close()


def test_a_case_that_was_left_open_reaches_the_distribution_centre_by_itself(lab: CaseLab):
    bad = lab.vehicle()
    lab.wires[3].down = lab.shelf.down = True
    done = revoke(lab.ma, lab.crls, bad.of(0)[0].octets, REASON, OPERATOR)
    assert (done.case.state, done.crls, done.published) == ("blocked", (), False)
    assert "down" in done.case.detail
    pool = InlinePool(MaWork(lab.ma, lab.crls))
    assert pool.run_once() == len(SERIES)
    lab.wires[3].down = lab.shelf.down = False
    while pool.run_once():
        pass
    crls = [ScmsCrl.parse(octets) for octets in lab.shelf.documents]
    assert [len(crl.linked) for crl in crls if crl.series == 1] == [0, 1]
    assert MaWork(lab.ma, lab.crls).due() == []


def test_a_revocation_goes_through_at_once_where_all_are_there(lab: CaseLab):
    bad = lab.vehicle()
    done = revoke(lab.ma, lab.crls, bad.of(0)[0].octets, REASON, OPERATOR)
    assert done.case.state == "revoked" and done.published and len(done.crls) == len(SERIES)
    lab.shelf.down = True
    other = revoke(lab.ma, lab.crls, lab.vehicle().of(0)[0].octets, REASON, OPERATOR)
    assert other.case.state == "revoked" and not other.published and len(other.crls) == 1


def test_a_plan_tells_what_would_be_done_and_does_nothing(lab: CaseLab):
    bad = lab.vehicle()
    plan = plan_revocation(lab.ma, bad.of(0)[0].octets)
    assert plan.linked and plan.series == 1 and plan.case is None
    assert not plan_revocation(lab.ma, lab.end_entity("APPLICATION", 3).octets).linked
    assert lab.ma.cases() == [] and all(wire.calls == 0 for wire in lab.wires)
    case = lab.ma.open_case(bad.of(0)[0].octets, REASON, OPERATOR)
    assert plan_revocation(lab.ma, bad.of(0)[0].octets).case == case


def test_what_will_be_refused_for_ever_ends_the_case(lab: CaseLab):
    bad = lab.vehicle()
    case = lab.ma.open_case(bad.of(0)[0].octets, REASON, OPERATOR)
    parts = lab.aca_cases.parts_of(case.certificate, case.id)
    assert parts is not None
    plv = seal(Part.PLV, case.id, b"\1" * 9, lab.la_certificates[0])
    lab.wires[0]._target = type("Aca", (), {"parts_of": lambda *_: parts._replace(plv1=plv)})()
    ended = lab.ma.resume(case.id)
    assert ended.state == "failed" and "RefusedCase" in ended.detail
    assert lab.ma.resume_all() == []


def test_the_trust_of_stations_will_do_for_the_authority(lab: CaseLab):
    store = scms_store([lab.scms.root])
    store.add(lab.scms.aca_certificate, lab.clock.now)
    lab.ma._trust = KnownSigners(store, [lab.crl_signer])
    bad = lab.vehicle()
    assert revoke(lab.ma, lab.crls, bad.of(0)[0].octets, REASON, OPERATOR).published
