"""A signer's instance: one person's keys for offline roles, in a token of their own, with a database that
says what they have signed. It is on no server; requests and signatures go to and fro as files.

The two roots have keys of their own. A root does not say whose it is: one that the same keys signed for the
Director would do as the next one of the Image repository, with the Director's online keys in it.

    create_signer(Path("alice"), "alice")
    with open_signer(Path("alice")) as signer:
        signature = signer.sign(request, by="alice")
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from securesystemslib.signer import Key
from tuf.api.metadata import Signed

from v2xpki.audit import Event
from v2xpki.config import FILE_NAME, FORMAT, UNFINISHED, Instance
from v2xpki.config.instance import SIGNER_PROFILE
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError, DecodeError, IssuanceError, Refused
from v2xpki.issuance import recover
from v2xpki.issuance.metadata import MetadataIssuer, document, documents_of
from v2xpki.issuance.recorded_signer import RecordedSigner
from v2xpki.issuance.records import ISSUED
from v2xpki.issuance.token_signer import SIGNING_CURVES
from v2xpki.keystore import KeyLabel, Keystore, TokenConfig, create_token, open_token
from v2xpki.ota.kinds import DIRECTOR, IMAGE, ROOT, TARGETS
from v2xpki.ota.metadata import expiry, parse
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.ota.signing_files import RequestFile, SignatureFile
from v2xpki.store import Database, Transaction, require_current, upgrade
from v2xpki.store.base import IssuanceRecord
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.trust.ota.canonical import as_json, read_object
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
        self._issuer, self._labels = self._load()

    def _load(self) -> tuple[MetadataIssuer, dict[str, KeyLabel]]:
        ours = {_authority(use) for use in USES}
        labels = sorted(one.label for one in self._keystore.keys() if one.label.authority in ours)
        issuer = MetadataIssuer.open(self._keystore, labels)
        return issuer, {issuer.public_key(label).keyid: label for label in labels}

    def keys(self) -> dict[str, Key]:
        """Of each use the newest."""
        return {
            label.authority.removeprefix(f"{DOMAIN}-"): self._issuer.public_key(label)
            for label in self._labels.values()
        }

    def sign(self, request: RequestFile, *, by: str) -> SignatureFile:
        """Sign what a request asks, with each own key that it names, recorded first. The same again gives the
        signatures that were made then.

        Raises Refused(UNKNOWN_KEY, EXPIRED), KeystoreError, StoreError, AuditError.
        """
        labels = self._asked(request)
        if not labels:
            raise Refused(SigningReason.UNKNOWN_KEY, f"no key of {self.name} is asked to sign this")
        octets, now = request.octets, self._clock.time32()
        if expiry(parse(document(octets, ()), Signed).signed) <= now:
            raise Refused(SigningReason.EXPIRED, f"{request.role} version {request.version} has expired")
        signatures = {}
        for label in labels:
            keyid = self._issuer.public_key(label).keyid
            made = self._made_before(octets, keyid) or self._make(request, label, by, now)
            signatures[keyid] = made
        return SignatureFile(request.repository, request.id, self.name, signatures)

    def remarks(self, request: RequestFile) -> list[str]:
        """What the own record has to say to a request, for people: whether the version before, which the
        repository shows, is one that was signed here; and whether another of the same version was."""
        keyids = {self._issuer.public_key(label).keyid for label in self._asked(request)}
        with self._database.read() as tx:
            made = tx.execute(
                sa.select(IssuanceRecord.to_be_signed, IssuanceRecord.signed).where(
                    IssuanceRecord.state == ISSUED
                )
            ).all()
        known = [json.loads(one) for row in made for one in documents_of(row.to_be_signed, row.signed)]
        bodies = [one["signed"] for one in known if keyids & {s["keyid"] for s in one["signatures"]}]
        remarks = []
        if request.former is not None and request.former not in bodies:
            remarks.append("the version before was not signed here: what it said is the repository's word")
        for body in bodies:
            if body["version"] == request.version and body != request.signed:
                remarks.append(f"another {request.role} version {request.version} was signed here before")
        return remarks

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
        self._issuer, self._labels = self._load()
        return self._issuer.public_key(label)

    def _made_before(self, octets: bytes, keyid: str) -> str | None:
        table = IssuanceRecord
        query = sa.select(table.signed).where(table.to_be_signed == as_json(octets), table.state == ISSUED)
        with self._database.read() as tx:
            for signed in tx.execute(query).scalars():
                by, _, signature = signed.decode().partition(" ")
                if by == keyid:
                    return str(signature)
        return None

    def _make(self, request: RequestFile, label: KeyLabel, by: str, now: int) -> str:
        def tell(tx: Transaction) -> None:
            tx.audit(
                Event.METADATA_SIGNATURE_MADE,
                repository=request.repository,
                role=request.role,
                version=request.version,
                digest=request.id,
                label=label.text,
                operator=by,
                at=iso_from_time32(now),
            )

        signer = RecordedSigner(self._issuer, label, self._database, tell)
        return str(signer.sign(request.octets).signature)


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
    instance = Instance.load(directory)
    if instance.profile != SIGNER_PROFILE:
        raise ConfigError(f"{directory} is no signer's instance", hint="`v2xpki ota signer create` makes one")
    domain, clock = instance.domain(DOMAIN), clock or SystemClock()
    with Database.open(domain.database_url, clock=clock, must_exist=True) as database:
        require_current(database, DOMAIN)
        keystore = open_token(TokenConfig.of_domain(domain))
        try:
            recover(database)
            yield Signer(domain.token_label, keystore, database, clock)
        finally:
            keystore.close()


def _generate(keystore: Keystore, database: Database, label: KeyLabel, curve: Curve) -> None:
    key = keystore.generate(label, curve)
    with database.write(durable=True) as tx:
        tx.audit(Event.KEY_GENERATED, label=label.text, curve=curve.text, point=key.point)


def root_use(repository: str) -> str:
    """Which of a signer's keys is for a repository's root."""
    return _USES_OF[repository][0]


def _authority(use: str) -> str:
    return f"{DOMAIN}-{use}"
