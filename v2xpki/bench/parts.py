"""The parts that floors are made of, each timed on handles held open.

sign, agree: the token's C_Sign, and C_DeriveKey with reading the value, by the keystore's own handles.
softsign, verify, ecdh, keygen: the cryptography package. mulg: A + k*G, compressed point to compressed point,
which no public call of that package gives: by crypto.group. commit: a bare durable commit of SQLite (WAL,
synchronous=FULL) in the folder that holds the databases.
"""

import hashlib
import os
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from v2xpki.crypto import Curve, random_scalars
from v2xpki.crypto.group import p256
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.keystore.memory import MemoryKey

#: A round of one part lasts this long: long enough for the clock, short enough to interleave.
ROUND_SECONDS = 0.05

_GROUPS: dict[Curve, type[ec.EllipticCurve]] = {
    Curve.NIST_P256: ec.SECP256R1,
    Curve.BRAINPOOL_P256R1: ec.BrainpoolP256R1,
}
_SHA256 = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_DIGEST = hashlib.sha256(b"a part of a floor").digest()

Operation = Callable[[], object]


def part_name(operation: str, curve: Curve = Curve.NIST_P256) -> str:
    """`verify` is P-256's; other curves carry their name: `verify_brainpoolP256r1`."""
    return operation if curve is Curve.NIST_P256 else f"{operation}_{curve.text}"


class Parts:
    """Named operations and the times that they took."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations
        self._rounds: dict[str, list[float]] = {}

    def measure(self, names: Iterable[str]) -> None:
        """One more round of each named part."""
        for name in names:
            operation, count = self._operations[name], 0
            start = time.perf_counter()
            while (taken := time.perf_counter() - start) < ROUND_SECONDS:
                operation()
                count += 1
            self._rounds.setdefault(name, []).append(taken / count * 1e6)

    def microseconds(self, name: str) -> float:
        """Median over the rounds measured so far."""
        return statistics.median(self._rounds[name])


def software_parts(curve: Curve) -> dict[str, Operation]:
    """softsign, verify, ecdh and keygen of the cryptography package."""
    group = _GROUPS[curve]()
    private, peer = ec.generate_private_key(group), ec.generate_private_key(group).public_key()
    public, signature = private.public_key(), private.sign(_DIGEST, _SHA256)
    return {
        part_name("softsign", curve): lambda: private.sign(_DIGEST, _SHA256),
        part_name("verify", curve): lambda: public.verify(signature, _DIGEST, _SHA256),
        part_name("ecdh", curve): lambda: private.exchange(ec.ECDH(), peer),
        part_name("keygen", curve): lambda: ec.generate_private_key(group),
    }


def token_parts(keystore: Keystore, authority: str, generation: int) -> dict[str, Operation]:
    """sign and agree of a token, by the handles that the work itself uses."""
    key = keystore.issuing_key(KeyLabel(authority, "sign", generation))
    agreer = keystore.agreer(KeyLabel(authority, "encrypt", generation))
    peer = MemoryKey.generate(agreer.public_key.curve).public_key
    return {"sign": lambda: key.sign(_DIGEST), "agree": lambda: agreer.agree(peer)}


def sign_part(keystore: Keystore, label: KeyLabel) -> dict[str, Operation]:
    """sign of a token, by the handle that the work itself uses."""
    key = keystore.issuing_key(label)
    return {"sign": lambda: key.sign(_DIGEST)}


def group_part() -> dict[str, Operation]:
    """mulg."""
    group, scalars = p256(), random_scalars(2)
    (point,) = group.multiples_of_base(scalars[:1])
    return {"mulg": lambda: group.shifted(point, scalars[1:])}


def commit_part(directory: Path) -> dict[str, Operation]:
    """A durable commit of one small row: the least that a record before a signature costs."""
    connection = sqlite3.connect(directory / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE record (id BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID")
    body = bytes(300)

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO record VALUES (?, ?)", (os.urandom(16), body))
        connection.execute("COMMIT")

    return {"commit": commit}
