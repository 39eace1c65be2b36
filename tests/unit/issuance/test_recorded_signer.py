"""python-tuf signs with keys of the token, and every signature has its record."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Timestamp

from tests.support.databases import NOW
from v2xpki.crypto import Curve
from v2xpki.errors import AuditError, IssuanceError, TokenLost
from v2xpki.issuance.metadata import MetadataIssuer, documents_of
from v2xpki.issuance.recorded_signer import RecordedSigner
from v2xpki.keystore import KeyLabel, Keystore, MemoryKeystore
from v2xpki.store import Database, upgrade
from v2xpki.store.auditing import examine
from v2xpki.store.base import AuditHead, AuditRow, IssuanceRecord
from v2xpki.time import FixedClock, time32_from_unix

LABELS = {
    KeyLabel("image-timestamp", "sign", 1): Curve.NIST_P256,
    KeyLabel("image-timestamp", "sign", 2): Curve.NIST_P384,
}
FIRST = next(iter(LABELS))
EXPIRES = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def signers_database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "image.db", clock=FixedClock(NOW)) as database:
        upgrade(database, "image")
        yield database


@pytest.fixture(params=["memory", "SoftHSM"])
def keystore(request: pytest.FixtureRequest) -> Keystore:
    if request.param == "memory":
        made: Keystore = MemoryKeystore("test")
    else:
        made = request.getfixturevalue("token_store").open("recorded-signer")
    there = {one.label for one in made.keys()}
    for label, curve in LABELS.items():
        if label not in there:
            made.generate(label, curve)
    return made


@pytest.fixture
def issuer(keystore: Keystore) -> MetadataIssuer:
    return MetadataIssuer.open(keystore, LABELS)


def records(database: Database) -> list[Any]:
    with database.read() as tx:
        return list(tx.execute(sa.select(IssuanceRecord)))


def events(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(sa.select(AuditRow.event).order_by(AuditRow.sequence)).scalars())


def timestamp() -> Metadata[Timestamp]:
    return Metadata(Timestamp(1, expires=EXPIRES))


def test_metadata_that_python_tuf_signs_by_the_token_is_recorded_and_audited(
    issuer: MetadataIssuer, signers_database: Database
) -> None:
    metadata, root = timestamp(), Root(expires=EXPIRES)
    for label in LABELS:
        signer = RecordedSigner(issuer, label, signers_database)
        root.add_key(signer.public_key, "timestamp")
        metadata.sign(signer, append=True)
    root.roles["timestamp"].threshold = 2
    root.verify_delegate("timestamp", metadata.signed_bytes, metadata.signatures)

    kept = records(signers_database)
    assert {(one.state, one.kind, one.to_be_signed) for one in kept} == {
        ("issued", "METADATA", metadata.signed_bytes)
    }
    found = [
        json.loads(one)["signatures"] for row in kept for one in documents_of(row.to_be_signed, row.signed)
    ]
    assert sorted(one["sig"] for [one] in found) == sorted(
        one.signature for one in metadata.signatures.values()
    )
    assert min(one.expires for one in kept) >= time32_from_unix(EXPIRES.timestamp())
    assert events(signers_database)[1:] == ["issuance.signing", "issuance.signed"] * 2
    assert examine(signers_database).intact


@pytest.mark.parametrize("keystore", ["memory"], indirect=True)
def test_what_cannot_be_recorded_is_not_signed(
    issuer: MetadataIssuer, signers_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "issue", lambda token: pytest.fail("the key was used"))
    with signers_database.write(durable=True) as tx:
        tx.execute(sa.delete(AuditHead))
    metadata = timestamp()
    with pytest.raises(UnsignedMetadataError) as raised:
        metadata.sign(RecordedSigner(issuer, FIRST, signers_database), append=True)
    assert isinstance(raised.value.__cause__, AuditError)
    assert (metadata.signatures, records(signers_database)) == ({}, [])


@pytest.mark.parametrize("keystore", ["memory"], indirect=True)
@pytest.mark.parametrize("lost", ["issue", "complete"])
def test_a_signature_that_fails_or_is_not_stored_leaves_a_void_record_and_is_not_seen(
    issuer: MetadataIssuer, signers_database: Database, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    def fail(*_: object) -> None:
        raise TokenLost("gone")

    if lost == "issue":
        monkeypatch.setattr(issuer, "issue", fail)
    else:
        monkeypatch.setattr("v2xpki.issuance.recorded_signer.tx_complete", fail)
    metadata = timestamp()
    with pytest.raises(UnsignedMetadataError):
        metadata.sign(RecordedSigner(issuer, FIRST, signers_database), append=True)
    assert metadata.signatures == {}
    assert [(one.state, one.signed) for one in records(signers_database)] == [("void", None)]
    assert events(signers_database)[1:] == ["issuance.signing", "issuance.voided"]


@pytest.mark.parametrize("keystore", ["memory"], indirect=True)
@pytest.mark.parametrize("octets", [b"text", b"{}", b'{"_type":"timestamp"}', timestamp().to_bytes()])
def test_the_token_signs_nothing_but_metadata_in_canonical_json(
    issuer: MetadataIssuer, signers_database: Database, octets: bytes
) -> None:
    with pytest.raises(IssuanceError):
        RecordedSigner(issuer, FIRST, signers_database).sign(octets)
    spaced = timestamp().signed_bytes.replace(b":", b": ", 1)
    with pytest.raises(IssuanceError, match="canonical"):
        RecordedSigner(issuer, FIRST, signers_database).sign(spaced)
    assert records(signers_database) == []


@pytest.mark.parametrize("keystore", ["memory"], indirect=True)
def test_no_uri_and_no_foreign_label_opens_a_key_of_the_token(
    issuer: MetadataIssuer, signers_database: Database
) -> None:
    with pytest.raises(IssuanceError, match="with its instance"):
        RecordedSigner.from_priv_key_uri("pkcs11:object=image-timestamp", issuer.public_key(FIRST))
    with pytest.raises(IssuanceError):
        RecordedSigner(issuer, KeyLabel("root", "sign"), signers_database)
