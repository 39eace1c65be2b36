"""Issuance, step by step: what is signed was linted and recorded, and is signed once."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.issuing import CA, NOW, SmallCa, certificate_tbs, crl, issue, no_lint, own_tbs
from v2xpki import wire
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import (
    AlreadyRecorded,
    AuditError,
    InvalidSignature,
    IssuanceError,
    KeyRefused,
    LintFailed,
    RecordFailed,
    TokenLost,
    TokenSpent,
)
from v2xpki.issuance import Issuer, ListIssuer, sign_ca_request, tx_complete, tx_save, tx_void
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.secured import SignedMessage
from v2xpki.store import Database
from v2xpki.store.base import AuditHead, AuditRow, IssuanceRecord
from v2xpki.time import HOUR
from v2xpki.trust.lint import RULES, Finding
from v2xpki.wire import dot2, etsi


def finding(severity: str) -> Finding:
    return Finding(next(rule for rule in RULES.values() if rule.severity == severity), "an example")


class CountingKeystore(MemoryKeystore):
    """Counts signatures; `spoil` changes what comes out."""

    def __init__(self) -> None:
        super().__init__("test")
        self.signatures = 0
        self.fail = False
        self.spoil = False

    def issuing_key(self, label: KeyLabel) -> Any:
        key = super().issuing_key(label)
        sign = key.sign

        def counted(digest: bytes) -> bytes:
            self.signatures += 1
            if self.fail:
                raise TokenLost("gone")
            raw = sign(digest)
            return bytes([raw[0] ^ 1]) + raw[1:] if self.spoil else raw

        key.sign = counted
        return key


@pytest.fixture
def keystore() -> CountingKeystore:
    return CountingKeystore()


@pytest.fixture
def ca(database: Database, keystore: CountingKeystore) -> SmallCa:
    return SmallCa.make(database, keystore=keystore)


@pytest.fixture
def key() -> MemoryKey:
    return MemoryKey.generate(Curve.NIST_P256)


def states(database: Database) -> list[str]:
    with database.read() as tx:
        return sorted(tx.execute(sa.select(IssuanceRecord.state)).scalars())


def events(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(sa.select(AuditRow.event).order_by(AuditRow.sequence)).scalars())


@pytest.mark.parametrize("curve", list(Curve))
def test_a_certificate_is_made_recorded_and_audited(database: Database, curve: Curve) -> None:
    ca = SmallCa.make(database, curve)
    subject = MemoryKey.generate(Curve.NIST_P256)
    certificate = issue(database, ca.issuer, certificate_tbs(subject), "EC")

    ca.certificate.verify_signature(None)
    certificate.verify_signature(ca.certificate)
    assert Certificate.parse(certificate.octets).record == certificate.record
    assert wire.encode(certificate.record) == certificate.octets
    with database.read() as tx:
        row = tx.execute(sa.select(IssuanceRecord).where(IssuanceRecord.kind == "EC")).one()
    assert (row.state, row.open_by, row.issuer) == ("issued", None, ca.certificate.hashed_id8)
    assert (row.signed, row.hashed_id8) == (certificate.octets, certificate.hashed_id8)
    assert row.to_be_signed == certificate.tbs_octets
    assert certificate.end <= row.expires < certificate.end + HOUR and row.expires % HOUR == 0
    assert events(database) == [
        "database.created",
        *("issuance.signing", "issuance.signed") * 2,
    ]


def test_an_unrecorded_token_signs_nothing(ca: SmallCa, key: MemoryKey, keystore: CountingKeystore) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    before = keystore.signatures
    with pytest.raises(RecordFailed):
        ca.issuer.issue(prepared.token)
    with pytest.raises(ZeroDivisionError), ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
        raise ZeroDivisionError
    with pytest.raises(RecordFailed):
        ca.issuer.issue(prepared.token)
    assert keystore.signatures == before


def test_nothing_is_signed_before_the_commit(ca: SmallCa, key: MemoryKey) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
        with pytest.raises(RecordFailed):
            ca.issuer.issue(prepared.token)
    ca.issuer.issue(prepared.token)


def test_a_token_signs_once(ca: SmallCa, key: MemoryKey, keystore: CountingKeystore) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    before = keystore.signatures
    outcomes: list[str] = []

    def use() -> None:
        try:
            ca.issuer.issue(prepared.token)
            outcomes.append("signed")
        except TokenSpent:
            outcomes.append("spent")

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["signed", *["spent"] * 7]
    assert keystore.signatures == before + 1


def test_a_record_is_saved_once(ca: SmallCa, key: MemoryKey) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    with pytest.raises(AlreadyRecorded), ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)


def test_no_audit_no_signature(ca: SmallCa, key: MemoryKey, keystore: CountingKeystore) -> None:
    with ca.database.write(durable=True) as tx:
        tx.execute(sa.delete(AuditHead))
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    before = keystore.signatures
    with pytest.raises(AuditError), ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    with pytest.raises(RecordFailed):
        ca.issuer.issue(prepared.token)
    assert keystore.signatures == before
    assert states(ca.database) == ["issued"]


def test_a_lost_token_burns_and_leaves_the_record_open(
    ca: SmallCa, key: MemoryKey, keystore: CountingKeystore
) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    keystore.fail = True
    with pytest.raises(TokenLost):
        ca.issuer.issue(prepared.token)
    keystore.fail = False
    with pytest.raises(TokenSpent):
        ca.issuer.issue(prepared.token)
    assert states(ca.database) == ["issued", "open"]


def test_a_voided_record_is_never_signed(ca: SmallCa, key: MemoryKey, keystore: CountingKeystore) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    with ca.database.write(durable=True) as tx:
        tx_void(tx, prepared.record, "no longer wanted")
    before = keystore.signatures
    with pytest.raises(TokenSpent):
        ca.issuer.issue(prepared.token)
    assert keystore.signatures == before
    assert states(ca.database) == ["issued", "void"]
    with pytest.raises(RecordFailed), ca.database.write(durable=True) as tx:
        tx_void(tx, prepared.record, "again")


def test_voiding_that_does_not_commit_still_burns_the_token(ca: SmallCa, key: MemoryKey) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    with pytest.raises(ZeroDivisionError), ca.database.write(durable=True) as tx:
        tx_void(tx, prepared.record, "no longer wanted")
        raise ZeroDivisionError
    with pytest.raises(TokenSpent):
        ca.issuer.issue(prepared.token)


def test_a_wrong_signature_does_not_leave(ca: SmallCa, key: MemoryKey, keystore: CountingKeystore) -> None:
    keystore.spoil = True
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    listed = ca.lists.prepare(crl(), 622)
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
        tx_save(tx, listed.record)
    with pytest.raises(IssuanceError, match="verify"):
        ca.issuer.issue(prepared.token)
    with pytest.raises(IssuanceError, match="verify"):
        ca.lists.issue(listed.token)


def test_what_is_signed_is_what_was_recorded(
    ca: SmallCa, key: MemoryKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    other = certificate_tbs(key, "someone else")
    prepared.token.material = prepared.token.material._replace(tbs=other)  # type: ignore[attr-defined]
    with pytest.raises(IssuanceError, match="not what was recorded"):
        ca.issuer.issue(prepared.token)


def test_only_what_was_issued_completes_a_record(ca: SmallCa, key: MemoryKey) -> None:
    prepared = [ca.issuer.prepare(certificate_tbs(key), "EC") for _ in range(2)]
    for one in prepared:
        with ca.database.write(durable=True) as tx:
            tx_save(tx, one.record)
    certificates = [ca.issuer.issue(one.token) for one in prepared]
    with pytest.raises(IssuanceError), ca.database.write(durable=False) as tx:
        tx_complete(tx, prepared[0].record, certificates[1])
    with ca.database.write(durable=False) as tx:
        tx_complete(tx, prepared[0].record, certificates[0])
    with pytest.raises(RecordFailed), ca.database.write(durable=False) as tx:
        tx_complete(tx, prepared[0].record, certificates[0])


def test_a_finding_of_the_linter_forbids_to_sign(ca: SmallCa, key: MemoryKey) -> None:
    seen: list[Any] = []

    def linter(tbs: dot2.ToBeSignedCertificate, kind: str, issuer: Certificate | None) -> list[Finding]:
        seen.append((tbs, kind, issuer))
        return [finding("warning"), *([finding("error")] if kind == "AT" else [])]

    issuer = Issuer.open(ca.keystore, CA, ca.certificate, ca.database, ca.clock, linter=linter)
    tbs = certificate_tbs(key)
    issuer.prepare(tbs, "EC")
    with pytest.raises(LintFailed, match=finding("error").rule.id):
        issuer.prepare(tbs, "AT")
    assert seen == [(tbs, "EC", ca.certificate), (tbs, "AT", ca.certificate)]


def test_what_cannot_be_issued_is_refused_before_it_is_recorded(ca: SmallCa, key: MemoryKey) -> None:
    tbs = certificate_tbs(key)
    x, y = key.public_key.uncompressed[1:33], key.public_key.uncompressed[33:]
    uncompressed = dot2.EccP256CurvePoint(
        kind="uncompressedP256", value=dot2.EccP256CurvePointUncompressedP256(x=x, y=y)
    )
    long_form = dot2.VerificationKeyIndicator(
        kind="verificationKey", value=dot2.PublicVerificationKey(kind="ecdsaNistP256", value=uncompressed)
    )
    implicit = dot2.VerificationKeyIndicator(
        kind="reconstructionValue", value=dot2.EccP256CurvePoint(kind="compressed-y-0", value=x)
    )
    with pytest.raises(IssuanceError, match="kind"):
        ca.issuer.prepare(tbs, "XY")
    with pytest.raises(IssuanceError, match="compressed"):
        ca.issuer.prepare(tbs._replace(verify_key_indicator=long_form), "EC")
    with pytest.raises(IssuanceError, match="implicit"):
        ca.issuer.prepare(tbs._replace(verify_key_indicator=implicit), "EC")
    with pytest.raises(IssuanceError, match="self-signed"):
        Issuer.open(ca.keystore, CA, None, ca.database, ca.clock, linter=no_lint).prepare(tbs, "RCA")
    ca.clock.now = ca.certificate.end
    with pytest.raises(IssuanceError, match="expired"):
        ca.issuer.prepare(tbs, "EC")


def test_an_encryption_key_on_another_curve_is_no_obstacle(ca: SmallCa, key: MemoryKey) -> None:
    other = MemoryKey.generate(Curve.BRAINPOOL_P256R1)
    tbs = certificate_tbs(key)._replace(encryption_key=other.public_key.to_encryption_key())
    assert issue(ca.database, ca.issuer, tbs, "EC").encryption_key == other.public_key


def test_a_certificate_of_another_key_is_refused(ca: SmallCa) -> None:
    other = KeyLabel("ea", "sign", 2)
    ca.keystore.generate(other, Curve.NIST_P256)
    for kind in (Issuer, ListIssuer):
        with pytest.raises(IssuanceError, match="not of the key"):
            kind.open(ca.keystore, other, ca.certificate, ca.database, ca.clock)
    ca.keystore.generate(KeyLabel("ea", "encrypt"), Curve.NIST_P256)
    with pytest.raises(KeyRefused):
        Issuer.open(ca.keystore, KeyLabel("ea", "encrypt"), None, ca.database, ca.clock, linter=no_lint)


def test_tokens_belong_to_their_issuer(ca: SmallCa, key: MemoryKey) -> None:
    twin = Issuer.open(ca.keystore, CA, ca.certificate, ca.database, ca.clock, linter=no_lint)
    prepared = ca.issuer.prepare(certificate_tbs(key), "EC")
    listed = ca.lists.prepare(crl(), 622)
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
        tx_save(tx, listed.record)
    with pytest.raises(IssuanceError, match="another issuer"):
        twin.issue(prepared.token)
    with pytest.raises(IssuanceError, match="another issuer"):
        ca.lists.issue(prepared.token)
    assert ca.issuer.issue(prepared.token)
    assert ca.lists.issue(listed.token)


# -- lists


@pytest.mark.parametrize("curve", list(Curve))
def test_a_list_is_made_recorded_and_audited(database: Database, curve: Curve) -> None:
    ca = SmallCa.make(database, curve)
    prepared = ca.lists.prepare(crl(), 622)
    with database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    octets = ca.lists.issue(prepared.token)
    with database.write(durable=True) as tx:
        tx_complete(tx, prepared.record, octets)

    message = SignedMessage.parse(octets)
    message.verify(ca.certificate.verification_key, ca.certificate)
    assert message.signer_certificates == (ca.certificate,)
    assert message.header == dot2.HeaderInfo(psid=622, generation_time=NOW * 1_000_000)
    assert wire.decode(etsi.EtsiTs102941Data, message.payload) == crl()
    with database.read() as tx:
        row = tx.execute(sa.select(IssuanceRecord).where(IssuanceRecord.kind == "CRL")).one()
    assert (row.state, row.signed, row.to_be_signed) == ("issued", octets, message.tbs_octets)


def test_a_list_signed_ahead_carries_the_time_it_is_for(ca: SmallCa) -> None:
    prepared = ca.lists.prepare(crl(NOW + HOUR), 622, generation_time=(NOW + HOUR) * 1_000_000)
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    header = SignedMessage.parse(ca.lists.issue(prepared.token)).header
    assert header.generation_time == (NOW + HOUR) * 1_000_000


def test_a_list_signs_once_and_only_if_recorded(ca: SmallCa) -> None:
    prepared = ca.lists.prepare(crl(), 622)
    with pytest.raises(RecordFailed):
        ca.lists.issue(prepared.token)
    with ca.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    ca.lists.issue(prepared.token)
    with pytest.raises(TokenSpent):
        ca.lists.issue(prepared.token)


def test_the_door_for_lists_signs_no_answers(ca: SmallCa) -> None:
    answer = etsi.EtsiTs102941Data(
        version=1,
        content=etsi.EtsiTs102941DataContent(
            kind="enrolmentResponse",
            value=etsi.InnerEcResponse(request_hash=bytes(16), response_code="ok", certificate=None),
        ),
    )
    for data, psid in ((answer, 623), (answer, 624), (crl(), 624), (crl(), 36)):
        with pytest.raises(IssuanceError, match="not signed here"):
            ca.lists.prepare(data, psid)


def test_a_list_that_its_linter_refuses_is_not_prepared(ca: SmallCa) -> None:
    def linter(data: etsi.EtsiTs102941Data) -> None:
        raise LintFailed("no")

    lists = ListIssuer.open(ca.keystore, CA, ca.certificate, ca.database, ca.clock, linter=linter)
    with pytest.raises(LintFailed):
        lists.prepare(crl(), 622)


def test_a_ca_request_is_signed_by_the_key_that_asks(ca: SmallCa, key: MemoryKey) -> None:
    request = etsi.EtsiTs102941Data(
        version=1,
        content=etsi.EtsiTs102941DataContent(
            kind="caCertificateRequest",
            value=etsi.CaCertificateRequest(
                public_keys=etsi.PublicKeys(
                    verification_key=own_tbs(ca.keystore, CA).verify_key_indicator.value
                ),
                requested_subject_attributes=etsi.CertificateSubjectAttributes(
                    id=dot2.CertificateId(kind="name", value="EA"),
                    app_permissions=(dot2.PsidSsp(psid=623, ssp=None),),
                ),
            ),
        ),
    )
    message = SignedMessage.parse(sign_ca_request(ca.keystore, CA, request, ca.database, ca.clock))
    assert message.is_self_signed and message.header.psid == 623
    message.verify(ca.certificate.verification_key)
    with pytest.raises(InvalidSignature):
        message.verify(key.public_key)
    assert events(ca.database)[-2:] == ["issuance.signing", "issuance.signed"]
    with pytest.raises(IssuanceError, match="under it"):
        ca.lists.prepare(crl(), 622, identifier="self")
