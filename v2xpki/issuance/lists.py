"""Signed lists (CTL, ECTL, CRL), links between CA generations, and a sub-CA's request for its certificate.

The same steps as for a certificate; what is signed is the ToBeSignedData around an EtsiTs102941Data, or
around an elector's word for a CTL of an SCMS.
"""

from collections.abc import Callable
from typing import Self

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import IssuanceError
from v2xpki.issuance.messages import MessageIssuer
from v2xpki.issuance.records import Prepared, tx_complete, tx_save
from v2xpki.keystore import IssuingKey, KeyLabel, Keystore
from v2xpki.secured import Identifier, SignedMessage, etsi_header, scms_header
from v2xpki.store import Database
from v2xpki.time import Clock
from v2xpki.wire import etsi, scms

CRL_PSID, SCR_PSID, CTL_PSID = 622, 623, 624

# What this door signs, with which PSID: never an answer to a station, which is the responder's.
_KINDS = {
    (CRL_PSID, "certificateRevocationList"): "CRL",
    (CTL_PSID, "certificateTrustListTlm"): "ECTL",
    (CTL_PSID, "certificateTrustListRca"): "CTL",
    (CTL_PSID, "linkCertificateTlm"): "LINK",
    (CTL_PSID, "singleSignedLinkCertificateRca"): "LINK",
    (CTL_PSID, "doubleSignedlinkCertificateRca"): "LINK",
    (SCR_PSID, "caCertificateRequest"): "REQUEST",
}


class ListIssuer(MessageIssuer):
    """A key with its certificate, for lists. `certificate` None: signs as `self` (a first CA request)."""

    def __init__(
        self,
        key: IssuingKey,
        certificate: Certificate | None,
        database: Database,
        clock: Clock,
        linter: Callable[[etsi.EtsiTs102941Data], None] | None = None,
    ) -> None:
        super().__init__(key, certificate)
        self.database = database
        self._clock, self._linter = clock, linter

    @classmethod
    def open(
        cls,
        keystore: Keystore,
        label: KeyLabel,
        certificate: Certificate | None,
        database: Database,
        clock: Clock,
        *,
        linter: Callable[[etsi.EtsiTs102941Data], None] | None = None,
    ) -> Self:
        """With the key of a label. Raises what issuing_key raises, and IssuanceError for a certificate of
        another key. `linter` raises LintFailed for a list that must not be signed."""
        return cls(keystore.issuing_key(label), certificate, database, clock, linter)

    def prepare(
        self,
        data: etsi.EtsiTs102941Data,
        psid: int,
        *,
        generation_time: int | None = None,
        identifier: Identifier | None = None,
    ) -> Prepared:
        """Encode and lint; nothing is written or signed.

        psid: 622 for a CRL, 624 for CTL, ECTL and links, 623 for a CA's own request. generation_time in TAI
        microseconds, by default now: a ceremony that signs ahead gives the list's thisUpdate. The signer is
        named by its certificate, as lists have it, unless `identifier` says "digest".
        Raises IssuanceError for content that this door does not sign with this PSID; EncodeError.
        """
        kind = _KINDS.get((psid, data.content.kind))
        if kind is None:
            raise IssuanceError(f"{data.content.kind} with PSID {psid} is not signed here")
        if self._linter is not None:
            self._linter(data)
        named: Identifier = "self" if self.certificate is None else identifier or "certificate"
        time64 = self._clock.time64() if generation_time is None else generation_time
        return self._prepared(kind, wire.encode(data), etsi_header(psid, time64), named)

    def prepare_rekeying(self, request: bytes) -> Prepared:
        """Encode what goes around a CA's request for its next certificate (TS 102 941 6.2.1,
        CaCertificateRekeyingMessage): signed under the present one, which is named by its digest.

        request: COER of the message that the new key signed. Raises IssuanceError for anything else.
        """
        message = SignedMessage.parse(request)
        data = wire.decode(etsi.EtsiTs102941Data, message.payload)
        if data.content.kind != "caCertificateRequest" or not message.is_self_signed:
            raise IssuanceError("a re-keying message is made around a CA's own request and nothing else")
        return self._prepared("REKEYING", request, etsi_header(SCR_PSID, self._clock.time64()), "digest")

    def prepare_ctl_signature(self, signature: scms.ToBeSignedCtlSignature) -> Prepared:
        """Encode an elector's word for a CTL (IEEE 1609.2.1, CtlSignatureSpdu: psid 35 alone; the elector is
        named by its digest)."""
        inner = scms.CertManagementPdu(kind="tbsCtlSignature", value=signature)
        pdu = scms.ScmsPdu(version=2, content=scms.ScmsPduContent(kind="cert", value=inner))
        return self._prepared("CTL", wire.encode(pdu), scms_header(), "digest")


def sign_ca_request(
    keystore: Keystore, label: KeyLabel, data: etsi.EtsiTs102941Data, database: Database, clock: Clock
) -> bytes:
    """A sub-CA's first request for its certificate (TS 102 941 6.2.1), signed with the key that asks: COER of
    the Ieee1609Dot2Data. Recorded and audited as every use of a CA's key. Errors as `Issuer.issue`."""
    issuer = ListIssuer.open(keystore, label, None, database, clock)
    return _sign_one(issuer, issuer.prepare(data, SCR_PSID), database)


def sign_ca_rekeying(
    keystore: Keystore,
    label: KeyLabel,
    certificate: Certificate,
    request: bytes,
    database: Database,
    clock: Clock,
) -> bytes:
    """The same request, which the new key has signed, signed once more under the present certificate."""
    issuer = ListIssuer.open(keystore, label, certificate, database, clock)
    return _sign_one(issuer, issuer.prepare_rekeying(request), database)


def _sign_one(issuer: ListIssuer, prepared: Prepared, database: Database) -> bytes:
    with database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    octets = issuer.issue(prepared.token)
    with database.write(durable=True) as tx:
        tx_complete(tx, prepared.record, octets)
    return octets
