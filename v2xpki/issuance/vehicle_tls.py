"""X.509 certificates with which vehicles speak TLS to the Director, and the one of their CA: door 1.

    issuer = VehicleTlsIssuer.open(keystore, label, ca)
    prepared = issuer.prepare(key, name, start, end)
    tx_save(tx, prepared.record);  der = issuer.issue(prepared.token);  tx_complete(tx, prepared.record, der)

The cryptography package makes certificates with keys that it holds itself. So it makes each with a key that
is thrown away, for its to-be-signed part alone, which no signature is part of; the token signs that.
"""

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature as _Invalid
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from v2xpki.crypto import Curve
from v2xpki.errors import IssuanceError
from v2xpki.issuance.records import Prepared, Record, Token, new_slip
from v2xpki.keystore import IssuingKey, KeyLabel, Keystore
from v2xpki.store import random_key
from v2xpki.time import HOUR, unix_from_time32

KIND, CA_KIND = "VEHICLE_TLS", "VEHICLE_CA"
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")  # RFC 5758 3.2: no parameters


class _Material(NamedTuple):
    to_be_signed: bytes  # DER of the TBSCertificate


class VehicleTlsIssuer:
    """The vehicle CA's key, on P-256, with its certificate; None: it is to be made. Raises IssuanceError for
    another curve, or a certificate of another key."""

    def __init__(self, key: IssuingKey, certificate: x509.Certificate | None) -> None:
        if key.public_key.curve is not Curve.NIST_P256:
            raise IssuanceError(f"{key.label} is on {key.public_key.curve.text}; a vehicle CA is on nistP256")
        if certificate is not None and certificate.public_key() != key.public_key.handle:
            raise IssuanceError(f"the vehicle CA's certificate is not of the key {key.label}")
        self._key, self._certificate = key, certificate

    @classmethod
    def open(cls, keystore: Keystore, label: KeyLabel, certificate: x509.Certificate | None) -> Self:
        """With the key of a label. Raises what issuing_key raises, and IssuanceError."""
        return cls(keystore.issuing_key(label), certificate)

    def prepare(self, subject: ec.EllipticCurvePublicKey, name: str, start: int, end: int) -> Prepared:
        """A client certificate with `name` as its only name; nothing is written or signed. start, end: TAI
        seconds, cut to the CA's own end. Raises IssuanceError."""
        ca = self._certificate
        if ca is None:
            raise IssuanceError("a vehicle CA without a certificate makes none")
        until = min(_moment(end), ca.not_valid_after_utc)
        if until <= _moment(start):
            raise IssuanceError("the vehicle CA's certificate has expired")
        builder = _builder(subject, name, ca.subject, _moment(start), until)
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(ca=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
            (x509.SubjectKeyIdentifier.from_public_key(subject), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key.handle), False),
        ):
            builder = builder.add_extension(extension, critical)
        return self._prepared(KIND, builder, end)

    def prepare_ca(self, name: str, start: int, end: int) -> Prepared:
        """The CA's own certificate, self-signed; it certifies end entities alone. Raises IssuanceError where
        it has one."""
        if self._certificate is not None:
            raise IssuanceError("this vehicle CA has a certificate")
        own = self._key.public_key.handle
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(own, name, subject, _moment(start), _moment(end))
        for extension, critical in (
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(ca=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(own), False),
        ):
            builder = builder.add_extension(extension, critical)
        return self._prepared(CA_KIND, builder, end)

    def issue(self, token: Token) -> bytes:
        """DER of what was recorded, signed and checked. The token is spent, whatever comes of it. Raises
        RecordFailed, TokenSpent, TokenLost, IssuanceError."""
        material = token.material
        if token.owner is not self or not isinstance(material, _Material):
            raise IssuanceError("a token of another issuer")
        token.burn()
        raw = self._key.sign(hashlib.sha256(material.to_be_signed).digest())
        signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        # RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, BIT STRING }
        der = _tlv(0x30, material.to_be_signed + _ECDSA_WITH_SHA256 + _tlv(0x03, b"\0" + signature))
        made = x509.load_der_x509_certificate(der)
        if made.tbs_certificate_bytes != material.to_be_signed:
            raise IssuanceError("the certificate is not what was recorded")
        try:
            self._key.public_key.handle.verify(
                made.signature, made.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256())
            )
        except _Invalid as error:
            raise IssuanceError("the signature made does not verify") from error
        token.signed(der)
        return der

    def _prepared(self, kind: str, builder: x509.CertificateBuilder, end: int) -> Prepared:
        passing = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        tbs = passing.tbs_certificate_bytes
        record = Record(random_key(), kind, None, tbs, end + -end % HOUR, new_slip())
        return Prepared(record, Token(record.slip, self, _Material(tbs)))


def _builder(
    subject: ec.EllipticCurvePublicKey, name: str, issuer: x509.Name, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _moment(time32: int) -> datetime:
    return datetime.fromtimestamp(unix_from_time32(time32), UTC)


def _tlv(tag: int, value: bytes) -> bytes:
    """DER of one element (X.690 8.1.3)."""
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value
