"""A linkage authority's secrets: what seals its chains, and what it shares with the ACA.

    new_sealing_key(database, keystore, wrap_label)          `seal-1`, then `seal-2`, ...
    put_shared_key(database, keystore, wrap_label, key, since)     `aca-1`, then `aca-2`, ...
    secrets = secrets_of(database, keystore)
    rewrap(database, keystore, next_wrap_label)              after a rotation of the token's key

The highest sealing key seals new chains; the earlier ones open what they have sealed, as long as it lasts.
The shared key that was begun last, and not after now, is used. All lie wrapped by the token's key.
"""

import secrets as _random
from typing import NamedTuple

from v2xpki.authorities.scms.secrets import SecretStore
from v2xpki.crypto.ccm import KEY_OCTETS as SHARED_OCTETS
from v2xpki.crypto.sealing import KEY_OCTETS as SEALING_OCTETS
from v2xpki.errors import KeyNotFound, KeyRefused
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.store import Database
from v2xpki.store.la import WrappedSecret

_SEAL, _ACA = "seal", "aca"
_MOST_SEALS = 255  # the number is an octet before what was sealed
_MOST_SHARED = 65_535


class SharedKey(NamedTuple):
    """A key shared with the ACA, and from when on it is used (TAI seconds, a whole hour)."""

    since: int
    key: bytes

    def __repr__(self) -> str:
        return f"<SharedKey since {self.since}>"


class LaSecrets(NamedTuple):
    """Sealing keys by number, shared keys in the order of their beginning."""

    seals: dict[int, bytes]
    shared: list[SharedKey]

    def __repr__(self) -> str:
        return f"<LaSecrets: {len(self.seals)} sealing, {len(self.shared)} shared>"


def la_store(database: Database, keystore: Keystore, label: KeyLabel) -> SecretStore:
    """The secrets of a linkage authority. label: the token's key that wraps what is new."""
    return SecretStore(database, WrappedSecret, keystore, label)


def new_sealing_key(database: Database, keystore: Keystore, label: KeyLabel) -> int:
    """Make the next sealing key, wrapped under the token's key of a label; its number.

    Services read it at their next start. Raises KeystoreError, StoreError.
    """
    store = la_store(database, keystore, label)
    return store.add_next(_SEAL, _random.token_bytes(SEALING_OCTETS), most=_MOST_SEALS)


def put_shared_key(database: Database, keystore: Keystore, label: KeyLabel, key: bytes, since: int) -> int:
    """Keep a key shared with the ACA (16 octets), to be used from the hour of `since` on; its number.

    The ACA must have it before. Raises KeyRefused for another length, KeystoreError, StoreError.
    """
    if len(key) != SHARED_OCTETS:
        raise KeyRefused(f"a key shared with the ACA is {SHARED_OCTETS} octets, not {len(key)}")
    return la_store(database, keystore, label).add_next(_ACA, key, since, most=_MOST_SHARED)


def secrets_of(database: Database, keystore: Keystore) -> LaSecrets:
    """All, unwrapped. Raises KeystoreError where the token does not open one."""
    store = la_store(database, keystore, KeyLabel("la", "wrap"))  # nothing is wrapped here
    seals = {_number(name): secret for name, secret in store.all(f"{_SEAL}-").items()}
    if not seals:
        raise KeyNotFound("the linkage authority has no sealing key", hint="make one before it serves")
    shared = store.dated(f"{_ACA}-").values()
    return LaSecrets(seals, sorted(SharedKey(found.since, found.octets) for found in shared))


def rewrap(database: Database, keystore: Keystore, label: KeyLabel) -> int:
    """Wrap every secret under another key of the token, in one transaction; how many. What it has wrapped
    already stays. Raises KeystoreError, and nothing has changed."""
    return la_store(database, keystore, label).rewrap(label)


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])
