"""What one person has signed, whatever their keys lie in: nothing is signed that is not recorded, and nothing
twice. Requests and signatures are files (signing_files.py)."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from tuf.api.metadata import Signed

from v2xpki.audit import Event
from v2xpki.errors import Refused
from v2xpki.issuance.metadata import MetadataIssuer, document, documents_of
from v2xpki.issuance.recorded_signer import RecordedSigner
from v2xpki.issuance.records import ISSUED
from v2xpki.keystore import KeyLabel
from v2xpki.ota.metadata import expiry, parse
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.ota.signing_files import RequestFile, SignatureFile
from v2xpki.store import Database, Transaction
from v2xpki.store.base import AuditRow, IssuanceRecord
from v2xpki.time import Clock, iso_from_time32
from v2xpki.trust.ota.canonical import as_json


class SigningRecord:
    """The record of a signer's keys. name: who signs, as the repository's own record will say."""

    def __init__(self, name: str, issuer: MetadataIssuer, database: Database, clock: Clock) -> None:
        self._name, self._issuer, self._database, self._clock = name, issuer, database, clock

    def sign(self, request: RequestFile, labels: Sequence[KeyLabel], *, by: str) -> SignatureFile:
        """Sign with these keys what a request asks, recorded first. The same again gives the signatures that
        were made then.

        Raises Refused(UNKNOWN_KEY, EXPIRED), KeystoreError, StoreError, AuditError.
        """
        if not labels:
            raise Refused(SigningReason.UNKNOWN_KEY, f"no key of {self._name} is asked to sign this")
        octets, now = request.octets, self._clock.time32()
        if expiry(parse(document(octets, ()), Signed).signed) <= now:
            raise Refused(SigningReason.EXPIRED, f"{request.role} version {request.version} has expired")
        signatures = {}
        for label in labels:
            keyid = self._issuer.public_key(label).keyid
            signatures[keyid] = self._made_before(octets, keyid) or self._make(request, label, by, now)
        return SignatureFile(request.repository, request.id, self._name, signatures)

    def remarks(self, request: RequestFile, labels: Sequence[KeyLabel]) -> list[str]:
        """What the record has to say to a request, for people: whether the version before, which the
        repository shows, is one that these keys signed; and whether they signed another of the version."""
        keyids = {self._issuer.public_key(label).keyid for label in labels}
        with self._database.read() as tx:
            query = sa.select(IssuanceRecord.to_be_signed, IssuanceRecord.signed)
            made = tx.execute(query.where(IssuanceRecord.state == ISSUED)).all()
        known = [json.loads(one) for row in made for one in documents_of(row.to_be_signed, row.signed)]
        bodies = [one["signed"] for one in known if keyids & {s["keyid"] for s in one["signatures"]}]
        remarks = []
        if request.former is not None and request.former not in bodies:
            remarks.append("the version before was not signed here: what it said is the repository's word")
        for body in bodies:
            if body["version"] == request.version and body != request.signed:
                remarks.append(f"another {request.role} version {request.version} was signed here before")
        return remarks

    def _made_before(self, octets: bytes, keyid: str) -> str | None:
        table = IssuanceRecord
        query = sa.select(table.signed).where(table.to_be_signed == as_json(octets), table.state == ISSUED)
        with self._database.read() as tx:
            for signed in tx.execute(query).scalars():
                by, _, signature = signed.decode().partition(" ")
                if by == keyid:
                    return str(signature)
        return None

    def _make(self, request: RequestFile, label: KeyLabel, by: str, now: int) -> str:
        def tell(tx: Transaction) -> None:
            tx.audit(
                Event.METADATA_SIGNATURE_MADE,
                repository=request.repository,
                role=request.role,
                version=request.version,
                digest=request.id,
                label=label.text,
                operator=by,
                at=iso_from_time32(now),
            )

        signer = RecordedSigner(self._issuer, label, self._database, tell)
        return str(signer.sign(request.octets).signature)


def signatures_made(database: Database) -> list[dict[str, Any]]:
    """Who signed what, and when, in that order: plain JSON."""
    query = sa.select(AuditRow.detail).where(AuditRow.event == Event.METADATA_SIGNATURE_MADE.value)
    with database.read() as tx:
        return [json.loads(one) for one in tx.execute(query.order_by(AuditRow.sequence)).scalars()]
