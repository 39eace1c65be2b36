"""Revocation of a vehicle by one of its certificates: what is found, what is told to whom, what goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.linkage import PERIODS, WEEK
from tests.support.misbehaviour import CaseLab, J, Vehicle
from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.la_reasons import RefusedWishes, WishReason
from v2xpki.authorities.scms.ma_reasons import MaReason, RefusedRevocation
from v2xpki.crypto import Certificate
from v2xpki.errors import LinkError, Revoked
from v2xpki.store.auditing import examine
from v2xpki.store.ra import BLOCKED, PACKED, STOPPED, RaBatch, RaDevice
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.trust.scms_revocation import RevocationList

REASON, OPERATOR = "sends from a desk", "ann"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CaseLab]:
    made = CaseLab(tmp_path)
    yield made
    made.close()


def receiver(lab: CaseLab) -> RevocationList:
    """A station that has fetched the newest of what the distribution centre has."""
    held = RevocationList()
    held.advance(PERIODS.at(lab.clock.time32()))
    fetch(lab, held)
    return held


def fetch(lab: CaseLab, held: RevocationList) -> None:
    newest = {crl.series: crl for crl in map(ScmsCrl.parse, lab.shelf.documents)}
    for crl in newest.values():
        held.take(crl, lab.trust, lab.clock.time32())


def is_revoked(held: RevocationList, certificate: Certificate) -> bool:
    try:
        held.check(certificate)
    except Revoked:
        return True
    return False


def verdicts(held: RevocationList, vehicle: Vehicle, i: int) -> set[bool]:
    assert vehicle.of(i)
    return {is_revoked(held, one) for one in vehicle.of(i)}


def publish(lab: CaseLab) -> None:
    lab.crls.issue_due()
    lab.crls.publish_due()


def device_status(lab: CaseLab, vehicle: Vehicle) -> str:
    with lab.ra_database.read() as tx:
        return tx.execute(sa.select(RaDevice.status).where(RaDevice.id == vehicle.device)).scalar_one()


# --- exactly whom ---------------------------------------------------------------------------------------


def test_of_twenty_vehicles_exactly_the_revoked_one_is_found_from_irev_on(lab: CaseLab):
    fleet = [lab.vehicle(0, 3) for _ in range(20)]
    bad = fleet[7]
    lab.clock.advance(WEEK + 3 * 3600)  # period 1, beyond the overlap
    case = lab.ma.revoke(bad.requests[0].certificates[2, 1].octets, REASON, OPERATOR)
    assert case.state == "revoked" and not case.is_open
    publish(lab)
    held = receiver(lab)
    for i in range(1, 4):
        held.advance(max(i, 1))
        for vehicle in fleet:
            assert verdicts(held, vehicle, i) == {vehicle is bad}
    assert verdicts(receiver(lab), bad, 0) == {False}


def test_in_the_overlap_the_period_before_is_revoked_too(lab: CaseLab):
    bad, good = lab.vehicle(0, 2), lab.vehicle(0, 2)
    lab.clock.advance(WEEK - 3600 + 60)  # the first hour of period 1
    lab.ma.revoke(bad.of(1)[0].octets, REASON, OPERATOR)
    publish(lab)
    held = receiver(lab)
    assert [verdicts(held, bad, i) for i in (0, 1)] == [{True}, {True}]
    assert [verdicts(held, good, i) for i in (0, 1)] == [{False}, {False}]


def test_every_request_of_the_vehicle_is_revoked_whichever_certificate_was_named(lab: CaseLab):
    bad, good = lab.vehicle(0, 1), lab.vehicle(0, 3)
    lab.request(bad, 1, 3)
    lab.ma.revoke(bad.requests[0].certificates[0, 0].octets, REASON, OPERATOR)
    publish(lab)
    held = receiver(lab)
    for i in range(4):
        held.advance(i)
        lab.clock.now = max(lab.clock.time32(), PERIODS.start(i) + 2 * 3600)
        publish(lab)
        fetch(lab, held)
        assert verdicts(held, bad, i) == {True} and verdicts(held, good, i) == {False}


def test_a_later_case_steps_all_entries_to_one_period(lab: CaseLab):
    one, two, good = (lab.vehicle(0, 4) for _ in range(3))
    lab.ma.revoke(one.of(0)[0].octets, REASON, OPERATOR)
    publish(lab)
    lab.clock.advance(2 * WEEK)
    lab.ma.revoke(two.of(2)[0].octets, REASON, OPERATOR)
    publish(lab)
    crl = ScmsCrl.parse(lab.crls.current(1) or b"")
    assert crl.i_rev == 2 and len(crl.linked) == 2 and {entry.j_max for entry in crl.linked} == {J}
    held = RevocationList()  # a newcomer, who has never seen the first one
    held.advance(2)
    held.take(crl, lab.trust, lab.clock.time32())
    assert [verdicts(held, vehicle, 2) for vehicle in (one, two, good)] == [{True}, {True}, {False}]


# --- what stops -----------------------------------------------------------------------------------------


def test_a_revoked_vehicle_gets_nothing_more(lab: CaseLab):
    bad, good = lab.vehicle(0, 1), lab.vehicle(0, 1)
    lab.ma.revoke(bad.of(1)[0].octets, REASON, OPERATOR)
    assert (device_status(lab, bad), device_status(lab, good)) == (BLOCKED, "active")
    with lab.ra_database.read() as tx:
        rows = tx.execute(sa.select(RaBatch.request, RaBatch.state)).all()
    assert {(row[0] == bad.requests[0].id, row[1]) for row in rows} == {
        (True, PACKED), (True, STOPPED), (False, PACKED), (False, "waiting"),
    }  # fmt: skip
    for n, la in enumerate(lab.las):
        with pytest.raises(RefusedWishes) as caught:
            la.authority.pre_linkage_values([Wish(bad.requests[0].lcis[n], 2, range(J))], ra="ra")
        assert caught.value.wishes == ((0, WishReason.REVOKED),)
        assert la.authority.pre_linkage_values([Wish(good.requests[0].lcis[n], 2, range(J))], ra="ra")


def test_a_certificate_named_twice_has_one_case_and_one_entry(lab: CaseLab):
    bad = lab.vehicle()
    first = lab.ma.revoke(bad.of(0)[0].octets, REASON, OPERATOR)
    assert lab.ma.revoke(bad.of(0)[0].octets, "again", "bob") == first
    lab.ma.revoke(bad.of(1)[0].octets, REASON, OPERATOR)  # another of the same vehicle
    publish(lab)
    assert len(ScmsCrl.parse(lab.crls.current(1) or b"").linked) == 1
    assert len(lab.ma.cases()) == 2


# --- what fails half-way ----------------------------------------------------------------------------------


@pytest.mark.parametrize("down", range(4))
def test_a_component_that_is_down_leaves_an_open_case_that_is_finished_later(lab: CaseLab, down: int):
    bad = lab.vehicle(0, 3)
    lab.wires[down].down = True
    with pytest.raises(LinkError):
        lab.ma.revoke(bad.of(0)[0].octets, REASON, OPERATOR)
    (case,) = lab.ma.cases(only_open=True)
    assert case.state == ("blocked" if down > 1 else "opened") and "LinkError" in case.detail
    assert device_status(lab, bad) == (BLOCKED if down > 1 else "active")
    publish(lab)
    assert not ScmsCrl.parse(lab.crls.current(1) or b"").linked
    assert [one.id for one, _ in lab.ma.resume_all()] == [case.id]
    lab.clock.advance(WEEK + 2 * 3600)  # iRev has moved on: one authority has told of period 0 already
    lab.wires[down].down = False
    assert lab.ma.resume_all() == [] and not lab.ma.cases(only_open=True)
    publish(lab)
    held = receiver(lab)
    assert verdicts(held, bad, 1) == {True} and verdicts(held, bad, 0) == {False}


def test_a_certificate_that_nobody_made_here_has_a_case_that_failed(lab: CaseLab):
    vehicle = lab.vehicle()
    named = vehicle.of(0)[0]
    lab.wires[0]._target = type("Purged", (), {"parts_of": lambda *_: None})()
    case = lab.ma.revoke(named.octets, REASON, OPERATOR)
    assert case.state == "failed" and "ACA" in case.detail
    assert lab.ma.resume(case.id) == case


# --- without linkage ----------------------------------------------------------------------------------------


def test_an_enrolment_certificate_goes_on_the_hash_crl_of_its_series_and_blocks_its_device(lab: CaseLab):
    vehicle, good = lab.vehicle(), lab.end_entity("ENROLMENT", 4)
    named = lab.end_entity("ENROLMENT", 4)
    with lab.ra_database.write(durable=False) as tx:
        tx.execute(sa.text("UPDATE ra_enrolment SET hashed_id8 = :id"), {"id": named.hashed_id8})
    assert lab.ma.revoke(named.octets, REASON, OPERATOR).state == "revoked"
    assert device_status(lab, vehicle) == BLOCKED
    publish(lab)
    held = receiver(lab)
    assert is_revoked(held, named) and not is_revoked(held, good)
    crls = {crl.series: crl for crl in map(ScmsCrl.parse, lab.shelf.documents)}
    assert [len(crls[series].hashes) for series in (2, 3, 4)] == [0, 0, 1] and crls[1].family == "linked"


def test_components_and_applications_go_by_their_hash(lab: CaseLab):
    application, aca = lab.end_entity("APPLICATION", 3), lab.scms.aca_certificate
    for named in (application, aca):
        assert lab.ma.revoke(named.octets, REASON, OPERATOR).state == "revoked"
    assert all(wire.calls == 0 for wire in lab.wires)
    publish(lab)
    held = receiver(lab)
    assert is_revoked(held, application) and is_revoked(held, aca)
    lab.clock.now = application.end + 3600
    lab.crls.issue(3)
    assert not ScmsCrl.parse(lab.crls.current(3) or b"").hashes  # what has ended goes


def test_what_cannot_be_revoked_here_is_refused_with_its_reason(lab: CaseLab, tmp_path: Path):
    def reason(octets: bytes) -> MaReason:
        with pytest.raises(RefusedRevocation) as caught:
            lab.ma.open_case(octets, REASON, OPERATOR)
        return caught.value.reason

    (tmp_path / "other").mkdir()
    other = CaseLab(tmp_path / "other")
    assert reason(b"nonsense") is MaReason.BAD_CERTIFICATE
    assert reason(lab.scms.root.octets) is MaReason.ROOT
    assert reason(other.end_entity("APPLICATION", 3).octets) is MaReason.UNTRUSTED
    other.close()
    assert reason(lab.end_entity("APPLICATION", 3, craca_id=b"abc").octets) is MaReason.OTHER_CRACA
    assert reason(lab.end_entity("APPLICATION", 9).octets) is MaReason.NO_SERIES
    assert reason(lab.end_entity("APPLICATION", 1).octets) is MaReason.NO_SERIES
    ending = lab.end_entity("APPLICATION", 3)
    lab.clock.now = ending.end
    assert reason(ending.octets) is MaReason.ENDED
    with pytest.raises(RefusedRevocation):
        lab.ma.resume(b"no such case")
    assert lab.ma.cases() == []


# --- who learns what ------------------------------------------------------------------------------------


def test_neither_the_ma_nor_what_passes_it_holds_a_value_an_lci_a_request_or_a_vehicle(lab: CaseLab):
    bad = lab.vehicle(0, 3)
    lab.request(bad, 2, 3)
    lab.ma.revoke(bad.of(0)[0].octets, REASON, OPERATOR)
    publish(lab)
    secrets = [bad.device, bad.enrolment, *(request.id for request in bad.requests)]
    for request in bad.requests:
        secrets += [*request.lcis, *request.plvs, *request.hashes]
    passed = b"\n".join(octets for wire in lab.wires for octets in wire.seen)
    kept = b"".join(path.read_bytes() for path in lab.folder.glob("ma.db*") if path.is_file())
    assert len(passed) > 1000 and len(kept) > 1000
    for secret in secrets:
        for place in (passed, kept):
            assert secret not in place and secret.hex().encode() not in place


def test_no_component_keeps_the_case_id_in_clear_but_the_ma(lab: CaseLab):
    bad = lab.vehicle()
    case = lab.ma.revoke(bad.of(0)[0].octets, REASON, OPERATOR)
    for name, there in (("ma", True), ("aca", False), ("ra", False), ("la1", False), ("la2", False)):
        kept = b"".join(path.read_bytes() for path in lab.folder.glob(f"{name}.db*") if path.is_file())
        assert (case.id in kept) is there, name


def test_every_step_is_on_the_record_of_who_took_it(lab: CaseLab):
    bad = lab.vehicle()
    lab.ma.revoke(bad.of(0)[0].octets, REASON, OPERATOR)
    publish(lab)
    databases = {
        "ma": lab.ma_database, "aca": lab.scms.database, "ra": lab.ra_database, "la1": lab.las[0].database,
    }  # fmt: skip
    events = {}
    for name, database in databases.items():
        assert examine(database).intact
        with database.read() as tx:
            events[name] = [row[0] for row in tx.execute(sa.text("SELECT event FROM audit_entry")).all()]
    assert {"case.opened", "case.moved", "issuance.signed", "list.published"} <= set(events["ma"])
    assert "case.parts.given" in events["aca"] and "case.traced" in events["ra"]
    assert {"linkage.traced", "linkage.revoked"} <= set(events["la1"])
