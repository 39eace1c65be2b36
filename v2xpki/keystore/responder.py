"""Door 2: signs what an authority answers, and nothing else that its key could sign.

A Responder takes a typed PDU, refuses all kinds but responses and the requests that EA and AA send each
other, and assembles the ToBeSignedData itself with psid 623 (TS 102 941 6.2.3: generationTime and psid,
nothing else). So no caller, however confused, gets a certificate, a CTL (624) or a CRL (622) out of it.

What goes to a station past the EA (or RA) is encrypted first and signed outside (IEEE 1609.2.1): there too
the Responder makes everything that it signs of a typed PDU, and never signs a ciphertext of its caller's.
"""

from collections.abc import Callable

from v2xpki import wire
from v2xpki.crypto import Certificate, PublicKey, signing_digest_of
from v2xpki.errors import KeyRefused
from v2xpki.keystore.labels import KeyLabel
from v2xpki.secured import encrypt, etsi_header, frames, sign
from v2xpki.wire import dot2, etsi, scms

SECURED_CERTIFICATE_REQUEST = 623  # the ITS-AID of all requests and answers
# What each answer holds. The kind alone would do, but a kind is a text that anyone can put beside
# anything; the two together cannot name a list or a certificate.
ANSWERS: dict[str, type] = {
    "enrolmentResponse": etsi.InnerEcResponse,
    "authorizationResponse": etsi.InnerAtResponse,
    "authorizationValidationRequest": etsi.AuthorizationValidationRequest,
    "authorizationValidationResponse": etsi.AuthorizationValidationResponse,
    "butterflyAuthorizationResponse": scms.RaEeCertInfo,
    "butterflyCertificateRequest": scms.RaAcaCertRequest,
    "butterflyCertificateResponse": scms.AcaRaCertResponse,
}


class Responder:
    """Signs an authority's messages under one certificate. Made by Keystore.responder only."""

    def __init__(self, label: KeyLabel, certificate: Certificate, sign: Callable[[bytes], bytes]) -> None:
        self.label, self.certificate = label, certificate
        self.__key = _Key(certificate.verification_key, sign)
        self.__signer, self.__signer_hash = frames.signer_of("digest", certificate), certificate.digest

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
        # as secured.sign does it, with what is the same each time made beforehand: 10 us
        header = frames.header(etsi_header(SECURED_CERTIFICATE_REQUEST, generation_time))
        tbs = frames.payload_of(frames.unsecured(wire.encode(data)), None) + header
        curve = self.__key.public_key.curve
        raw = self.__key.sign(signing_digest_of(curve.hash, tbs, self.__signer_hash))
        return frames.signed(curve, tbs, self.__signer, raw)

    def respond_privately(
        self, response: scms.AcaEeCertResponse, recipient: PublicKey
    ) -> dot2.Ieee1609Dot2Data:
        """An AcaEeCertResponsePrivateSpdu: the response encrypted to `recipient`, the cocoon encryption key,
        and signed outside.

        The header is psid 623 alone: IEEE 1609.2.1 has no generationTime there, the PDU inside has its own.
        Raises KeyRefused for anything else than an AcaEeCertResponse; otherwise as respond.
        """
        if not isinstance(response, scms.AcaEeCertResponse):
            raise KeyRefused(
                f"{self.label} delivers certificates; it does not sign a {type(response).__name__}"
            )
        inner = scms.AcaEeInterfacePdu(kind="acaEeCertResponse", value=response)
        pdu = scms.ScmsPdu(version=2, content=scms.ScmsPduContent(kind="aca-ee", value=inner))
        sealed = wire.decode(dot2.Ieee1609Dot2Data, encrypt(wire.encode(pdu), [recipient]).octets)
        octets = sign(
            self.__key,
            dot2.HeaderInfo(psid=SECURED_CERTIFICATE_REQUEST),
            data=sealed,
            certificate=self.certificate,
            identifier="digest",
        )
        return wire.decode(dot2.Ieee1609Dot2Data, octets)


class _Key:
    """A Signer that only secured.sign gets to see."""

    __slots__ = ("public_key", "sign")

    def __init__(self, public_key: PublicKey, sign: Callable[[bytes], bytes]) -> None:
        self.public_key, self.sign = public_key, sign
