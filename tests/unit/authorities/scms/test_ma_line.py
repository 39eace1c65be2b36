"""Revocation over what the RA's own line has made: from a vehicle's file to the CRL that names it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.misbehaviour import keys_of
from tests.support.scms_crl import SignerTrust
from tests.support.scms_line import PERIODS, certificates, new_laboratory
from v2xpki.authorities.scms.aca_cases import AcaCaseBook
from v2xpki.authorities.scms.case_parts import KnownLas
from v2xpki.authorities.scms.la_cases import LaCaseBook
from v2xpki.authorities.scms.la_revocation import LaRevocation
from v2xpki.authorities.scms.ma import CasePeers, MisbehaviourAuthority
from v2xpki.authorities.scms.ma_cases import linked_entry
from v2xpki.authorities.scms.ra_cases import RaCaseBook
from v2xpki.bench.scms_laboratory import LA_IDS
from v2xpki.crypto import Certificate, Curve, revoked_values
from v2xpki.keystore import MemoryKey
from v2xpki.store import Database, upgrade
from v2xpki.store.ma import RevokedEntry
from v2xpki.trust.scms_profiles import scms_profile


class OneRa:
    """An RaDirectory whose RA has an encryption key of the test's."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate

    def ra(self, hashed_id8: bytes) -> Certificate:
        return self._certificate


@pytest.mark.parametrize("variant", ["original", "unified", "compactUnified"])
def test_all_certificates_of_a_vehicles_files_are_named_and_none_of_another(tmp_path: Path, variant: str):
    lab = new_laboratory(tmp_path)
    bad, good = lab.grant(variant), lab.grant(variant)
    lab.work()
    side, keys = lab.aca_side, [MemoryKey.generate(Curve.NIST_P256) for _ in LA_IDS]
    las = [
        side.certify(
            scms_profile("LA").build_tbs(
                verification_key=key.public_key, encryption_key=key.public_key, now=lab.clock.now,
                issuer=side.root, name="la", la_id=int.from_bytes(la_id, "big"),
            ),
            side.root,
        )
        for key, la_id in zip(keys, LA_IDS, strict=True)
    ]  # fmt: skip
    aca = AcaCaseBook(lab.aca, lab.databases["aca"], OneRa(side.ra), KnownLas(las), lab.clock)
    ra = RaCaseBook(
        lab.databases["ra"], keys_of(side.encryption_key, side.ra), (las[0], las[1]), lab.periods, lab.clock
    )
    halves = {
        la.la_id: LaCaseBook(
            LaRevocation(la, lab.databases[f"la{n + 1}"], lab.periods, lab.clock), keys_of(keys[n], las[n])
        )
        for n, la in enumerate(lab.las)
    }
    database = Database.open(f"sqlite:///{tmp_path}/ma.db", clock=lab.clock)
    upgrade(database, "ma")
    peers = CasePeers({side.aca_certificate.hashed_id8: aca}, {lab.ra.hashed_id8: ra}, halves)
    trust = SignerTrust(side.root, side.aca_certificate)
    ma = MisbehaviourAuthority(
        database, peers, trust, side.root.hashed_id8, {1: "linked"}, lab.periods, lab.clock
    )
    named = certificates(lab, bad, 1)[2]
    assert ma.revoke(named.octets, "sends from a desk", "ann").state == "revoked"
    with database.read() as tx:
        (row,) = tx.execute(sa.select(RevokedEntry.__table__)).all()
    assert (row.i_rev, row.j_max) == (0, 3) and row.i_max >= PERIODS - 1
    for i in range(PERIODS):
        (values,) = revoked_values([linked_entry(row.value).after(i)], range(row.j_max))
        found = [[_value(one) for one in certificates(lab, vehicle, i)] for vehicle in (bad, good)]
        assert found[0] == values and not set(found[1]) & set(values)
    database.close()
    lab.close()


def _value(certificate: Certificate) -> bytes:
    value: bytes = certificate.record.to_be_signed.id.value.linkage_value
    return value
