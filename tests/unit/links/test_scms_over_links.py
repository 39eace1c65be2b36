"""An SCMS over its links: the RA's line and a revocation do over mutual TLS what they do in one process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.linkage import PERIODS as CASE_PERIODS
from tests.support.misbehaviour import SERIES, CaseLab
from tests.support.scms_line import PERIODS, certificates, new_laboratory, states
from tests.support.scms_links import Listeners, write_identities
from v2xpki.authorities.scms.case_parts import PartReason, RefusedParts
from v2xpki.authorities.scms.la_reasons import CaseReason, RefusedCase
from v2xpki.authorities.scms.ma import CasePeers, MisbehaviourAuthority
from v2xpki.authorities.scms.ra_devices import Blocklist
from v2xpki.bench.scms_laboratory import LA_IDS
from v2xpki.bench.scms_line_laboratory import LineLaboratory
from v2xpki.errors import LinkError
from v2xpki.links.mutual_tls import TlsIdentity
from v2xpki.links.scms import ScmsPeers
from v2xpki.store.ra import PACKED, WAITING, RaBatch
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.web.internal import aca_blueprint, la_blueprint, ra_blueprint, sdc_blueprint


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TlsIdentity]:
    return write_identities(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture
def listeners(tmp_path: Path, identities: dict[str, TlsIdentity]) -> Iterator[Listeners]:
    made = Listeners(tmp_path, identities)
    yield made
    made.close()


def unused() -> Any:
    raise AssertionError("not asked for here")


# --- the line ----------------------------------------------------------------------------------------


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[LineLaboratory]:
    made = new_laboratory(tmp_path)
    yield made
    made.close()


@pytest.fixture
def peers(
    laboratory: LineLaboratory, listeners: Listeners, identities: dict[str, TlsIdentity]
) -> Iterator[ScmsPeers]:
    listeners.serve("aca", aca_blueprint(lambda: laboratory.aca, unused))
    for number, name in enumerate(("la1", "la2")):
        listeners.serve(name, la_blueprint(lambda n=number: laboratory.las[n], unused))  # type: ignore[misc]
    made = ScmsPeers(identities["ra"], listeners.addresses, timeout=20)
    yield made
    made.close()


def line_over(peers: ScmsPeers, laboratory: LineLaboratory) -> Any:
    las = peers.linkage("la1", LA_IDS[0]), peers.linkage("la2", LA_IDS[1])
    return laboratory.new_line(aca_link=peers.aca(), linkage=las)


def test_a_line_over_the_links_packs_the_same_certificates_as_in_one_process(
    laboratory: LineLaboratory, peers: ScmsPeers
) -> None:
    fleet = [laboratory.grant(variant) for variant in ("original", "unified", "compactUnified")]
    line = line_over(peers, laboratory)
    laboratory.work(line)
    line.close()
    assert states(laboratory) == [PACKED] * 3 * PERIODS
    over_links = [
        certificates(laboratory, one, one.first + n) for one in fleet for n in range(PERIODS)
    ]  # fmt: skip
    with laboratory.databases["ra"].write(durable=True) as tx:
        tx.execute(sa.update(RaBatch).values(state=WAITING, chunk=None, archive=None, hashes=None))
    laboratory.work()
    assert over_links == [
        certificates(laboratory, one, one.first + n) for one in fleet for n in range(PERIODS)
    ]


def test_an_aca_that_is_down_leaves_the_chunk_for_later(
    laboratory: LineLaboratory, peers: ScmsPeers, listeners: Listeners, identities: dict[str, TlsIdentity]
) -> None:
    one, _ = laboratory.grant(), laboratory.grant()
    away = listeners.addresses | {"aca": listeners.addresses["aca"] + ".none"}
    cut_off = ScmsPeers(identities["ra"], away, timeout=20)
    with pytest.raises(LinkError, match="aca"):
        laboratory.work(line_over(cut_off, laboratory))
    assert PACKED not in states(laboratory)
    laboratory.work(line_over(peers, laboratory))
    assert certificates(laboratory, one, one.first)
    cut_off.close()


# --- a revocation --------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CaseLab]:
    (tmp_path / "lab").mkdir()
    made = CaseLab(tmp_path / "lab")
    yield made
    made.close()


@pytest.fixture
def ma_peers(lab: CaseLab, listeners: Listeners, identities: dict[str, TlsIdentity]) -> Iterator[ScmsPeers]:
    listeners.serve("aca", aca_blueprint(unused, lambda: lab.aca_cases))
    listeners.serve("ra", ra_blueprint(lambda: lab.ra_cases))
    for number, name in enumerate(("la1", "la2")):
        listeners.serve(name, la_blueprint(unused, lambda n=number: lab.la_cases[n]))  # type: ignore[misc]
    listeners.serve("sdc", sdc_blueprint(lambda: lab.shelf))
    made = ScmsPeers(identities["ma"], listeners.addresses, timeout=20)
    yield made
    made.close()


def authority(lab: CaseLab, peers: ScmsPeers) -> MisbehaviourAuthority:
    asked = CasePeers(
        {lab.scms.aca_certificate.hashed_id8: peers.aca_cases()},
        {lab.scms.ra.hashed_id8: peers.ra_cases()},
        {LA_IDS[0]: peers.la_cases("la1"), LA_IDS[1]: peers.la_cases("la2")},
    )
    root = lab.scms.root.hashed_id8
    return MisbehaviourAuthority(lab.ma_database, asked, lab.trust, root, SERIES, CASE_PERIODS, lab.clock)


def test_a_case_over_the_links_revokes_the_vehicle_and_its_crl_is_published(
    lab: CaseLab, ma_peers: ScmsPeers
) -> None:
    bad = lab.vehicle(0, 1)
    lab.request(bad, 0, 2)
    case = authority(lab, ma_peers).revoke(bad.of(1)[0].octets, "sends from a desk", "ann")
    assert case.state == "revoked" and not case.is_open
    lab.crls.issue_due()
    current = lab.crls.current(1)
    assert current is not None and len(ScmsCrl.parse(current).linked) == 2
    ma_peers.publisher().publish([current])
    assert lab.shelf.documents == [current]


def test_refusals_of_all_components_come_back_as_they_are(lab: CaseLab, ma_peers: ScmsPeers) -> None:
    vehicle = lab.vehicle(0, 1)
    parts = ma_peers.aca_cases().parts_of(vehicle.of(0)[0].octets, b"case 0001")
    assert parts is not None
    with pytest.raises(RefusedParts) as refused:
        ma_peers.aca_cases().parts_of(vehicle.of(1)[0].octets, b"case 0001")
    assert refused.value.reason is PartReason.OTHER_CERTIFICATE
    with pytest.raises(RefusedParts) as refused:
        ma_peers.ra_cases().trace(parts.request_hash, 0, b"short")
    assert refused.value.reason is PartReason.BAD_CASE
    traced = ma_peers.ra_cases().trace(parts.request_hash, 0, b"case 0001")
    assert traced is not None
    with pytest.raises(RefusedCase) as refused_case:
        ma_peers.la_cases("la1").seed_at(parts.plv1, traced.chain.lci1, 0, traced.j, 400, b"case 0001")
    assert refused_case.value.reason is CaseReason.BEYOND_CHAIN
    with pytest.raises(RefusedParts):
        ma_peers.la_cases("la2").further_seed(parts.plv1, 1, b"case 0001")
    seed = ma_peers.la_cases("la1").seed_at(parts.plv1, traced.chain.lci1, 0, traced.j, 0, b"case 0001")
    assert seed == lab.la_cases[0].seed_at(parts.plv1, traced.chain.lci1, 0, traced.j, 0, b"case 0001")


def test_an_enrolment_is_blocked_over_the_link(lab: CaseLab, ma_peers: ScmsPeers) -> None:
    enrolment = lab.vehicle(0, 0).enrolment
    ma_peers.ra_cases().block(enrolment)
    known = Blocklist(lab.ra_database).find(enrolment)
    assert known is not None and known.is_blocked
