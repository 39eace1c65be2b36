"""What a component goes by: chain file and CRLs in its trust folder, and how they are kept fresh."""

from pathlib import Path

import pytest

from tests.support.scms_pki import NOW, Pki
from v2xpki.authorities.rounds import Fetched, last_round
from v2xpki.authorities.scms.followed import FollowedTrust
from v2xpki.authorities.scms.refresh import ScmsRefresh
from v2xpki.errors import LinkError
from v2xpki.station.scms.api import CHAIN_FILE, COMPOSITE_CRL


@pytest.fixture
def pki(tmp_path):
    pki = Pki(tmp_path)
    yield pki
    pki.close()


@pytest.fixture
def folder(pki: Pki, tmp_path: Path) -> Path:
    made = tmp_path / "trust"
    made.mkdir()
    for number, elector in enumerate(pki.electors, 1):
        (made / f"elector-{number}.oer").write_bytes(elector.certificate.octets)
    (made / "ccf.oer").write_bytes(pki.documents[CHAIN_FILE])
    return made


class Centre:
    """The distribution centre's documents, by path."""

    def __init__(self, pki: Pki) -> None:
        self.pki, self.asked = pki, []

    def get(self, path: str, etag: str = "") -> Fetched:
        self.asked.append((path, etag))
        octets = self.pki.documents.get(path)
        if octets is None:
            raise LinkError(f"{path}: HTTP 404")
        return Fetched(None, etag) if etag == str(hash(octets)) else Fetched(octets, str(hash(octets)))


class Ticks:
    """A monotonic clock that moves on by itself: each look is one at the files."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def followed(pki: Pki, folder: Path) -> FollowedTrust:
    return FollowedTrust(folder, 2, pki.clock, monotonic=Ticks())


def refresh(pki: Pki, folder: Path, centre: Centre) -> ScmsRefresh:
    return ScmsRefresh(folder, centre, 2, pki.clock, interval=60)


def test_components_are_known_by_their_roles(pki, folder):
    trust = followed(pki, folder)
    eca = pki.eca_certificate
    found = trust.eca(eca.hashed_id8)
    assert found is not None and found.certificate == eca
    assert trust.ra(eca.hashed_id8) is None
    assert trust.ra(pki.lab.ra.hashed_id8) == pki.lab.ra
    assert trust.components("aca") == (pki.lab.aca_certificate,)
    assert trust.la(b"\0\1") is None


def test_a_component_is_trusted_no_more_once_it_has_ended(pki, folder):
    trust = followed(pki, folder)
    pki.clock.now = pki.eca_certificate.end
    assert trust.eca(pki.eca_certificate.hashed_id8) is None


def test_a_crl_that_came_in_a_round_revokes_components_at_once(pki, folder):
    trust, centre = followed(pki, folder), Centre(pki)
    pki.revoke(pki.eca_certificate)
    pki.documents[CHAIN_FILE] = with_crl_signer(pki)
    refresh(pki, folder, centre).round()
    assert last_round(folder).well == NOW
    assert trust.eca(pki.eca_certificate.hashed_id8) is None
    assert trust.is_revoked(pki.eca_certificate) and not trust.is_revoked(pki.lab.ra)
    assert trust.ra(pki.lab.ra.hashed_id8) is not None
    (crl,) = trust.info_status().crl
    assert (crl.craca_id, crl.issue_date) == (pki.root.certificate.hashed_id8, NOW)


def with_crl_signer(pki: Pki) -> bytes:
    from tests.support.scms_pki import spdu
    from v2xpki.wire import scms

    others = (
        pki.root.certificate,
        pki.lab.aca_certificate,
        pki.lab.ra,
        pki.eca_certificate,
        pki.crlg.certificate,
    )
    return spdu("certificateChain", scms.CertificateChain(pki.ctl.data, tuple(one.record for one in others)))


def test_an_older_list_or_one_of_too_few_electors_replaces_nothing(pki, folder):
    pki.publish(sequence=5)
    centre = Centre(pki)
    round_of = refresh(pki, folder, centre)
    round_of.round()
    kept = (folder / "ccf.oer").read_bytes()
    assert kept == pki.documents[CHAIN_FILE]
    for changes in ({"sequence": 4}, {"sequence": 6, "voters": 1}):
        pki.publish(**changes)
        pki.clock.now += 61
        round_of.round()
        assert (folder / "ccf.oer").read_bytes() == kept
        assert last_round(folder).lists["ccf"].problem


def test_an_older_crl_replaces_nothing(pki, folder):
    centre = Centre(pki)
    pki.documents[CHAIN_FILE] = with_crl_signer(pki)
    pki.revoke(pki.eca_certificate)
    older = pki.documents[COMPOSITE_CRL]
    pki.clock.now += 100
    pki.revoke(pki.eca_certificate)
    round_of = refresh(pki, folder, centre)
    round_of.round()
    kept = (folder / "crl.oer").read_bytes()
    pki.documents[COMPOSITE_CRL] = older
    pki.clock.now += 61
    round_of.round()
    assert (folder / "crl.oer").read_bytes() == kept
    assert "older" in last_round(folder).lists["crl"].problem


def test_what_has_not_changed_is_not_sent_again(pki, folder):
    centre = Centre(pki)
    pki.documents[CHAIN_FILE] = with_crl_signer(pki)
    pki.revoke(pki.eca_certificate)
    round_of = refresh(pki, folder, centre)
    round_of.round()
    round_of.round()  # not due yet
    pki.clock.now += 61
    round_of.round()
    assert [bool(etag) for _, etag in centre.asked] == [False, False, True, True]
    assert {state.outcome for state in last_round(folder).lists.values()} == {"unchanged"}


def test_a_file_that_somebody_spoilt_changes_nothing_and_is_told(pki, folder):
    trust = followed(pki, folder)
    (folder / "ccf.oer").write_bytes(b"nonsense")
    assert trust.eca(pki.eca_certificate.hashed_id8) is not None
    assert trust.problem
