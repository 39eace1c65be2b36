"""v2xpki: a public key infrastructure for V2X whose CA keys never leave their PKCS#11 token.

    from v2xpki import Certificate, Station
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Certificate", "Station", "__version__"]

if TYPE_CHECKING:
    from v2xpki.crypto import Certificate
    from v2xpki.station import Station


def __getattr__(name: str) -> object:
    """The public nouns are loaded when first asked for: `v2xpki --help` needs none of them."""
    if name == "Certificate":
        from v2xpki.crypto import Certificate

        return Certificate
    if name == "Station":
        from v2xpki.station import Station

        return Station
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
