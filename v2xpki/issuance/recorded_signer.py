"""A key of an issuer as a Signer that records: python-tuf signs with it, and nothing unrecorded.

metadata.sign(RecordedSigner(issuer, label, database), append=True)
"""

import contextlib
from collections.abc import Callable
from typing import Any, NoReturn

from securesystemslib.signer import Key, SecretsHandler, Signature, Signer
from tuf.api.metadata import Metadata
from tuf.api.serialization import DeserializationError

from v2xpki.errors import AuditError, IssuanceError, StoreError
from v2xpki.issuance.metadata import MetadataIssuer, Payload, document, signatures_of
from v2xpki.issuance.records import tx_complete, tx_save, tx_void
from v2xpki.issuance.token_signer import TokenSigner
from v2xpki.keystore import KeyLabel
from v2xpki.store import Database, Transaction
from v2xpki.time import time32_from_unix


class RecordedSigner(Signer):
    """One key of an issuer. Each signature has a record of its own, durable before the key is touched; `more`
    adds the caller's rows to the transaction that completes it. Raises IssuanceError for a label that the
    issuer has not."""

    def __init__(
        self,
        issuer: MetadataIssuer,
        label: KeyLabel,
        database: Database,
        more: Callable[[Transaction], None] = lambda tx: None,
    ) -> None:
        self._issuer, self._label, self._database, self._more = issuer, label, database, more
        self._public_key = issuer.public_key(label)

    def __repr__(self) -> str:
        return f"RecordedSigner({self._label})"

    @property
    def public_key(self) -> Key:
        """As metadata names it."""
        return self._public_key

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> NoReturn:
        """Raises IssuanceError: a URI names a key and no database for its records."""
        TokenSigner.from_priv_key_uri(priv_key_uri, public_key, secrets_handler)

    def sign(self, payload: bytes) -> Signature:
        """Record, sign, store. payload: the canonical JSON of a metadata's "signed" part.

        Raises IssuanceError for anything else; StoreError, AuditError, KeystoreError: nothing was signed, or
        nobody sees it, and a record that was made is void.
        """
        prepared = self._issuer.prepare([Payload(self._label, payload)], _expires(payload))
        with self._database.write(durable=True) as tx:
            tx_save(tx, prepared.record)
        try:
            made = self._issuer.issue(prepared.token)
            with self._database.write(durable=True) as tx:
                tx_complete(tx, prepared.record, signatures_of(made))
                self._more(tx)
        except BaseException as error:
            # Nobody has seen what was signed, if it was. Should this fail too, the next start does it.
            with contextlib.suppress(StoreError, AuditError), self._database.write(durable=True) as tx:
                tx_void(tx, prepared.record, type(error).__name__)
            raise
        return Signature(made[0].keyid, made[0].signature)


def _expires(payload: bytes) -> int:
    """TAI seconds: until when a record of this metadata is kept."""
    try:
        found: Metadata[Any] = Metadata.from_bytes(document(payload, ()))
    except DeserializationError:
        raise IssuanceError("metadata of TUF is signed here, and this is none") from None
    if found.signed_bytes != payload:
        raise IssuanceError("metadata is signed in canonical JSON alone")
    return time32_from_unix(found.signed.expires.timestamp())
