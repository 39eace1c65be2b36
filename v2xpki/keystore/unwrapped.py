"""The one CA key that is a number in memory: for implicit certificates, which no token can make.

PKCS#11 has no mechanism for s = e*k + d. An operator may allow it expressly (`[aca] implicit_key =
"unwrapped"`): then a key that serves for nothing else lies wrapped in the ACA's database, under a key of its
token, and is unwrapped once a process. It signs nothing; its explicit certificates and answers are the
token's. docs/adr/0011 weighs that.
"""

import secrets
from typing import Self

from v2xpki.crypto import Curve, PublicKey, implicit_contribution
from v2xpki.crypto.group import ORDER, SCALAR_OCTETS, p256
from v2xpki.errors import KeyRefused


class UnwrappedKey:
    """d_CA on P-256. Its repr tells the public half alone."""

    __slots__ = ("__octets", "public_key")

    def __init__(self, octets: bytes) -> None:
        """Of 32 octets, 0 < d < n. Raises KeyRefused."""
        if len(octets) != SCALAR_OCTETS or not 0 < int.from_bytes(octets, "big") < ORDER:
            raise KeyRefused("the unwrapped key is no private key of nistP256")
        self.__octets = octets
        self.public_key = PublicKey.from_sec1(Curve.NIST_P256, p256().multiples_of_base([octets])[0])

    @staticmethod
    def new_octets() -> bytes:
        """A fresh one, to be kept wrapped."""
        return (1 + secrets.randbelow(ORDER - 1)).to_bytes(SCALAR_OCTETS, "big")

    @classmethod
    def generate(cls) -> Self:
        """A fresh key that is kept nowhere: for tests and benches."""
        return cls(cls.new_octets())

    def __repr__(self) -> str:
        return f"<UnwrappedKey {self.public_key.point.hex()}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("an UnwrappedKey is not to be copied out of its process")

    def contribution(self, e: bytes, scalar: bytes) -> bytes:
        """s = e*k + d mod n, 32 octets (IEEE 1609.2 5.3.2). Raises CryptoError."""
        return implicit_contribution(e, scalar, self.__octets)
