"""An Image repository's releases in a folder, with a stand-in for the roles that sign its targets."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.support.provenance import attest, new_key, policy_text
from v2xpki.config.ota import APPROVER, RELEASE_ENGINEER, OtaPolicy
from v2xpki.ota.desk import Operator
from v2xpki.ota.new_release import NewRelease
from v2xpki.ota.releases import ReleaseFollower, Releases
from v2xpki.ota.uploads import Uploads
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock
from v2xpki.trust.ota.provenance import Policy

NOW = 720_000_123
ENGINEER = Operator("engineer", frozenset({RELEASE_ENGINEER}))
APPROVERS = [Operator(name, frozenset({APPROVER})) for name in ("ann", "ben")]
SIGNER = new_key()
IMAGE = b"firmware " * 1000


class FakeTargets:
    """Signs whatever it is told to, when it is told to; follows nothing else."""

    def __init__(self, database: Database) -> None:
        self._database, self._follower = database, ReleaseFollower()
        self.supplier: str | None = None
        self.version = 1
        self.open: list[Any] = []

    def covering(self, path: str) -> tuple[str, ...]:
        return ("supplier", "targets") if self.supplier and path.startswith(self.supplier) else ("targets",)

    def delegation_asked(self, role: str, path: str) -> None:
        return None

    def request_targets(self, role: str, *, add: Mapping[str, Any], remove: Iterable[str], by: str) -> Any:
        change = SimpleNamespace(
            request=bytes([self.version]) * 32, role=role, version=self.version + 1,
            added=dict(add), removed=list(remove), by=by,
        )  # fmt: skip
        with self._database.write(durable=True) as tx:
            self._follower.requested(tx, change)
        self.open.append(change)
        return change

    def sign(self) -> None:
        change = self.open.pop()
        self.version = change.version
        with self._database.write(durable=True) as tx:
            self._follower.published(tx, change)

    def drop(self) -> None:
        with self._database.write(durable=True) as tx:
            self._follower.dropped(tx, self.open.pop())


class Shop:
    """All of it."""

    def __init__(self, folder: Path, *, url: str = "", **settings: Any) -> None:
        self.clock = FixedClock(NOW)
        self.database = Database.open(url or f"sqlite:///{folder}/image.db", clock=self.clock)
        upgrade(self.database, "image")
        self.settings = OtaPolicy(**settings)
        self.uploads = Uploads(folder / "uploads", limit=1 << 20, clock=self.clock)
        self.images = folder / "targets"
        self.policy: Policy | None = Policy.parse(policy_text(SIGNER), lambda name: b"")
        self.targets = FakeTargets(self.database)
        self.releases = self.opened()

    def opened(self) -> Releases:
        return Releases(self.database, self.uploads, self.images, self.targets, self.settings, self.policy)

    def upload(self, image: bytes = IMAGE, owner: str = "engineer") -> str:
        upload = self.uploads.create(owner, len(image))
        self.uploads.append(upload.id, owner, 0, [image])
        return upload.id

    def body(self, counter: int = 1, image: bytes = IMAGE, **changes: Any) -> dict[str, Any]:
        """Of `POST releases`, with its image uploaded; changes to None leave a member out."""
        body = {
            "upload": self.upload(image), "name": "brake", "version": f"1.{counter}",
            "hardwareIds": ["bcm-2"], "releaseCounter": counter, "file": "fw.bin",
            "attestation": base64.b64encode(attest(hashlib.sha256(image).hexdigest(), SIGNER)).decode(),
            **changes,
        }  # fmt: skip
        return {name: value for name, value in body.items() if value is not None}

    def add(self, counter: int = 1, image: bytes = IMAGE, **changes: Any) -> bytes:
        body = self.body(counter, image, **changes)
        return self.releases.add(ENGINEER, NewRelease.parse(body))[0]

    def publish(self, counter: int = 1, **changes: Any) -> bytes:
        found = self.add(counter, **changes)
        self.releases.approve(APPROVERS[0], found)
        self.releases.request_signatures(ENGINEER, "targets")
        self.targets.sign()
        return found

    def files(self) -> list[str]:
        return sorted(str(one.relative_to(self.images)) for one in self.images.rglob("*") if one.is_file())
