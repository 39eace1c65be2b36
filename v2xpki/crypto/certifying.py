"""What an ACA makes of cocoons, many at a time: certified keys, and keys wrapped for the responses.

    made = certified_keys(cocoons)                    c and B + c*G of each
    keys = response_keys(cocoons, cert_enc_keys, cubk)
    made, wrapped = certify_and_wrap(cocoons, keys, aes_keys)

explicit: the certificate holds B + c*G, the response c; the station's key is b + c (butterfly.certified_key).
implicit: the certificate holds the reconstruction value B + k*G, see ecqv.

The response goes to the encryption cocoon (original), to B as the RA names it (unified), or to B as the ACA
itself takes it (compactUnified). Where it goes to B, certify_and_wrap reads B once: 119 us a certificate
where one after the other takes 139 (best of 25 batches of 40, libcrypto, a busy machine).
"""

import hmac
from collections.abc import Sequence
from typing import NamedTuple

from v2xpki.crypto.ecies import NO_P1, Wrapped, wrap_shared
from v2xpki.crypto.group import ORDER, SCALAR_OCTETS, p256, random_scalars
from v2xpki.errors import CryptoError


class CertifiedKeys(NamedTuple):
    """Columns: the points for the certificates (SEC1 compressed) and c for the responses (32 octets each)."""

    points: list[bytes]
    private_key_infos: list[bytes]

    def __repr__(self) -> str:
        return f"<CertifiedKeys of {len(self.points)}>"


def derived_scalars(key: bytes, identities: Sequence[bytes]) -> list[bytes]:
    """c for each identity of a request: the same one when it is asked again, and no other tells it.

    key: a secret of 32 octets. HMAC-SHA-512's first 48 octets mod n-1, plus 1: even to 2^-128.
    """
    return [
        (1 + int.from_bytes(hmac.digest(key, identity, "sha512")[:48], "big") % (ORDER - 1)).to_bytes(
            SCALAR_OCTETS, "big"
        )
        for identity in identities
    ]


def certified_keys(cocoons: Sequence[bytes], scalars: Sequence[bytes] | None = None) -> CertifiedKeys:
    """B + c*G for each cocoon B (SEC1 compressed), with fresh c. `scalars` gives them, when a recorded
    certificate is to come out once more. Raises InvalidPoint, CryptoError."""
    infos = _scalars(cocoons, scalars)
    return CertifiedKeys(p256().shifted_each(cocoons, infos), infos)


def response_keys(
    cocoons: Sequence[bytes], cert_enc_keys: Sequence[bytes | None], cubk: Sequence[bool]
) -> list[bytes | None]:
    """Whom each response is encrypted to: of the cocoon in the request's tbsCert, its certEncKey (SEC1
    compressed) and its flag cubk. None: to nobody, the response is plain.

    Raises CryptoError for a request with both or columns of different lengths.
    """
    if not len(cocoons) == len(cert_enc_keys) == len(cubk):
        raise CryptoError(f"{len(cocoons)} cocoons, {len(cert_enc_keys)} keys, {len(cubk)} flags")
    made: list[bytes | None] = []
    for cocoon, key, flag in zip(cocoons, cert_enc_keys, cubk, strict=True):
        if flag and key is not None:
            raise CryptoError("certEncKey is present where the flag cubk says that the cocoon is the key")
        made.append(cocoon if flag else key)
    return made


def certify_and_wrap(
    cocoons: Sequence[bytes],
    recipients: Sequence[bytes],
    aes_keys: Sequence[bytes],
    scalars: Sequence[bytes] | None = None,
) -> tuple[CertifiedKeys, list[Wrapped]]:
    """certified_keys, and each response's AES key (16 octets) wrapped for its recipient (a point of
    response_keys) as a rekRecipInfo has it. Errors as certified_keys and wrap_parts_each."""
    group, infos = p256(), _scalars(cocoons, scalars)
    ephemerals = random_scalars(len(recipients))
    if list(cocoons) == list(recipients):
        points, agreed = group.shifted_agreements(cocoons, infos, ephemerals)
    else:
        points, agreed = group.shifted_each(cocoons, infos), group.agreements(recipients, ephemerals)
    return CertifiedKeys(points, infos), wrap_shared(agreed, aes_keys, NO_P1)


def _scalars(cocoons: Sequence[bytes], scalars: Sequence[bytes] | None) -> list[bytes]:
    return random_scalars(len(cocoons)) if scalars is None else list(scalars)
