"""Cryptography of IEEE 1609.2 and 1609.2.1: hashing, ECDSA, ECIES, AES-CCM, keys and the certificate noun,
butterfly keys, implicit certificates, linkage values. No I/O.

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
from v2xpki.crypto.ccm import CcmKey, ccm_decrypt, ccm_encrypt, psk_id
from v2xpki.crypto.certificate import Certificate, seconds_of
from v2xpki.crypto.certifying import (
    CertifiedKeys,
    certified_keys,
    certify_and_wrap,
    derived_scalars,
    response_keys,
)
from v2xpki.crypto.curves import Curve
from v2xpki.crypto.ecdsa import raw_signature, signature_record, verify, verify_raw
from v2xpki.crypto.ecies import (
    NO_P1,
    Wrapped,
    rek_ids,
    unwrap_key,
    wrap_key,
    wrap_parts,
    wrap_parts_each,
)
from v2xpki.crypto.ecqv import (
    implicit_certificate_key,
    implicit_contribution,
    implicit_hash,
    implicit_private_key,
    implicit_public_key,
    reconstruction_points,
)
from v2xpki.crypto.group import random_scalars
from v2xpki.crypto.hashing import hash_octets, hashed_id8, signing_digest, signing_digest_of
from v2xpki.crypto.keys import Agreer, PublicKey, Signer
from v2xpki.crypto.linkage import (
    LinkedEntry,
    encrypted_indices,
    linkage_values,
    pre_linkage_values,
    revoked_values,
    seed_after,
    seeds_from,
)

__all__ = [
    "NO_P1",
    "Agreer",
    "Caterpillar",
    "CcmKey",
    "Certificate",
    "CertifiedKeys",
    "Cocoon",
    "CocoonKeys",
    "Curve",
    "LinkedEntry",
    "PrivateCaterpillar",
    "PublicKey",
    "Signer",
    "Wrapped",
    "canonical_certificate",
    "canonical_data",
    "canonical_signature",
    "canonical_tbs_data",
    "ccm_decrypt",
    "ccm_encrypt",
    "certified_key",
    "certified_keys",
    "certify_and_wrap",
    "derived_scalars",
    "encrypted_indices",
    "hash_octets",
    "hashed_id8",
    "implicit_certificate_key",
    "implicit_contribution",
    "implicit_hash",
    "implicit_private_key",
    "implicit_public_key",
    "linkage_values",
    "pre_linkage_values",
    "psk_id",
    "random_scalars",
    "raw_signature",
    "reconstruction_points",
    "rek_ids",
    "response_keys",
    "revoked_values",
    "seconds_of",
    "seed_after",
    "seeds_from",
    "signature_record",
    "signing_digest",
    "signing_digest_of",
    "unwrap_key",
    "verify",
    "verify_raw",
    "wrap_key",
    "wrap_parts",
    "wrap_parts_each",
]
