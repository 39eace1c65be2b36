"""The halves of ACA, RA and linkage authorities: limits, a certificate a case, and what is sealed to whom."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.misbehaviour import CaseLab, keys_of
from tests.support.postgres import Server, done_or_waiting
from v2xpki.audit import Event
from v2xpki.authorities.scms.aca_policy import DAY, AcaPolicy
from v2xpki.authorities.scms.case_parts import Part, PartReason, RefusedParts, open_part, seal
from v2xpki.authorities.scms.la_reasons import CaseReason, RefusedCase
from v2xpki.authorities.scms.peers import SealedParts, TracedParts
from v2xpki.crypto import Certificate
from v2xpki.errors import AuditError
from v2xpki.store.base import AuditRow
from v2xpki.store.ra import BLOCKED, STOPPED, WAITING, RaBatch, RaDevice

CASE, OTHER = b"case of the MA 1", b"case of the MA 2"
BROKEN = "CREATE TRIGGER broken BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'no'); END"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CaseLab]:
    made = CaseLab(tmp_path, policy=AcaPolicy(cases_per_day=2))
    yield made
    made.close()


def parts(lab: CaseLab, certificate: Certificate, case: bytes = CASE) -> SealedParts:
    made = lab.aca_cases.parts_of(certificate.octets, case)
    assert made is not None
    return made


def traced(lab: CaseLab, sealed: SealedParts, i: int = 0, case: bytes = CASE) -> TracedParts:
    made = lab.ra_cases.trace(sealed.request_hash, i, case)
    assert made is not None
    return made


def refused(call: object, *arguments: object) -> object:
    with pytest.raises((RefusedParts, RefusedCase)) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.reason


# --- sealing ----------------------------------------------------------------------------------------------


def test_a_part_opens_for_its_recipient_its_case_and_its_kind_alone(lab: CaseLab):
    keys = [keys_of(key, one) for key, one in zip(lab.la_keys, lab.la_certificates, strict=True)]
    sealed = seal(Part.PLV, CASE, b"secret", lab.la_certificates[0])
    assert open_part(Part.PLV, CASE, sealed, keys[0]) == b"secret" and b"secret" not in sealed
    for part, case, octets, own in (
        (Part.LCI, CASE, sealed, keys[0]),
        (Part.PLV, OTHER, sealed, keys[0]),
        (Part.PLV, CASE, sealed, keys[1]),
        (Part.PLV, CASE, sealed[:-1], keys[0]),
        (Part.PLV, CASE, b"", keys[0]),
    ):
        assert refused(open_part, part, case, octets, own) is PartReason.BAD_PART
    assert refused(open_part, Part.PLV, b"short", sealed, keys[0]) is PartReason.BAD_CASE
    assert refused(seal, Part.PLV, CASE, b"secret", None) is PartReason.NO_RECIPIENT


# --- the ACA ------------------------------------------------------------------------------------------------


def test_the_aca_gives_each_its_part_of_a_certificate(lab: CaseLab):
    vehicle = lab.vehicle()
    named = vehicle.of(1)[2]
    made, linked = parts(lab, named), lab.scms.aca.linked(named)
    assert linked is not None
    keys = [keys_of(key, one) for key, one in zip(lab.la_keys, lab.la_certificates, strict=True)]
    assert open_part(Part.PLV, CASE, made.plv1, keys[0]) == linked.plv1
    assert open_part(Part.PLV, CASE, made.plv2, keys[1]) == linked.plv2
    ra = keys_of(lab.scms.encryption_key, lab.scms.ra)
    assert open_part(Part.REQUEST_HASH, CASE, made.request_hash, ra) == linked.request_hash
    assert (made.la_id1, made.la_id2, made.ra) == (linked.la_id1, linked.la_id2, lab.scms.ra.hashed_id8)


def test_the_aca_gives_so_many_cases_a_day_and_the_same_again_at_any_time(lab: CaseLab):
    named = lab.vehicle().of(0)
    parts(lab, named[0], b"case one")
    parts(lab, named[1], b"case two")
    assert refused(lab.aca_cases.parts_of, named[2].octets, b"case three") is PartReason.TOO_MANY
    assert parts(lab, named[0], b"case one").la_id1
    assert lab.aca_cases.parts_of(named[2].octets, b"case three", ma="another") is not None
    lab.clock.advance(DAY)
    assert parts(lab, named[2], b"case four")


def test_a_case_of_the_aca_is_of_one_certificate(lab: CaseLab):
    named = lab.vehicle().of(0)
    parts(lab, named[0])
    assert refused(lab.aca_cases.parts_of, named[1].octets, CASE) is PartReason.OTHER_CERTIFICATE
    assert refused(lab.aca_cases.parts_of, b"junk", CASE) is PartReason.BAD_CERTIFICATE
    assert refused(lab.aca_cases.parts_of, named[1].octets, b"short") is PartReason.BAD_CASE


def test_the_aca_gives_nothing_that_it_has_not_put_on_record(lab: CaseLab):
    named = lab.vehicle().of(0)[0]
    with lab.scms.database.write(durable=True) as tx:
        tx.execute(sa.text(BROKEN))
    with pytest.raises(AuditError):
        lab.aca_cases.parts_of(named.octets, CASE)
    with lab.scms.database.write(durable=False) as tx:
        tx.execute(sa.text("DROP TRIGGER broken"))  # the ACA counts its answers when it closes


def test_the_aca_knows_nothing_of_a_certificate_that_it_has_not_made(lab: CaseLab):
    assert lab.aca_cases.parts_of(lab.scms.ra.octets, CASE) is None


def test_cases_are_forgotten_with_their_certificates(lab: CaseLab):
    named = lab.vehicle().of(0)[0]
    traced(lab, parts(lab, named))
    assert lab.aca_cases.purge() == lab.ra_cases.purge() == 0
    lab.clock.now = named.end + 3600
    assert lab.aca_cases.purge() == lab.ra_cases.purge() == 1


@pytest.mark.postgres
@pytest.mark.parametrize("half", ["ACA", "RA"])
def test_a_case_that_is_asked_about_twice_at_once_is_recorded_once_and_answered_twice(
    tmp_path: Path, postgres_server: Server, monkeypatch: pytest.MonkeyPatch, half: str
):
    """With SQLite the second waits from its beginning."""
    lab = CaseLab(tmp_path, new_url=postgres_server.create, policy=AcaPolicy(cases_per_day=1))
    named = lab.vehicle().of(0)[0]
    if half == "RA":
        sealed = parts(lab, named)
    book, step = {"ACA": (lab.aca_cases, "_tx_count"), "RA": (lab.ra_cases, "_tx_block")}[half]
    take, second = getattr(book, step), list[Future[object]]()

    def ask() -> object:
        return parts(lab, named) if half == "ACA" else traced(lab, sealed)

    def overtaken(*arguments: object) -> object:
        monkeypatch.undo()
        second.append(pool.submit(ask))
        done_or_waiting(second[0], lab.ra_database)
        return take(*arguments)

    monkeypatch.setattr(book, step, overtaken)
    with ThreadPoolExecutor(1) as pool:
        assert ask() and second[0].result()
    database, event = {
        "ACA": (lab.scms.database, Event.CASE_PARTS_GIVEN),
        "RA": (lab.ra_database, Event.CASE_TRACED),
    }[half]
    with database.read() as tx:
        told = tx.execute(sa.select(AuditRow.event).where(AuditRow.event == event)).all()
    assert len(told) == 1
    lab.close()


# --- the RA -------------------------------------------------------------------------------------------------


def test_the_ra_names_the_chains_of_the_vehicle_to_their_authorities_and_which_j(lab: CaseLab):
    vehicle = lab.vehicle(0, 2)
    lab.request(vehicle, 1, 3)
    lab.vehicle(0, 2)
    found = traced(lab, parts(lab, vehicle.requests[0].certificates[1, 2]), 1)
    assert found.j == 2 and len(found.others) == 1
    chains = (found.chain, *found.others)
    assert [(one.first, one.last, one.certificates) for one in chains] == [(0, 3, 3), (1, 4, 3)]
    for request, chain in zip(vehicle.requests, chains, strict=True):
        for n, lci in enumerate((chain.lci1, chain.lci2)):
            own = keys_of(lab.la_keys[n], lab.la_certificates[n])
            assert open_part(Part.LCI, CASE, lci, own) == request.lcis[n] + b"ra"


def test_the_device_is_blocked_before_anything_is_told_or_nothing_is(lab: CaseLab):
    sealed = parts(lab, lab.vehicle().of(0)[0])
    with lab.ra_database.write(durable=True) as tx:
        tx.execute(sa.text(BROKEN))
    with pytest.raises(AuditError):
        lab.ra_cases.trace(sealed.request_hash, 0, CASE)
    with lab.ra_database.read() as tx:
        assert tx.execute(sa.select(RaDevice.status)).scalars().all() == ["active"]
        count = tx.execute(sa.text("SELECT count(*) FROM ra_case")).scalar_one()
    assert count == 0


def test_a_case_of_the_ra_is_of_one_certificate_and_of_the_period_that_it_is_of(lab: CaseLab):
    vehicle = lab.vehicle()
    sealed = parts(lab, vehicle.of(0)[0])
    assert lab.ra_cases.trace(sealed.request_hash, 1, CASE) is None
    assert traced(lab, sealed) and traced(lab, sealed)
    lab.clock.advance(DAY)
    second = seal(Part.REQUEST_HASH, CASE, vehicle.requests[0].hashes[1], lab.scms.ra)
    assert refused(lab.ra_cases.trace, second, 0, CASE) is PartReason.OTHER_CERTIFICATE
    assert refused(lab.ra_cases.trace, sealed.request_hash, 0, OTHER) is PartReason.BAD_PART
    unknown = seal(Part.REQUEST_HASH, CASE, os.urandom(8), lab.scms.ra)
    assert lab.ra_cases.trace(unknown, 0, CASE) is None
    assert refused(lab.ra_cases.trace, unknown, 1 << 16, CASE) is PartReason.BAD_PART


def test_a_hash_is_found_at_its_place_and_not_across_two(lab: CaseLab):
    vehicle = lab.vehicle()
    hashes = vehicle.requests[0].hashes
    across = (hashes[0] + hashes[1])[4:12]
    sealed = seal(Part.REQUEST_HASH, CASE, across, lab.scms.ra)
    assert lab.ra_cases.trace(sealed, 0, CASE) is None


def test_an_enrolment_certificate_blocks_its_device_also_before_it_comes(lab: CaseLab):
    vehicle, other, unknown = lab.vehicle(), lab.vehicle(), os.urandom(8)
    for _ in range(2):
        lab.ra_cases.block(vehicle.enrolment)
        lab.ra_cases.block(unknown)
    with lab.ra_database.read() as tx:
        rows = dict(tx.execute(sa.select(RaDevice.id, RaDevice.status)).all())
        states = tx.execute(sa.select(RaBatch.request, RaBatch.state).where(RaBatch.hashes.is_(None))).all()
    assert rows.pop(vehicle.device) == BLOCKED and rows.pop(other.device) == "active"
    assert list(rows.values()) == [BLOCKED]
    assert dict(states) == {vehicle.requests[0].id: STOPPED, other.requests[0].id: WAITING}


# --- a linkage authority ------------------------------------------------------------------------------------


def test_a_seed_is_given_where_aca_and_ra_name_the_same_chain_alone(lab: CaseLab):
    one, two = lab.vehicle(), lab.vehicle()
    sealed = parts(lab, one.of(0)[0])
    right = traced(lab, sealed).chain
    wrong = seal(Part.LCI, CASE, two.requests[0].lcis[0] + b"ra", lab.la_certificates[0])
    la = lab.la_cases[0]
    assert refused(la.seed_at, sealed.plv1, wrong, 0, 0, 0, CASE) is CaseReason.NO_CHAIN
    assert refused(la.seed_at, sealed.plv1, right.lci1, 0, 1, 0, CASE) is CaseReason.NO_CHAIN
    assert refused(la.seed_at, sealed.plv1, right.lci2, 0, 0, 0, CASE) is PartReason.BAD_PART
    seed = la.seed_at(sealed.plv1, right.lci1, 0, 0, 0, CASE)
    assert len(seed) == 16 and la.seed_at(sealed.plv1, right.lci1, 0, 0, 0, CASE) == seed


def test_a_further_chain_is_told_of_once_the_first_is_proven_and_of_the_same_ra(lab: CaseLab):
    one, two = lab.vehicle(), lab.vehicle()
    further = lab.request(one, 0, 2)
    sealed = parts(lab, one.requests[0].certificates[0, 0])
    found, la, of_la = traced(lab, sealed), lab.la_cases[0], lab.la_certificates[0]
    lci = found.others[0].lci1
    assert refused(la.further_seed, lci, 0, CASE) is CaseReason.NO_CASE
    la.seed_at(sealed.plv1, found.chain.lci1, 0, 0, 0, CASE)
    seed = la.further_seed(lci, 0, CASE)
    assert seed == la.further_seed(lci, 0, CASE)
    foreign = seal(Part.LCI, CASE, further.lcis[0] + b"rb", of_la)
    assert refused(la.further_seed, foreign, 0, CASE) in (CaseReason.NO_CHAIN, CaseReason.OTHER_RA)
    unknown = seal(Part.LCI, CASE, os.urandom(16) + b"ra", of_la)
    assert refused(la.further_seed, unknown, 0, CASE) is CaseReason.NO_CHAIN
    assert refused(la.further_seed, lci, 0, OTHER) is PartReason.BAD_PART
    assert two.requests[0].lcis != further.lcis


def test_a_case_has_no_more_further_chains_than_the_policy(lab: CaseLab):
    one = lab.vehicle()
    lcis = [lab.request(one, 0, 0).lcis[0] for _ in range(3)]
    sealed = parts(lab, one.requests[0].certificates[0, 0])
    found, la, authority = traced(lab, sealed), lab.la_cases[0], lab.las[0].authority
    la.seed_at(sealed.plv1, found.chain.lci1, 0, 0, 0, CASE)
    authority.policy = type(authority.policy)(further=2)
    named = [seal(Part.LCI, CASE, lci + b"ra", lab.la_certificates[0]) for lci in lcis]
    for lci in named[:2]:
        la.further_seed(lci, 0, CASE)
    assert refused(la.further_seed, named[2], 0, CASE) is CaseReason.TOO_MANY
    assert la.further_seed(named[0], 0, CASE)
