"""What an authority keeps secret in its database: wrapped under its token's key, opened once a process.

    secrets = SecretStore(database, WrappedSecret, keystore, KeyLabel("aca", "wrap"))
    secrets.add(la_name(la_id, key), key);  keys = la_keys(secrets)
    secrets.rewrap(KeyLabel("aca", "wrap", 2))          after a key of the next generation was made

The key of an LA and an ACA comes to both on the same day, by hand or ceremony; there may be several of an LA:
the RA's requests name which by its psk id (pskRecipInfo).
"""

import secrets as _random
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from v2xpki.audit import Event
from v2xpki.crypto import CcmKey, PublicKey, psk_id
from v2xpki.errors import AlreadyRecorded, KeyNotFound, KeyRefused
from v2xpki.keystore import KeyLabel, Keystore, UnwrappedKey
from v2xpki.store import Database
from v2xpki.store.base import table_of
from v2xpki.time import HOUR

_LA, _IMPLICIT = "la", "own:implicit"


class LaKey(NamedTuple):
    """A key shared with a linkage authority (la id, 2 octets), ready to open pre-linkage values."""

    la_id: bytes
    key: CcmKey


class Secret(NamedTuple):
    """since: TAI seconds, a whole hour, from which on it is used."""

    since: int
    octets: bytes

    def __repr__(self) -> str:
        return f"<Secret since {self.since}>"


class SecretStore:
    """The wrapped secrets of one database. `label` wraps what is new; what is there names its own."""

    def __init__(
        self, database: Database, model: type[DeclarativeBase], keystore: Keystore, label: KeyLabel
    ) -> None:
        self._database, self._model, self._keystore, self._label = database, model, keystore, label

    def add(self, name: str, secret: bytes, since: int | None = None) -> None:
        """Keep a secret, to be used from the hour of a TAI second on; None: now. Raises AlreadyRecorded for a
        name that exists, KeyRefused, TokenLost."""
        wrapped = self._keystore.wrapper(self._label).wrap(secret)
        begin = self._database.clock.time32() if since is None else since
        with self._database.write(durable=True) as tx:
            tx.insert(
                self._model,
                name=name,
                wrapper=self._label.text,
                octets=wrapped,
                since=begin - begin % HOUR,
                until=None,
            )
            tx.audit(Event.SECRET_STORED, name=name, wrapper=self._label.text)

    def get(self, name: str) -> bytes:
        """A secret. Raises KeyNotFound, KeyRefused (not of the key that it names, or changed), TokenLost."""
        found = self.all(name).get(name)
        if found is None:
            raise KeyNotFound(f"the database keeps no secret {name!r}")
        return found

    def get_or_make(self, name: str, size: int) -> bytes:
        """A secret, made at random where there is none yet; of several processes at once, one makes it."""
        found = self.all(name).get(name)
        if found is None:
            found = _random.token_bytes(size)
            try:
                self.add(name, found)
            except AlreadyRecorded:
                return self.get(name)
        return found

    def add_next(self, kind: str, secret: bytes, since: int | None = None, *, most: int) -> int:
        """Keep a secret under the next number of its kind, as `kind-1`, `kind-2` ...; the number. Raises
        KeyRefused above `most`, AlreadyRecorded where two do it at once; otherwise as add."""
        t = table_of(self._model).c
        with self._database.read() as tx:
            names = tx.execute(sa.select(t.name).where(t.name.startswith(f"{kind}-"))).scalars()
            number = 1 + max((int(name.rpartition("-")[2]) for name in names), default=0)
        if number > most:
            raise KeyRefused(f"no more than {most} secrets of the kind {kind}")
        self.add(f"{kind}-{number}", secret, since)
        return number

    def all(self, prefix: str) -> dict[str, bytes]:
        """The secrets whose names begin so, but for those whose time is over."""
        return {name: found.octets for name, found in self.dated(prefix).items()}

    def dated(self, prefix: str) -> dict[str, Secret]:
        """As all, with the time of each."""
        t, now = table_of(self._model).c, self._database.clock.time32()
        query = sa.select(t.name, t.wrapper, t.octets, t.since).where(
            t.name.startswith(prefix, autoescape=True), t.until.is_(None) | (t.until > now)
        )
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return {
            row.name: Secret(
                row.since, self._keystore.wrapper(KeyLabel.parse(row.wrapper)).unwrap(bytes(row.octets))
            )
            for row in rows
        }

    def end(self, name: str, at: int) -> None:
        """A secret is of no use from the hour of a TAI second on."""
        t = table_of(self._model)
        with self._database.write(durable=True) as tx:
            tx.execute(sa.update(t).where(t.c.name == name).values(until=at - at % HOUR))

    def rewrap(self, label: KeyLabel) -> int:
        """Put all secrets under another key of the token; how many were under an older one."""
        t, count, retired = table_of(self._model), 0, set()
        new = self._keystore.wrapper(label)
        with self._database.write(durable=True) as tx:
            query = sa.select(t.c.name, t.c.wrapper, t.c.octets).where(t.c.wrapper != label.text)
            for row in tx.execute(query.with_for_update()).all():
                secret = self._keystore.wrapper(KeyLabel.parse(row.wrapper)).unwrap(row.octets)
                values = {"wrapper": label.text, "octets": new.wrap(secret)}
                tx.execute(sa.update(t).where(t.c.name == row.name).values(**values))
                retired.add(row.wrapper)
                count += 1
            for name in sorted(retired):
                tx.audit(Event.KEY_RETIRED, label=name, reason=f"its secrets are wrapped by {label}")
            tx.audit(Event.SECRETS_REWRAPPED, count=count, wrapper=label.text)
        self._label = label
        return count


def la_name(la_id: bytes, key: bytes) -> str:
    """The name of a key that is shared with a linkage authority."""
    return f"{_LA}:{la_id.hex()}:{psk_id(key).hex()}"


def la_keys(secrets: SecretStore) -> Mapping[bytes, LaKey]:
    """All keys shared with linkage authorities, by the psk id that a pskRecipInfo names them by."""
    found = {}
    for name, key in secrets.all(f"{_LA}:").items():
        made = LaKey(bytes.fromhex(name.split(":")[1]), CcmKey(key))
        found[made.key.id] = made
    return found


def implicit_name(key: PublicKey) -> str:
    """The name of an ACA's private key for implicit certificates."""
    return f"{_IMPLICIT}:{key.point.hex()}"


def new_implicit_key(secrets: SecretStore) -> PublicKey:
    """Make one and keep it wrapped: an operator's express decision (ADR 0011). The root certifies it as an
    ACA's. Raises KeyRefused, TokenLost."""
    octets = UnwrappedKey.new_octets()
    key = UnwrappedKey(octets).public_key
    secrets.add(implicit_name(key), octets)
    return key
