"""v2xpki: a public key infrastructure for V2X whose CA keys never leave their PKCS#11 token."""

__version__ = "0.1.0"
