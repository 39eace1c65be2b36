"""Which targets the Director may direct to: it follows the Image repository as any TUF client does (TUF 5),
from a root that its operator trusts, and keeps what the targets roles say.

Whoever holds all of the Director's keys can direct vehicles to these alone: they check the Image repository
themselves. What is withdrawn there is directed no more: at once where its operators say so here, too, else
with the next targets, which people must sign first. A target counts where a client would find it: in the
first role, in the order of delegations, that a path is delegated to and that has it (TUF 5.6.7).
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from v2xpki.audit import Event
from v2xpki.errors import DecodeError, InvalidList, RecordFailed
from v2xpki.ota.plan import tx_plan_changed
from v2xpki.ota.rows import tx_alone
from v2xpki.store import Database, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.time import Clock, unix_from_time32
from v2xpki.trust.ota.canonical import as_json, canonical
from v2xpki.trust.ota.fields import ImageFields
from v2xpki.trust.ota.names import SHA256

#: A document's octets by its name, e.g. "3.snapshot.json"; None where there is none. Raises LinkError.
Fetch = Callable[[str], bytes | None]

#: Seconds between two looks at the Image repository's targets.
LOOK_EVERY = 15.0
_TRIES = 5
_MOST_ROOTS, _MOST_ROLES = 256, 1024  # of one refresh
_ONLINE = ("snapshot", "timestamp")
_K, _F = table_of(store.KnownTarget).c, table_of(store.FollowedRole).c
_C, _W = table_of(store.Campaign).c, table_of(store.WithdrawnTarget).c
T = TypeVar("T", Root, Timestamp, Snapshot, Targets)


class _Overtaken(Exception):
    """Another process has followed the repository since."""


class Followed(NamedTuple):
    """What a refresh found. version: of the snapshot; gone: targets withdrawn since the last; strange: those
    whose custom fields are not this house's, which nobody is directed to."""

    version: int
    known: int
    gone: int
    strange: int

    def document(self) -> dict[str, Any]:
        return self._asdict()


class KnownTargets:
    """For all processes: whose look was overtaken by another's looks again."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def refresh(self, fetch: Fetch, root: bytes) -> Followed:
        """Follow the repository to its newest snapshot. root: the trusted root, for the first time; later the
        newest one that followed it counts. Raises InvalidList for what does not verify, has expired, or is
        older than what was seen; what fetch raises. Then all stays as it was."""
        for _ in range(_TRIES):
            with contextlib.suppress(_Overtaken):
                return self._refresh(fetch, root)
        raise RecordFailed("other processes follow the Image repository all the time")

    def _refresh(self, fetch: Fetch, root: bytes) -> Followed:
        """Raises _Overtaken."""
        with self._database.read() as tx:
            seen = _tx_seen(tx)
        following = _Following(fetch, seen, self._clock.time32())
        following.follow(seen.get("root", root))
        targets = dict(following.targets())
        with self._database.write(durable=True) as tx:
            # What another process has followed to since may be newer than this: none goes back.
            tx_alone(tx)
            if _tx_seen(tx) != seen:
                raise _Overtaken
            gone, changed, strange = _tx_keep(tx, targets)
            _tx_remember(tx, following.documents)
            if changed:
                tx_plan_changed(tx)
                tx.audit(
                    Event.TARGETS_FOLLOWED,
                    version=following.snapshot.version,
                    known=len(targets) - strange,
                    gone=gone,
                )
        return Followed(following.snapshot.version, len(targets) - strange, gone, strange)

    def withdraw(self, path: str, reason: str, operator: str) -> list[dict[str, Any]]:
        """Direct to a target no more, from now on and for good, also if it is not known yet: what is out at a
        path is never out again. The campaigns that still offer it, the first begun first: id, name, state."""
        with self._database.write(durable=True) as tx:
            tx_alone(tx)
            now = self._clock.time32()
            if tx.insert_if_new(store.WithdrawnTarget, path=path, withdrawn=now, withdrawn_by=operator):
                tx.execute(sa.update(table_of(store.KnownTarget)).where(_K.path == path).values(gone=1))
                tx_plan_changed(tx)
                tx.audit(Event.TARGET_WITHDRAWN, path=path, reason=reason, operator=operator)
            query = sa.select(_C.id, _C.name, _C.state, _C.targets).where(_C.ended.is_(None))
            rows: Any = tx.execute(query.order_by(_C.created, _C.name)).all()
        return [
            {"id": bytes(id).hex(), "name": name, "state": state}
            for id, name, state, targets in rows
            if path in json.loads(targets)
        ]

    def documents(self) -> list[dict[str, Any]]:
        """The targets that may be directed to."""
        with self._database.read() as tx:
            query = sa.select(_K.path, _K.length, _K.sha256, _K.custom).where(_K.gone == 0)
            rows: Any = tx.execute(query.order_by(_K.path)).all()
        return [
            {"path": path, "length": length, "sha256": sha256, "custom": json.loads(custom)}
            for path, length, sha256, custom in rows
        ]


class _Following:
    """One walk through a repository. Nothing is kept before all of it holds."""

    def __init__(self, fetch: Fetch, seen: Mapping[str, bytes], now: int) -> None:
        self._fetch, self._seen = fetch, dict(seen)
        self._now = datetime.fromtimestamp(unix_from_time32(now), UTC)
        self.documents: dict[str, tuple[int, bytes]] = {}
        self._roles: dict[str, Targets] = {}

    def follow(self, trusted: bytes) -> None:
        root = self._follow_root(trusted)
        timestamp = self._read("timestamp", "timestamp.json", Timestamp, root)
        self.snapshot = self._read(
            "snapshot", f"{timestamp.snapshot_meta.version}.snapshot.json", Snapshot, root,
            timestamp.snapshot_meta.version,
        )  # fmt: skip
        self._require_no_older_targets()
        self._load("targets", root)

    def targets(self) -> Iterator[tuple[str, TargetFile]]:
        """Each target that a client would find, by its path."""
        for path in sorted({path for role in self._roles.values() for path in role.targets}):
            found, _ = self._find(path, "targets", set())
            if found is not None:
                yield path, found

    def _follow_root(self, trusted: bytes) -> Root:
        """TUF 5.3: one version after the other, each signed as the one before asks and as it asks itself."""
        octets, metadata = trusted, self._parse("root", trusted, Root)
        first = metadata.signed
        self._verify(first, "root", metadata)
        for _ in range(_MOST_ROOTS):
            following = self._fetch(f"{metadata.signed.version + 1}.root.json")
            if following is None:
                break
            newer = self._parse("root", following, Root)
            self._verify(metadata.signed, "root", newer)
            self._verify(newer.signed, "root", newer)
            if newer.signed.version != metadata.signed.version + 1:
                raise InvalidList(
                    f"root {newer.signed.version} after {metadata.signed.version}", rule="version"
                )
            octets, metadata = following, newer
        self._require_current("root", metadata.signed)
        if any(metadata.signed.roles[role].keyids != first.roles[role].keyids for role in _ONLINE):
            # TUF 5.3.11: who had the old keys may have put the versions far ahead
            self._seen.clear()
        self.documents["root"] = metadata.signed.version, octets
        return metadata.signed

    def _read(self, role: str, name: str, kind: type[T], by: Root | Targets, version: int | None = None) -> T:
        octets = self._fetch(name)
        if octets is None:
            raise InvalidList(f"{name} is not there", rule="missing")
        metadata = self._parse(role, octets, kind)
        self._verify(by, role, metadata)
        signed: T = metadata.signed
        if version is not None and signed.version != version:
            raise InvalidList(f"{name} is of version {signed.version}", rule="version")
        if (before := self._before(role, kind)) is not None and signed.version < before.version:
            raise InvalidList(f"{role} {signed.version} is older than {before.version}", rule="rollback")
        self._require_current(role, signed)
        self.documents[role] = signed.version, octets
        return signed

    def _load(self, role: str, by: Root | Targets) -> None:
        if role in self._roles:
            return
        if len(self._roles) >= _MOST_ROLES:
            raise InvalidList(f"more than {_MOST_ROLES} targets roles", rule="size")
        meta = self.snapshot.meta.get(f"{role}.json")
        if meta is None:
            raise InvalidList(f"the snapshot does not name {role}", rule="missing")
        found = self._read(role, f"{meta.version}.{role}.json", Targets, by, meta.version)
        self._roles[role] = found
        if found.delegations is not None:
            if found.delegations.roles is None:
                raise InvalidList(f"{role} delegates to hash bins, which this Director does not follow",
                                  rule="delegation")  # fmt: skip
            for name in found.delegations.roles:
                self._load(name, found)

    def _find(self, path: str, role: str, been: set[str]) -> tuple[TargetFile | None, bool]:
        """The target of a path as a role has it, and whether the search ends there."""
        if role in been:
            return None, False
        been.add(role)
        here = self._roles[role]
        if path in here.targets:
            return here.targets[path], True
        for name, delegated in ((here.delegations and here.delegations.roles) or {}).items():
            if not delegated.is_delegated_path(path):
                continue
            found, ended = self._find(path, name, been)
            if found is not None or ended or delegated.terminating:
                return found, True
        return None, False

    def _require_no_older_targets(self) -> None:
        """TUF 5.5.5: no role's version sinks, and none leaves the snapshot."""
        before = self._before("snapshot", Snapshot)
        for name, meta in before.meta.items() if before else ():
            now = self.snapshot.meta.get(name)
            if now is None or now.version < meta.version:
                raise InvalidList(f"the snapshot has {name} older than before, or no more", rule="rollback")

    def _before(self, role: str, kind: type[T]) -> T | None:
        octets = self._seen.get(role)
        return None if octets is None else self._parse(role, octets, kind).signed

    def _require_current(self, role: str, signed: Root | Timestamp | Snapshot | Targets) -> None:
        if signed.is_expired(self._now):
            raise InvalidList(f"{role} {signed.version} has expired", rule="expired")

    @staticmethod
    def _parse(role: str, octets: bytes, kind: type[T]) -> Metadata[T]:
        try:
            metadata: Metadata[Any] = Metadata.from_bytes(octets)
        except (DeserializationError, ValueError) as error:
            raise InvalidList(f"{role} is no metadata: {error}", rule="decode") from error
        if not isinstance(metadata.signed, kind):
            raise InvalidList(f"{role} is metadata of {metadata.signed.type}", rule="kind")
        return metadata

    @staticmethod
    def _verify(by: Root | Targets, role: str, metadata: Metadata[Any]) -> None:
        try:
            by.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except (RepositoryError, ValueError) as error:
            raise InvalidList(f"{role} {metadata.signed.version}: {error}", rule="signature") from error


def _tx_seen(tx: Transaction) -> dict[str, bytes]:
    """Role -> the newest document that was followed."""
    rows: Any = tx.execute(sa.select(_F.role, _F.octets)).all()
    return dict(rows)


def _tx_keep(tx: Transaction, targets: Mapping[str, TargetFile]) -> tuple[int, bool, int]:
    """Write what the targets are now: how many are gone since, whether anything changed, how many are
    strange."""
    rows = {}
    withdrawn = set(tx.execute(sa.select(_W.path)).scalars())
    for path, target in targets.items():
        row = _row(path, target)
        if row is not None:
            rows[path] = row | {"gone": int(path in withdrawn)}
    standing = {
        row["path"]: dict(row) for row in tx.execute(sa.select(table_of(store.KnownTarget))).mappings()
    }
    changed = False
    for path, row in rows.items():
        if path not in standing:
            tx.insert(store.KnownTarget, **row)
        elif standing[path] != row:
            tx.execute(sa.update(table_of(store.KnownTarget)).where(_K.path == path).values(row))
        else:
            continue
        changed = True
    gone = [path for path, row in standing.items() if path not in rows and not row["gone"]]
    for path in gone:
        tx.execute(sa.update(table_of(store.KnownTarget)).where(_K.path == path).values(gone=1))
    return len(gone), changed or bool(gone), len(targets) - len(rows)


def _row(path: str, target: TargetFile) -> dict[str, Any] | None:
    custom: Any = target.unrecognized_fields.get("custom")
    sha256 = target.hashes.get("sha256", "")
    try:
        ImageFields.parse(custom)
    except DecodeError:
        return None
    if not SHA256.fullmatch(sha256):
        return None
    return {
        "path": path,
        "length": target.length,
        "sha256": sha256,
        "hashes": as_json(canonical(target.hashes)).decode(),
        "custom": as_json(canonical(custom)).decode(),
    }


def _tx_remember(tx: Transaction, documents: Mapping[str, tuple[int, bytes]]) -> None:
    tx.execute(sa.delete(table_of(store.FollowedRole)))
    tx.insert_many(
        store.FollowedRole,
        [
            {"role": role, "version": version, "octets": octets}
            for role, (version, octets) in documents.items()
        ],
    )
