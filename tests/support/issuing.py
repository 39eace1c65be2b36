"""A small CA in memory, for tests of issuance: what its certificates hold is of no interest here."""

from dataclasses import dataclass

from v2xpki.crypto import Certificate, Curve
from v2xpki.issuance import Issuer, ListIssuer, tx_complete, tx_save
from v2xpki.keystore import KeyLabel, Keystore, MemoryKey, MemoryKeystore
from v2xpki.store import Database
from v2xpki.time import FixedClock
from v2xpki.wire import dot2, etsi

NOW = 720_000_123
ROOT = KeyLabel("root", "sign")
CA = KeyLabel("ea", "sign")


def no_lint(*_: object) -> list[object]:
    return []


def certificate_tbs(key: MemoryKey, name: str = "subject", *, start: int = NOW) -> dot2.ToBeSignedCertificate:
    """A ToBeSignedCertificate of this key."""
    return dot2.ToBeSignedCertificate(
        id=dot2.CertificateId(kind="name", value=name),
        craca_id=bytes(3),
        crl_series=0,
        validity_period=dot2.ValidityPeriod(start=start, duration=dot2.Duration(kind="hours", value=100)),
        app_permissions=(dot2.PsidSsp(psid=36, ssp=None),),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey", value=key.public_key.to_verification_key()
        ),
    )


def own_tbs(keystore: Keystore, label: KeyLabel, name: str = "authority") -> dot2.ToBeSignedCertificate:
    """A ToBeSignedCertificate of a key in the keystore."""
    key = MemoryKey.generate(keystore.public_key(label).curve)
    indicator = dot2.VerificationKeyIndicator(
        kind="verificationKey", value=keystore.public_key(label).to_verification_key()
    )
    return certificate_tbs(key, name)._replace(verify_key_indicator=indicator)


def crl(this_update: int = NOW) -> etsi.EtsiTs102941Data:
    """An empty CRL."""
    return etsi.EtsiTs102941Data(
        version=1,
        content=etsi.EtsiTs102941DataContent(
            kind="certificateRevocationList",
            value=etsi.ToBeSignedCrl(
                version=1, this_update=this_update, next_update=this_update + 3600, entries=()
            ),
        ),
    )


@dataclass
class SmallCa:
    """A self-signed CA over a database, and the two issuers of its key."""

    keystore: Keystore
    certificate: Certificate
    issuer: Issuer
    lists: ListIssuer
    database: Database
    clock: FixedClock

    @classmethod
    def make(
        cls, database: Database, curve: Curve = Curve.NIST_P256, keystore: Keystore | None = None
    ) -> "SmallCa":
        clock = FixedClock(NOW)
        if keystore is None:
            keystore = MemoryKeystore("test")
        keystore.generate(CA, curve)
        first = Issuer.open(keystore, CA, None, database, clock, linter=no_lint)
        certificate = issue(database, first, own_tbs(keystore, CA), "RCA")
        issuer = Issuer.open(keystore, CA, certificate, database, clock, linter=no_lint)
        lists = ListIssuer.open(keystore, CA, certificate, database, clock)
        return cls(keystore, certificate, issuer, lists, database, clock)


def issue(database: Database, issuer: Issuer, tbs: dot2.ToBeSignedCertificate, kind: str) -> Certificate:
    """All steps."""
    prepared = issuer.prepare(tbs, kind)
    with database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    certificate = issuer.issue(prepared.token)
    with database.write(durable=False) as tx:
        tx_complete(tx, prepared.record, certificate)
    return certificate
