"""The generations of an EA's or AA's keys, as its folder and its token have them.

    DIR/aa/certificates/aa-1.oer    generation 1: keys aa-sign-1, aa-encrypt-1
    DIR/aa/certificates/aa-2.oer    generation 2, from the moment the file is there

A service opens all of them and looks at the folder again every second: a certificate that is installed is
taken over without a restart, and requests that are at work keep the generation that they came to.
"""

import os
from collections.abc import Callable
from pathlib import Path

from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.config import DomainConfig, installed_generations
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, KeyNotFound
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.store import Database
from v2xpki.time import Clock

#: Seconds between two looks at the folder.
LOOK_AGAIN = 1.0


def open_generations(
    keystore: Keystore, domain: DomainConfig, database: Database, clock: Clock
) -> list[Generation]:
    """All generations whose certificate and encryption key are there: the present one, then the newest first.

    Raises ConfigError without the present certificate or for one of other keys, KeystoreError without its
    keys, KeyRefused, IssuanceError where they do not fit.
    """
    present = _open(keystore, domain, domain.generation, database, clock)
    if present is None:
        raise ConfigError(f"no certificate {domain.certificate_path}", hint="`v2xpki init` makes it")
    if present.responder is None:
        raise ConfigError(f"{domain.certificate_path}: its signing key is not in the token")
    found = [present]
    for number in sorted(installed_generations(domain.certificates_dir, domain.name), reverse=True):
        if number == domain.generation:
            continue
        try:
            other = _open(keystore, domain, number, database, clock)
        except KeyNotFound:
            continue  # a former generation whose keys were destroyed
        if other is not None:
            found.append(other)
    return found


def _open(
    keystore: Keystore, domain: DomainConfig, number: int, database: Database, clock: Clock
) -> Generation | None:
    path = domain.certificates_dir / f"{domain.name}-{number}.oer"
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        return None
    certificate = Certificate.parse(octets)
    agreer = keystore.agreer(KeyLabel(domain.name, "encrypt", number))
    if certificate.encryption_key != agreer.public_key:
        raise ConfigError(f"{path} is not of the encryption key {domain.name}-encrypt-{number}")
    label = KeyLabel(domain.name, "sign", number)
    try:
        responder = keystore.responder(label, certificate)
        issuer = Issuer.open(keystore, label, certificate, database, clock)
    except KeyNotFound:
        return Generation(certificate, agreer, number=number)
    return Generation(certificate, agreer, responder, issuer, number)


class GenerationWatch:
    """Takes over what is installed while a service runs. One for each process.

    load: reads the generations anew, with all their handles.
    """

    def __init__(self, own: OwnKeys, folder: Path, load: Callable[[], list[Generation]]) -> None:
        self._own, self._folder, self._load = own, folder, load
        self._seen = _stamps(folder)

    def round(self) -> float:
        """Look once; seconds until the next look. Raises what `load` raises: then the former ones stay."""
        seen = _stamps(self._folder)
        if seen != self._seen:
            self._own.replace(self._load())
            self._seen = seen
        return LOOK_AGAIN


def _stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    found = []
    for entry in os.scandir(folder):
        if entry.name.endswith(".oer"):
            stat = entry.stat()
            found.append((entry.name, stat.st_mtime_ns, stat.st_ino))
    return tuple(sorted(found))
