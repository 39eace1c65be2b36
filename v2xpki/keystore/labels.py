"""How a key is named, and what a keystore tells about it."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, Self, cast

from v2xpki.crypto import Curve, PublicKey
from v2xpki.errors import KeystoreError

Use = Literal["sign", "encrypt", "wrap"]
_AUTHORITY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, order=True)
class KeyLabel:
    """Authority, use and generation of a key; as text, and in the token, "ea-sign-1". Keys to "wrap" are
    symmetric (wrapping.py), all others are pairs.

    Illegal labels do not construct (KeystoreError): an authority is lower-case letters, digits and
    single hyphens; a generation counts from 1.
    """

    authority: str
    use: Use
    generation: int = 1

    def __post_init__(self) -> None:
        if not _AUTHORITY.fullmatch(self.authority):
            raise KeystoreError(f"{self.authority!r} is no authority's name for a key label")
        if self.use not in ("sign", "encrypt", "wrap"):
            raise KeystoreError(f"a key is for 'sign', 'encrypt' or 'wrap', not {self.use!r}")
        if self.generation < 1:
            raise KeystoreError(f"generations count from 1, not {self.generation}")

    @property
    def text(self) -> str:
        return f"{self.authority}-{self.use}-{self.generation}"

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Self:
        """The label of its text. Raises KeystoreError."""
        authority, _, rest = text.rpartition("-")
        authority, _, use = authority.rpartition("-")
        if not (authority and rest.isascii() and rest.isdigit()) or rest.startswith("0"):
            raise KeystoreError(f"{text!r} is no key label; one looks like 'ea-sign-1'")
        return cls(authority, cast(Use, use), int(rest))

    @property
    def object_id(self) -> bytes:
        """CKA_ID, 16 octets: both halves of a pair carry it, and it says no more than the label does."""
        return hashlib.sha256(b"v2xpki key " + self.text.encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One private key as its keystore describes it (for status, inventory and audit)."""

    label: KeyLabel
    curve: Curve
    public_key: PublicKey
    sensitive: bool
    extractable: bool
    local: bool  # generated where it lies, never imported


@dataclass(frozen=True, slots=True)
class WrappingInfo:
    """One symmetric key to wrap with, as its keystore describes it."""

    label: KeyLabel
    sensitive: bool
    extractable: bool
