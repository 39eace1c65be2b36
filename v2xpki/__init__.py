"""v2xpki: a public key infrastructure for V2X whose CA keys never leave their PKCS#11 token.

    from v2xpki import Certificate, Station

The names of `__all__` are the public face:

    Certificate       an IEEE 1609.2 certificate: parse it, its ids, its keys, its permissions
    SignedMessage     a signed message as received
    TrustStore        trusted roots and what was verified under them
    Verifier          the same with clock, cache, revocation and replay, for a station's own code
    verify_message    is this CAM, DENM or other message acceptable? Raises InvalidMessage
    Station           a vehicle or roadside unit against any PKI's URLs: enrol, authorize, sign, receive
    StationSettings   what a station is, and where its PKI is
    MemoryKey, Curve, PublicKey    a station's keys
    V2xPkiError       the root of all errors; v2xpki.errors has the tree

What the version number promises of these names, of the `rule` of an error, of the `v2xpki` command's
options, exit codes and `--json` keys, and of v2xpki.toml: nothing is taken away or changes its meaning
but in a major version (before 1.0: a minor one), and CHANGELOG.md says so. Everything else, whatever
its name, may change in any version.

Importing v2xpki imports nothing else; each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from v2xpki.crypto import Certificate, Curve, PublicKey
    from v2xpki.errors import V2xPkiError
    from v2xpki.keystore.memory import MemoryKey
    from v2xpki.secured import SignedMessage
    from v2xpki.station import Settings as StationSettings
    from v2xpki.station import Station
    from v2xpki.trust import TrustStore, Verifier, verify_message

__version__ = "0.1.0"
__all__ = [
    "Certificate",
    "Curve",
    "MemoryKey",
    "PublicKey",
    "SignedMessage",
    "Station",
    "StationSettings",
    "TrustStore",
    "V2xPkiError",
    "Verifier",
    "__version__",
    "verify_message",
]

# name -> its module and its name there
_WHERE = {
    "Certificate": ("v2xpki.crypto", "Certificate"),
    "Curve": ("v2xpki.crypto", "Curve"),
    "MemoryKey": ("v2xpki.keystore.memory", "MemoryKey"),
    "PublicKey": ("v2xpki.crypto", "PublicKey"),
    "SignedMessage": ("v2xpki.secured", "SignedMessage"),
    "Station": ("v2xpki.station", "Station"),
    "StationSettings": ("v2xpki.station", "Settings"),
    "TrustStore": ("v2xpki.trust", "TrustStore"),
    "V2xPkiError": ("v2xpki.errors", "V2xPkiError"),
    "Verifier": ("v2xpki.trust", "Verifier"),
    "verify_message": ("v2xpki.trust", "verify_message"),
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _WHERE[name]
    # from now on it is found without coming here
    value = globals()[name] = getattr(import_module(module), there)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
