"""Hashes and what IEEE 1609.2 makes of them: HashedIds and the input of a signature."""

import hashlib

from v2xpki.errors import UnsupportedAlgorithm

_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384}
_EMPTY = {name: function(b"").digest() for name, function in _HASHES.items()}


def hash_octets(name: str, octets: bytes) -> bytes:
    """The hash named as in HashAlgorithm ("sha256", "sha384") of the octets. Raises UnsupportedAlgorithm."""
    try:
        return _HASHES[name](octets).digest()
    except KeyError:
        raise UnsupportedAlgorithm(f"no hash {name!r} here") from None


def hashed_id8(digest: bytes) -> bytes:
    """HashedId8 of a digest: its low-order, that is last, octets (IEEE 1609.2 6.3.26)."""
    return digest[-8:]


def signing_digest(hash_name: str, tbs_octets: bytes, signer_octets: bytes = b"") -> bytes:
    """What ECDSA signs: H(H(tbs) || H(signer)) (IEEE 1609.2 5.3.1.2.2).

    tbs_octets: canonical COER of the structure to be signed. signer_octets: canonical COER of the
    signer's certificate; empty for who signs as `self`. H(tbs) alone is never a signature's input.
    """
    signer_hash = hash_octets(hash_name, signer_octets) if signer_octets else None
    return signing_digest_of(hash_name, tbs_octets, signer_hash)


def signing_digest_of(hash_name: str, tbs_octets: bytes, signer_hash: bytes | None) -> bytes:
    """As signing_digest, where the hash of the signer's certificate is known already (None: self)."""
    try:
        function = _HASHES[hash_name]
    except KeyError:
        raise UnsupportedAlgorithm(f"no hash {hash_name!r} here") from None
    return function(function(tbs_octets).digest() + (signer_hash or _EMPTY[hash_name])).digest()
