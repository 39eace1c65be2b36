"""A signer's instance: one person's keys for offline roles, in a token of their own, with a database that
says what they have signed. It is on no server; requests and signatures go to and fro as files.

The two roots have keys of their own. A root does not say whose it is: one that the same keys signed for the
Director would do as the next one of the Image repository, with the Director's online keys in it.

    create_signer(Path("alice"), "alice")
    with open_signer(Path("alice")) as signer:
        signature = signer.sign(request, by="alice")
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key

from v2xpki.audit import Event
from v2xpki.config import FILE_NAME, FORMAT, UNFINISHED, DomainConfig, Instance
from v2xpki.config.instance import SIGNER_PROFILE
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError, DecodeError, IssuanceError
from v2xpki.issuance import recover
from v2xpki.issuance.metadata import MetadataIssuer
from v2xpki.issuance.token_signer import SIGNING_CURVES
from v2xpki.keystore import KeyLabel, Keystore, TokenConfig, create_token, open_token
from v2xpki.ota.kinds import DIRECTOR, IMAGE, ROOT, TARGETS
from v2xpki.ota.signing_files import RequestFile, SignatureFile
from v2xpki.ota.signing_record import SigningRecord
from v2xpki.store import Database, require_current, upgrade
from v2xpki.time import Clock, SystemClock
from v2xpki.trust.ota.canonical import read_object
from v2xpki.trust.ota.keys import key_document, parse_key
from v2xpki.trust.ota.names import PART, require

DOMAIN = "signer"
#: What a key is for: the Image repository's root and targets, the Director's root.
USES = (ROOT, TARGETS, DIRECTOR.name)
_USES_OF = {IMAGE.name: (ROOT, TARGETS), DIRECTOR.name: (DIRECTOR.name,)}
_LONGEST_NAME = 32  # it is the token's label
_LONGEST_KEYS = 64 << 10


class SignerKeys:
    """What a signer hands to a repository: a name, and the public keys for each use."""

    def __init__(self, name: str, keys: Mapping[str, Key]) -> None:
        self.name, self.keys = require(name, PART, "a signer's name"), dict(keys)

    def document(self) -> dict[str, Any]:
        return {"signer": self.name} | {use: key_document(key) for use, key in self.keys.items()}

    @classmethod
    def parse(cls, octets: bytes) -> "SignerKeys":
        """Raises DecodeError that names the field."""
        table = read_object(octets, "signer", limit=_LONGEST_KEYS)
        if table.keys() != {"signer", *USES} or not isinstance(table["signer"], str):
            raise DecodeError("signer has not signer, root, targets and director")
        return cls(table["signer"], {use: parse_key(table[use], f"signer.{use}") for use in USES})


class Signer:
    """A signer's instance, opened."""

    def __init__(self, name: str, keystore: Keystore, database: Database, clock: Clock) -> None:
        self.name = name
        self._keystore, self._database, self._clock = keystore, database, clock
        self._load()

    def _load(self) -> None:
        ours = {_authority(use) for use in USES}
        labels = sorted(one.label for one in self._keystore.keys() if one.label.authority in ours)
        self._issuer = MetadataIssuer.open(self._keystore, labels)
        self._labels = {self._issuer.public_key(label).keyid: label for label in labels}
        self._record = SigningRecord(self.name, self._issuer, self._database, self._clock)

    def keys(self) -> dict[str, Key]:
        """Of each use the newest."""
        return {
            label.authority.removeprefix(f"{DOMAIN}-"): self._issuer.public_key(label)
            for label in self._labels.values()
        }

    def sign(self, request: RequestFile, *, by: str) -> SignatureFile:
        """With each own key that a request names. As SigningRecord.sign."""
        return self._record.sign(request, self._asked(request), by=by)

    def remarks(self, request: RequestFile) -> list[str]:
        """As SigningRecord.remarks."""
        return self._record.remarks(request, self._asked(request))

    def _asked(self, request: RequestFile) -> list[KeyLabel]:
        """The own keys that a request names and that are for its repository."""
        asked = {keyid for one in request.agree for keyid in one.keys}
        ours = {_authority(use) for use in _USES_OF[request.repository]}
        return [label for keyid, label in self._labels.items() if keyid in asked and label.authority in ours]

    def rotate(self, use: str) -> Key:
        """Make the next key of a use, on the curve of the one before. Raises KeystoreError."""
        last = max(label for label in self._labels.values() if label.authority == _authority(use))
        label = replace(last, generation=last.generation + 1)
        _generate(self._keystore, self._database, label, self._keystore.public_key(last).curve)
        self._load()
        return self._issuer.public_key(label)


def create_signer(
    directory: Path, name: str, curve: Curve = Curve.NIST_P256, *, clock: Clock | None = None
) -> SignerKeys:
    """Make an instance: configuration, token, database, and a key for each use.

    Raises ConfigError (a folder with something in it, a name that is too long), DecodeError (a name that is
    none), IssuanceError (a curve that TUF has no scheme for), KeystoreError, StoreError.
    """
    require(name, PART, "a signer's name")
    if len(name) > _LONGEST_NAME:
        raise ConfigError(f"a signer's name has at most {_LONGEST_NAME} characters")
    if curve not in SIGNING_CURVES:
        raise IssuanceError(f"firmware metadata is signed on P-256 or P-384, not {curve.text}")
    if directory.exists() and any(directory.iterdir()):
        raise ConfigError(f"{directory} is not empty", hint="a signer's instance is made in a new folder")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = (
        f"# The keys of one person who signs firmware metadata.\nformat = {FORMAT}\n"
        f'profile = "{SIGNER_PROFILE}"\n\n'
        f'[domains.{DOMAIN}]\ntoken_label = "{name}"\ncurve = "{curve.text}"\n'
    )
    unfinished = directory / UNFINISHED
    unfinished.write_text(text, encoding="utf-8")
    domain = Instance.load(directory, unfinished=True).domain(DOMAIN)
    domain.directory.mkdir(mode=0o700)
    token = TokenConfig.of_domain(domain)
    create_token(token)
    clock = clock or SystemClock()
    with Database.open(domain.database_url, clock=clock) as database:
        upgrade(database, DOMAIN)
        keystore = open_token(token)
        try:
            for use in USES:
                _generate(keystore, database, KeyLabel(_authority(use), "sign"), curve)
            keys = Signer(name, keystore, database, clock).keys()
        finally:
            keystore.close()
    unfinished.rename(directory / FILE_NAME)
    return SignerKeys(name, keys)


@contextmanager
def open_signer(directory: Path, *, clock: Clock | None = None) -> Iterator[Signer]:
    """A signer's instance at work; what a dead process left open is voided first.

    Raises ConfigError (no signer's instance), KeystoreError, StoreError.
    """
    domain, clock = _domain_of(directory), clock or SystemClock()
    with Database.open(domain.database_url, clock=clock, must_exist=True) as database:
        require_current(database, DOMAIN)
        keystore = open_token(TokenConfig.of_domain(domain))
        try:
            recover(database)
            yield Signer(domain.token_label, keystore, database, clock)
        finally:
            keystore.close()


def record_of(directory: Path) -> str:
    """The URL of the database of a signer's instance. Raises ConfigError."""
    return _domain_of(directory).database_url


def _domain_of(directory: Path) -> DomainConfig:
    instance = Instance.load(directory)
    if instance.profile != SIGNER_PROFILE:
        raise ConfigError(f"{directory} is no signer's instance", hint="`v2xpki ota signer create` makes one")
    return instance.domain(DOMAIN)


def _generate(keystore: Keystore, database: Database, label: KeyLabel, curve: Curve) -> None:
    key = keystore.generate(label, curve)
    with database.write(durable=True) as tx:
        tx.audit(Event.KEY_GENERATED, label=label.text, curve=curve.text, point=key.point)


def root_use(repository: str) -> str:
    """Which of a signer's keys is for a repository's root."""
    return _USES_OF[repository][0]


def _authority(use: str) -> str:
    return f"{DOMAIN}-{use}"
