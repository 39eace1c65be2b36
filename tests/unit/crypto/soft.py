"""What these tests need of a key's other half, and records made by hand."""

import json
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, PublicKey, signature_record, signing_digest
from v2xpki.wire import dot2

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors"


class SoftKey:
    """A private key in the test's own memory; counts its agreements."""

    def __init__(self, curve: Curve, private: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.private = private or ec.generate_private_key(curve.group)
        self.public_key = PublicKey.of_handle(self.private.public_key())
        self.agreements = 0

    @classmethod
    def of_scalar(cls, curve: Curve, scalar: int) -> "SoftKey":
        return cls(curve, ec.derive_private_key(scalar, curve.group))

    def sign(self, digest: bytes) -> bytes:
        curve = self.public_key.curve
        r, s = utils.decode_dss_signature(self.private.sign(digest, curve.ecdsa))
        return r.to_bytes(curve.size, "big") + s.to_bytes(curve.size, "big")

    def agree(self, peer: PublicKey) -> bytes:
        self.agreements += 1
        return self.private.exchange(ec.ECDH(), peer.handle)


@cache
def soft_key(curve: Curve) -> SoftKey:
    return SoftKey(curve)


def vectors(name: str):
    """A file of shared vectors; skips the test where the folder is absent."""
    path = VECTORS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no {path}: the shared vectors are not beside this clone")
    return json.loads(path.read_text())


def forms(curve: Curve, x: bytes, y: bytes):
    """The same point compressed and uncompressed, as records."""
    parity = "compressed-y-1" if y[-1] & 1 else "compressed-y-0"
    if curve.size == 32:
        full = dot2.EccP256CurvePointUncompressedP256(x=x, y=y)
        return (
            dot2.EccP256CurvePoint(kind=parity, value=x),
            dot2.EccP256CurvePoint(kind="uncompressedP256", value=full),
        )
    full = dot2.EccP384CurvePointUncompressedP384(x=x, y=y)
    return (
        dot2.EccP384CurvePoint(kind=parity, value=x),
        dot2.EccP384CurvePoint(kind="uncompressedP384", value=full),
    )


def point(curve: Curve, kind: str, value):
    made = dot2.EccP256CurvePoint if curve.size == 32 else dot2.EccP384CurvePoint
    return made(kind=kind, value=value)


def tbs_certificate(key: PublicKey, *, name: str | None = "someone", encryption: PublicKey | None = None):
    identity = dot2.CertificateId(kind="none" if name is None else "name", value=name)
    return dot2.ToBeSignedCertificate(
        id=identity,
        craca_id=bytes(3),
        crl_series=0,
        validity_period=dot2.ValidityPeriod(start=700000000, duration=dot2.Duration(kind="hours", value=24)),
        app_permissions=(
            dot2.PsidSsp(psid=36, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\0\0")),
            dot2.PsidSsp(psid=37, ssp=None),
        ),
        encryption_key=encryption.to_encryption_key() if encryption else None,
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey", value=key.to_verification_key()
        ),
    )


def issue(tbs, signer: SoftKey, issuer: Certificate | None = None) -> Certificate:
    """A certificate over tbs, signed properly; self-signed without an issuer."""
    curve = signer.public_key.curve
    if issuer is None:
        name = dot2.IssuerIdentifier(kind="self", value=curve.hash)
    else:
        name = dot2.IssuerIdentifier(kind=f"{issuer.hash_name}AndDigest", value=issuer.hashed_id8)
    digest = signing_digest(curve.hash, wire.encode(tbs), b"" if issuer is None else issuer.octets)
    signature = signature_record(curve, signer.sign(digest))
    return Certificate.of(
        dot2.CertificateBase(version=3, type="explicit", issuer=name, to_be_signed=tbs, signature=signature)
    )


def self_signed(curve: Curve, **attributes) -> tuple[SoftKey, Certificate]:
    key = SoftKey(curve)
    return key, issue(tbs_certificate(key.public_key, **attributes), key)
