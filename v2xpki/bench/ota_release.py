"""ota_release: an image of 100 MB comes in as an upload, is hashed, has its provenance checked, is staged.

Its floor is what cannot be left out: the octets written and brought to the disk once, read and hashed once.
"""

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from v2xpki.bench.runner import Result
from v2xpki.config import OtaPolicy
from v2xpki.config.ota import OPERATOR_ROLES
from v2xpki.ota.desk import Operator
from v2xpki.ota.kinds import IMAGE
from v2xpki.ota.new_release import NewRelease
from v2xpki.ota.releases import Releases
from v2xpki.ota.repository import Repository
from v2xpki.ota.uploads import BLOCK, Uploads
from v2xpki.store import Database, upgrade
from v2xpki.time import SystemClock
from v2xpki.trust.ota.provenance import PAYLOAD_TYPE, SLSA_V1, Policy

OCTETS = 100_000_000
LEAST_ROUNDS = 3
_BUILDER = "https://bench.example/builder"


def names() -> list[str]:
    return ["ota_release"]


def run_all(wanted: list[str], seconds: float, directory: Path) -> list[Result]:
    """It, where it is wanted."""
    if "ota_release" not in wanted:
        return []
    folder = directory / "ota_release"
    folder.mkdir()
    return [run(seconds, folder)]


def run(seconds: float, folder: Path) -> Result:
    """MB a second, from the first octet to the staged release."""
    shop = _Shop(folder)
    times: list[float] = []
    floors: list[float] = []
    end = time.perf_counter() + seconds
    try:
        while len(times) < LEAST_ROUNDS or time.perf_counter() < end:
            floors.append(shop.floor())
            times.append(shop.release())
    finally:
        shop.database.close()
    taken, floor = median(times), median(floors)
    detail = {"write, sync, read, hash 100 MB": {"count": 1, "us": round(floor * 1e6, 1)}}
    return Result("ota_release", "MB/s", OCTETS / 1e6 / taken, floor * 1e6, floor / taken, len(times), detail)


class _Shop:
    """Everything but HTTP, in a folder."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        self._folder, self._count = folder, 0
        self.database = Database.open(folder / "image.db", clock=clock)
        upgrade(self.database, "image")
        self._key = ec.generate_private_key(ec.SECP256R1())
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        text = f"[[builder]]\nid = {json.dumps(_BUILDER)}\nkeys = [{json.dumps(pem)}]"
        settings = OtaPolicy()
        self._uploads = Uploads(folder / "uploads", limit=OCTETS, clock=clock)
        repository = Repository(self.database, IMAGE, None, settings, clock)
        policy = Policy.parse(text, lambda name: b"")
        self._releases = Releases(
            self.database, self._uploads, folder / "targets", repository, settings, policy
        )
        self._operator = Operator("bench", frozenset(OPERATOR_ROLES))
        self._block = os.urandom(BLOCK)

    def release(self) -> float:
        """Seconds of one release."""
        self._count += 1
        # each image is another one, and its statement is made where it was built
        attestation = self._attest(_digest(self._blocks()))
        body = {
            "name": "bench", "version": str(self._count), "hardwareIds": ["hw"],
            "releaseCounter": self._count, "attestation": base64.b64encode(attestation).decode(),
        }  # fmt: skip
        start = time.perf_counter()
        upload = self._uploads.create(self._operator.name, OCTETS)
        self._uploads.append(upload.id, self._operator.name, 0, self._blocks())
        (added,) = self._releases.add(self._operator, NewRelease.parse(body | {"upload": upload.id}))
        taken = time.perf_counter() - start
        for file in (self._folder / "targets").rglob("*.bin"):
            file.unlink()
        assert self._releases.get(added).row.length == OCTETS
        return taken

    def floor(self) -> float:
        """Seconds to write the same octets and hash what is on the disk."""
        path = self._folder / "floor"
        start = time.perf_counter()
        with path.open("wb") as file:
            for block in self._blocks():
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
        taken = time.perf_counter() - start
        path.unlink()
        return taken

    def _blocks(self) -> Iterator[bytes]:
        yield self._count.to_bytes(8) + self._block[8:]
        whole, rest = divmod(OCTETS - BLOCK, BLOCK)
        for _ in range(whole):
            yield self._block
        yield self._block[:rest]

    def _attest(self, sha256: str) -> bytes:
        statement: dict[str, Any] = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "image", "digest": {"sha256": sha256}}],
            "predicateType": SLSA_V1,
            "predicate": {"runDetails": {"builder": {"id": _BUILDER}}},
        }
        payload = json.dumps(statement).encode()
        pae = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
        sig = self._key.sign(pae, ec.ECDSA(hashes.SHA256()))
        return json.dumps(
            {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(sig).decode()}],
            }
        ).encode()


def _digest(blocks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
