"""Whom the lists in a trust folder make an authority believe."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.etsi import Pki, certify
from v2xpki import wire
from v2xpki.authorities.etsi.peers import TrustFolder
from v2xpki.crypto import Certificate
from v2xpki.keystore import MemoryKey
from v2xpki.secured import etsi_header, sign
from v2xpki.time import FixedClock
from v2xpki.trust.lists import (
    AaEntry,
    CrlSchedule,
    CtlSchedule,
    DcEntry,
    EaEntry,
    build_crl,
    build_ctl,
)

YEAR = 31_556_952


@dataclass
class Folder:
    """A trust folder and how it is filled."""

    path: Path
    pki: Pki
    serial: int = 0

    def put(self, name: str, octets: bytes) -> None:
        path = self.path / name
        path.write_bytes(octets)
        self.serial += 1
        os.utime(path, ns=(self.serial, self.serial))

    def sign(self, data: Any, psid: int, key: Any = None, certificate: Certificate | None = None) -> bytes:
        return sign(
            key or self.pki.root_key,
            etsi_header(psid, self.pki.clock.time64()),
            payload=wire.encode(data),
            certificate=certificate or self.pki.root,
            identifier="certificate",
        )

    def put_root(self) -> None:
        self.put("root.oer", self.pki.root.octets)

    def put_ctl(self, *entries: AaEntry | EaEntry, **signed: Any) -> None:
        now, root = self.pki.clock.now, self.pki.root
        data = build_ctl(
            root,
            CtlSchedule(now, now + YEAR // 12, 1),
            [*entries, DcEntry("http://dc.example", (root.hashed_id8,))],
        )
        self.put("ctl.oer", self.sign(data, 624, **signed))

    def put_crl(self, *revoked: Certificate) -> None:
        now = self.pki.clock.now
        self.put("crl.oer", self.sign(build_crl(self.pki.root, CrlSchedule(now, now + 999), revoked), 622))

    @property
    def entries(self) -> tuple[EaEntry, AaEntry]:
        return (
            EaEntry(self.pki.ea_certificate, "http://ea.example/v", "http://ea.example/e"),
            AaEntry(self.pki.aa_certificate, "http://aa.example/a"),
        )


@pytest.fixture
def folder(make_pki: Callable[..., Pki], tmp_path: Path) -> Folder:
    pki = make_pki()
    # the lists are of a moment after the certificates
    pki.clock.advance(60)
    (tmp_path / "trust").mkdir()
    return Folder(tmp_path / "trust", pki)


@pytest.fixture
def peers(folder: Folder) -> TrustFolder:
    folder.put_root()
    folder.put_ctl(*folder.entries)
    folder.put_crl()
    return TrustFolder(folder.path, folder.pki.clock)


def test_the_ctl_names_the_peers(folder: Folder, peers: TrustFolder) -> None:
    ea = peers.ea(folder.pki.ea_certificate.hashed_id8)
    aa = peers.aa(folder.pki.aa_certificate.hashed_id8)
    assert ea is not None
    assert (ea.certificate, ea.url, ea.revoked) == (folder.pki.ea_certificate, "http://ea.example/v", False)
    assert aa is not None
    assert aa.certificate == folder.pki.aa_certificate
    assert peers.ea(folder.pki.aa_certificate.hashed_id8) is None
    assert peers.aa(bytes(8)) is None
    assert peers.problem is None


def test_a_new_list_is_read_when_it_is_there(folder: Folder, peers: TrustFolder) -> None:
    id8 = folder.pki.ea_certificate.hashed_id8
    assert peers.ea(id8) is not None
    folder.put_ctl(folder.entries[1])
    assert peers.ea(id8) is None


def test_between_two_looks_the_files_are_left_alone(folder: Folder, peers: TrustFolder) -> None:
    now = 100.0
    patient = TrustFolder(folder.path, folder.pki.clock, interval=0.5, monotonic=lambda: now)
    id8 = folder.pki.ea_certificate.hashed_id8
    assert patient.ea(id8) is not None
    folder.put_ctl(folder.entries[1])
    now += 0.4
    assert patient.ea(id8) is not None
    now += 0.1
    assert patient.ea(id8) is None


def test_a_revoked_peer_is_marked(folder: Folder, peers: TrustFolder) -> None:
    folder.put_crl(folder.pki.aa_certificate)
    aa = peers.aa(folder.pki.aa_certificate.hashed_id8)
    ea = peers.ea(folder.pki.ea_certificate.hashed_id8)
    assert aa is not None
    assert aa.revoked
    assert ea is not None
    assert not ea.revoked


def test_a_revoked_root_takes_all_with_it(folder: Folder, peers: TrustFolder) -> None:
    folder.put_crl(folder.pki.root)
    aa = peers.aa(folder.pki.aa_certificate.hashed_id8)
    assert aa is not None
    assert aa.revoked


def test_a_crl_that_is_taken_away_unrevokes_nobody(folder: Folder, peers: TrustFolder) -> None:
    id8 = folder.pki.aa_certificate.hashed_id8
    folder.put_crl(folder.pki.aa_certificate)
    assert peers.aa(id8) is not None
    (folder.path / "crl.oer").unlink()
    aa = peers.aa(id8)
    assert aa is not None and aa.revoked
    assert peers.problem is not None and "crl.oer" in peers.problem


def test_without_a_crl_nobody_is_trusted_at_the_start(folder: Folder) -> None:
    folder.put_root()
    folder.put_ctl(*folder.entries)
    peers = TrustFolder(folder.path, folder.pki.clock)
    assert peers.aa(folder.pki.aa_certificate.hashed_id8) is None


def test_an_older_crl_put_back_unrevokes_nobody(folder: Folder, peers: TrustFolder) -> None:
    id8, older = folder.pki.aa_certificate.hashed_id8, (folder.path / "crl.oer").read_bytes()
    folder.pki.clock.advance(60)
    folder.put_crl(folder.pki.aa_certificate)
    assert peers.aa(id8) is not None
    folder.put("crl.oer", older)
    aa = peers.aa(id8)
    assert aa is not None and aa.revoked
    assert peers.problem is not None and "older" in peers.problem


def test_a_file_that_could_not_be_read_is_read_again_unchanged(
    folder: Folder, peers: TrustFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path) -> bytes:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fails)
        assert peers.aa(folder.pki.aa_certificate.hashed_id8) is None
    assert peers.aa(folder.pki.aa_certificate.hashed_id8) is not None
    assert peers.problem is None


def test_a_list_that_does_not_verify_changes_nothing(folder: Folder, peers: TrustFolder) -> None:
    id8 = folder.pki.ea_certificate.hashed_id8
    assert peers.ea(id8) is not None
    for spoil in (
        lambda: folder.put("ctl.oer", b"nonsense"),
        lambda: folder.put("ctl.oer", (folder.path / "crl.oer").read_bytes()),
        lambda: (folder.path / "ctl.oer").unlink(),
        lambda: folder.put("crl.oer", b""),
    ):
        spoil()
        assert peers.ea(id8) is not None
    assert peers.problem is not None
    folder.put_ctl(folder.entries[1])
    folder.put_crl()
    assert peers.ea(id8) is None
    assert peers.problem is None


def test_another_roots_list_names_nobody(folder: Folder) -> None:
    stranger = MemoryKey(folder.pki.root.curve)
    tbs = folder.pki.root.record.to_be_signed._replace(
        verify_key_indicator=folder.pki.root.record.to_be_signed.verify_key_indicator._replace(
            value=stranger.public_key.to_verification_key()
        )
    )
    folder.put_root()
    folder.put_ctl(*folder.entries, key=stranger, certificate=certify(tbs, stranger))
    peers = TrustFolder(folder.path, folder.pki.clock)
    assert peers.ea(folder.pki.ea_certificate.hashed_id8) is None
    assert peers.problem is not None


def test_an_empty_folder_names_nobody(folder: Folder, fixed_clock: FixedClock) -> None:
    peers = TrustFolder(folder.path, fixed_clock)
    assert peers.ea(folder.pki.ea_certificate.hashed_id8) is None
    assert peers.problem is not None


def test_a_certificate_the_root_did_not_sign_is_left_out(folder: Folder) -> None:
    pki = folder.pki
    forged = certify(pki.aa_certificate.record.to_be_signed, MemoryKey(pki.root.curve), pki.root)
    folder.put_root()
    folder.put_ctl(folder.entries[0], AaEntry(forged, "http://aa.example/a"))
    folder.put_crl()
    peers = TrustFolder(folder.path, pki.clock)
    assert peers.aa(forged.hashed_id8) is None
    assert peers.ea(pki.ea_certificate.hashed_id8) is not None


def test_a_list_past_its_next_update_still_counts(folder: Folder, fixed_clock: FixedClock) -> None:
    folder.put_root()
    folder.put_ctl(*folder.entries)
    folder.put_crl()
    fixed_clock.advance(YEAR)
    peers = TrustFolder(folder.path, fixed_clock)
    assert peers.ea(folder.pki.ea_certificate.hashed_id8) is not None
