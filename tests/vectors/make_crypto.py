"""Makes tests/vectors/crypto.json: hashes, signatures and encryptions of fixed keys.

    python -m tests.vectors.make_crypto

The same octets each time: keys are hashes of a text, ECDSA nonces are those of RFC 6979. The ephemeral
keys of ECIES are fixed too and stand in the file, so that wraps can be recomputed from either end.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.unit.crypto.soft import SoftKey, issue, tbs_certificate
from v2xpki.crypto import Curve, ccm_encrypt, psk_id, signing_digest
from v2xpki.crypto.ecies import _wrap
from v2xpki.secured import encrypt_psk, etsi_header, frames, sign

FILE = Path(__file__).with_name("crypto.json")
PAYLOAD, TIME = b"a payload", 707_356_805_000_000
AES, NONCE = bytes(range(16)), bytes(range(12))


class FixedKey(SoftKey):
    """A key made of a text, that signs the same digest always alike."""

    def __init__(self, curve, text):
        scalar = int.from_bytes(hashlib.shake_256(text.encode()).digest(64), "big") % (curve.order - 1) + 1
        super().__init__(curve, ec.derive_private_key(scalar, curve.group))
        self.scalar = scalar.to_bytes(curve.size, "big").hex()

    def sign(self, digest):
        curve = self.public_key.curve
        algorithm = hashes.SHA256() if curve.size == 32 else hashes.SHA384()
        fixed = ec.ECDSA(utils.Prehashed(algorithm), deterministic_signing=True)
        r, s = utils.decode_dss_signature(self.private.sign(digest, fixed))
        return r.to_bytes(curve.size, "big") + s.to_bytes(curve.size, "big")


def signed(curve):
    issuer_key, key = FixedKey(curve, f"{curve.text} issuer"), FixedKey(curve, f"{curve.text} subject")
    issuer = issue(tbs_certificate(issuer_key.public_key, name="issuer"), issuer_key)
    subject = issue(tbs_certificate(key.public_key, name=None), issuer_key, issuer)
    header = etsi_header(36, TIME)
    message = sign(key, header, payload=PAYLOAD, certificate=subject, identifier="digest")
    tbs = frames.payload_of(frames.unsecured(PAYLOAD), None) + frames.header(header)
    return {
        "curve": curve.text,
        "issuer_key": issuer_key.scalar,
        "issuer": issuer.octets.hex(),
        "issuer_hash": issuer.digest.hex(),
        "issuer_tbs": issuer.tbs_octets.hex(),
        "issuer_signed_digest": signing_digest(curve.hash, issuer.tbs_octets).hex(),
        "subject_key": key.scalar,
        "subject_uncompressed": key.public_key.uncompressed.hex(),
        "subject": subject.octets.hex(),
        "subject_hashed_id8": subject.hashed_id8.hex(),
        "subject_tbs": subject.tbs_octets.hex(),
        "subject_signed_digest": signing_digest(curve.hash, subject.tbs_octets, issuer.octets).hex(),
        "message": message.hex(),
        "message_tbs": tbs.hex(),
        "message_signed_digest": signing_digest(curve.hash, tbs, subject.octets).hex(),
    }


def encrypted(curve):
    recipient, ephemeral = FixedKey(curve, f"{curve.text} recipient"), FixedKey(curve, f"{curve.text} v")
    signer = FixedKey(Curve.NIST_P256, "recipient's signing key")
    tbs = tbs_certificate(signer.public_key, name="recipient", encryption=recipient.public_key)
    certificate = issue(tbs, signer)
    p1 = hashlib.sha256(certificate.octets).digest()
    c, t = _wrap(ephemeral.agree(recipient.public_key), AES, p1)
    parts = (curve.encryption_kind, ephemeral.public_key.point, c, t)
    info = frames.key_recipient(b"\x82", certificate.hashed_id8, parts)
    return {
        "curve": curve.text,
        "recipient_key": recipient.scalar,
        "certificate": certificate.octets.hex(),
        "p1": p1.hex(),
        "ephemeral_key": ephemeral.scalar,
        "v": ephemeral.public_key.point.hex(),
        "c": c.hex(),
        "t": t.hex(),
        "aes_key": AES.hex(),
        "data": frames.encrypted([info], NONCE, ccm_encrypt(AES, NONCE, PAYLOAD)).hex(),
        "plain": PAYLOAD.hex(),
        "psk_id": psk_id(AES).hex(),
        "answer": encrypt_psk(PAYLOAD, AES, nonce=NONCE).hex(),
    }


def make():
    return {
        "signed": [signed(curve) for curve in Curve],
        "encrypted": [encrypted(curve) for curve in Curve if curve.encryption_kind],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(make(), indent=1) + "\n")
