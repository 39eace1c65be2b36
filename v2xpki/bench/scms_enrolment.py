"""An ECA with all that it needs around it, and devices that ask it once each: for scms_enrol.

The root is a key in memory; the ECA's key is where the given keystore has it. No ceremony.
"""

import os
from pathlib import Path

from v2xpki import wire
from v2xpki.authorities.scms.devices import DeviceRegister, NewDevice
from v2xpki.authorities.scms.eca import EnrolmentCa
from v2xpki.crypto import Certificate, Curve, signature_record, signing_digest
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel, Keystore, MemoryKey
from v2xpki.station.scms.enrolment import DeviceIdentity, EnrolmentWish, ask
from v2xpki.store import Database, upgrade
from v2xpki.time import Clock
from v2xpki.trust.scms_enrolment import lint_enrolment
from v2xpki.trust.scms_profiles import scms_profile
from v2xpki.wire import dot2

_SIGN = KeyLabel("eca", "sign")


class EnrolmentLaboratory:
    """An ECA over a database in `directory` (SQLite)."""

    def __init__(self, directory: Path, keystore: Keystore, clock: Clock) -> None:
        self.clock, now = clock, clock.time32()
        root_key, other = (MemoryKey.generate(Curve.NIST_P256) for _ in range(2))
        root_tbs = scms_profile("SCMS_ROOT").build_tbs(
            verification_key=root_key.public_key, now=now, name="root"
        )
        self.root = _signed(root_tbs, root_key, None)
        tbs = scms_profile("ECA").build_tbs(
            verification_key=keystore.generate(_SIGN, Curve.NIST_P256),
            now=now,
            issuer=self.root,
            encryption_key=other.public_key,
            craca_id=self.root.hashed_id3,
            name="eca",
        )
        own = _signed(tbs, root_key, self.root)
        self.database = Database.open(f"sqlite:///{directory}/eca.db", clock=clock)
        upgrade(self.database, "eca")
        self._register = DeviceRegister(self.database)
        self.eca = EnrolmentCa(
            issuer=Issuer.open(keystore, _SIGN, own, self.database, clock, linter=lint_enrolment),
            responder=keystore.scms_responder(_SIGN, own),
            chain=[own, self.root],
            database=self.database,
            clock=clock,
        )

    def close(self) -> None:
        self.eca.close()
        self.database.close()

    def requests(self, count: int) -> list[bytes]:
        """EeEcaCertRequestSpdus, each of a device of its own, which is registered here."""
        devices = [
            DeviceIdentity(os.urandom(8).hex(), MemoryKey.generate(Curve.NIST_P256)) for _ in range(count)
        ]
        new = [NewDevice(one.canonical_id, one.key.public_key, "obe") for one in devices]
        self._register.register_all(new, digest=os.urandom(32))
        return [ask(one, EnrolmentWish(), self.clock.time32()).request for one in devices]


def _signed(tbs: dot2.ToBeSignedCertificate, key: MemoryKey, issuer: Certificate | None) -> Certificate:
    named = (
        dot2.IssuerIdentifier("self", "sha256")
        if issuer is None
        else dot2.IssuerIdentifier("sha256AndDigest", issuer.hashed_id8)
    )
    digest = signing_digest("sha256", wire.encode(tbs), b"" if issuer is None else issuer.octets)
    signature = signature_record(Curve.NIST_P256, key.sign(digest))
    return Certificate.of(dot2.CertificateBase(3, "explicit", named, tbs, signature))
