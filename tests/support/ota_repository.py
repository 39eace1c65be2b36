"""Signers and repositories of firmware metadata for tests: memory keys, unless a test has better."""

import hashlib
from pathlib import Path
from typing import Self

from securesystemslib.signer import CryptoSigner

from v2xpki.config import OtaPolicy
from v2xpki.keystore import MemoryKeystore
from v2xpki.ota.changes import FirstRoles
from v2xpki.ota.kinds import IMAGE, Kind
from v2xpki.ota.metadata import TargetEntry
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.repository import Repository
from v2xpki.ota.rows import Request
from v2xpki.ota.signing_files import RequestFile, SignatureFile
from v2xpki.ota.software_keys import SoftwareKey, _generate
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock

NOW = 707_356_805  # 2026-06-01
PATH = "hw-a/brakes/1/brakes.img"


class TestSigner:
    """A person with a root key and a targets key."""

    __test__ = False

    def __init__(self, name: str = "ann") -> None:
        self.name = name
        self.root, self.targets = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa()

    def sign(self, request: Request, repository: str = "image") -> list[SignatureFile]:
        """What this person's keys have to say to a request."""
        return [
            sign(key, request, self.name, repository)
            for key in (self.root, self.targets)
            if any(key.public_key.keyid in asked.keys for asked in request.agree)
        ]


class Supplier:
    """Somebody with one key of any scheme, whose signatures are recorded nowhere."""

    def __init__(self, key: SoftwareKey) -> None:
        self.name, self.public_key, self.keys = key.name, key.public_key, key.keys
        self._signer = CryptoSigner(key._private_key, key.public_key)

    @classmethod
    def new(cls, name: str, scheme: str = "ed25519") -> Self:
        return cls(SoftwareKey(name, _generate(scheme)))

    def sign(self, request: RequestFile) -> SignatureFile:
        made = self._signer.sign(request.octets)
        return SignatureFile(request.repository, request.id, self.name, {made.keyid: made.signature})


def sign(key: CryptoSigner, request: Request, name: str = "ann", repository: str = "image") -> SignatureFile:
    made = key.sign(request.payload)
    return SignatureFile(repository, request.id, name, {key.public_key.keyid: made.signature})


def entry(content: bytes = b"image", **custom: object) -> TargetEntry:
    return TargetEntry(len(content), hashlib.sha256(content).hexdigest(), custom)


def database_of(where: Path | str, kind: Kind = IMAGE, now: int = NOW) -> tuple[Database, FixedClock]:
    """where: a folder, or a URL."""
    clock = FixedClock(now)
    url = where if isinstance(where, str) else where / f"{kind.name}.db"
    database = Database.open(url, clock=clock)
    upgrade(database, kind.name)
    return database, clock


class Scene:
    """A repository, its clock, its token, and two people who sign."""

    def __init__(
        self,
        where: Path | str,
        kind: Kind = IMAGE,
        *,
        keystore=None,
        policy: OtaPolicy | None = None,
        follower=None,
        now: int = NOW,
    ) -> None:
        self.database, self.clock = database_of(where, kind, now)
        self.keystore = keystore or MemoryKeystore("test")
        self.kind, self.policy, self.follower = kind, policy or OtaPolicy(), follower
        self.ann, self.bob = TestSigner("ann"), TestSigner("bob")
        self.repository = self.another()

    def another(self, keystore=None) -> Repository:
        """The same repository, opened once more."""
        keys = OnlineKeys(keystore or self.keystore, self.kind)
        return Repository(self.database, self.kind, keys, self.policy, self.clock, follower=self.follower)

    def begin(self, root_threshold: int = 2, targets_threshold: int = 1) -> Repository:
        """With the first metadata, signed by both."""
        people = (self.ann, self.bob)
        first = FirstRoles(
            tuple(one.root.public_key for one in people),
            root_threshold,
            tuple(one.targets.public_key for one in people) if self.kind.keeps_targets else (),
            targets_threshold,
        )
        self.agree(self.repository.bootstrap(first, by="operator"))
        return self.repository

    def agree(self, requests, *people: TestSigner) -> None:
        """Everyone signs what they are asked, until it is published."""
        for request in requests:
            for person in people or (self.ann, self.bob):
                for signature in person.sign(request, self.kind.name):
                    if self.repository.request(request.id)[0].state == "open":
                        self.repository.submit(signature, by="operator")

    def later(self, seconds: int) -> None:
        self.clock.advance(seconds)
