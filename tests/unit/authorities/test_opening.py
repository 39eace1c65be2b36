"""An authority out of an instance folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.etsi import P256, DirectLink, Pki
from v2xpki.authorities.etsi.envelope import OwnKeys
from v2xpki.authorities.etsi.opening import (
    open_authorization_authority,
    open_enrolment_authority,
    open_own_keys,
)
from v2xpki.config import DomainSection, Instance, Settings
from v2xpki.errors import ConfigError
from v2xpki.keystore import KeyLabel


def instance(folder: Path, pki: Pki, *, generation: int = 1) -> Instance:
    for name, certificate in (("ea", pki.ea_certificate), ("aa", pki.aa_certificate)):
        certificates = folder / name / "certificates"
        certificates.mkdir(parents=True, exist_ok=True)
        (certificates / f"{name}-1.oer").write_bytes(certificate.octets)
        (folder / name / "trust").mkdir(exist_ok=True)
    return Instance(folder, Settings(domains={"ea": DomainSection(generation=generation)}))


def own_keys(pki: Pki, home: Instance) -> OwnKeys:
    return open_own_keys(pki.ea_keys, home.domain("ea"), pki.ea_database, pki.clock)


def test_an_ea_and_an_aa_open_from_their_folders(make_pki: Callable[..., Pki], tmp_path: Path) -> None:
    pki = make_pki()
    home = instance(tmp_path / "home", pki)
    pki.ea = open_enrolment_authority(home, pki.ea_keys, pki.ea_database, pki.clock, observer=pki.notes)
    car = pki.station()
    ec = car.enrol()
    pki.aa = open_authorization_authority(
        home, pki.aa_keys, pki.aa_database, DirectLink(), pki.clock, observer=pki.notes
    )
    # its trust folder is empty: no EA is known
    assert car.authorize(ec).code == "its-aa-unknownea"


def test_without_a_certificate_there_is_no_authority(memory_pki: Pki, tmp_path: Path) -> None:
    home = instance(tmp_path / "home", memory_pki, generation=2)
    with pytest.raises(ConfigError, match="ea-2"):
        own_keys(memory_pki, home)


def test_a_certificate_of_another_encryption_key_is_refused(memory_pki: Pki, tmp_path: Path) -> None:
    home = instance(tmp_path / "home", memory_pki)
    (tmp_path / "home/ea/certificates/ea-1.oer").write_bytes(memory_pki.aa_certificate.octets)
    with pytest.raises(ConfigError, match="encryption key"):
        own_keys(memory_pki, home)


def test_older_generations_count_while_their_keys_are_there(
    make_pki: Callable[..., Pki], tmp_path: Path
) -> None:
    from tests.support.etsi import certify

    pki = make_pki()
    home = instance(tmp_path / "home", pki, generation=3)
    keys: Any = pki.ea_keys
    tbs = pki.ea_certificate.record.to_be_signed
    for number in (2, 3):
        signing = keys.generate(KeyLabel("ea", "sign", number), P256)
        sealing = keys.generate(KeyLabel("ea", "encrypt", number), P256)
        newer = certify(
            tbs._replace(
                encryption_key=sealing.to_encryption_key(),
                verify_key_indicator=tbs.verify_key_indicator._replace(value=signing.to_verification_key()),
            ),
            pki.root_key,
            pki.root,
        )
        (tmp_path / f"home/ea/certificates/ea-{number}.oer").write_bytes(newer.octets)
    del keys._keys[KeyLabel("ea", "encrypt", 2)]
    own = own_keys(pki, home)
    assert [generation.number for generation in own.generations] == [3, 1]
    assert own.ids == {generation.certificate.hashed_id8 for generation in own.generations}
    request = own.open(pki.station().enrolment().body)
    assert (request.own.number, request.to_retired) == (1, False)
    assert own.newest().number == 3
    del keys._keys[KeyLabel("ea", "sign", 1)]
    request = own_keys(pki, home).open(pki.station("other").enrolment().body)
    assert (request.own.number, request.to_retired) == (3, True)
