"""Door 2: signs what an authority answers, and nothing else that its key could sign.

A Responder takes a typed PDU, refuses all kinds but responses and the AA's validation request, and
assembles the ToBeSignedData itself with psid 623 (TS 102 941 6.2.3: generationTime and psid, nothing
else). So no caller, however confused, gets a certificate, a CTL (624) or a CRL (622) out of it.

The message is put together from octets: its frame is constant but for payload, time and signature.
Measured (P-256, SoftHSM): 12 us beside the token's signature and the codec's encoding of the PDU,
against 210 us for the same frame by way of records; a test holds both to the same octets.
"""

import hashlib
from collections.abc import Callable

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, signature_record
from v2xpki.errors import KeyRefused
from v2xpki.keystore.labels import KeyLabel
from v2xpki.wire import etsi

ANSWERS = frozenset(
    {
        "enrolmentResponse",
        "authorizationResponse",
        "authorizationValidationRequest",
        "authorizationValidationResponse",
    }
)
_HASH_IDS = {"sha256": b"\x00", "sha384": b"\x01"}


def _length(count: int) -> bytes:
    """A COER length determinant."""
    if count < 0x80:
        return bytes((count,))
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def _signature_prefix(curve: Curve) -> bytes:
    """What comes before x(r) and s in a COER Signature of this curve."""
    raw = bytes(curve.size - 1) + b"\x01"
    return wire.encode(signature_record(curve, raw + raw))[: -2 * curve.size]


class Responder:
    """Signs an authority's messages under one certificate. Made by Keystore.responder only."""

    def __init__(self, label: KeyLabel, certificate: Certificate, sign: Callable[[bytes], bytes]) -> None:
        curve = certificate.curve
        self.label, self.certificate = label, certificate
        self._sign = sign
        self._hash = getattr(hashlib, curve.hash)
        self._signer_hash: bytes = self._hash(certificate.octets).digest()
        # Ieee1609Dot2Data: version 3, signedData, hashId
        self._head = b"\x03\x81" + _HASH_IDS[curve.hash]
        # signer: digest; signature: this curve, r as x-only
        self._middle = b"\x80" + certificate.hashed_id8 + _signature_prefix(curve)

    def __repr__(self) -> str:
        return f"<Responder {self.label} {self.certificate.hex8}>"

    def respond(self, data: etsi.EtsiTs102941Data, generation_time: int) -> bytes:
        """COER of the signed Ieee1609Dot2Data around this PDU.

        generation_time is a Time64 (TAI microseconds). Raises KeyRefused for any content that is not a
        response or a validation request; TokenLost as IssuingKey.sign does.
        """
        if not isinstance(data, etsi.EtsiTs102941Data) or data.content.kind not in ANSWERS:
            raise KeyRefused(f"{self.label} answers requests; it does not sign {_name(data)}")
        payload = wire.encode(data)
        inner = _length(len(payload)) + payload
        tbs = b"".join(
            (
                b"\x40\x03\x80",  # SignedDataPayload: data only; version 3, unsecuredData
                inner,
                b"\x40\x02\x02\x6f",  # HeaderInfo: generationTime present; psid 623
                generation_time.to_bytes(8, "big"),
            )
        )
        digest = self._hash(self._hash(tbs).digest() + self._signer_hash).digest()
        return b"".join((self._head, tbs, self._middle, self._sign(digest)))


def _name(data: object) -> str:
    content = getattr(data, "content", None)
    return str(getattr(content, "kind", type(data).__name__))
