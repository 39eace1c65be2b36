"""Door 2: signs what an authority answers, and nothing else that its key could sign.

A Responder takes a typed PDU, refuses all kinds but responses and the AA's validation request, and
assembles the ToBeSignedData itself with psid 623 (TS 102 941 6.2.3: generationTime and psid, nothing
else). So no caller, however confused, gets a certificate, a CTL (624) or a CRL (622) out of it.
"""

from collections.abc import Callable

from v2xpki import wire
from v2xpki.crypto import Certificate, PublicKey
from v2xpki.errors import KeyRefused
from v2xpki.keystore.labels import KeyLabel
from v2xpki.secured import etsi_header, sign
from v2xpki.wire import etsi

SECURED_CERTIFICATE_REQUEST = 623  # the ITS-AID of all requests and answers
# What each answer holds. The kind alone would do, but a kind is a text that anyone can put beside
# anything; the two together cannot name a list or a certificate.
ANSWERS: dict[str, type] = {
    "enrolmentResponse": etsi.InnerEcResponse,
    "authorizationResponse": etsi.InnerAtResponse,
    "authorizationValidationRequest": etsi.AuthorizationValidationRequest,
    "authorizationValidationResponse": etsi.AuthorizationValidationResponse,
}


class Responder:
    """Signs an authority's messages under one certificate. Made by Keystore.responder only."""

    def __init__(self, label: KeyLabel, certificate: Certificate, sign: Callable[[bytes], bytes]) -> None:
        self.label, self.certificate = label, certificate
        self.__key = _Key(certificate.verification_key, sign)

    def __repr__(self) -> str:
        return f"<Responder {self.label} {self.certificate.hex8}>"

    def respond(self, data: etsi.EtsiTs102941Data, generation_time: int) -> bytes:
        """COER of the signed Ieee1609Dot2Data around this PDU; signer is the certificate's digest.

        generation_time is a Time64 (TAI microseconds). Raises KeyRefused for any content that is not a
        response or a validation request; TokenLost as IssuingKey.sign does; EncodeError.
        """
        if not isinstance(data, etsi.EtsiTs102941Data):
            raise KeyRefused(f"{self.label} answers requests; it does not sign a {type(data).__name__}")
        kind, value = data.content.kind, data.content.value
        if kind not in ANSWERS or not isinstance(value, ANSWERS[kind]):
            raise KeyRefused(f"{self.label} answers requests; it does not sign {kind} {type(value).__name__}")
        return sign(
            self.__key,
            etsi_header(SECURED_CERTIFICATE_REQUEST, generation_time),
            payload=wire.encode(data),
            certificate=self.certificate,
            identifier="digest",
        )


class _Key:
    """A Signer that only secured.sign gets to see."""

    __slots__ = ("public_key", "sign")

    def __init__(self, public_key: PublicKey, sign: Callable[[bytes], bytes]) -> None:
        self.public_key, self.sign = public_key, sign
