"""The canonical form (IEEE 1609.2 6.1.2): what is hashed and signed, whatever form was received.

Points of keys are compressed, r is x-only. One certificate in all its forms has one hash, so one
HashedId8. Records that are canonical already, as nearly all are, come back as they are.
"""

from v2xpki.crypto.ecdsa import r_octets
from v2xpki.crypto.keys import PublicKey, point_of_sec1
from v2xpki.errors import DecodeError, InvalidPoint
from v2xpki.wire import dot2

_COMPRESSED = frozenset(("compressed-y-0", "compressed-y-1"))


def canonical_certificate(record: dot2.Certificate) -> dot2.Certificate:
    """The canonical record. Raises InvalidPoint where a point that must be rewritten is off its curve.

    Raises DecodeError for what is neither an explicit nor an implicit certificate (6.4.3: signature and
    verificationKey, or no signature and reconstructionValue), and for keys written x-only.
    """
    tbs, signature = record.to_be_signed, record.signature
    indicator = tbs.verify_key_indicator
    key, encryption_key = indicator.value, tbs.encryption_key
    explicit = record.type == "explicit"
    if explicit != (signature is not None) or explicit != (indicator.kind == "verificationKey"):
        raise DecodeError(
            f"{record.type}, {indicator.kind}, {'a' if signature else 'no'} signature", where=("Certificate",)
        )
    point = key.value if isinstance(key, dot2.PublicVerificationKey) else key
    if (
        point.kind in _COMPRESSED
        and (encryption_key is None or encryption_key.public_key.value.kind in _COMPRESSED)
        and (signature is None or _x_only(signature))
    ):
        return record
    if isinstance(key, dot2.PublicVerificationKey):
        key = PublicKey.of_verification_key(key).to_verification_key()
    else:
        key = _compressed(key)
    if encryption_key is not None:
        encryption_key = _encryption_key(encryption_key)
    tbs = tbs._replace(verify_key_indicator=indicator._replace(value=key), encryption_key=encryption_key)
    return record._replace(
        to_be_signed=tbs, signature=None if signature is None else canonical_signature(signature)
    )


def canonical_signature(signature: dot2.Signature) -> dot2.Signature:
    """The signature with r as x-only. Raises InvalidSignature for `fill`."""
    value = signature.value
    if isinstance(value, dot2.EcdsaP256Signature) and value.r_sig.kind != "x-only":
        r256 = dot2.EccP256CurvePoint(kind="x-only", value=r_octets(signature))
        return signature._replace(value=value._replace(r_sig=r256))
    if isinstance(value, dot2.EcdsaP384Signature) and value.r_sig.kind != "x-only":
        r384 = dot2.EccP384CurvePoint(kind="x-only", value=r_octets(signature))
        return signature._replace(value=value._replace(r_sig=r384))
    return signature


def canonical_tbs_data(tbs: dot2.ToBeSignedData) -> dot2.ToBeSignedData:
    """A message's signed part in canonical form: keys and certificates in its header, signed data in it."""
    header, data = tbs.header_info, tbs.payload.data
    if header.requested_certificate is not None:
        certificate = canonical_certificate(header.requested_certificate)
        if certificate is not header.requested_certificate:
            header = header._replace(requested_certificate=certificate)
    key = header.encryption_key
    if key is not None and isinstance(key.value, dot2.PublicEncryptionKey):
        public = _encryption_key(key.value)
        if public is not key.value:
            header = header._replace(encryption_key=key._replace(value=public))
    payload = tbs.payload
    if data is not None and data.content.kind == "signedData":
        inner = canonical_data(data)
        if inner is not data:
            payload = payload._replace(data=inner)
    if header is tbs.header_info and payload is tbs.payload:
        return tbs
    return tbs._replace(header_info=header, payload=payload)


def canonical_data(data: dot2.Ieee1609Dot2Data) -> dot2.Ieee1609Dot2Data:
    """Signed data in canonical form, its signer's certificates included; other data as it is."""
    signed = data.content.value
    if not isinstance(signed, dot2.SignedData):
        return data
    tbs, signature = canonical_tbs_data(signed.tbs_data), canonical_signature(signed.signature)
    signer = signed.signer
    if isinstance(signer.value, tuple):
        certificates = tuple(canonical_certificate(certificate) for certificate in signer.value)
        if any(new is not old for new, old in zip(certificates, signer.value, strict=True)):
            signer = signer._replace(value=certificates)
    if tbs is signed.tbs_data and signature is signed.signature and signer is signed.signer:
        return data
    signed = signed._replace(tbs_data=tbs, signature=signature, signer=signer)
    return data._replace(content=data.content._replace(value=signed))


def _x_only(signature: dot2.Signature) -> bool:
    value = signature.value
    return isinstance(value, dot2.EcsigP256Signature) or value.r_sig.kind == "x-only"


def _encryption_key(key: dot2.PublicEncryptionKey) -> dot2.PublicEncryptionKey:
    if key.public_key.value.kind in _COMPRESSED:
        return key
    return PublicKey.of_encryption_key(key).to_encryption_key()


def _compressed(point: dot2.EccP256CurvePoint) -> dot2.EccP256CurvePoint:
    """A reconstruction value compressed; its curve is the issuer's, so the proof comes with the issuer."""
    if point.kind in _COMPRESSED:
        return point
    if not isinstance(point.value, dot2.EccP256CurvePointUncompressedP256):
        raise InvalidPoint(f"{point.kind} is no form of a key")
    return point_of_sec1(bytes((2 | point.value.y[-1] & 1,)) + point.value.x)
