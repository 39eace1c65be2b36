"""CRLs of an SCMS (IEEE 1609.2 7.3): the same steps as for a certificate, around CrlContents.

signer = CrlSigner.open(keystore, KeyLabel("ma-crl", "sign"), certificate)
prepared = signer.prepare(contents);  tx_save(tx, prepared.record);  octets = signer.issue(prepared.token)
"""

from typing import Self

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidCrl, IssuanceError
from v2xpki.issuance.messages import MessageIssuer
from v2xpki.issuance.records import Prepared
from v2xpki.keystore import IssuingKey, KeyLabel, Keystore
from v2xpki.trust.scms_crl import check_signer
from v2xpki.trust.scms_profiles import CRL
from v2xpki.wire import dot2

_FORMS = ("fullLinkedCrl", "fullHashCrl")


class CrlSigner(MessageIssuer):
    """A key whose certificate may sign CRLs, and nothing else goes through here."""

    certificate: Certificate

    def __init__(self, key: IssuingKey, certificate: Certificate) -> None:
        """Raises IssuanceError for a certificate of another key, or one that may not sign CRLs."""
        super().__init__(key, certificate)
        try:
            check_signer(certificate)
        except InvalidCrl as error:
            raise IssuanceError(str(error)) from error

    @classmethod
    def open(cls, keystore: Keystore, label: KeyLabel, certificate: Certificate) -> Self:
        """With the key of a label. Raises what issuing_key raises, and IssuanceError."""
        return cls(keystore.issuing_key(label), certificate)

    def prepare(self, contents: dot2.CrlContents) -> Prepared:
        """Encode; nothing is written or signed. psid 256 and no generationTime: there is an issueDate.
        The signer is named by digest. Raises IssuanceError for a form that is not issued here or a time
        outside the signer's validity; EncodeError."""
        if contents.type_specific.kind not in _FORMS:
            raise IssuanceError(f"{contents.type_specific.kind} is not signed here")
        if not self.certificate.start <= contents.issue_date < self.certificate.end:
            raise IssuanceError("issueDate is outside the validity of the CRL signer")
        payload, header = wire.encode(contents), dot2.HeaderInfo(psid=CRL)
        return self._prepared("SCMS_CRL", payload, header, "digest", expires=contents.next_crl)
