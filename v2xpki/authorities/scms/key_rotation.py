"""Rotation of what ACA and linkage authorities keep secret: the token's wrapping key, and what they share.

    rewrapped = rewrap_next(domain)                   `la1-wrap-2` in the token, all secrets under it
    files = la_key_files(instance, "la1", since)      the ceremonies by which la1 and the ACA get a new key

A wrapping key that is not used any more stays in its token: backups need it.
"""

from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
import yaml
from sqlalchemy.orm import DeclarativeBase

from v2xpki.audit import Event
from v2xpki.authorities.domain import OpenDomain
from v2xpki.authorities.etsi.ceremony import write_new
from v2xpki.authorities.scms.secrets import SecretStore
from v2xpki.config import Instance
from v2xpki.errors import ConfigError, KeyNotFound
from v2xpki.keystore import KeyLabel
from v2xpki.store import Database
from v2xpki.store.aca import WrappedSecret as AcaSecret
from v2xpki.store.base import table_of
from v2xpki.store.la import WrappedSecret as LaSecret
from v2xpki.time import iso_from_time32

#: Domains that keep wrapped secrets, and their tables.
KEEPERS: dict[str, type[DeclarativeBase]] = {"aca": AcaSecret, "la1": LaSecret, "la2": LaSecret}


class Rewrapped(NamedTuple):
    """The label of the key that all secrets are wrapped by now, and how many were not before."""

    label: KeyLabel
    secrets: int


def rewrap_next(domain: OpenDomain) -> Rewrapped:
    """Make the token's next wrapping key and put all secrets under it, in one transaction.

    One that an earlier call made and did not come to use is taken. Raises ConfigError for a domain that keeps
    no secrets, KeyNotFound where its token has no wrapping key, KeystoreError, StoreError.
    """
    name = domain.config.name
    model = _model(name)
    there = [info.label for info in domain.keystore.wrapping_keys() if info.label.authority == name]
    if not there:
        raise KeyNotFound(f"the token of {name} has no wrapping key", hint="`v2xpki init` makes it")
    label = max(there)
    if label == used_label(domain.database, name):
        label = KeyLabel(name, "wrap", label.generation + 1)
        domain.keystore.generate_wrapping(label)
        with domain.database.write(durable=True) as tx:
            tx.audit(Event.KEY_GENERATED, label=label.text, curve="AES-256")
    store = SecretStore(domain.database, model, domain.keystore, label)
    return Rewrapped(label, store.rewrap(label))


def used_label(database: Database, name: str) -> KeyLabel:
    """The newest wrapping key that a domain's database names; the first where it keeps nothing yet."""
    with database.read() as tx:
        found = tx.execute(sa.select(table_of(_model(name)).c.wrapper).distinct()).scalars().all()
    return max(map(KeyLabel.parse, found), default=KeyLabel(name, "wrap"))


def la_key_files(instance: Instance, la: str, since: int | None = None) -> list[Path]:
    """Write the files of the two ceremonies, to be held in this order, in DIR/ceremonies/la-key-LA-N.

    since: TAI seconds from whose hour on the linkage authority uses the key; None: at once. Raises
    ConfigError for a domain that is no linkage authority, StoreError.
    """
    if la not in ("la1", "la2"):
        raise ConfigError(f"{la} is no linkage authority", hint="la1 or la2")
    number = 1
    while _sealed(instance, la, number).exists() or _folder(instance, la, number).exists():
        number += 1
    own, aca = instance.domain(la), instance.domain("aca")
    sealed = str(_sealed(instance, la, number).relative_to(instance.directory))
    common = {"instance": "../.."}
    made = {
        "title": f"Key {number} of {la} and the ACA", "kind": "la-key", **common, "domain": la,
        "wrap": _present_label(instance, la).text,
        "certificate": f"{la}/certificates/{la}-{own.generation}.oer",
        "aca": f"{la}/trust/aca.oer", "output": sealed,
        **({} if since is None else {"since": iso_from_time32(since)}),
    }  # fmt: skip
    taken = {
        "title": f"Key {number} of {la}, at the ACA", "kind": "la-keys", **common, "domain": "aca",
        "key": f"aca-encrypt-{aca.generation}", "wrap": _present_label(instance, "aca").text,
        "certificate": f"aca/certificates/aca-{aca.generation}.oer",
        "keys": [{"file": sealed, "certificate": f"aca/trust/{la}.oer"}],
    }  # fmt: skip
    files = []
    for order, (name, spec) in enumerate(((la, made), ("aca", taken)), 1):
        file = _folder(instance, la, number) / f"{order}-{name}.yaml"
        write_new(file, yaml.safe_dump(spec, sort_keys=False, width=110).encode())
        files.append(file)
    return files


def _present_label(instance: Instance, name: str) -> KeyLabel:
    """By the database where it is within reach; a file can be edited where it is not."""
    domain = instance.domain(name)
    if not domain.directory.exists():
        return KeyLabel(name, "wrap")
    with Database.open(domain.database_url, must_exist=True) as database:
        return used_label(database, name)


def _folder(instance: Instance, la: str, number: int) -> Path:
    return instance.ceremonies_dir / f"la-key-{la}-{number}"


def _sealed(instance: Instance, la: str, number: int) -> Path:
    return instance.domain(la).certificates_dir / f"aca-key-{number}.sealed"


def _model(name: str) -> type[DeclarativeBase]:
    if name not in KEEPERS:
        raise ConfigError(f"{name} keeps no wrapped secrets", hint=", ".join(KEEPERS))
    return KEEPERS[name]
