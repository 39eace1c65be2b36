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

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.crypto.ccm import KEY_OCTETS as SHARED_OCTETS
from v2xpki.crypto.sealing import KEY_OCTETS as SEALING_OCTETS
from v2xpki.errors import KeyNotFound, KeyRefused
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import table_of
from v2xpki.store.la import WrappedSecret
from v2xpki.time import HOUR

_SEAL, _ACA = "seal", "aca"
_MOST_SEALS = 255  # the number is an octet before what was sealed
_T = table_of(WrappedSecret)
_ALL = Statement(sa.select(_T.c.name, _T.c.wrapper, _T.c.octets, _T.c.since))


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


def new_sealing_key(database: Database, keystore: Keystore, label: KeyLabel) -> int:
    """Make the next sealing key, wrapped under the token's key of a label; its number.

    Services read it at their next start. Raises KeystoreError, RecordFailed.
    """
    wrapped = keystore.wrapper(label).wrap(_random.token_bytes(SEALING_OCTETS))
    return _put(database, _SEAL, wrapped, label, database.clock.time32())


def put_shared_key(database: Database, keystore: Keystore, label: KeyLabel, key: bytes, since: int) -> int:
    """Keep a key shared with the ACA (16 octets), to be used from the hour of `since` on; its number.

    The ACA must have it before. Raises KeyRefused for another length, KeystoreError, RecordFailed.
    """
    if len(key) != SHARED_OCTETS:
        raise KeyRefused(f"a key shared with the ACA is {SHARED_OCTETS} octets, not {len(key)}")
    return _put(database, _ACA, keystore.wrapper(label).wrap(key), label, since)


def _put(database: Database, kind: str, wrapped: bytes, label: KeyLabel, since: int) -> int:
    with database.write(durable=True) as tx:
        number = 1 + max((n for k, n, *_ in _read(tx) if k == kind), default=0)
        if kind == _SEAL and number > _MOST_SEALS:
            raise KeyRefused(f"no more than {_MOST_SEALS} sealing keys")
        name = f"{kind}-{number}"
        tx.insert(
            WrappedSecret,
            name=name,
            wrapper=label.text,
            octets=wrapped,
            since=since - since % HOUR,
            until=None,
        )
        tx.audit(Event.KEY_GENERATED, label=name, curve="AES")
    return number


def secrets_of(database: Database, keystore: Keystore) -> LaSecrets:
    """All, unwrapped. Raises KeystoreError where the token does not open one."""
    with database.read() as tx:
        rows = _read(tx)
    seals: dict[int, bytes] = {}
    shared: list[SharedKey] = []
    for kind, number, wrapper, octets, since in rows:
        secret = keystore.wrapper(KeyLabel.parse(wrapper)).unwrap(octets)
        if kind == _SEAL:
            seals[number] = secret
        elif kind == _ACA:
            shared.append(SharedKey(since, secret))
    if not seals:
        raise KeyNotFound("the linkage authority has no sealing key", hint="make one before it serves")
    return LaSecrets(seals, sorted(shared))


def rewrap(database: Database, keystore: Keystore, label: KeyLabel) -> int:
    """Wrap every secret under another key of the token, in one transaction; how many. What it has wrapped
    already stays. Raises KeystoreError, and nothing has changed."""
    fresh, count = keystore.wrapper(label), 0
    retired = set()
    with database.write(durable=True) as tx:
        for kind, number, wrapper, octets, _ in _read(tx):
            if wrapper == label.text:
                continue
            wrapped = fresh.wrap(keystore.wrapper(KeyLabel.parse(wrapper)).unwrap(octets))
            change = sa.update(_T).where(_T.c.name == f"{kind}-{number}")
            tx.execute(change.values(wrapper=label.text, octets=wrapped))
            retired.add(wrapper)
            count += 1
        for name in sorted(retired):
            tx.audit(Event.KEY_RETIRED, label=name, reason=f"its secrets are wrapped by {label}")
    return count


def _read(tx: Transaction) -> list[tuple[str, int, str, bytes, int]]:
    """Kind, number, wrapper, octets, since; in the order of the names' numbers."""
    found = []
    for name, wrapper, octets, since in tx.rows(_ALL):
        kind, _, number = name.rpartition("-")
        found.append((kind, int(number), wrapper, bytes(octets), since))
    return sorted(found)
