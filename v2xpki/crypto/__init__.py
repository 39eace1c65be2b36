"""Cryptography of IEEE 1609.2: hashing, ECDSA, ECIES, AES-CCM, keys and the certificate noun. No I/O.

    verify(key, signature, signing_digest("sha256", tbs_octets, signer_octets))
    Certificate.parse(octets).verify_signature(issuer)

Private keys stay with a Signer or an Agreer, which keystore/ implements.
"""

from v2xpki.crypto.butterfly import Caterpillar, Cocoon, CocoonKeys, PrivateCaterpillar, certified_key
from v2xpki.crypto.canonical import (
    canonical_certificate,
    canonical_data,
    canonical_signature,
    canonical_tbs_data,
)
from v2xpki.crypto.ccm import ccm_decrypt, ccm_encrypt, psk_id
from v2xpki.crypto.certificate import Certificate, seconds_of
from v2xpki.crypto.curves import Curve
from v2xpki.crypto.ecdsa import raw_signature, signature_record, verify
from v2xpki.crypto.ecies import unwrap_key, wrap_key, wrap_parts
from v2xpki.crypto.hashing import hash_octets, hashed_id8, signing_digest, signing_digest_of
from v2xpki.crypto.keys import Agreer, PublicKey, Signer

__all__ = [
    "Agreer",
    "Caterpillar",
    "Certificate",
    "Cocoon",
    "CocoonKeys",
    "Curve",
    "PrivateCaterpillar",
    "PublicKey",
    "Signer",
    "canonical_certificate",
    "canonical_data",
    "canonical_signature",
    "canonical_tbs_data",
    "ccm_decrypt",
    "ccm_encrypt",
    "certified_key",
    "hash_octets",
    "hashed_id8",
    "psk_id",
    "raw_signature",
    "seconds_of",
    "signature_record",
    "signing_digest",
    "signing_digest_of",
    "unwrap_key",
    "verify",
    "wrap_key",
    "wrap_parts",
]
