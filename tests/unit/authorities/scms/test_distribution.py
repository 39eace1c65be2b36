"""The distribution centre of an SCMS: what it takes, and what it hands out."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.scms_trust import NOW, SERIES, Own, World, certificates, make
from v2xpki import wire
from v2xpki.authorities.scms.distribution import JSON, OCTETS, Distribution
from v2xpki.errors import (
    AlreadyRecorded,
    DecodeError,
    InvalidChain,
    InvalidCrl,
    InvalidCtl,
    UnexpectedContent,
)
from v2xpki.secured import sign
from v2xpki.store import Database, upgrade
from v2xpki.store.auditing import examine
from v2xpki.store.sdc import SdcStore
from v2xpki.time import FixedClock
from v2xpki.trust.scms_crl import CrlSchedule, build_hash_crl
from v2xpki.trust.scms_ctl import ScmsTrust, cert_pdu
from v2xpki.wire import dot2, scms

WEEK = 604_800


@pytest.fixture(scope="module")
def world() -> World:
    return World.make()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[SdcStore]:
    with Database.open(tmp_path / "sdc.db", clock=clock) as database:
        upgrade(database, "sdc")
        yield SdcStore(database)


@pytest.fixture
def centre(world: World, store: SdcStore, clock: FixedClock) -> Distribution:
    return Distribution(store, certificates(world.electors), 2, clock, policy=b"{}")


def parts(world: World) -> list[bytes]:
    return [own.certificate.octets for own in world.components.values()]


def crl(
    world: World, issued: int = NOW, *, signer: Own | None = None, series: int = 1, **options: Any
) -> bytes:
    schedule = CrlSchedule(
        options.get("craca", world.root.certificate.hashed_id8), series, issued, issued + WEEK
    )
    own = signer or world.components["CRLG"]
    return sign(
        own.key, dot2.HeaderInfo(psid=256), payload=wire.encode(build_hash_crl(schedule, 1, [])),
        certificate=own.certificate, identifier="digest",
    )  # fmt: skip


def test_it_hands_out_what_it_was_given_with_its_digest(world, centre):
    ctl = world.ctl()
    assert centre.publish([crl(world), *parts(world), ctl.octets]) == 2 + len(world.components)
    got = centre.ctl(SERIES)
    assert got == (ctl.octets, hashlib.sha256(ctl.octets).hexdigest(), OCTETS)
    assert centre.ctl(SERIES, 1) == got
    assert centre.crl(world.root.certificate.hashed_id8, 1).octets == crl_of(centre, world)
    ra = world.components["RA"].certificate
    assert centre.ra_certificate().octets == centre.ca_certificate(ra.hashed_id8).octets == ra.octets
    for anchor in (world.root, world.electors[2]):
        assert centre.ca_certificate(anchor.certificate.hashed_id8).octets == anchor.certificate.octets
    assert centre.policy() == (b"{}", hashlib.sha256(b"{}").hexdigest(), JSON)


def crl_of(centre: Distribution, world: World) -> bytes:
    (one,) = (row for row in centre._store.all("crl"))
    return one.octets


def test_what_it_does_not_have_it_does_not_hand_out(world, centre):
    assert centre.ctl(SERIES) is None and centre.ccf_ctl() is None and centre.composite_crl_ctl() is None
    assert centre.ra_certificate() is None and centre.ca_certificate(bytes(8)) is None
    centre.publish([world.ctl().octets])
    assert centre.ctl(b"another1") is None and centre.ctl(SERIES, 7) is None
    assert centre.ccf_ctl(b"another1") is None and centre.crl(bytes(8), 1) is None


def test_a_station_goes_by_the_chain_file(world, centre):
    centre.publish([world.ctl().octets, *parts(world)])
    trust = ScmsTrust(certificates(world.electors), 2)
    trust.accept_chain_file(centre.ccf_ctl(SERIES).octets, NOW)
    assert set(trust.known(NOW)) == set(certificates(list(world.components.values())))


def test_the_composite_has_the_newest_crl_of_each_series_and_the_list(world, centre):
    ctl = world.ctl()
    newer, other = crl(world, NOW + 5), crl(world, series=2)
    centre.publish([ctl.octets, *parts(world), crl(world), newer, other])
    data = wire.decode(dot2.Ieee1609Dot2Data, centre.composite_crl_ctl().octets)
    composite = cert_pdu(data, scms.CompositeCrl)
    assert {wire.encode(one) for one in composite.crl} == {newer, other}
    assert composite.home_ctl == ctl.data


def test_the_same_again_is_no_fault_and_nothing_new(world, centre):
    ctl = world.ctl().octets
    documents = [ctl, *parts(world), crl(world)]
    centre.publish(documents)
    assert centre.publish([ctl, *parts(world)]) == 0
    centre.publish([crl(world, NOW + 9)])
    with pytest.raises(AlreadyRecorded):
        centre.publish([crl(world)])  # another signature of one date: two CRLs of one name
    assert examine(centre._store.database).findings == ()


def test_an_old_crl_that_comes_late_does_not_replace_the_newest(world, centre):
    newest = crl(world, NOW + 9)
    centre.publish([world.ctl().octets, *parts(world), newest])
    centre.publish([crl(world)])
    assert centre.crl(world.root.certificate.hashed_id8, 1).octets == newest


def test_what_does_not_verify_is_not_kept_and_nothing_beside_it(world, centre, store):
    ctl = world.ctl()
    false = make("CRLG", make("SCMS_ROOT", name="stranger"))
    for error, documents in (
        (InvalidCtl, [world.ctl(voters=world.electors[:1]).octets]),
        (InvalidChain, [ctl.octets, false.certificate.octets]),
        (InvalidCrl, [ctl.octets, *parts(world), crl(world, signer=false)]),
        (InvalidCrl, [ctl.octets, *parts(world), crl(world, signer=world.components["RA"])]),
        (InvalidCrl, [ctl.octets, *parts(world), crl(world, craca=false.certificate.hashed_id8)]),
        (InvalidCrl, [ctl.octets, *parts(world), crl(world, NOW + WEEK)]),
        (InvalidChain, parts(world)),
        (DecodeError, [ctl.octets + b"\0"]),
        ((DecodeError, UnexpectedContent), [b"\3\x81\0"]),
    ):
        with pytest.raises(error):
            centre.publish(documents)
        assert [*store.all("ctl"), *store.all("crl"), *store.all("certificate")] == []


def test_a_list_goes_forward_and_another_of_its_number_is_refused(world, centre):
    first = world.ctl()
    second = world.ctl(sequence=2, before=first)
    centre.publish([second.octets, first.octets])
    assert centre.ctl(SERIES).octets == second.octets
    assert centre.ctl(SERIES, 1).octets == first.octets
    for other in (
        world.ctl(sequence=2, quorum=3),
        world.ctl(quorum=1),
        world.ctl(series=b"series-2", sequence=3),
    ):
        with pytest.raises(InvalidCtl):
            centre.publish([other.octets])
    assert centre.publish([first.octets]) == 0


def test_a_list_ahead_of_its_time_is_handed_out_when_it_holds(world, centre, clock):
    first = world.ctl()
    ahead = world.ctl(sequence=2, effective=NOW + 100, before=first)
    centre.publish([first.octets, ahead.octets])
    assert centre.ctl(SERIES).octets == first.octets
    assert centre.ctl(SERIES, 2).octets == ahead.octets
    before = centre.ccf_ctl()
    clock.now += 100
    assert centre.ctl(SERIES).octets == ahead.octets
    assert centre.ccf_ctl() != before


def test_another_process_sees_what_one_has_published(world, centre, store, clock):
    other = Distribution(SdcStore(store.database), certificates(world.electors), 2, clock)
    assert other.ctl(SERIES) is None
    centre.publish([world.ctl().octets])
    assert other.ctl(SERIES) is not None


def test_a_row_that_nobody_verified_is_worth_nothing(world, centre, store, clock):
    forged = world.ctl(voters=world.electors[:1])
    with store.database.write(durable=True) as tx:
        store.tx_add(tx, _row(forged), bytes(32))
    with pytest.raises(InvalidCtl):
        centre.ctl(SERIES)


def _row(ctl):
    from v2xpki.store.sdc import Row

    return Row("ctl", ctl.series.hex(), ctl.sequence, ctl.octets, ctl.effective, None)


def test_it_says_how_fresh_all_is(world, centre):
    centre.publish([world.ctl().octets, *parts(world), crl(world), crl(world, series=2)])
    status = centre.info_status()
    assert [(one.series, one.issue_date) for one in status.crl] == [(1, NOW), (2, NOW)]
    assert status.ctl == (scms.CtlInfoStatus(SERIES, 1, NOW),)
    ma = world.components["MA"].certificate
    assert status.ma == (scms.MaInfoStatus((32,), ma.start),) and status.ra is None
    assert wire.decode(scms.CertificateManagementInfoStatus, wire.encode(status)) == status
    assert [(f.kind, f.number, f.ends) for f in centre.freshness()] == [
        ("ctl", 1, None), ("crl", 1, NOW + WEEK), ("crl", 2, NOW + WEEK)
    ]  # fmt: skip
