"""Door 2 of an SCMS component: signs what it answers with (psid 35), and nothing else its key could sign.

As `Responder` (TS 102 941's door 2) it takes typed PDUs and assembles the ToBeSignedData itself: psid 35 and
no more (IEEE 1609.2.1: each PDU has its own generationTime), the signer named by its one certificate. The
header is fixed here, so no certificate, CRL (psid 256) or list can come out of it.

What goes to a station past the RA is encrypted first and signed outside. The Responder makes the ciphertext
itself, of a response that it puts together of a certificate and privateKeyInfo; of its caller it takes the
AES key as it was wrapped for the cocoon, in an envelope's fixed places. There the signer is its digest, as
recorded deployments have it: the certificate inside names the same issuer, and 200 octets are saved.

    answers = responder.certify_each(deliveries, generation_time)     one or two signatures each

An RA asks its ACA with the same key. Requests are signed as they are written by a template of a typed
RaAcaCertRequest, whose holes are keys, times and pre-linkage values: what is signed is always that PDU.

    requests = responder.request_each(like, pieces)                   one signature each
"""

import os
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256, sha384
from typing import Literal, NamedTuple

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, Wrapped, ccm_encrypt, rek_ids
from v2xpki.errors import KeyRefused
from v2xpki.keystore.labels import KeyLabel
from v2xpki.secured import frames, scms_header
from v2xpki.wire import dot2, scms
from v2xpki.wire.templates import Pieces, RequestTemplate

#: What an answer holds: the kinds of the interface's choice and of the PDU, and its record.
ANSWERS: dict[tuple[str, str], type] = {
    ("aca-ra", "acaRaCertResponse"): scms.AcaRaCertResponse,
    ("eca-ee", "ecaEeCertResponse"): scms.EcaEeCertResponse,
    ("ee-ra", "raEeCertAck"): scms.RaEeCertAck,
    ("cert", "infoStatus"): scms.CertificateManagementInfoStatus,
}
Form = Literal["plain", "private", "cubk"]

_FORMS: dict[Form, bytes] = {"plain": b"\x80", "private": b"\x81", "cubk": b"\x82"}
_HASHES = {"sha256": sha256, "sha384": sha384}
_REK = b"\x84"  # rekRecipInfo of RecipientInfo
_DATA_ONLY = b"\x40"  # SignedDataPayload with data alone
# ScmsPdu 2, aca-ee, acaEeCertResponse; its preamble without and with privateKeyInfo; version 2
_ACA_EE = b"\x02\x80\x80"
_RESPONSE = b"\x00\x02", b"\x40\x02"
# ScmsPdu 2, aca-ra, acaRaCertResponse, preamble, version 2
_ACA_RA = b"\x02\x83\x81\x00\x02"
_NO_SIGNATURE = bytes(64)


class Envelope(NamedTuple):
    """For whom a response is encrypted: the recipient's point (SEC1 compressed), a fresh AES key, and that
    key as wrap_parts_each or certify_and_wrap wrapped it for the recipient."""

    point: bytes
    key: bytes
    wrapped: Wrapped

    def __repr__(self) -> str:
        return f"<Envelope to {self.point.hex()}>"


class Delivery(NamedTuple):
    """A certificate on its way. private_key_info: c, 32 octets, or None. envelope: None where it is plain.

    request_hash: HashedId8 of the request that it answers.
    """

    form: Form
    certificate: bytes
    private_key_info: bytes | None
    envelope: Envelope | None
    request_hash: bytes

    def __repr__(self) -> str:
        return f"<Delivery {self.form}>"


class ScmsResponder:
    """Signs a component's messages under one certificate. Made by Keystore.scms_responder only."""

    def __init__(self, label: KeyLabel, certificate: Certificate, sign: Callable[[bytes], bytes]) -> None:
        self.label, self.certificate = label, certificate
        self.__sign, self.__curve = sign, certificate.verification_key.curve
        self.__hash = certificate.digest
        self.__by_certificate = frames.signer_of("certificate", certificate)
        self.__by_digest = frames.signer_of("digest", certificate)
        # what stands around each message, as frames.signed puts it
        self.__header = frames.header(scms_header())
        self.__before, self.__between = frames.around_signed(self.__curve)
        self.__sha = _HASHES[self.__curve.hash]

    def __repr__(self) -> str:
        return f"<ScmsResponder {self.label} {self.certificate.hex8}>"

    def respond(self, pdu: scms.ScmsPdu) -> bytes:
        """COER of the signed Ieee1609Dot2Data around this PDU; the signer is its certificate.

        Raises KeyRefused for what is no answer of a component; TokenLost as IssuingKey.sign; EncodeError.
        """
        inner = pdu.content.value if isinstance(pdu, scms.ScmsPdu) else None
        kind, value = getattr(inner, "kind", ""), getattr(inner, "value", None)
        expected = ANSWERS.get((pdu.content.kind, kind)) if inner is not None else None
        if expected is None or not isinstance(value, expected):
            raise KeyRefused(f"{self.label} answers requests; it does not sign {kind} {type(value).__name__}")
        return self.__signed(frames.unsecured(wire.encode(pdu)), self.__by_certificate)

    def certify_each(self, deliveries: Iterable[Delivery], generation_time: int) -> list[bytes]:
        """The AcaRaCertResponse SPDU for each: COER, generationTime a Time32.

        Private: an AcaEeCertResponse, encrypted, signed; around it the AcaRaCertResponse, signed. Cubk: the
        same without the inner signature. Plain: the response unsecured. Raises KeyRefused for a delivery that
        is none, TokenLost as IssuingKey.sign.
        """
        time32 = generation_time.to_bytes(4, "big")
        return [self.__certified(delivery, time32) for delivery in deliveries]

    def request(self, asked: scms.RaAcaCertRequest) -> bytes:
        """COER of the signed certificate request SPDU; the signer is its certificate's digest.

        Raises KeyRefused for another PDU, TokenLost as IssuingKey.sign, EncodeError.
        """
        tbs = wire.encode(self.__asking(asked))
        return frames.certificate_request(self.__curve, tbs, self.__by_digest, self.__signature_of(tbs))

    def request_each(self, like: scms.RaAcaCertRequest, pieces: Sequence[Pieces]) -> list[bytes]:
        """As request, for many that are like one typed request but for the pieces, whose signatures are left
        out (64 zeros). Raises KeyRefused also for pieces that are not of this shape, and for a request that
        has no template."""
        blank = dot2.EcdsaP256Signature(dot2.EccP256CurvePoint("x-only", bytes(32)), bytes(32))
        signature = dot2.Signature("ecdsaNistP256Signature", blank)
        signer = dot2.SignerIdentifier("digest", self.certificate.hashed_id8)
        template = None
        if self.__curve is Curve.NIST_P256:
            template = RequestTemplate.of(
                scms.SignedCertificateRequest("sha256", self.__asking(like), signer, signature)
            )
        if template is None:
            raise KeyRefused(f"{self.label}: a request that no others are like")
        made = []
        for one in pieces:
            try:
                octets = template.write(one)
            except ValueError as error:  # more pieces than there are holes, or fewer
                raise KeyRefused(f"{self.label}: pieces of another request") from error
            # each piece in its own hole, and of its size
            if template.read(octets) != one or one.signature != _NO_SIGNATURE:
                raise KeyRefused(f"{self.label}: pieces of another request")
            made.append(octets[:-64] + self.__signature_of(octets[template.tbs]))
        return made

    def __asking(self, asked: scms.RaAcaCertRequest) -> scms.ScmsPdu:
        if not isinstance(asked, scms.RaAcaCertRequest):
            raise KeyRefused(f"{self.label} asks for certificates; it does not sign {type(asked).__name__}")
        inner = scms.AcaRaInterfacePdu("raAcaCertRequest", asked)
        return scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", inner))

    def __signature_of(self, tbs: bytes) -> bytes:
        return self.__sign(self.__sha(self.__sha(tbs).digest() + self.__hash).digest())

    def __certified(self, delivery: Delivery, time32: bytes) -> bytes:
        form, certificate, info, envelope, request_hash = delivery
        if (
            form not in _FORMS
            or (form == "plain") != (envelope is None)
            or len(request_hash) != 8
            or (info is not None and len(info) != 32)
        ):
            raise KeyRefused(f"{self.label}: no delivery of the form {form}")
        response = b"".join((_ACA_EE, _RESPONSE[info is not None], time32, certificate, info or b""))
        if envelope is None:
            data = frames.unsecured(response)
        else:
            data = self.__sealed(response, envelope)
            if form == "private":
                data = self.__signed(data, self.__by_digest)
        answer = b"".join((_ACA_RA, time32, request_hash, _FORMS[form], data))
        return self.__signed(frames.unsecured(answer), self.__by_certificate)

    @staticmethod
    def __sealed(response: bytes, envelope: Envelope) -> bytes:
        nonce = os.urandom(12)
        info = frames.key_recipient(_REK, rek_ids((envelope.point,))[0], envelope.wrapped)
        return frames.encrypted([info], nonce, ccm_encrypt(envelope.key, nonce, response))

    def __signed(self, data: bytes, signer: bytes) -> bytes:
        tbs = b"".join((_DATA_ONLY, data, self.__header))
        raw = self.__signature_of(tbs)
        return b"".join((self.__before, tbs, signer, self.__between, raw))
