"""Secrets that a database keeps, wrapped under a symmetric key of the token (RFC 3394, AES Key Wrap).

    wrapper = keystore.wrapper(KeyLabel("aca", "wrap"))
    row = wrapper.wrap(secret)                 16, 24 or 32 octets; the row has 8 more
    secret = wrapper.unwrap(row)               KeyRefused: not of this key, or changed

What an authority uses thousands of times a second (the key that it shares with a linkage authority, say) it
unwraps once a process; at rest it is worth nothing without the token. Rotation is a key of the next
generation: unwrap with the old one, wrap with the new one.
"""

import secrets
from typing import Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from v2xpki.errors import KeyRefused, KeystoreError
from v2xpki.keystore.labels import KeyLabel

SECRET_SIZES = (16, 24, 32)
WRAPPING_OCTETS = 32


class Wrapper(Protocol):
    """The handle of a wrapping key."""

    @property
    def label(self) -> KeyLabel: ...

    def wrap(self, secret: bytes) -> bytes:
        """The secret (16, 24 or 32 octets) under this key. Raises KeyRefused (another length), TokenLost."""
        ...

    def unwrap(self, octets: bytes) -> bytes:
        """The secret. Raises KeyRefused for what this key has not wrapped, TokenLost."""
        ...


def check_secret(label: KeyLabel, secret: bytes) -> None:
    """Raises KeyRefused for octets of a length that no secret has."""
    if len(secret) not in SECRET_SIZES:
        raise KeyRefused(f"{label} wraps secrets of 16, 24 or 32 octets, not {len(secret)}")


def check_wrapped(label: KeyLabel, octets: bytes) -> None:
    """Raises KeyRefused for octets of a length that no wrapped secret has."""
    if len(octets) - 8 not in SECRET_SIZES:
        raise KeyRefused(f"{len(octets)} octets are nothing that {label} has wrapped")


def check_wrapper(wrapper: Wrapper) -> None:
    """Wrap a fresh secret and open it again. Raises KeystoreError where it differs."""
    secret = secrets.token_bytes(16)
    wrapped = wrapper.wrap(secret)
    if secret in wrapped or wrapper.unwrap(wrapped) != secret:
        raise KeystoreError(f"self-test of {wrapper.label}: what it wraps does not come back")


class MemoryWrapper:
    """A wrapping key in memory, for tests and benches."""

    def __init__(self, label: KeyLabel, key: bytes) -> None:
        self.label, self._key = label, key

    def __repr__(self) -> str:
        return f"<MemoryWrapper {self.label}>"

    def wrap(self, secret: bytes) -> bytes:
        check_secret(self.label, secret)
        return aes_key_wrap(self._key, secret)

    def unwrap(self, octets: bytes) -> bytes:
        check_wrapped(self.label, octets)
        try:
            return aes_key_unwrap(self._key, octets)
        except InvalidUnwrap:
            raise KeyRefused(f"{self.label} has not wrapped these octets, or they were changed") from None
