"""Private keys, in PKCS#11 tokens or, for stations and tests, in memory. See interface.py for the doors."""

from typing import TYPE_CHECKING

from v2xpki.keystore.interface import IssuingKey, Keystore
from v2xpki.keystore.labels import KeyInfo, KeyLabel
from v2xpki.keystore.memory import MemoryKey, MemoryKeystore
from v2xpki.keystore.profiles import VendorProfile
from v2xpki.keystore.responder import Responder
from v2xpki.keystore.scms_responder import Delivery, Envelope, ScmsResponder
from v2xpki.keystore.unwrapped import UnwrappedKey
from v2xpki.keystore.wrapping import Wrapper

if TYPE_CHECKING:
    from v2xpki.keystore.pkcs11 import Pkcs11Keystore
    from v2xpki.keystore.token import TokenConfig, create_token, open_token

__all__ = [
    "Delivery",
    "Envelope",
    "IssuingKey",
    "KeyInfo",
    "KeyLabel",
    "Keystore",
    "MemoryKey",
    "MemoryKeystore",
    "Pkcs11Keystore",
    "Responder",
    "ScmsResponder",
    "TokenConfig",
    "UnwrappedKey",
    "VendorProfile",
    "Wrapper",
    "create_token",
    "open_token",
]


def __getattr__(name: str) -> object:
    """The token's side is loaded when first asked for: a station needs no PKCS#11 module."""
    if name in ("Pkcs11Keystore", "TokenConfig", "create_token", "open_token"):
        from v2xpki.keystore import token

        return getattr(token, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
