"""Butterfly key expansion (IEEE 1609.2.1; scms.md of the standards' facts): one request, years of keys.

The station sends caterpillar points and expansion keys; the RA (in ETSI the EA) makes cocoon points of
them, any number, without the station; the station alone makes the private keys.

    cocoons = Caterpillar(...).cocoons(i, range(20))             points: RA
    keys = PrivateCaterpillar.generate("unified").keys(i, range(20))   scalars: station

    f(i, j) = AES_k(x+1) xor (x+1) || AES_k(x+2) xor (x+2) || AES_k(x+3) xor (x+3)  mod n
    x       = 0^32 || i || j || 0^32 for signing, 1^32 || i || j || 0^32 for encryption
    cocoon point A + f*G, cocoon key a + f

original: an expansion of its own for the key that the response is encrypted to. unified: the signing cocoon
is that key too. compactUnified: as unified, and the ACA takes the encryption key from the certificate's
cocoon itself. Everything takes many j at once: 16 us a cocoon, 4 a pair of keys (original: twice that).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from v2xpki.crypto.group import p256, random_scalars, reduced
from v2xpki.crypto.keys import PublicKey
from v2xpki.errors import CryptoError, UnsupportedAlgorithm
from v2xpki.wire import scms

Use = Literal["signing", "encryption"]
Variant = Literal["original", "unified", "compactUnified"]
EXPANSION_KEY_OCTETS = 16
_BLOCK = 16
_PREFIX: dict[Use, int] = {"signing": 0, "encryption": 0xFFFFFFFF}


def expansion_blocks(key: bytes, use: Use, i: int, js: Sequence[int]) -> list[bytes]:
    """f_int for each j: 48 octets. i, j: 32 bits. Raises CryptoError for a key that is not AES-128's."""
    if len(key) != EXPANSION_KEY_OCTETS:
        raise CryptoError(f"an expansion key of {len(key)} octets")
    if not all(0 <= number < 1 << 32 for number in (i, *js)):
        raise CryptoError("i and j are numbers of 32 bits")
    head = _PREFIX[use] << 96 | i << 64
    plain = b"".join([(head | j << 32 | t).to_bytes(_BLOCK, "big") for j in js for t in (1, 2, 3)])
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 (the standard's own)
    coded = encryptor.update(plain) + encryptor.finalize()
    size = len(plain)
    mixed = (int.from_bytes(plain, "big") ^ int.from_bytes(coded, "big")).to_bytes(size, "big")
    return [mixed[start : start + 3 * _BLOCK] for start in range(0, size, 3 * _BLOCK)]


def expand(key: bytes, use: Use, i: int, js: Sequence[int]) -> list[bytes]:
    """f = f_int mod n for each j: scalars of 32 octets. Errors as expansion_blocks."""
    return [reduced(block) for block in expansion_blocks(key, use, i, js)]


class Cocoon(NamedTuple):
    """What the RA makes for one certificate: SEC1 compressed points; the response goes to `encryption`."""

    signing: bytes
    encryption: bytes


class CocoonKeys(NamedTuple):
    """The station's private scalars of one certificate (32 octets each)."""

    signing: bytes
    encryption: bytes

    def __repr__(self) -> str:
        return "<CocoonKeys>"


@dataclass(frozen=True)
class Caterpillar:
    """What the station sends, and the RA expands: points (SEC1 compressed) and expansion keys. They tell
    nothing of private keys, but tie all cocoons of a station together."""

    variant: Variant
    signing: bytes
    signing_expansion: bytes = field(repr=False)
    encryption: bytes | None = None
    encryption_expansion: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        own = self.encryption is not None and self.encryption_expansion is not None
        if own != (self.variant == "original"):
            raise CryptoError(
                f"{self.variant}: an encryption caterpillar {'too much' if own else 'is missing'}"
            )

    @classmethod
    def of(cls, signing: PublicKey, params: scms.AdditionalParams) -> Self:
        """Of a request's caterpillar and additionalParams.

        Raises UnsupportedAlgorithm for another curve than P-256 and for other parameters, InvalidPoint.
        """
        value = params.value
        if isinstance(value, scms.ButterflyParamsOriginal) and params.kind == "original":
            encryption = PublicKey.of_encryption_key(value.encryption_key)
            _require_p256(signing, encryption)
            return cls(
                "original",
                signing.point,
                value.signing_expansion.value,
                encryption.point,
                value.encryption_expansion.value,
            )
        if isinstance(value, scms.ButterflyExpansion) and params.kind in ("unified", "compactUnified"):
            _require_p256(signing)
            return cls(params.kind, signing.point, value.value)
        raise UnsupportedAlgorithm(f"no butterfly parameters: {params.kind}")

    def cocoons(self, i: int, js: Sequence[int]) -> list[Cocoon]:
        """The cocoon points of period i, one for each j."""
        group = p256()
        signing = group.shifted(self.signing, expand(self.signing_expansion, "signing", i, js))
        if self.encryption is None or self.encryption_expansion is None:
            return [Cocoon(point, point) for point in signing]
        shifts = expand(self.encryption_expansion, "encryption", i, js)
        return list(map(Cocoon, signing, group.shifted(self.encryption, shifts)))


@dataclass(frozen=True)
class PrivateCaterpillar:
    """What the station keeps: private scalars and expansion keys."""

    variant: Variant
    signing: bytes = field(repr=False)
    signing_expansion: bytes = field(repr=False)
    encryption: bytes | None = field(default=None, repr=False)
    encryption_expansion: bytes | None = field(default=None, repr=False)

    @classmethod
    def generate(cls, variant: Variant) -> Self:
        """A fresh one."""
        (signing,), expansion = random_scalars(1), secrets.token_bytes(EXPANSION_KEY_OCTETS)
        if variant != "original":
            return cls(variant, signing, expansion)
        (encryption,) = random_scalars(1)
        return cls(variant, signing, expansion, encryption, secrets.token_bytes(EXPANSION_KEY_OCTETS))

    def public(self) -> Caterpillar:
        """What is sent of it."""
        group = p256()
        (signing,) = group.multiples_of_base([self.signing])
        encryption = None if self.encryption is None else group.multiples_of_base([self.encryption])[0]
        return Caterpillar(
            self.variant, signing, self.signing_expansion, encryption, self.encryption_expansion
        )

    def keys(self, i: int, js: Sequence[int]) -> list[CocoonKeys]:
        """The cocoon private keys of period i, one pair for each j."""
        group = p256()
        signing = group.scalar_sums(self.signing, expand(self.signing_expansion, "signing", i, js))
        if self.encryption is None or self.encryption_expansion is None:
            return [CocoonKeys(key, key) for key in signing]
        shifts = expand(self.encryption_expansion, "encryption", i, js)
        return list(map(CocoonKeys, signing, group.scalar_sums(self.encryption, shifts)))


def certified_key(cocoon: bytes, private_key_info: bytes | None, hash_e: bytes | None = None) -> bytes:
    """The private key of a certificate, of the cocoon's b and what came with the certificate.

    None: b itself, as ETSI has it. With `private_key_info` c (explicit): b + c. With hash_e (implicit, the
    certificate's e, 32 octets, taken mod n): e*b + s. A scalar of 32 octets.
    """
    if private_key_info is None:
        return cocoon
    extra = reduced(private_key_info)
    if hash_e is not None:
        return p256().scalar_product(reduced(hash_e), cocoon, extra)
    (key,) = p256().scalar_sums(cocoon, [extra])
    return key


def _require_p256(*keys: PublicKey) -> None:
    for key in keys:
        if key.curve.text != "nistP256":
            raise UnsupportedAlgorithm(f"butterfly keys on {key.curve.text}: nistP256 alone is defined")
